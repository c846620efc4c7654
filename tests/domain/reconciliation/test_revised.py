"""A revised report that tells no longer, or otherwise, of money that left without us."""

import pytest

from domain import invariants
from domain.books import ledger
from domain.findings.findings import FindingKind
from domain.models import Finding, Payment
from domain.models.ledger import Account
from domain.money import Money
from domain.payments import unnamed
from domain.pse import registry
from domain.pse.vocabulary import KnownRefund, Method, Succeeded
from tests.kit.factories import CAUSE, Shop, a_payment, a_shop
from tests.kit.lines import Telling, a_line, a_night
from tests.kit.nights import pix_of, pix_refund, run_pix, run_stripe, stripe_line

pytestmark = pytest.mark.usefixtures("books")


async def _open() -> list[int]:
    found = Finding.filter(kind=FindingKind.BANK_INITIATED, resolved_at=None).order_by("created_at")
    return [finding.amount for finding in await found]


async def _suspense(shop: Shop) -> int:
    return sum(row.balance for row in await ledger.balances(shop.id) if row.account is Account.SUSPENSE)


async def test_what_a_revised_report_tells_no_longer_is_given_back_and_told_again_is_booked_again() -> None:
    shop = await a_shop()
    payment = await a_payment(shop, days_ago=0)
    told = pix_of(payment, pix_refund("med1", 3_000, kind="MED_FRAUDE"))
    seen = []
    for listed in (told, told, pix_of(payment), told, pix_of(payment), told):
        await run_pix(shop, listed)
        assert await invariants.check() == []
        seen.append(((await Payment.get(id=payment.id)).taken_by_bank, await _suspense(shop), await _open()))
    here = (3_000, 3_000, [3_000])
    assert seen == [here, here, (0, 0, []), here, (0, 0, []), here]
    first = await Finding.filter(kind=FindingKind.BANK_INITIATED).order_by("created_at").first()
    assert first is not None
    assert "no longer" in (first.resolution or "")


async def test_another_amount_in_a_revised_report_replaces_the_one_before() -> None:
    shop = await a_shop()
    payment = await a_payment(shop, days_ago=0)
    for amount in (3_000, 2_000):
        await run_pix(shop, pix_of(payment, pix_refund("med1", amount, kind="MED_FRAUDE")))
    assert (await Payment.get(id=payment.id)).taken_by_bank == 2_000
    assert (await _open(), await invariants.check()) == ([2_000], [])


async def test_what_another_report_still_tells_stays() -> None:
    shop = await a_shop(pse="stripe")
    payment = await a_payment(shop, reference="pi_1", method=Method.CARD)
    capture, told = stripe_line("charge", "100.00", "pi_1"), stripe_line("refund", "-30.00", "pi_1", "re_1")
    for days in (0, 1):
        await run_stripe(shop, [capture, told], days)
    await run_stripe(shop, [capture])
    assert (await Payment.get(id=payment.id)).taken_by_bank == 3_000


async def test_what_the_pse_listed_itself_stays_when_a_revised_report_has_it_no_longer() -> None:
    shop = await a_shop()
    payment = await a_payment(shop, days_ago=0)
    listed = KnownRefund("med1", "D1", Money(3_000, "BRL"), Succeeded("D1"), True, "MED_FRAUDE", None, None)
    await unnamed.from_listing(payment, [listed], CAUSE)
    await run_pix(shop, pix_of(payment, pix_refund("med1", 3_000, kind="MED_FRAUDE")))
    await run_pix(shop, pix_of(payment))
    assert (await Payment.get(id=payment.id)).taken_by_bank == 3_000


async def test_a_nameless_line_that_is_called_otherwise_now_is_the_same_money_beside_other_that_has_a_name() -> None:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    payment = await a_payment(shop, days_ago=0)
    await a_night(shop, a_line(payment, "REFUND", 3_000, reference="named"))
    for _ in range(2):
        await a_night(shop, a_line(payment, "REFUND", 3_000), days=1)
        assert ((await Payment.get(id=payment.id)).taken_by_bank, await invariants.check()) == (6_000, [])
    await a_night(shop, days=1)
    assert (await Payment.get(id=payment.id)).taken_by_bank == 3_000
