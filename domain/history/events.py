"""Appending to a refund's history. The sequence is gapless because it is taken under the refund's row lock."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
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
        "  message, detail, party, token_id, session_id, occurred_at) "
        "SELECT $1, $2, sequence, $3, $4, $5, $6, $7, $8, $9, $10::jsonb, $11, $12, $13, now() FROM next "
        "RETURNING sequence",
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
        *cause.known_by,
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


@dataclass(frozen=True, slots=True)
class Happened:
    """What followers are told of an event; `occurred_at` is UTC."""

    merchant_id: UUID
    refund_id: UUID
    sequence: int
    kind: str
    state: State
    previous_state: State | None
    occurred_at: datetime
    request_id: str
    actor: str
    code: str | None
    message: str | None


TOLD: Final = (
    "e.merchant_id, e.refund_id, e.sequence, e.kind, e.state, e.previous_state, e.occurred_at, e.request_id, "
    "e.actor, e.code, e.message"
)


def happened(row: Mapping[str, Any]) -> Happened:
    """A row of the TOLD columns."""
    previous = row["previous_state"]
    return Happened(
        row["merchant_id"],
        row["refund_id"],
        row["sequence"],
        row["kind"],
        State(row["state"]),
        State(previous) if previous else None,
        row["occurred_at"],
        row["request_id"],
        row["actor"],
        row["code"],
        row["message"],
    )


async def after_each(pairs: Sequence[tuple[UUID, int]], limit: int) -> list[list[Happened]]:
    """For each refund and sequence, in one statement: the events after that sequence, in order, at most `limit`."""
    found = await rows(
        f"SELECT asked.n, {TOLD} FROM unnest($1::uuid[], $2::bigint[]) WITH ORDINALITY AS asked (id, sequence, n), "  # noqa: S608
        "LATERAL (SELECT * FROM events WHERE refund_id = asked.id AND sequence > asked.sequence "
        "  ORDER BY sequence LIMIT $3) AS e ORDER BY asked.n, e.sequence",
        [refund_id for refund_id, _ in pairs],
        [sequence for _, sequence in pairs],
        limit,
    )
    given: list[list[Happened]] = [[] for _ in pairs]
    for row in found:
        given[row["n"] - 1].append(happened(row))
    return given
