"""Where a PSE can only list a payment's refunds: what it had before our first send, and whose turn it is.

A listing names no reference of ours. Ours is what was not there before, so only one refund of a payment is under way.
"""

import json
from datetime import datetime
from uuid import UUID

from domain.models import Refund
from domain.models.refunds import State
from domain.platform.database import execute, rows, transaction
from domain.refunds import schedule
from domain.refunds.moves import lock
from domain.refunds.schedule import Sends


async def keep_snapshot(refund_id: UUID, known: frozenset[str], asked_at: datetime) -> None:
    """The PSE's ids of the payment's refunds before the first send that may arrive; the refund is due again at once.

    Once such a send was made, a listing may hold our own: one that comes so late is not kept.
    """
    async with transaction():
        refund = await lock(refund_id)
        if refund.state is not State.REQUESTED or (await schedule.sends_of(refund_id)).count:
            return
        await execute(
            "UPDATE refunds SET known_before = $2::jsonb, known_at = greatest(known_at, $3), due_at = now() "
            "WHERE id = $1 AND (known_at IS NULL OR known_at < $3)",
            refund_id,
            json.dumps(sorted(known)),
            asked_at,
        )


async def not_ours(refund: Refund) -> frozenset[str]:
    """The PSE's ids of the payment's refunds that cannot be this one."""
    others = await rows(
        "SELECT pse_refund_reference AS id FROM refunds WHERE payment_id = $1 AND id <> $2 "
        "AND pse_refund_reference IS NOT NULL",
        refund.payment_id,
        refund.id,
    )
    return frozenset(refund.known_before or ()) | {row["id"] for row in others}


async def another_in_doubt(refund: Refund, sends: Sends) -> bool:
    """Whether another refund of the payment may be at the PSE unnamed: two such could not be told apart in a listing.

    The payment's lock makes two workers take turns. Of two that were sent and wait to be sent again, one goes first.
    """
    await execute("SELECT 1 FROM payments WHERE id = $1 FOR NO KEY UPDATE", refund.payment_id)
    others = await rows(
        f"SELECT id, state FROM refunds r WHERE payment_id = $1 AND id <> $2 AND {schedule.MAY_ARRIVE}",  # noqa: S608 - ours
        refund.payment_id,
        refund.id,
    )
    return any(row["state"] == State.SUBMITTED or not sends.count or row["id"] < refund.id for row in others)
