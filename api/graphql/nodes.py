"""Fetching nodes by id, always within the caller's merchant: an id opens nothing by itself."""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar
from uuid import UUID

from strawberry import relay
from tortoise.queryset import QuerySet

from domain.access.principal import Principal
from domain.problems import InvalidInput, NotFound


class Scoped:
    """Beside `relay.Node`: the rows that the caller may see; `readable` is the domain's."""

    readable: ClassVar[Callable[[Principal], QuerySet[Any]]]

    @classmethod
    def of(cls, row: Any) -> Any:
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
    try:
        is_node = issubclass(node_id.resolve_type(info), Scoped)
    except (ValueError, TypeError):
        is_node = False
    if not is_node:
        raise InvalidInput("This is not the id of an object; send one exactly as the API gave it.", path=["id"])
    return await node_id.resolve_node(info)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
