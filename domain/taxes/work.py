"""What a person does with reversals: document, declare, write off, review. Each leaves a deed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from tortoise.queryset import QuerySet

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.books import bank_days as known_days
from domain.books import ledger
from domain.calendars import bank_days
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.models import Refund, VatReversal, VatWriteOff
from domain.models.taxes import Booked, RefundCause, ReversalState, TaxRegime
from domain.platform.database import transaction
from domain.problems import InvalidInput, InvalidState, NotFound
from domain.taxes import entered, giving_up, moves, places, reversals, rulebook
from domain.taxes.candidates import TOO_EARLY
from domain.taxes.moves import Paper
from domain.taxes.weigh import Review, Weighed, weigh

DOCUMENT: Final = "vatReversalDocument"
DECLARE: Final = "vatReversalDeclare"
WRITE_OFF: Final = "vatReversalWriteOff"
CONFIRM: Final = "vatReversalWriteOffConfirm"
DECLINE: Final = "vatReversalWriteOffDecline"
REVIEW: Final = "vatReversalReview"
AT_ONCE_MAX: Final = 100
_NUMBER_MAX: Final = 100
_NOTE: Final = (5, 500)
_DELIVERED_BEFORE_MAX: Final = timedelta(days=2 * 366)  # before the money came: sold on credit
_PERIOD: Final = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
_KEPT: Final = ("cause", "delivered_on", "event_on", "buyer_identified", "country", "regime", "accept")
_TOLD: Final = ("state", "reason", "document_number", "document_on", "period", "cause", "country", "due_on", "note")


@dataclass(frozen=True, slots=True)
class Said:
    """What a person says of a reversal; None: nothing. `accept`: they answer for it where the rules are not sure.

    `counter`: the document that undoes the one of a refund that came back.
    """

    note: str
    cause: RefundCause | None = None
    delivered_on: date | None = None
    event_on: date | None = None
    buyer_identified: bool | None = None
    country: str | None = None
    regime: TaxRegime | None = None
    accept: bool = False
    counter: Paper | None = None


def readable(principal: Principal) -> QuerySet[VatReversal]:
    """The reversals of the stores whose ledger somebody may read. Raises Forbidden."""
    scope = principal.scope(Permission.READ_LEDGER)
    found = VatReversal.filter(merchant_id=scope.merchant_id)
    return found if scope.stores is None else found.filter(store_id__in=list(scope.stores))


async def document(principal: Principal, reversal_id: UUID, number: str, on: date, cause: Cause) -> VatReversal:
    """Say which tax document takes the VAT back. Raises Forbidden, NotFound, InvalidInput, InvalidState."""
    async with transaction():
        row, before = await _held(principal, reversal_id)
        paper = Paper(_number(number), await _within(principal, row, on))
        await entered.check(row, paper)
        await moves.document(row, paper, cause)
        await _note(row, before, DOCUMENT, cause)
    return row


async def declare(principal: Principal, ids: Sequence[UUID], period: str, cause: Cause) -> list[VatReversal]:
    """Say that these stand in the return of a period (YYYY-MM): all of them, or none.

    Raises Forbidden, NotFound, InvalidInput, InvalidState.
    """
    if not 0 < len(ids) <= AT_ONCE_MAX:
        raise InvalidInput(f"Name 1 to {AT_ONCE_MAX} reversals.", path=["input", "reversalIds"])
    if _PERIOD.fullmatch(period) is None or period > (await _today(principal)).strftime("%Y-%m"):
        raise InvalidInput("period is YYYY-MM, of this month or an earlier one.", path=["input", "period"])
    async with transaction():
        seen = await VatReversal.filter(id__in=list(ids), merchant_id=principal.merchant_id)
        await moves.lock_refunds([row.refund_id for row in seen])
        return [await _declare(principal, one, period, cause) for one in sorted(set(ids))]


async def _declare(principal: Principal, reversal_id: UUID, period: str, cause: Cause) -> VatReversal:
    row, before = await _held(principal, reversal_id)
    if row.state is ReversalState.DECLARED and row.period == period:
        return row
    if row.state is not ReversalState.DOCUMENTED:
        raise InvalidState(
            f"Only what is documented is declared; this is {row.state.value}.",
            path=["input", "reversalIds"],
            current_state=row.state.value,
        )
    if period < min(row.paid_on, row.event_on or row.paid_on).strftime("%Y-%m"):
        raise InvalidInput("The period lies before the refund.", path=["input", "period"])
    row.state, row.period, row.decided_by = ReversalState.DECLARED, period, cause.actor[:200]
    await moves.save(row)
    await _note(row, before, DECLARE, cause)
    return row


async def write_off(principal: Principal, reversal_id: UUID, note: str, cause: Cause) -> VatReversal:
    """Say that the VAT is lost, and why: above the limit it waits for a second person (`VatReversal.writeOff`).

    Raises Forbidden, NotFound, InvalidInput, InvalidState.
    """
    async with transaction():
        row, before = await _held(principal, reversal_id)
        told = _checked_note(note)
        if row.state is ReversalState.NOT_RECOVERABLE:
            return row
        moves.check_losable(row)
        made = await giving_up.propose(principal, row, {"how": giving_up.WRITE_OFF}, told)
        if made.needs_two:
            await _in_step(row)
        else:
            row.note = told
            await moves.lose(row, cause)
        await _note(row, before, WRITE_OFF, cause, _waits(made))
    return row


async def confirm_write_off(
    principal: Principal, reversal_id: UUID, cause: Cause, seen: UUID | None = None
) -> VatReversal:
    """A second person's yes to VAT that is given up. `seen`: what they were shown, if that is known; nothing else is
    confirmed. Raises Forbidden, NotFound, InvalidInput, InvalidState.
    """
    async with transaction():
        row, before = await _held(principal, reversal_id)
        made = await giving_up.confirmed(principal, row, seen)
        row.note = made.note
        if made.said["how"] == giving_up.WRITE_OFF:
            await moves.lose(row, cause)
        else:
            said = _said_of(made)
            await _check_said(principal, row, said)
            await moves.settle(row, await _weighed(row, said), cause)
            await _in_step(row)
        by = {"proposed_by": [None, made.proposed_by], "how": [None, made.said["how"]]}
        await _note(row, before, CONFIRM, cause, by)
    return row


async def decline_write_off(principal: Principal, reversal_id: UUID, why: str, cause: Cause) -> VatReversal:
    """A no to it, or take it back. Raises Forbidden, NotFound, InvalidInput, InvalidState."""
    async with transaction():
        row, before = await _held(principal, reversal_id)
        told = _checked_note(why)
        made = await giving_up.declined(principal, row, told)
        by = {"proposed_by": [None, made.proposed_by], "why": [None, told]}
        await _note(row, before, DECLINE, cause, by)
    return row


def _waits(made: VatWriteOff) -> dict[str, list[Any]]:
    return {"waits_for_a_second_person": [None, True], "note": [None, made.note]} if made.needs_two else {}


def _told_of(said: Said) -> dict[str, Any]:
    """What was said, as it is kept until a second person has seen it."""
    kept = {name: getattr(said, name) for name in _KEPT}
    return {"how": giving_up.REVIEW, **{name: None if one is None else str(one) for name, one in kept.items()}}


def _said_of(made: VatWriteOff) -> Said:
    told = made.said
    return Said(
        note=made.note,
        cause=RefundCause(told["cause"]) if told["cause"] else None,
        delivered_on=date.fromisoformat(told["delivered_on"]) if told["delivered_on"] else None,
        event_on=date.fromisoformat(told["event_on"]) if told["event_on"] else None,
        buyer_identified=told["buyer_identified"] == "True" if told["buyer_identified"] else None,
        country=told["country"],
        regime=TaxRegime(told["regime"]) if told["regime"] else None,
        accept=told["accept"] == "True",
    )


async def review(principal: Principal, reversal_id: UUID, said: Said, cause: Cause) -> VatReversal:
    """Take in what a person knows, and weigh the reversal anew. Raises Forbidden, NotFound, InvalidInput, InvalidState.

    What was lost by a rule is found again where the new facts say so. What is lost by what is said waits for a second
    person above the limit.
    """
    async with transaction():
        row, before = await _held(principal, reversal_id)
        row.note = note = _checked_note(said.note)
        waits: dict[str, list[Any]] = {}
        if said.counter is not None:
            counter = Paper(_number(said.counter.number), await _within(principal, row, said.counter.issued_on))
            await moves.counter(row, await Refund.get(id=row.refund_id), counter, cause)
        else:
            await _check_said(principal, row, said)
            found = await _weighed(row, said)
            if found.state is ReversalState.NOT_RECOVERABLE and row.state is not found.state:
                seen = await VatReversal.get(id=row.id)  # as it is, and not as it would be
                made = await giving_up.propose(principal, seen, _told_of(said), note)
                row, waits = (seen, _waits(made)) if made.needs_two else (row, {})
            if not waits:
                await moves.settle(row, found, cause)
            await _in_step(row)
        await _note(row, before, REVIEW, cause, waits)
    return row


async def _check_said(principal: Principal, row: VatReversal, said: Said) -> None:
    """Raises InvalidInput for a country or a day that cannot be: deadlines are counted from what is said here."""
    if said.country is not None:
        places.check_country(said.country)
    today = await _today(principal)
    if said.event_on is not None and not row.sold_on <= said.event_on <= today:
        raise InvalidInput("It came back, or was annulled, between its sale and today.", path=["input", "eventOn"])
    if said.delivered_on is not None and not row.sold_on - _DELIVERED_BEFORE_MAX <= said.delivered_on <= today:
        raise InvalidInput("No delivery lies ahead, or years before its sale.", path=["input", "deliveredOn"])


async def _weighed(row: VatReversal, said: Said) -> Weighed:
    """Where the reversal stands by what is said, which is put into the row."""
    undecided = row.state in (*reversals.OPEN, ReversalState.NOT_RECOVERABLE) and row.booked is not Booked.DOCUMENTED
    if not undecided:
        raise InvalidState("It is decided: there is nothing to review.", path=["input"], current_state=row.state.value)
    row.cause, row.event_on = said.cause or row.cause, said.event_on or row.event_on
    row.delivered_on = said.delivered_on or row.delivered_on
    row.country, row.regime = said.country or row.country, said.regime or row.regime
    row.rules_version = rulebook.version()
    if said.buyer_identified is not None:
        row.buyer_identified = said.buyer_identified
    named = said.country is not None or await places.is_said(row.merchant_id, row.store_id, row.connection_id)
    own = await known_days.of_merchant(row.merchant_id)
    facts = reversals.facts_of(row, country_is_said=named)
    found = weigh(facts, lambda day: bank_days.works(row.country, day, own))
    return _accepted(found) if said.accept else found


def _accepted(found: Weighed) -> Weighed:
    """Who answers for it goes by a rule that we are not sure of; what must be known is asked all the same."""
    if found.reason not in (Review.RULE_UNSURE, Review.NO_RULE):
        return found
    return Weighed(ReversalState.NEEDED, found.rule, found.due_on)


async def _in_step(row: VatReversal) -> None:
    """The finding of what needs somebody is open."""
    if row.state in reversals.OPEN:
        refund = await Refund.get(id=row.refund_id)
        await reversals.open_finding(row, refund.reference)


async def _held(principal: Principal, reversal_id: UUID) -> tuple[VatReversal, dict[str, Any]]:
    """The reversal, locked, and what a deed tells of it as it was. Raises Forbidden, NotFound."""
    scope = principal.scope(Permission.KEEP_BOOKS)
    row, _ = await moves.hold(principal.merchant_id, reversal_id)
    if scope.stores is not None and row.store_id not in scope.stores:
        raise NotFound("There is no such VAT reversal; vatReversals lists yours.", path=["input", "reversalId"])
    return row, _facts(row)


def _facts(row: VatReversal) -> dict[str, Any]:
    return {name: None if getattr(row, name) is None else str(getattr(row, name)) for name in _TOLD}


async def _note(
    row: VatReversal,
    before: dict[str, Any],
    operation: str,
    cause: Cause,
    more: Mapping[str, list[Any]] | None = None,
) -> None:
    what = {**deeds.changed(before, _facts(row)), **(more or {})}
    await deeds.note(row.merchant_id, operation, Of("VAT reversal", row.id), cause, what)


async def _today(principal: Principal) -> date:
    return await ledger.today(principal.merchant_id)


async def _within(principal: Principal, row: VatReversal, on: date) -> date:
    """A document's day, between the sale and today: by hand as in a file. Raises InvalidInput."""
    if on > await _today(principal):
        raise InvalidInput("The document's day lies ahead.", path=["input", "issuedOn"])
    if on < row.sold_on:
        raise InvalidInput(TOO_EARLY, path=["input", "issuedOn"])
    return on


def _number(number: str) -> str:
    told = number.strip()
    if not (0 < len(told) <= _NUMBER_MAX and told.isprintable()):
        raise InvalidInput(f"number takes 1 to {_NUMBER_MAX} printable characters.", path=["input", "number"])
    return told


def _checked_note(note: str) -> str:
    told = note.strip()
    if not (_NOTE[0] <= len(told) <= _NOTE[1] and told.isprintable()):
        raise InvalidInput(f"note takes {_NOTE[0]} to {_NOTE[1]} characters.", path=["input", "note"])
    return told
