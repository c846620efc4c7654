"""What to do next about a refund that is due: send it, ask about it, or call a person.

`take` is the claim: it marks what will be done and commits before anything is sent.
"""

import time
from uuid import UUID

from tortoise.expressions import F

from domain.history import events
from domain.models import Refund
from domain.models.refunds import State
from domain.payments import confirmations
from domain.platform.crash import crash_here
from domain.platform.database import execute, transaction
from domain.pse.capabilities import LookUp, Route
from domain.refunds import (
    attempts,
    call_person,
    confirming,
    current_destination,
    first_send,
    holding,
    intervals,
    listing,
    put_off,
    schedule,
)
from domain.refunds.claim import Claim
from domain.refunds.destination import destinations
from domain.refunds.first_send import Seen
from domain.refunds.moves import Note, move, sent
from domain.refunds.schedule import Sends
from domain.refunds.work import Ask, AskPayment, Send, Snapshot

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
        claim = await Claim.of(refund, now, lease_seconds, send_before)
        if refund.state is State.REQUESTED:
            return await _send(claim)
        if refund.state is State.SUBMITTED:
            return await _doubt(claim)
        if refund.state in destinations.WAITING:
            await _remind_or_expire(claim)
            return None
        if refund.state is State.MANUAL:
            await schedule.postpone(refund.id, None)  # a person has it: the PSE is neither sent nor asked anything
            return None
        return await _ask(claim)


async def _send(claim: Claim) -> Next | None:
    refund, able = claim.refund, claim.able
    sends = await schedule.sends_of(refund.id)
    if sends.count and not _unknown_just_now(claim, sends):
        if claim.can_ask:
            return await _question(claim)
        if (why := sends.why_not_again(able, refund.pse_refund_reference)) is not None:
            await call_person.call_person(refund, claim.cause, why)
            return None
    if able.window is not None and claim.now > claim.payment.captured_at + able.window:
        news = Note("EXPIRED", "REFUND_WINDOW_EXPIRED", "The refund window closed before the PSE took the order.")
        await move(refund, State.EXPIRED, claim.cause, news, due_in=None)
        return None
    if not sends.count and await _is_questionable(claim):
        return await _about_the_payment(claim)
    if not sends.count and confirming.is_beyond(claim.payment):
        await confirming.fail_beyond(refund, claim.payment, claim.cause)
        return None
    if await holding.held_back(claim, sends):
        return None
    if able.route is Route.PAYOUT_WITH_DESTINATION and not await _wire_pays(claim):
        return None
    if able.look_up is LookUp.BY_LISTING:
        if await listing.another_in_doubt(refund, sends):
            await holding.wait_for_the_other(claim)
            return None
        if not sends.count and not claim.is_fresh(refund.known_at):
            await schedule.postpone(refund.id, claim.lease_seconds)
            return Snapshot(**await claim.work(0), asked_at=claim.now)
    return await _first_send(claim)


async def _is_questionable(claim: Claim) -> bool:
    """Whether nobody but a client says so far that there is such a payment, and the PSE can be asked, or denied it."""
    payment = claim.payment
    if payment.contradicted_at is not None:
        return True
    if not confirmations.is_open(payment, claim.able) or await confirmations.by_report(payment.id):
        return False
    # The PSE was asked just now, and shows none so old: a second person has said yes instead (confirming).
    return not (
        claim.is_fresh(claim.refund.unknown_at) and confirmations.proves_nothing(payment, claim.able, claim.now)
    )


async def _about_the_payment(claim: Claim) -> AskPayment | None:
    payment = claim.payment
    if payment.contradicted_at is not None:
        await confirming.fail(claim.refund, payment, claim.cause)
        return None
    await schedule.postpone(claim.refund.id, claim.lease_seconds)
    return AskPayment(**await claim.work(0), payment=payment, asked_at=claim.now)


async def _first_send(claim: Claim) -> Send:
    number = claim.number + 1
    await move(claim.refund, State.SUBMITTED, claim.cause, sent(number), due_in=claim.lease_seconds, attempt=number)
    crash_here("take.before_commit")
    return await _sending(claim, number)


def _unknown_just_now(claim: Claim, sends: Sends) -> bool:
    """Whether the PSE has just said, after the grace of every earlier send, that it knows none of them."""
    refund, able = claim.refund, claim.able
    if not claim.is_fresh(refund.unknown_at) or sends.why_not_again(able, refund.pse_refund_reference) is not None:
        return False
    return refund.unknown_at is not None and refund.unknown_at >= sends.known_by(able)


async def _wire_pays(claim: Claim) -> bool:
    """Whether the PSE's own wire can pay to the destination; where not, a person pays by the payment instruction."""
    refund = claim.refund
    destination = await current_destination.of(refund.id)
    assert destination is not None, "A refund without a way back is cleared to go with its destination."
    if destination.kind in claim.able.destinations:
        return True
    said = f"This PSE does not pay to a {destination.kind}: pay it by the payment instruction, and bring evidence."
    await move(refund, State.MANUAL, claim.cause, Note("MANUAL", "NO_PAYOUT_WIRE", said), due_in=None)
    return False


async def _remind_or_expire(claim: Claim) -> None:
    refund = claim.refund
    if refund.expires_at is None:
        await schedule.postpone(refund.id, None)
    elif claim.now >= refund.expires_at:
        said = "Nobody decided in time; the amount is refundable again."
        await move(refund, State.EXPIRED, claim.cause, Note("EXPIRED", "NOBODY_DECIDED", said), due_in=None)
    else:
        said = f"It expires at {refund.expires_at.isoformat()}."
        await events.note(refund, "REMINDER", claim.cause, code="EXPIRES_SOON", message=said)
        await execute("UPDATE refunds SET reminded_at = now(), due_at = expires_at WHERE id = $1", refund.id)


async def _sending(claim: Claim, number: int) -> Send:
    work = await claim.work(number)
    return Send(**work, send_before=claim.send_before)


async def _doubt(claim: Claim) -> Send | Ask | None:
    refund, last = claim.refund, claim.last
    assert last is not None, "A refund is SUBMITTED by opening an attempt."
    live = last["ended_at"] is None
    if live and last["claimed_until"] <= claim.now:
        await attempts.lose(refund, last["number"], claim.cause)
        live = False
    if claim.can_ask:
        return await _ask(claim)
    if live:
        await schedule.postpone(refund.id, (last["claimed_until"] - claim.now).total_seconds())
        return None
    sends = await schedule.sends_of(refund.id)
    if await holding.held_back(claim, sends):
        return None
    if (why := sends.why_not_again(claim.able, refund.pse_refund_reference)) is None:
        return await _resend(claim, claim.number + 1)
    await call_person.call_person(refund, claim.cause, why)
    return None


async def _resend(claim: Claim, number: int) -> Send | None:
    if claim.refund.needs_person_since is not None:
        await schedule.postpone(claim.refund.id, intervals.ESCALATION_SECONDS)
        return None
    await attempts.begin(claim.refund, number, claim.lease_seconds)
    await events.note(claim.refund, "SUBMITTED", claim.cause, detail={"attempt": number})
    await schedule.postpone(claim.refund.id, claim.lease_seconds)
    crash_here("resend.before_commit")
    return await _sending(claim, number)


async def _ask(claim: Claim) -> Ask | None:
    refund = claim.refund
    # A listing that names no reference tells only of what is in doubt: anything else could be another refund's.
    nameless = claim.able.look_up is LookUp.BY_LISTING and refund.pse_refund_reference is None
    if not claim.can_ask or (nameless and refund.state is not State.SUBMITTED):
        await _wait_for_the_pse(claim)
        return None
    return await _question(claim)


async def _question(claim: Claim) -> Ask:
    await schedule.postpone(claim.refund.id, claim.lease_seconds)
    crash_here("ask.before_commit")
    return Ask(**await claim.work(claim.number), asked_at=claim.now)


async def _wait_for_the_pse(claim: Claim) -> None:
    """Without a look-up only a webhook, a report or a person can go on; a schedule decides when a person is called."""
    refund = claim.refund
    if refund.state is not State.PENDING:
        await schedule.postpone(refund.id, None)
        return
    if intervals.PENDING.ended(refund.asks):
        await call_person.open_overdue(refund)
    await Refund.filter(id=refund.id).update(asks=F("asks") + 1)
    await schedule.postpone(refund.id, intervals.PENDING.delay(refund.asks))
