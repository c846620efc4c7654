"""Shops: what was told as failed, given back, or refunded by people here and there at once, leaves once."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from domain.access.tokens import Role
from domain.commerce import settle, shops, waiting
from domain.commerce.vocabulary import SaidRefund, ShopKind
from domain.models import Refund
from domain.models.shops import ShopRefundOrigin, ShopRefundState
from domain.money import Money
from domain.platform.database import execute, rows
from domain.problems import InvalidState
from domain.pse.vocabulary import Declined, Succeeded
from domain.refunds.request import retry
from domain.usage import months, plans
from domain.usage.plans import Metered, Quota
from tests.conftest import Database
from tests.kit.factories import CAUSE, OwnerRows, a_key, a_person, a_refund, an_answer
from tests.kit.shops import ShopWorld, a_world, connected
from tests.sandbox.shops import woocommerce as woo
from tests.sandbox.shops.erp import SECRET, Erp
from tests.sandbox.shops.woocommerce import WooShop

_VTEX = {"x-provider-api-appkey": "key-of-vtex", "x-provider-api-apptoken": "token-of-vtex"}


class Nobody:
    """VTEX is never called: it asks."""

    def routes(self) -> list[Any]:
        return []


@pytest.fixture
async def world(books: Database) -> AsyncIterator[ShopWorld]:
    values = {"webhook_secret": SECRET, "callback_url": "{url}/states"}
    async with a_world(ShopKind.GENERIC, Erp(), values) as made:
        yield made


@pytest.fixture
async def vtex(books: Database) -> AsyncIterator[ShopWorld]:
    values = {"app_key": "key-of-vtex", "app_token": "token-of-vtex", "currency": "BRL"}
    async with a_world(ShopKind.VTEX, Nobody(), values) as made:
        yield made


@pytest.fixture
def shop() -> WooShop:
    return WooShop()


@pytest.fixture
async def at_woo(books: Database, shop: WooShop) -> AsyncIterator[ShopWorld]:
    keys = {"consumer_key": woo.KEY, "consumer_secret": woo.SECRET, "webhook_secret": woo.WEBHOOK_SECRET}
    async with a_world(ShopKind.WOOCOMMERCE, shop, {"address": "{url}", "records": "yes", **keys}) as made:
        yield made


async def _ask(vtex: ShopWorld, payment: str, request: str = "req-1") -> httpx.Response:
    body = {"requestId": request, "paymentId": payment, "tid": "T", "transactionId": "X", "value": 40}
    return await vtex.post((json.dumps(body).encode(), _VTEX), f"/payments/{payment}/refunds")


def _said(name: str = "R-1") -> SaidRefund:
    return SaidRefund(name, order="O-1", amount=Money(4_000, "BRL"))


async def test_a_shops_new_try_of_what_failed_is_a_persons_while_it_is_retried_here(world: ShopWorld) -> None:
    await world.payment("O-1")
    shop = await world.reload()
    await settle.take_in(shop, _said(), "first")
    (first,) = await world.refunds()
    await an_answer(first, Declined("NO_FUNDS", "There is no money."))
    await world.work()
    await retry(a_person(world.merchant, "ana", Role.ADMIN), first.id, a_key(), CAUSE)
    await world.work()
    row = await settle.take_in(shop, _said("R-2"), "second")
    assert row is not None
    assert (row.why, len(await world.refunds())) == ("ALREADY_REFUNDED", 2)


async def test_what_failed_is_not_retried_once_its_shop_has_asked_anew(world: ShopWorld) -> None:
    ana = a_person(world.merchant, "ana", Role.ADMIN)
    payment = await world.payment("O-1", 20_000)
    shop = await world.reload()
    for name in ("R-1", "other"):
        await settle.take_in(shop, _said(name), "first")
    first, other = await world.refunds()
    for one in (first, other):
        await an_answer(one, Declined("NO_FUNDS", "There is no money."))
    await world.work()
    again = (await retry(ana, other.id, a_key(), CAUSE)).refund
    await an_answer(again, Declined("NO_FUNDS", "There is no money."))
    await world.work()
    await settle.take_in(shop, _said("R-2"), "anew")
    anew = (await world.refunds())[-1]
    for failed in (first, again):
        with pytest.raises(InvalidState, match=anew.reference):
            await retry(ana, failed.id, a_key(), CAUSE)
    await world.pay(anew)
    with pytest.raises(InvalidState, match=anew.reference):
        await retry(ana, first.id, a_key(), CAUSE)
    # Two of a person's own are two, as they say.
    mine = await a_refund(world.merchant, payment, 4_500)
    await an_answer(mine, Declined("NO_FUNDS", "There is no money."))
    await a_refund(world.merchant, payment, 4_500)
    await retry(ana, mine.id, a_key(), CAUSE)


async def test_a_retry_here_and_a_new_try_of_the_shop_at_the_same_moment_are_one_refund(world: ShopWorld) -> None:
    ana = a_person(world.merchant, "ana", Role.ADMIN)
    shop = await world.reload()
    for turn in range(6):
        order = f"O-{turn}"
        await world.payment(order)
        told = [SaidRefund(f"R-{turn}-{nth}", order=order, amount=Money(4_000, "BRL")) for nth in (1, 2)]
        row = await settle.take_in(shop, told[0], "first")
        assert row is not None
        assert row.refund_id is not None
        failed = await Refund.get(id=row.refund_id)
        await an_answer(failed, Declined("NO_FUNDS", "There is no money."))
        await world.work()
        done = await asyncio.gather(
            retry(ana, failed.id, a_key(), CAUSE), settle.take_in(shop, told[1], "second"), return_exceptions=True
        )
        assert all(isinstance(one, InvalidState) or not isinstance(one, BaseException) for one in done), done
        assert await Refund.filter(payment_id=failed.payment_id).count() == 2, done


async def test_what_failed_for_a_shop_is_not_retried_once_people_have_refunded_it_here(world: ShopWorld) -> None:
    ana = a_person(world.merchant, "ana", Role.ADMIN)
    payment = await world.payment("O-1", 20_000)
    shop = await world.reload()
    for name in ("R-1", "R-2"):
        await settle.take_in(shop, _said(name), "first")
    first, second = await world.refunds()
    for one in (first, second):
        await an_answer(one, Declined("NO_FUNDS", "There is no money."))
    await world.work()
    # What is tried again for another one of the shop is that one's.
    retried = (await retry(ana, second.id, a_key(), CAUSE)).refund
    await an_answer(retried, Succeeded("paid"))
    mine = await a_refund(world.merchant, payment, 4_000)
    with pytest.raises(InvalidState, match=mine.reference):
        await retry(ana, first.id, a_key(), CAUSE)
    await an_answer(mine, Declined("NO_FUNDS", "There is no money."))
    await retry(ana, first.id, a_key(), CAUSE)


async def test_what_people_refund_here_and_in_the_shop_is_a_persons_though_ours_is_recorded_there(
    at_woo: ShopWorld, shop: WooShop
) -> None:
    order = shop.order()
    mine = await a_refund(at_woo.merchant, await at_woo.payment(order), 4_000)
    number = shop.refund(order, "40.00")  # by people in the shop, and its webhook never came
    await an_answer(mine, Succeeded("paid"))
    await at_woo.work()
    await at_woo.look()
    assert [one.id for one in await at_woo.refunds()] == [mine.id], "It has left once."
    (row,) = [one for one in await at_woo.all() if one.name == number]
    assert (row.state, row.why) == (ShopRefundState.WAITING, "ALREADY_REFUNDED")


@pytest.mark.parametrize("quota", [False, True])
async def test_what_vtex_asks_for_too_early_is_tried_again_before_it_is_given_back(
    vtex: ShopWorld, quota: bool
) -> None:
    if quota:
        boss, merchant = a_person(vtex.merchant, "boss", Role.PLATFORM_ADMIN), vtex.merchant
        await plans.give(boss, merchant.id, "STARTER", {Metered.REFUNDS: Quota(1, hard=True)}, CAUSE)
        await a_refund(merchant, await vtex.payment("O-0"), 100)
        await vtex.payment("P-1")
        await months.count()
    await _ask(vtex, "P-1")
    await vtex.work()
    await vtex.later()
    (row,) = await rows("SELECT due_at - now() AS waits, why FROM shop_refunds")
    assert row["why"] == ("QUOTA" if quota else "NO_PAYMENT")
    assert row["waits"] < timedelta(hours=2)


async def test_what_vtex_asked_for_before_a_long_pause_is_given_back_and_not_paid(
    vtex: ShopWorld, owner_rows: OwnerRows
) -> None:
    await vtex.payment("P-1")
    ana = a_person(vtex.merchant, "ana", Role.ADMIN)
    await shops.step(ana, vtex.shop.id, "shopPause", CAUSE)
    assert (await _ask(vtex, "P-1")).status_code == 500
    await owner_rows("UPDATE shop_notices SET received_at = received_at - interval '30 hours'")
    await shops.step(ana, vtex.shop.id, "shopResume", CAUSE)
    await vtex.work()
    await vtex.later()
    assert await vtex.refunds() == [], "VTEX asked for a day, and then had it refunded by hand."
    row = await vtex.only()
    assert (row.state, row.told_state) == (ShopRefundState.DISMISSED, "GIVEN_UP")
    assert (await _ask(vtex, "P-1")).status_code == 501


async def test_what_is_refunded_here_and_there_at_once_is_written_there_once_a_person_has_said_what_it_is(
    at_woo: ShopWorld, shop: WooShop
) -> None:
    boss = a_person(at_woo.merchant, "boss", Role.ADMIN)
    same, other = shop.order(), shop.order()
    mine: dict[str, Refund] = {}
    for order in (same, other):
        mine[order] = await a_refund(at_woo.merchant, await at_woo.payment(order), 4_000)
        shop.refund(order, "40.00")  # by people in the shop, before they could see ours
        await at_woo.post(shop.webhook(order))
        await at_woo.work()
        await an_answer(mine[order], Succeeded(f"paid {order}"))
    await at_woo.work()
    assert [len(shop.refunds[int(one)]) for one in (same, other)] == [1, 1], "Both may be the same one."
    held = {row.order_reference: row for row in await at_woo.all()}
    await waiting.match(boss, held[same].id, None, mine[same].id, None, "It is the same.", CAUSE)
    await waiting.dismiss(boss, held[other].id, "It was a mistake there.", CAUSE)
    await at_woo.work()
    assert [len(shop.refunds[int(one)]) for one in (same, other)] == [1, 2]
    assert [row.told_state for row in await at_woo.all() if row.refund_id] == ["SUCCEEDED", "SUCCEEDED"]
    assert len(await at_woo.refunds()) == 2


async def test_what_is_tried_again_for_a_shop_is_not_written_there_as_another_one(
    at_woo: ShopWorld, shop: WooShop
) -> None:
    boss = a_person(at_woo.merchant, "boss", Role.ADMIN)
    order = shop.order()
    await at_woo.payment(order)
    shop.refund(order, "40.00")
    await at_woo.look()
    (first,) = await at_woo.refunds()
    await an_answer(first, Declined("NO_FUNDS", "There is no money."))
    await at_woo.work()
    again = (await retry(boss, first.id, a_key(), CAUSE)).refund
    shop.refund(order, "40.00")
    await at_woo.look()
    (waits,) = [row for row in await at_woo.all() if row.waits_since is not None]
    await execute("UPDATE shop_refunds SET refund_id = $1 WHERE refund_id = $2", first.id, again.id)
    await an_answer(again, Succeeded("paid"))  # and nobody has followed the history to there
    await waiting.dismiss(boss, waits.id, "It is the same.", CAUSE)
    await at_woo.work()
    assert len(shop.refunds[int(order)]) == 2
    assert {row.origin for row in await at_woo.all()} == {ShopRefundOrigin.TOLD}


async def test_an_order_number_that_another_shop_of_the_store_may_have_too_is_a_persons(world: ShopWorld) -> None:
    await world.payment("O-1")
    named = await world.payment("O-2")
    ana = a_person(world.merchant, "ana", Role.ADMIN)
    other = await connected(world.merchant, ShopKind.GENERIC, {"webhook_secret": SECRET}, "Segunda loja")
    await shops.step(ana, other.id, "shopPause", CAUSE)
    shop = await world.reload()
    await settle.take_in(shop, _said(), "by its number")
    await settle.take_in(shop, SaidRefund("R-2", payments=("O-1",), amount=Money(4_000, "BRL")), "by that as a name")
    known = SaidRefund("R-3", order="O-2", payments=(named.pse_reference,), amount=Money(4_000, "BRL"))
    await settle.take_in(shop, known, "by its transaction")
    first, second, third = await world.all()
    assert [row.why for row in (first, second, third)] == ["ANOTHER_SHOP", "ANOTHER_SHOP", None]
    assert [one.payment_id for one in await world.refunds()] == [named.id]
    assert "Segunda loja" in (first.because or "")
    # Who is alone in its store is believed, and so is a person.
    await waiting.match(ana, first.id, (await world.payment("O-4")).id, None, None, "It is of ours.", CAUSE)
    await shops.step(ana, other.id, "shopRetire", CAUSE)
    assert (await settle.take_in(shop, _said("R-4"), "alone")).why is None  # type: ignore[union-attr]
    assert len(await world.refunds()) == 3
