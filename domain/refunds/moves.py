"""Moving a refund: state, the payment's counters, ledger entries and event, together or not at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from domain.books import ledger
from domain.books.ledger import Posting
from domain.cause import Cause
from domain.findings import findings, names
from domain.history import events
from domain.models import Merchant, Payment, Refund
from domain.models.ledger import Entry
from domain.models.refunds import Holding, State, holding_of
from domain.payments import vat
from domain.platform.database import execute
from domain.refunds.states import BY_BANK, MOVES

_NEVER_SENT: Final = (State.REJECTED, State.CANCELED, State.EXPIRED)


@dataclass(frozen=True, slots=True)
class Note:
    """What comes with a move: why, and what the PSE said."""

    kind: str
    code: str | None = None
    message: str | None = None
    pse_refund_reference: str | None = None
    succeeded_at: datetime | None = None
    detail: Mapping[str, Any] | None = None


async def lock(refund_id: UUID) -> Refund:
    """The refund, its row locked until the caller's transaction ends."""
    return await Refund.filter(id=refund_id).select_for_update(no_key=True).get()


async def move(
    refund: Refund, to: State, cause: Cause, news: Note, *, due_in: float | None, keep_rung: bool = False
) -> None:
    """Take a locked refund to `to`. `due_in`: seconds until it is looked at again; None: it waits for nobody.

    `keep_rung`: if it fell due meanwhile (a webhook came during the call), it stays due, so that no news is lost.
    An illegal move is a bug and raises KeyError: what a PSE says goes through states.decide first.
    """
    previous = refund.state
    entries = MOVES[(previous, to)]
    payment = await Payment.get(id=refund.payment_id)
    await shift(payment.id, refund.amount, refund.tax_amount, holding_of(previous), holding_of(to))
    sequence = await events.append(
        {"id": refund.id, "merchant_id": refund.merchant_id},
        news.kind,
        to,
        cause,
        previous=previous,
        code=news.code,
        message=news.message,
        detail=news.detail,
    )
    if previous in (State.AWAITING_DESTINATION, State.AWAITING_APPROVAL):
        await close_links(refund.id)
    if entries:
        zone = (await Merchant.get(id=refund.merchant_id)).zone
        await ledger.post(postings_of(refund, payment, entries, sequence, zone, cause))
    await _store(refund, to, news, due_in, keep_rung)
    if to is State.RETURNED:
        said = "The refund came back: its VAT need not be taken back any more."
        await findings.resolve(refund.merchant_id, names.vat(refund.id), said)
    if to in _NEVER_SENT:  # what reached the PSE is closed by the PSE's word (call_person)
        for name in (names.unsent(refund.id), names.held(refund.id), names.doubt(refund.id)):
            await findings.resolve(refund.merchant_id, name, f"The refund is not sent any more: {to}.")
    if to is State.SUCCEEDED:
        await vat.flag_unreported(refund, refund.tax_amount)
    refund.state = to
    refund.sequence = sequence


async def close_links(refund_id: UUID) -> None:
    """Close the customer's links of a refund. Inside the caller's transaction."""
    # A link speaks of the refund as it was: any move closes it.
    await execute(
        "UPDATE destination_links SET revoked_at = now() WHERE refund_id = $1 AND used_at IS NULL "
        "AND revoked_at IS NULL",
        refund_id,
    )


async def shift(payment_id: UUID, amount: int, tax: int, before: Holding, after: Holding) -> None:
    """Move `amount` (minor units) of a payment between reserved, refunded and free, with its VAT."""
    if before is after:
        return
    reserved = amount * ((after is Holding.RESERVED) - (before is Holding.RESERVED))
    refunded = amount * ((after is Holding.REFUNDED) - (before is Holding.REFUNDED))
    held = tax * ((after is not Holding.RELEASED) - (before is not Holding.RELEASED))
    await execute(
        "UPDATE payments SET reserved = reserved + $2, refunded = refunded + $3, tax_allocated = tax_allocated + $4 "
        "WHERE id = $1",
        payment_id,
        reserved,
        refunded,
        held,
    )


def postings_of(
    refund: Refund, payment: Payment, entries: Sequence[Entry], sequence: int, zone: str, cause: Cause
) -> list[Posting]:
    """The postings of a refund's entries; event `sequence` makes their cause unique."""
    today = ledger.accounting_date_of(datetime.now(UTC), zone)
    return [
        Posting(
            merchant_id=refund.merchant_id,
            store_id=payment.store_id,
            connection_id=refund.connection_id,
            entry=entry,
            amount=refund.amount,
            tax=refund.tax_amount,
            currency=refund.currency,
            accounting_date=today,
            cause=f"refund/{refund.id}/{sequence}/{entry}",
            request_id=cause.request_id,
            payment_id=payment.id,
            refund_id=refund.id,
        )
        for entry in (BY_BANK.get(plain, plain) if refund.paid_by_bank_transfer else plain for plain in entries)
    ]


async def _store(refund: Refund, to: State, news: Note, due_in: float | None, keep_rung: bool) -> None:
    failed = to in (State.FAILED, State.RETURNED)
    await execute(
        "UPDATE refunds SET state = $2::varchar, asks = 0, "
        "  due_at = CASE WHEN $8::bool AND due_at <= now() THEN due_at "
        "    ELSE now() + make_interval(secs => $3::float8) END, "
        "  unsent = CASE WHEN $2::varchar IN ('REQUESTED', 'SUBMITTED') THEN unsent ELSE 0 END, "
        "  doubt_since = NULL, needs_person_since = NULL, expires_at = NULL, reminded_at = NULL, "
        "  pse_refund_reference = coalesce($4, pse_refund_reference), "
        "  failure_code = coalesce($5, failure_code), failure_message = coalesce($6, failure_message), "
        "  succeeded_at = CASE WHEN $2::varchar = 'SUCCEEDED' THEN coalesce($7, now()) ELSE succeeded_at END, "
        "  updated_at = now() WHERE id = $1",
        refund.id,
        to.value,
        due_in,
        news.pse_refund_reference,
        news.code[:100] if failed and news.code else None,
        news.message[:500] if failed and news.message else None,
        news.succeeded_at,
        keep_rung,
    )
