"""What retention takes away and what it must not; by the owner alone, and the chain goes through it."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from domain import invariants
from domain.audit import retention
from domain.audit.kinds import KINDS
from domain.audit.retention import Plan
from domain.cause import Cause
from domain.history import seals
from domain.keys import rotate
from domain.models import Answer, Call, Deed, Destination, Event, Notice, NoticeRefund, Payment, Refund
from domain.payments import customers
from domain.platform import database
from domain.platform.database import rows
from domain.problems import InvalidInput, NotFound
from domain.pse.vocabulary import Succeeded
from domain.refunds.destination import destinations
from tests.conftest import Database
from tests.domain.history.test_seals import _seal_all
from tests.domain.keys.shops import a_shop_with_all
from tests.kit.factories import KEY, OwnerRows, Shop, a_key, a_payment, a_refund, a_shop, an_answer

pytestmark = pytest.mark.usefixtures("books")
OWNER = Cause("command-1", "command line: owner@host")
SECRET = "planted-personal-data"
OLD = "interval '80 months'"
AGED = {
    "notices": "received_at",
    "calls": "sent_at",
    "answers": "answered_at",
    "destinations": "provided_at",
    "payments": "created_at",
    "manual_settlements": "settled_at",
    "settlement_proposals": "proposed_at",
    "reports": "created_at",
    "files": "created_at",
}


@pytest.fixture
async def as_owner(books: Database) -> AsyncIterator[None]:
    """The pool is the owner's; the tables' triggers stand."""
    await database.close_pool()
    await database.open_pool(books.owner_url)
    yield
    await database.close_pool()
    await database.open_pool(books.application_url)


async def _paid(shop: Shop, *, ended: bool = True) -> Refund:
    """A refund with a call, its answer and a webhook that spoke of it, all of them with something personal."""
    refund = await a_refund(shop, await a_payment(shop, tax_id="39053344705"), 1_000)
    if ended:
        await an_answer(refund, Succeeded(f"D{refund.reference}"))
    call = await Call.create(
        id=uuid4(), merchant_id=shop.id, connection_id=shop.connection.id, refund_id=refund.id, request_id="r",
        purpose="REFUND", method="PUT", url="https://x/y", headers={"x": SECRET}, body=SECRET, sent_at=_now(),
    )  # fmt: skip
    await Answer.create(call_id=call.id, status=200, headers={"x": SECRET}, body=SECRET, duration_ms=1,
                        answered_at=_now())  # fmt: skip
    notice = await Notice.create(
        id=uuid4(), connection_id=shop.connection.id, digest=a_key() * 2, body=SECRET.encode(), headers={"x": SECRET},
        request_id="r", applied_at=_now(),
    )  # fmt: skip
    await NoticeRefund.create(notice_id=notice.id, refund_id=refund.id)
    return await Refund.get(id=refund.id)


def _now() -> datetime:
    return datetime.now(UTC)


async def _aged(owner_rows: OwnerRows) -> None:
    """Everything is from long ago."""
    for table, column in AGED.items():
        await owner_rows(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        await owner_rows(f"UPDATE {table} SET {column} = {column} - {OLD}")
        await owner_rows(f"ALTER TABLE {table} ENABLE TRIGGER USER")


async def _run(keep: Mapping[str, int] | None = None, batch: int = 2) -> dict[str, int]:
    done: dict[str, int] = {}
    for one in await retention.plan(keep or {}, _now()):
        done[one.kind.name] = 0
        async for taken in retention.apply(one, OWNER, batch=batch):
            done[one.kind.name] += len(taken.ids)
        assert done[one.kind.name] == one.count, one.kind.name
    return done


async def test_a_run_takes_old_bodies_away_leaves_their_digests_and_the_chain_and_the_books_hold(
    as_owner: None, owner_rows: OwnerRows
) -> None:
    shop = await a_shop()
    refunds = [await _paid(shop) for _ in range(3)]
    entries = await rows("SELECT * FROM ledger_entries ORDER BY id")
    await _aged(owner_rows)
    await _seal_all()
    done = await _run()
    assert {name: done[name] for name in ("webhooks", "calls", "answers", "customers")} == dict.fromkeys(
        ("webhooks", "calls", "answers", "customers"), 3
    )
    for table in ("notices", "calls", "answers"):
        assert SECRET not in str(await rows(f"SELECT * FROM {table}"))
    call = await Call.filter(refund_id=refunds[0].id).first()
    assert call is not None
    assert call.body.startswith(f"removed by retention on {_now():%Y-%m-%d}; sha256 ")
    assert await Payment.filter(sealed_customer__isnull=False).count() == 0
    assert await Event.filter(merchant_id=shop.id).count() > 0
    assert await rows("SELECT * FROM ledger_entries ORDER BY id") == entries
    await _seal_all()
    assert (await seals.verify(), await invariants.check()) == ([], [])
    told = await Deed.filter(merchant_id=shop.id, operation="retention", object_id="calls").order_by("id")
    assert sum(one.changes["removed"][1] for one in told) == 3
    assert {one.actor for one in told} == {OWNER.actor}
    assert set((await _run()).values()) == {0}


async def test_what_is_young_or_needed_stays(as_owner: None, owner_rows: OwnerRows) -> None:
    shop = await a_shop()
    waiting, disputed, in_doubt = await _paid(shop, ended=False), await _paid(shop), await _paid(shop)
    await rows("UPDATE refunds SET needs_person_since = now() WHERE id = $1", in_doubt.id)
    await rows(
        "INSERT INTO findings (id, merchant_id, connection_id, payment_id, kind, fingerprint, amount, currency, "
        "  detail, explanation, action, created_at) "
        "VALUES ($1, $2, $3, $4, 'CONTRADICTION', 'f', 1, 'BRL', '{}', 'x', 'x', now())",
        uuid4(),
        shop.id,
        shop.connection.id,
        disputed.payment_id,
    )
    await _aged(owner_rows)
    assert set((await _run()).values()) == {0}
    assert await Call.filter(refund_id=waiting.id, body=SECRET).count() == 1
    await rows("UPDATE findings SET resolved_at = now(), resolution = 'x'")
    assert (await _run())["calls"] == 1


async def test_nothing_of_this_year_goes_and_months_are_whole() -> None:
    assert retention.cut(13, datetime(2026, 11, 29, tzinfo=UTC)) == datetime(2025, 10, 1, tzinfo=UTC)
    assert retention.cut(13, datetime(2026, 1, 1, tzinfo=UTC)) == datetime(2024, 12, 1, tzinfo=UTC)
    shop = await a_shop()
    await _paid(shop)
    assert {one.count for one in await retention.plan({}, _now())} == {0}
    with pytest.raises(InvalidInput, match="at least 60 months"):
        await retention.plan({"customers": 12}, _now())
    with pytest.raises(InvalidInput, match="No such kind: ledger"):
        await retention.plan({"ledger": 12}, _now())


async def test_a_legal_hold_of_a_refund_or_of_a_merchant_keeps_all_until_it_is_lifted(
    as_owner: None, owner_rows: OwnerRows
) -> None:
    shop, other = await a_shop(), await a_shop(name="Outra")
    held, free = await _paid(shop), await _paid(shop)
    await _paid(other)
    of_refund = await retention.hold(shop.id, held.id, "Court order 12.", OWNER)
    of_merchant = await retention.hold(other.id, None, "Court order 13.", OWNER)
    with pytest.raises(NotFound):
        await retention.hold(other.id, held.id, "Court order 14.", OWNER)
    await _aged(owner_rows)
    assert (await _run())["calls"] == 1
    assert await Call.filter(refund_id=held.id, body=SECRET).count() == 1
    assert await Call.filter(refund_id=free.id, body=SECRET).count() == 0
    for one in (of_refund, of_merchant):
        await retention.lift(one.id, OWNER)
        with pytest.raises(NotFound):
            await retention.lift(one.id, OWNER)
    assert (await _run())["calls"] == 2
    told = await Deed.filter(operation__in=["legalHoldPlace", "legalHoldLift"])
    assert len(told) == 4


async def test_a_run_that_was_stopped_goes_on_where_it_was(as_owner: None, owner_rows: OwnerRows) -> None:
    shop = await a_shop()
    for _ in range(5):
        await _paid(shop)
    await _aged(owner_rows)
    plans = {one.kind.name: one for one in await retention.plan({}, _now())}
    async for taken in retention.apply(plans["calls"], OWNER, batch=2):
        assert len(taken.ids) <= 2
        break
    told = await Deed.filter(operation="retention", object_id="calls")
    left = {one.kind.name: one.count for one in await retention.plan({}, _now())}
    assert sum(one.changes["removed"][1] for one in told) == 5 - left["calls"]
    assert (await _run())["calls"] == left["calls"]


async def test_sealed_accounts_go_and_rotation_and_reading_pass_them_by(as_owner: None, owner_rows: OwnerRows) -> None:
    shop = await a_shop_with_all()
    await owner_rows("ALTER TABLE refunds DISABLE TRIGGER USER")
    await owner_rows("UPDATE refunds SET state = 'CANCELED', due_at = NULL WHERE merchant_id = $1", shop.id)
    await owner_rows("ALTER TABLE refunds ENABLE TRIGGER USER")
    await _aged(owner_rows)
    done = await _run()
    assert (done["destinations"] > 0, done["files"] > 0, done["customers"] > 0) == (True, True, True)
    gone = await Destination.filter(merchant_id=shop.id).first()
    assert gone is not None
    assert gone.sealed is None
    assert await destinations.opened(gone.refund_id, KEY) is None
    payment = await Payment.filter(merchant_id=shop.id).first()
    assert payment is not None
    assert await customers.opened(payment, KEY) == {}
    assert (await rotate.rotate(KEY, shop.id, settle_seconds=0)).made == 1


@pytest.mark.parametrize("table", ["calls", "answers"])
@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE {} SET retired_at = now()",
        "UPDATE {} SET body = 'forged'",
        "SET estorno.retention = 'on'; UPDATE {} SET body = 'forged'",
        "SET estorno.retention = 'on'; UPDATE {} SET retired_at = now(), request_id = 'forged'",
        "SET estorno.retention = 'on'; UPDATE {} SET retired_at = now(), duration_ms = 0, pse_request_id = 'forged'",
        "SET estorno.retention = 'on'; DELETE FROM {}",
    ],
)
async def test_not_even_the_owner_changes_more_than_retention_does(books: Database, table: str, attack: str) -> None:
    await _paid(await a_shop())
    owner = await asyncpg.connect(books.owner_url)
    with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.UndefinedColumnError)):
        await owner.execute(attack.format(table))
    await owner.close()


async def test_the_application_takes_nothing_away_whatever_it_sets() -> None:
    shop = await a_shop()
    await _paid(shop)
    kinds: Any = {kind.table for kind in KINDS} - {"payments", "files", "destinations", "notices", "reports"}
    for table in sorted(kinds):
        for attack in (f"UPDATE {table} SET retired_at = now()", f"DELETE FROM {table}"):
            with pytest.raises(Exception, match=r"permission denied|does not exist"):
                await rows(attack)
    for table, column in (("notices", "body"), ("destinations", "retired_at"), ("files", "retired_at")):
        with pytest.raises(Exception, match="permission denied"):
            await rows(f"UPDATE {table} SET {column} = NULL")
    planned: list[Plan] = await retention.plan({}, _now())
    assert isinstance(planned[0].before, datetime)
    assert isinstance(shop.id, UUID)
