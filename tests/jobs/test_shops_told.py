"""People hear of what waits for them at a shop: by news, an alert and the digest, until it is worked off."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from jsonschema import validate

from domain.access.tokens import Role
from domain.alerts import digest, digest_words, opening, tell, words
from domain.alerts.words import AlertReader
from domain.commerce import shops, turns, waiting
from domain.commerce.shops import NewShop
from domain.commerce.vocabulary import ShopKind
from domain.deliveries import bodies, catalogue
from domain.models import Alert, Deed, Merchant, ShopRefund
from domain.models.alerts import AlertKind
from domain.platform.database import rows
from domain.problems import InvalidInput, QuotaExceeded
from domain.usage import months, plans
from domain.usage.plans import Metered, Quota
from tests.conftest import Database
from tests.kit.factories import CAUSE, KEY, OwnerRows, a_key, a_person, a_refund
from tests.kit.sealing import sealed
from tests.kit.shops import ShopWorld, a_world
from tests.sandbox.shops.erp import SECRET, Erp

_NOTE = "The customer was asked."
_OTHER = SECRET[:-4] + "AAA="


@pytest.fixture
def erp() -> Erp:
    return Erp()


@pytest.fixture
async def world(books: Database, erp: Erp) -> AsyncIterator[ShopWorld]:
    values = {"webhook_secret": SECRET, "callback_url": "{url}/states"}
    async with a_world(ShopKind.GENERIC, erp, values) as made:
        yield made


async def _handed_in(world: ShopWorld, erp: Erp, name: str, order: str, **more: Any) -> ShopRefund:
    body = {"external_id": name, "order": {"id": order}, "amount": "40.00", "currency": "BRL", **more}
    assert (await world.post(erp.signed(body), "/refunds")).status_code == 202
    await world.work()
    return await ShopRefund.get(shop_id=world.shop.id, name=name)


async def _told(world: ShopWorld) -> list[dict[str, Any]]:
    """What a webhook's receiver is told of shops, each by its schema."""
    await sealed(world.merchant)
    found = await rows(bodies.PAGE, world.merchant.id, 0, 500)
    items = [item for row in found if (item := bodies.item_of(row)) is not None and item.type.startswith("shop.")]
    told = [dict(bodies.message_of(item, world.merchant.id, thin=False).data) for item in items]
    for one in told:
        validate(one, catalogue.schema(catalogue.BY_NAME[one["type"]]))
    assert all(item.store_id == world.merchant.store.id for item in items)
    return told


async def _open(world: ShopWorld, kind: AlertKind = AlertKind.SHOP_REFUND_WAITING) -> Alert | None:
    await opening.look()
    return await Alert.get_or_none(merchant_id=world.merchant.id, resolved_at=None, kind=kind)


async def _day(world: ShopWorld, reader: AlertReader) -> str:
    merchant = await Merchant.get(id=world.merchant.id)
    today = datetime.now(ZoneInfo(merchant.zone)).date()
    found = await digest.of_day(merchant, (), today - timedelta(days=1))
    return "\n".join(line for lines in digest_words.paragraphs(found, reader) for line in lines)


async def test_what_waits_is_told_and_counted_until_somebody_has_said_what_it_is(
    world: ShopWorld, erp: Erp, owner_rows: OwnerRows
) -> None:
    ana = a_person(world.merchant, "ana", Role.REQUESTER)
    await world.payment("O-usd", currency="USD")
    foreign = await _handed_in(world, erp, "R-1", "O-usd")
    whole = await _handed_in(world, erp, "R-2", "O-usd-2", amount=None, currency=None)
    assert (foreign.why, whole.why) == ("OTHER_CURRENCY", "NO_PAYMENT")
    told = await _told(world)
    assert [(one["type"], one["data"]["id"], one["data"]["why"]) for one in told] == [
        ("shop.refund_waiting", str(foreign.id), "OTHER_CURRENCY"),
        ("shop.refund_waiting", str(whole.id), "NO_PAYMENT"),
    ]
    assert told[0]["data"]["amount"] == {"minorUnits": "4000", "currency": "BRL", "exponent": 2}
    assert told[1]["data"]["amount"] is None
    # A payment may be registered a little later than its refund is told: for an hour nobody is called.
    alert = await _open(world)
    assert alert is not None
    assert (alert.count, alert.amounts, alert.subjects[0]["id"]) == (1, {"BRL": 4_000}, str(foreign.id))
    await owner_rows("UPDATE shop_refunds SET waits_since = waits_since - interval '61 minutes'")
    await world.later()
    alert = await _open(world)
    assert alert is not None
    assert alert.count == 2
    assert len(await _told(world)) == 2, "What is tried again in vain is no news."
    for language, said in (("en", "Loja virtual"), ("zh-CN", "店铺"), ("es", "tienda"), ("pt-BR", "loja")):
        reader = AlertReader(language, "Loja", ZoneInfo("America/Sao_Paulo"), "https://e")
        where = (await tell.places([alert], reader))[alert.id]
        shown = words.title(alert, reader, where) + words.says(alert, reader, where)
        assert "Loja virtual" in shown
        assert "O-usd" in shown
        assert said in shown
        assert digest_words._WORDS[language]["of_shops"] + ": 2" in await _day(world, reader)
    # Each is worked off: dismissed, or matched. Then nothing is told any more.
    await waiting.dismiss(ana, foreign.id, _NOTE, CAUSE)
    payment = await world.payment("O-3")
    await waiting.match(ana, whole.id, payment.id, None, None, _NOTE, CAUSE)
    ended = (await _told(world))[2:]
    assert [(one["type"], one["data"]["state"]) for one in ended] == [
        ("shop.refund_settled", "DISMISSED"),
        ("shop.refund_settled", "LINKED"),
    ]
    assert ended[1]["data"]["refundId"] == str((await world.refunds())[0].id)
    assert all(one["data"]["since"] for one in ended)
    assert await _open(world) is None
    assert "Loja virtual" not in await _day(world, reader)
    assert await _open(world, AlertKind.SHOP_FAILING) is None
    await turns.failing(world.shop.id, "It answers 500.")
    await turns.failing(world.shop.id, "It answers 502.")
    assert await _open(world, AlertKind.SHOP_FAILING) is None, "It is asked again by itself."
    await owner_rows("UPDATE shops SET failing_since = failing_since - interval '2 hours'")
    failing = await _open(world, AlertKind.SHOP_FAILING)
    assert failing is not None
    assert "502" in words.says(failing, reader, "x")
    await turns.well(world.shop.id)
    assert await _open(world, AlertKind.SHOP_FAILING) is None
    assert [one["type"] for one in await _told(world)][4:] == ["shop.failing", "shop.recovered"]


async def test_above_a_hard_quota_a_shops_refund_waits_and_is_not_lost(world: ShopWorld, erp: Erp) -> None:
    merchant, ana = world.merchant, a_person(world.merchant, "ana", Role.REQUESTER)
    unknown = await _handed_in(world, erp, "R-0", "typed wrongly")
    boss = a_person(merchant, "boss", Role.PLATFORM_ADMIN)
    await plans.give(boss, merchant.id, "STARTER", {Metered.REFUNDS: Quota(1, hard=True)}, CAUSE)
    await a_refund(merchant, await world.payment("O-0"), 100)
    await months.count()
    payment = await world.payment("O-1")
    row = await _handed_in(world, erp, "R-1", "O-1")
    assert (row.state.value, row.why, len(await world.refunds())) == ("WAITING", "QUOTA", 1)
    with pytest.raises(QuotaExceeded):
        await waiting.match(ana, unknown.id, payment.id, None, None, _NOTE, CAUSE)
    assert (await ShopRefund.get(id=unknown.id)).decided_at is None
    await world.later()
    assert len(await world.refunds()) == 1
    assert [one["data"]["why"] for one in await _told(world)] == ["NO_PAYMENT", "QUOTA"]
    # With a larger plan it goes on by itself, and once.
    await plans.give(boss, merchant.id, "STARTER", {Metered.REFUNDS: Quota(10, hard=True)}, CAUSE)
    await world.later()
    row = await ShopRefund.get(id=row.id)
    assert (row.state.value, row.why, len(await world.refunds())) == ("LINKED", None, 2)
    await waiting.match(ana, unknown.id, payment.id, None, None, _NOTE, CAUSE)
    assert len(await world.refunds()) == 3


async def test_a_merchant_has_so_many_shops_and_old_secrets_end_when_they_are_ended(world: ShopWorld, erp: Erp) -> None:
    merchant = world.merchant
    ana = a_person(merchant, "ana", Role.ADMIN)
    new = NewShop(ShopKind.GENERIC, "Second", merchant.store.code, {"webhook_secret": SECRET})
    key = a_key()
    with pytest.raises(InvalidInput, match="You have 1 shops"):
        await shops.connect(ana, new, key, CAUSE, KEY, 1)
    second = await shops.connect(ana, new, key, CAUSE, KEY, 2)
    assert (await shops.connect(ana, new, key, CAUSE, KEY, 2)).id == second.id
    third = NewShop(ShopKind.GENERIC, "Third", merchant.store.code, {"webhook_secret": SECRET})
    with pytest.raises(InvalidInput, match="retire one first"):
        await shops.connect(ana, third, a_key(), CAUSE, KEY, 2)
    await shops.step(ana, second.id, "shopRetire", CAUSE)
    await shops.connect(ana, third, a_key(), CAUSE, KEY, 2)
    # Secrets that were replaced sign until their end, or until somebody ends them.
    soon = datetime.now(UTC) + timedelta(hours=1)
    await shops.change(ana, world.shop.id, {"webhook_secret": _OTHER}, soon, CAUSE, KEY)
    assert (await world.reload()).old_valid_until == soon
    old, today = erp.signed(b'{"external_id": "R-1", "order": {"id": "O-1"}}'), Erp(_OTHER)
    assert (await world.post(old, "/refunds")).status_code == 202
    with pytest.raises(InvalidInput, match="now or later"):
        await shops.change(ana, world.shop.id, {}, soon, CAUSE, KEY, end_old=True)
    for _ in range(2):
        await shops.change(ana, world.shop.id, {}, None, CAUSE, KEY, end_old=True)
    assert (await world.reload()).old_valid_until is None
    assert (await world.post(old, "/refunds")).status_code == 401
    again = today.signed({"external_id": "R-2", "order": {"id": "O-1"}})
    assert (await world.post(again, "/refunds")).status_code == 202
    deeds = await Deed.filter(object_id=str(world.shop.id), operation="shopChange").order_by("id")
    assert [one.changes.get("old_secrets_until") for one in deeds] == [
        [None, soon.isoformat()],
        [soon.isoformat(), None],
        None,
    ]
