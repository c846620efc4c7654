"""A text that is longer than a column equals no row of it; asked for, Tortoise would call that a mistake of ours."""

from typing import TypeVar

from tortoise.models import Model
from tortoise.queryset import QuerySet

M = TypeVar("M", bound=Model)


def equal(query: QuerySet[M], **texts: str) -> QuerySet[M]:
    """The rows whose columns are these texts; none where a text is longer than its column."""
    if all(fits(query.model, *one) for one in texts.items()):
        return query.filter(**texts)
    return query.filter(**{f"{query.model._meta.pk_attr}__isnull": True})


def fits(model: type[Model], column: str, text: str) -> bool:
    """Whether a column can hold the text; `payment__name`: the column of a row that the model's leads to."""
    *ways, column = column.split("__")
    for way in ways:
        model = getattr(model._meta.fields_map[way], "related_model")  # noqa: B009 - only a relation has it
    longest: int = getattr(model._meta.fields_map[column], "max_length")  # noqa: B009 - only text has it
    return len(text) <= longest
