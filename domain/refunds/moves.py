"""Moving a refund: state, the payment's counters, ledger entries and event, together or not at all."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from domain.books import ledger
from domain.cause import Cause
from domain.findings import findings, names
from domain.models import Payment, Refund
from domain.models.ledger import Entry
from domain.models.refunds import Holding, State, holding_of
from domain.payments import vat
from domain.platform import bell
from domain.platform.crash import crash_in_flight
from domain.platform.database import execute, rows
from domain.refunds import move_statement, returned
from domain.refunds.approvals import needs
from domain.refunds.states import BY_BANK, MOVES
from domain.taxes import moves as reversals

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


async def announce(refund_id: UUID) -> None:
    """Wake readers and the worker, after the commit."""
    await bell.wake(bell.refund_channel(refund_id))
    await bell.ring(bell.REFUND, refund_id)


async def move(
    refund: Refund,
    to: State,
    cause: Cause,
    news: Note,
    *,
    due_in: float | None,
    keep_rung: bool = False,
    attempt: int | None = None,
) -> int | None:
    """Take a locked refund to `to`. `due_in`: seconds until it is looked at again; None: it waits for nobody.

    `keep_rung`: if it fell due meanwhile (a webhook came during the call), it stays due, so that no news is lost.
    `attempt`: the number of the attempt that is opened with it; the lease of who sends it lasts `due_in`.
    Gives how much the bank has taken of the payment (minor units), None where the move did not lock the payment.
    An illegal move is a bug and raises KeyError: what a PSE says goes through states.decide first.
    """
    previous = refund.state
    entries = MOVES[(previous, to)]
    values = await _values(refund, to, entries, cause, news, due_in, keep_rung)
    if attempt is None:
        (moved,) = await rows(move_statement.PLAIN, *values)
    else:
        (moved,) = await rows(move_statement.SENDING, *values, attempt)
    await _follow_up(refund, previous, to, cause)
    refund.state = to
    refund.sequence = moved["sequence"]
    taken: int | None = moved["taken"]
    return taken


async def _follow_up(refund: Refund, previous: State, to: State, cause: Cause) -> None:
    """What else changes with its state: links, needs, findings and VAT."""
    if previous in (State.AWAITING_DESTINATION, State.AWAITING_APPROVAL):
        await close_links(refund.id)
        if to in _NEVER_SENT:
            await needs.end(refund.id)
    if to is State.RETURNED:
        said = "The refund came back: its VAT need not be taken back any more."
        await findings.resolve(refund.merchant_id, names.vat(refund.id), said)
        if refund.tax_amount:
            await reversals.came_back(refund, cause)
    await returned.moved(refund, to)
    if to in _NEVER_SENT:  # what reached the PSE is closed by the PSE's word (call_person)
        said = f"The refund is not sent any more: {to}."
        closed = (names.unsent(refund.id), names.held(refund.id), names.doubt(refund.id))
        await findings.resolve_of(refund.merchant_id, refund.id, dict.fromkeys(closed, said))
    if to is State.SUCCEEDED:
        await vat.flag_unreported(refund, refund.tax_amount)


async def send_if_unchanged(refund: Refund, payment: Payment, cause: Cause, attempt: int, lease_seconds: float) -> bool:
    """Take a refund that nobody has locked from REQUESTED to SUBMITTED with attempt `attempt`, in one statement.

    False, and nothing is written: somebody has it in hand, it is not as it was seen or not due, an earlier send may
    have arrived, or others have taken of its payment meanwhile.
    """
    news = sent(attempt)
    values = await _values(refund, State.SUBMITTED, (), cause, news, lease_seconds, keep_rung=False)
    seen = (refund.sequence, payment.taken_by_bank, payment.charged_back)
    statement = rows(move_statement.SENDING_IF_UNCHANGED, *values, attempt, *seen)
    return bool(await crash_in_flight("take.writing", statement))


def sent(attempt: int) -> Note:
    """What is noted of a first send."""
    return Note("SUBMITTED", detail={"attempt": attempt})


async def _values(
    refund: Refund,
    to: State,
    entries: Sequence[Entry],
    cause: Cause,
    news: Note,
    due_in: float | None,
    keep_rung: bool,
) -> list[Any]:
    """The values of a move's statement, as move_statement counts them."""
    failed = to in (State.FAILED, State.RETURNED)
    code = news.code[:100] if news.code else None
    message = news.message[:500] if news.message else None
    return [
        refund.id,
        to.value,
        due_in,
        keep_rung,
        news.pse_refund_reference,
        code if failed else None,
        message if failed else None,
        news.succeeded_at,
        refund.state.value,
        news.kind,
        cause.request_id,
        cause.actor[:200],
        code,
        message,
        json.dumps(news.detail or {}, default=str),
        *shift_of(refund.amount, refund.tax_amount, holding_of(refund.state), holding_of(to)),
        await ledger.today(refund.merchant_id) if entries else None,
        *_columns_of(refund, entries),
        *cause.known_by,
    ]


async def close_links(refund_id: UUID) -> None:
    """Close the customer's links of a refund. Inside the caller's transaction."""
    # A link speaks of the refund as it was: any move closes it.
    await execute(
        "UPDATE destination_links SET revoked_at = now() WHERE refund_id = $1 AND used_at IS NULL "
        "AND revoked_at IS NULL",
        refund_id,
    )


def shift_of(amount: int, tax: int, before: Holding, after: Holding) -> tuple[int, int, int]:
    """By how much a payment's reserved, refunded and allocated VAT change (minor units)."""
    reserved = amount * ((after is Holding.RESERVED) - (before is Holding.RESERVED))
    refunded = amount * ((after is Holding.REFUNDED) - (before is Holding.REFUNDED))
    held = tax * ((after is not Holding.RELEASED) - (before is not Holding.RELEASED))
    return reserved, refunded, held


def _columns_of(refund: Refund, entries: Sequence[Entry]) -> list[list[Any]]:
    """The entries' rows, column by column: entry, debit, credit, amount (minor units), leg."""
    found = [
        (entry.value, debit.value, credit.value, amount, leg)
        for entry in (BY_BANK.get(plain, plain) if refund.paid_by_bank_transfer else plain for plain in entries)
        for leg, (debit, credit, amount) in enumerate(ledger.legs_of(entry, refund.amount, refund.tax_amount), start=1)
    ]
    return [list(column) for column in zip(*found, strict=True)] or [[], [], [], [], []]
