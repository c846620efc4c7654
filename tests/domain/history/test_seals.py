"""The chain of seals: every event once, in an order that never changes, and every tampering found."""

import asyncio
import os
import random
from collections.abc import Awaitable, Callable
from uuid import UUID

import asyncpg
import pytest

from domain.history import events, seals
from domain.history.seals import Head
from domain.models import Event, EventSeal, News, ReconciliationRun
from domain.models.refunds import State
from domain.platform import database
from domain.platform.database import rows, transaction
from domain.pse.vocabulary import Declined, Succeeded
from domain.reconciliation import reconcile
from domain.refunds.moves import lock
from tests.conftest import Database, Servers
from tests.kit.factories import CAUSE, OwnerRows, Shop, a_payment, a_refund, a_shop, an_answer
from tests.kit.lines import today

pytestmark = pytest.mark.usefixtures("books")
TAMPERS = 1_000


async def _history(refunds: int = 3) -> Shop:
    shop = await a_shop()
    for number in range(refunds):
        refund = await a_refund(shop, await a_payment(shop), 1_000)
        await an_answer(refund, Succeeded("D1") if number % 2 else Declined("NO", "no"))
    return shop


# Who writes in this database now; a transaction of another one of the same server ends by itself, and is waited for.
_WRITING = (
    "SELECT 1 AS one FROM pg_stat_activity WHERE datname = current_database() AND backend_xid IS NOT NULL "
    "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
)


async def _seal_all(at_once: int = 1) -> int:
    """Seal until nothing is left, or what is left waits for a transaction of this database; tests beside this one write
    in the same server. `at_once`: by so many sealers."""
    sealed = 0
    while True:
        while count := sum(await asyncio.gather(*(seals.seal(7) for _ in range(at_once)))):
            sealed += count
        ours = await EventSeal.filter(deed_id=None).count()
        if await rows(_WRITING) or ours >= await Event.all().count() + await News.all().count():
            return sealed
        await asyncio.sleep(0.05)


async def test_every_event_is_sealed_once_gapless_per_merchant() -> None:
    one, two = await _history(), await _history(2)
    assert await _seal_all() == await Event.all().count()
    assert await seals.seal() == 0
    for shop in (one, two):
        positions = [seal.position for seal in await EventSeal.filter(merchant_id=shop.id).order_by("position")]
        assert positions == list(range(1, len(positions) + 1))
    assert await seals.verify() == []


async def test_an_event_waits_for_every_older_transaction_so_no_position_is_given_late(books: Database) -> None:
    shop = await _history(1)
    slow = await asyncpg.connect(books.application_url)
    running = slow.transaction()
    await running.start()
    await slow.fetchval("SELECT pg_current_xact_id()")  # it has begun to write
    await a_refund(shop, await a_payment(shop), 1_000)
    before = await _seal_all()
    later = await Event.all().count() - before
    assert later > 0
    await running.commit()
    await slow.close()
    assert await _seal_all() == later
    assert await seals.verify() == []


async def test_a_refunds_order_holds_though_its_later_event_is_of_the_earlier_transaction(books: Database) -> None:
    """The first to begin writes last, so its number is the smallest; a third one is running between the two."""
    shop = await a_shop()
    refund = await a_refund(shop, await a_payment(shop), 1_000)
    await _seal_all()
    begun, go = asyncio.Event(), asyncio.Event()

    async def note() -> None:
        await lock(refund.id)
        subject = {"id": refund.id, "merchant_id": shop.id}
        await events.append(subject, "NOTE", State.REQUESTED, CAUSE, previous=State.REQUESTED)

    async def first_to_begin() -> None:
        async with transaction():
            await rows("SELECT pg_current_xact_id()")
            begun.set()
            await go.wait()
            await note()

    writing = asyncio.create_task(first_to_begin())
    await begun.wait()
    between = await asyncpg.connect(books.application_url)
    running = between.transaction()
    await running.start()
    await between.fetchval("SELECT pg_current_xact_id()")
    async with transaction():
        await note()
    go.set()
    await writing
    while await seals.seal():  # the first is older than what runs, the second is not
        pass
    await running.commit()
    await between.close()
    await _seal_all()
    assert [event.sequence for _, event in await seals.after(shop.id, 0)] == [1, 2, 3]


async def test_the_application_can_not_choose_an_events_transaction() -> None:
    shop = await a_shop()
    refund = await a_refund(shop, await a_payment(shop), 1_000)
    await rows(
        "INSERT INTO events (merchant_id, refund_id, sequence, kind, state, request_id, actor, detail, occurred_at, "
        "  xact) VALUES ($1, $2, 2, 'NOTE', 'REQUESTED', 'r', 'thief', '{}', now(), '1') RETURNING id",
        shop.id,
        refund.id,
    )
    (row,) = await rows("SELECT min(xact) FILTER (WHERE sequence = 2) > min(xact) AS later FROM events")
    assert row["later"]


async def test_a_batch_of_retired_events_does_not_look_like_the_end(owner_rows: OwnerRows) -> None:
    shop = await _history(2)
    await _seal_all()
    await owner_rows("ALTER TABLE events DISABLE TRIGGER USER")
    await owner_rows("DELETE FROM events WHERE id IN (SELECT event_id FROM event_seals WHERE position <= 3)")
    assert [position for position, _ in await seals.after(shop.id, 0, limit=2)] == [4, 5]


async def test_two_sealers_at_once_seal_each_event_once() -> None:
    await _history(6)
    told = await Event.all().count() + await News.all().count()
    assert await _seal_all(at_once=8) == await EventSeal.all().count() == told > 0
    assert await seals.verify() == []


async def test_a_restored_copy_goes_on_where_another_servers_transactions_ended(owner_rows: OwnerRows) -> None:
    shop = await _history(2)
    await _seal_all()
    await a_refund(shop, await a_payment(shop), 1_000)
    await owner_rows("ALTER TABLE events DISABLE TRIGGER USER")
    await owner_rows("UPDATE events SET xact = '9000000000'")
    await owner_rows("ALTER TABLE events ENABLE TRIGGER USER")
    await a_refund(shop, await a_payment(shop), 1_000)
    await _seal_all()
    assert await EventSeal.filter(deed_id=None).count() == await Event.all().count()
    await a_refund(shop, await a_payment(shop), 1_000)
    await _seal_all()
    assert await EventSeal.filter(deed_id=None).count() == await Event.all().count()
    assert await seals.verify() == []


async def test_the_feed_gives_every_sealed_event_once_in_order_from_any_position() -> None:
    shop, _ = await _history(4), await _history(2)
    await _seal_all()
    whole = await seals.after(shop.id, 0)
    assert [position for position, _ in whole] == list(range(1, len(whole) + 1))
    assert {event.merchant_id for _, event in whole} == {shop.id}
    assert await seals.after(shop.id, 3, limit=2) == whole[3:5]
    per_refund: dict[UUID, list[int]] = {}
    for _, event in whole:
        per_refund.setdefault(event.refund_id, []).append(event.sequence)
    assert all(sequence == list(range(1, len(sequence) + 1)) for sequence in per_refund.values())


async def test_unsealed_events_are_reported_after_a_minute(owner_rows: OwnerRows) -> None:
    await _history(1)
    assert await seals.verify() == []
    await owner_rows("ALTER TABLE events DISABLE TRIGGER USER")
    await owner_rows("UPDATE events SET occurred_at = occurred_at - interval '2 minutes'")
    (found,) = await seals.verify()
    assert "not sealed" in found.what


# Tampering: as a thief with every right would, triggers off, each rolled back afterwards.

Tamper = Callable[["asyncpg.Connection", random.Random], Awaitable[None]]
COLUMNS = {
    "kind": "kind || 'X'",
    "state": "CASE state WHEN 'FAILED' THEN 'SUCCEEDED' ELSE 'FAILED' END",
    "previous_state": "CASE WHEN previous_state IS NULL THEN 'FAILED' END",
    "sequence": "sequence + 1000",
    "request_id": "request_id || 'x'",
    "actor": "actor || ' '",
    "code": "CASE WHEN code IS NULL THEN '' END",
    "message": "coalesce(message, '') || '.'",
    "detail": """detail || '{"forged": true}'""",
    "party": "gen_random_uuid()",
    "token_id": "gen_random_uuid()",
    "session_id": "gen_random_uuid()",
    "occurred_at": "occurred_at + interval '1 microsecond'",
}


async def _event(connection: "asyncpg.Connection", chance: random.Random) -> int:
    events = [row["id"] for row in await connection.fetch("SELECT id FROM events ORDER BY id")]
    return int(chance.choice(events))


async def edit(connection: "asyncpg.Connection", chance: random.Random) -> None:
    column, value = chance.choice(sorted(COLUMNS.items()))
    event = await _event(connection, chance)
    await connection.execute(f"UPDATE events SET {column} = {value} WHERE id = $1", event)


async def delete_event(connection: "asyncpg.Connection", chance: random.Random) -> None:
    await connection.execute("DELETE FROM events WHERE id = $1", await _event(connection, chance))


async def delete_seal(connection: "asyncpg.Connection", chance: random.Random) -> None:
    event = await _event(connection, chance)
    await connection.execute("DELETE FROM event_seals WHERE event_id = $1", event)


async def delete_both(connection: "asyncpg.Connection", chance: random.Random) -> None:
    event = await _event(connection, chance)
    await connection.execute("DELETE FROM event_seals WHERE event_id = $1", event)
    await connection.execute("DELETE FROM events WHERE id = $1", event)


async def reorder(connection: "asyncpg.Connection", chance: random.Random) -> None:
    rows = await connection.fetch("SELECT id, event_id FROM event_seals ORDER BY position")
    first, second = chance.sample(list(rows), 2)
    await connection.execute("UPDATE event_seals SET event_id = -1 WHERE id = $1", first["id"])
    await connection.execute("UPDATE event_seals SET event_id = $2 WHERE id = $1", second["id"], first["event_id"])
    await connection.execute("UPDATE event_seals SET event_id = $2 WHERE id = $1", first["id"], second["event_id"])


async def renumber(connection: "asyncpg.Connection", chance: random.Random) -> None:
    seal = chance.choice(list(await connection.fetch("SELECT id FROM event_seals")))
    await connection.execute("UPDATE event_seals SET position = position + 500 WHERE id = $1", seal["id"])


async def forge_hash(connection: "asyncpg.Connection", chance: random.Random) -> None:
    seal = chance.choice(list(await connection.fetch("SELECT id FROM event_seals")))
    digit = chance.randrange(64)
    await connection.execute(
        "UPDATE event_seals SET hash = overlay(hash PLACING CASE substr(hash, $2, 1) WHEN 'a' THEN 'b' ELSE 'a' END "
        "FROM $2) WHERE id = $1",
        seal["id"],
        digit + 1,
    )


async def cut_seals(connection: "asyncpg.Connection", chance: random.Random) -> None:
    length = await connection.fetchval("SELECT max(position) FROM event_seals")
    await connection.execute("DELETE FROM event_seals WHERE position > $1", chance.randrange(length))


async def cut_both(connection: "asyncpg.Connection", chance: random.Random) -> None:
    length = await connection.fetchval("SELECT max(position) FROM event_seals")
    end = chance.randrange(length)
    await connection.execute(
        "DELETE FROM events WHERE id IN (SELECT event_id FROM event_seals WHERE position > $1)", end
    )
    await connection.execute("DELETE FROM event_seals WHERE position > $1", end)


ALL: list[Tamper] = [
    edit, edit, edit, delete_event, delete_seal, delete_both, reorder, renumber, forge_hash, cut_seals, cut_both,
]  # fmt: skip


async def test_a_thousand_random_tampers_are_a_thousand_found(books: Database, servers: Servers) -> None:
    seed = int(os.environ.get("SEED") or 20_260_101)
    print(f"SEED={seed}")
    chance = random.Random(seed)
    shop = await _history(3)
    await _seal_all()
    run = await reconcile.begin(shop.connection, today())
    await reconcile.reconcile(shop.connection, run, [])
    assert (await ReconciliationRun.get(id=run.id)).manifest["chain"]["position"] > 0
    await database.close_pool()
    root = servers.superuser_url.rpartition("/")[0]
    await database.open_pool(f"{root}/{books.owner_url.rpartition('/')[2]}")
    assert await seals.verify() == []
    missed = [tamper.__name__ for tamper in chance.choices(ALL, k=TAMPERS) if not await _found(tamper, chance)]
    assert missed == []
    assert await seals.verify() == []


class _Undo(Exception):
    """Rolls the tampering back."""


async def _found(tamper: Tamper, chance: random.Random) -> bool:
    found = False
    try:
        async with transaction():
            async with database.connection().acquire_connection() as raw:
                await raw.execute("SET LOCAL session_replication_role = replica")  # no trigger, no foreign key
                await tamper(raw, chance)
            found = bool(await seals.verify())
            raise _Undo
    except _Undo:
        return found


async def test_a_head_kept_elsewhere_shows_a_cut_or_another_chain(owner_rows: OwnerRows) -> None:
    shop = await _history(2)
    await _seal_all()
    head = await seals.head(shop.id)
    assert await seals.verify([head]) == []
    (other,) = await seals.verify([Head(shop.id, head.position, "f" * 64)])
    (ahead,) = await seals.verify([Head(shop.id, head.position + 1, head.hash)])
    assert "does not go through" in other.what
    assert "ends before" in ahead.what
