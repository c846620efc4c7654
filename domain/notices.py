"""Webhooks: stored raw once, answered, and applied once at our own pace."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid4

from domain import bell, calls, findings, payments, schedules
from domain.connections import credentials_of
from domain.database import rows, transaction
from domain.findings import FindingKind, Found
from domain.idempotency import Cause
from domain.lifecycle import State
from domain.models import Connection, Notice, Payment, Refund
from domain.money import Money
from domain.pse.registry import connector
from domain.pse.vocabulary import Declined, KnownRefund, Outcome, Returned, Succeeded, WebhookRequest
from domain.pse.vocabulary import Notice as Told
from domain.record import Door, Source, record

JOB: Final = "notice"
ACTOR: Final = "PSE webhook"
_LEASE_SECONDS: Final = 60.0


async def store(connection_id: UUID, request: WebhookRequest, request_id: str, key: bytes) -> UUID | None:
    """Verify and store a webhook; its id, None when there is no such connection.

    The same body again is counted, not stored. Raises BadSignature, BadNotice.
    """
    connection = await Connection.get_or_none(id=connection_id, enabled=True)
    if connection is None:
        return None
    connector(connection.pse).read_webhook(credentials_of(connection, key), request, datetime.now(UTC))
    (row,) = await rows(
        "INSERT INTO notices (id, connection_id, digest, body, headers, request_id, received_at, times_received, "
        "  due_at, tries) VALUES ($1, $2, $3, $4, $5::jsonb, $6, now(), 1, now(), 0) "
        "ON CONFLICT (connection_id, digest) DO UPDATE SET times_received = notices.times_received + 1 RETURNING id",
        uuid4(),
        connection.id,
        hashlib.sha256(request.body).hexdigest(),
        request.body,
        json.dumps(calls.redacted(request.headers)),
        request_id,
    )
    notice_id: UUID = row["id"]
    await bell.ring(JOB, notice_id)
    return notice_id


@dataclass(frozen=True, slots=True)
class Claimed:
    """A notice to apply, and what it tells."""

    notice: Notice
    connection: Connection
    told: list[Told]


async def take(notice_id: UUID, key: bytes) -> Claimed | None:
    """Claim a due notice; None when it is not due."""
    claimed = await rows(
        "UPDATE notices SET due_at = now() + make_interval(secs => $2::float8), tries = tries + 1 "
        "WHERE id = $1 AND due_at <= now() AND applied_at IS NULL RETURNING id",
        notice_id,
        _LEASE_SECONDS,
    )
    if not claimed:
        return None
    notice = await Notice.get(id=notice_id)
    connection = await Connection.get(id=notice.connection_id)
    told = connector(connection.pse).read_webhook(
        credentials_of(connection, key), _as_received(notice, connection, key), notice.received_at
    )
    return Claimed(notice, connection, told)


def _as_received(notice: Notice, connection: Connection, key: bytes) -> WebhookRequest:
    # The signature was checked at the door; the path's secret is put back, because it is never stored.
    secret = credentials_of(connection, key).secrets.get("webhook_secret", "")
    headers: Mapping[str, str] = notice.headers
    return WebhookRequest("POST", f"/webhooks/{connection.id}/{secret}/pix", "", headers, bytes(notice.body))


async def match(connection: Connection, told: Told) -> Refund | None:
    """Our refund that a notice speaks of: by our reference, then by the PSE's."""
    if told.reference is not None:
        refund = await Refund.get_or_none(reference=told.reference, connection_id=connection.id)
        if refund is not None:
            return refund
    if told.pse_refund_reference is None:
        return None
    return await Refund.filter(connection_id=connection.id, pse_refund_reference=told.pse_refund_reference).first()


async def apply_to(refund: Refund, told: Told, notice: Notice) -> None:
    """Take in what a signed notice proves; one that proves nothing makes the refund due, so that the PSE is asked."""
    await rows(
        "INSERT INTO notice_refunds (notice_id, refund_id) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING id",
        notice.id,
        refund.id,
    )
    if told.outcome is not None:
        await record(refund.id, told.outcome, Source(Door.NOTICE), Cause(notice.request_id, ACTOR))
        return
    await rows(
        "UPDATE refunds SET due_at = now() WHERE id = $1 AND (due_at IS NULL OR due_at > now()) RETURNING id", refund.id
    )


async def done(notice: Notice, result: str) -> None:
    """The notice is applied: it will not be looked at again."""
    await rows(
        "UPDATE notices SET applied_at = now(), due_at = NULL, result = $2 WHERE id = $1 AND applied_at IS NULL "
        "RETURNING id",
        notice.id,
        result[:500],
    )


async def try_later(notice: Notice, connection: Connection, why: str) -> None:
    """Not applicable yet; at the schedule's end a person is called and the notice stays as it is."""
    tries = notice.tries
    ended = schedules.NOTICE.ended(tries)
    async with transaction():
        await rows(
            "UPDATE notices SET due_at = CASE WHEN $3 THEN NULL ELSE now() + make_interval(secs => $2::float8) END, "
            "  result = $4 WHERE id = $1 AND applied_at IS NULL RETURNING id",
            notice.id,
            schedules.NOTICE.delay(tries),
            ended,
            why[:500],
        )
        if ended:
            await findings.open_finding(
                Found(
                    kind=FindingKind.NOTICE_UNMATCHED,
                    merchant_id=connection.merchant_id,
                    connection_id=connection.id,
                    fingerprint=f"notice/{notice.id}",
                    amount=Money(0, "BRL"),
                    explanation=f"A webhook of {notice.received_at:%Y-%m-%d %H:%M} UTC could not be applied: {why}",
                    detail={"notice": str(notice.id)},
                )
            )


async def payment_of(connection: Connection, told: Told) -> Payment | None:
    """The payment that a notice speaks of, if it is registered."""
    if told.payment_reference is None:
        return None
    return await Payment.get_or_none(connection_id=connection.id, pse_reference=told.payment_reference)


async def take_in(payment: Payment, known: KnownRefund, cause: Cause) -> UUID | None:
    """Take in a refund as the PSE lists it: ours by its reference, else money taken without us.

    Gives the id of our refund, if it is one.
    """
    refund = await Refund.get_or_none(payment_id=payment.id, reference=known.reference)
    if refund is None:
        await payments.book_taken(payment, known, FindingKind.MISSING_IN_LEDGER, cause)
        return None
    outcome: Outcome = known.outcome
    if isinstance(outcome, Declined) and refund.state is State.SUCCEEDED:
        outcome = Returned(outcome.code, outcome.message, outcome.pse_refund_reference)
    if isinstance(outcome, Succeeded) and known.settled_at is not None:
        outcome = replace(outcome, at=known.settled_at)
    await record(refund.id, outcome, Source(Door.NOTICE), cause)
    return refund.id


async def of_refund(refund_id: UUID, *, limit: int = 100) -> list[Notice]:
    """The webhooks that spoke of a refund, oldest first, at most `limit`."""
    found = await rows(
        "SELECT notice_id FROM notice_refunds WHERE refund_id = $1 ORDER BY id DESC LIMIT $2", refund_id, limit
    )
    return await Notice.filter(id__in=[row["notice_id"] for row in found]).order_by("received_at", "id")
