"""Relay connections with keyset cursors: rows that come in between two pages are neither skipped nor repeated."""

import asyncio
import base64
import binascii
import struct
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

import strawberry
from strawberry.relay import PageInfo
from tortoise.expressions import Q
from tortoise.models import Model
from tortoise.queryset import QuerySet

from domain.platform.counted import COUNTED_MAX, counted
from domain.problems import InvalidInput

T = TypeVar("T")
R = TypeVar("R", bound=Model)

PAGE_MAX: Final = 100
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_UUID: Final = struct.Struct(">cq16s")
_INTEGER: Final = struct.Struct(">cqq")


@strawberry.type(description="One of a page, with the cursor behind it.")
class Edge(Generic[T]):
    node: T = strawberry.field(description="The row itself.")
    cursor: str = strawberry.field(description="Opaque. Pass it as `after` to go on behind this node.")


class Counting:
    """How many rows a list has whatever the page, counted once, and only when it is asked for."""

    def __init__(self, count: Callable[[], Awaitable[int | None]]) -> None:
        self._count = count
        self._once = asyncio.Lock()
        self._is_known = False
        self._found: int | None = None

    @classmethod
    def of(cls, query: QuerySet[Any]) -> "Counting":
        """Of the rows that a query finds."""
        return cls(partial(counted, query))

    @classmethod
    def known(cls, found: int) -> "Counting":
        """Of rows that are known already."""

        async def told() -> int:
            return found

        return cls(told)

    async def count(self) -> int | None:
        """Up to COUNTED_MAX, and one more where there are more; None: it would take too long to say."""
        async with self._once:
            if not self._is_known:
                self._found = await self._count()
                self._is_known = True
        return self._found


@strawberry.type(description="A page of a longer list.")
class Connection(Generic[T]):
    edges: list[Edge[T]] = strawberry.field(description="The rows of this page in their order, each with its cursor.")
    page_info: PageInfo = strawberry.field(description="Whether there are more, and the cursor to go on behind.")
    total: strawberry.Private[Counting]

    @strawberry.field(description="The rows of this page in their order, without their cursors.")
    def nodes(self) -> list[T]:
        return [edge.node for edge in self.edges]

    @strawberry.field(
        description=f"How many rows the list has, whatever the page: counted up to {COUNTED_MAX:,}, see "
        "`totalCountExceeded`. It is counted only when it is asked for. Null: `nights` of so many connections and "
        "days that more than 20,000 would have to be looked at."
    )
    async def total_count(self) -> int | None:
        found = await self.total.count()
        return min(found, COUNTED_MAX) if found is not None else None

    @strawberry.field(
        description=f"True: there are more than {COUNTED_MAX:,} rows, and `totalCount` is {COUNTED_MAX:,}: show `more "
        f"than {COUNTED_MAX:,}`."
    )
    async def total_count_exceeded(self) -> bool | None:
        found = await self.total.count()
        return found > COUNTED_MAX if found is not None else None


@dataclass(frozen=True, slots=True)
class Position:
    """A row's place in the order: the moment first, then the id of those of the same moment."""

    moment: datetime
    id: UUID | int

    def cursor(self) -> str:
        """Opaque to clients: version, microseconds since 1970 and the id, in URL-safe base64."""
        micros = (self.moment - _EPOCH) // _MICROSECOND
        if isinstance(self.id, UUID):
            packed = _UUID.pack(b"u", micros, self.id.bytes)
        else:
            packed = _INTEGER.pack(b"i", micros, self.id)
        return base64.urlsafe_b64encode(packed).rstrip(b"=").decode("ascii")


def position_of(cursor: str, path: str = "after") -> Position:
    """What a cursor stands for. Raises InvalidInput when it is not one of ours."""
    try:
        packed = base64.b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        if packed[:1] == b"u":
            _, micros, raw = _UUID.unpack(packed)
            found = Position(_EPOCH + micros * _MICROSECOND, UUID(bytes=raw))
        else:
            kind, micros, number = _INTEGER.unpack(packed)
            found = Position(_EPOCH + micros * _MICROSECOND, number)
            if kind != b"i":
                raise ValueError(kind)
    except (ValueError, OverflowError, struct.error, binascii.Error, UnicodeEncodeError):
        raise InvalidInput(
            f"`{path}` is not a cursor of this list; cursors are opaque, send one exactly as the API gave it.",
            path=[path],
        ) from None
    return found


def bounded(first: int) -> int:
    """A list's `first`, which lies between 1 and 100. Raises InvalidInput."""
    if not 1 <= first <= PAGE_MAX:
        raise InvalidInput(f"`first` lies between 1 and {PAGE_MAX}.", path=["first"])
    return first


async def page(
    query: QuerySet[R],
    first: int,
    after: str | None,
    to_node: Callable[[R], T],
    *,
    moment: str = "created_at",
    newest_first: bool = True,
) -> Connection[T]:
    """The `first` (1-100) rows of `query` behind the cursor `after`, by (`moment`, id), newest first unless told.

    One row more than asked for is read, so `hasNextPage` is known without counting. Raises InvalidInput.
    """
    bounded(first)
    total = Counting.of(query)
    if after is not None:
        query = query.filter(_behind(_checked(query, position_of(after)), moment, newest_first))
    sign = "-" if newest_first else ""
    rows = await query.order_by(f"{sign}{moment}", f"{sign}id").limit(first + 1)
    edges = [Edge(node=to_node(row), cursor=_cursor(row, moment)) for row in rows[:first]]
    shown = page_info(edges, after, has_next=len(rows) > first)
    return Connection(edges=edges, page_info=shown, total=total)


def _cursor(row: Model, moment: str) -> str:
    return Position(getattr(row, moment), row.pk).cursor()


def _checked(query: QuerySet[R], position: Position) -> Position:
    """A cursor of a list with another kind of id would reach the database as a type error."""
    if query.model._meta.pk.field_type is not type(position.id):
        raise InvalidInput("`after` is a cursor of another list.", path=["after"])
    return position


def _behind(position: Position, moment: str, newest_first: bool) -> Q:
    """The rows behind a position. The first condition is implied by the others: it lets the index find the place."""
    side = "lt" if newest_first else "gt"
    within: dict[str, Any] = {f"{moment}__{side}e": position.moment}
    other_moment: dict[str, Any] = {f"{moment}__{side}": position.moment}
    same_moment: dict[str, Any] = {f"id__{side}": position.id}
    return Q(**within) & (Q(**other_moment) | Q(**same_moment))


def page_info(edges: Sequence[Edge[Any]], after: str | None, *, has_next: bool) -> PageInfo:
    """Where the page lies in its list."""
    return PageInfo(
        has_next_page=has_next,
        has_previous_page=after is not None,
        start_cursor=edges[0].cursor if edges else None,
        end_cursor=edges[-1].cursor if edges else None,
    )
