"""SQL attacks with the application's own role: what the code would never do, the database refuses by itself.

Each attack is a statement (or a transaction) that a bug or a thief could send; each test sees the refusal's SQLSTATE.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from domain.models import Refund
from domain.models.refunds import State
from domain.problems import AmountExceedsRefundable
from domain.pse.vocabulary import Accepted, Succeeded
from domain.refunds.states import MOVES
from tests.conftest import Database, Servers
from tests.kit.factories import a_payment, a_refund, a_shop, an_answer

CHECK = "23514"
FOREIGN_KEY = "23503"
UNIQUE = "23505"
DENIED = "42501"
TABLES = ("ledger_entries", "events", "event_seals", "calls", "answers", "idempotency_keys", "notice_refunds")

_REFUND = """INSERT INTO refunds (id, merchant_id, payment_id, connection_id, reference, request_id, state, amount,
    currency, tax_amount, reason, sequence, asks, unsent, requested_by, due_at, created_at, updated_at,
    paid_by_bank_transfer)
  VALUES (gen_random_uuid(), {merchant}, {payment}, {connection}, 'abcdefghij0123456789', 'r', {state}, {amount},
    {currency}, 0, 'OTHER', {sequence}, 0, 0, 'thief', now(), now(), now(), false)"""
_ENTRY = """INSERT INTO ledger_entries (merchant_id, store_id, connection_id, payment_id, refund_id, entry, debit,
    credit, amount, currency, accounting_date, cause, leg, request_id, booked_at)
  VALUES ({merchant}, {store}, {connection}, {payment}, {refund}, 'PAY', 'REFUNDS_PAYABLE', {credit}, {amount},
    {currency}, current_date, 'attack', 1, 'r', now())"""
_EVENT = """INSERT INTO events (merchant_id, refund_id, sequence, kind, state, request_id, actor, detail, occurred_at)
  VALUES ({merchant}, {refund}, {sequence}, 'REQUESTED', 'REQUESTED', 'r', 'thief', '{{}}', now())"""
_PAYMENT = """INSERT INTO payments (id, merchant_id, store_id, connection_id, pse_reference, method, currency, captured,
    reserved, refunded, taken_by_bank, tax_amount, tax_allocated, captured_at, source, created_at)
  VALUES (gen_random_uuid(), {merchant}, {store}, {connection}, 'stolen', 'PIX', 'BRL', 10000, {reserved}, 0, 0, 0, 0,
    now(), 'MUTATION', now())"""
_ATTEMPT = """INSERT INTO attempts (refund_id, number, claimed_until, sent_at, refusal)
  VALUES ({refund}, {number}, now() + interval '1 minute', now(), false)"""


@pytest.fixture
async def attacker(books: Database) -> AsyncIterator[Any]:
    """A bare connection as the application's role, whose hand has stepped around the second wall."""
    connection = await asyncpg.connect(books.application_url, server_settings={"estorno.merchant": "*"})
    yield connection
    await connection.close()


@pytest.fixture
async def facts(books: Database) -> dict[str, Any]:
    """Literals of a shop whose refund of 4000 of 10000 is being sent, and of a second, foreign shop."""
    shop, foreign = await a_shop(), await a_shop(name="Outra")
    payment = await a_payment(shop, amount=10_000)
    refund = await a_refund(shop, payment, 4_000)
    await an_answer(refund, Accepted("D1"))
    theirs = await a_payment(foreign, amount=10_000)
    their_refund = await a_refund(foreign, theirs, 4_000)
    other = await a_payment(shop, amount=10_000)
    ids = {
        "merchant": shop.id,
        "store": shop.store.id,
        "connection": shop.connection.id,
        "payment": payment.id,
        "refund": refund.id,
        "other_payment": other.id,
        "foreign_merchant": foreign.id,
        "foreign_store": foreign.store.id,
        "foreign_connection": foreign.connection.id,
        "foreign_payment": theirs.id,
        "foreign_refund": their_refund.id,
    }
    plain = {"currency": "'BRL'", "amount": 1, "state": "'REQUESTED'", "sequence": 1, "credit": "'PSE_CLEARING'"}
    return {**plain, "reserved": 0, **{name: f"'{value}'" for name, value in ids.items()}}


async def _refused(attacker: Any, *statements: str) -> Any:
    """Run them in one transaction; the database's own error, which may come only at the commit."""

    async def attack() -> None:
        async with attacker.transaction():
            for statement in statements:
                await attacker.execute(statement)

    with pytest.raises(asyncpg.PostgresError) as caught:
        await attack()
    return caught.value


def _sql(template: str, facts: Mapping[str, Any], **changed: Any) -> str:
    return template.format(**{**facts, **{name: facts.get(str(value), value) for name, value in changed.items()}})


@pytest.mark.parametrize(
    "statements",
    [
        ["UPDATE payments SET reserved = captured + 1 WHERE id = {payment}"],
        ["UPDATE payments SET refunded = captured WHERE id = {payment}"],
        ["UPDATE payments SET reserved = -1 WHERE id = {payment}"],
        # The counters are made to forget a refund that is under way, so that it could be asked for again.
        ["UPDATE payments SET reserved = 0 WHERE id = {payment}"],
        ["UPDATE payments SET reserved = 0, refunded = 4000 WHERE id = {payment}"],
        # A refund that nothing was reserved for.
        [_REFUND.replace("{amount}", "1000000")],
        [_REFUND.replace("{amount}", "6001"), "UPDATE payments SET reserved = captured WHERE id = {payment}"],
        [_PAYMENT.replace("{reserved}", "5000")],
        [_REFUND.replace("{amount}", "0")],
        [_REFUND.replace("{amount}", "-5")],
        # A released amount whose refund goes on.
        ["UPDATE refunds SET state = 'FAILED' WHERE id = {refund}"],
        # The sums are read from the real tables, not from the thief's own.
        [
            "CREATE TEMP TABLE refunds (LIKE public.refunds)",
            "CREATE TEMP TABLE payments (LIKE public.payments)",
            "UPDATE public.payments SET reserved = 0 WHERE id = {payment}",
        ],
    ],
)
async def test_more_than_was_captured_can_not_be_refunded_by_sql(
    attacker: Any, facts: dict[str, Any], statements: list[str]
) -> None:
    error = await _refused(attacker, *(_sql(statement, facts) for statement in statements))
    assert error.sqlstate == CHECK


async def test_what_was_captured_can_not_be_raised(attacker: Any, facts: dict[str, Any]) -> None:
    error = await _refused(attacker, _sql("UPDATE payments SET captured = captured * 2 WHERE id = {payment}", facts))
    assert error.sqlstate == DENIED


async def test_concurrent_requests_can_not_refund_more_than_was_captured(books: Database) -> None:
    shop = await a_shop()
    payment = await a_payment(shop, amount=10_000)
    asked = await asyncio.gather(*(a_refund(shop, payment, 3_000) for _ in range(12)), return_exceptions=True)
    assert sum(isinstance(one, Refund) for one in asked) == 3
    assert sum(isinstance(one, AmountExceedsRefundable) for one in asked) == 9


async def test_concurrent_statements_can_not_either(books: Database, facts: dict[str, Any]) -> None:
    """Thieves who reserve what they take, twelve at once: 6000 are left, so two of 3000 come through."""
    reserve = _sql("UPDATE payments SET reserved = reserved + 3000 WHERE id = {payment}", facts)

    async def take(number: int) -> str:
        connection = await asyncpg.connect(books.application_url, server_settings={"estorno.merchant": "*"})
        try:
            insert = _sql(_REFUND, facts, amount=3_000).replace("abcdefghij", f"abcdefgh{number:02}")
            async with connection.transaction():
                await connection.execute(reserve)
                await connection.execute(insert)
            return "taken"
        except asyncpg.PostgresError as error:
            return str(error.sqlstate)
        finally:
            await connection.close()

    told = await asyncio.gather(*(take(number) for number in range(12)))
    assert sorted(told) == [CHECK] * 10 + ["taken"] * 2


@pytest.mark.parametrize(
    ("template", "changed"),
    [
        # The merchant of one, the rest of another; and another's money through one's own door.
        (_ENTRY, {"merchant": "foreign_merchant"}),
        (_ENTRY, {"store": "foreign_store"}),
        (_ENTRY, {"connection": "foreign_connection"}),
        (_ENTRY, {"payment": "foreign_payment"}),
        (_ENTRY, {"refund": "foreign_refund"}),
        (_ENTRY, {"payment": "foreign_payment", "refund": "foreign_refund"}),
        (_ENTRY, {"payment": "other_payment"}),
        (_ENTRY, {"currency": "'MXN'"}),
        (_ENTRY, {"connection": "foreign_connection", "payment": "NULL", "refund": "NULL"}),
        (_REFUND, {"merchant": "foreign_merchant"}),
        (_REFUND, {"connection": "foreign_connection"}),
        (_REFUND, {"payment": "foreign_payment"}),
        (_REFUND, {"currency": "'MXN'"}),
        (_EVENT, {"merchant": "foreign_merchant", "sequence": 9}),
        (_EVENT, {"refund": "foreign_refund", "sequence": 9}),
        (_PAYMENT, {"store": "foreign_store"}),
        (_PAYMENT, {"connection": "foreign_connection"}),
        ("UPDATE connections SET default_store_id = {foreign_store} WHERE id = {connection}", {}),
    ],
)
async def test_nothing_mixes_two_merchants_or_two_currencies(
    attacker: Any, facts: dict[str, Any], template: str, changed: dict[str, Any]
) -> None:
    error = await _refused(attacker, _sql(template, facts, **changed))
    assert error.sqlstate == FOREIGN_KEY


@pytest.mark.parametrize(
    "changed",
    [
        {"amount": 0},
        {"amount": -1},
        {"credit": "'REFUNDS_PAYABLE'"},
        {"currency": "'brl'"},
        {"payment": "NULL"},  # a refund's entry without its payment would escape the foreign key
    ],
)
async def test_a_ledger_row_moves_something_from_one_account_to_another(
    attacker: Any, facts: dict[str, Any], changed: dict[str, Any]
) -> None:
    assert (await _refused(attacker, _sql(_ENTRY, facts, **changed))).sqlstate == CHECK


async def test_nothing_is_booked_twice(attacker: Any, facts: dict[str, Any]) -> None:
    entry = _sql(_ENTRY, facts)
    assert (await _refused(attacker, entry, entry)).sqlstate == UNIQUE


@pytest.mark.parametrize("table", list(TABLES))
@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE {table} SET id = id",
        "DELETE FROM {table}",
        "TRUNCATE {table} CASCADE",
        "ALTER TABLE {table} DISABLE TRIGGER ALL",
        "DROP TABLE {table} CASCADE",
        "DROP TRIGGER {table}_no_change ON {table}",
        "SET session_replication_role = replica",
        "MERGE INTO {table} t USING (SELECT 1) s ON true WHEN MATCHED THEN DELETE",
    ],
)
async def test_what_is_written_stays_written(attacker: Any, table: str, attack: str) -> None:
    assert (await _refused(attacker, attack.format(table=table))).sqlstate == DENIED


async def test_an_insert_that_would_change_on_conflict_is_refused(attacker: Any, facts: dict[str, Any]) -> None:
    upsert = _sql(_EVENT, facts) + " ON CONFLICT (refund_id, sequence) DO UPDATE SET kind = 'CANCELED'"
    assert (await _refused(attacker, upsert)).sqlstate == DENIED


async def test_a_second_event_of_one_sequence_is_refused(attacker: Any, facts: dict[str, Any]) -> None:
    assert (await _refused(attacker, _sql(_EVENT, facts))).sqlstate == UNIQUE


async def test_a_second_live_attempt_is_refused(attacker: Any, facts: dict[str, Any]) -> None:
    attempts = (_sql(_ATTEMPT, facts, number=number) for number in (99, 100))
    assert (await _refused(attacker, *attempts)).sqlstate == UNIQUE


@pytest.mark.parametrize(
    "column",
    ["id", "merchant_id", "payment_id", "connection_id", "reference", "request_id", "amount", "currency",
     "reason", "note", "retry_of_id", "requested_by", "created_at"],
)  # fmt: skip
async def test_what_a_refund_is_does_not_change(attacker: Any, facts: dict[str, Any], column: str) -> None:
    attack = _sql("UPDATE refunds SET {column} = {column} WHERE id = {refund}", {**facts, "column": column})
    assert (await _refused(attacker, attack)).sqlstate == DENIED


@pytest.mark.parametrize("change", ["sequence - 1", "sequence + 2", "0"])
async def test_the_sequence_goes_one_by_one_and_never_back(attacker: Any, facts: dict[str, Any], change: str) -> None:
    attack = _sql("UPDATE refunds SET sequence = {change} WHERE id = {refund}", {**facts, "change": change})
    error = await _refused(attacker, attack)
    assert (error.sqlstate, error.constraint_name) == (CHECK, "refunds_sequence")


@pytest.mark.parametrize("state", [state for state in State if (None, state) not in MOVES])
async def test_a_refund_can_not_begin_in_the_middle(attacker: Any, facts: dict[str, Any], state: State) -> None:
    error = await _refused(attacker, _sql(_REFUND, facts, state=f"'{state}'"))
    assert (error.sqlstate, error.constraint_name) == (CHECK, "refunds_begin")


async def test_a_refund_can_not_begin_with_a_history_that_it_has_not(attacker: Any, facts: dict[str, Any]) -> None:
    assert (await _refused(attacker, _sql(_REFUND, facts, sequence=2))).constraint_name == "refunds_begin"


async def test_every_move_outside_the_table_is_refused_and_every_move_inside_is_not(
    servers: Servers, books: Database, facts: dict[str, Any]
) -> None:
    """All 144 pairs, tried on the row itself (put into the old state by the hand of a superuser, rolled back)."""
    name = urlsplit(books.application_url).path.removeprefix("/")
    root = await asyncpg.connect(servers.superuser_url.rsplit("/", 1)[0] + f"/{name}")
    try:
        for old, new in itertools.product(State, State):
            allowed = old == new or (old, new) in MOVES
            assert await _moves(root, facts["refund"], old, new) == allowed, (old, new)
    finally:
        await root.close()


async def _moves(root: Any, refund: str, old: State, new: State) -> bool:
    put = "UPDATE refunds SET state = $2 WHERE id = $1"
    deed = root.transaction()
    await deed.start()
    try:
        await root.execute("SET LOCAL session_replication_role = replica")
        await root.execute(put, refund.strip("'"), old)
        await root.execute("SET LOCAL session_replication_role = origin")
        await root.execute(put, refund.strip("'"), new)
    except asyncpg.CheckViolationError as error:
        return bool(error.constraint_name != "refunds_move")
    finally:
        await deed.rollback()
    return True


def test_the_migrations_table_of_moves_is_the_domains() -> None:
    migration = import_module("domain.migrations.0035_shown_captured")
    written = {(State(old), State(new)) for old, states in migration.MOVES.items() for new in states}
    assert written | {(None, State(state)) for state in migration.FIRST_STATES} == set(MOVES)


async def test_a_thief_can_not_bring_a_success_back_to_the_queue(attacker: Any, facts: dict[str, Any]) -> None:
    shop = await a_shop()
    refund = await a_refund(shop, await a_payment(shop))
    await an_answer(refund, Succeeded("D9"))
    attack = _sql("UPDATE refunds SET state = 'REQUESTED' WHERE id = {refund}", facts, refund=f"'{refund.id}'")
    assert (await _refused(attacker, attack)).constraint_name == "refunds_move"


async def test_no_event_and_no_position_is_sealed_twice(attacker: Any, facts: dict[str, Any]) -> None:
    seal = (
        "INSERT INTO event_seals (event_id, merchant_id, position, hash) "
        "SELECT id, merchant_id, {position}, '' FROM events WHERE refund_id = {refund} AND sequence = {sequence}"
    )
    for again in ({"position": 1, "sequence": 2}, {"position": 2, "sequence": 1}):
        twice = (_sql(seal, facts, position=1), _sql(seal, facts, **again))
        assert (await _refused(attacker, *twice)).sqlstate == UNIQUE
    assert (await _refused(attacker, _sql(seal, facts, position=0))).sqlstate == CHECK
