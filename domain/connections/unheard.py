"""Webhooks that wait because their PSE could not be asked, or were given up so: they have another chance."""

from typing import Final
from uuid import UUID

from domain.platform.database import execute

_AGAIN: Final = """UPDATE notices SET due_at = now(), tries = 0
WHERE connection_id = $1 AND applied_at IS NULL AND (due_at IS NULL OR due_at > now())"""


async def try_again(connection_id: UUID) -> None:
    """The PSE can be asked again: what was told meanwhile is looked at at the next sweep."""
    await execute(_AGAIN, connection_id)
