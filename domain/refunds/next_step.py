"""What to do next about a refund that is due: send it, ask about it, or call a person.

`take` is the claim: it marks what will be done and commits before anything is sent.
"""

import time
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from tortoise.expressions import F

from domain.cause import WORKER, Cause
from domain.history import events
from domain.models import Connection, Payment, Refund
from domain.models.refunds import State
from domain.payments import confirmations
from domain.platform.crash import crash_here
from domain.platform.database import execute, transaction
from domain.pse.capabilities import Capability, LookUp, Route
from domain.pse.registry import capability
from domain.refunds import (
    attempts,
    call_person,
    confirming,
    current_destination,
    first_send,
    held,
    intervals,
    listing,
    put_off,
    schedule,
)
from domain.refunds.destination import destinations
from domain.refunds.first_send import Seen
from domain.refunds.moves import Note, move, sent
from domain.refunds.schedule import Sends
from domain.refunds.work import Ask, AskPayment, Send, Snapshot, parts_of

Next = Send | Ask | Snapshot | AskPayment


async def take(refund_id: UUID, *, lease_seconds: float, send_seconds: float) -> Next | None:
    """Claim a due refund for one step; None when it is not due, or when only a person can go on."""
    seen = await first_send.look(refund_id)
    return await take_seen(seen, lease_seconds=lease_seconds, send_seconds=send_seconds) if seen else None


async def take_seen(seen: Seen, *, lease_seconds: float, send_seconds: float) -> Next | None:
    """As `take`, of a refund that was looked at a moment ago."""
    send_before = time.monotonic() + lease_seconds - send_seconds
    if (send := await first_send.claim(seen, lease_seconds=lease_seconds, send_before=send_before)) is not None:
        return send
    async with transaction():
        refund, now = await put_off.due(seen.refund.id)
        if refund is None:
            return None
        crash_here("take.claimed")
        case = await _case(refund, now, lease_seconds, send_before)
        if refund.state is State.REQUESTED:
            return await _send(case)
        if refund.state is State.SUBMITTED:
            return await _doubt(case)
        if refund.state in destinations.WAITING:
            await _remind_or_expire(case)
            return None
        if refund.state is State.MANUAL:
            await schedule.postpone(refund.id, None)  # a person has it: the PSE is neither sent nor asked anything
            return None
        return await _ask(case)


@dataclass(frozen=True, slots=True)
class _Case:
    """A refund that was claimed, and all that is decided by."""

    refund: Refund
    payment: Payment
    connection: Connection
    able: Capability
    last: dict[str, Any] | None  # the newest attempt
    now: datetime  # by the database's clock
    lease_seconds: float
    send_before: float  # of time.monotonic()

    @property
    def cause(self) -> Cause:
        return Cause(self.refund.request_id, WORKER)

    @property
    def number(self) -> int:
        """Of the newest attempt; 0: there is none."""
        return self.last["number"] if self.last else 0

    @property
    def can_ask(self) -> bool:
        return self.able.can_ask(self.refund.pse_refund_reference)


async def _case(refund: Refund, now: datetime, lease_seconds: float, send_before: float) -> _Case:
    payment = await Payment.get(id=refund.payment_id)
    connection = await Connection.get(id=refund.connection_id)
    able = capability(connection.pse, payment.method)
    last = await attempts.last_of(refund.id)
    return _Case(refund, payment, connection, able, last, now, lease_seconds, send_before)


async def _send(case: _Case) -> Next | None:
    refund, able = case.refund, case.able
    sends = await schedule.sends_of(refund.id)
    if sends.count and not _unknown_just_now(case, sends):
        if case.can_ask:
            return await _question(case)
        if (why := sends.why_not_again(able, refund.pse_refund_reference)) is not None:
            await call_person.call_person(refund, case.cause, why)
            return None
    if able.window is not None and case.now > case.payment.captured_at + able.window:
        news = Note("EXPIRED", "REFUND_WINDOW_EXPIRED", "The refund window closed before the PSE took the order.")
        await move(refund, State.EXPIRED, case.cause, news, due_in=None)
        return None
    if not sends.count and await _is_questionable(case):
        return await _about_the_payment(case)
    if not sends.count and confirming.is_beyond(case.payment):
        await confirming.fail_beyond(refund, case.payment, case.cause)
        return None
    if await _held(case, sends):
        return None
    if able.route is Route.PAYOUT_WITH_DESTINATION and not await _wire_pays(case):
        return None
    if able.look_up is LookUp.BY_LISTING:
        if await listing.another_in_doubt(refund, sends):
            await _wait_for_the_other(case)
            return None
        if not sends.count and not _is_fresh(case, refund.known_at):
            await schedule.postpone(refund.id, case.lease_seconds)
            return Snapshot(**await _work(case, 0), asked_at=case.now)
    return await _first_send(case)


async def _is_questionable(case: _Case) -> bool:
    """Whether nobody but a client says so far that there is such a payment, and the PSE can be asked, or denied it."""
    payment = case.payment
    if payment.contradicted_at is not None:
        return True
    if not confirmations.is_open(payment, case.able) or await confirmations.by_report(payment.id):
        return False
    # The PSE was asked just now, and shows none so old: a second person has said yes instead (confirming).
    return not (_is_fresh(case, case.refund.unknown_at) and confirmations.proves_nothing(payment, case.able, case.now))


async def _about_the_payment(case: _Case) -> AskPayment | None:
    payment = case.payment
    if payment.contradicted_at is not None:
        await confirming.fail(case.refund, payment, case.cause)
        return None
    await schedule.postpone(case.refund.id, case.lease_seconds)
    return AskPayment(**await _work(case, 0), payment=payment, asked_at=case.now)


async def _held(case: _Case, sends: Sends) -> bool:
    """Whether the order must not go out now: it is looked at again soon, and a person is told when it may last."""
    found = await held.why(case.refund, case.payment)
    if found is None:
        return False
    if sends.count and found.lasting:
        await call_person.call_person(case.refund, case.cause, found.said)
        return True
    await schedule.postpone(case.refund.id, intervals.HELD_SECONDS if found.lasting else intervals.TURN_SECONDS)
    await _note_held(case, held.CODE, found.said)
    if found.lasting:
        await call_person.open_held(case.refund, found.said)
    return True


async def _wait_for_the_other(case: _Case) -> None:
    """Another refund of the payment may be at the PSE unnamed. The history says so, unless that takes a moment only."""
    others = Refund.filter(payment_id=case.payment.id, state__in=(State.REQUESTED, State.SUBMITTED))
    others = others.exclude(id=case.refund.id)
    if await others.filter(state=State.SUBMITTED, needs_person_since__isnull=False).exists():
        await schedule.postpone(case.refund.id, intervals.MINUTE)
        said = "Another refund of this payment is in doubt, which only people can end; this one waits for it."
        await _note_held(case, "OTHER_IN_DOUBT", said)
        return
    await schedule.postpone(case.refund.id, intervals.TURN_SECONDS)
    if await others.filter(doubt_since__isnull=False).exists():
        said = "Another refund of this payment is in doubt, and the PSE is asked about it; this one waits for it."
        await _note_held(case, "OTHER_IN_DOUBT", said)


async def _note_held(case: _Case, code: str, said: str) -> None:
    await put_off.note_held(case.refund, case.cause, code, said)


async def _first_send(case: _Case) -> Send:
    number = case.number + 1
    await move(case.refund, State.SUBMITTED, case.cause, sent(number), due_in=case.lease_seconds, attempt=number)
    crash_here("take.before_commit")
    return await _sending(case, number)


def _is_fresh(case: _Case, asked_at: datetime | None) -> bool:
    # A question and the send that it was asked for are one lease apart at most: what came later, it does not know.
    return asked_at is not None and (case.now - asked_at).total_seconds() <= case.lease_seconds


def _unknown_just_now(case: _Case, sends: Sends) -> bool:
    """Whether the PSE has just said, after the grace of every earlier send, that it knows none of them."""
    refund, able = case.refund, case.able
    if not _is_fresh(case, refund.unknown_at) or sends.why_not_again(able, refund.pse_refund_reference) is not None:
        return False
    return refund.unknown_at is not None and refund.unknown_at >= sends.known_by(able)


async def _wire_pays(case: _Case) -> bool:
    """Whether the PSE's own wire can pay to the destination; where not, a person pays by the payment instruction."""
    refund = case.refund
    destination = await current_destination.of(refund.id)
    assert destination is not None, "A refund without a way back is cleared to go with its destination."
    if destination.kind in case.able.destinations:
        return True
    said = f"This PSE does not pay to a {destination.kind}: pay it by the payment instruction, and bring evidence."
    await move(refund, State.MANUAL, case.cause, Note("MANUAL", "NO_PAYOUT_WIRE", said), due_in=None)
    return False


async def _remind_or_expire(case: _Case) -> None:
    refund = case.refund
    if refund.expires_at is None:
        await schedule.postpone(refund.id, None)
    elif case.now >= refund.expires_at:
        said = "Nobody decided in time; the amount is refundable again."
        await move(refund, State.EXPIRED, case.cause, Note("EXPIRED", "NOBODY_DECIDED", said), due_in=None)
    else:
        said = f"It expires at {refund.expires_at.isoformat()}."
        await events.note(refund, "REMINDER", case.cause, code="EXPIRES_SOON", message=said)
        await execute("UPDATE refunds SET reminded_at = now(), due_at = expires_at WHERE id = $1", refund.id)


async def _work(case: _Case, number: int) -> dict[str, Any]:
    parts = parts_of(case.refund, case.payment, case.connection, case.able, number, case.cause)
    if case.able.look_up is LookUp.BY_LISTING:
        parts["order"] = replace(parts["order"], not_ours=await listing.not_ours(case.refund))
    return parts


async def _sending(case: _Case, number: int) -> Send:
    work = await _work(case, number)
    return Send(**work, send_before=case.send_before)


async def _doubt(case: _Case) -> Send | Ask | None:
    refund, last = case.refund, case.last
    assert last is not None, "A refund is SUBMITTED by opening an attempt."
    live = last["ended_at"] is None
    if live and last["claimed_until"] <= case.now:
        await attempts.lose(refund, last["number"], case.cause)
        live = False
    if case.can_ask:
        return await _ask(case)
    if live:
        await schedule.postpone(refund.id, (last["claimed_until"] - case.now).total_seconds())
        return None
    sends = await schedule.sends_of(refund.id)
    if await _held(case, sends):
        return None
    if (why := sends.why_not_again(case.able, refund.pse_refund_reference)) is None:
        return await _resend(case, case.number + 1)
    await call_person.call_person(refund, case.cause, why)
    return None


async def _resend(case: _Case, number: int) -> Send | None:
    if case.refund.needs_person_since is not None:
        await schedule.postpone(case.refund.id, intervals.ESCALATION_SECONDS)
        return None
    await attempts.begin(case.refund, number, case.lease_seconds)
    await events.note(case.refund, "SUBMITTED", case.cause, detail={"attempt": number})
    await schedule.postpone(case.refund.id, case.lease_seconds)
    crash_here("resend.before_commit")
    return await _sending(case, number)


async def _ask(case: _Case) -> Ask | None:
    refund = case.refund
    # A listing that names no reference tells only of what is in doubt: anything else could be another refund's.
    nameless = case.able.look_up is LookUp.BY_LISTING and refund.pse_refund_reference is None
    if not case.can_ask or (nameless and refund.state is not State.SUBMITTED):
        await _wait_for_the_pse(case)
        return None
    return await _question(case)


async def _question(case: _Case) -> Ask:
    await schedule.postpone(case.refund.id, case.lease_seconds)
    crash_here("ask.before_commit")
    return Ask(**await _work(case, case.number), asked_at=case.now)


async def _wait_for_the_pse(case: _Case) -> None:
    """Without a look-up only a webhook, a report or a person can go on; a schedule decides when a person is called."""
    refund = case.refund
    if refund.state is not State.PENDING:
        await schedule.postpone(refund.id, None)
        return
    if intervals.PENDING.ended(refund.asks):
        await call_person.open_overdue(refund)
    await Refund.filter(id=refund.id).update(asks=F("asks") + 1)
    await schedule.postpone(refund.id, intervals.PENDING.delay(refund.asks))
