"""Findings that close when what they say holds no longer, and that open again when it does."""

import pytest

from domain import invariants
from domain.models import Finding, Payment
from domain.platform.database import execute
from domain.pse import registry
from domain.pse.vocabulary import Succeeded
from tests.domain.reconciliation.test_died_unstored import _shop
from tests.kit.factories import a_payment, a_refund, a_shop, an_answer
from tests.kit.lines import Telling, a_line, a_night, open_findings

pytestmark = pytest.mark.usefixtures("books")
MISMATCH = ["AMOUNT_MISMATCH"]


async def _resolution(kind: str = "AMOUNT_MISMATCH") -> str:
    return str((await Finding.get(kind=kind)).resolution)


@pytest.mark.parametrize("named_by", ["payment_reference", "payment_alias", "order_reference"])
async def test_a_line_of_an_unknown_payment_is_closed_when_the_payment_is_registered_and_its_date_repeated(
    named_by: str,
) -> None:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    ghost = await a_payment(shop, amount=100, days_ago=0)
    named = {"payment_reference": None, named_by: "late"}
    lines = [
        {**a_line(ghost, "CAPTURE", 10_000, reference="part"), **named},
        {**a_line(ghost, "REFUND", 3_000, reference="theirs"), **named},
        {**a_line(ghost, "CAPTURE", 5_000), "payment_reference": "never"},
    ]
    await a_night(shop, *lines)
    assert await open_findings() == ["MISSING_IN_LEDGER"] * 3
    payment = await a_payment(shop, amount=10_000, reference="late", days_ago=0)
    await Payment.filter(id=payment.id).update(order_reference="late")
    for _ in range(2):
        await a_night(shop, *lines)
    left = await Finding.filter(resolved_at=None).order_by("fingerprint")
    names = [one.fingerprint.replace(f"{shop.connection.id}/", "") for one in left]
    assert names == ["MISSING_IN_LEDGER/taken/late/theirs", "unknown/never/"]
    closed = [one.resolution for one in await Finding.filter(resolved_at__isnull=False)]
    assert closed == ["The payment is registered now."] * 2


async def test_a_line_of_an_unknown_payment_that_no_report_has_any_longer_is_closed_until_one_has_it_again() -> None:
    shop, payment = await _shop()
    unknown, seen = a_line(payment, "CAPTURE", 10_000, payment_reference="never"), []
    for lines in ([unknown], [], [unknown]):
        await a_night(shop, *lines)
        seen.append(await open_findings())
    assert seen == [["MISSING_IN_LEDGER"], [], ["MISSING_IN_LEDGER"]]
    await a_night(shop)
    assert await _resolution("MISSING_IN_LEDGER") == "No report tells of it any longer."


async def test_a_refund_of_another_amount_is_closed_when_no_report_tells_that_any_longer() -> None:
    shop, payment = await _shop()
    refund = await a_refund(shop, payment, 4_000)
    await an_answer(refund, Succeeded("one"))
    wrong, seen = a_line(payment, "REFUND", 3_999, reference=refund.reference), []
    for lines in ([wrong], [], [wrong], [{**wrong, "amount": 4_000}], []):
        await a_night(shop, *lines)
        seen.append([kind for kind in await open_findings() if kind in MISMATCH])
        assert await invariants.check() == []
    assert seen == [MISMATCH, [], MISMATCH, [], []]


@pytest.mark.parametrize("ours", [True, False])
async def test_a_return_of_another_amount_is_closed_when_no_report_tells_that_any_longer(ours: bool) -> None:
    shop, payment = await _shop()
    name = "theirs"
    if ours:
        refund = await a_refund(shop, payment, 4_000)
        await an_answer(refund, Succeeded("one"))
        name = refund.reference
    await a_night(shop, a_line(payment, "REFUND", 4_000, reference=name))
    wrong, seen = a_line(payment, "REFUND", 3_999, "RETURNED", reference=name), []
    for lines in ([wrong], [], [wrong]):
        await a_night(shop, *lines, days=1)
        seen.append([kind for kind in await open_findings() if kind in MISMATCH])
    assert seen == [MISMATCH, [], MISMATCH]


async def test_captures_that_are_not_what_was_captured_are_closed_when_the_reports_are_again() -> None:
    shop, payment = await _shop()
    whole, more = a_line(payment, "CAPTURE", 10_000, reference="a"), a_line(payment, "CAPTURE", 2_000, reference="b")
    seen = []
    for days, lines in ((0, [whole]), (1, [more]), (1, []), (1, [more]), (0, []), (1, [])):
        await a_night(shop, *lines, days=days)
        seen.append(await open_findings())
        assert await invariants.check() == []
    assert seen == [[], MISMATCH, [], MISMATCH, MISMATCH, []]
    assert await _resolution() == "No report tells of it any longer."


async def test_a_payment_that_is_registered_twice_is_closed_when_one_of_both_is_withdrawn() -> None:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    one, other = [await a_payment(shop, amount=10_000, reference=name, days_ago=0) for name in ("pi_1", "ch_1")]
    line = a_line(one, "CAPTURE", 10_000, payment_alias="ch_1")
    await a_night(shop, line)
    assert await open_findings() == MISMATCH
    await execute(
        "UPDATE payments SET withdrawn_at = now(), withdrawn_by = 'Ana', withdrawal_reason = 'twice' WHERE id = $1",
        other.id,
    )
    await a_night(shop, line)
    assert await open_findings() == []
