"""What reports and webhooks told of a payment before it was registered counts from the moment that it is."""

import asyncio
from datetime import UTC, datetime

import pytest

from domain import invariants
from domain.findings.findings import FindingKind
from domain.models import Finding, Payment, SettlementLine
from domain.money import Money
from domain.payments import listed_payments
from domain.problems import NotRefundable
from domain.pse import registry
from domain.pse.vocabulary import CapturedPayment, Method
from domain.reconciliation import to_repeat
from tests.kit.factories import Shop, a_payment, a_refund, a_shop, an_e2eid
from tests.kit.lines import Telling, a_line, a_night
from tests.kit.nights import pix_of, pix_refund, run_pix, run_stripe, stripe_line, today

pytestmark = pytest.mark.usefixtures("books")
CAPTURE = stripe_line("charge", "100.00", "pi_1", "ch_1", charge_id="ch_1")
OUT = stripe_line("refund", "-40.00", "pi_1", "re_1", charge_id="ch_1")


async def _registered(shop: Shop, reference: str = "pi_1") -> Payment:
    payment = await a_payment(shop, reference=reference, method=Method.CARD, days_ago=0)
    return await Payment.get(id=payment.id)


async def test_a_refund_that_a_report_told_before_is_not_refundable_for_a_moment() -> None:
    shop = await a_shop(pse="stripe")
    await run_stripe(
        shop, [CAPTURE, {**OUT, "gross": "-100.00", "net": "-100.00", "customer_facing_amount": "-100.00"}]
    )
    payment = await _registered(shop)
    assert payment.taken_by_bank == 10_000
    with pytest.raises(NotRefundable):
        await a_refund(shop, payment)
    assert await invariants.check() == []


async def test_the_night_repeats_the_date_so_that_what_was_told_is_proven() -> None:
    shop = await a_shop(pse="stripe")
    lines = [CAPTURE, OUT]
    await run_stripe(shop, lines)
    assert await to_repeat.dates(shop.connection.id) == set()
    payment = await _registered(shop)
    assert await to_repeat.dates(shop.connection.id) == {today()}
    await run_stripe(shop, lines)
    assert await to_repeat.dates(shop.connection.id) == set()
    valid = await SettlementLine.filter(voided_at=None).order_by("line")
    assert [line.effect for line in valid] == ["CAPTURE", "TAKEN"]
    assert {line.payment_id for line in valid} == {payment.id}
    assert ((await Payment.get(id=payment.id)).taken_by_bank, await invariants.check()) == (4_000, [])
    assert await Finding.filter(kind=FindingKind.MISSING_IN_LEDGER, payment_id=payment.id).count() == 1


async def test_a_payment_that_is_registered_under_its_other_name_finds_its_lines() -> None:
    shop = await a_shop(pse="stripe")
    await run_stripe(shop, [OUT])
    assert (await _registered(shop, "ch_1")).taken_by_bank == 4_000


async def test_a_chargeback_that_was_told_before_counts_too() -> None:
    shop = await a_shop(pse="stripe")
    await run_stripe(shop, [stripe_line("dispute", "-60.00", "pi_1", "dp_1")])
    payment = await _registered(shop)
    assert (payment.charged_back, await invariants.check()) == (6_000, [])
    await run_stripe(shop, [stripe_line("dispute", "-60.00", "pi_1", "dp_1")])
    assert ((await Payment.get(id=payment.id)).charged_back, await invariants.check()) == (6_000, [])


async def test_what_came_back_before_it_was_registered_is_refundable() -> None:
    shop = await a_shop(pse="stripe")
    await run_stripe(shop, [OUT])
    await run_stripe(shop, [stripe_line("refund_failure", "40.00", "pi_1", "re_1")], days=1)
    assert (await _registered(shop)).taken_by_bank == 0


async def test_a_payment_that_the_listing_registers_finds_what_was_told() -> None:
    shop, reference = await a_shop(), an_e2eid()
    listed = pix_of(reference, pix_refund("med1", 10_000, kind="MED_FRAUDE"))
    await run_pix(shop, listed)
    found = CapturedPayment(reference, Method.PIX, Money(10_000, "BRL"), datetime.now(UTC), None, None)
    (payment_id,) = await listed_payments.register(shop.connection, [found], "listing")
    assert (await Payment.get(id=payment_id)).taken_by_bank == 10_000
    for _ in range(2):
        await run_pix(shop, listed)
    assert ((await Payment.get(id=payment_id)).taken_by_bank, await invariants.check()) == (10_000, [])


async def test_a_report_that_is_stored_while_the_payment_is_registered_is_repeated() -> None:
    shop = await a_shop(pse="stripe")
    await asyncio.gather(run_stripe(shop, [CAPTURE, OUT]), _registered(shop))
    for day in await to_repeat.dates(shop.connection.id):
        assert day == today()
        await run_stripe(shop, [CAPTURE, OUT])
    payment = await Payment.get(pse_reference="pi_1")
    assert (payment.taken_by_bank, await invariants.check()) == (4_000, [])


BEFORE: list[dict[str, str | None]] = [
    {"reference": "theirs"},
    {},
    {"payment_reference": None, "order_reference": "o-1"},
]


@pytest.mark.parametrize("told", BEFORE)
async def test_what_was_told_before_and_is_told_no_longer_is_given_back_when_all_that_told_it_was_read(
    told: dict[str, str | None],
) -> None:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    other = await a_payment(shop, days_ago=0)
    line = a_line(other, "REFUND", 3_000, **{"payment_reference": "later", **told})
    for days in (0, 1):
        await a_night(shop, line, days=days)
    payment = await a_payment(shop, reference="later", order="o-1", days_ago=0)
    seen = []
    for days, lines in ((2, []), (0, []), (1, [line]), (1, []), (1, [])):
        await a_night(shop, *lines, days=days)
        assert await invariants.check() == []
        seen.append((await Payment.get(id=payment.id)).taken_by_bank)
    assert seen == [3_000, 3_000, 3_000, 0, 0]


@pytest.mark.parametrize("told", BEFORE)
async def test_what_was_told_before_in_two_reports_is_given_back_when_both_tell_it_no_longer(
    told: dict[str, str | None],
) -> None:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    other = await a_payment(shop, days_ago=0)
    line = a_line(other, "REFUND", 3_000, **{"payment_reference": "later", **told})
    for days in (0, 1):
        await a_night(shop, line, days=days)
    payment = await a_payment(shop, reference="later", order="o-1", days_ago=0)
    seen = []
    for days in (0, 1):
        await a_night(shop, days=days)
        seen.append((await Payment.get(id=payment.id)).taken_by_bank)
    assert (seen, await invariants.check()) == ([3_000, 0], [])
