"""What two files tell of one movement is counted once, and stands as long as one of them tells it."""

import gzip
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from domain import invariants
from domain.models import Payout, Report, SettlementLine
from domain.models.ledger import Account
from domain.pse import registry
from domain.pse.reporting import Balance, PaidOut
from domain.pse.vocabulary import Method
from tests.kit.factories import Shop, a_payment, a_shop
from tests.kit.lines import Telling, a_line, a_night, balance, of_nobody, open_findings, settled, today
from tests.kit.nights import run_stripe, stripe_line

pytestmark = pytest.mark.usefixtures("books")


@pytest.fixture(autouse=True)
def lab() -> None:
    registry.register(Telling())


async def _repeated(shop: Shop) -> list[str]:
    found = Report.filter(connection_id=shop.connection.id, superseded_at=None, repeat_since__isnull=False)
    return await found.order_by("name").values_list("name", flat=True)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("kind", "account", "more"),
    [
        ("FEE", Account.FEES, {}),
        ("PAYOUT", Account.PAYOUTS_IN_TRANSIT, {"payout_reference": "po-1"}),
        ("CHARGEBACK", Account.SUSPENSE, {"payment_reference": "unknown", "reference": "c-1"}),
    ],
)
async def test_what_a_revised_file_has_no_longer_stands_where_another_file_tells_it(
    kind: str, account: Account, more: dict[str, Any]
) -> None:
    shop = await a_shop(pse="lab")
    line, other = of_nobody(kind, "-50.00", **more), of_nobody("ADJUSTMENT", "-1.00")
    await a_night(shop, line, line, other, name="a.json")
    await a_night(shop, line, name="b.json")
    await a_night(shop, other, name="c.json")
    assert await balance(shop, account) == 10_000
    await a_night(shop, line, other, name="a.json")  # it still tells it as often as any other does
    await a_night(shop, line, name="b.json")
    assert (await balance(shop, account), await _repeated(shop)) == (5_000, [])
    await a_night(shop, other, name="a.json")
    assert (await balance(shop, account), await _repeated(shop)) == (0, ["b.json"])
    await a_night(shop, line, name="b.json")
    assert (await balance(shop, account), await _repeated(shop)) == (5_000, [])
    assert await invariants.check() == []


async def test_a_row_that_is_there_twice_is_booked_once_though_a_file_of_another_date_has_both_too() -> None:
    shop = await a_shop(pse="lab")
    payment = await a_payment(shop, days_ago=0)
    row = a_line(payment, "REFUND", 4_000, pse_refund_reference="P1", **settled("-40.00"))
    await a_night(shop, row, row, days=-1)
    await a_night(shop, row, row)
    assert (await balance(shop, Account.PSE_BALANCE), await open_findings()) == (
        -8_000,
        ["DUPLICATE_LINE", "MISSING_IN_LEDGER"],
    )
    await a_night(shop, row, days=-1)  # one of both has it once only
    assert await _repeated(shop) == [f"lab-{today()}.json"]
    await a_night(shop, row, row)
    assert (await balance(shop, Account.PSE_BALANCE), await invariants.check()) == (-8_000, [])
    await a_night(shop, row)
    assert (await balance(shop, Account.PSE_BALANCE), await open_findings()) == (-4_000, ["MISSING_IN_LEDGER"])


async def test_a_payout_that_two_files_tell_beside_their_lines_is_paid_once() -> None:
    shop = await a_shop(pse="stripe")
    for number in (1, 2):
        await a_payment(shop, reference=f"pi_{number}", method=Method.CARD, amount=10_000, days_ago=0)
    first = stripe_line("charge", "100.00", "pi_1", "ch_1", automatic_payout_id="po_1")
    second = stripe_line("charge", "100.00", "pi_2", "ch_2", automatic_payout_id="po_1")

    async def paid() -> list[tuple[str, int]]:
        assert await invariants.check() == []
        return [(one.reference, one.amount) for one in await Payout.all()]

    await run_stripe(shop, [first], days=-1)
    assert await paid() == [("po_1", 10_000)]
    await run_stripe(shop, [first, second])  # of the week: the first day is told, the second is not
    assert await paid() == [("po_1", 20_000)]
    await run_stripe(shop, [], days=-1)
    assert await paid() == [("po_1", 10_000)]
    await run_stripe(shop, [first, second])
    assert await paid() == [("po_1", 20_000)]
    await run_stripe(shop, [first], days=-1)
    assert (await paid(), await open_findings()) == ([("po_1", 20_000)], [])


async def test_a_payout_of_one_name_in_files_of_two_dates_is_paid_once() -> None:
    shop = await a_shop(pse="lab")
    made = of_nobody("PAYOUT", "-50.00", payout_reference="po-1")
    await a_night(shop, made, days=-1, name="a.json")
    await a_night(shop, of_nobody("PAYOUT", "-50.00", payout_reference="po-1"), name="b.json")
    assert await balance(shop, Account.PAYOUTS_IN_TRANSIT) == 5_000
    await a_night(shop, days=-1, name="a.json")
    assert await _repeated(shop) == ["b.json"]
    await a_night(shop, made, name="b.json")
    assert await balance(shop, Account.PAYOUTS_IN_TRANSIT) == 5_000
    # One without a name is another on another day.
    await a_night(shop, of_nobody("PAYOUT", "-50.00"), days=-1, name="c.json")
    assert (await balance(shop, Account.PAYOUTS_IN_TRANSIT), await invariants.check()) == (10_000, [])


async def test_a_night_again_takes_nothing_away_though_another_file_tells_more() -> None:
    shop = await a_shop(pse="lab")
    fee = of_nobody("FEE", "-50.00")
    files = {"a.json": [fee], "b.json": [fee, fee, fee], "c.json": [fee, fee]}
    for name in ("a.json", "b.json", "c.json", "a.json", "c.json", "b.json", "a.json"):
        await a_night(shop, *files[name], name=name)
        await a_night(shop, {**fee, "kind": "other"}, *files[name], name=name)  # as it is read anew
        await a_night(shop, *files[name], name=name)
    assert await balance(shop, Account.FEES) == 15_000
    for fewer, most in (([fee], 2), ([], 2), ([fee, fee, fee], 3)):
        await a_night(shop, *fewer, name="b.json")
        for name in await _repeated(shop):
            await a_night(shop, *files[name], name=name)
        assert (await balance(shop, Account.FEES), await _repeated(shop)) == (most * 5_000, [])
    assert await invariants.check() == []


async def test_a_row_that_stands_twice_in_two_files_is_two_movements() -> None:
    shop = await a_shop(pse="lab")
    payment = await a_payment(shop)
    line = a_line(payment, "REFUND", 900, reference="m1", **settled("-9.00"))
    for name in ("b.json", "c.json", "b.json", "c.json"):
        await a_night(shop, line, line, name=name)
        assert await balance(shop, Account.PSE_BALANCE) == -1_800
    assert await invariants.check() == []


async def test_a_revised_file_of_a_day_with_two_balances_leaves_the_opening_as_it_was() -> None:
    lab = Telling()
    registry.register(lab)
    shop = await a_shop(pse="lab")
    lab.balances["a.json"] = [Balance("BRL", Decimal(100), Decimal(110))]
    lab.balances["b.json"] = [Balance("BRL", Decimal(110), Decimal(130))]
    first, second = of_nobody("ADJUSTMENT", "10.00"), of_nobody("ADJUSTMENT", "20.00")
    await a_night(shop, first, name="a.json")
    await a_night(shop, second, name="b.json")
    await a_night(shop, {**first, "kind": "another word"}, name="a.json")  # the same money
    assert (await balance(shop, Account.PSE_BALANCE), await open_findings()) == (13_000, [])
    assert await invariants.check() == []


async def test_a_payout_of_next_to_nothing_has_its_sign() -> None:
    shop = await a_shop(pse="lab")
    await a_night(shop, {**of_nobody("PAYOUT", "-0.001", "USD", payout_reference="po"), "currency": "CLP", "amount": 1})
    assert ([one.amount for one in await Payout.all()], await invariants.check()) == ([1], [])


async def test_what_the_bank_gave_back_or_sent_is_no_part_of_the_payout_whose_rows_it_stands_among() -> None:
    shop = await a_shop(pse="stripe")
    await a_payment(shop, reference="pi_1", method=Method.CARD, days_ago=0)

    def row(category: str, gross: str, payment: str = "", source: str = "") -> dict[str, str]:
        return stripe_line(category, gross, payment, source, automatic_payout_id="po_2")

    rows = [row("charge", "100.00", "pi_1"), row("topup", "50.00", source="tu_1"), row("topup", "1.00")]
    rows += [row("payout_reversal", "7.00", source="po_1"), row("payout", "-158.00", source="po_2")]
    await run_stripe(shop, rows)
    told = {one.reference: one.amount for one in await Payout.all()}
    unnamed = f"topup {today()} 12:00:00"
    assert told == {"po_2": 15_800, "topup tu_1": -5_000, unnamed: -100, "payout_reversal po_1": -700}
    assert (await open_findings(), await invariants.check()) == ([], [])


@pytest.mark.parametrize("order", [("row", "beside"), ("beside", "row")])
async def test_a_payout_that_one_file_tells_beside_its_lines_and_another_by_its_row_is_paid_once(
    order: tuple[str, str],
) -> None:
    pse = Telling()
    registry.register(pse)
    shop = await a_shop(pse="lab")
    pse.payouts["beside"] = [PaidOut("po-1", "BRL", Decimal(50), Decimal(50))]
    row = of_nobody("PAYOUT", "-50.00", payout_reference="po-1")
    brought = of_nobody("ADJUSTMENT", "50.00", payout_reference="po-1")
    files = {"row": [row], "beside": [brought]}

    async def paid() -> tuple[int, int]:
        assert await invariants.check() == []
        return await balance(shop, Account.PAYOUTS_IN_TRANSIT), (await Payout.get(reference="po-1")).amount

    for days, name in enumerate(order):
        await a_night(shop, *files[name], name=name, days=-days)
        assert await paid() == (5_000, 5_000)
    for days, name in enumerate(order):
        await a_night(shop, *files[name], name=name, days=-days)
        assert await paid() == (5_000, 5_000)
    # The file that has counted it tells it no longer: the other one is read again, and counts it.
    first, second = order
    pse.payouts.pop("beside" if first == "beside" else "", None)
    await a_night(shop, of_nobody("FEE", "-1.00"), name=first)
    assert await _repeated(shop) == [second]
    await a_night(shop, *files[second], name=second, days=-1)
    assert (await paid(), await _repeated(shop)) == ((5_000, 5_000), [])


async def test_what_the_version_before_has_read_is_wrong_nowhere_and_is_booked_when_it_is_read_again() -> None:
    shop = await a_shop(pse="lab")
    fee = of_nobody("FEE", "-50.00")
    whose: dict[str, Any] = {"merchant_id": shop.id, "connection_id": shop.connection.id}
    kept: dict[str, Any] = {
        "digest": "0" * 64,
        "content_type": "application/json",
        "content": gzip.compress(b"[]"),
        "totals": {},
    }
    old = await Report.create(id=uuid4(), business_date=today(), name="old.json", **whose, **kept)
    plain = {name: value for name, value in fee.items() if value is not None}
    for line in (1, 2):
        told = {**plain, "settled_net": Decimal(-50), "booked_at": datetime.fromisoformat(fee["booked_at"])}
        await SettlementLine.create(report_id=old.id, line=line, business_date=today(), effect="NONE", **told)
    await a_night(shop, fee, name="new.json")
    assert (await balance(shop, Account.FEES), await invariants.check()) == (5_000, [])
    await a_night(shop, fee, fee, name="old.json")
    await a_night(shop, fee, name="new.json")
    assert (await balance(shop, Account.FEES), await invariants.check()) == (10_000, [])
