"""Money that came back with another amount than it had left with is told with both amounts."""

import pytest

from domain import invariants
from domain.models import Finding, Payment
from domain.pse import registry
from domain.pse.vocabulary import Succeeded
from tests.kit.factories import Shop, a_payment, a_refund, a_shop, an_answer
from tests.kit.lines import Telling, a_line, a_night, effects, open_findings

pytestmark = pytest.mark.usefixtures("books")


async def _shop() -> tuple[Shop, Payment]:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    return shop, await a_payment(shop, amount=20_000, days_ago=0)


async def _mismatch() -> Finding:
    return await Finding.get(kind="AMOUNT_MISMATCH", resolved_at=None)


@pytest.mark.parametrize("days", [0, 1])
async def test_a_refund_that_came_back_with_another_amount_is_found_until_a_revised_report_mends_it(days: int) -> None:
    shop, payment = await _shop()
    refund = await a_refund(shop, payment, 4_000)
    await an_answer(refund, Succeeded("one"))
    left = a_line(payment, "REFUND", 4_000, reference=refund.reference)
    if days:
        await a_night(shop, left)
    for amount in (2_500, 2_500, 4_000):
        back = a_line(payment, "REFUND", amount, "RETURNED", reference=refund.reference)
        await a_night(shop, *([back] if days else [left, back]), days=days)
        if amount == 2_500:
            finding = await _mismatch()
            assert (finding.amount, finding.detail) == (1_500, {"report": 2_500, "ledger": 4_000})
            assert (finding.refund_id, finding.payment_id) == (refund.id, payment.id)
    assert await effects() == ["REFUND", "RETURN"]
    assert not await Finding.filter(kind="AMOUNT_MISMATCH", resolved_at=None).exists()
    assert await invariants.check() == []


@pytest.mark.parametrize("days", [0, 1])
async def test_money_that_was_taken_and_came_back_with_another_amount_is_found(days: int) -> None:
    shop, payment = await _shop()
    left = a_line(payment, "REFUND", 4_000, reference="panel")
    if days:
        await a_night(shop, left)
    for amount in (2_500, 4_000):
        back = a_line(payment, "REFUND", amount, "RETURNED", reference="panel")
        await a_night(shop, *([back] if days else [left, back]), days=days)
        if amount == 2_500:
            finding = await _mismatch()
            assert (finding.amount, finding.detail) == (1_500, {"report": 2_500, "ledger": 4_000})
            assert "panel" in finding.explanation
    assert await effects() == ["TAKEN", "TAKEN_BACK"]
    assert not await Finding.filter(kind="AMOUNT_MISMATCH", resolved_at=None).exists()
    assert await invariants.check() == []


async def test_a_refund_that_left_and_came_back_with_another_amount_has_a_finding_for_each() -> None:
    shop, payment = await _shop()
    refund = await a_refund(shop, payment, 4_000)
    await an_answer(refund, Succeeded("one"))
    lines = [a_line(payment, "REFUND", 3_000, state, reference=refund.reference) for state in ("SUCCEEDED", "RETURNED")]
    await a_night(shop, *lines)
    assert (await open_findings()).count("AMOUNT_MISMATCH") == 2
