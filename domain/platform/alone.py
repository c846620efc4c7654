"""One at a time: advisory locks of PostgreSQL, which end with the transaction, or the connection, that holds them."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import asyncpg
import structlog

from domain.platform import tls
from domain.platform.database import connection as current
from domain.platform.database import execute

SILENCE_SECONDS_MAX: Final = 8.0  # of a leader; with the try of the next one it makes a takeover within 15 seconds
_TRY: Final = "SELECT pg_try_advisory_lock($1) AS held"
_LEAVE: Final = "SELECT pg_advisory_unlock($1)"
_log = structlog.get_logger()

Job = Callable[[], Awaitable[object]]


@asynccontextmanager
async def alone(lock: int) -> AsyncIterator[bool]:
    """Whether nobody else is at it; then nobody else will be until the end. Who is not alone does nothing."""
    async with current().acquire_connection() as raw:
        held = bool((await raw.fetch(_TRY, lock))[0]["held"])
        try:
            yield held
        finally:
            if held:
                await raw.execute(_LEAVE, lock)


async def lock_name(name: str) -> None:
    """Whoever else locks the same name waits, until the caller's transaction ends."""
    await execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", name)


class NotLeading(Exception):
    """The leader's connection is gone, or does not answer, and the lock with it."""


class Guard:
    """The connection that holds the leader's lock, for as long as it lives and no longer.

    PostgreSQL ends it when it has been silent for a few seconds, so that a leader that is frozen or cut off is followed
    by another one; the thawed one learns it by its first word, which comes before any of its jobs.
    """

    def __init__(self, connection: "asyncpg.Connection", lock: int) -> None:
        self._connection = connection
        self._lock = lock
        self._talking = asyncio.Lock()

    async def leads(self) -> bool:
        """Take the lock, if nobody else has it."""
        return bool(await self._ask(_TRY, self._lock))

    async def confirm(self) -> None:
        """Raises NotLeading when the connection, and with it the lock, is gone."""
        await self._ask("SELECT 1")

    def leading(self, job: Job) -> Job:
        """The job, run only after PostgreSQL has just said that this process still leads."""

        async def run() -> None:
            try:
                await self.confirm()
            except NotLeading as error:
                _log.warning("timetable.held_back", error=str(error))
                return
            await job()

        return run

    async def _ask(self, statement: str, *values: object) -> object:
        async with self._talking:
            try:
                async with asyncio.timeout(SILENCE_SECONDS_MAX):
                    return await self._connection.fetchval(statement, *values)
            except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError) as error:
                # After a thaw a cut connection can fail in any of its ways, and each means the same.
                raise NotLeading(f"{type(error).__name__}: {error}") from error


@asynccontextmanager
async def guarding(database_url: str, lock: int) -> AsyncIterator[Guard]:
    """A guard of this lock, on a connection of its own. Raises asyncpg.PostgresError and OSError."""
    asked = {
        "idle_session_timeout": f"{SILENCE_SECONDS_MAX:.0f}s",
        "application_name": f"estorno timetable {os.getpid()}",  # who leads, for whoever looks at pg_stat_activity
    }
    connection = await asyncpg.connect(
        database_url, timeout=SILENCE_SECONDS_MAX, server_settings=asked, ssl=tls.of_database(database_url)
    )
    try:
        yield Guard(connection, lock)
    finally:
        connection.terminate()
