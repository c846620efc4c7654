"""One certification while it is played: its payments, and asking and waiting as any client does."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from domain.cause import Cause
from domain.connections.calls import About
from domain.connections.connections import credentials_of
from domain.models import CertificationRun, Connection, Payment, Refund, Store
from domain.models.refunds import Reason, State
from domain.money import Money
from domain.onboarding import certification, runs
from domain.onboarding.certification import PAID, CaseName
from domain.payments import register
from domain.payments.register import NewPayment
from domain.platform.settings import Settings
from domain.problems import InvalidState
from domain.pse.registry import connector
from domain.pse.vocabulary import InDoubt, Method, Unsent
from domain.refunds import request
from domain.refunds.request import NewRefund
from jobs import refunds as refund_jobs
from jobs.wire.sandbox import Hand
from jobs.wire.sender import Sender

_AMOUNT: Final = 10_000  # minor units of each payment at our own sandbox
_KEY: Final = "estorno-certification"  # the payee key there
LOOK_SECONDS: Final = 0.1
_STEP_LOOKS: Final = 10
_HOLD_LOOKS: Final = 300
_SETTLE_SECONDS: Final = 120.0
_MOODS: Final[Mapping[CaseName, str]] = {CaseName.REFUSED: "refused", CaseName.TIMEOUT: "lost_answer"}
ONLY_OURS: Final = (
    "This PSE's test environment cannot be made to do that; the series in Estorno's own sandbox proves it."
)


class CannotPlay(RuntimeError):
    """The series cannot be played with this connection; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Play:
    """One certification. `hand`: behind our own sandbox; None at a PSE's test environment."""

    run: CertificationRun
    connection: Connection
    sender: Sender
    settings: Settings
    hand: Hand | None

    @property
    def cause(self) -> Cause:
        """The person who asked for the run, in the request that did."""
        return Cause(self.run.request_id, self.run.asked_by)

    def key(self, *names: object) -> str:
        """The idempotency key of a request: the same when another worker goes on."""
        return "-".join(["certification", str(self.run.id), *map(str, names)])


async def prepare(play: Play) -> None:
    """Raises CannotPlay where there is nothing to play with, or where money of customers would move."""
    wire = connector(play.connection.pse)
    try:
        certification.check_state(play.connection, [] if play.hand is not None else ["its own"])
    except InvalidState as error:  # since it was asked for
        raise CannotPlay(error.message) from error
    credentials = await credentials_of(play.connection, play.settings.secret_key)
    if play.hand is None and wire.is_live(credentials):
        raise CannotPlay("This connection is live: certify one to the PSE's test environment, with its own keys.")
    if play.hand is None and not play.run.payments:
        raise CannotPlay(f"Name {len(PAID)} captured payments of the PSE's test environment, which are then refunded.")
    if play.hand is None or play.run.payments:
        return
    if (url := play.settings.webhook_url(play.connection.id)) is not None:
        await play.hand.post("webhooks", key=_KEY, url=wire.webhook_address(credentials, url))
    await certification.keep_payments(
        play.run, {name.value: await _captured(play.hand, name) for name in (*PAID, *_MOODS)}
    )


async def _captured(hand: Hand, name: CaseName) -> dict[str, Any]:
    facts = {"amount": _AMOUNT, "method": hand.account["method"], "currency": hand.account["currency"]}
    at = datetime.now(UTC).isoformat()
    mood = [{"name": _MOODS[name]}] if name in _MOODS else []
    order = f"certification{name.value.lower():0>15.15}".replace("_", "0")  # a Pix is told of only with a txid
    made = await hand.post(
        "payments", payments=[{**facts, "captured_at": at, "key": _KEY, "moods": mood, "order": order}]
    )
    return {**facts, "captured_at": at, "reference": made["payments"][0]}


async def payment_of(play: Play, name: CaseName) -> Payment:
    """The case's payment, registered. Raises CannotPlay where there is none, or the PSE does not know it."""
    facts = play.run.payments.get(name.value)
    if facts is None:
        raise CannotPlay(ONLY_OURS)
    known = await Payment.get_or_none(
        connection_id=play.connection.id, pse_reference=facts["reference"], withdrawn_at=None
    )
    if known is not None:
        return known
    if "amount" not in facts:
        facts = await _looked_up(play, facts["reference"])
    store = await Store.get(id=play.connection.default_store_id)
    new = NewPayment(
        connection_id=play.connection.id,
        store_code=store.code,
        pse_reference=facts["reference"],
        method=Method(facts["method"]),
        amount=Money(facts["amount"], facts["currency"]),
        captured_at=datetime.fromisoformat(facts["captured_at"]),
    )
    key = play.key(name, "register")
    done = await register.register(play.connection.merchant_id, new, key, play.cause, play.settings.secret_key)
    # The PSE's test environment itself has told of it: its refund need not wait for a second person.
    await Payment.filter(id=done.payment.id).update(confirmed_at=datetime.now(UTC), confirmed_by="PSE")
    return await Payment.get(id=done.payment.id)


async def _looked_up(play: Play, reference: str) -> dict[str, Any]:
    connection = play.connection
    wire = connector(connection.pse)
    asked = wire.look_up_payment(connection.base_url, reference)
    if asked is None:
        raise CannotPlay(f"{connection.pse} shows no payments: register {reference} (paymentRegister) before.")
    about = About(connection.merchant_id, connection.id, play.run.request_id, "PAYMENT")
    answer = await play.sender.send(connection, asked, about)
    if isinstance(answer, Unsent | InDoubt):
        raise CannotPlay(f"{reference} could not be looked up: {answer.code} {answer.message}")
    found = wire.read_payment(answer)
    if found is None:
        raise CannotPlay(f"{connection.pse} does not know the payment {reference}.")
    money, at = found.amount, found.captured_at.isoformat()
    facts = {"amount": money.minor_units, "currency": money.currency, "method": found.method.value, "captured_at": at}
    return {**facts, "reference": reference}


async def asked(play: Play, name: CaseName, payment: Payment, amount: int | None, *more: object) -> Refund:
    """The refund of so many minor units, of all that is left where it is None; `more` names it within its case."""
    money = None if amount is None else Money(amount, payment.currency)
    new = NewRefund(payment.id, money, Reason.CUSTOMER_REQUEST)
    done = await request.request(play.connection.merchant_id, new, play.key(name, *more), play.cause)
    return done.refund


async def until(play: Play, refund_id: UUID, *states: State) -> Refund:
    """The refund, once it is in one of the states. Raises TimeoutError with where it stands."""
    waited = 0.0
    while (refund := await Refund.get(id=refund_id)).state not in states:
        if waited >= _SETTLE_SECONDS:
            wanted = " or ".join(states)
            raise TimeoutError(f"{refund.reference} is {refund.state} after {waited:.0f} s, and not {wanted}.")
        await asyncio.sleep(LOOK_SECONDS)
        waited += LOOK_SECONDS
        looks = round(waited / LOOK_SECONDS)
        if looks % _HOLD_LOOKS == 0:
            await runs.hold(CertificationRun, play.run.id, certification.LEASE_SECONDS)
        if looks % _STEP_LOOKS == 0:
            # A worker that does one job at a time is busy with this very one: nobody else may be there to send.
            await refund_jobs.step(refund_id, play.sender, play.settings)
    return refund


async def left(play: Play, payment: Payment) -> tuple[int, str]:
    """What has left for the payment, by the sandbox's books or by ours, and who says so."""
    if play.hand is not None:
        return await play.hand.paid(payment.pse_reference), "the sandbox's books"
    return (await Payment.get(id=payment.id)).refunded, "our books"
