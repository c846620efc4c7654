"""When a refund is looked at again: `due_at`, by the database's clock. Null: not by itself."""

from collections.abc import Sequence
from uuid import UUID

from domain.database import rows


async def postpone(refund_id: UUID, seconds: float | None) -> None:
    """Look at the refund again in so many seconds; None: when somebody says so."""
    await rows(
        "UPDATE refunds SET due_at = now() + make_interval(secs => $2::float8) WHERE id = $1 RETURNING id",
        refund_id,
        seconds,
    )


async def ask(refund_ids: Sequence[str]) -> None:
    """Look at these refunds now, whatever their turn."""
    await rows(
        "UPDATE refunds SET due_at = least(due_at, now()) WHERE id = ANY($1::uuid[]) RETURNING id", list(refund_ids)
    )


async def put_off(refund_id: UUID, seconds: float) -> None:
    """Look at the refund no sooner than in so many seconds, if it is to be looked at again at all."""
    await rows(
        "UPDATE refunds SET due_at = greatest(due_at, now() + make_interval(secs => $2::float8)) "
        "WHERE id = $1 AND due_at IS NOT NULL RETURNING id",
        refund_id,
        seconds,
    )


async def rest(refund_id: UUID) -> None:
    """Nothing more is expected of the refund, unless it fell due while it was asked about: then it stays due."""
    await rows("UPDATE refunds SET due_at = NULL WHERE id = $1 AND due_at > now() RETURNING id", refund_id)
