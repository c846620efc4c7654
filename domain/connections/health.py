"""Whether a connection's PSE answers: what a worker's breaker has seen is written down, so that others are told."""

from datetime import datetime
from typing import Final
from uuid import UUID

from domain.connections import unheard
from domain.models import Connection
from domain.platform.database import execute

# The database tells of it (migration 0058); of several workers that see the same the first is heard.
_DOWN: Final = "UPDATE connections SET down_since = now() WHERE id = $1 AND down_since IS NULL"
_REST: Final = """UPDATE connections SET resting_until = now() + make_interval(secs => $2::float8), failing_since = $3
WHERE id = $1"""


async def down(connection_id: UUID) -> bool:
    """The PSE answers nobody; whether that is new."""
    return bool(await execute(_DOWN, connection_id))


async def up(connection_id: UUID) -> bool:
    """The PSE answers; whether that is new."""
    is_new = bool(await Connection.filter(id=connection_id, down_since__isnull=False).update(down_since=None))
    if is_new:
        await unheard.try_again(connection_id)
    return is_new


async def rests(connection_id: UUID, seconds: float, failing_since: datetime | None) -> None:
    """Nothing is sent to it for so long."""
    await execute(_REST, connection_id, seconds, failing_since)


async def works(connection_id: UUID) -> None:
    """It is sent to again."""
    await Connection.filter(id=connection_id).update(resting_until=None, failing_since=None)
