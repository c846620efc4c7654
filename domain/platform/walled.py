"""Tortoise's engine for a pool whose connections carry for whom they ask (wall).

A connection is told when that changes, before the statement, and remembers it; a statement takes one that carries it
already where one is free, so a merchant that asks again and again is no round trip more. Behind a pooler that gives a
transaction to whichever session is free (PgBouncer's transaction or statement mode) nothing of this would hold.
"""

from typing import Any, Final

import asyncpg
import asyncpg.pool
from tortoise.backends.asyncpg.client import AsyncpgDBClient

from domain.platform import wall

_SPARE: Final = 2  # free connections
_ENDS: Final = ("COMMIT", "ROLLBACK", "RELEASE")  # as asyncpg ends a transaction, or goes back in one


class Walled(asyncpg.Connection):  # type: ignore[misc]  # untyped
    """A connection that asks for whoever the current task asks for, and never for whoever asked before."""

    __slots__ = ("carried", "told_inside")

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.carried: str | None = wall.NOBODY  # None: unknown
        self.told_inside = False  # in a transaction, which may take it back

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:  # noqa: ASYNC109 - asyncpg's own
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
        live = [place for place, holder in enumerate(self._queue) if holder.is_connected()]
        for place in reversed(live):
            if self._queue[place]._con.carried == whose:
                return self._queue.pop(place)
        if len(live) < _SPARE and len(live) < len(self._queue):
            return self.get_disconnected_nowait()
        return self._queue.pop(live[0])


class WalledClient(AsyncpgDBClient):
    """Tortoise's client of asyncpg, with such a pool."""

    connection_class = Walled

    async def create_pool(self, **kwargs: Any) -> asyncpg.Pool:
        pool = await super().create_pool(**kwargs)
        # asyncpg makes it by itself and takes no other one.
        assert type(pool._queue) is asyncpg.pool._PoolConnectionHolderQueue, "Another asyncpg: look at its queue."
        pool._queue.__class__ = _Free
        return pool


client_class = WalledClient
