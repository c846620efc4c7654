"""What an error of PostgreSQL says of the moment: it is away, or took too long, and the same may succeed later."""

from typing import Final

import asyncpg
from tortoise.exceptions import TransactionManagementError

_AWAY: Final = (
    OSError,  # refused, reset, timed out
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shut down, crashed, starting up
    asyncpg.TooManyConnectionsError,
    asyncpg.ReadOnlySQLTransactionError,  # a standby that was the primary a moment ago
    asyncpg.LockNotAvailableError,  # others held the row for longer than our patience
)
_LOST_CONNECTION: Final = "connection is closed"


def unavailable(error: BaseException) -> bool:
    """Whether this says that PostgreSQL cannot be reached just now: the same again, later, may well succeed."""
    if isinstance(error, TransactionManagementError) and isinstance(error.__cause__, Exception):
        error = error.__cause__  # Tortoise's translation
    if isinstance(error, asyncpg.InterfaceError):
        return _LOST_CONNECTION in str(error)
    return isinstance(error, _AWAY) and not isinstance(error, asyncpg.QueryCanceledError)


def overtime(error: BaseException) -> bool:
    """Whether this says that a statement took longer than our patience."""
    return isinstance(error, asyncpg.QueryCanceledError)
