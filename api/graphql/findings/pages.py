"""Pages of findings in an order that somebody chose: keyset cursors over what is sorted by, and the id."""

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from strawberry.relay import PageInfo
from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from api.graphql.findings.types import Finding
from api.graphql.transport.enums import described
from api.graphql.transport.paging import Connection, Counting, Edge, bounded, page
from domain.models import Finding as Row
from domain.problems import InvalidInput


class Order(StrEnum):
    """What comes first."""

    NEWEST = "NEWEST"
    OLDEST = "OLDEST"
    DUE = "DUE"
    GRAVEST = "GRAVEST"
    LARGEST = "LARGEST"


OrderEnum = described(
    Order,
    "FindingOrder",
    "What comes first.",
    {
        Order.NEWEST: "What was found last.",
        Order.OLDEST: "What was found first.",
        Order.DUE: "What is due first.",
        Order.GRAVEST: "What weighs most; of those, what was found first.",
        Order.LARGEST: "What most is at stake of, in minor units: say of which currency.",
    },
)
_BY: Final[Mapping[Order, tuple[str, ...]]] = {
    Order.DUE: ("due_at", "id"),
    Order.GRAVEST: ("-severity", "created_at", "id"),
    Order.LARGEST: ("-amount", "-id"),
}


async def ordered(query: QuerySet[Row], order: Order, first: int, after: str | None) -> Connection[Finding]:
    """The `first` (1-100) findings of `query` behind the cursor `after`, in that order. Raises InvalidInput."""
    if order not in _BY:
        return await page(query, first, after, Finding.of, newest_first=order is Order.NEWEST)
    bounded(first)
    by = _BY[order]
    if order is Order.DUE:
        query = query.filter(due_at__isnull=False)
    total = Counting.of(query)
    if after is not None:
        query = query.filter(_behind(by, _values(order, after)))
    rows = await query.order_by(*by).limit(first + 1)
    edges = [Edge(node=Finding.of(row), cursor=_cursor(order, row)) for row in rows[:first]]
    info = PageInfo(
        has_next_page=len(rows) > first,
        has_previous_page=after is not None,
        start_cursor=edges[0].cursor if edges else None,
        end_cursor=edges[-1].cursor if edges else None,
    )
    return Connection(edges=edges, page_info=info, total=total)


def _behind(by: tuple[str, ...], values: list[Any]) -> Q:
    """Rows that come later: equal in all before one field, and behind in that one. The first bound is implied by it."""
    found = Q()
    same: dict[str, Any] = {}
    for name, value in zip(by, values, strict=True):
        field, side = name.lstrip("-"), "lt" if name.startswith("-") else "gt"
        later: dict[str, Any] = {**same, f"{field}__{side}": value}
        found |= Q(**later)
        same[field] = value
    head = by[0]
    bound: dict[str, Any] = {f"{head.lstrip('-')}__{'lte' if head.startswith('-') else 'gte'}": values[0]}
    return Q(**bound) & found


def _cursor(order: Order, row: Row) -> str:
    values = [getattr(row, name.lstrip("-")) for name in _BY[order]]
    told = json.dumps([order.value, *values], default=str).encode()
    return base64.urlsafe_b64encode(told).rstrip(b"=").decode("ascii")


def _values(order: Order, cursor: str) -> list[Any]:
    """What a cursor of this order stands for. Raises InvalidInput."""
    try:
        told = json.loads(base64.b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), b"-_", validate=True))
        name, *values = told
        if name != order.value:
            raise ValueError(name)
        return [_value(field.lstrip("-"), value) for field, value in zip(_BY[order], values, strict=True)]
    except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error, UnicodeEncodeError):
        raise InvalidInput(
            "`after` is not a cursor of this list in this order; send one exactly as the API gave it.", path=["after"]
        ) from None


def _value(field: str, value: Any) -> Any:
    if field in ("due_at", "created_at"):
        return datetime.fromisoformat(value).astimezone(UTC)
    if field == "id":
        return UUID(str(value))
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise ValueError(value)
    return min(value, 2**15 - 1) if field == "severity" else value
