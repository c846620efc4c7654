"""A text that is longer than a column equals no row of it; asked for, Tortoise would call that a mistake of ours."""

from typing import TypeVar

from tortoise.models import Model
from tortoise.queryset import QuerySet

M = TypeVar("M", bound=Model)


def equal(query: QuerySet[M], **texts: str) -> QuerySet[M]:
    """The rows whose columns are these texts; none where a text is longer than its column."""
    if all(_fits(query.model, *one) for one in texts.items()):
        return query.filter(**texts)
    return query.filter(**{f"{query.model._meta.pk_attr}__isnull": True})


def _fits(model: type[Model], column: str, text: str) -> bool:
    longest: int = getattr(model._meta.fields_map[column], "max_length")  # noqa: B009 - only text has it
    return len(text) <= longest
