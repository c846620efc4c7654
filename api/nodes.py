"""Fetching nodes by id, always within the caller's merchant: an id opens nothing by itself."""

from collections.abc import Iterable
from typing import Any, ClassVar
from uuid import UUID

from tortoise.models import Model

from api.access import require
from domain.access import Permission


class Scoped:
    """Beside `relay.Node`: the rows of `model` that belong to the caller's merchant, for those who may see them."""

    model: ClassVar[type[Model]]
    permission: ClassVar[Permission]

    @classmethod
    def of(cls, row: Any) -> Any:
        raise TypeError(f"{cls.__name__} does not say what a row looks like.")

    @classmethod
    async def resolve_nodes(cls, *, info: Any, node_ids: Iterable[str], required: bool = False) -> Any:
        """One node per id, null for those that are not there, malformed, or another merchant's."""
        merchant_id = require(info, cls.permission).merchant_id
        wanted = [_uuid(node_id) for node_id in node_ids]
        rows = await cls.model.filter(id__in=[one for one in wanted if one], merchant_id=merchant_id)
        found = {row.pk: cls.of(row) for row in rows}
        return [found.get(one) for one in wanted]


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
