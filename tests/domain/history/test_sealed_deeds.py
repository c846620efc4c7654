"""Deeds in the chain: sealed with the events, found when one is taken away, and no reader of the feed is disturbed."""

import asyncio
from uuid import uuid4

import pytest

from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.history import events, seals
from domain.models import Deed, Event, EventSeal
from domain.platform.database import rows, transaction
from tests.domain.history.test_seals import _history, _seal_all
from tests.kit.factories import CAUSE, OwnerRows, Shop, a_payment, a_refund, a_shop

pytestmark = pytest.mark.usefixtures("books")


async def a_deed(shop: Shop, name: str) -> None:
    async with transaction():
        await deeds.note(shop.id, "storeUpdate", Of("store", shop.store.id), CAUSE, {"name": ["Sao Paulo", name]})


async def deeds_sealed(shop: Shop) -> None:
    """Seal until the merchant's deeds are; tests beside this one write in the same server."""
    for _ in range(40):
        await seals.seal()
        if not await Deed.filter(merchant_id=shop.id).exclude(id__in=await _sealed_deeds()).exists():
            return
        await asyncio.sleep(0.05)


async def _sealed_deeds() -> list[int]:
    return [one.deed_id for one in await EventSeal.filter(deed_id__isnull=False) if one.deed_id is not None]


async def test_deeds_stand_in_the_chain_of_events_and_the_feed_goes_on_beside_them() -> None:
    shop = await _history(1)
    await a_deed(shop, "one")
    await _seal_all()
    await a_deed(shop, "two")
    refund = await a_refund(shop, await a_payment(shop), 1_000)
    await _seal_all()
    await deeds_sealed(shop)
    mine = await EventSeal.filter(merchant_id=shop.id).order_by("position")
    assert [seal.position for seal in mine] == list(range(1, len(mine) + 1))
    assert sum(seal.deed_id is not None for seal in mine) == 2
    told = await seals.after(shop.id, 0)
    assert (len(told), told[-1][1].refund_id) == (len(mine) - 2, refund.id)
    assert await seals.after(shop.id, told[0][0], limit=2) == told[1:3]
    assert await seals.verify() == []


async def test_a_sealer_of_the_version_before_leaves_deeds_behind_and_they_are_sealed_all_the_same() -> None:
    shop = await _history(1)
    await _seal_all()
    await a_deed(shop, "between")
    event = await events.note(await a_refund(shop, await a_payment(shop), 1_000), "NOTE", CAUSE)
    assert event == 2
    newest, before = await Event.filter(merchant_id=shop.id).order_by("-id").first(), await seals.head(shop.id)
    assert newest is not None
    await EventSeal.create(merchant_id=shop.id, position=before.position + 1, event_id=newest.id, hash="f" * 64)
    await deeds_sealed(shop)
    assert await EventSeal.filter(merchant_id=shop.id, deed_id__isnull=False).count() == 1


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DELETE FROM deeds WHERE id = $1", "is missing"),
        ("UPDATE deeds SET actor = 'nobody' WHERE id = $1", "is not what was sealed here"),
        ("UPDATE deeds SET changes = '{}' WHERE id = $1", "is not what was sealed here"),
        ("DELETE FROM event_seals WHERE deed_id = $1", "the seal of this position is missing"),
    ],
)
async def test_a_deed_that_the_owner_takes_away_or_changes_is_found(
    owner_rows: OwnerRows, statement: str, said: str
) -> None:
    shop = await _history(1)
    await a_deed(shop, "one")
    await deeds_sealed(shop)
    await a_deed(shop, "two")
    await deeds_sealed(shop)
    first = await Deed.filter(merchant_id=shop.id).order_by("id").first()
    assert first is not None
    for table in ("deeds", "event_seals"):
        await owner_rows(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    await owner_rows(statement, first.id)
    (found,) = await seals.verify()
    assert said in found.what
    assert found.merchant_id == shop.id


async def test_the_application_changes_no_deed_and_can_not_choose_its_moment() -> None:
    shop = await a_shop()
    await a_deed(shop, "one")
    for attack in ("UPDATE deeds SET actor = 'x'", "DELETE FROM deeds"):
        with pytest.raises(Exception, match="permission denied"):
            await rows(attack)
    await rows(
        "INSERT INTO deeds (merchant_id, kind, operation, object_kind, object_id, actor, request_id, outcome, changes, "
        "occurred_at, xact) VALUES ($1, 'CHANGE', 'x', 'x', 'x', 'thief', 'r', 'DONE', '{}', '2020-01-01', '1')",
        shop.id,
    )
    (row,) = await rows(
        "SELECT min(occurred_at) > now() - interval '1 hour' AND min(xact) > '1'::xid8 AS now FROM deeds"
    )
    assert row["now"]


async def test_who_reads_again_after_a_quarter_of_an_hour_is_written_whichever_process_answers(
    owner_rows: OwnerRows,
) -> None:
    """A process that finds the deed of another one remembers its moment, and not when it has looked."""
    shop, reader, seen = await a_shop(), Cause("r", "reader", uuid4()), uuid4()
    await deeds.read(shop.id, "calls", "call", [seen], reader)
    deeds._lately.clear()  # another process answers
    await _minutes_pass(owner_rows, 14)
    await deeds.read(shop.id, "calls", "call", [seen], reader)
    assert await Deed.filter(operation="calls").count() == 1
    await _minutes_pass(owner_rows, 2)
    await deeds.read(shop.id, "calls", "call", [seen], reader)
    assert await Deed.filter(operation="calls").count() == 2


async def _minutes_pass(owner_rows: OwnerRows, minutes: int) -> None:
    deeds._lately.update({key: at - minutes * 60 for key, at in deeds._lately.items()})
    await owner_rows("ALTER TABLE deeds DISABLE TRIGGER USER")
    await owner_rows(f"UPDATE deeds SET occurred_at = occurred_at - interval '{minutes} minutes'")
    await owner_rows("ALTER TABLE deeds ENABLE TRIGGER USER")
