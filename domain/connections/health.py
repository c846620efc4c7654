"""Whether a connection's PSE answers: what a worker's breaker has seen is written down, so that others are told."""

from typing import Final
from uuid import UUID

from domain.platform.database import execute

# The database tells of it (migration 0058); of several workers that see the same the first is heard.
_DOWN: Final = "UPDATE connections SET down_since = now() WHERE id = $1 AND down_since IS NULL"
_UP: Final = "UPDATE connections SET down_since = NULL WHERE id = $1 AND down_since IS NOT NULL"


async def down(connection_id: UUID) -> bool:
    """The PSE answers nobody; whether that is new."""
    return bool(await execute(_DOWN, connection_id))


async def up(connection_id: UUID) -> bool:
    """The PSE answers; whether that is new."""
    return bool(await execute(_UP, connection_id))
