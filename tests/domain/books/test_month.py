"""The trial balance, statements and ageing of a shop's books, summed up by hand beside them."""

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest

from domain.access.permissions import Permission
from domain.access.principal import Principal, reach_of
from domain.books import ageing, checkpoints, ledger, statements, trial_balance
from domain.books.ageing import Bucket
from domain.books.chart import AccountSide, Type, chart
from domain.books.statements import WantedEntries
from domain.books.trial_balance import By
from domain.languages import LOCALES
from domain.models import LedgerEntry, Store
from domain.models.ledger import Account
from domain.problems import InvalidInput
from domain.pse.vocabulary import Succeeded
from tests.kit.days import utc_today
from tests.kit.factories import Shop, a_payment, a_refund, a_shop, an_answer


def _of(shop: Shop, *stores: Store) -> Principal:
    grants = [(frozenset({Permission.READ_LEDGER}), one.id) for one in stores]
    return Principal(uuid4(), shop.id, "tester", reach_of(*grants), datetime.now(UTC) + timedelta(hours=1))


def test_every_account_is_in_the_chart_with_a_side_and_a_meaning_in_each_language() -> None:
    assert set(chart()) == set(Account)
    for one in chart().values():
        assert len({one.in_words(locale) for locale in LOCALES}) == len(LOCALES), one.account
    assert chart()[Account.SALES_RETURNS].side is AccountSide.DEBIT
    assert chart()[Account.REFUNDS_PAYABLE].type is Type.LIABILITY


async def _by_hand(shop: Shop, since: date, until: date) -> dict[tuple[object, ...], list[int]]:
    sums: dict[tuple[object, ...], list[int]] = {}
    for row in await LedgerEntry.filter(merchant_id=shop.id):
        for account, sign in ((row.debit, 1), (row.credit, -1)):
            kept = sums.setdefault((row.connection_id, row.store_id, account, row.currency), [0, 0, 0])
            if row.accounting_date < since:
                kept[0] += sign * row.amount
            elif row.accounting_date <= until:
                kept[1 if sign > 0 else 2] += row.amount
    return {key: kept for key, kept in sums.items() if any(kept)}


@pytest.mark.usefixtures("books")
async def test_the_trial_balance_is_the_sum_of_the_entries_however_it_is_told_apart_and_wherever_checkpoints_lie() -> (
    None
):
    shop, other = await a_shop(), await a_shop(name="Outra")
    second = await Store.create(id=uuid4(), merchant_id=shop.id, code="rj", name="Rio")
    await a_payment(other)
    for days, tax in ((40, 0), (3, 1_800), (0.01, 1_800)):
        refund = await a_refund(shop, await a_payment(shop, days_ago=days, tax=tax), 1_000)
        await an_answer(refund, Succeeded(f"D{days}"))
        await a_payment(Shop(shop.merchant, second, shop.connection), days_ago=days)
        since, until = utc_today(-10), utc_today(1)
        hand = await _by_hand(shop, since, until)
        for by in ([], [By.CONNECTION], [By.STORE], [By.STORE, By.CONNECTION]):
            told = await trial_balance.trial_balance(shop.id, since, until, by)
            expected: dict[tuple[object, ...], list[int]] = {}
            for (connection, store, account, currency), kept in hand.items():
                key = (
                    connection if By.CONNECTION in by else None,
                    store if By.STORE in by else None,
                    account,
                    currency,
                )
                expected[key] = [a + b for a, b in zip(expected.get(key, [0, 0, 0]), kept, strict=True)]
            expected = {key: kept for key, kept in expected.items() if any(kept)}
            made = {
                (one.connection_id, one.store_id, one.account, one.currency): [one.opening, one.debits, one.credits]
                for one in told.rows
            }
            assert made == expected, by
            (total,) = told.totals
            assert total.debits == total.credits > 0
            named = {(one.connection_name, one.pse) for one in told.rows}
            assert named == ({("pix-main", "pix")} if By.CONNECTION in by else {(None, None)})
        await checkpoints.cut()
    of_one = await trial_balance.trial_balance(_of(shop, second), since, until, [By.STORE])
    assert {one.store_code for one in of_one.rows} == {"rj"}
    with pytest.raises(InvalidInput):
        await trial_balance.trial_balance(shop.id, until, since)


@pytest.mark.usefixtures("books")
async def test_a_statement_is_the_same_in_whatever_pages_and_closes_to_the_balance() -> None:
    shop = await a_shop()
    for days in (5, 4, 3, 3, 3, 0.01):
        refund = await a_refund(shop, await a_payment(shop, days_ago=days, tax=1_800), 1_000)
        await an_answer(refund, Succeeded(f"D{refund.id}"))
    await checkpoints.cut()
    await a_payment(shop, days_ago=4)  # booked last, of an earlier day
    wanted = WantedEntries(Account.PSE_CLEARING, shop.connection.id, "BRL", utc_today(-4), utc_today(1))
    whole = await statements.statement(shop.id, wanted, 100)
    assert whole.lines
    assert not whole.has_more
    balance = whole.opening
    for line in whole.lines:
        balance += line.debit - line.credit
        assert line.balance == balance
        assert line.other is not wanted.account
    assert balance == whole.closing
    held = await ledger.balances(shop.id)
    assert balance == sum(one.balance for one in held if one.account is wanted.account)
    for size in (1, 2, 5):
        pages: list[statements.AccountLine] = []
        after = None
        while True:
            page = await statements.statement(shop.id, wanted, size, after)
            pages += page.lines
            assert (page.opening, page.closing) == (whole.opening, whole.closing)
            if not page.has_more:
                break
            after = page.lines[-1].place
        assert pages == whole.lines
    of_one = await statements.statement(_of(shop, shop.store), wanted, 100)
    assert of_one == whole


@pytest.mark.usefixtures("books")
async def test_what_is_open_has_an_age_and_adds_up_to_its_account() -> None:
    shop = await a_shop()
    for days in (100, 70, 40, 20, 2):
        await a_payment(shop, days_ago=days, tax=1_800)
    payment = await a_payment(shop, tax=1_800)
    paid = await a_refund(shop, payment, 1_000)
    await an_answer(paid, Succeeded("D1"))
    owed = await a_refund(shop, payment, 2_000)
    aged = await ageing.ageing(shop.id)
    held = {one.account: one.balance for one in await ledger.balances(shop.id)}
    for account in ageing.ACCOUNTS:
        sign = 1 if chart()[account].side is AccountSide.DEBIT else -1
        assert sum(one.amount for one in aged if one.account is account) == sign * held.get(account, 0), account
    clearing = {one.bucket: (one.count, one.amount) for one in aged if one.account is Account.PSE_CLEARING}
    assert set(clearing) == set(Bucket)
    assert clearing[Bucket.D31_60] == (2, 10_000)  # its net and its VAT
    first = await ageing.items(shop.id, Account.PSE_CLEARING, 3)
    rest = await ageing.items(shop.id, Account.PSE_CLEARING, 100, after=(first[-1].since, first[-1].id))
    assert [one.id for one in (*first, *rest)] == [
        one.id for one in await ageing.items(shop.id, Account.PSE_CLEARING, 100)
    ]
    assert sum(one.amount for one in (*first, *rest)) == held[Account.PSE_CLEARING]
    (refund_item,) = {one.refund_id for one in await ageing.items(shop.id, Account.REFUNDS_PAYABLE, 9)}
    assert refund_item == owed.id
