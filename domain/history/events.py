"""Appending to a refund's history. The sequence is gapless because it is taken under the refund's row lock."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from domain.cause import Cause
from domain.models import Event, Refund
from domain.models.refunds import State
from domain.platform.children import first_of_each
from domain.platform.database import rows


async def append(
    refund: Mapping[str, Any],
    kind: str,
    state: State,
    cause: Cause,
    *,
    previous: State | None = None,
    code: str | None = None,
    message: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> int:
    """Append one event and give its sequence. `refund` has `id` and `merchant_id`; its row is locked by the caller."""
    (row,) = await rows(
        "WITH next AS (UPDATE refunds SET sequence = sequence + 1, updated_at = now() WHERE id = $2 "
        "  RETURNING sequence) "
        "INSERT INTO events (merchant_id, refund_id, sequence, kind, state, previous_state, request_id, actor, code, "
        "  message, detail, occurred_at) "
        "SELECT $1, $2, sequence, $3, $4, $5, $6, $7, $8, $9, $10::jsonb, now() FROM next RETURNING sequence",
        refund["merchant_id"],
        refund["id"],
        kind,
        state.value,
        previous.value if previous else None,
        cause.request_id,
        cause.actor[:200],
        code[:100] if code else None,
        message[:500] if message else None,
        json.dumps(detail or {}, default=str),
    )
    sequence: int = row["sequence"]
    return sequence


async def note(
    refund: Refund,
    kind: str,
    cause: Cause,
    *,
    code: str | None = None,
    message: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> int:
    """Append what happened to a refund whose state stays as it is; gives the event's sequence."""
    subject = {"id": refund.id, "merchant_id": refund.merchant_id}
    return await append(
        subject, kind, refund.state, cause, previous=refund.state, code=code, message=message, detail=detail
    )


async def after(refund_id: UUID, sequence: int, *, limit: int = 200) -> list[Event]:
    """The refund's events after `sequence`, in order, at most `limit`."""
    return await Event.filter(refund_id=refund_id, sequence__gt=sequence).order_by("sequence").limit(limit)


async def of_refunds(refund_ids: Sequence[UUID], limit: int) -> Mapping[UUID, list[Event]]:
    """The first `limit` events of each refund, in order."""
    return await first_of_each(Event, refund_ids, key="refund_id", order="sequence", limit=limit)
