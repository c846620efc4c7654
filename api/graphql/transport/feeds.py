"""Tables that many follow live: one reader in a process for each, and one statement for all who were woken."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextvars import Context
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar
from weakref import WeakValueDictionary

from api.graphql.transport.follow import Change, Heartbeat, Item, Listener, Waker
from domain.platform.database import for_all, unavailable

K = TypeVar("K", bound=Hashable)
E = TypeVar("E")
PAIRS_MAX: Final = 500  # keys in one statement
_ROWS_MAX: Final = 2_000  # of one statement, for all its keys together
_ROWS_OF_A_KEY: Final = 4, 200  # at least and at most


@dataclass(frozen=True, slots=True)
class FeedKind(Generic[K, E]):
    """What can be followed by a key.

    `read(pairs, limit)` gives, for each key and position, the rows behind that position, in order, at most `limit`.
    The stream of a key ends when the last row that there is `is_terminal`. Whoever writes a row wakes `channel(key)`; a
    wake that is lost costs at most `poll_seconds`.
    """

    name: str
    read: Callable[[Sequence[tuple[K, int]], int], Awaitable[Sequence[Sequence[E]]]]
    position: Callable[[E], int]
    is_terminal: Callable[[E], bool]
    channel: Callable[[K], str]
    poll_seconds: float = 2.0
    heartbeat_seconds: float = 15.0
    sparse: bool = False  # what is read gives fewer rows than were looked at: only an empty batch is the last


class Audience(Protocol):
    """Those in a room who see the same."""

    async def tell(self, item: Item[Any], before: int) -> None:
        """What has come, to those who have not read as far as `before` themselves. Never raises."""

    def end(self, error: Exception | None) -> None:
        """Nothing more comes, or nothing can be read any more."""


class Room(Generic[K]):
    """One key that is followed in this process, and who follows it. `position` is how far it was told.

    `owner` is whom the key belongs to, for life; None: nobody has asked.

    It hears wakes from the moment that somebody enters, so nothing falls between what they read and what they are told.
    """

    __slots__ = ("__weakref__", "_feed", "audiences", "beat_at", "ended", "inside", "key", "owner", "position")

    def __init__(self, feed: "Feed[K, Any]", key: K) -> None:
        self.key = key
        self.position: int | None = None  # nobody has caught up yet
        self.audiences: dict[Hashable, Audience] = {}
        self.beat_at = 0.0
        self.ended = False  # the last row was terminal
        self.inside = 0
        self.owner: Hashable = None
        self._feed = feed

    def wake(self) -> None:
        """Something was told on its channel: the feed reads again."""
        self._feed.is_woken(self)

    def is_behind(self, position: int) -> bool:
        """Whether all that the room was told lies at or before `position`: who is there may go on with the others."""
        return self.position is None or self.position <= position

    def begin(self, position: int) -> None:
        """Somebody has caught up, at `position`; the first one's is where the room begins."""
        if self.position is None:
            self.position = position
            self._feed.is_quiet(self)

    async def tell(self, item: Item[Any], before: int) -> None:
        """Give an item to all audiences; `before` is the position that each of them must have been behind."""
        for audience in list(self.audiences.values()):
            await audience.tell(item, before)
            await asyncio.sleep(0)  # each renders it in one go, and others have their turn between them

    def end(self, error: Exception | None = None) -> None:
        """Nothing more comes; `error` is raised to all who follow."""
        self.ended = False
        for audience in list(self.audiences.values()):
            audience.end(error)


class Feed(Generic[K, E]):
    """All that is followed of one kind in this process, read by one task while there is anything."""

    def __init__(self, kind: FeedKind[K, E], waker: Waker) -> None:
        self.kind = kind
        self.rooms: dict[K, Room[K]] = {}
        # What renders for all who see the same, for as long as any room has them.
        self.renderers: WeakValueDictionary[Hashable, Any] = WeakValueDictionary()
        self._waker = waker
        self._woken: dict[Room[K], None] = {}
        self._bell = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._asked: list[tuple[tuple[K, int], asyncio.Future[Sequence[E]]]] = []
        self._reading: asyncio.Task[None] | None = None

    def enter(self, key: K) -> Room[K]:
        """The key's room. Leave it once for each time that it was entered."""
        room = self.rooms.get(key)
        if room is None:
            room = self.rooms[key] = Room(self, key)
            self._waker.hear(self.kind.channel(key), room)
        if self._task is None:
            # In no context: it must not speak in the name of whoever came first.
            self._task = asyncio.create_task(self._run(), name=f"feed-{self.kind.name}", context=Context())
        room.inside += 1
        return room

    def belongs_to(self, key: K, owner: Hashable) -> bool:
        """Whether somebody who follows the key has proven whose it is, and it is the owner's."""
        room = self.rooms.get(key)
        return room is not None and room.owner == owner

    def reached(self, key: K) -> int:
        """As far as those who follow the key were told, 0 where nobody was."""
        room = self.rooms.get(key)
        return (room.position or 0) if room is not None else 0

    def leave(self, room: Room[K]) -> None:
        """One reader less in a room. The last one takes the room along, and the last room the task that reads."""
        room.inside -= 1
        if room.inside:
            return
        self._waker.forget(self.kind.channel(room.key), room)
        self._woken.pop(room, None)
        del self.rooms[room.key]
        if not self.rooms and self._task is not None:
            self._task.cancel()
            self._task = None

    def listen(self, key: K) -> Listener:
        """An ear for one who follows the key alone."""
        return self._waker.listen(self.kind.channel(key))

    def is_woken(self, room: Room[K]) -> None:
        """Something was told in a room: its rows are read in the next turn."""
        self._woken[room] = None
        if room.position is not None:
            self._bell.set()

    def is_quiet(self, room: Room[K]) -> None:
        """Nothing was told in it just now."""
        room.beat_at = asyncio.get_running_loop().time() + self.kind.heartbeat_seconds
        if room in self._woken:
            self._bell.set()

    async def read(self, key: K, after: int) -> Sequence[E]:
        """The rows behind `after`, in one statement with all that others ask for while another is on its way."""
        answer: asyncio.Future[Sequence[E]] = asyncio.get_running_loop().create_future()
        self._asked.append(((key, after), answer))
        if self._reading is None:
            self._reading = asyncio.create_task(self._read_all_asked(), context=Context())
        return await answer

    async def _read_all_asked(self) -> None:
        """One statement at a time: nobody joins one that has begun, as it may not see what they were woken for."""
        try:
            while self._asked:
                asked, self._asked = self._asked, []
                await self._read_asked(asked)
        finally:
            self._reading = None

    async def _read_asked(self, asked: Sequence[tuple[tuple[K, int], asyncio.Future[Sequence[E]]]]) -> None:
        try:
            found, _ = await self._read([pair for pair, _ in asked])
        except Exception as error:
            found = []
            for _, answer in asked:
                if not answer.done():
                    answer.set_exception(error)
        for (_, answer), batch in zip(asked, found, strict=False):
            if not answer.done():  # else who asked has left
                answer.set_result(batch)

    @for_all("one statement for all who follow live; each has proven before that what they follow is theirs")
    async def _read(self, pairs: Sequence[tuple[K, int]]) -> tuple[list[Sequence[E]], int]:
        """A batch for each pair, and how many rows make it a full one."""
        fewest, most = _ROWS_OF_A_KEY
        limit = max(fewest, min(most, _ROWS_MAX // min(len(pairs), PAIRS_MAX)))
        found: list[Sequence[E]] = []
        for start in range(0, len(pairs), PAIRS_MAX):
            found += await self.kind.read(pairs[start : start + PAIRS_MAX], limit)
        return found, limit

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        pause = min(self.kind.poll_seconds, self.kind.heartbeat_seconds)
        poll_at = loop.time() + pause
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(poll_at):
                    await self._bell.wait()
            self._bell.clear()
            polls = loop.time() >= poll_at
            among = list(self.rooms.values() if polls else self._woken)
            rooms = [room for room in among if room.position is not None]
            for room in rooms:
                self._woken.pop(room, None)
            try:
                await self._tell_news(rooms)
                if polls:
                    await self._beat(rooms)
            except Exception as error:  # Each of them is told, logged and masked.
                for room in rooms:
                    room.end(error)
            if polls:
                poll_at = loop.time() + pause

    async def _tell_news(self, rooms: list[Room[K]]) -> None:
        while rooms:
            try:
                found, limit = await self._read([(room.key, room.position or 0) for room in rooms])
            except Exception as error:
                if unavailable(error):
                    return  # They stay, and are asked for again.
                raise
            for room, batch in zip(rooms, found, strict=True):
                await self._tell(room, batch)
            # A batch that is full may not be all; behind a terminal row only an empty one says that there is no more.
            rooms = [
                room
                for room, batch in zip(rooms, found, strict=True)
                if len(batch) >= limit or (batch and (room.ended or self.kind.sparse))
            ]

    async def _tell(self, room: Room[K], batch: Sequence[E]) -> None:
        for row in batch:
            room.ended, room.position = self.kind.is_terminal(row), self.kind.position(row)
            await room.tell(Change(row, replayed=False), room.position)
        if batch:
            self.is_quiet(room)
        elif room.ended:
            room.end()

    async def _beat(self, rooms: Sequence[Room[K]]) -> None:
        now = asyncio.get_running_loop().time()
        for room in rooms:
            if room.beat_at <= now and room.position is not None:
                await room.tell(Heartbeat(room.position), room.position + 1)
                self.is_quiet(room)


class Feeds:
    """The feeds of a process, one of each kind."""

    def __init__(self, waker: Waker) -> None:
        self._waker = waker
        self._made: dict[str, Feed[Any, Any]] = {}

    def of(self, kind: FeedKind[K, E]) -> Feed[K, E]:
        """The one feed of this kind."""
        if kind.name not in self._made:
            self._made[kind.name] = Feed(kind, self._waker)
        return self._made[kind.name]
