"""What types, fields, arguments and values mean, where the code beside them does not say it: descriptions/*.toml.

A table is a type; its key "" is the type itself, `field` a field, an input field or an enum's value, `"field.argument"`
an argument. What is the same everywhere is in common.toml, by name. The domain's own tables say what accounts and kinds
of finding are. A description in the code wins; one in both places, or of nothing that there is, fails a test.
"""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
)

from domain.books import chart
from domain.findings import kinds
from domain.findings.kinds import FindingKind
from domain.models.ledger import Account
from domain.periods.preview import Obstacle

_HERE: Final = Path(__file__).parent / "descriptions"
_COMMON: Final = "common"
_PAYLOAD: Final = "Payload"
_ERROR: Final = "Error"
# Values that a table of the domain explains already, in four languages.
_EXPLAINED: Final[Mapping[str, Callable[[str], str]]] = {
    "LedgerAccount": lambda name: chart.chart()[Account(name)].in_words("en"),
    "FindingKind": lambda name: kinds.known(FindingKind(name)).because["en"],
    "PeriodObstacle": lambda name: Obstacle(name).in_words("en"),
}


@dataclass(frozen=True, slots=True)
class Describable:
    """Something of a schema that can have a description: `place` is Type, Type.field or Type.field.argument."""

    place: str
    thing: Any


@cache
def written() -> Mapping[str, Mapping[str, str]]:
    """The tables of all files but the common one, by type."""
    tables: dict[str, dict[str, str]] = {}
    for path in sorted(_HERE.glob("*.toml")):
        if path.stem != _COMMON:
            for type_, rows in _read(path).items():
                tables.setdefault(type_, {}).update(rows)
    return tables


@cache
def common() -> Mapping[str, Mapping[str, str]]:
    """By kind of place (`fields`, `inputs`, `payloads`, `arguments`, `unions`) and name."""
    return _read(_HERE / f"{_COMMON}.toml")


def _read(path: Path) -> Mapping[str, Mapping[str, str]]:
    with path.open("rb") as file:
        return tomllib.load(file)


def describe(schema: GraphQLSchema) -> None:
    """Give a description to whatever of the schema has none and is written of."""
    for type_ in types_of(schema):
        for told in places_of(type_):
            if not told.thing.description:
                told.thing.description = _found(schema, type_, told)


def types_of(schema: GraphQLSchema) -> Iterator[GraphQLNamedType]:
    """All but those of introspection, in the order of their names."""
    return (type_ for name, type_ in sorted(schema.type_map.items()) if not name.startswith("__"))


def places_of(type_: GraphQLNamedType) -> Iterator[Describable]:
    """The type and all in it that can have a description."""
    yield Describable(type_.name, type_)
    if isinstance(type_, GraphQLEnumType):
        yield from (Describable(f"{type_.name}.{name}", value) for name, value in type_.values.items())
    if isinstance(type_, GraphQLInputObjectType):
        yield from (Describable(f"{type_.name}.{name}", field) for name, field in type_.fields.items())
    if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
        for name, field in type_.fields.items():
            yield Describable(f"{type_.name}.{name}", field)
            yield from (Describable(f"{type_.name}.{name}.{given}", one) for given, one in field.args.items())


def _found(schema: GraphQLSchema, type_: GraphQLNamedType, told: Describable) -> str | None:
    name = name_within(type_, told)
    return (
        written().get(type_.name, {}).get(name)
        or _of_values(type_, name)
        or _of_interface(type_, name)
        or _of_kind(type_, name)
        or _of_argument(told.thing, name)
    )


def name_within(type_: GraphQLNamedType, told: Describable) -> str:
    """What it is called in the table of its type."""
    return told.place.removeprefix(type_.name).removeprefix(".")


def _of_values(type_: GraphQLNamedType, name: str) -> str | None:
    explain = _EXPLAINED.get(type_.name)
    return explain(name) if explain is not None and name else None


def _of_interface(type_: GraphQLNamedType, name: str) -> str | None:
    """A field means what it means in the interface that asks for it."""
    for interface in getattr(type_, "interfaces", ()):
        field: GraphQLField | None = interface.fields.get(name)
        said = (field and field.description) or written().get(interface.name, {}).get(name)
        if said:
            return said
    return None


def _of_kind(type_: GraphQLNamedType, name: str) -> str | None:
    if isinstance(type_, GraphQLUnionType):
        return common()["unions"]["errors"] if type_.name.endswith(_ERROR) else None
    if isinstance(type_, GraphQLInputObjectType):
        return common()["inputs"].get(name)
    payload = common()["payloads"].get(name) if type_.name.endswith(_PAYLOAD) else None
    return payload or common()["fields"].get(name)


def _of_argument(thing: Any, name: str) -> str | None:
    """An argument `input` is what its type says; the others are the same everywhere."""
    argument = name.rpartition(".")[2] if "." in name else ""
    if argument == "input":
        named = get_named_type(thing.type)
        return named.description or written().get(named.name, {}).get("")
    return common()["arguments"].get(argument)
