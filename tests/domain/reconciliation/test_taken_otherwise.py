"""Two witnesses tell of one money that left without us, under one name, with two amounts: a person must look."""

import pytest

from domain import invariants
from domain.findings import findings
from domain.models import Finding, Payment
from domain.models.ledger import Account
from domain.money import Money
from domain.notices import listings
from domain.pse import registry
from domain.pse.vocabulary import KnownRefund, Succeeded
from tests.kit.factories import CAUSE, Shop, a_payment, a_refund, a_shop, an_answer
from tests.kit.lines import Telling, a_line, a_night, balance, open_findings, today

pytestmark = pytest.mark.usefixtures("books")
BOTH = ["AMOUNT_MISMATCH", "MISSING_IN_LEDGER"]


async def _shop() -> tuple[Shop, Payment]:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    return shop, await a_payment(shop, amount=20_000, days_ago=0)


async def _listed(payment: Payment, amount: int) -> None:
    known = KnownRefund("panel", None, Money(amount, "BRL"), Succeeded(None), False, "x", None, None)
    assert await listings.take_in_all(payment, [known], CAUSE)


async def _told(shop: Shop, payment: Payment, *amounts: int, days: int = 0) -> None:
    named = {"pse_refund_reference": "panel", "booked_at": f"{today()}T12:00:00+00:00"}  # one moment, whoever tells it
    await a_night(shop, *(a_line(payment, "REFUND", amount, **named) for amount in amounts), days=days)


async def _taken(payment: Payment) -> int:
    assert await invariants.check() == []
    taken: int = (await Payment.get(id=payment.id)).taken_by_bank
    return taken


async def test_a_line_that_tells_another_amount_than_was_listed_is_found_until_its_report_agrees() -> None:
    shop, payment = await _shop()
    await _listed(payment, 5_000)
    seen = []
    for amounts in ((4_000,), (4_000,), (5_000,), (4_000,), ()):
        await _told(shop, payment, *amounts)
        await _listed(payment, 5_000)
        seen.append(await open_findings())
    assert seen == [BOTH, BOTH, BOTH[1:], BOTH, BOTH[1:]]
    assert await _taken(payment) == 5_000
    finding = await Finding.get(kind="AMOUNT_MISMATCH")
    assert (finding.amount, finding.payment_id) == (1_000, payment.id)
    assert (finding.detail["report"], finding.detail["ledger"]) == (4_000, 5_000)
    assert "BRL 40.00" in finding.explanation
    assert "BRL 50.00" in finding.explanation
    assert "panel" in finding.explanation


async def test_a_listing_that_tells_another_amount_than_the_report_is_found_until_both_agree() -> None:
    shop, payment = await _shop()
    await _told(shop, payment, 4_000)
    for _ in range(2):
        await _listed(payment, 5_000)
    await _told(shop, payment, 4_000)
    assert (await open_findings(), await _taken(payment)) == (BOTH, 4_000)
    finding = await Finding.get(kind="AMOUNT_MISMATCH")
    assert "BRL 40.00" in finding.explanation
    assert "BRL 50.00" in finding.explanation
    await _told(shop, payment, 5_000)
    assert (await open_findings(), await _taken(payment)) == (BOTH[1:], 5_000)


async def test_a_listing_that_agrees_at_last_closes_what_it_had_opened_and_opens_it_again() -> None:
    shop, payment = await _shop()
    await _told(shop, payment, 4_000)
    seen = []
    for amount in (5_000, 4_000, 5_000):
        await _listed(payment, amount)
        seen.append(await open_findings())
    assert seen == [BOTH, BOTH[1:], BOTH]


async def test_two_reports_that_tell_two_amounts_tell_two_parts_until_they_agree() -> None:
    shop, payment = await _shop()
    seen = []
    for days, amount in ((0, 5_000), (1, 4_000), (0, 5_000), (0, 4_000)):
        await _told(shop, payment, amount, days=days)
        seen.append((await open_findings(), await _taken(payment)))
    assert seen == [(BOTH[1:], taken) for taken in (5_000, 9_000, 9_000, 4_000)]
    assert await balance(shop, Account.PSE_BALANCE) == -4_000


async def test_what_a_person_has_worked_off_stays_so() -> None:
    shop, payment = await _shop()
    await _listed(payment, 5_000)
    await _told(shop, payment, 4_000)
    finding = await Finding.get(kind="AMOUNT_MISMATCH")
    await findings.resolve(shop.id, finding.fingerprint, "The PSE kept a fee.")
    await _told(shop, payment, 4_000)
    await _listed(payment, 5_000)
    assert await open_findings() == BOTH[1:]


async def test_a_revised_report_with_another_amount_opens_nothing_where_it_alone_tells() -> None:
    shop, payment = await _shop()
    for amount in (5_000, 4_000, 4_000):
        await _told(shop, payment, amount)
    assert (await Finding.filter(kind="AMOUNT_MISMATCH").count(), await _taken(payment)) == (0, 4_000)


async def test_what_turns_out_to_be_a_refund_of_ours_is_no_longer_two_amounts_of_nobody() -> None:
    shop, payment = await _shop()
    await _listed(payment, 5_000)
    await _told(shop, payment, 4_000)
    refund = await a_refund(shop, payment, 4_000)
    await an_answer(refund, Succeeded("panel"))
    await _told(shop, payment, 4_000)
    assert (await open_findings(), await _taken(payment)) == ([], 0)
