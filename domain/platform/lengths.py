"""A text that is longer than a column equals no row of it; asked for, Tortoise would call that a mistake of ours."""

from typing import Any

from tortoise.models import Model
from tortoise.queryset import QuerySet


def equal(query: QuerySet[Any], **texts: str) -> QuerySet[Any]:
    """The rows whose columns are these texts; none where a text is longer than its column."""
    if all(_fits(query.model, *one) for one in texts.items()):
        return query.filter(**texts)
    return query.filter(**{f"{query.model._meta.pk_attr}__isnull": True})


def _fits(model: type[Model], column: str, text: str) -> bool:
    longest: int = getattr(model._meta.fields_map[column], "max_length")  # noqa: B009 - only text has it
    return len(text) <= longest
