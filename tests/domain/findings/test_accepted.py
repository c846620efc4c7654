"""Situations that others could never end: a difference that stays, and a dispute of a payment that nobody knows."""

import pytest

from domain import invariants
from domain.access.tokens import Role
from domain.findings import tasks
from domain.models import Finding, FindingEvent, FindingResolution
from domain.models.findings import ClosingReason
from domain.models.ledger import Account
from domain.pse import registry
from domain.pse.vocabulary import Succeeded
from tests.domain.findings.conftest import Desk, by
from tests.kit.factories import a_payment, a_person, a_refund, a_shop, an_answer
from tests.kit.lines import Telling, a_line, a_night, balance, of_nobody, open_findings

pytestmark = pytest.mark.usefixtures("books")


class Lagging(Telling):
    """A refund's line comes a day after it at the latest."""

    report_lag_days: int | None = 1


async def _desk(pse: Telling | None = None) -> Desk:
    registry.register(pse or Telling())
    shop = await a_shop(pse="lab")
    return Desk(shop, a_person(shop, "Ana", Role.ACCOUNTANT), a_person(shop, "Bia", Role.ACCOUNTANT))


async def test_a_batch_that_never_adds_up_is_accepted_with_a_reason_and_an_owner_until_it_is_another() -> None:
    desk = await _desk()
    brought = of_nobody("ADJUSTMENT", "60.00", payout_reference="po")
    out = of_nobody("PAYOUT", "-50.00", payout_reference="po")
    await a_night(desk.shop, brought, out)
    found = await Finding.get(resolved_at=None)
    assert (found.kind, found.amount) == ("BATCH_UNBALANCED", 1_000)
    await tasks.assign(desk.ana, found.id, None, by(desk.ana))
    await desk.say(found, ClosingReason.EXPLAINED)
    for days in (0, 1):  # the same again, and another night
        await a_night(desk.shop, *([brought, out] if days == 0 else []), days=days)
        assert await open_findings() == []
    await found.refresh_from_db()
    assert (found.reason, found.assignee) == ("EXPLAINED", desk.ana.holder)
    await a_night(desk.shop, {**brought, "settled_net": "61.00"}, out)
    again = await Finding.get(resolved_at=None)
    assert (again.kind, again.amount, again.assignee) == ("BATCH_UNBALANCED", 1_100, desk.ana.holder)
    assert await invariants.check() == []


@pytest.mark.parametrize("names", [("c-1", "c-2"), ("c-1", "c-1")])
async def test_a_dispute_of_a_payment_that_nobody_knows_and_its_reversal_leave_the_fee(names: tuple[str, str]) -> None:
    desk = await _desk()
    lost = of_nobody("CHARGEBACK", "-50.00", payment_reference="P-1", reference=names[0])
    won = of_nobody("CHARGEBACK_REVERSED", "45.00", payment_reference="P-1", reference=names[1])
    await a_night(desk.shop, lost)
    await a_night(desk.shop, won, days=1)
    found = await Finding.filter(resolved_at=None).order_by("created_at")
    assert [one.kind for one in found] == ["MISSING_IN_LEDGER"] * len(set(names))
    assert (await balance(desk.shop, Account.SUSPENSE), await invariants.check()) == (500, [])
    for one in found:
        await desk.say(one, ClosingReason.FEE)
    assert (await balance(desk.shop, Account.SUSPENSE), await balance(desk.shop, Account.FEES)) == (0, 500)
    assert (await open_findings(), await invariants.check()) == ([], [])


async def test_a_refund_whose_proof_a_revised_report_drops_is_missing_again_whoever_had_said_otherwise() -> None:
    desk = await _desk(Lagging())
    payment = await a_payment(desk.shop, days_ago=0)
    refund = await a_refund(desk.shop, payment, 900)
    await an_answer(refund, Succeeded("one"))
    line = a_line(payment, "REFUND", 900, reference=refund.reference)
    await a_night(desk.shop)
    await a_night(desk.shop, days=1)
    found = await Finding.get(resolved_at=None)
    await desk.say(found, ClosingReason.EXPLAINED)
    for lines in ([line], []):
        await a_night(desk.shop, *lines, days=2)
        assert await invariants.check() == []
    assert (await Finding.get(resolved_at=None)).kind == "MISSING_IN_REPORT"
    (said,) = await FindingResolution.filter(finding_id=found.id)
    assert said.ended_at is not None, "what was said of it is over"
    assert await FindingEvent.filter(finding_id=found.id, kind="REOPENED").exists()
