"""Following a table live: replay, CaughtUp, then live. The table is the truth; a wake only says "read again"."""

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, Self, TypeAlias, TypeVar
from weakref import WeakSet

import structlog
from redis.asyncio.client import PubSub
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from domain.platform import tls
from domain.platform.database import unavailable

E = TypeVar("E")
_QUIET_SECONDS: Final = 10.0  # without a word from Redis, before it is asked whether it is still there
_HEARD_AT_ONCE: Final = 1_000  # messages
_BACKOFF_SECONDS: Final = (0.05, 5.0)
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Change(Generic[E]):
    """A row, once and in order; `replayed`: it was there before the reader caught up."""

    row: E
    replayed: bool


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """Everything that had happened was given; `position` is that of the last row, or where the reader began."""

    position: int


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Nothing happened for a while."""

    position: int


Item: TypeAlias = Change[E] | CaughtUp | Heartbeat


class Wakes(Protocol):
    """Somebody who may wake a reader early. May wake too often; may forget; never raises."""

    async def wait(self, seconds: float) -> None:
        """Return when woken, or after so many seconds."""

    def close(self) -> None:
        """Stop listening."""


async def follow(
    read: Callable[[int], Awaitable[Sequence[E]]],
    after: int,
    *,
    position: Callable[[E], int],
    wakes: Wakes,
    poll_seconds: float,
    heartbeat_seconds: float,
    is_terminal: Callable[[E], bool],
    ended: bool = False,
) -> AsyncGenerator[Item[E], None]:
    """The rows behind position `after`, in order, then CaughtUp once, then new rows and a Heartbeat in silence.

    `read(position)` gives a bounded batch of the rows behind a position, in order; an empty one means there are no
    more. A wake that is lost costs at most `poll_seconds`. The stream ends when the last row read `is_terminal`:
    rows that follow a terminal one in the same batch, or already in the table, are still given. `ended`: the row at
    `after` is such a one. Memory is one batch.
    While the database is away the stream stays open and goes on where it was.
    """
    loop = asyncio.get_running_loop()
    caught_up = False
    beat_at = loop.time() + heartbeat_seconds
    try:
        while True:
            batch = await _unless_away(read(after))
            for row in batch or ():
                after, ended = position(row), is_terminal(row)
                yield Change(row, replayed=not caught_up)
                await asyncio.sleep(0)  # A generator that never awaits between yields starves every other request.
            if batch:
                beat_at = loop.time() + heartbeat_seconds
                continue  # The batch was bounded: only an empty one says that there is nothing more.
            if batch is not None and not caught_up:
                caught_up = True
                yield CaughtUp(after)
            if batch is not None and ended:
                return
            if loop.time() >= beat_at:
                yield Heartbeat(after)
                beat_at = loop.time() + heartbeat_seconds
            await wakes.wait(max(0.0, min(poll_seconds, beat_at - loop.time())))
    finally:
        wakes.close()


async def _unless_away(reading: Awaitable[Sequence[E]]) -> Sequence[E] | None:
    """What was read; None while the database cannot be reached."""
    try:
        return await reading
    except Exception as error:
        if not unavailable(error):
            raise
        return None


class ChannelEar(Protocol):
    """What hears the wakes of a channel."""

    def wake(self) -> None:
        """Something may have happened. Must not raise."""


class Listener:
    """One reader's ear on one channel. Wakes that come while it reads are kept as one."""

    def __init__(self, waker: "Waker", channel: str) -> None:
        self._waker = waker
        self._channel = channel
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Something was told on the channel."""
        self._woken.set()

    def woken(self) -> bool:
        """Whether there was a wake since it was asked, or waited for, the last time."""
        was = self._woken.is_set()
        self._woken.clear()
        return was

    async def wait(self, seconds: float) -> None:
        """Until a wake, or until `seconds` have passed; which of both it was is not said."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        self._woken.clear()

    def close(self) -> None:
        """Hear nothing more."""
        self._waker.forget(self._channel, self)


class Waker:
    """One Redis connection per process that hears every wake and passes it on to the readers of its channel.

    It listens to a pattern, so that following a refund costs Redis nothing. It never raises into a reader: while Redis
    is away it tries again with backoff, and readers poll. When the connection is back everybody is woken once, because
    nobody knows what was missed.
    """

    def __init__(self, redis_url: str, *, pattern: str = "estorno:*") -> None:
        self._url = redis_url
        self._pattern = pattern
        self._listeners: dict[str, WeakSet[ChannelEar]] = {}
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def start(self) -> None:
        """Listen in the background. Redis need not be there yet."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="waker")

    async def close(self) -> None:
        """End the task that listens; readers who are left poll."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def listen(self, channel: str) -> Listener:
        """An ear on `channel`: take it before reading the table, so that nothing falls between."""
        listener = Listener(self, channel)
        self.hear(channel, listener)
        return listener

    def hear(self, channel: str, ear: ChannelEar) -> None:
        """As `listen`, with an ear of one's own: `forget` it."""
        self._listeners.setdefault(channel, WeakSet()).add(ear)

    def forget(self, channel: str, ear: ChannelEar) -> None:
        """An ear hears nothing more of `channel`; one that never did is no error."""
        listeners = self._listeners.get(channel)
        if listeners is not None:
            listeners.discard(ear)
            if not listeners:
                del self._listeners[channel]

    @property
    def channels(self) -> int:
        """How many channels somebody listens to."""
        return len(self._listeners)

    async def _run(self) -> None:
        shortest, longest = _BACKOFF_SECONDS
        backoff = shortest
        while True:
            client = tls.redis(self._url)
            try:
                async with client, client.pubsub() as pubsub:
                    await pubsub.psubscribe(self._pattern)
                    backoff = shortest
                    await self._hear(pubsub)
            except (RedisError, OSError) as error:
                _log.warning("waker.lost", error=str(error), retry_seconds=round(backoff, 2))
            # Jitter keeps many processes from coming back in the same instant.
            await asyncio.sleep(backoff * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load, guards nothing
            backoff = min(backoff * 2, longest)

    async def _hear(self, pubsub: PubSub) -> None:
        """Pass on what is heard until the connection breaks; silence is tested with a PING."""
        asked = False
        while True:
            heard = 0
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_QUIET_SECONDS):  # one for many messages: it costs more than a message
                    while heard < _HEARD_AT_ONCE:
                        self._pass_on(await pubsub.get_message(timeout=None))
                        heard += 1
            if heard:
                asked = False
            elif asked:
                raise RedisConnectionError("Redis did not answer a PING.")
            else:
                await pubsub.ping()
                asked = True

    def _pass_on(self, message: Mapping[str, Any] | None) -> None:
        if message is None:
            return
        if message["type"] == "psubscribe":
            self._wake_all()
        elif message["type"] == "pmessage":
            self._wake(message["channel"].decode("utf-8", "replace"))

    def _wake(self, channel: str) -> None:
        for listener in list(self._listeners.get(channel, ())):
            listener.wake()

    def _wake_all(self) -> None:
        for channel in list(self._listeners):
            self._wake(channel)
