"""Playing a certification: the product's own way, from a registered payment to a report, with a PSE on the other side.

It asks, as any client does, and waits: the workers send, the PSE's webhooks come in at the door that is made for them.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

import structlog

from domain.cause import Cause
from domain.connections.calls import About
from domain.connections.connections import credentials_of, zone_of
from domain.findings.findings import FindingKind
from domain.models import Attempt, CertificationRun, Connection, Finding, Notice, Payment, Refund, Store
from domain.models.refunds import Reason, State
from domain.money import Money
from domain.onboarding import certificate, certification, runs
from domain.onboarding.certification import PAID, Case, CaseName, CaseOutcome
from domain.payments import register
from domain.payments.register import NewPayment
from domain.platform.database import door, for_merchant, unavailable
from domain.platform.settings import Settings
from domain.problems import AmountExceedsRefundable, InvalidState, Problem
from domain.pse.registry import connector
from domain.pse.vocabulary import BadAnswer, InDoubt, Method, Unsent
from domain.refunds import request
from domain.refunds.request import NewRefund
from jobs import reconciliation
from jobs import refunds as refund_jobs
from jobs.wire.hand import Hand, call, hand_of
from jobs.wire.sender import Sender

_AMOUNT: Final = 10_000  # minor units of each payment at our own sandbox
_KEY: Final = "estorno-certification"  # the payee key there
_LOOK_SECONDS: Final = 0.1
_STEP_LOOKS: Final = 10
_HOLD_LOOKS: Final = 300
_SETTLE_SECONDS: Final = 120.0
_REPORT_TRIES: Final = 20
_OF_THE_TRANSPORT: Final = frozenset({"host", "content-length", "connection", "transfer-encoding", "accept-encoding"})
_MOODS: Final[Mapping[CaseName, str]] = {CaseName.REFUSED: "refused", CaseName.TIMEOUT: "lost_answer"}
_ONLY_OURS: Final = (
    "This PSE's test environment cannot be made to do that; the series in Estorno's own sandbox proves it."
)
_log = structlog.get_logger()


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


@door
async def run_certification(run_id: UUID, sender: Sender, settings: Settings) -> None:
    """Play the series, if it is due; cases that were played before a worker died stay as they are."""
    run = await runs.take(CertificationRun, run_id, certification.LEASE_SECONDS)
    if run is None:
        return
    with for_merchant(run.merchant_id):
        await _run_certification(run, sender, settings)


async def _run_certification(run: CertificationRun, sender: Sender, settings: Settings) -> None:
    if run.tries > runs.TRIES_MAX:
        await certification.fail(run, "Its worker ended before it could be finished, more than once.")
        return
    try:
        await _play(run, sender, settings)
    except CannotPlay as error:
        await certification.fail(run, str(error))
    except Exception as error:
        if unavailable(error):
            raise  # nothing can be written down; it is due again when its lease is over
        _log.exception("certification.failed", run=str(run.id))
        await certification.fail(run, f"{type(error).__name__}: see the log of the worker for {run.request_id}.")


async def _play(run: CertificationRun, sender: Sender, settings: Settings) -> None:
    connection = await Connection.get(id=run.connection_id)
    play = Play(run, connection, sender, settings, await hand_of(connection))
    await _prepare(play)
    played = {case.name for case in (await certification.cases_of([run.id])).get(run.id, [])}
    for name, what in _CASES.items():
        if name.value not in played:
            await certification.keep(run, await _case(play, name, what))
            await runs.hold(CertificationRun, run.id, certification.LEASE_SECONDS)
    report = await certification.report_of(run, connection)
    await certification.finish(run, report, certificate.sign(report, settings.secret_key))
    _log.info("certification.run", connection=connection.name, outcome=report["outcome"])


async def _case(play: Play, name: CaseName, what: "CasePlay") -> Case:
    """A case that breaks has failed; the others are played all the same."""
    try:
        return await what(play, name)
    except CannotPlay as error:
        return Case(name, CaseOutcome.SKIPPED, str(error))
    except (Problem, BadAnswer, TimeoutError) as error:
        return Case(name, CaseOutcome.FAILED, f"{type(error).__name__}: {error}")


# The payments


async def _prepare(play: Play) -> None:
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


async def _payment(play: Play, name: CaseName) -> Payment:
    """The case's payment, registered. Raises CannotPlay where there is none, or the PSE does not know it."""
    facts = play.run.payments.get(name.value)
    if facts is None:
        raise CannotPlay(_ONLY_OURS)
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


# Asking and waiting


async def _asked(play: Play, name: CaseName, payment: Payment, amount: int | None, *more: object) -> Refund:
    money = None if amount is None else Money(amount, payment.currency)
    new = NewRefund(payment.id, money, Reason.CUSTOMER_REQUEST)
    done = await request.request(play.connection.merchant_id, new, play.key(name, *more), play.cause)
    return done.refund


async def _until(play: Play, refund_id: UUID, *states: State) -> Refund:
    """The refund, once it is in one of the states. Raises TimeoutError with where it stands."""
    waited = 0.0
    while (refund := await Refund.get(id=refund_id)).state not in states:
        if waited >= _SETTLE_SECONDS:
            wanted = " or ".join(states)
            raise TimeoutError(f"{refund.reference} is {refund.state} after {waited:.0f} s, and not {wanted}.")
        await asyncio.sleep(_LOOK_SECONDS)
        waited += _LOOK_SECONDS
        looks = round(waited / _LOOK_SECONDS)
        if looks % _HOLD_LOOKS == 0:
            await runs.hold(CertificationRun, play.run.id, certification.LEASE_SECONDS)
        if looks % _STEP_LOOKS == 0:
            # A worker that does one job at a time is busy with this very one: nobody else may be there to send.
            await refund_jobs.step(refund_id, play.sender, play.settings)
    return refund


async def _left(play: Play, payment: Payment) -> tuple[int, str]:
    """What has left for the payment, by the sandbox's books or by ours, and who says so."""
    if play.hand is not None:
        return await play.hand.paid(payment.pse_reference), "the sandbox's books"
    return (await Payment.get(id=payment.id)).refunded, "our books"


async def _paid_once(play: Play, name: CaseName, payment: Payment, refund: Refund, amount: int, said: str) -> Case:
    left, by = await _left(play, payment)
    evidence = {**await certification.evidence_of(refund.id), "left": left, "by": by}
    outcome = CaseOutcome.PASSED if left == amount else CaseOutcome.FAILED
    return Case(name, outcome, f"{said} {Money(left, payment.currency)} left by {by}.", evidence)


# The cases


async def _full(play: Play, name: CaseName) -> Case:
    payment = await _payment(play, name)
    refund = await _asked(play, name, payment, None)
    refund = await _until(play, refund.id, State.SUCCEEDED, State.FAILED)
    return await _paid_once(play, name, payment, refund, payment.captured, f"The whole payment: {refund.state}.")


async def _partial(play: Play, name: CaseName) -> Case:
    payment = await _payment(play, name)
    parts = (payment.captured // 4, payment.captured // 4 + 1)
    for number, part in enumerate(parts):
        refund = await _asked(play, name, payment, part, number)
        refund = await _until(play, refund.id, State.SUCCEEDED, State.FAILED)
    return await _paid_once(play, name, payment, refund, sum(parts), f"Two parts, the second {refund.state}.")


async def _above(play: Play, name: CaseName) -> Case:
    payment = await _payment(play, CaseName.PARTIAL)
    left = register.refundable(payment).minor_units
    try:
        refund = await _asked(play, name, payment, left + 1)
    except AmountExceedsRefundable as error:
        said = f"Refused before anything was sent: {error.requested} of {error.refundable} that are left."
        return Case(name, CaseOutcome.PASSED, said, {"request_id": play.run.request_id, "code": error.code})
    return Case(name, CaseOutcome.FAILED, "It was taken.", await certification.evidence_of(refund.id))


async def _duplicate(play: Play, name: CaseName) -> Case:
    payment = await _payment(play, name)
    amount = payment.captured // 2
    both = await asyncio.gather(*(_asked(play, name, payment, amount) for _ in range(2)))
    refund = await _until(play, both[0].id, State.SUCCEEDED, State.FAILED)
    again = await _asked(play, name, payment, amount)
    if {refund.id, again.id} != {one.id for one in both}:
        return Case(name, CaseOutcome.FAILED, "The same key made more than one refund.", {"refunds": [str(again.id)]})
    return await _paid_once(play, name, payment, refund, amount, "The same key three times, one refund.")


async def _refused(play: Play, name: CaseName) -> Case:
    payment = await _payment(play, name)
    refund = await _asked(play, name, payment, None)
    refund = await _until(play, refund.id, State.SUCCEEDED, State.FAILED)
    evidence = await certification.evidence_of(refund.id)
    free = register.refundable(await Payment.get(id=payment.id)).minor_units
    good = refund.state is State.FAILED and free == payment.captured
    said = f"{refund.state} ({refund.failure_code}); {Money(free, payment.currency)} is refundable again."
    return Case(name, CaseOutcome.PASSED if good else CaseOutcome.FAILED, said, evidence)


async def _timeout(play: Play, name: CaseName) -> Case:
    payment = await _payment(play, name)
    refund = await _asked(play, name, payment, None)
    refund = await _until(play, refund.id, State.SUCCEEDED, State.FAILED)
    if not await Attempt.filter(refund_id=refund.id, outcome="IN_DOUBT").exists():
        return Case(name, CaseOutcome.FAILED, "The answer was not lost.", await certification.evidence_of(refund.id))
    said = f"Its answer was lost; it was in doubt, then {refund.state}."
    return await _paid_once(play, name, payment, refund, payment.captured, said)


async def _signature(play: Play, name: CaseName) -> Case:
    """A webhook of the PSE's that speaks of another payment than it was signed for, and comes without a secret."""
    connection, since = play.connection, play.run.created_at
    url = play.settings.webhook_url(connection.id)
    if url is None:
        said = "Set ESTORNO_PUBLIC_URL, so that there is a door to knock at: no PSE can reach this installation."
        return Case(name, CaseOutcome.FAILED, said)
    genuine = await Notice.filter(connection_id=connection.id, received_at__gte=since).order_by("-received_at").first()
    told = genuine.headers if genuine else {"content-type": "application/json"}
    headers = {header: value for header, value in told.items() if header not in _OF_THE_TRANSPORT}
    forged = _forged(play, bytes(genuine.body)) if genuine else b'{"forged":true}'
    status = await call(url, forged, headers)
    whose = "A webhook of this series, made to speak of another payment," if genuine else "A made-up webhook"
    evidence = {"notice": str(genuine.id) if genuine else None, "status": status}
    outcome = CaseOutcome.PASSED if status == HTTPStatus.UNAUTHORIZED else CaseOutcome.FAILED
    return Case(name, outcome, f"{whose} was answered {status}.", evidence)


def _forged(play: Play, body: bytes) -> bytes:
    made = body
    for facts in play.run.payments.values():
        made = made.replace(facts["reference"].encode(), facts["reference"][::-1].encode())
    return made if made != body else body[:-1] + b" " + body[-1:]


async def _late_return(play: Play, name: CaseName) -> Case:
    if play.hand is None:
        raise CannotPlay(_ONLY_OURS)
    payment = await _payment(play, CaseName.FULL)
    refund = await Refund.get(payment_id=payment.id, state__in=[State.SUCCEEDED, State.RETURNED])
    if refund.state is State.SUCCEEDED:
        named = refund.pse_refund_reference or refund.reference
        await play.hand.post("give-back", payment=payment.pse_reference, refund=named)
    refund = await _until(play, refund.id, State.RETURNED)
    free = register.refundable(await Payment.get(id=payment.id)).minor_units
    outcome = CaseOutcome.PASSED if free == payment.captured else CaseOutcome.FAILED
    said = f"{refund.state}; {Money(free, payment.currency)} is refundable again."
    return Case(name, outcome, said, await certification.evidence_of(refund.id))


async def _report(play: Play, name: CaseName) -> Case:
    connection = play.connection
    if play.hand is not None and connection.pse == "adyen":  # elsewhere a report is made when it is asked for
        await play.hand.post("close-batch")
    today = datetime.now(await zone_of(connection)).date()
    for _ in range(_REPORT_TRIES if play.hand is not None and connection.pse == "adyen" else 1):
        night = await reconciliation.run(connection.id, today, play.sender)
        if night.state != "NO_REPORT":
            break
        await asyncio.sleep(_LOOK_SECONDS)
    evidence = {"run": str(night.id), "business_date": str(today), "state": night.state, "manifest": night.manifest}
    if night.state == "NO_REPORT":
        return Case(name, CaseOutcome.SKIPPED, "No report of this PSE can be fetched by a program today.", evidence)
    ours = Refund.filter(merchant_id=play.connection.merchant_id, request_id=play.run.request_id)
    told = Finding.filter(refund_id__in=await ours.values_list("id", flat=True), resolved_at=None, run_id=night.id)
    # That a refund came back is what the series made happen: it is owed, and the report says no other.
    differs = await told.exclude(kind=FindingKind.RETURNED).count()
    said = (
        f"The day's report was read ({night.state}); one of the series' refunds differs from it."
        if differs == 1
        else f"The day's report was read ({night.state}); {differs} of the series' refunds differ from it."
    )
    good = night.state == "COMPLETED" and not differs
    return Case(name, CaseOutcome.PASSED if good else CaseOutcome.FAILED, night.error or said, evidence)


CasePlay = Callable[[Play, CaseName], Awaitable[Case]]
_CASES: Final[Mapping[CaseName, CasePlay]] = {
    CaseName.FULL: _full,
    CaseName.PARTIAL: _partial,
    CaseName.ABOVE_THE_REMAINDER: _above,
    CaseName.DUPLICATE: _duplicate,
    CaseName.REFUSED: _refused,
    CaseName.TIMEOUT: _timeout,
    CaseName.SIGNATURE: _signature,
    CaseName.LATE_RETURN: _late_return,
    CaseName.REPORT: _report,
}
