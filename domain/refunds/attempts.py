"""Attempts: each send of a refund's order, marked before it leaves, until it has ended. One lives at a time."""

from typing import Any
from uuid import UUID

from domain.cause import Cause
from domain.history import events
from domain.models import Refund
from domain.platform.database import execute, rows
from domain.refunds.states import SETTLED_FOR_NOW


async def last_of(refund_id: UUID) -> dict[str, Any] | None:
    """The newest attempt's row; None: nothing was ever sent."""
    found = await rows("SELECT * FROM attempts WHERE refund_id = $1 ORDER BY number DESC LIMIT 1", refund_id)
    return found[0] if found else None


async def begin(refund: Refund, number: int, lease_seconds: float) -> None:
    """Open attempt `number`, inside the caller's transaction: it is committed before the order leaves."""
    await execute(
        "INSERT INTO attempts (refund_id, number, claimed_until, sent_at, refusal) "
        "VALUES ($1, $2, now() + make_interval(secs => $3::float8), now(), false)",
        refund.id,
        number,
        lease_seconds,
    )
    # Each send has a question of its own.
    await Refund.filter(id=refund.id).update(unknown_at=None)


async def lose(refund: Refund, number: int, cause: Cause) -> None:
    """End an attempt whose worker is gone: whether the PSE has the order is in doubt."""
    await execute(
        "UPDATE attempts SET ended_at = now(), outcome = 'IN_DOUBT', code = 'WORKER_LOST', "
        "  message = 'The worker that sent this ended before it could record the answer.' "
        "WHERE refund_id = $1 AND number = $2 AND ended_at IS NULL",
        refund.id,
        number,
    )
    await execute("UPDATE refunds SET doubt_since = coalesce(doubt_since, now()) WHERE id = $1", refund.id)
    said = "The worker ended in the middle of the call."
    await events.note(refund, "IN_DOUBT", cause, code="WORKER_LOST", message=said)


async def end_lost() -> int:
    """End the attempts that nobody will end: the worker is gone, and the refund came to its end without it. How many.

    A lease's length of patience is added, for a worker that is only slow.
    """
    ended = await rows(
        "UPDATE attempts a SET ended_at = now(), outcome = 'IN_DOUBT', code = 'WORKER_LOST', "
        "  message = 'The worker ended in the middle of the call; the end came another way.' "
        "FROM refunds r WHERE r.id = a.refund_id AND a.ended_at IS NULL "
        "  AND a.claimed_until + (a.claimed_until - a.sent_at) < now() AND r.state = ANY($1) RETURNING a.id",
        [state.value for state in SETTLED_FOR_NOW],
    )
    return len(ended)
