"""Fetching nodes by id, always within the caller's merchant: an id opens nothing by itself."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar
from uuid import UUID

from strawberry import relay
from tortoise.queryset import QuerySet

from api.graphql.transport.paging import PAGE_MAX
from domain.access.principal import Principal
from domain.problems import InvalidInput, NotFound


class Scoped:
    """Beside `relay.Node`: the rows that the caller may see; `readable` is the domain's."""

    readable: ClassVar[Callable[[Principal], QuerySet[Any]]]

    @classmethod
    def of(cls, row: Any) -> Any:
        """The type as it is told, made of a row. Each type has its own; this one raises TypeError."""
        raise TypeError(f"{cls.__name__} does not say what a row looks like.")

    @classmethod
    async def resolve_nodes(cls, *, info: Any, node_ids: Iterable[str], required: bool = False) -> Any:
        """One node per id, null for those that are not there, malformed, or another merchant's."""
        principal = info.context.principal
        wanted = [_uuid(node_id) for node_id in node_ids]
        try:
            rows = await cls.readable(principal).filter(id__in=[one for one in wanted if one])
        except NotFound:  # to a customer there is nothing of this kind
            rows = []
        found = {row.pk: cls.of(row) for row in rows}
        return [found.get(one) for one in wanted]


async def resolve(info: Any, node_id: relay.GlobalID) -> relay.Node | None:
    """The node of a global id. Raises InvalidInput when its type is none of those that have nodes."""
    _type_of(info, node_id, "id")
    return await node_id.resolve_node(info)


async def resolve_all(info: Any, node_ids: Sequence[relay.GlobalID]) -> list[relay.Node | None]:
    """The nodes of global ids, in their order; null for each that there is none of. Raises InvalidInput."""
    if len(node_ids) > PAGE_MAX:
        raise InvalidInput(f"ids takes at most {PAGE_MAX} ids.", path=["ids"])
    wanted: dict[type[Scoped], list[str]] = {}
    for one in node_ids:
        wanted.setdefault(_type_of(info, one, "ids"), []).append(one.node_id)
    found: dict[tuple[type[Scoped], str], relay.Node | None] = {}
    for type_, keys in wanted.items():
        rows = await type_.resolve_nodes(info=info, node_ids=keys)
        found |= {(type_, key): row for key, row in zip(keys, rows, strict=True)}
    return [found[_type_of(info, one, "ids"), one.node_id] for one in node_ids]


def _type_of(info: Any, node_id: relay.GlobalID, path: str) -> type[Scoped]:
    """The type that the id is of. Raises InvalidInput when it is none of those that have nodes."""
    try:
        found = node_id.resolve_type(info)
        if issubclass(found, Scoped):
            return found
    except (ValueError, TypeError):
        pass
    raise InvalidInput("This is not the id of an object; send one exactly as the API gave it.", path=[path])


def type_named(info: Any, name: str) -> type[Scoped]:
    """The type of that name in the schema, for a type that it imports itself."""
    found: type[Scoped] = info.schema.get_type_by_name(name).origin
    return found


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
