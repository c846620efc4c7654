"""The database itself refuses, whoever asks: SQL attacks as the application's own role."""

import asyncio
import itertools
from importlib import import_module
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from domain.lifecycle import MOVES, State
from domain.models import Payment, Refund
from domain.problems import AmountExceedsRefundable
from domain.pse.vocabulary import Succeeded
from tests.conftest import Database
from tests.factories import Shop, a_payment, a_refund, a_shop, an_answer

CHECK, FORBIDDEN, UNIQUE, FOREIGN = "23514", "42501", "23505", "23503"


async def _attack(books: Database, sql: str, *values: Any) -> str:
    """The SQLSTATE with which the application's role is refused; "" when it is not. Rolled back either way."""
    connection = await asyncpg.connect(books.application_url)
    attempt = connection.transaction()
    await attempt.start()
    try:
        await connection.execute(sql, *values)
        await connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except asyncpg.PostgresError as error:
        return str(error.sqlstate)
    else:
        return ""
    finally:
        await attempt.rollback()
        await connection.close()


async def _refunded(amount: int = 6_000) -> tuple[Shop, Payment, Refund]:
    shop = await a_shop()
    payment = await a_payment(shop, amount=10_000)
    return shop, payment, await a_refund(shop, payment, amount)


async def test_more_than_was_captured_cannot_be_reserved_or_refunded(books: Database) -> None:
    _, payment, _ = await _refunded()
    for column in ("reserved", "refunded"):
        attack = f"UPDATE payments SET {column} = {column} + 4001 WHERE id = $1"
        assert await _attack(books, attack, payment.id) == CHECK
    assert await _attack(books, "UPDATE payments SET captured = 99999 WHERE id = $1", payment.id) == FORBIDDEN


async def test_fifty_requests_at_once_never_reserve_more_than_was_captured(books: Database) -> None:
    shop, payment, _ = await _refunded(1_000)
    done = await asyncio.gather(*(a_refund(shop, payment, 3_000) for _ in range(50)), return_exceptions=True)
    assert sum(isinstance(one, Refund) for one in done) == 3
    assert sum(isinstance(one, AmountExceedsRefundable) for one in done) == 47


ENTRY = (
    "INSERT INTO ledger_entries (merchant_id, store_id, connection_id, payment_id, refund_id, entry, debit, credit, "
    "amount, currency, accounting_date, booked_at, cause, leg, request_id) VALUES ($1, $2, $3, $4, $5, 'PAY', $6, $7, "
    "$8, $9, now()::date, now(), 'attack', 0, 'r')"
)


@pytest.mark.parametrize(
    ("debit", "credit", "amount", "state"),
    [
        ("BANK", "SALES", 100, ""),
        ("BANK", "BANK", 100, CHECK),
        ("BANK", "SALES", 0, CHECK),
        ("BANK", "SALES", -1, CHECK),
    ],
)
async def test_an_entry_moves_a_positive_amount_between_two_accounts(
    books: Database, debit: str, credit: str, amount: int, state: str
) -> None:
    shop, payment, refund = await _refunded()
    values = [shop.id, shop.store.id, shop.connection.id, payment.id, refund.id, debit, credit, amount, "BRL"]
    assert await _attack(books, ENTRY, *values) == state


@pytest.mark.parametrize("foreign", ["store", "connection", "payment", "refund", "merchant", "currency"])
async def test_an_entry_belongs_to_one_merchant_and_one_currency(books: Database, foreign: str) -> None:
    shop, payment, refund = await _refunded()
    other, its_payment, its_refund = await _refunded()
    values = {
        "merchant": (shop.id, other.id),
        "store": (shop.store.id, other.store.id),
        "connection": (shop.connection.id, other.connection.id),
        "payment": (payment.id, its_payment.id),
        "refund": (refund.id, its_refund.id),
    }
    chosen: list[Any] = [pair[1] if name == foreign else pair[0] for name, pair in values.items()]
    currency = "USD" if foreign == "currency" else "BRL"
    assert await _attack(books, ENTRY, *chosen, "BANK", "SALES", 1, currency) == FOREIGN


TABLES = ("events", "event_seals", "ledger_entries", "calls", "answers", "idempotency_keys", "notice_refunds")


@pytest.mark.parametrize("table", TABLES)
async def test_what_is_written_stays_written(books: Database, table: str) -> None:
    await _refunded()
    for attack in (f"UPDATE {table} SET id = id", f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
        assert await _attack(books, attack) == FORBIDDEN
    for attack in (f"ALTER TABLE {table} DISABLE TRIGGER USER", f"DROP TABLE {table}"):
        assert await _attack(books, attack) == FORBIDDEN


async def test_a_second_live_attempt_is_refused(books: Database) -> None:
    _, _, refund = await _refunded()
    attack = (
        "INSERT INTO attempts (refund_id, number, claimed_until, sent_at, refusal) "
        "SELECT $1, n, now(), now(), false FROM generate_series(1, $2::int) n"
    )
    assert await _attack(books, attack, refund.id, 1) == ""
    assert await _attack(books, attack, refund.id, 2) == UNIQUE


async def _force(books: Database, refund_id: UUID, state: State) -> None:
    owner = await asyncpg.connect(books.owner_url)
    try:
        await owner.execute("ALTER TABLE refunds DISABLE TRIGGER refunds_move")
        await owner.execute("UPDATE refunds SET state = $2 WHERE id = $1", refund_id, state.value)
        await owner.execute("ALTER TABLE refunds ENABLE TRIGGER refunds_move")
    finally:
        await owner.close()


async def test_a_state_goes_only_where_the_table_lets_it(books: Database) -> None:
    _, _, refund = await _refunded()
    attack = "UPDATE refunds SET state = $2, sequence = sequence + 1 WHERE id = $1"
    for old in State:
        await _force(books, refund.id, old)
        for new in State:
            allowed = old is new or (old, new) in MOVES
            assert (await _attack(books, attack, refund.id, new.value) == "") is allowed, (old, new)


def test_the_databases_table_of_moves_is_the_domains() -> None:
    kept = import_module("domain.migrations.0005_seals").MOVES
    pairs = {(State(old) if old else None, State(new)) for old, news in kept.items() for new in news.split()}
    assert pairs == set(MOVES)


@pytest.mark.parametrize(
    "change",
    [
        "amount = amount - 1",
        "currency = 'USD'",
        "reference = 'aaaaaaaaaaaaaaaaaaaa'",
        "tax_amount = 1",
        "requested_by = 'somebody'",
        "created_at = now()",
        "merchant_id = gen_random_uuid()",
        "payment_id = gen_random_uuid()",
    ],
)
async def test_what_a_refund_was_asked_for_does_not_change(books: Database, change: str) -> None:
    _, _, refund = await _refunded()
    assert await _attack(books, f"UPDATE refunds SET {change} WHERE id = $1", refund.id) == FORBIDDEN


async def test_a_refunds_history_does_not_go_back(books: Database) -> None:
    _, _, refund = await _refunded()
    assert await _attack(books, "UPDATE refunds SET sequence = 0 WHERE id = $1", refund.id) == CHECK


async def test_a_refund_does_not_begin_paid(books: Database) -> None:
    shop, payment, _ = await _refunded()
    attack = (
        "INSERT INTO refunds (id, merchant_id, payment_id, connection_id, reference, request_id, state, amount, "
        "currency, tax_amount, reason, sequence, asks, unsent, requested_by, created_at, updated_at) "
        "VALUES (gen_random_uuid(), $1, $2, $3, 'bbbbbbbbbbbbbbbbbbbb', 'r', $4, 1, 'BRL', 0, 'OTHER', 0, 0, 0, 'x', "
        "now(), now())"
    )
    begins = {new for old, new in MOVES if old is None}
    for state in State:
        refused = await _attack(books, attack, shop.id, payment.id, shop.connection.id, state.value)
        assert refused == ("" if state in begins else CHECK), state


async def test_an_event_is_not_told_twice_and_a_posting_not_made_twice(books: Database) -> None:
    _, _, refund = await _refunded()
    await an_answer(refund, Succeeded("D1"))
    event = (
        "INSERT INTO events (merchant_id, refund_id, sequence, kind, state, request_id, actor, detail, occurred_at) "
        "SELECT merchant_id, refund_id, sequence, kind, state, request_id, actor, detail, now() FROM events LIMIT 1"
    )
    entry = (
        "INSERT INTO ledger_entries (merchant_id, store_id, connection_id, payment_id, refund_id, entry, debit, "
        "credit, amount, currency, accounting_date, booked_at, cause, leg, request_id) SELECT merchant_id, store_id, "
        "connection_id, payment_id, refund_id, entry, debit, credit, amount, currency, accounting_date, now(), cause, "
        "leg, request_id FROM ledger_entries LIMIT 1"
    )
    assert [await _attack(books, one) for one in (event, entry)] == [UNIQUE, UNIQUE]


def test_no_pair_of_states_is_moved_between_twice() -> None:
    assert len(MOVES) == len({*MOVES})
    assert not [pair for pair in itertools.product(State, State) if pair[0] is pair[1] and pair in MOVES]
