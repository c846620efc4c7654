"""Tortoise's engine for a pool whose connections carry for whom they ask (wall).

A connection is told when that changes, before the statement, and remembers it; a statement takes one that carries it
already where one is free, so a merchant that asks again and again is no round trip more. Behind a pooler that gives a
transaction to whichever session is free (PgBouncer's transaction or statement mode) nothing of this would hold.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

import asyncpg
import asyncpg.pool
from tortoise.backends.asyncpg.client import AsyncpgDBClient
from tortoise.backends.base.client import PoolConnectionWrapper

from domain.platform import wall

_SPARE: Final = 2  # free connections
_ENDS: Final = ("COMMIT", "ROLLBACK", "RELEASE")  # as asyncpg ends a transaction, or goes back in one
_share: ContextVar[asyncio.Semaphore | None] = ContextVar("estorno_sessions", default=None)


@contextmanager
def few_sessions(most: int) -> Iterator[None]:
    """What is asked in here, by all tasks that begin in here, asks at most so many sessions at once.

    A session reads the catalogue and plans a statement for itself, and the first times take longer than all the rest:
    one that was asked before is worth waiting for. A transaction has its own session, and waits for nobody.
    """
    reset = _share.set(asyncio.Semaphore(most))
    try:
        yield
    finally:
        _share.reset(reset)


class Walled(asyncpg.Connection):  # type: ignore[misc]  # untyped
    """A connection that asks for whoever the current task asks for, and never for whoever asked before."""

    __slots__ = ("carried", "told_inside")

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.carried: str | None = wall.NOBODY  # None: unknown
        self.told_inside = False  # in a transaction, which may take it back

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:  # noqa: ASYNC109 - asyncpg's own
        """asyncpg's, for whom the task asks; what ends a transaction goes out as it is."""
        if query.startswith(_ENDS):
            return await self._ended(query, timeout)
        if not args and not query.startswith("SAVEPOINT"):
            await self._carry()
        told: str = await super().execute(query, *args, timeout=timeout)
        return told

    async def _execute(self, *arguments: Any, **named: Any) -> Any:
        await self._carry()
        return await super()._execute(*arguments, **named)

    async def _executemany(self, *arguments: Any, **named: Any) -> Any:
        await self._carry()
        return await super()._executemany(*arguments, **named)

    async def prepare(self, *arguments: Any, **named: Any) -> Any:
        """Never: raises NotImplementedError."""
        raise NotImplementedError("A prepared statement could be asked when another is asked for: use fetch.")

    async def _copy_in(self, *arguments: Any, **named: Any) -> Any:
        await self._carry()
        return await super()._copy_in(*arguments, **named)

    async def _copy_out(self, *arguments: Any, **named: Any) -> Any:
        await self._carry()
        return await super()._copy_out(*arguments, **named)

    async def _carry(self) -> None:
        whose = wall.whose()
        if whose == self.carried:
            return
        self.carried = None  # whoever is cancelled here leaves a connection of which nothing is known
        self.told_inside = self.told_inside or self.is_in_transaction()
        await self._protocol.query(f"SET {wall.SETTING} = '{whose}'", None)
        self.carried = whose

    def _in_order(self, holder: Any) -> bool:
        """Whether nobody waits to give it back: for the end of a transaction, of a cancelled statement, or its own."""
        protocol = self._protocol
        idle = not (self.is_closed() or protocol.is_in_transaction() or protocol._is_cancelling())
        lasts = holder._generation == holder._pool._generation and protocol.queries_count < holder._max_queries
        return idle and lasts and self._top_xact is None

    async def _ended(self, query: str, seconds: float | None) -> str:
        # What was told inside is taken back by a rollback, and by a commit of what has failed.
        if self.told_inside:
            self.carried = None
        told: str = await super().execute(query, timeout=seconds)
        self.told_inside = self.is_in_transaction() and self.told_inside
        return told


class _Free(asyncpg.pool._PoolConnectionHolderQueue):  # type: ignore[misc]  # untyped
    """The free connections of a pool: one that carries for whom we ask, else the one that was free for longest.

    Who looks whose something is and then works on it would tell one connection twice each time: some are to spare.
    """

    def _get(self) -> Any:
        whose = wall.wanted()
        for place in range(len(self._queue) - 1, -1, -1):
            free = self._queue[place]._con
            if free is not None and free.carried == whose and not free.is_closed():
                return self._queue.pop(place)
        live = [place for place, holder in enumerate(self._queue) if holder.is_connected()]
        if len(live) < _SPARE and len(live) < len(self._queue):
            return self.get_disconnected_nowait()
        return self._queue.pop(live[0])


class _Lent(PoolConnectionWrapper):  # type: ignore[type-arg]
    """A connection for one statement, given back at once where nothing of it is left to wait for.

    asyncpg gives each back in a task of its own, so that whoever is cancelled meanwhile keeps none. A session that is
    in order is given back without any wait, in which nobody can be cancelled: it needs no task, twice a request.
    """

    __slots__ = ("share",)

    async def __aenter__(self) -> Any:
        self.share = _share.get()
        if self.share is None:
            return await super().__aenter__()
        await self.share.acquire()
        try:
            return await super().__aenter__()
        except BaseException:
            self.share.release()
            raise

    async def __aexit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        try:
            await self._give_back(exc_type, exc_val, exc_tb)
        finally:
            if self.share is not None:
                self.share.release()

    async def _give_back(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        lent: Any = self.connection
        session, holder = lent._con, lent._holder
        if exc_type is not None or session is None or not session._in_order(holder):
            await super().__aexit__(exc_type, exc_val, exc_tb)
            return
        session._on_release()
        await holder.release(holder._timeout)


class WalledClient(AsyncpgDBClient):
    """Tortoise's client of asyncpg, with such a pool."""

    connection_class = Walled

    def acquire_connection(self) -> Any:
        return _Lent(self, self._pool_init_lock)

    async def create_pool(self, **kwargs: Any) -> asyncpg.Pool:
        """asyncpg's pool, which first lends a connection that already carries for whom we ask."""
        pool = await super().create_pool(**kwargs)
        # asyncpg makes it by itself and takes no other one.
        assert type(pool._queue) is asyncpg.pool._PoolConnectionHolderQueue, "Another asyncpg: look at its queue."
        pool._queue.__class__ = _Free
        return pool


client_class = WalledClient
