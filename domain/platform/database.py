"""PostgreSQL: the connection, statements, and transactions. Who migrates it: migrate.py."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import asyncpg
from tortoise import Tortoise
from tortoise.backends.base.client import BaseDBAsyncClient, TransactionalDBClient, TransactionContextPooled
from tortoise.connection import get_connection, get_connections
from tortoise.transactions import in_transaction

from domain.platform import tls
from domain.platform.outages import overtime, unavailable
from domain.platform.wall import NoMerchant, door, for_all, for_merchant, for_nobody, stand_for, stand_for_all, unsaid
from domain.platform.walled import few_sessions

__all__ = [
    "BATCH",
    "OPERATOR",
    "TORTOISE_CONFIG",
    "DatabaseError",
    "NoMerchant",
    "Patience",
    "Row",
    "close_pool",
    "config",
    "connected",
    "connection",
    "door",
    "execute",
    "few_sessions",
    "for_all",
    "for_merchant",
    "for_nobody",
    "in_a_transaction",
    "open_pool",
    "overtime",
    "reached",
    "remembered",
    "rows",
    "stand_for",
    "stand_for_all",
    "transaction",
    "unavailable",
    "unsaid",
    "user_of",
]

Row = Mapping[str, Any]

_MANY_ROWS: Final = "64MB"  # of a session's own tables: with PostgreSQL's own 8 MB they are written to disk in between


class DatabaseError(RuntimeError):
    """The database cannot be used as it is; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How many seconds PostgreSQL gives a process: to one statement, to the wait for a row that another one holds, and
    to a transaction in which nothing is asked (its process hangs, and must not hold up the others for ever).

    `many_rows`: its statements may be worked on by several processes of PostgreSQL's, and compiled. For a page to begin
    either takes longer than all that it reads, and PostgreSQL does it wherever it believes that it will read much.
    """

    statement: float
    lock: float
    idle: float = 60.0
    many_rows: bool = False

    def settings(self) -> dict[str, str]:
        """As PostgreSQL wants them; times are in milliseconds."""
        limits = {
            "statement_timeout": self.statement,
            "lock_timeout": self.lock,
            "idle_in_transaction_session_timeout": self.idle,
        }
        times = {name: str(round(seconds * 1000)) for name, seconds in limits.items()}
        if self.many_rows:
            return {**times, "temp_buffers": _MANY_ROWS}
        return {**times, "max_parallel_workers_per_gather": "0", "jit": "off"}


OPERATOR: Final = "the operator's command, whose installation it is"
# The night's work, the timetable.
BATCH: Final = Patience(statement=1800.0, lock=60.0, idle=600.0, many_rows=True)


async def _nothing_is_left(connection: "asyncpg.pool.PoolConnectionProxy[Any]") -> None:
    """Nobody leaves anything on a session of the pool (a setting, a lock, a listener), so it is given back as it is.

    asyncpg would ask PostgreSQL to forget all that there might be, at each release: a round trip for each statement.
    An open transaction it ends by itself all the same. Who does leave something resets it (reconciliation/nights).
    """


def config(url: str, *, pool_max: int = 10, patience: Patience | None = None) -> dict[str, Any]:
    """Tortoise's configuration for a PostgreSQL URL; no `patience`: PostgreSQL waits as long as it is told itself."""
    parts = urlsplit(url)
    credentials = {
        "host": parts.hostname,
        "port": parts.port or 5432,
        "user": _plain(parts.username),
        "password": _plain(parts.password),  # None: PGPASSWORD, as for all of PostgreSQL's own programs
        "database": _plain(parts.path.removeprefix("/")),
        "minsize": 1,
        "maxsize": pool_max,
        "reset": _nothing_is_left,
        "ssl": tls.of_database(url),
        "server_settings": {"timezone": "UTC", **(patience.settings() if patience else {})},
    }
    return {
        "connections": {"default": {"engine": "domain.platform.walled", "credentials": credentials}},
        "apps": {
            "models": {
                "models": ["domain.models"],
                "default_connection": "default",
                "migrations": "domain.migrations",
            }
        },
        "use_tz": True,
        "timezone": "UTC",
    }


def _plain(part: str | None) -> str | None:
    """A part of an address, without its percents."""
    return None if part is None else unquote(part)


def user_of(url: str) -> str:
    """The role that an address names; empty: none."""
    return _plain(urlsplit(url).username) or ""


# Where makemigrations looks (pyproject: tool.tortoise); it compares models with migrations and opens no connection.
TORTOISE_CONFIG: Final = config("postgres://estorno_owner@127.0.0.1:5432/estorno")


@asynccontextmanager
async def connected(url: str, *, pool_max: int = 10, all_because: str | None = None) -> AsyncIterator[None]:
    """Open the pool for the life of a process or a test; `all_because`: and ask for all merchants, which says why."""
    await open_pool(url, pool_max=pool_max)
    try:
        with for_all(all_because) if all_because else nullcontext():
            yield
    finally:
        await close_pool()


async def open_pool(url: str, *, pool_max: int = 10, patience: Patience | None = None) -> None:
    """Raises DatabaseError when the database cannot be reached."""
    await _reachable(url)
    await Tortoise.init(config=config(url, pool_max=pool_max, patience=patience), _enable_global_fallback=True)


async def close_pool() -> None:
    """Close every connection of the process, and forget what was remembered of the database."""
    await Tortoise.close_connections()
    for each in _remembered:
        each.clear()


_remembered: Final[list[dict[Any, Any]]] = []


def remembered() -> dict[Any, Any]:
    """A dictionary for what never changes in a database: it is emptied when the pool is closed."""
    made: dict[Any, Any] = {}
    _remembered.append(made)
    return made


def connection() -> BaseDBAsyncClient:
    """The current connection: the transaction's inside one, else the pool."""
    return get_connection("default")


def in_a_transaction() -> bool:
    """Whether what is read now may be undone yet: nobody remembers it."""
    return isinstance(connection(), TransactionalDBClient)


async def rows(sql: str, *values: Any) -> list[dict[str, Any]]:
    """Run one statement on the current connection and give its rows."""
    found: list[dict[str, Any]] = await connection().execute_query_dict(sql, list(values))
    return found


async def execute(sql: str, *values: Any) -> int:
    """Run one statement that gives no rows, on the current connection; how many rows it changed."""
    changed, _ = await connection().execute_query(sql, list(values))
    return changed


@asynccontextmanager
async def transaction() -> AsyncIterator[None]:
    """A transaction on a connection of the pool; inside another one, a savepoint of it."""
    context = in_transaction()
    try:
        await context.__aenter__()
    except BaseException:
        await _leave(context)
        raise
    try:
        yield
    except BaseException as error:
        await context.__aexit__(type(error), error, error.__traceback__)
        raise
    await context.__aexit__(None, None, None)


async def _leave(context: Any) -> None:
    # When BEGIN fails (a restart, a cancellation) Tortoise forgets what it has taken: the connection would stay taken,
    # and the task would go on talking to it.
    if not isinstance(context, TransactionContextPooled) or context.client._connection is None:
        return
    if hasattr(context, "token"):
        get_connections().reset(context.token)
    await context.client._parent._pool.release(context.client._connection)


async def _reachable(url: str) -> None:
    await (await reached(url)).close()


async def reached(url: str) -> "asyncpg.Connection":
    """A connection of its own, outside of the pool. Raises DatabaseError with what to do about it."""
    parts = urlsplit(url)
    place = f"{parts.hostname}:{parts.port or 5432}"
    try:
        return await asyncpg.connect(url, timeout=10, ssl=tls.of_database(url))
    except (OSError, TimeoutError) as error:
        raise DatabaseError(
            f"PostgreSQL at {place} cannot be reached ({error}); start it or correct DATABASE_URL."
        ) from error
    except asyncpg.PostgresError as error:
        raise DatabaseError(f"PostgreSQL at {place} refuses the connection: {error}.") from error
