"""What a refund is said to cost, by what, and what it has cost once its report is there."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.access.tokens import Role
from domain.models import Finding, Payment, Refund, RefundQuote
from domain.models.quotes import FeeKind, OriginalFee, Side
from domain.models.refunds import Reason
from domain.money import Money
from domain.problems import AmountExceedsRefundable, CurrencyMismatch, Forbidden, InvalidInput, NotFound, WindowExpired
from domain.pse import registry
from domain.pse.registry import capability
from domain.pse.vocabulary import Method, Succeeded
from domain.quotes import actual, durations, figures, quotes
from domain.quotes.figures import Cost, CostName, Figures, Instead, RefundWay
from domain.refunds.request import NewRefund
from domain.settlements import rates, schedules
from domain.settlements.rates import NewRate
from domain.settlements.schedules import Terms
from tests.kit.factories import CAUSE, Shop, a_key, a_payment, a_person, a_refund, a_shop, an_answer
from tests.kit.lines import Telling, a_line, a_night, settled
from tests.kit.nights import run_stripe, stripe_line, today

pytestmark = pytest.mark.usefixtures("books")


def _long_ago() -> date:
    return today() - timedelta(days=400)


async def _fee(shop: Shop, percent: str, kind: FeeKind, fee: OriginalFee | None = None, **more: Any) -> int:
    terms = Terms(
        shop.connection.id, kind, "BRL", Decimal(percent), _long_ago(), "Contract 7", original_fee=fee, **more
    )
    (row,) = await schedules.enter(a_person(shop, "boss", Role.ADMIN), "feeScheduleSet", [terms], a_key(), CAUSE)
    made: int = row.id
    return made


async def _ask(shop: Shop, payment: Payment, amount: int | None = None, role: Role = Role.REQUESTER) -> Figures:
    money = Money(amount, payment.currency) if amount is not None else None
    new = NewRefund(payment.id, money, Reason.CUSTOMER_REQUEST)
    found = await quotes.quote(a_person(shop, "ana", role), new, CAUSE)
    return figures.from_json((await RefundQuote.get(id=found.quote.id)).figures)


def _of(told: Figures) -> dict[CostName, Cost]:
    return {one.name: one for one in told.costs}


async def test_what_nobody_has_told_is_unknown_with_why_and_never_nothing() -> None:
    shop = await a_shop(pse="stripe")
    payment = await a_payment(shop, method=Method.CARD)
    told = await _ask(shop, payment)
    assert [(one.name, one.amount, bool(one.unknown)) for one in told.costs] == [
        (name, None, True) for name in CostName
    ]
    assert (told.total, told.tax) == (None, None)
    assert "No VAT was declared" in told.tax_says
    assert (told.way, told.takes.typical_days, told.takes.at_most_days) == (RefundWay.ORIGINAL, None, None)
    assert "not published" in (told.takes.unknown or "")
    assert Instead.BY_HAND in {one.kind for one in told.alternatives}


async def test_the_fees_are_by_schedule_and_the_shares_of_what_is_kept_close_to_the_whole() -> None:
    shop = await a_shop(pse="stripe")
    await _fee(shop, "3.99", FeeKind.PAYMENT, fixed=39)
    kept = await _fee(shop, "0", FeeKind.REFUND, OriginalFee.KEPT, fixed=25)
    payment = await a_payment(shop, method=Method.CARD, tax=1_801)
    told = _of(await _ask(shop, payment, 3_333, Role.AUDITOR))
    fee = told[CostName.REFUND_FEE]
    assert fee.amount == Money(25, "BRL")
    assert fee.basis is not None
    assert (fee.basis.schedule_id, fee.basis.schedule_from, fee.basis.source) == (kept, _long_ago(), "Contract 7")
    shares, taxes = [], []
    for part in (3_333, 3_333, 3_334):
        said = await _ask(shop, payment, part)
        amount, tax = _of(said)[CostName.ORIGINAL_FEE].amount, said.tax
        assert amount is not None
        assert tax is not None
        shares.append(amount.minor_units)
        taxes.append(tax.minor_units)
        await a_refund(shop, payment, part)
    assert (shares, sum(shares), sum(taxes)) == ([146, 146, 146], 438, 1_801)
    payment = await a_payment(shop, method=Method.CARD)
    for rule, part, cost in (
        (OriginalFee.RETURNED_PRO_RATA, 5_000, 0),
        (OriginalFee.RETURNED, 5_000, 219),
        (OriginalFee.RETURNED, 10_000, 0),
    ):  # fmt: skip
        await _fee(shop, "0", FeeKind.REFUND, rule)
        amount = _of(await _ask(shop, payment, part))[CostName.ORIGINAL_FEE].amount
        assert amount == Money(cost, "BRL"), rule


async def test_what_is_said_is_kept_once_and_stands_beside_what_it_cost() -> None:
    shop = await a_shop(pse="stripe")
    await _fee(shop, "0", FeeKind.REFUND, OriginalFee.KEPT, fixed=25)
    payment = await a_payment(shop, reference="pi_1", method=Method.CARD, days_ago=0)
    paid = stripe_line("charge", "100.00", "pi_1", fee="4.38", net="95.62")
    await run_stripe(shop, [paid])
    for _ in range(3):
        told = await _ask(shop, payment, 5_000)
    assert told.total == (Money(25 + 219, "BRL"), False)
    assert "as its report tells it" in (_of(told)[CostName.ORIGINAL_FEE].basis or figures.Basis("")).rule
    assert _of(told)[CostName.FX_DIFFERENCE].amount == Money(0, "BRL")
    (quote,) = await RefundQuote.all()
    refund = await a_refund(shop, payment, 5_000)
    await an_answer(refund, Succeeded("re_1"))
    assert await actual.of_refunds([refund.id]) == {}
    await run_stripe(shop, [paid, stripe_line("refund", "-50.00", "pi_1", "re_1", fee="0.30", net="-50.30")])
    assert (await quotes.of_refunds([refund.id]))[refund.id].id == quote.id
    cost = (await actual.of_refunds([refund.id]))[refund.id]
    assert (cost.fee, cost.fx, cost.currency, cost.line) == (30, 0, "BRL", 3)
    other = await Refund.get(id=(await a_refund(shop, payment, 100)).id)
    assert await quotes.of_refunds([other.id]) == {}


async def test_todays_rate_is_held_against_the_captures_own_and_a_carried_one_is_said() -> None:
    shop = await a_shop(pse="stripe")
    payment = await a_payment(shop, reference="pi_1", method=Method.CARD, days_ago=20, currency="USD")
    paid = {"customer_facing_amount": "100.00", "customer_facing_currency": "usd"}
    paid["created_utc"] = f"{today() - timedelta(days=20)} 12:00:00"
    await run_stripe(shop, [stripe_line("charge", "500.00", "pi_1", **paid)], days=-20)
    await _fee(shop, "1", FeeKind.REFUND, OriginalFee.KEPT)
    told = _of(await _ask(shop, payment, 1_000))
    assert [told[name].amount for name in (CostName.REFUND_FEE, CostName.FX_DIFFERENCE)] == [None, None]
    assert "USD/BRL" in (told[CostName.FX_DIFFERENCE].unknown or "")
    for value, gain, apart in (("5.50", False, 500), ("4.90", True, 100)):
        new = NewRate(
            "USD", "BRL", Decimal(value), today() - timedelta(days=1), today() - timedelta(days=1), "PTAX", Side.SELL
        )
        (rate,) = await rates.enter(a_person(shop, "boss", Role.ADMIN), "fxRateSet", [new], None, a_key(), CAUSE)
        told = _of(await _ask(shop, payment, 1_000))
        fx = told[CostName.FX_DIFFERENCE]
        assert (fx.amount, fx.is_gain) == (Money(apart, "BRL"), gain)
        assert fx.basis is not None
        assert (fx.basis.rate_id, fx.basis.rate_date, fx.basis.carried) == (rate.id, today() - timedelta(days=1), True)
        assert "5.000000" in fx.basis.rule
    assert told[CostName.REFUND_FEE].amount == Money(49, "BRL")
    refund = await a_refund(shop, payment, 1_000)
    await an_answer(refund, Succeeded("re_1"))
    back = {"customer_facing_amount": "-10.00", "customer_facing_currency": "usd"}
    await run_stripe(shop, [stripe_line("refund", "-55.20", "pi_1", "re_1", **back)])
    cost = (await actual.of_refunds([refund.id]))[refund.id]
    assert (cost.currency, cost.fx) == ("BRL", 520)


async def test_a_capture_in_parts_is_the_sum_of_its_parts() -> None:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    await _fee(shop, "3", FeeKind.PAYMENT)
    await _fee(shop, "0", FeeKind.REFUND, OriginalFee.KEPT)
    payment, abroad = await a_payment(shop), await a_payment(shop, currency="USD")
    rate = NewRate("USD", "BRL", Decimal("5.00"), today(), today(), "PTAX", Side.SELL)
    await rates.enter(a_person(shop, "boss", Role.ADMIN), "fxRateSet", [rate], None, a_key(), CAUSE)

    def part(number: int, of: Payment, net: str, gross: str) -> dict[str, Any]:
        told = settled(net, gross=gross, fee="-2.00")
        return a_line(of, "CAPTURE", 5_000, reference=f"part-{number}", **told)

    first, second = part(1, payment, "48.00", "50.00"), part(2, payment, "48.00", "50.00")
    dear, cheap = part(3, abroad, "258.00", "260.00"), part(4, abroad, "238.00", "240.00")

    async def fee_and_difference() -> tuple[Money | None, Money | None]:
        of_fee, of_rate = _of(await _ask(shop, payment, 10_000)), _of(await _ask(shop, abroad, 10_000))
        return of_fee[CostName.ORIGINAL_FEE].amount, of_rate[CostName.FX_DIFFERENCE].amount

    await a_night(shop, first, dear, days=-20)
    # One part's fee is not the payment's, which its schedule tells; its rate is all that is known.
    assert await fee_and_difference() == (Money(300, "BRL"), Money(2_000, "BRL"))
    await a_night(shop, first, second, dear, cheap, days=-20)
    assert await fee_and_difference() == (Money(400, "BRL"), Money(0, "BRL"))
    # What it gives back of the payment's fee is compared with all of it, too.
    await _fee(shop, "0", FeeKind.REFUND, OriginalFee.RETURNED_PRO_RATA)
    refund = await a_refund(shop, payment, 5_000)
    await an_answer(refund, Succeeded("re_1"))
    back = a_line(
        payment, "REFUND", 5_000, **settled("-48.00", gross="-50.00", fee="2.00"), pse_refund_reference="re_1"
    )
    await a_night(shop, first, second, dear, cheap, back, days=-20)
    assert [one.detail["kind"] for one in await Finding.filter(kind="FEE_MISMATCH", resolved_at=None)] == ["PAYMENT"]


async def test_what_cannot_be_refunded_so_is_refused_as_asking_for_it_is() -> None:
    shop, other = await a_shop(), await a_shop(name="Outra")
    payment, old = await a_payment(shop), await a_payment(shop, days_ago=91)
    for amount, problem in ((Money(10_001, "BRL"), AmountExceedsRefundable), (Money(0, "BRL"), InvalidInput),
                            (Money(1, "CLP"), CurrencyMismatch)):  # fmt: skip
        with pytest.raises(problem):
            await quotes.quote(
                a_person(shop, "ana", Role.REQUESTER), NewRefund(payment.id, amount, Reason.OTHER), CAUSE
            )
    with pytest.raises(WindowExpired):
        await _ask(shop, old)
    with pytest.raises(NotFound):
        await _ask(other, payment)
    with pytest.raises(Forbidden):
        await _ask(shop, payment, None, Role.SUPPORT)
    assert await RefundQuote.all().count() == 0
    told = await _ask(shop, payment)
    assert told.until == payment.captured_at + timedelta(days=90)
    assert (told.takes.typical_days, told.takes.at_most_days) == (0, 0)
    assert Instead.WAIT_FOR_BALANCE in {one.kind for one in told.alternatives}


async def test_the_fee_of_a_payment_in_parts_is_that_of_all_parts_and_of_some_it_is_not_known() -> None:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    await _fee(shop, "0", FeeKind.REFUND, OriginalFee.KEPT)
    payment = await a_payment(shop)
    parts = [
        a_line(payment, "CAPTURE", 5_000, reference=f"part-{n}", **settled("48.00", gross="50.00", fee="-2.00"))
        for n in (1, 2)
    ]
    await a_night(shop, parts[0], name="a.json")
    assert _of(await _ask(shop, payment, 10_000))[CostName.ORIGINAL_FEE].amount is None
    await a_night(shop, *parts, name="a.json")
    assert _of(await _ask(shop, payment, 10_000))[CostName.ORIGINAL_FEE].amount == Money(400, "BRL")


def test_every_published_duration_is_of_something_that_can_be_refunded_and_not_above_the_longest() -> None:
    for pse, methods in durations._published().items():
        for method in methods:
            able = capability(pse, Method(method))
            found = durations.takes(pse, Method(method), able)
            assert found.typical_days is not None
            assert found.typical_days <= (able.expected_days or 0)
            assert found.source
