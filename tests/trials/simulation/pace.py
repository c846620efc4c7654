"""A process's pace through its SQL statements, so that it can be stopped, killed and interleaved between any two."""

import asyncio
from contextvars import ContextVar
from typing import Any, Final

import asyncpg

from domain.platform.walled import Walled

_DONE_FOR_THE_DEAD: Final = ("ROLLBACK", "SELECT pg_advisory_unlock")


class Killed(BaseException):
    """The process is gone: SIGKILL at a statement. Nobody may catch it and go on."""


class Pace:
    """Counts the statements of one process. It dies after `kill_after` of them, or stands still after `pause_after`.

    `still` is set while nothing more happens by itself: the process has ended, stands still, or waits for an answer.
    """

    def __init__(self, *, kill_after: int | None = None, pause_after: int | None = None) -> None:
        self._kill_after = kill_after
        self._pause_after = pause_after
        self._statements = 0
        self.dead = False
        self.backend: int | None = None  # the process id of the database's, that does its statements
        self.still = asyncio.Event()
        self.may_go = asyncio.Event()
        self.may_go.set()

    def go_on(self, pause_after: int | None, kill_after: int | None) -> None:
        """Move again, with new limits counted from here."""
        self._statements, self._pause_after, self._kill_after = 0, pause_after, kill_after
        self.still.clear()

    def die(self) -> None:
        """At the next statement it is gone."""
        self.dead = True
        self.may_go.set()

    def before(self, statement: str) -> None:
        # The database itself rolls back and unlocks for a process that is gone; nothing else is done in its name.
        if self.dead and not statement.startswith(_DONE_FOR_THE_DEAD):
            raise Killed

    async def after(self, statement: str) -> None:
        if self.dead or statement.startswith("BEGIN"):
            return
        self._statements += 1
        if self._statements == self._kill_after:
            self.dead = True
            raise Killed
        if self._statements == self._pause_after:
            self.may_go.clear()
            self.still.set()
        await self.may_go.wait()
        self.before(statement)


pace: Final[ContextVar[Pace | None]] = ContextVar("pace", default=None)


class PacedConnection(Walled):
    """A connection whose statements go at the pace of the process that runs them."""

    __slots__ = ()

    def get_reset_query(self) -> str:
        """What a process that has died held ends with its session; else half the round trips are saved."""
        process = pace.get()
        return "SELECT pg_advisory_unlock_all()" if process is not None and process.dead else ""

    async def execute(self, query: str, *args: Any, **more: Any) -> Any:
        return await _paced(self, query, super().execute(query, *args, **more))

    async def fetch(self, query: str, *args: Any, **more: Any) -> Any:
        return await _paced(self, query, super().fetch(query, *args, **more))

    async def fetchrow(self, query: str, *args: Any, **more: Any) -> Any:
        return await _paced(self, query, super().fetchrow(query, *args, **more))

    async def copy_records_to_table(self, table_name: str, **more: Any) -> Any:
        return await _paced(self, f"COPY {table_name}", super().copy_records_to_table(table_name, **more))


async def _paced(connection: asyncpg.Connection, query: str, running: Any) -> Any:
    process = pace.get()
    if process is None:
        return await running
    try:
        process.before(query)
        process.backend = connection.get_server_pid()
    except Killed:
        running.close()
        raise
    result = await running
    await process.after(query)
    return result
