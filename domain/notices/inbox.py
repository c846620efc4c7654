"""Webhooks: stored raw once, answered, and applied once at our own pace."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid4

from domain.cause import WEBHOOK, Cause
from domain.connections import calls
from domain.connections.connections import nothing_at_stake, zone_of
from domain.findings import findings
from domain.findings.findings import FindingKind, Found
from domain.models import Connection, Notice, Payment, Refund
from domain.notices import subjects
from domain.notices.verified import verify
from domain.payments import chargebacks
from domain.platform import bell
from domain.platform.crash import crash_here
from domain.platform.database import execute, for_all, for_merchant, rows, transaction
from domain.platform.lengths import fits
from domain.pse.registry import connector
from domain.pse.vocabulary import (
    Announced,
    BadNotice,
    BadSignature,
    ChargedBack,
    NotUnderstood,
    TellsOfRefund,
    Told,
    WebhookRequest,
)
from domain.reconciliation import nights
from domain.refunds import intervals, schedule
from domain.refunds.news import Door, Source
from domain.refunds.record import record

ACTOR: Final = WEBHOOK
_LEASE_SECONDS: Final = 60.0


async def store(connection_id: UUID, request: WebhookRequest, request_id: str, key: bytes) -> UUID | None:
    """Verify and store a webhook; its id, None when there is no such connection.

    The same body again is counted, not stored. Of one that is not authentic only the number is kept.
    Raises BadSignature; Unsealable and KeyServiceAway when the connection's secrets do not open.
    """
    with for_all("whose the address is that a PSE calls"):
        connection = await Connection.get_or_none(id=connection_id)  # disabled: it still tells of what was sent before
    if connection is None:
        return None
    with for_merchant(connection.merchant_id):
        return await _store(connection, request, request_id, key)


async def _store(connection: Connection, request: WebhookRequest, request_id: str, key: bytes) -> UUID:
    try:
        await verify(connection, request, key)
    except BadSignature:
        await _count_refused(connection)
        raise
    crash_here("notice.verified")
    (row,) = await rows(
        # A notice that proves nothing by itself may be the same bytes for other news: it is applied each time it comes
        # (`done` sees what came while it was applied). One whose schedule has ended has another chance.
        "INSERT INTO notices (id, connection_id, digest, body, headers, request_id, received_at, times_received, "
        "  due_at, tries) VALUES ($1, $2, $3, $4, $5::jsonb, $6, now(), 1, now(), 0) "
        "ON CONFLICT (connection_id, digest) DO UPDATE SET times_received = notices.times_received + 1, "
        "  due_at = CASE WHEN notices.due_at IS NULL AND ($7 OR notices.applied_at IS NULL) THEN now() "
        "    ELSE notices.due_at END, "
        "  tries = CASE WHEN notices.due_at IS NULL AND ($7 OR notices.applied_at IS NULL) THEN 0 "
        "    ELSE notices.tries END, "
        "  applied_at = CASE WHEN $7 THEN NULL ELSE notices.applied_at END RETURNING id",
        uuid4(),
        connection.id,
        hashlib.sha256(request.body).hexdigest(),
        request.body,
        json.dumps(calls.redacted(request.headers)),
        request_id,
        _only_makes_us_ask(connection, request),
    )
    notice_id: UUID = row["id"]
    crash_here("notice.stored")
    await bell.ring(bell.NOTICE, notice_id)
    crash_here("notice.rung")
    return notice_id


def _only_makes_us_ask(connection: Connection, request: WebhookRequest) -> bool:
    try:
        told = connector(connection.pse).read_webhook(request)
    except BadNotice:
        return False
    return _proves_nothing(told)


def _proves_nothing(told: Sequence[Told]) -> bool:
    # A chargeback without its amount (EBANX) may be the payment's second one, told by the same bytes as the first.
    return any(
        (isinstance(one, TellsOfRefund) and one.outcome is None)
        or (isinstance(one, ChargedBack) and one.amount is None)
        for one in told
    )


async def _count_refused(connection: Connection) -> None:
    await execute(
        "INSERT INTO refused_webhooks (connection_id, day, times) VALUES ($1, (now() AT TIME ZONE 'UTC')::date, 1) "
        "ON CONFLICT (connection_id, day) DO UPDATE SET times = refused_webhooks.times + 1",
        connection.id,
    )


@dataclass(frozen=True, slots=True)
class Claimed:
    """A notice to apply, and what it tells."""

    notice: Notice
    connection: Connection
    told: list[Told]


@for_all("whose a notice is that was rung for")
async def take(notice_id: UUID) -> Claimed | None:
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
    return Claimed(notice, connection, _told(notice, connection))


def _told(notice: Notice, connection: Connection) -> list[Told]:
    # The signature was checked at the door; what cannot be read is kept and shown, and moves nothing.
    headers: Mapping[str, str] = notice.headers
    request = WebhookRequest("POST", f"/webhooks/{connection.id}", "", headers, bytes(notice.body))
    try:
        return connector(connection.pse).read_webhook(request)
    except BadNotice as error:
        return [NotUnderstood(str(error))]


async def announce(connection: Connection, told: Announced) -> None:
    """Remember that a report can be fetched, and ring for the run that fetches it."""
    made = await rows(
        "INSERT INTO announced_reports (connection_id, name, announced_at) VALUES ($1, $2, now()) "
        "ON CONFLICT DO NOTHING RETURNING id",
        connection.id,
        told.report[:200],
    )
    if not made:
        await nights.announced_again(connection.id, told.report)
    today = datetime.now(UTC).astimezone(await zone_of(connection)).date()
    await bell.ring(bell.RECONCILE, f"{connection.id}/{today}", queue=bell.BATCH_QUEUE)


async def apply_to(refund: Refund, told: TellsOfRefund, notice: Notice) -> None:
    """Take in what a signed notice proves; one that proves nothing makes the refund due, so that the PSE is asked.

    One that names another amount than ours is not about our order as we know it: a person must look.
    """
    await execute(
        "INSERT INTO notice_refunds (notice_id, refund_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        notice.id,
        refund.id,
    )
    if told.outcome is not None:
        outcome = subjects.checked(refund, told.outcome, told.amount, "The webhook tells of")
        await record(refund.id, outcome, Source(Door.NOTICE), Cause(notice.request_id, ACTOR))
        return
    await schedule.make_due(refund.id)


async def done(claimed: Claimed, result: str) -> None:
    """The notice is applied: it will not be looked at again, unless it came again while it was applied."""
    notice = claimed.notice
    (row,) = await rows(
        "UPDATE notices SET applied_at = CASE WHEN $4 AND times_received > $3 THEN NULL ELSE now() END, "
        "  due_at = CASE WHEN $4 AND times_received > $3 THEN now() END, "
        "  tries = CASE WHEN $4 AND times_received > $3 THEN 0 ELSE tries END, "
        "  result = $2, waits_for = NULL WHERE id = $1 RETURNING due_at IS NOT NULL AS again",
        notice.id,
        result[:500],
        notice.times_received,
        _proves_nothing(claimed.told),
    )
    await findings.resolve(claimed.connection.merchant_id, _name(notice), "It was understood at last.")
    if row["again"]:
        await bell.ring(bell.NOTICE, notice.id)


class NotRegistered(str):
    """Why a webhook waits: its payment is not registered."""

    __slots__ = ()


async def try_later(claimed: Claimed, why: str) -> None:
    """Not applicable yet; at the schedule's end a person is called and the notice stays as it is."""
    notice, connection = claimed.notice, claimed.connection
    names = _names_of(claimed.told)
    known = await Payment.exists(connection_id=connection.id, pse_reference__in=names, withdrawn_at=None)
    # A payment that was registered in the meantime has not revived what was just being applied.
    ended = intervals.NOTICE.ended(notice.tries) and not (known and isinstance(why, NotRegistered))
    async with transaction():
        await execute(
            "UPDATE notices SET waits_for = $5::jsonb, result = $4, due_at = CASE WHEN times_received > $6 THEN now() "
            "  WHEN $3 THEN NULL ELSE now() + make_interval(secs => $2::float8) END "
            "WHERE id = $1 AND applied_at IS NULL",
            notice.id,
            intervals.NOTICE.delay(notice.tries),
            ended,
            why[:500],
            json.dumps(names),
            notice.times_received,
        )
        if ended:
            await findings.open_finding(
                Found(
                    kind=FindingKind.NOTICE_UNMATCHED,
                    merchant_id=connection.merchant_id,
                    connection_id=connection.id,
                    fingerprint=_name(notice),
                    amount=await nothing_at_stake(connection),
                    explanation=f"A webhook of {notice.received_at:%Y-%m-%d %H:%M} UTC could not be applied: {why}",
                    detail={"notice": str(notice.id)},
                )
            )


def _name(notice: Notice) -> str:
    return f"notice/{notice.id}"


def _names_of(told: Sequence[Told]) -> list[str]:
    spoken = [one for one in told if isinstance(one, TellsOfRefund | ChargedBack)]
    named = [(one.payment_reference, one.payment_alias) for one in spoken]
    # What cannot be printed, or is longer than any name, names nothing, and not everything of it can be stored.
    return sorted({name for names in named for name in names if name is not None and _is_name(name)})


def _is_name(text: str) -> bool:
    return text.isprintable() and fits(Payment, "pse_reference", text)


async def charge_back(claimed: Claimed, told: ChargedBack) -> str | None:
    """Take in what a signed webhook tells of a chargeback. None when it is applied, else why not."""
    payment = await subjects.payment_of(claimed.connection, told)
    if payment is None:
        return NotRegistered(f"Payment {told.payment_reference} is not registered.")
    if told.amount is not None and told.amount.currency != payment.currency:
        return f"{told.amount} was charged back of a payment in {payment.currency}."
    await chargebacks.from_notice(payment, told, Cause(claimed.notice.request_id, ACTOR))
    return None
