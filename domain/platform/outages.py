"""What an error says of the moment: PostgreSQL is away or took too long, or a disk of ours has no room; the same may
succeed later.
"""

import errno
import tempfile
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
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NO_ROOM_IN_WORDS: Final = "No space left on device"  # polars and storages say it without its number
_LOST_CONNECTION: Final = "connection is closed"


def unavailable(error: BaseException) -> bool:
    """Whether this says that PostgreSQL cannot be reached just now: the same again, later, may well succeed."""
    if isinstance(error, TransactionManagementError) and isinstance(error.__cause__, Exception):
        error = error.__cause__  # Tortoise's translation
    if isinstance(error, asyncpg.InterfaceError):
        return _LOST_CONNECTION in str(error)
    return isinstance(error, _AWAY) and not isinstance(error, asyncpg.QueryCanceledError) and not disk_full(error)


def disk_full(error: BaseException) -> bool:
    """Whether this says that a file of ours could not be written for want of room; PostgreSQL may be well."""
    return isinstance(error, OSError) and (error.errno in _NO_ROOM or NO_ROOM_IN_WORDS in str(error))


def where_room_is_wanted() -> str:
    """What a person has to do where the disk is full."""
    return f"the disk of {tempfile.gettempdir()} has no room: make some, or name a larger one in TMPDIR and start again"


def overtime(error: BaseException) -> bool:
    """Whether this says that a statement took longer than our patience."""
    return isinstance(error, asyncpg.QueryCanceledError)
