"""What the night has closed because all agreed is open again when it differs again; a person's word stays."""

import pytest

from domain import invariants
from domain.findings import findings
from domain.models import Finding, Payment
from domain.pse import registry
from domain.pse.vocabulary import Succeeded
from tests.kit.factories import Shop, a_payment, a_refund, a_shop, an_answer
from tests.kit.lines import Telling, a_line, a_night, open_findings

pytestmark = pytest.mark.usefixtures("books")


async def _shop() -> tuple[Shop, Payment]:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    return shop, await a_payment(shop, amount=20_000, days_ago=0)


@pytest.mark.parametrize("by_person", [False, True])
async def test_a_capture_that_agreed_and_is_told_to_be_more_is_found(by_person: bool) -> None:
    shop, payment = await _shop()
    await a_night(shop, a_line(payment, "CAPTURE", 15_000))
    if by_person:
        await findings.resolve(shop.id, f"amount/{payment.id}", "Ana has claimed it.")
    await a_night(shop, a_line(payment, "CAPTURE", 5_000), days=1)
    assert await open_findings() == []
    await a_night(shop, a_line(payment, "CAPTURE", 6_000), days=2)
    assert await open_findings() == ([] if by_person else ["AMOUNT_MISMATCH"])
    finding = await Finding.get(kind="AMOUNT_MISMATCH")
    assert ("BRL 260.00" in (finding.resolution or "")) is not by_person
    assert await invariants.check() == []


async def test_money_that_came_back_of_nothing_is_found_each_time() -> None:
    shop, payment = await _shop()
    back = a_line(payment, "REFUND", 4_000, "RETURNED")
    await a_night(shop, back)
    await a_night(shop, a_line(payment, "REFUND", 4_000), days=-1)
    await a_night(shop, back)
    assert await open_findings() == []
    await a_night(shop, a_line(payment, "REFUND", 4_000, "RETURNED"), days=1)
    assert await open_findings() == ["UNCLEAR_LINE"]


async def test_the_amount_of_a_refund_that_a_revised_report_mends_differs_no_longer() -> None:
    shop, payment = await _shop()
    refund = await a_refund(shop, payment, 4_000)
    await an_answer(refund, Succeeded("one"))
    seen = []
    for amount in (3_000, 4_000, 3_500):
        await a_night(shop, a_line(payment, "REFUND", amount, reference=refund.reference))
        seen.append(await open_findings())
    assert (seen, await invariants.check()) == ([["AMOUNT_MISMATCH"], [], ["AMOUNT_MISMATCH"]], [])
    assert "BRL 35.00" in ((await Finding.get(kind="AMOUNT_MISMATCH")).resolution or "")
