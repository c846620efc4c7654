"""A report that had proven itself whole, and another of its name: cut, revised, or made anew."""

from collections.abc import Sequence

import pytest

from domain import invariants
from domain.models import Finding, SettlementLine
from domain.models.ledger import Account
from domain.pse.vocabulary import Method, Succeeded
from tests.kit.factories import Shop, a_payment, a_refund, a_shop, an_answer
from tests.kit.lines import balance, open_findings
from tests.kit.nights import run_stripe, stripe_line

pytestmark = pytest.mark.usefixtures("books")
OF = {"automatic_payout_id": "po_1"}
CHARGE = stripe_line("charge", "100.00", "pi_1", **OF)
REFUND = stripe_line("refund", "-40.00", "pi_1", "re_1", **OF)
_FACING = {"customer_facing_amount": "", "customer_facing_currency": ""}


def _paid(amount: str) -> dict[str, str]:
    return stripe_line("payout", f"-{amount}", "", "po_1", **OF, **_FACING)


async def _shop() -> Shop:
    shop = await a_shop(pse="stripe")
    payment = await a_payment(shop, reference="pi_1", method=Method.CARD, days_ago=0)
    await an_answer(await a_refund(shop, payment, 4_000), Succeeded("re_1"))
    return shop


@pytest.mark.parametrize("cut", [[], [CHARGE]])
async def test_a_cut_report_does_not_take_the_place_of_one_that_proved_itself(cut: Sequence[dict[str, str]]) -> None:
    shop = await _shop()
    whole = [CHARGE, REFUND, _paid("60.00")]
    await run_stripe(shop, whole)
    run = await run_stripe(shop, cut)
    assert run.state == "FAILED"
    assert await SettlementLine.filter(voided_at=None).count() == 3
    assert (await balance(shop, Account.PSE_BALANCE), await balance(shop, Account.PAYOUTS_IN_TRANSIT)) == (0, 6_000)
    (found,) = await Finding.filter(kind="UNREADABLE_FILE", resolved_at=None)
    assert f"no longer {3 - len(cut)} of the 3 lines" in found.explanation
    run = await run_stripe(shop, whole)
    assert (run.state, await invariants.check()) == ("COMPLETED", [])
    assert "UNREADABLE_FILE" not in {one.kind for one in await Finding.filter(resolved_at=None)}


async def test_what_proves_nothing_may_add_lines_and_take_none_of_what_proved_nothing_either() -> None:
    shop = await _shop()
    for lines in (
        [CHARGE, REFUND, _paid("60.00")],
        [CHARGE, REFUND, _paid("60.00"), CHARGE | {"payment_intent_id": "x", "automatic_payout_id": "po_2"}],
    ):
        assert (await run_stripe(shop, lines)).state == "COMPLETED"
    assert await SettlementLine.filter(voided_at=None).count() == 4
    for lines in ([CHARGE, REFUND], [CHARGE]):
        assert (await run_stripe(shop, lines, days=-1)).state == "COMPLETED"


async def test_captures_that_a_revision_leaves_without_proof_are_a_finding_until_a_report_has_them_again() -> None:
    shop = await _shop()
    for lines in ([CHARGE, REFUND, _paid("60.00")], [_paid("0.00")]):
        assert (await run_stripe(shop, lines)).state == "COMPLETED"
    (found,) = await Finding.filter(kind="MISSING_IN_REPORT", refund_id=None, resolved_at=None)
    assert (found.amount, found.detail["payment"]) == (10_000, "pi_1")
    assert "1 capture(s)" in found.explanation
    for lines, still in (([CHARGE, REFUND], 0), ([REFUND], 1)):
        await run_stripe(shop, lines, days=1)
        assert await Finding.filter(kind="MISSING_IN_REPORT", refund_id=None, resolved_at=None).count() == still
    assert await invariants.check() == []
    assert await open_findings() != []
