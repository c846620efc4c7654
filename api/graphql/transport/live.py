"""Live subscriptions that share: one execution and one encoding for all who see the same.

A field opts in with `metadata=LIVE` and gives a `Followed`. Each follower catches up by itself. From then on those with
the same document, variables, operation and scope of access are told what was rendered once, byte for byte; only
`extensions` are each handshake's own. An error that nobody foresaw is never shared: then each executes for itself.
"""

import asyncio
import json
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Mapping, Sequence
from contextlib import aclosing
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from api.graphql.transport.feeds import Feed, Room
from api.graphql.transport.follow import CaughtUp, Change, Item, Wakes, follow
from api.places import HeldPlace

K = TypeVar("K", bound=Hashable)
E = TypeVar("E")
LIVE: Final[Mapping[object, str]] = {"live": "shared"}
WAITING_BYTES_MAX: Final = 262_144  # for one follower who does not read
_AT_ONCE: Final = 64  # followers who are told before anything else has its turn
_ITEM_BYTES: Final = 1_024  # what one counts that is not rendered yet
_SOON_SECONDS: Final = 0.05
encoded: Final = json.JSONEncoder(separators=(",", ":")).encode  # as Strawberry writes JSON


@dataclass(frozen=True, slots=True)
class Rendered:
    """A result without its `extensions`: the members `data` and, where there are, `errors`, as JSON, for all."""

    json: bytes

    def text(self, extensions: Mapping[str, Any]) -> str:
        """The whole result."""
        return f'{{{self.json.decode()},"extensions":{encoded(extensions)}}}'

    @classmethod
    def of(cls, data: Any, errors: list[Any]) -> "Rendered":
        """Encode a result."""
        said = f',"errors":{encoded(errors)}' if errors else ""
        return cls(f'"data":{encoded(data)}{said}'.encode())


# Where a subscription's transport takes what is rendered at once; None: it waits until the transport asks for it.
Outlet = Callable[[Rendered], None]
outlet: ContextVar[Outlet | None] = ContextVar("outlet", default=None)


class TooSlow(Exception):
    """A follower does not read what it is told."""


class Followed(AsyncGenerator[Any, None], Generic[K, E]):
    """What a subscription follows: a key of a feed behind `after`, and the object that each item is shown as.

    `scope` is all that a result may depend on beside the item: the access of whoever asks, without the person. Those of
    the same scope are shown one result, which is made with the context `shared`. `owner` is whom the key belongs to for
    life, where that was proven. `ended`: the row at `after` is terminal. Where it is read as an ordinary generator it
    is followed alone.
    """

    def __init__(
        self,
        feed: Feed[K, E],
        key: K,
        after: int,
        *,
        shown: Callable[[Item[E]], Any],
        scope: Hashable,
        shared: Any,
        owner: Hashable = None,
        ended: bool = False,
    ) -> None:
        self.feed = feed
        self.key = key
        self.after = after
        self.shown = shown
        self.scope = scope
        self.shared = shared
        self.owner = owner
        self.ended = ended
        self._alone: AsyncGenerator[Any, None] | None = None

    def enter(self) -> Room[K]:
        """The room of what is followed. The feed is told when it is left."""
        room = self.feed.enter(self.key)
        room.owner = self.owner or room.owner
        return room

    def items(self, room: Room[K]) -> AsyncGenerator[Item[E], None]:
        """Its items as one reads them for itself who will go on with the others in the room."""
        reached = self.after

        async def read(after: int) -> Sequence[E]:
            nonlocal reached
            reached = after
            return await self.feed.read(self.key, after)

        return self._follow(read, _Pause(lambda: not room.is_behind(reached)))

    def _follow(self, read: Callable[[int], Awaitable[Sequence[E]]], wakes: Wakes) -> AsyncGenerator[Item[E], None]:
        kind = self.feed.kind
        return follow(
            read,
            self.after,
            position=kind.position,
            wakes=wakes,
            poll_seconds=kind.poll_seconds,
            heartbeat_seconds=kind.heartbeat_seconds,
            is_terminal=kind.is_terminal,
            ended=self.ended,
        )

    async def _shown(self) -> AsyncGenerator[Any, None]:
        items = self._follow(lambda after: self.feed.read(self.key, after), self.feed.listen(self.key))
        async with aclosing(items):
            async for item in items:
                yield self.shown(item)

    async def asend(self, value: None) -> Any:
        self._alone = self._alone or self._shown()
        return await self._alone.asend(value)

    async def athrow(self, *error: Any) -> Any:
        self._alone = self._alone or self._shown()
        return await self._alone.athrow(*error)

    async def aclose(self) -> None:
        if self._alone is not None:
            await self._alone.aclose()


class _Pause:
    """Nobody wakes one who catches up; where others are ahead there is something to read."""

    def __init__(self, others_are_ahead: Callable[[], bool]) -> None:
        self._others_are_ahead = others_are_ahead

    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, _SOON_SECONDS) if self._others_are_ahead() else seconds)

    def close(self) -> None:
        """Nothing is held."""


class Member:
    """One follower who goes on with the others, behind `position`."""

    __slots__ = ("_error", "_outlet", "_over", "_parked", "_size", "_waiting", "position")

    def __init__(self, position: int) -> None:
        self.position = position
        self._outlet = outlet.get()
        self._waiting: deque[Rendered | Item[Any]] = deque()
        self._size = 0
        self._parked: asyncio.Future[None] | None = None
        self._over = False
        self._error: Exception | None = None

    def take(self, told: Rendered | Item[Any]) -> None:
        """What all are told: sent at once where nothing else is on its way, else kept, within bounds."""
        if self._over:
            return
        if self._outlet is not None and isinstance(told, Rendered) and self._is_parked():
            self._outlet(told)
            return
        self._size += _size(told)
        if self._size > WAITING_BYTES_MAX:
            self._waiting.clear()
            self.end(TooSlow())
            return
        self._waiting.append(told)
        self._wake()

    def end(self, error: Exception | None) -> None:
        """Nothing more comes; `error` is raised to who reads."""
        self._over, self._error = True, error
        self._wake()

    async def next(self) -> Rendered | Item[Any] | None:
        """What comes next that was not sent at once; None at the end. Raises what ended it."""
        while not self._waiting:
            if self._error is not None:
                raise self._error
            if self._over:
                return None
            self._parked = asyncio.get_running_loop().create_future()
            await self._parked
        told = self._waiting.popleft()
        self._size -= _size(told)
        return told

    def _is_parked(self) -> bool:
        return self._parked is not None and not self._parked.done()

    def _wake(self) -> None:
        if self._parked is not None and not self._parked.done():
            self._parked.set_result(None)


def _size(told: Rendered | Item[Any]) -> int:
    return len(told.json) if isinstance(told, Rendered) else _ITEM_BYTES


Render = Callable[[Item[Any]], Awaitable[Rendered | None]]


class SeeingAlike:
    """Those in a room who see the same. `render` gives None for what each must execute for itself."""

    __slots__ = ("_caught_up", "_held", "_render", "inside", "members")

    def __init__(self, render: Render, held: HeldPlace) -> None:
        self._render = render
        self._held = held
        self.members: dict[Member, None] = {}
        self.inside = 0  # also those who still catch up
        self._caught_up: tuple[CaughtUp, Rendered | None] | None = None  # the last one that was rendered

    async def caught_up(self, item: CaughtUp) -> Rendered | CaughtUp:
        """The same for all who have caught up at one position: nothing but that is in it."""
        if self._caught_up is None or self._caught_up[0] != item:
            self._caught_up = item, await self._render(item)
        return self._caught_up[1] or item

    async def tell(self, item: Item[Any], before: int) -> None:
        """Render an item once and give it to each member whose position lies below `before`."""
        members = [one for one in self.members if one.position < before]
        if not members:
            return
        told = await self._render(item) or item
        for number, member in enumerate(members, 1):
            member.take(told)
            if not number % _AT_ONCE:
                await asyncio.sleep(0)

    def join(self, room: Room[Any], position: int) -> Member:
        """One more, who has read as far as `position`."""
        room.begin(position)
        member = Member(position)
        self.members[member] = None
        return member

    def end(self, error: Exception | None) -> None:
        """Nothing more comes for any member; `error` is raised to all."""
        for member in self.members:
            member.end(error)

    def leave(self) -> bool:
        """Whether it was the last one."""
        self.inside -= 1
        if self.inside:
            return False
        self._held.leave()
        return True


async def told(source: Followed[K, E], room: Room[K], group: SeeingAlike) -> AsyncGenerator[Rendered | Item[E], None]:
    """What one follower is told: items that it executes for itself, until it has caught up, then what is shared."""
    position, caught_up, ended = source.after, False, source.ended
    member: Member | None = None
    async with aclosing(source.items(room)) as items:
        async for item in items:
            yield await group.caught_up(item) if isinstance(item, CaughtUp) else item
            if isinstance(item, Change):
                position, ended = source.feed.kind.position(item.row), source.feed.kind.is_terminal(item.row)
            caught_up = caught_up or isinstance(item, CaughtUp)
            if caught_up and not ended and room.is_behind(position):
                # At once: nothing can be told between the question and the answer.
                member = group.join(room, position)
                break
    if member is None:
        return
    try:
        while (news := await member.next()) is not None:
            yield news
    finally:
        member.end(None)
        del group.members[member]
