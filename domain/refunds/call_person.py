"""Calling a person: what no schedule and no PSE will end by itself is said on the refund, and opens a finding."""

from datetime import datetime
from typing import Final

from domain.cause import Cause
from domain.findings import findings, names
from domain.findings.findings import FindingKind, Found
from domain.history import events
from domain.models import Refund
from domain.money import Money
from domain.platform.database import execute
from domain.refunds import intervals, schedule

NOBODY_KNOWS: Final = "DOUBT_UNRESOLVED"  # the code of a doubt of which the PSE tells nothing


async def call_person(
    refund: Refund, cause: Cause, why: str, *, keep_rung: bool = False, code: str = NOBODY_KNOWS
) -> None:
    """Only a person can end this doubt: say so on the refund, open the finding, and remind daily.

    `keep_rung`: as of `schedule.postpone`. `code`: of what the PSE itself told, if it did.
    """
    await execute(
        "UPDATE refunds SET needs_person_since = coalesce(needs_person_since, now()) WHERE id = $1",
        refund.id,
    )
    await schedule.postpone(refund.id, intervals.ESCALATION_SECONDS, keep_rung=keep_rung)
    if refund.needs_person_since is None:
        await events.note(refund, "NEEDS_PERSON", cause, code=code, message=why)
    said = f"Whether refund {refund.reference} was paid is not known. {why}"
    await _open(FindingKind.DOUBT_UNRESOLVED, refund, names.doubt(refund.id), said)


async def open_overdue(refund: Refund) -> None:
    """The PSE has had the order for longer than any of its kind should take."""
    said = f"The PSE has refund {refund.reference} since {refund.updated_at:%Y-%m-%d}, undecided."
    await _open(FindingKind.PENDING_TOO_LONG, refund, names.pending(refund.id), said)


async def open_not_sent(refund: Refund, times: int, why: str) -> None:
    """The order could not be sent so often."""
    said = f"Refund {refund.reference} could not be sent {times} times: {why}"
    await _open(FindingKind.NOT_SENT, refund, names.unsent(refund.id), said)


async def open_resting(refund: Refund, since: datetime) -> None:
    """The PSE fails whatever is sent to it, so nothing is sent."""
    said = f"Refund {refund.reference} waits since {since:%Y-%m-%d %H:%M} UTC: the PSE fails, or is not at its address."
    await _open(FindingKind.NOT_SENT, refund, names.unsent(refund.id), said)


async def open_unusable(refund: Refund, why: str) -> None:
    """Our own key to the PSE cannot be used."""
    action = "Give the connection its secrets anew, or set the key that they were sealed with (`estorno check` says)."
    await _open(FindingKind.NOT_SENT, refund, names.unsent(refund.id), f"Refund {refund.reference}. {why}", action)


async def open_held(refund: Refund, why: str) -> None:
    """The order must not go out, because the customer may have the money already."""
    action = "See whether the customer has the money; if so, cancel this refund (refundCancel)."
    await _open(FindingKind.NOT_SENT, refund, names.held(refund.id), why, action)


def closed_by_its_word(refund: Refund, now: str) -> dict[str, str]:
    """The findings that end when the PSE has spoken: nobody need end a doubt or get the order out. How each is closed.

    `now`: what it said.
    """
    has_it = f"The PSE has it: {now}."
    closed = {names.unsent(refund.id): has_it, names.held(refund.id): has_it}
    return {names.doubt(refund.id): f"The PSE's word came: {now}.", **closed}


def closed_by_its_decision(refund: Refund, now: str) -> dict[str, str]:
    """The finding that ends when the PSE has decided, and how it is closed."""
    return {names.pending(refund.id): f"The PSE decided: {now}."}


async def _open(kind: FindingKind, refund: Refund, name: str, explanation: str, action: str | None = None) -> None:
    await findings.open_finding(
        Found(
            kind=kind,
            merchant_id=refund.merchant_id,
            connection_id=refund.connection_id,
            fingerprint=name,
            amount=Money(refund.amount, refund.currency),
            explanation=explanation,
            refund_id=refund.id,
            payment_id=refund.payment_id,
            action=action,
        )
    )
