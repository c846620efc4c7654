"""The cases of a certification: each plays its part of the series, and says what came of it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Final

from domain.connections.connections import zone_of
from domain.findings.findings import FindingKind
from domain.models import Attempt, Finding, Notice, Payment, Refund
from domain.models.refunds import State
from domain.money import Money
from domain.onboarding import certification
from domain.onboarding.certification import Case, CaseName, CaseOutcome
from domain.payments import register
from domain.problems import AmountExceedsRefundable
from jobs import reconciliation
from jobs.certification_play import LOOK_SECONDS, ONLY_OURS, CannotPlay, Play, asked, left, payment_of, until
from jobs.wire.sandbox import call

_REPORT_TRIES: Final = 20
_OF_THE_TRANSPORT: Final = frozenset({"host", "content-length", "connection", "transfer-encoding", "accept-encoding"})


async def _paid_once(play: Play, name: CaseName, payment: Payment, refund: Refund, amount: int, said: str) -> Case:
    paid, by = await left(play, payment)
    evidence = {**await certification.evidence_of(refund.id), "left": paid, "by": by}
    outcome = CaseOutcome.PASSED if paid == amount else CaseOutcome.FAILED
    return Case(name, outcome, f"{said} {Money(paid, payment.currency)} left by {by}.", evidence)


async def _full(play: Play, name: CaseName) -> Case:
    payment = await payment_of(play, name)
    refund = await asked(play, name, payment, None)
    refund = await until(play, refund.id, State.SUCCEEDED, State.FAILED)
    return await _paid_once(play, name, payment, refund, payment.captured, f"The whole payment: {refund.state}.")


async def _partial(play: Play, name: CaseName) -> Case:
    payment = await payment_of(play, name)
    parts = (payment.captured // 4, payment.captured // 4 + 1)
    for number, part in enumerate(parts):
        refund = await asked(play, name, payment, part, number)
        refund = await until(play, refund.id, State.SUCCEEDED, State.FAILED)
    return await _paid_once(play, name, payment, refund, sum(parts), f"Two parts, the second {refund.state}.")


async def _above(play: Play, name: CaseName) -> Case:
    payment = await payment_of(play, CaseName.PARTIAL)
    rest = register.refundable(payment).minor_units
    try:
        refund = await asked(play, name, payment, rest + 1)
    except AmountExceedsRefundable as error:
        said = f"Refused before anything was sent: {error.requested} of {error.refundable} that are left."
        return Case(name, CaseOutcome.PASSED, said, {"request_id": play.run.request_id, "code": error.code})
    return Case(name, CaseOutcome.FAILED, "It was taken.", await certification.evidence_of(refund.id))


async def _duplicate(play: Play, name: CaseName) -> Case:
    payment = await payment_of(play, name)
    amount = payment.captured // 2
    both = await asyncio.gather(*(asked(play, name, payment, amount) for _ in range(2)))
    refund = await until(play, both[0].id, State.SUCCEEDED, State.FAILED)
    again = await asked(play, name, payment, amount)
    if {refund.id, again.id} != {one.id for one in both}:
        return Case(name, CaseOutcome.FAILED, "The same key made more than one refund.", {"refunds": [str(again.id)]})
    return await _paid_once(play, name, payment, refund, amount, "The same key three times, one refund.")


async def _refused(play: Play, name: CaseName) -> Case:
    payment = await payment_of(play, name)
    refund = await asked(play, name, payment, None)
    refund = await until(play, refund.id, State.SUCCEEDED, State.FAILED)
    evidence = await certification.evidence_of(refund.id)
    free = register.refundable(await Payment.get(id=payment.id)).minor_units
    good = refund.state is State.FAILED and free == payment.captured
    said = f"{refund.state} ({refund.failure_code}); {Money(free, payment.currency)} is refundable again."
    return Case(name, CaseOutcome.PASSED if good else CaseOutcome.FAILED, said, evidence)


async def _timeout(play: Play, name: CaseName) -> Case:
    payment = await payment_of(play, name)
    refund = await asked(play, name, payment, None)
    refund = await until(play, refund.id, State.SUCCEEDED, State.FAILED)
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
        raise CannotPlay(ONLY_OURS)
    payment = await payment_of(play, CaseName.FULL)
    refund = await Refund.get(payment_id=payment.id, state__in=[State.SUCCEEDED, State.RETURNED])
    if refund.state is State.SUCCEEDED:
        named = refund.pse_refund_reference or refund.reference
        await play.hand.post("give-back", payment=payment.pse_reference, refund=named)
    refund = await until(play, refund.id, State.RETURNED)
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
        await asyncio.sleep(LOOK_SECONDS)
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
CASES: Final[Mapping[CaseName, CasePlay]] = {
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
