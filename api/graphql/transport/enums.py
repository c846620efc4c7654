"""Enums of the domain as the schema shows them, with a description for each value."""

from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeVar

import strawberry

E = TypeVar("E", bound=Enum)


def described(kind: type[E], name: str, description: str, values: Mapping[E, str]) -> type[E]:
    """The enum under a name, each of its values with what it means."""
    made: Any = strawberry.enum(kind, name=name, description=description)
    for value in made.__strawberry_definition__.values:
        value.description = values[kind[value.name]]
    return kind
