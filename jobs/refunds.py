"""What happens to a refund by itself: it is sent, asked about, and what the PSE says is recorded."""

import random
import time
from collections.abc import Awaitable
from dataclasses import replace
from http import HTTPStatus
from typing import Final
from uuid import UUID

import structlog

from domain.connections.calls import About
from domain.connections.connections import SENDING
from domain.models.refunds import State
from domain.platform import bell, traces
from domain.platform.crash import crash_here
from domain.platform.database import door, for_all, for_merchant, remembered
from domain.platform.secrets import Unsealable
from domain.platform.settings import Settings
from domain.platform.wrapping import KeyServiceAway
from domain.pse.capabilities import Route
from domain.pse.checking import Answered
from domain.pse.registry import connector
from domain.pse.vocabulary import BadAnswer, InDoubt, NotTold, Outcome, PaymentAsked, Standing, Unsent
from domain.refunds import confirming, first_send, listing, next_step, put_off, refused, schedule
from domain.refunds.destination import destinations
from domain.refunds.first_send import Seen
from domain.refunds.news import Door, Recorded, Source
from domain.refunds.record import record
from domain.refunds.states import OFF_THE_WIRE
from domain.refunds.staying import not_sent
from domain.refunds.work import Ask, AskPayment, Send, Snapshot, Work
from jobs.wire.sender import Sender

_ACCESS_REFUSED: Final = ("TOKEN_REFUSED", "CREDENTIALS_UNUSABLE")
_SAID_MAX: Final = 300
_PAYMENT_BYTES_MAX: Final = 1024 * 1024
_log = structlog.get_logger()


@door
async def step(refund_id: UUID, sender: Sender, settings: Settings) -> None:
    """One step of one refund, if it is due: mark, call, record.

    What was asked only because a send needs it is followed by the send at once: later, it would have to be asked again.
    """
    started = time.monotonic()
    while await _step(refund_id, sender, settings):
        if time.monotonic() - started + settings.send_limit_seconds >= settings.job_timeout_seconds:
            break  # the queue gives the send a whole job's time


async def _step(refund_id: UUID, sender: Sender, settings: Settings) -> bool:
    """Whether it was a question whose answer lets the refund be sent now."""
    with for_all("whose a refund is that was rung for"):
        seen = await first_send.look(refund_id)
    if seen is None or seen.refund.due_at is None:
        return False
    with for_merchant(seen.connection.merchant_id):
        return await _step_of(seen, sender, settings)


async def _step_of(seen: Seen, sender: Sender, settings: Settings) -> bool:
    refund_id = seen.refund.id
    if seen.connection.state not in SENDING and seen.refund.state not in OFF_THE_WIRE:
        await put_off.suspended(refund_id)
        return False
    if refused.concerns(seen.refund) and refused.stands(seen.connection):
        await put_off.refused(refund_id, seen.connection)
        return False
    if (wait := sender.wait(seen.connection.id)) > 0:
        await put_off.resting(refund_id, _spread(wait), sender.failing_since(seen.connection.id))
        return False
    if seen.refund.state in put_off.SPEAKS and (why := await sender.why_not(seen.connection)) is not None:
        await put_off.unusable(refund_id, why.code, f"It waits: {why.said}"[:500], lasting=why.lasting)
        return False
    work = await next_step.take_seen(
        seen, lease_seconds=settings.lease_seconds, send_seconds=settings.send_limit_seconds
    )
    if work is None:
        return False
    merchant = str(work.connection.merchant_id)
    request_id = work.cause.request_id
    told = {"estorno.refund.id": str(refund_id), "estorno.merchant.id": merchant, "estorno.work": type(work).__name__}
    with (
        structlog.contextvars.bound_contextvars(request_id=request_id, merchant=merchant),
        traces.span("process refund", request_id, told) as noted,
    ):
        recorded = await _do(work, sender, settings)
        noted.attributes["estorno.refund.state"] = recorded.state.value
    await _ring_again(work, recorded, sender.rest(work.connection.id))
    crash_here("record.rung")
    asked_to_send = isinstance(work, AskPayment | Snapshot | Ask) and seen.refund.state is State.REQUESTED
    return asked_to_send and recorded.state is State.REQUESTED and recorded.due_in == 0


async def _do(work: Work, sender: Sender, settings: Settings) -> Recorded:
    if isinstance(work, AskPayment):
        return await _ask_payment(work, sender)
    if isinstance(work, Snapshot):
        return await _snapshot(work, sender)
    assert isinstance(work, Send | Ask), "There is no other work."
    outcome = await (_send(work, sender, settings) if isinstance(work, Send) else _ask(work, sender))
    crash_here("record.before")
    recorded = await record(work.refund_id, outcome, _source(work), work.cause)
    if recorded.stale:
        # Somebody else went on when the lease had passed: this answer is refused, and the PSE is asked again.
        _log.warning(
            "refund.answer_refused", refund=str(work.refund_id), attempt=work.attempt, heard=type(outcome).__name__
        )
    _log.info("refund.step", state=recorded.state, outcome=type(outcome).__name__, due_in=recorded.due_in)
    return recorded


async def _ask_payment(work: AskPayment, sender: Sender) -> Recorded:
    crash_here("payment.committed")
    connection, wire = work.connection, connector(work.connection.pse)
    account = await _account(work, sender)
    if isinstance(account, NotTold):
        return await confirming.take_in(work, account)
    asked = PaymentAsked(connection.base_url, work.payment.pse_reference, account)
    request = wire.ask_payment(asked)
    assert request is not None, "A connector whose capability is to be asked for a payment builds the question."
    answer = await sender.send(connection, request, _about(work, "PAYMENT"))
    if isinstance(answer, Unsent | InDoubt):
        await _count(work, answer)
        standing: Standing = NotTold(answer.code, answer.message)
    elif len(answer.content) > _PAYMENT_BYTES_MAX:  # to read it takes long, and all others wait meanwhile
        standing = NotTold("ANSWER_TOO_LARGE", f"The payment's answer is larger than {_PAYMENT_BYTES_MAX} bytes.")
    else:
        if answer.status_code != HTTPStatus.FORBIDDEN:  # a key may refund and not read
            await _count(work, answer)
        standing = wire.read_standing(asked, answer)
    crash_here("payment.asked")
    recorded = await confirming.take_in(work, standing)
    _log.info("refund.payment", state=recorded.state, standing=type(standing).__name__, due_in=recorded.due_in)
    return recorded


# Whose a key is, by the connection with its address and its sealed key: asked once, and anew for another key.
_accounts: Final[dict[tuple[UUID, str, bytes], str]] = remembered()


async def _account(work: AskPayment, sender: Sender) -> str | NotTold:
    """The account that the payment must be of: the PSE's number of the key's, where it shows payments of others."""
    connection, wire = work.connection, connector(work.connection.pse)
    request = wire.ask_account(connection.base_url)
    if request is None:
        return connection.client_id
    key = (connection.id, connection.base_url, bytes(connection.sealed_secrets))
    if key not in _accounts:
        answer = await sender.send(connection, request, _about(work, "ACCOUNT"))
        await _count(work, answer)
        if isinstance(answer, Unsent | InDoubt):
            return NotTold(answer.code, answer.message)
        told = wire.read_account(answer) if len(answer.content) <= _PAYMENT_BYTES_MAX else None
        if told is None:
            return NotTold("NO_ACCOUNT", f"The PSE does not say whose the key is ({answer.status_code}).")
        _accounts[key] = told
    return _accounts[key]


async def _snapshot(work: Snapshot, sender: Sender) -> Recorded:
    crash_here("snapshot.committed")
    wire = connector(work.connection.pse)
    request = wire.snapshot(work.order)
    assert request is not None, "A connector whose look-up is a listing can list."
    answer = await _sent(work, sender.send(work.connection, request, _about(work, "LOOK_UP")))
    if isinstance(answer, Unsent | InDoubt):
        return await not_sent(work.refund_id, answer.code, answer.message)
    try:
        known = wire.read_snapshot(work.order, answer)
    except BadAnswer as error:
        return await not_sent(work.refund_id, "UNREADABLE", str(error))
    await listing.keep_snapshot(work.refund_id, known, work.asked_at)
    crash_here("snapshot.kept")
    return Recorded(State.REQUESTED, 0)


def _source(work: Send | Ask) -> Source:
    if isinstance(work, Send):
        return Source(Door.ANSWER, attempt=work.attempt)
    return Source(Door.LOOK_UP, attempt=work.attempt, asked_at=work.asked_at)


async def _send(work: Send, sender: Sender, settings: Settings) -> Outcome:
    connection = work.connection
    wire = connector(connection.pse)
    destination = None
    if work.able.route is not Route.ORIGINAL:
        try:
            destination = await destinations.opened(work.refund_id, settings.secret_key)
        except Unsealable:
            return Unsent("DESTINATION_UNREADABLE", "Never sent: the account to pay to is sealed with another key.")
        except KeyServiceAway as error:
            return Unsent("KEY_SERVICE_AWAY", f"Never sent: the account to pay to cannot be opened: {error}"[:500])
    crash_here("take.committed")
    order = replace(work.order, webhook_url=settings.webhook_url(connection.id), destination=destination)
    about = _about(work, "REFUND")
    answer = await _sent(work, sender.send(connection, wire.refund(order), about, send_before=work.send_before))
    if isinstance(answer, Unsent | InDoubt):
        return answer
    if answer.status_code < HTTPStatus.TOO_MANY_REQUESTS and not wire.refuses_us(answer):
        await refused.lift(connection)  # only an order shows that the key may refund: many may look who may not
    return wire.read_refund(order, answer)


async def _ask(work: Ask, sender: Sender) -> Outcome:
    crash_here("ask.committed")
    wire = connector(work.connection.pse)
    request = wire.look_up(work.order)
    assert request is not None, "A connector whose capability is a look-up builds one."
    answer = await _sent(work, sender.send(work.connection, request, _about(work, "LOOK_UP")))
    if isinstance(answer, Unsent | InDoubt):
        # A question that never left says nothing about the refund.
        return InDoubt(answer.code, answer.message)
    return wire.read_look_up(work.order, answer)


async def _sent(work: Work, sending: Awaitable[Answered]) -> Answered:
    """The answer; what it says of our access is counted, so that a key that is refused holds up nobody else."""
    answer = await sending
    await _count(work, answer)
    return answer


async def _count(work: Work, answer: Answered) -> None:
    connection = work.connection
    if isinstance(answer, Unsent | InDoubt):
        if answer.code in _ACCESS_REFUSED:
            await refused.count(connection, f"{answer.code}: {answer.message}")
    elif (wire := connector(connection.pse)).refuses_us(answer):
        said = wire.scrub(answer.text[:_SAID_MAX])
        await refused.count(connection, f"{answer.status_code} {said}")


def _about(work: Work, purpose: str) -> About:
    return About(
        merchant_id=work.connection.merchant_id,
        connection_id=work.connection.id,
        request_id=work.cause.request_id,
        purpose=purpose,
        refund_id=work.refund_id,
        attempt=work.attempt,
    )


async def _ring_again(work: Work, recorded: Recorded, rest: float) -> None:
    due_in = recorded.due_in
    if due_in is None:
        return
    if rest > due_in:
        # On the row, because other workers do not know that this PSE wants to be left alone.
        await schedule.put_off(work.refund_id, _spread(rest))
    if max(due_in, rest) < bell.DEFER_SECONDS_MAX:
        await bell.ring(bell.REFUND, work.refund_id, seconds=max(due_in, rest))


def _spread(seconds: float) -> float:
    """No sooner, and not all at once: a PSE that has just recovered should not meet everybody in one moment."""
    return seconds * random.uniform(1.0, 1.2)  # noqa: S311 - spreading load is no secret
