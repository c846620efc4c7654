"""Webhooks that wait because their PSE could not be asked, or were given up so: they have another chance."""

from typing import Final
from uuid import UUID

from domain.platform.database import execute

# Those of payments that are registered: others wait for that. `waits_for` is an array, so the index of what is not
# applied gives them all; older ones are a person's.
_AGAIN: Final = """UPDATE notices n SET due_at = now(), tries = 0
WHERE n.connection_id = $1 AND n.applied_at IS NULL AND n.waits_for @> '[]' AND (n.due_at IS NULL OR n.due_at > now())
  AND n.received_at > now() - interval '90 days' AND EXISTS (SELECT 1 FROM payments p
    WHERE p.connection_id = n.connection_id AND p.withdrawn_at IS NULL
      AND p.pse_reference IN (SELECT jsonb_array_elements_text(n.waits_for)))"""


async def try_again(connection_id: UUID) -> None:
    """The PSE can be asked again: what was told of its payments meanwhile is looked at at the next sweep."""
    await execute(_AGAIN, connection_id)
