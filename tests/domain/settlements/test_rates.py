"""Rates of exchange: which one holds on a day, how files give them, and what a night makes of a PSE's own."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.access.tokens import Role
from domain.models import Finding, FxRate
from domain.models.quotes import FeeKind, Origin, Side
from domain.problems import Forbidden, IdempotencyConflict, InvalidInput, NotFound
from domain.pse.vocabulary import Method
from domain.settlements import rates, schedules, tabled
from domain.settlements.rates import NewRate
from domain.settlements.schedules import Terms
from domain.settlements.tabled import RatesLayout
from tests.kit.factories import CAUSE, Shop, a_key, a_payment, a_person, a_shop
from tests.kit.nights import run_stripe, stripe_line, today

ON = date(2026, 11, 27)
PTAX = """27112026;220;A;USD;5,4312;5,4318;1,0000;1,0000
27112026;715;A;CLP;0,005812;0,005816;934,4;934,5
27112026;055;A;BTN;0,06;0,0601;90,1;90,2
"""


def _rate(base: str, quote: str, value: str, on: date = ON, until: date | None = None, **more: Any) -> NewRate:
    return NewRate(base, quote, Decimal(value), on, until or on, more.pop("source", "BCB, PTAX"), **more)


async def _enter(shop: Shop, *new: NewRate, digest: str | None = None, key: str | None = None) -> list[FxRate]:
    boss = a_person(shop, "boss", Role.ADMIN)
    return list(await rates.enter(boss, "fxRateSet", new, digest, key or a_key(), CAUSE))


@pytest.mark.usefixtures("books")
async def test_a_rate_holds_on_its_days_is_carried_for_a_week_and_never_made_up() -> None:
    shop, other = await a_shop(), await a_shop(name="Outra")
    friday = _rate("USD", "BRL", "5.43", ON, side=Side.SELL)
    await _enter(shop, friday, _rate("USD", "BRL", "5.42", ON, side=Side.BUY))
    await _enter(shop, _rate("USD", "COP", "3801.2", ON, ON + timedelta(days=3), source="TRM"))

    async def on(days: int, base: str = "USD", quote: str = "BRL", whose: Shop = shop) -> rates.Rate | None:
        return await rates.rate_on(whose.id, base, quote, ON + timedelta(days=days))

    found = await on(0)
    assert found is not None
    assert (found.value, found.side, found.carried, found.turned) == (Decimal("5.43"), Side.SELL, False, False)
    assert [getattr(await on(days), "carried", None) for days in (-1, 1, 7, 8)] == [None, True, True, None]
    assert [getattr(await on(days, "USD", "COP"), "carried", None) for days in (3, 4, 10, 11)] == [
        False, True, True, None
    ]  # fmt: skip
    turned = await on(0, "BRL", "USD")
    assert turned is not None
    assert (turned.turned, turned.value.quantize(Decimal("1e-10"))) == (
        True,
        (1 / Decimal("5.43")).quantize(Decimal("1e-10")),
    )
    assert await on(0, "BRL", "COP") is None  # nothing is crossed
    assert await on(0, whose=other) is None
    # The same day again corrects it; what was entered in error counts no more.
    (corrected,) = await _enter(shop, _rate("USD", "BRL", "5.44", ON, side=Side.SELL))
    found = await on(0)
    assert found is not None
    assert found.id == corrected.id
    await rates.withdraw(a_person(shop, "boss", Role.ADMIN), corrected.id, CAUSE)
    found = await on(0)
    assert found is not None
    assert found.value == Decimal("5.43")
    with pytest.raises(NotFound):
        await rates.withdraw(a_person(other, "eva", Role.ADMIN), corrected.id, CAUSE)


@pytest.mark.usefixtures("books")
async def test_what_is_no_rate_is_refused_whole() -> None:
    shop, good = await a_shop(), _rate("USD", "BRL", "5.43")
    for wrong in (
        _rate("USD", "USD", "1"),
        _rate("USD", "BRL", "5", ON, ON - timedelta(days=1)),
        _rate("USD", "BRL", "5", ON, ON + timedelta(days=90)),
        _rate("USD", "BRL", "5", today() + timedelta(days=90)),
        good,
    ):
        with pytest.raises(InvalidInput, match="Rate 2"):
            await _enter(shop, good, wrong)
    with pytest.raises(Forbidden):
        await rates.enter(a_person(shop, "ana", Role.AUDITOR), "fxRateSet", [good], None, a_key(), CAUSE)
    assert await FxRate.all().count() == 0
    key = a_key()
    (made,) = await _enter(shop, good, key=key)
    assert [one.id for one in await _enter(shop, good, key=key)] == [made.id]
    with pytest.raises(IdempotencyConflict):
        await _enter(shop, _rate("USD", "BRL", "5.44"), key=key)


def test_the_central_banks_file_is_read_with_its_commas_and_other_currencies_are_counted() -> None:
    found = tabled.rates(PTAX.encode(), RatesLayout.PTAX, "BCB, PTAX")
    assert [(one.base, one.side, one.rate) for one in found.rates] == [
        ("USD", Side.BUY, Decimal("5.4312")),
        ("USD", Side.SELL, Decimal("5.4318")),
        ("CLP", Side.BUY, Decimal("0.005812")),
        ("CLP", Side.SELL, Decimal("0.005816")),
    ]
    assert {(one.quote, one.valid_from, one.valid_to) for one in found.rates} == {("BRL", ON, ON)}
    assert (found.passed_over, len(found.digest)) == (1, 64)
    generic = "base,quote,rate,valid_from,valid_to,source\nUSD,COP,3801.20,2026-11-27,2026-11-30,TRM\n"
    generic += "USD,MXN,17.1,2026-11-27,,\n"
    own = tabled.rates(generic.encode(), RatesLayout.GENERIC, "FIX")
    assert [(one.quote, one.rate, one.valid_to.day, one.source) for one in own.rates] == [
        ("COP", Decimal("3801.20"), 30, "TRM"),
        ("MXN", Decimal("17.1"), 27, "FIX"),
    ]


@pytest.mark.parametrize(
    ("text", "layout", "said"),
    [
        (PTAX.replace("5,4312", "5.4312"), RatesLayout.PTAX, "Line 1.*comma"),
        (PTAX.replace("5,4312", "1e400"), RatesLayout.PTAX, "Line 1.*rate"),
        (PTAX.replace("5,4312", "-5,4"), RatesLayout.PTAX, "Line 1.*rate"),
        (PTAX.replace("5,4312", "0,0"), RatesLayout.PTAX, "Line 1.*above zero"),
        (PTAX.replace("27112026;220", "31022026;220"), RatesLayout.PTAX, "Line 1.*no day"),
        (PTAX.replace("27112026;220", "2711٢٠٢٦;220"), RatesLayout.PTAX, "Line 1.*ddmmyyyy"),
        (PTAX.replace(";", ","), RatesLayout.PTAX, "Line 1 has .* columns"),
        ("27112026;055;A;BTN;0,06;0,0601;90,1;90,2\n", RatesLayout.PTAX, "no rate"),
        ("base,quote,rate\nUSD,BRL,5\n", RatesLayout.GENERIC, "first line"),
        ("base,quote,rate,valid_from\nUSD,BRL,5/0,2026-11-27\n", RatesLayout.GENERIC, "Line 2.*rate"),
        ("base,quote,rate,valid_from\nUSD,BHD,5,2026-11-27\n", RatesLayout.GENERIC, "Line 2.*not a currency"),
        ("base,quote,rate,valid_from\nUSD,BRL,5,2026-11-27\n" * 20_001, RatesLayout.GENERIC, "larger|rate|lines"),
    ],
)
def test_a_file_of_no_rates_is_refused_with_its_line(text: str, layout: RatesLayout, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        tabled.rates(text.encode(), layout, "BCB, PTAX")


def _converted(payment: str, usd: str, brl: str) -> dict[str, str]:
    """The customer paid dollars, and the balance got reais."""
    return stripe_line("charge", brl, payment, customer_facing_amount=usd, customer_facing_currency="usd")


@pytest.mark.usefixtures("books")
async def test_a_psps_own_rates_are_kept_and_those_far_off_the_reference_are_a_finding() -> None:
    shop = await a_shop(pse="stripe")
    for number in range(3):
        await a_payment(shop, reference=f"pi_{number}", method=Method.CARD, days_ago=0, currency="USD")
    report = [
        _converted("pi_0", "100.00", "530.00"),
        _converted("pi_1", "100.00", "500.00"),
        _converted("pi_2", "0.01", "0.06"),
    ]

    async def opened() -> list[Finding]:
        await run_stripe(shop, report)
        return await Finding.filter(kind="FX_MISMATCH", resolved_at=None)

    assert await opened() == []  # nobody has said what a dollar is worth
    assert await opened() == []
    (own,) = await FxRate.filter(merchant_id=shop.id)
    assert (own.origin, own.base, own.quote, own.rate, own.valid_from) == (
        Origin.REPORT,
        "USD",
        "BRL",
        Decimal("5.3"),
        today(),
    )
    assert own.source.startswith("line 2 of stripe-")
    assert await rates.rate_on(shop.id, "USD", "BRL", today(), only_reference=True) is None
    (reference,) = await _enter(shop, _rate("USD", "BRL", "5.43", today() - timedelta(days=2), side=Side.SELL))
    (found,) = await opened()
    assert (found.amount, found.currency, found.detail["lines"], found.detail["differing"]) == (4_300, "BRL", 3, 1)
    assert (found.detail["ours"]["id"], found.detail["ours"]["carried"]) == (str(reference.id), True)
    assert found.detail["theirs"] == {"lowest": "5.000000", "highest": "5.000000"}
    assert "carried from" in found.explanation
    # The contract allows ten percent.
    boss = a_person(shop, "boss", Role.ADMIN)
    agreed = Terms(shop.connection.id, FeeKind.FX, "BRL", Decimal(10), today(), "Contract 7")
    await schedules.enter(boss, "feeScheduleSet", [agreed], a_key(), CAUSE)
    assert await opened() == []
    assert await FxRate.filter(merchant_id=shop.id).count() == 2


@pytest.mark.usefixtures("books")
async def test_a_reports_own_rates_are_those_that_it_tells_now_and_each_is_kept_once() -> None:
    shop = await a_shop(pse="stripe")
    for number in range(2):
        await a_payment(shop, reference=f"pi_{number}", method=Method.CARD, days_ago=0, currency="USD")
    wrong, right = _converted("pi_0", "100.00", "5300.00"), _converted("pi_0", "100.00", "530.00")

    async def held() -> Decimal | None:
        found = await rates.rate_on(shop.id, "USD", "BRL", today())
        return found.value if found is not None else None

    await run_stripe(shop, [wrong])
    assert await held() == 53
    await run_stripe(shop, [right])
    assert await held() == Decimal("5.3")
    for _ in range(2):  # two files of one day, each with its own rate
        await run_stripe(shop, [_converted("pi_1", "100.00", "520.00")], days=1)
        await run_stripe(shop, [right])
    assert await FxRate.filter(merchant_id=shop.id, withdrawn_at=None).count() == 2
    assert await FxRate.filter(merchant_id=shop.id).count() == 3
    await run_stripe(shop, [stripe_line("charge", "1.00", "pi_9")])
    await run_stripe(shop, [], days=1)
    assert await held() is None
    # What a person has withdrawn is not kept again.
    await run_stripe(shop, [right])
    boss, own = a_person(shop, "boss", Role.ADMIN), await FxRate.get(withdrawn_at=None)
    await rates.withdraw(boss, own.id, CAUSE)
    await run_stripe(shop, [right])
    assert await held() is None
