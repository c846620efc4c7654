"""What a migration makes of the rows that were there before it."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import pytest
from tortoise import Tortoise
from tortoise.connection import get_connection
from tortoise.migrations.executor import MigrationTarget

from domain.platform import database, migrate
from domain.platform.executor import Executor
from jobs.machine.servers import APPLICATION, OWNER
from tests.conftest import Servers
from tests.kit.databases import drop, with_name

_CONNECTION, _PAYMENT, _MERCHANT = uuid4(), uuid4(), uuid4()
_NAME = f"taken/{_CONNECTION}/P1"
_NIGHT = f"reconciliation-{uuid4()}"
# entry, cause, amount in minor units, request; the oldest first
_LEDGER = [
    ("TAKEN", f"{_NAME}/listed", 1_000, "listing"),
    ("TAKEN", f"{_NAME}/reported", 2_000, _NIGHT),
    ("TAKEN_BACK", f"{_NAME}/listed/back", 1_000, "webhook"),
    ("TAKEN_BACK", f"{_NAME}/reported/back", 2_000, _NIGHT),
    ("TAKEN", f"{_NAME}/again", 3_000, _NIGHT),
    ("TAKEN_BACK", f"{_NAME}/again/void", 3_000, _NIGHT),
    ("TAKEN", f"{_NAME}/again/again-2", 3_100, "webhook"),
    ("TAKEN_BACK", f"{_NAME}/again/again-2/back", 3_100, "webhook"),
    ("TAKEN", f"{_NAME}/ours", 4_000, _NIGHT),
    ("TAKEN_BACK", f"{_NAME}/ours/ours", 4_000, "answer"),
    ("CAPTURE", "capture/P1", 9_000, "listing"),
]


@pytest.fixture
async def old(servers: Servers) -> AsyncIterator[str]:
    """A database at 0015, as its owner, with a payment and its ledger."""
    name = f"test_{uuid4().hex[:16]}"
    root = await asyncpg.connect(servers.superuser_url)
    await root.execute(f"CREATE DATABASE {name} OWNER {OWNER}")
    await root.close()
    url = with_name(servers.owner_url, name)
    await _migrate_to(url, "0015_unreadable")
    hand = await asyncpg.connect(
        with_name(servers.superuser_url, name), server_settings={"session_replication_role": "replica"}
    )
    await _fill(hand)
    await hand.close()
    yield url
    await drop(servers.superuser_url, name)


async def _migrate_to(url: str, last: str) -> None:
    config = database.config(url, pool_max=1)
    await Tortoise.init(config=config, _enable_global_fallback=True)
    try:
        executor = Executor(get_connection("default"), config["apps"])
        await executor.migrate([MigrationTarget("models", last)], direction="forward")
    finally:
        await Tortoise.close_connections()


async def _fill(hand: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Without triggers and foreign keys: of who the merchant is, nothing here depends."""
    await hand.execute(
        "INSERT INTO payments (id, merchant_id, store_id, connection_id, pse_reference, method, currency, "
        "  captured, reserved, refunded, taken_by_bank, charged_back, tax_amount, tax_allocated, captured_at, source, "
        "  created_at) "
        "VALUES ($1, $2, $2, $3, 'P1', 'PIX', 'BRL', 9000, 0, 0, 0, 0, 0, 0, now(), 'LISTING', now())",
        _PAYMENT,
        uuid4(),
        _CONNECTION,
    )
    await hand.executemany(
        "INSERT INTO ledger_entries (merchant_id, store_id, connection_id, payment_id, entry, debit, credit, amount, "
        "  currency, accounting_date, booked_at, cause, leg, request_id) "
        "VALUES ($1, $1, $1, $2, $3, 'SUSPENSE', 'PSE_CLEARING', $5, 'BRL', now(), '2026-01-02Z', $4, 1, $6)",
        [(uuid4(), _PAYMENT, *one) for one in _LEDGER],
    )


async def _days_of_before(url: str) -> None:
    """Days on which banks are closed, as two tables of the version before had them, which may say otherwise."""
    await _migrate_to(url, "0050_exports")
    hand = await asyncpg.connect(url)
    await hand.execute(
        "INSERT INTO merchants (id, name, country, zone, created_at) VALUES ($1, 'x', 'BR', 'UTC', now())", _MERCHANT
    )
    bank = "INSERT INTO bank_days (id, merchant_id, country, day, closed, why, set_by, set_at) "
    business = "INSERT INTO business_days (id, merchant_id, country, day, works, why, set_by, set_at, ended_at) "
    for day, closed, at in (("2026-01-05", True, "2026-01-02"), ("2026-01-06", True, "2026-01-04")):
        await hand.execute(f"{bank} VALUES ($1, $2, 'BR', '{day}', {closed}, 'bank', 'x', '{at}')", uuid4(), _MERCHANT)
    for day, works, at, ended in (
        ("2026-01-05", True, "2026-01-03", "NULL"),
        ("2026-01-06", True, "2026-01-03", "NULL"),
        ("2026-01-07", False, "2026-01-03", "NULL"),
        ("2026-01-08", False, "2026-01-03", "now()"),
    ):
        said = f"VALUES ($1, $2, 'BR', '{day}', {works}, 'business', 'x', '{at}', {ended})"
        await hand.execute(f"{business} {said}", uuid4(), _MERCHANT)
    await hand.close()


async def _payouts_of_before(url: str) -> None:
    """Of one payout a row tells 60.00, and a file beside its lines more: it had counted what was left, another none."""
    hand = await asyncpg.connect(url, server_settings={"session_replication_role": "replica"})
    report = (
        "INSERT INTO reports (id, merchant_id, connection_id, business_date, name, digest, content_type, content, "
        "  totals, created_at) VALUES ($1, $2, $2, '2026-01-02', $3, 'x', 'x', 'x', '{}', now())"
    )
    part = (
        "INSERT INTO payout_parts (payout_id, report_id, line, amount, settled, settled_currency) "
        "VALUES ($1, $2, $3, $4, $4, 'BRL')"
    )
    both, alone = uuid4(), uuid4()
    for name, payout, line, amount in (
        ("row", both, 3, 6_000),
        ("more", both, None, 4_000),
        ("less", both, None, 0),
        ("alone", alone, None, 500),
    ):
        report_id = uuid4()
        await hand.execute(report, report_id, _MERCHANT, name)
        await hand.execute(part, payout, report_id, line, amount)
    await hand.close()


async def _parts_say_what_was_told(hand: "asyncpg.Connection[asyncpg.Record]") -> None:
    """And what is told in both ways is read again."""
    found = await hand.fetch(
        "SELECT r.name, t.amount, t.told_amount, t.told_settled, r.repeat_since IS NOT NULL AS again "
        "FROM payout_parts t JOIN reports r ON r.id = t.report_id ORDER BY t.id"
    )
    assert [tuple(row) for row in found] == [
        ("row", 6_000, 6_000, 6_000, True),
        ("more", 4_000, 10_000, 10_000, True),
        ("less", 0, 0, 0, True),
        ("alone", 500, 500, 500, False),
    ]


async def _are_one_table(hand: "asyncpg.Connection[asyncpg.Record]") -> None:
    """What was said last of a day holds; what had ended does not come back."""
    found = await hand.fetch("SELECT day::text AS day, closed, why FROM bank_days ORDER BY day")
    assert [tuple(row) for row in found] == [
        ("2026-01-05", False, "business"),
        ("2026-01-06", True, "bank"),
        ("2026-01-07", True, "business"),
    ]
    assert await hand.fetchval("SELECT to_regclass('business_days')") is None


async def test_what_the_pse_itself_had_said_is_known_to_be_its_word_after_the_migration(
    old: str, servers: Servers
) -> None:
    await _days_of_before(old)
    await _payouts_of_before(with_name(servers.superuser_url, old.rpartition("/")[2].partition("?")[0]))
    assert "0051_policies" in await migrate.run(old, APPLICATION)
    hand = await asyncpg.connect(old)
    await _are_one_table(hand)
    await _parts_say_what_was_told(hand)
    found = await hand.fetch("SELECT payment_id, name, amount, request_id, at::date::text AS day FROM listed_money")
    assert sorted(tuple(row) for row in found) == [
        (UUID(str(_PAYMENT)), f"{_NAME}/{name}", amount, request, "2026-01-02")
        for name, amount, request in (
            ("again", 3_100, "webhook"),
            ("again/back", 3_100, "webhook"),
            ("listed", 1_000, "listing"),
            ("listed/back", 1_000, "webhook"),
        )
    ]
    with pytest.raises(asyncpg.PostgresError):
        await hand.execute("DELETE FROM listed_money")
    await hand.close()
    assert await migrate.run(old, APPLICATION) == []
