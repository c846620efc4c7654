"""What is kept as open is what anybody would work out from all entries and lines, wherever the marks lie."""

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import astuple
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from domain import invariants
from domain.access.permissions import Permission
from domain.access.principal import Principal, reach_of
from domain.books import ageing, checkpoints, ledger, open_items, statements, trial_balance
from domain.books.ageing import Bucket, Item
from domain.books.chart import AccountSide, chart
from domain.books.ledger import Posting
from domain.books.statements import WantedEntries
from domain.books.trial_balance import By
from domain.exports import asked, tables
from domain.exports.asked import Kind
from domain.models import LedgerEntry
from domain.models.ledger import Account, Entry
from domain.periods import kept, preview
from domain.periods.months import Month
from domain.platform import database
from domain.platform.database import execute, rows, transaction
from domain.pse.vocabulary import Succeeded
from domain.taxes import report
from tests.conftest import Database
from tests.kit import lines
from tests.kit.days import utc_today
from tests.kit.factories import Shop, a_payment, a_refund, a_shop, an_answer

A = Account
# Which lines prove a claim, with the sign that they have on PSE_CLEARING.
_CLASSES = {
    "CAPTURE": "CAPTURE",
    "REFUND": "REFUND",
    "RETURN": "REFUND",
    "TAKEN": "TAKEN",
    "TAKEN_BACK": "TAKEN",
    "CHARGEBACK": "CHARGEBACK",
    "CHARGEBACK_REVERSED": "CHARGEBACK",
}
_COMES = ("CAPTURE", "RETURN", "TAKEN_BACK", "CHARGEBACK_REVERSED")


def _class(entry: LedgerEntry) -> str:
    return "REFUND" if entry.refund_id else _CLASSES.get(entry.entry.value, "CAPTURE")


async def _by_hand(shop: Shop) -> list[tuple[Any, ...]]:
    """(account, entry, open amount, since) of all that is open: the oldest of a thing is closed first."""
    moves: dict[tuple[object, ...], list[tuple[date, int, int]]] = defaultdict(list)
    proven: dict[tuple[object, ...], int] = defaultdict(int)
    for one in await LedgerEntry.filter(merchant_id=shop.id):
        since = one.belongs_to or one.accounting_date
        for account, amount in ((one.debit, one.amount), (one.credit, -one.amount)):
            if account is A.PSE_CLEARING and one.payment_id:
                key: tuple[object, ...] = (account, one.refund_id or one.payment_id, _class(one))
            elif account in ageing.ACCOUNTS and account is not A.PSE_CLEARING:
                by_payment = one.payment_id if account is A.SUSPENSE else one.refund_id or one.payment_id
                key = (account, by_payment or one.connection_id, one.currency)
            else:
                continue
            moves[key].append((since, one.id, amount))
    for line in await rows(
        "SELECT s.* FROM settlement_lines s JOIN payments p ON p.id = s.payment_id "
        "WHERE p.merchant_id = $1 AND s.voided_at IS NULL AND s.effect <> 'NONE'",
        shop.id,
    ):
        thing = line["refund_id"] if line["effect"] in ("REFUND", "RETURN") else line["payment_id"]
        sign = -1 if line["effect"] in _COMES else 1
        proven[A.PSE_CLEARING, thing, _CLASSES[line["effect"]]] += sign * line["amount"]
    found = []
    for key, booked in moves.items():
        left = sum(amount for _, _, amount in booked) + proven[key]
        for since, entry, amount in sorted(booked, reverse=True):
            if left * amount > 0:
                part = min(abs(left), abs(amount)) * (1 if left > 0 else -1)
                grown = part if chart()[A(str(key[0]))].side is AccountSide.DEBIT else -part
                found.append((key[0], entry, grown, since))
                left -= part
    return sorted(found)


async def _told(whose: UUID | Principal, size: int, bucket: Bucket | None = None) -> list[tuple[A, Item]]:
    found = []
    for account in ageing.ACCOUNTS:
        after = None
        while page := await ageing.items(whose, account, size, bucket=bucket, after=after):
            found += [(account, one) for one in page]
            after = (page[-1].since, page[-1].place)
    return found


async def _compare(shop: Shop, size: int) -> None:
    hand = await _by_hand(shop)
    items = await _told(shop.id, size)
    assert sorted((account, one.id, one.amount, one.since) for account, one in items) == hand
    aged = await ageing.ageing(shop.id)
    sums: dict[tuple[object, ...], list[int]] = defaultdict(lambda: [0, 0])
    for bucket in Bucket:
        for account, one in await _told(shop.id, size, bucket):
            sums[account, one.connection_id, one.currency, bucket][0] += 1
            sums[account, one.connection_id, one.currency, bucket][1] += one.amount
    assert sum(count for count, _ in sums.values()) == len(hand)
    assert {(o.account, o.connection_id, o.currency, o.bucket): [o.count, o.amount] for o in aged} == sums
    apart = [one for account in ageing.ACCOUNTS for one in await ageing.ageing(shop.id, [account])]
    assert [astuple(one) for one in apart] == [astuple(one) for one in aged]


class Books:
    """A shop's year of payments in several currencies, proven, corrected and returned, by chance of a seed."""

    def __init__(self, shop: Shop, seed: int) -> None:
        self.shop, self.chance = shop, Random(seed)
        self.payments: list[tuple[Any, str]] = []
        self.line = 0

    async def grow(self, steps: int) -> None:
        for _ in range(steps):
            await self.chance.choice((self._sale, self._sale, self._prove, self._prove, self._void, self._post))()

    async def _sale(self) -> None:
        currency = self.chance.choice(("BRL", "CLP", "PYG"))
        days = self.chance.choice((0.01, 5, 40, 80, 200))
        payment = await a_payment(self.shop, days_ago=days, currency=currency,
                                  tax=self.chance.choice((0, 1_800)))  # fmt: skip
        self.payments.append((payment, currency))
        if days < 90 and self.chance.random() < 0.6:
            refund = await a_refund(self.shop, payment, 1_000)
            if self.chance.random() < 0.7:
                await an_answer(refund, Succeeded(f"D{refund.id}"))

    async def _prove(self) -> None:
        """A line: of the whole, or of another amount, or of what nobody claimed."""
        if not self.payments:
            return
        payment, currency = self.chance.choice(self.payments)
        effect = self.chance.choice(("CAPTURE", "CAPTURE", "REFUND", "TAKEN", "TAKEN_BACK", "CHARGEBACK"))
        (refund,) = await rows("SELECT id FROM refunds WHERE payment_id = $1 LIMIT 1", payment.id) or [{"id": None}]
        if effect == "REFUND" and refund["id"] is None:
            return
        amount = {"CAPTURE": payment.captured, "REFUND": 1_000}.get(effect, 300) - self.chance.choice((0, 0, 0, 7))
        self.line += 1
        await execute(
            "INSERT INTO settlement_lines (report_id, line, type, state, payment_reference, by_amount, amount, "
            "currency, by_bank, booked_at, business_date, effect, payment_id, refund_id) VALUES ($1, $2, 'CAPTURE', "
            "'SUCCEEDED', 'x', false, $3, $4, false, now(), current_date, $5, $6, $7) ON CONFLICT DO NOTHING",
            uuid4(), self.line, amount, currency, effect, payment.id, refund["id"] if effect == "REFUND" else None,
        )  # fmt: skip

    async def _void(self) -> None:
        """A revised report: what was closed is open again."""
        await execute(
            "UPDATE settlement_lines SET voided_at = now() WHERE id = (SELECT id FROM settlement_lines "
            "WHERE voided_at IS NULL ORDER BY md5(id::text || $1::text) LIMIT 1)",
            str(self.chance.random()),
        )

    async def _post(self) -> None:
        """What a person or a night books: corrections of an older date too, and money of nobody."""
        entry = self.chance.choice((Entry.TAKEN, Entry.WRITE_OFF, Entry.VAT_DOCUMENTED, Entry.PROVE_UNEXPLAINED,
                                    Entry.PROVE_PAYOUTS, Entry.BANK_RECEIVED, Entry.PROVE_RESERVES,
                                    Entry.PROVE_TRANSFERS, Entry.CONVERT))  # fmt: skip
        nobodys = entry.value.startswith(("PROVE", "BANK", "CONVERT")) or not self.payments
        payment, currency = (None, "BRL") if nobodys else self.chance.choice(self.payments)
        async with transaction():
            await ledger.post([
                Posting(
                    self.shop.id, self.shop.store.id, self.shop.connection.id, entry, self.chance.choice((300, 500)),
                    currency, utc_today(-self.chance.choice((0, 3, 65, 100))), f"test/{uuid4()}", "test",
                    payment_id=payment.id if payment else None, reverse=self.chance.random() < 0.3,
                )
            ])  # fmt: skip


@pytest.mark.usefixtures("books")
async def test_what_is_open_is_the_same_wherever_the_marks_lie_and_opens_again() -> None:
    shop, other = await a_shop(), await a_shop(name="Outra")
    await a_payment(other)
    made = Books(shop, 7)
    for size in (100, 3):
        await made.grow(35)
        await _compare(shop, size)
        assert await open_items.cut() > 0
        await _compare(shop, size)
        assert await invariants._ask("open items", invariants.INVARIANTS[_NAME], 5) == []
    assert {account for account, *_ in await _by_hand(shop)} >= {*ageing.ACCOUNTS[:5], A.FX_CLEARING}
    await execute("UPDATE open_items SET amount = amount + 1 WHERE id = (SELECT min(id) FROM open_items)")
    assert len(await invariants._ask("open items", invariants.INVARIANTS[_NAME], 5)) == 2


_NAME = "open items: what is kept as open is what the ledger and the lines leave open"


_READ = "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint AS n FROM pg_stat_xact_user_tables"


async def _rows_read(ask: Callable[[], Awaitable[object]]) -> int:
    """Of tables; an index is used where there is one, as beside more rows than a test has.

    And rows are looked up one by one, whatever PostgreSQL believes of tables that another test filled and emptied.
    """
    async with transaction():
        for way in ("seqscan", "hashjoin", "mergejoin"):
            await execute(f"SET LOCAL enable_{way} = off")
        await execute("SET LOCAL plan_cache_mode = force_custom_plan")  # no plan of a test before
        (before,) = await rows(_READ)
        await ask()
        (after,) = await rows(_READ)
    return int(after["n"] - before["n"])


@pytest.fixture(name="without_statistics")
async def a_database_without_statistics(fresh_database: Database) -> AsyncIterator[None]:
    """What PostgreSQL knows of so few rows (it looks at a table when 50 have changed) says to read all of them."""
    owner = await asyncpg.connect(fresh_database.owner_url)
    for table in ("ledger_entries", "payments", "refunds", "settlement_lines"):
        await owner.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
    await owner.close()
    async with database.connected(fresh_database.application_url, pool_max=5):
        yield


async def _past(shop: Shop, count: int) -> None:
    """Payments of two days long ago, proven: nothing of them is open."""
    for number in range(count):
        payment = await a_payment(shop, days_ago=40 + number % 2)
        await execute(
            "INSERT INTO settlement_lines (report_id, line, type, state, payment_reference, by_amount, amount, "
            "currency, by_bank, booked_at, business_date, effect, payment_id) VALUES ($1, 1, 'CAPTURE', 'SUCCEEDED', "
            "'x', false, $2, 'BRL', false, now(), current_date, 'CAPTURE', $3)",
            uuid4(), payment.captured, payment.id,
        )  # fmt: skip
    await checkpoints.cut()
    await open_items.cut(patience_seconds=60)  # on a busy machine a transaction may last


async def test_what_is_read_grows_with_the_day_and_the_page_and_not_with_the_past(without_statistics: None) -> None:
    shop = await a_shop()
    for _ in range(3):
        await an_answer(await a_refund(shop, await a_payment(shop, tax=1_800), 1_000), Succeeded(f"D{uuid4()}"))
    today = utc_today()
    since, month = today - timedelta(days=5), Month.of(today - timedelta(days=90))
    later = datetime.now(UTC) + timedelta(hours=1)
    everything = Principal(uuid4(), shop.id, "tester", reach_of((frozenset(Permission), None)), later)
    one_store = Principal(
        uuid4(), shop.id, "tester", reach_of((frozenset({Permission.READ_LEDGER}), shop.store.id)), later
    )
    wanted = WantedEntries(A.PSE_CLEARING, shop.connection.id, "BRL", since, today)

    async def exported() -> None:
        async for _ in tables.pages(everything, Kind.LEDGER, asked.WantedRows(since=since, until=today), 100):
            pass

    asks: dict[str, Callable[[], Awaitable[object]]] = {
        "ageing": lambda: ageing.ageing(shop.id),
        "open items": lambda: ageing.items(shop.id, A.VAT_REVERSAL_PENDING, 10),
        "by store": lambda: trial_balance.trial_balance(shop.id, since, today, [By.STORE]),
        "of a store": lambda: ledger.balances(one_store),
        "statement": lambda: statements.statement(shop.id, wanted, 3),
        "statement of a store": lambda: statements.statement(one_store, wanted, 3),
        "closing": lambda: preview.against(shop.id, month),
        "last entry": lambda: rows(kept.LAST_ENTRY, shop.id, today),
        "VAT report": lambda: report.of_month(everything, str(month), 10),
        "export": exported,
    }
    await _past(shop, 6)
    small = {name: await _rows_read(ask) for name, ask in asks.items()}
    await _past(shop, 40)
    large = {name: await _rows_read(ask) for name, ask in asks.items()}
    assert {name: large[name] - small[name] for name in asks if large[name] - small[name] > 16} == {}, (small, large)


async def test_what_the_pse_holds_back_or_sends_elsewhere_and_what_it_converts_ages_until_the_other_side_is_told(
    books: object,
) -> None:
    shop = await a_shop()

    async def booked(entry: Entry, amount: int, days_ago: int, *, back: bool = False) -> None:
        whose, on = (shop.id, shop.store.id, shop.connection.id), lines.today(-days_ago)
        await ledger.post([Posting(*whose, entry, amount, "BRL", on, str(uuid4()), "r", reverse=back)])

    for entry in (Entry.PROVE_RESERVES, Entry.PROVE_TRANSFERS, Entry.CONVERT):
        await booked(entry, 1_000, 100)
        await booked(entry, 500, 40)
        await booked(entry, 1_200, 5, back=True)
    aged = [(one.account, one.bucket, one.count, one.amount) for one in await ageing.ageing(shop.id)]
    assert aged == [(one, Bucket.D31_60, 1, 300) for one in (A.PSE_RESERVE, A.PSE_TRANSFERS, A.FX_CLEARING)]
    await open_items.cut()
    assert [one.amount for one in await ageing.ageing(shop.id)] == [300] * 3
    assert [one.days for one in await ageing.items(shop.id, A.PSE_RESERVE, 5)] == [40]
