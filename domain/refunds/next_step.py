"""What to do next about a refund that is due: send it, ask about it, or call a person (DESIGN section 5).

`take` is the claim: it marks what will be done and commits before anything is sent.
"""

import json
import time
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from domain.cause import Cause
from domain.history import events
from domain.models import Approval, Connection, Destination, Event, Payment, Refund
from domain.models.refunds import State
from domain.money import Money
from domain.platform.crash import crash_here
from domain.platform.database import rows, transaction
from domain.pse.capabilities import Capability, LookUp, Route
from domain.pse.registry import capability
from domain.pse.vocabulary import RefundOrder
from domain.refunds import call_person, intervals, schedule
from domain.refunds.destination import destinations
from domain.refunds.moves import News, lock, move
from domain.refunds.schedule import Sends
from domain.refunds.states import SETTLED_FOR_NOW

WORKER: Final = "worker"


@dataclass(frozen=True, slots=True)
class Work:
    """What the worker must do now, without any transaction open."""

    order: RefundOrder
    connection_id: UUID
    merchant_id: UUID
    refund_id: UUID
    attempt: int
    cause: Cause
    able: Capability


@dataclass(frozen=True, slots=True)
class Send(Work):
    """Send the order as attempt `attempt`, unless `time.monotonic()` has passed `send_before`."""

    send_before: float


@dataclass(frozen=True, slots=True)
class Ask(Work):
    """Ask the PSE about the order. `asked_at` (the database's clock) fences what it says."""

    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Snapshot(Work):
    """Ask which refunds of the payment the PSE has already, and `keep_snapshot`: only then the order may be sent.

    `asked_at` is of the database's clock.
    """

    asked_at: datetime


async def take(refund_id: UUID, *, lease_seconds: float, send_seconds: float) -> Send | Ask | Snapshot | None:
    """Claim a due refund for one step; None when it is not due, or when only a person can go on."""
    started = time.monotonic()
    async with transaction():
        refund, now = await _due(refund_id)
        if refund is None:
            return None
        crash_here("take.claimed")
        taken = _Taken(refund, now, lease_seconds, started + lease_seconds - send_seconds)
        payment = await Payment.get(id=refund.payment_id)
        connection = await Connection.get(id=refund.connection_id)
        able = capability(connection.pse, payment.method)
        last = await _last_attempt(refund.id)
        if refund.state is State.REQUESTED:
            return await _send(taken, payment, connection, able, last)
        if refund.state is State.SUBMITTED:
            return await _doubt(taken, payment, connection, able, last)
        if refund.state in destinations.WAITING:
            await _remind_or_expire(taken)
            return None
        if refund.state is State.MANUAL:
            await schedule.postpone(refund.id, None)  # a person has it: the PSE is neither sent nor asked anything
            return None
        return await _ask(taken, payment, connection, able, last)


@dataclass(frozen=True, slots=True)
class _Taken:
    refund: Refund
    now: datetime
    lease_seconds: float
    send_before: float

    @property
    def cause(self) -> Cause:
        return Cause(self.refund.request_id, WORKER)


async def put_off_resting(refund_id: UUID, seconds: float) -> None:
    """The PSE is left alone for so long: say so in the history once, and call a person when it goes on and on."""
    async with transaction():
        refund, now = await _due(refund_id)
        if refund is None:
            return
        await schedule.put_off(refund_id, seconds)
        if refund.state is State.MANUAL or refund.state in destinations.WAITING or refund.state in SETTLED_FOR_NOW:
            return
        last = await Event.filter(refund_id=refund_id).order_by("-sequence").first()
        if last is None or last.kind != "RESTING":
            said = "The PSE is left alone for a while, because it fails or asked for it; the refund waits."
            await events.note(refund, "RESTING", Cause(refund.request_id, WORKER), code="PSE_RESTING", message=said)
        elif now - last.occurred_at >= intervals.RESTING_FINDING:
            await call_person.open_resting(refund, last.occurred_at)


async def _due(refund_id: UUID) -> tuple[Refund | None, datetime]:
    found = await rows(
        "SELECT now() AS now FROM refunds WHERE id = $1 AND due_at <= now() FOR NO KEY UPDATE SKIP LOCKED",
        refund_id,
    )
    if not found:
        return None, datetime.min
    return await Refund.get(id=refund_id), found[0]["now"]


async def _last_attempt(refund_id: UUID) -> dict[str, Any] | None:
    found = await rows("SELECT * FROM attempts WHERE refund_id = $1 ORDER BY number DESC LIMIT 1", refund_id)
    return found[0] if found else None


def order_of(
    refund: Refund, payment: Payment, connection: Connection, attempt: int, *, succeeded: bool | None = None
) -> RefundOrder:
    """The order as its connector needs it."""
    return RefundOrder(
        base_url=connection.base_url,
        reference=refund.reference,
        payment_reference=payment.pse_reference,
        pse_refund_reference=refund.pse_refund_reference,
        method=payment.method,
        amount=Money(refund.amount, refund.currency),
        captured=Money(payment.captured, payment.currency),
        attempt=attempt,
        succeeded=refund.state in (State.SUCCEEDED, State.RETURNED) if succeeded is None else succeeded,
        description=refund.note,
        client_id=connection.client_id,
    )


async def _send(
    taken: _Taken, payment: Payment, connection: Connection, able: Capability, last: dict[str, Any] | None
) -> Send | Ask | Snapshot | None:
    refund = taken.refund
    sends = await schedule.sends_of(refund.id)
    if sends.count and not _unknown_just_now(taken, able, sends):
        if able.can_ask(refund.pse_refund_reference):
            return await _question(taken, payment, connection, able, last)
        if (why := sends.why_not_again(able, refund.pse_refund_reference)) is not None:
            await call_person.call_person(refund, taken.cause, why)
            return None
    if able.window is not None and taken.now > payment.captured_at + able.window:
        news = News("EXPIRED", "REFUND_WINDOW_EXPIRED", "The refund window closed before the PSE took the order.")
        await move(refund, State.EXPIRED, taken.cause, news, due_in=None)
        return None
    if able.route is Route.PAYOUT_WITH_DESTINATION and not await _wire_pays(taken, able):
        return None
    if able.look_up is LookUp.BY_LISTING:
        if await _another_in_doubt(refund, sends):
            await schedule.postpone(refund.id, intervals.TURN_SECONDS)
            return None
        if not sends.count and not _is_fresh(taken, refund.known_at):
            await schedule.postpone(refund.id, taken.lease_seconds)
            return Snapshot(**await _work(taken, payment, connection, able, 0), asked_at=taken.now)
    number = (last["number"] if last else 0) + 1
    await _open(taken, number)
    news = News("SUBMITTED", detail={"attempt": number})
    await move(refund, State.SUBMITTED, taken.cause, news, due_in=taken.lease_seconds)
    crash_here("take.before_commit")
    return await _sending(taken, payment, connection, able, number)


def _is_fresh(taken: _Taken, asked_at: datetime | None) -> bool:
    # A question and the send that it was asked for are one lease apart at most: what came later, it does not know.
    return asked_at is not None and (taken.now - asked_at).total_seconds() <= taken.lease_seconds


def _unknown_just_now(taken: _Taken, able: Capability, sends: Sends) -> bool:
    """Whether the PSE has just said, after the grace of every earlier send, that it knows none of them."""
    refund = taken.refund
    if not _is_fresh(taken, refund.unknown_at) or sends.why_not_again(able, refund.pse_refund_reference) is not None:
        return False
    return refund.unknown_at is not None and refund.unknown_at >= sends.known_by(able)


async def _wire_pays(taken: _Taken, able: Capability) -> bool:
    """Whether the PSE's own wire can pay to the destination; where not, a person pays by the payment instruction."""
    refund = taken.refund
    destination = await destinations.current(refund.id)
    assert destination is not None, "A refund without a way back is cleared to go with its destination."
    assert destination.payer_matches or await _approved(destination), "Somebody else's account needs a second person."
    if destination.kind in able.destinations:
        return True
    said = f"This PSE does not pay to a {destination.kind}: pay it by the payment instruction, and bring evidence."
    await move(refund, State.MANUAL, taken.cause, News("MANUAL", "NO_PAYOUT_WIRE", said), due_in=None)
    return False


async def _approved(destination: Destination) -> bool:
    return await Approval.exists(refund_id=destination.refund_id, fingerprint=destination.fingerprint, decision="YES")


async def _remind_or_expire(taken: _Taken) -> None:
    refund = taken.refund
    if refund.expires_at is None:
        await schedule.postpone(refund.id, None)
    elif taken.now >= refund.expires_at:
        said = "Nobody decided in time; the amount is refundable again."
        await move(refund, State.EXPIRED, taken.cause, News("EXPIRED", "NOBODY_DECIDED", said), due_in=None)
    else:
        said = f"It expires at {refund.expires_at.isoformat()}."
        await events.note(refund, "REMINDER", taken.cause, code="EXPIRES_SOON", message=said)
        await rows("UPDATE refunds SET reminded_at = now(), due_at = expires_at WHERE id = $1 RETURNING id", refund.id)


async def _another_in_doubt(refund: Refund, sends: Sends) -> bool:
    """Whether another refund of the payment may be at the PSE unnamed: two such could not be told apart in a listing.

    The payment's lock makes two workers take turns. Of two that were sent and wait to be sent again, one goes first.
    """
    await rows("SELECT id FROM payments WHERE id = $1 FOR NO KEY UPDATE", refund.payment_id)
    others = await rows(
        f"SELECT id, state FROM refunds r WHERE payment_id = $1 AND id <> $2 AND {schedule.MAY_ARRIVE}",  # noqa: S608 - ours
        refund.payment_id,
        refund.id,
    )
    return any(row["state"] == State.SUBMITTED or not sends.count or row["id"] < refund.id for row in others)


async def keep_snapshot(refund_id: UUID, known: frozenset[str], asked_at: datetime) -> None:
    """The PSE's ids of the payment's refunds before the first send that may arrive; the refund is due again at once.

    Once such a send was made, a listing may hold our own: one that comes so late is not kept.
    """
    async with transaction():
        refund = await lock(refund_id)
        if refund.state is not State.REQUESTED or (await schedule.sends_of(refund_id)).count:
            return
        await rows(
            "UPDATE refunds SET known_before = $2::jsonb, known_at = greatest(known_at, $3), due_at = now() "
            "WHERE id = $1 AND (known_at IS NULL OR known_at < $3) RETURNING id",
            refund_id,
            json.dumps(sorted(known)),
            asked_at,
        )


async def _not_ours(refund: Refund) -> frozenset[str]:
    others = await rows(
        "SELECT pse_refund_reference AS id FROM refunds WHERE payment_id = $1 AND id <> $2 "
        "AND pse_refund_reference IS NOT NULL",
        refund.payment_id,
        refund.id,
    )
    return frozenset(refund.known_before or ()) | {row["id"] for row in others}


async def _work(
    taken: _Taken, payment: Payment, connection: Connection, able: Capability, number: int
) -> dict[str, Any]:
    order = order_of(taken.refund, payment, connection, number)
    if able.look_up is LookUp.BY_LISTING:
        order = replace(order, not_ours=await _not_ours(taken.refund))
    return {
        "order": order,
        "connection_id": connection.id,
        "merchant_id": connection.merchant_id,
        "refund_id": taken.refund.id,
        "attempt": number,
        "cause": taken.cause,
        "able": able,
    }


async def _sending(taken: _Taken, payment: Payment, connection: Connection, able: Capability, number: int) -> Send:
    work = await _work(taken, payment, connection, able, number)
    return Send(**work, send_before=taken.send_before)


async def _open(taken: _Taken, number: int) -> None:
    await rows(
        "INSERT INTO attempts (refund_id, number, claimed_until, sent_at, refusal) "
        "VALUES ($1, $2, now() + make_interval(secs => $3::float8), now(), false) RETURNING id",
        taken.refund.id,
        number,
        taken.lease_seconds,
    )
    # Each send has a question of its own.
    await rows("UPDATE refunds SET unknown_at = NULL WHERE id = $1 RETURNING id", taken.refund.id)


async def _doubt(
    taken: _Taken, payment: Payment, connection: Connection, able: Capability, last: dict[str, Any] | None
) -> Send | Ask | None:
    assert last is not None, "A refund is SUBMITTED by opening an attempt."
    live = last["ended_at"] is None
    if live and last["claimed_until"] <= taken.now:
        await _lose(taken, last["number"])
        live = False
    if able.can_ask(taken.refund.pse_refund_reference):
        return await _ask(taken, payment, connection, able, last)
    if live:
        await schedule.postpone(taken.refund.id, (last["claimed_until"] - taken.now).total_seconds())
        return None
    sends = await schedule.sends_of(taken.refund.id)
    if (why := sends.why_not_again(able, taken.refund.pse_refund_reference)) is None:
        return await _resend(taken, payment, connection, able, last["number"] + 1)
    await call_person.call_person(taken.refund, taken.cause, why)
    return None


async def _lose(taken: _Taken, number: int) -> None:
    await rows(
        "UPDATE attempts SET ended_at = now(), outcome = 'IN_DOUBT', code = 'WORKER_LOST', "
        "  message = 'The worker that sent this ended before it could record the answer.' "
        "WHERE refund_id = $1 AND number = $2 AND ended_at IS NULL RETURNING id",
        taken.refund.id,
        number,
    )
    await rows(
        "UPDATE refunds SET doubt_since = coalesce(doubt_since, now()) WHERE id = $1 RETURNING id", taken.refund.id
    )
    said = "The worker ended in the middle of the call."
    await events.note(taken.refund, "IN_DOUBT", taken.cause, code="WORKER_LOST", message=said)


async def end_lost() -> int:
    """End the attempts that nobody will end: the worker is gone, and the refund came to its end without it. How many.

    A lease's length of patience is added, for a worker that is only slow.
    """
    ended = await rows(
        "UPDATE attempts a SET ended_at = now(), outcome = 'IN_DOUBT', code = 'WORKER_LOST', "
        "  message = 'The worker ended in the middle of the call; the end came another way.' "
        "FROM refunds r WHERE r.id = a.refund_id AND a.ended_at IS NULL "
        "  AND a.claimed_until + (a.claimed_until - a.sent_at) < now() AND r.state = ANY($1) RETURNING a.id",
        [state.value for state in SETTLED_FOR_NOW],
    )
    return len(ended)


async def _resend(
    taken: _Taken, payment: Payment, connection: Connection, able: Capability, number: int
) -> Send | None:
    if taken.refund.needs_person_since is not None:
        await schedule.postpone(taken.refund.id, intervals.ESCALATION_SECONDS)
        return None
    await _open(taken, number)
    await events.note(taken.refund, "SUBMITTED", taken.cause, detail={"attempt": number})
    await schedule.postpone(taken.refund.id, taken.lease_seconds)
    crash_here("resend.before_commit")
    return await _sending(taken, payment, connection, able, number)


async def _ask(
    taken: _Taken, payment: Payment, connection: Connection, able: Capability, last: dict[str, Any] | None
) -> Ask | None:
    refund = taken.refund
    # A listing that names no reference tells only of what is in doubt: anything else could be another refund's.
    nameless = able.look_up is LookUp.BY_LISTING and refund.pse_refund_reference is None
    if not able.can_ask(refund.pse_refund_reference) or (nameless and refund.state is not State.SUBMITTED):
        await _wait_for_the_pse(taken)
        return None
    return await _question(taken, payment, connection, able, last)


async def _question(
    taken: _Taken, payment: Payment, connection: Connection, able: Capability, last: dict[str, Any] | None
) -> Ask:
    await schedule.postpone(taken.refund.id, taken.lease_seconds)
    crash_here("ask.before_commit")
    number = last["number"] if last else 0
    return Ask(**await _work(taken, payment, connection, able, number), asked_at=taken.now)


async def _wait_for_the_pse(taken: _Taken) -> None:
    """Without a look-up only a webhook, a report or a person can go on; a schedule decides when a person is called."""
    refund = taken.refund
    if refund.state is not State.PENDING:
        await schedule.postpone(refund.id, None)
        return
    if intervals.PENDING.ended(refund.asks):
        await call_person.open_overdue(refund)
    await rows("UPDATE refunds SET asks = asks + 1 WHERE id = $1 RETURNING id", refund.id)
    await schedule.postpone(refund.id, intervals.PENDING.delay(refund.asks))
