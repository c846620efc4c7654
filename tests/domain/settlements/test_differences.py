"""What conversions gained or lost of a payment is booked when all of its money has gone out again, and not before."""

import importlib
from collections.abc import Sequence
from typing import Any

import pytest

from domain import invariants
from domain.books import ledger
from domain.models import LedgerEntry, Payment
from domain.models.ledger import Account, Entry
from domain.platform.database import execute
from domain.pse import registry
from domain.pse.vocabulary import Succeeded
from tests.kit.factories import Shop, a_payment, a_refund, a_shop, an_answer
from tests.kit.lines import Telling, a_line, a_night, of_nobody, settled

pytestmark = pytest.mark.usefixtures("books")


@pytest.fixture(autouse=True)
def lab() -> None:
    registry.register(Telling())


async def _stands(shop: Shop, currency: str = "USD") -> tuple[int, int]:
    """In FX_CLEARING and in FX_DIFFERENCES."""
    found = {row.account: row.balance for row in await ledger.balances(shop.id) if row.currency == currency}
    return found.get(Account.FX_CLEARING, 0), found.get(Account.FX_DIFFERENCES, 0)


def _usd(net: str, **parts: str) -> dict[str, Any]:
    return settled(net, "USD", **parts)


async def _gone_out(shop: Shop, payment: Payment, left: str, back: str) -> Sequence[dict[str, Any]]:
    """All of a payment's money: 40.00 as a refund, 60.00 as a chargeback."""
    refund = await a_refund(shop, payment, 4_000)
    await an_answer(refund, Succeeded("D-1"))
    return (
        a_line(payment, "REFUND", 4_000, reference=refund.reference, **_usd(left)),
        a_line(payment, "CHARGEBACK", 6_000, reference="c-1", **_usd(back, fee="-2.00")),
    )


@pytest.mark.parametrize(("left", "lost"), [("-8.10", 39), ("-7.32", -39), ("-7.71", 0)])
async def test_the_difference_is_booked_when_all_of_the_payment_is_out_again(left: str, lost: int) -> None:
    shop = await a_shop(pse="lab")
    payment, other = await a_payment(shop), await a_payment(shop)
    came = a_line(payment, "CAPTURE", 10_000, **_usd("19.60", fee="-0.41"))
    await a_night(shop, came, a_line(other, "CAPTURE", 10_000, **_usd("19.00")), days=-2)
    refund, chargeback = await _gone_out(shop, payment, left, "-14.30")
    await a_night(shop, refund, days=-1)
    assert (await _stands(shop))[1] == 0, "some of it is still there: no part of a difference is made up"
    await a_night(shop, chargeback)
    assert await _stands(shop) == (-1_900, lost)
    assert (await _stands(shop, "BRL"), await invariants.check()) == ((10_000, 0), [])
    booked = await LedgerEntry.filter(entry=Entry.FX_DIFFERENCE)
    assert [(one.store_id, one.amount) for one in booked] == [(payment.store_id, 39)] * (lost != 0)


async def test_the_same_again_is_nothing_and_what_a_revised_report_says_is_booked_anew() -> None:
    shop = await a_shop(pse="lab")
    payment = await a_payment(shop)
    came = a_line(payment, "CAPTURE", 10_000, **_usd("20.01"))
    refund, chargeback = await _gone_out(shop, payment, "-8.10", "-14.30")
    # The one report has all of it, and sums of nothing in reais.
    await a_night(shop, came, refund, chargeback)
    entries = await LedgerEntry.all().count()
    await a_night(shop, came, refund, chargeback)
    assert (await _stands(shop), await LedgerEntry.all().count()) == ((0, 39), entries)
    await a_night(shop, came, {**refund, **_usd("-7.00")}, chargeback)
    assert (await _stands(shop), await invariants.check()) == ((0, -71), [])
    # What it tells no more is still there.
    await a_night(shop, came, refund)
    assert (await _stands(shop), await invariants.check()) == ((-2_001 + 810, 0), [])
    await a_night(shop, chargeback, days=1)
    assert (await _stands(shop), await invariants.check()) == ((0, 39), [])
    won = a_line(payment, "CHARGEBACK_REVERSED", 6_000, reference="c-1", **_usd("12.10"))
    await a_night(shop, won, days=2)
    assert (await _stands(shop), await invariants.check()) == ((-2_001 + 810 + 1_230 - 1_210, 0), [])
    await a_night(shop)
    await a_night(shop, days=1)
    await a_night(shop, days=2)
    assert (await _stands(shop), await invariants.check()) == ((0, 0), [])


async def test_what_left_in_another_currency_than_it_came_in_is_a_gain_in_the_one_and_a_loss_in_the_other() -> None:
    shop = await a_shop(pse="lab")
    payment = await a_payment(shop)
    came = a_line(payment, "CAPTURE", 10_000, **_usd("20.00"))
    most, rest = (
        a_line(payment, "CHARGEBACK", amount, reference=f"c-{amount}", **settled(net, "EUR"))
        for amount, net in ((6_000, "-10.00"), (4_000, "-8.00"))
    )
    await a_night(shop, came, most)
    assert (await _stands(shop), await _stands(shop, "EUR")) == ((-2_000, 0), (1_000, 0)), "some of it is still there"
    await a_night(shop, rest, days=1)
    assert (await _stands(shop), await _stands(shop, "EUR")) == ((0, -2_000), (0, 1_800))
    assert (await _stands(shop, "BRL"), await invariants.check()) == ((0, 0), [])
    await a_night(shop, days=1)
    assert (await _stands(shop), await _stands(shop, "EUR")) == ((-2_000, 0), (1_000, 0))
    assert await invariants.check() == []


def _paid_out(net: str, amount: int, name: str) -> dict[str, Any]:
    return of_nobody("PAYOUT", net, "USD", amount=amount, payout_reference=name) | {"currency": "BRL"}


async def test_what_conversions_left_is_a_difference_once_all_of_it_was_paid_out_in_the_first_currency_again() -> None:
    shop = await a_shop(pse="lab")
    sales = [await a_payment(shop) for _ in range(3)]
    lines = [a_line(one, "CAPTURE", 10_000, **_usd("19.60", fee="-0.41")) for one in sales]
    await a_night(shop, lines[0], lines[1], _paid_out("-19.60", 10_300, "po-1"), days=-2)
    assert await _stands(shop, "BRL") == (20_000 - 10_300, 0), "dollars of it are there yet"
    await a_night(shop, _paid_out("-19.60", 10_500, "po-2"), days=-1)
    for _ in range(2):
        assert (await _stands(shop, "BRL"), await _stands(shop)) == ((0, -800), (0, -82)), "the fee was of it, too"
        assert await invariants.check() == []
        await a_night(shop, _paid_out("-19.60", 10_500, "po-2"), days=-1)
    await a_night(shop, lines[2])
    assert (await _stands(shop, "BRL"), await _stands(shop)) == ((10_000, -800), (-2_001, -82))
    as_it_is = of_nobody("PAYOUT", "-19.60", "USD", payout_reference="po-3")
    await a_night(shop, lines[2], as_it_is)
    assert (await _stands(shop, "BRL"), await _stands(shop)) == ((10_000, -800), (-2_001, -82)), "at a bank, as dollars"
    await a_night(shop, _paid_out("-19.60", 10_400, "po-2"), days=-1)  # revised, while dollars are there
    await a_night(shop, lines[2], _paid_out("-19.60", 10_100, "po-3"))
    assert (await _stands(shop, "BRL"), await _stands(shop)) == ((0, -800), (0, -123))
    assert await invariants.check() == []


async def test_what_had_gone_out_before_differences_were_booked_is_booked_by_the_migration() -> None:
    shop = await a_shop(pse="lab")
    payment, other = await a_payment(shop), await a_payment(shop)
    came = a_line(payment, "CAPTURE", 10_000, **_usd("20.01"))
    await a_night(shop, came, *await _gone_out(shop, payment, "-8.10", "-14.30"))
    await a_night(shop, a_line(other, "CAPTURE", 10_000, **_usd("19.00")), days=1)
    (booked,) = await LedgerEntry.filter(entry=Entry.FX_DIFFERENCE)
    undone = ledger.Posting(
        shop.id, booked.store_id, shop.connection.id, Entry.FX_DIFFERENCE, booked.amount, "USD", booked.accounting_date,
        "as before", "test", reverse=True,
    )  # fmt: skip
    await ledger.post([undone])
    (found,) = await invariants.check()
    assert (await _stands(shop), found.name.partition(":")[0]) == ((-1_900 + 39, 0), "fx")
    for statement in importlib.import_module("domain.migrations.0079_differences").STATEMENTS:
        await execute(statement)
    assert (await _stands(shop), await invariants.check()) == ((-1_900, 39), [])


async def test_what_had_left_in_a_third_currency_before_is_booked_by_the_migration() -> None:
    shop = await a_shop(pse="lab")
    payment = await a_payment(shop)
    gone = a_line(payment, "CHARGEBACK", 10_000, reference="c-1", **settled("-18.00", "EUR"))
    await a_night(shop, a_line(payment, "CAPTURE", 10_000, **_usd("20.00")), gone)
    undone = [
        ledger.Posting(
            shop.id, one.store_id, shop.connection.id, Entry.FX_DIFFERENCE, one.amount, one.currency,
            one.accounting_date, f"as before/{one.currency}", "test", reverse=one.debit is Account.FX_DIFFERENCES,
        )
        for one in await LedgerEntry.filter(entry=Entry.FX_DIFFERENCE)
    ]  # fmt: skip
    await ledger.post(undone)
    assert len(await invariants.check()) == 2
    for statement in importlib.import_module("domain.migrations.0084_third_currencies").STATEMENTS:
        await execute(statement)
    assert (await _stands(shop), await _stands(shop, "EUR")) == ((0, -2_000), (0, 1_800))
    assert await invariants.check() == []
