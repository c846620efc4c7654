"""Several models of one statement: their columns under a prefix each, and the models from its row."""

from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

from tortoise.models import Model

M = TypeVar("M", bound=Model)


@cache
def columns(model: type[Model], alias: str) -> str:
    """All columns of a table that is joined as `alias`, for a SELECT list. Once Tortoise is initialised."""
    return ", ".join(f'{alias}."{name}" AS {alias}_{name}' for name in _names(model))


def model_of(model: type[M], row: Mapping[str, Any], alias: str) -> M:
    """The model of the columns that `columns(model, alias)` has read."""
    return model._init_from_db(**{name: row[f"{alias}_{name}"] for name in _names(model)})


@cache
def _names(model: type[Model]) -> tuple[str, ...]:
    return tuple(model._meta.fields_db_projection.values())
