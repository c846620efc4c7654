"""Everything that a report says is booked, with its sign, once, and taken away again where a revised one says less."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest

from domain import invariants
from domain.books import ledger
from domain.models import Finding, LedgerEntry, Payout, ReconciliationRun, SettlementLine
from domain.models.ledger import Account
from domain.pse import registry
from domain.pse.reporting import Balance, PaidOut
from domain.pse.vocabulary import Succeeded
from domain.reconciliation import reconcile
from domain.reconciliation.enter import enter
from tests.kit.factories import Shop, a_payment, a_refund, a_shop, an_answer
from tests.kit.lines import Telling, a_line, a_night, of_nobody, open_findings, settled, today

pytestmark = pytest.mark.usefixtures("books")


@pytest.fixture
def lab() -> Telling:
    made = Telling()
    registry.register(made)
    return made


async def _books(shop: Shop, currency: str = "BRL") -> dict[str, int]:
    """What is not nothing in the accounts that reports move."""
    return {
        row.account.value: row.balance
        for row in await ledger.balances(shop.id)
        if row.currency == currency and row.balance and row.account not in (Account.SALES, Account.OUTPUT_VAT)
    }


async def test_each_part_of_each_line_is_in_its_account_and_a_revised_report_takes_it_away(lab: Telling) -> None:
    shop = await a_shop(pse="lab")
    payment, other = await a_payment(shop), await a_payment(shop)
    refund = await a_refund(shop, payment, 100)
    lines = [
        a_line(payment, "CAPTURE", 10_000, **settled("94.52", fee="-3.50", tax="-0.48", withheld="-1.50")),
        # What the refund costs the customer's PSE is given back: 1.00, fee +0.11, -0.89.
        a_line(payment, "REFUND", 100, reference=refund.reference, **settled("-0.89", fee="0.11")),
        a_line(other, "CAPTURE", 10_000, **settled("100.00")),
        a_line(other, "CHARGEBACK", 2_600, reference="c-1", **settled("-42.12", fee="-16.12")),
        a_line(other, "CHARGEBACK_REVERSED", 2_600, reference="c-2", **settled("26.00")),
        of_nobody("FEE", "-3.26"),
        of_nobody("FEE", "0.26"),  # a fee credit
        of_nobody("RESERVE", "-20.00"),
        of_nobody("RESERVE", "5.00"),
        of_nobody("ADJUSTMENT", "0.07"),
        of_nobody("TRANSFER", "-2.00"),
        of_nobody("OTHER", "1.23"),
        of_nobody("PAYOUT", "-51.00", payout_reference="po-1", settled_fee="-1.00"),
        of_nobody("PAYOUT", "10.00", payout_reference="po-2"),  # it came back from the bank
    ]
    await a_night(shop, *lines)
    net = sum(int(Decimal(line["settled_net"]).scaleb(2)) for line in lines)
    whole = {
        "PSE_BALANCE": net,
        "FEES": 350 - 11 + 1_612 + 326 - 26 + 100,
        "FEE_TAXES": 48,
        "TAXES_WITHHELD": 150,
        "PSE_RESERVE": 1_500,
        "PSE_ADJUSTMENTS": -7,
        "PSE_TRANSFERS": 200,
        "SUSPENSE": -123,
        "PAYOUTS_IN_TRANSIT": 4_000,
    }
    found = await _books(shop)
    assert {name: found.get(name) for name in whole} == whole
    assert (found.get("ROUNDING"), found.get("FX_CLEARING"), await invariants.check()) == (None, None, [])
    paid = {one.reference: (one.amount, one.currency, one.business_date) for one in await Payout.all()}
    assert paid == {"po-1": (5_000, "BRL", today()), "po-2": (-1_000, "BRL", today())}

    entries = await LedgerEntry.all().count()
    await a_night(shop, *lines)
    assert await LedgerEntry.all().count() == entries, "the same report changes nothing"
    await a_night(shop, *lines[:6], *lines[12:13])
    fewer = {"FEES": 350 - 11 + 1_612 + 326 + 100, "FEE_TAXES": 48, "TAXES_WITHHELD": 150, "PAYOUTS_IN_TRANSIT": 5_000}
    found = await _books(shop)
    assert {name: found.get(name) for name in whole if name in fewer} == fewer
    assert [name for name in whole if name in found] == ["PSE_BALANCE", *fewer]
    await a_night(shop)
    assert not {*whole} & {*await _books(shop)}
    assert {one.amount for one in await Payout.all()} == {0}
    assert await invariants.check() == []


async def test_a_settlement_in_another_currency_is_converted_and_rounded_once(lab: Telling) -> None:
    shop = await a_shop(pse="lab")
    payments = [await a_payment(shop) for _ in range(3)]
    lines = [
        a_line(one, "CAPTURE", 10_000, **settled("18.333334", "USD", fee="-0.370001"), payout_reference="t-1")
        for one in payments
    ]
    fee = of_nobody("FEE", "-2.000001", "USD", amount=0, payout_reference="t-1")
    out = of_nobody("PAYOUT", "-10.00", "USD", amount=5_200, payout_reference="po-9") | {"currency": "BRL"}
    name = f"lab-{today()}.json"
    lab.payouts[name] = [PaidOut("t-1", "USD", Decimal("43.00"), Decimal("43.000001"))]
    await a_night(shop, *lines, fee, out, name=name)
    usd, brl = await _books(shop, "USD"), await _books(shop)
    net = 3 * Decimal("18.333334") - Decimal("2.000001")
    assert usd.get("PSE_BALANCE", 0) == int((net * 100).quantize(1, ROUND_HALF_UP)) - 4_300 - 1_000
    assert (brl.get("PSE_BALANCE"), brl.get("PSE_CLEARING"), brl["PAYOUTS_IN_TRANSIT"]) == (None, None, 5_200)
    assert (usd["PAYOUTS_IN_TRANSIT"], usd["FEES"]) == (4_300, 311)
    assert sum(usd.values()) == 0, "each currency is balanced by itself"
    # What came of the sales, less what went to the bank in reais.
    assert usd["FX_CLEARING"] == -round((3 * Decimal("18.703335")) * 100) + 1_000
    assert brl["FX_CLEARING"] == 3 * 10_000 - 5_200
    assert abs(usd.get("ROUNDING", 0)) <= 2
    assert (await invariants.check(), await open_findings()) == ([], [])
    await a_night(shop, name=name)
    assert (await _books(shop, "USD"))["PAYOUTS_IN_TRANSIT"] == 4_300, "the file still tells that payout"
    lab.payouts.clear()
    await a_night(shop, *lines, name=name)
    await a_night(shop, name=name)
    assert (await _books(shop, "USD"), await invariants.check()) == ({}, [])


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_a_report_tells_the_balance_is_its_nets_added_up(lab: Telling, seed: int) -> None:
    chance = random.Random(seed)
    shop = await a_shop(pse="lab")
    payments = [await a_payment(shop) for _ in range(5)]

    def amount(places: int) -> str:
        return f"{Decimal(chance.randint(-(10**7), 10**7)).scaleb(-places)}"

    def line() -> dict[str, Any]:
        currency = chance.choice(["BRL", "USD", "CLP"])
        parts = {name: amount(chance.randint(0, 8)) for name in ("fee", "tax", "withheld") if chance.random() < 0.5}
        money = settled(amount(chance.randint(0, 8)), currency, **parts)
        kind = chance.choice(["FEE", "RESERVE", "ADJUSTMENT", "TRANSFER", "OTHER", "CAPTURE", "REFUND", "CHARGEBACK"])
        if kind in ("CAPTURE", "REFUND", "CHARGEBACK") and chance.random() < 0.7:
            return a_line(chance.choice(payments), kind, chance.randint(1, 9_000), **money)
        return of_nobody(kind, "1.00", **{**money, "amount": chance.randint(1, 9_000), "payment_reference": "unknown"})

    days = [[line() for _ in range(chance.randint(5, 40))] for _ in range(2)]
    for number, lines in enumerate((days[0], days[1], days[0][::2])):
        await a_night(shop, *lines, days=-(number % 2))
        assert await invariants.check() == []
    for currency, places in (("BRL", 2), ("USD", 2), ("CLP", 0)):
        wanted = 0
        for lines in (days[0][::2], days[1]):
            nets = [Decimal(one["settled_net"]) for one in lines if one["settled_currency"] == currency]
            wanted += int(sum(nets, Decimal(0)).scaleb(places).quantize(Decimal(1), ROUND_HALF_UP))
        assert (await _books(shop, currency)).get("PSE_BALANCE", 0) == wanted


async def test_money_that_two_files_tell_is_counted_once_and_equal_rows_of_one_file_each(lab: Telling) -> None:
    shop = await a_shop(pse="lab")
    fee, later = of_nobody("FEE", "-7.06", payout_reference="batch 1"), of_nobody("FEE", "-7.06")
    stranger = of_nobody("CAPTURE", "50.00", payment_reference="P-1", reference="P-1")
    out = of_nobody("PAYOUT", "-20.00", payout_reference="po-1")
    batch = [fee, fee, stranger, out]
    await a_night(shop, *batch, name="batch_1160.csv")
    before = await _books(shop)
    assert before == {"PSE_BALANCE": 5_000 - 2_000 - 2 * 706, "FEES": 2 * 706, "PAYOUTS_IN_TRANSIT": 2_000} | {
        "SUSPENSE": -5_000
    }
    # The same batch under another name, in another order; and the next one has a fee of the same day and more.
    await a_night(shop, *batch[::-1], name="2026-05-15.csv")
    assert await _books(shop) == before
    await a_night(shop, {**fee, "payout_reference": "batch 2"}, later, name="batch_1161.csv")
    assert (await _books(shop))["FEES"] == 4 * 706
    assert await invariants.check() == []
    # The one that counted says less: what the other has still is counted there when it is read again.
    await a_night(shop, name="batch_1160.csv")
    await a_night(shop, *batch, name="2026-05-15.csv")
    assert (await _books(shop))["PSE_BALANCE"] == 5_000 - 2_000 - 4 * 706
    # Whose it is becomes known: it waits in SUSPENSE no longer.
    payment = await a_payment(shop, amount=5_000, reference="P-1")
    await a_night(shop, *batch, name="2026-05-15.csv")
    found = await _books(shop)
    assert (found.get("SUSPENSE"), found.get("PSE_CLEARING"), payment.captured) == (None, None, 5_000)
    assert await invariants.check() == []


def _balance(opening: str, closing: str) -> list[Balance]:
    return [Balance("BRL", Decimal(opening), Decimal(closing))]


async def test_the_balance_begins_with_the_first_report_and_every_other_is_compared(lab: Telling) -> None:
    shop = await a_shop(pse="lab")

    async def day(days: int, opening: str, closing: str, *lines: dict[str, Any]) -> None:
        lab.balances[f"lab-{today(days)}.json"] = _balance(opening, closing)
        await a_night(shop, *lines, days=days)

    await day(-1, "500.00", "490.00", of_nobody("FEE", "-10.00"))
    assert await _books(shop) == {"PSE_BALANCE": 49_000, "OPENING_BALANCES": -50_000, "FEES": 1_000}
    await day(-2, "520.00", "500.00", of_nobody("FEE", "-20.00", booked_at=_days_ago(2)))
    assert await _books(shop) == {"PSE_BALANCE": 49_000, "OPENING_BALANCES": -52_000, "FEES": 3_000}
    assert (await invariants.check(), await open_findings()) == ([], [])
    # A day is missing: the PSE has 30.00 less than we know, on that day and on the next, which is no news.
    await day(1, "460.00", "455.00", of_nobody("FEE", "-5.00", booked_at=_days_ago(-1)))
    await day(2, "455.00", "455.00")
    (finding,) = await Finding.filter(resolved_at=None)
    assert (finding.kind, finding.amount, finding.detail["theirs"], finding.detail["ours"]) == (
        "BALANCE_DIFFERS",
        3_000,
        {"balance": "455.00"},
        {"balance": "485.00"},
    )
    await day(0, "490.00", "460.00", of_nobody("RESERVE", "-30.00"))
    assert (await invariants.check(), await open_findings()) == ([], [])
    assert (await _books(shop))["PSE_BALANCE"] == 45_500
    # Its lines are not what lies between its balances; they are booked as they are, and the rest is said.
    await day(0, "490.00", "460.00", of_nobody("RESERVE", "-29.00"))
    assert await open_findings() == ["BALANCE_DIFFERS", "BATCH_UNBALANCED"]
    unbalanced = await Finding.get(kind="BATCH_UNBALANCED")
    assert (unbalanced.amount, unbalanced.detail["ours"]["lines"][:6], unbalanced.detail["theirs"]["told"]) == (
        100,
        "-29.00",
        "-30.00",
    )
    assert Decimal(unbalanced.detail["residual"]) == -1
    await day(0, "490.00", "460.00", of_nobody("RESERVE", "-30.00", booked_at=_days_ago(0)))
    assert (await invariants.check(), await open_findings()) == ([], [])


async def test_the_files_of_one_day_are_a_chain_in_whatever_order_they_come(lab: Telling) -> None:
    shop = await a_shop(pse="lab")
    chain = {"a.json": ("100.00", "110.00"), "b.json": ("110.00", "130.00"), "c.json": ("130.00", "125.00")}
    lab.balances |= {name: _balance(*told) for name, told in chain.items()}
    lines = {name: of_nobody("ADJUSTMENT", net) for name, net in zip(chain, ("10.00", "20.00", "-5.00"), strict=True)}
    for name in ("b.json", "c.json", "a.json"):
        await a_night(shop, lines[name], name=name)
    assert ((await _books(shop))["PSE_BALANCE"], await open_findings(), await invariants.check()) == (12_500, [], [])
    for name in chain:  # revised, and the same money
        await a_night(shop, {**lines[name], "kind": "another word"}, name=name)
        assert (await _books(shop))["PSE_BALANCE"] == 12_500
    assert (await open_findings(), await invariants.check()) == ([], [])
    await a_night(shop, of_nobody("ADJUSTMENT", "-7.00"), name="c.json")
    (found,) = await Finding.filter(kind="BALANCE_DIFFERS", resolved_at=None)
    assert (found.amount, found.detail["theirs"], found.detail["ours"]) == (
        200,
        {"balance": "125.00"},
        {"balance": "123.00"},
    )


def _days_ago(days: int) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).isoformat()


@pytest.mark.parametrize(
    ("nets", "residual"),
    [
        (("100.00", "-100.00"), None),
        (("100.00", "-10.00", "-88.00"), "-2.00"),
        (("-26.00", "-9.20", "35.20"), None),  # a payout that took from the bank
        (("100.00", "-103.00"), "3.00"),  # a surplus is as much a finding as a shortage
    ],
)
async def test_the_lines_of_a_payout_are_the_payout_or_the_rest_is_said(
    lab: Telling, nets: Sequence[str], residual: str | None
) -> None:
    shop = await a_shop(pse="lab")
    *lines, out = nets
    told = [of_nobody("ADJUSTMENT", net, payout_reference="po") for net in lines]
    await a_night(shop, *told, of_nobody("PAYOUT", out, payout_reference="po"))
    found = await Finding.filter(resolved_at=None)
    assert [Decimal(one.detail["residual"]) for one in found] == ([Decimal(residual)] if residual else [])
    assert [one.kind for one in found] == (["BATCH_UNBALANCED"] if residual else [])
    assert await invariants.check() == []


@pytest.mark.parametrize(("told", "of"), [(100, 1), (1_000, 1), (1, 100)])
async def test_a_file_whose_amounts_are_so_many_times_the_books_is_not_entered(
    lab: Telling, told: int, of: int
) -> None:
    shop = await a_shop(pse="lab")
    payments = [await a_payment(shop, amount=(159 + number) * of, currency="CLP") for number in range(3)]

    def lines(times: int, parts: int = 1) -> list[dict[str, Any]]:
        amounts = [one.captured * times // parts for one in payments]
        made = zip(payments, amounts, strict=True)
        return [a_line(one, "CAPTURE", amount, **settled(f"{amount}", "CLP")) for one, amount in made]

    await a_night(shop, *lines(told, of))
    run = await ReconciliationRun.all().order_by("-created_at").first()
    assert run is not None
    assert (run.state, await SettlementLine.all().count()) == ("FAILED", 0)
    assert "EXPONENT_SUSPECTED" in await open_findings()
    finding = await Finding.get(kind="EXPONENT_SUSPECTED")
    whole = sum(one.captured for one in payments)
    sides = finding.detail["theirs"]["amount"], finding.detail["ours"]["amount"]
    assert sides == (f"{whole * told // of}", f"{whole}")
    assert (finding.amount, finding.detail["times"]) == (
        abs(whole * told // of - whole),
        f"1/{of}" if of > told else f"{told:,}",
    )
    await a_night(shop, *lines(1))
    assert "EXPONENT_SUSPECTED" not in await open_findings()
    assert (await _books(shop, "CLP"))["PSE_BALANCE"] == whole


async def test_amounts_that_are_suspected_after_a_part_was_entered_end_the_night(
    lab: Telling, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = await a_shop(pse="lab")
    known, times = await a_payment(shop), 0

    async def registered_meanwhile(*told: Any) -> None:
        nonlocal times
        times += 1
        assert times < 5, "It enters the same for ever."
        if times == 1:
            await a_payment(shop, amount=15_990, currency="CLP", reference="late")
        await enter(*told)

    monkeypatch.setattr(reconcile, "enter", registered_meanwhile)
    late = {**a_line(known, "CAPTURE", 1_599_000), "payment_reference": "late", "currency": "CLP"}
    await a_night(shop, a_line(known, "REFUND", 500, reference="m1"), late)
    assert (times, await SettlementLine.all().count()) == (1, 0)
    assert "EXPONENT_SUSPECTED" in await open_findings()
    await a_night(shop, a_line(known, "REFUND", 500, reference="m1"), {**late, "amount": 15_990})
    assert (await open_findings(), await invariants.check()) == (["MISSING_IN_LEDGER"], [])


@pytest.mark.parametrize("plain_first", [True, False])
async def test_what_was_settled_of_it_is_booked_whichever_of_two_kinds_of_files_comes_first(
    lab: Telling, plain_first: bool
) -> None:
    shop = await a_shop(pse="lab")
    payment, other = await a_payment(shop), await a_payment(shop)
    refund = await a_refund(shop, payment, 1_000)
    await an_answer(refund, Succeeded("re_1"))
    plain = [
        a_line(payment, "CAPTURE", 10_000),
        *(a_line(other, "CAPTURE", 5_000, reference=f"part-{number}") for number in range(2)),
        a_line(payment, "REFUND", 1_000, pse_refund_reference="re_1"),
        a_line(other, "REFUND", 2_000, pse_refund_reference="theirs"),
        a_line(other, "REFUND", 500),
        a_line(payment, "CHARGEBACK", 3_000, reference="dp_1"),
        a_line(payment, "CHARGEBACK", 700),
    ]
    nets = ("99.00", "49.00", "49.00", "-11.00", "-21.00", "-6.00", "-31.00", "-8.00")
    whole = [{**one, **settled(net, fee="-1.00")} for one, net in zip(plain, nets, strict=True)]
    both = [("plain.json", plain), ("whole.json", whole)]
    for name, lines in both if plain_first else both[::-1]:
        await a_night(shop, *lines, name=name)
        assert await invariants.check() == []
    found = await _books(shop)
    assert (found["PSE_BALANCE"], found["FEES"]) == (12_000, 800)
    for name, lines in both * 2:  # read again, in whatever order, they say the same
        await a_night(shop, *lines, name=name)
        assert (await _books(shop), await invariants.check()) == (found, [])
    # What the one tells no longer is the other's again, as it tells it.
    await a_night(shop, *whole[1:], name="whole.json")
    await a_night(shop, *plain, name="plain.json")
    found = await _books(shop)
    assert (found["PSE_BALANCE"], found["FEES"], await invariants.check()) == (12_100, 700, [])


async def test_a_payout_of_next_to_nothing_in_the_banks_currency_has_its_sign(lab: Telling) -> None:
    shop = await a_shop(pse="lab")
    for net, name in (("-0.001", "po-1"), ("0.001", "po-2")):
        line = of_nobody("PAYOUT", net, "USD", payout_reference=name)
        await a_night(shop, {**line, "currency": "CLP", "amount": 1}, name=f"{name}.json")
    assert [(one.reference, one.amount) for one in await Payout.all().order_by("reference")] == [
        ("po-1", 1),
        ("po-2", -1),
    ]
    assert await invariants.check() == []
