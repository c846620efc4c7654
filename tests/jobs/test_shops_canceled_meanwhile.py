"""Shops: what is canceled, told twice or moved while another worker has it in hand is said once, and says the truth."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from domain import invariants
from domain.access.tokens import Role
from domain.commerce import following, keeping, settle, telling, waiting
from domain.commerce.vocabulary import SaidRefund, ShopDone, ShopKind, ShopLater
from domain.models import Payment, Refund, ShopRefund
from domain.models.refunds import RELEASED, State
from domain.models.shops import ShopRefundState
from domain.money import Money
from domain.payments import withdrawals
from domain.platform.database import execute, rows
from domain.problems import Problem
from domain.pse.vocabulary import Declined
from domain.refunds.request import retry
from tests.conftest import Database
from tests.kit.factories import CAUSE, a_key, a_person, an_answer
from tests.kit.shops import ShopWorld, a_world, connected
from tests.sandbox.shops.erp import SECRET, Erp


@pytest.fixture
def erp() -> Erp:
    return Erp()


@pytest.fixture
async def world(books: Database, erp: Erp) -> AsyncIterator[ShopWorld]:
    values = {"webhook_secret": SECRET, "callback_url": "{url}/states"}
    async with a_world(ShopKind.GENERIC, erp, values) as made:
        yield made


def _said(name: str = "R-1", amount: int = 4_000, order: str = "O-1", **more: Any) -> SaidRefund:
    return SaidRefund(name, order=order, amount=Money(amount, "BRL"), **more)


async def test_canceled_while_another_worker_asks_for_it_is_not_dismissed_beside_a_refund_that_goes(
    world: ShopWorld,
) -> None:
    await world.payment("O-1")
    shop = await world.reload()
    for number in range(12):
        name = f"R-{number}"
        said, taken_back = _said(name, 100 + number), _said(name, 100 + number, canceled=True)
        row = await keeping.keep(shop, said, "first")
        await asyncio.gather(settle.settle(shop, row), settle.take_in(shop, taken_back, "second"))
        row = await ShopRefund.get(id=row.id)
        refund = await settle._asked_before(shop, row)
        if refund is None:
            assert row.state is ShopRefundState.DISMISSED
        else:
            assert row.refund_id == refund.id, f"{name} is {row.state}, and its refund is {refund.state}."
            assert refund.state is State.CANCELED


async def test_two_that_are_told_at_once_are_both_the_shops_own(world: ShopWorld) -> None:
    await world.payment("O-1")
    shop = await world.reload()
    for number in range(8):
        pair = [_said(f"R-{number}-{one}", 100 + number) for one in range(2)]
        told = await asyncio.gather(*[settle.take_in(shop, one, "at once") for one in pair])
        assert [one.state for one in told if one] == [ShopRefundState.LINKED] * 2, [one.why for one in told if one]


async def test_two_shops_that_hand_in_the_same_at_once_are_paid_once(world: ShopWorld) -> None:
    payment = await world.payment("O-1")
    other = await connected(
        world.merchant, ShopKind.GENERIC, dict(world.shop.options) | {"webhook_secret": SECRET}, "B"
    )
    for number in range(8):
        said = _said(f"R-{number}", 100 + number, payments=(payment.pse_reference,))
        told = await asyncio.gather(*[settle.take_in(one, said, "at once") for one in (world.shop, other)])
        whys = sorted(str(one.why) for one in told if one)
        assert whys == ["ANOTHER_SHOP", "None"], whys


async def test_a_second_telling_that_differs_does_not_keep_the_shop_from_hearing_what_became_of_it(
    world: ShopWorld, erp: Erp
) -> None:
    await world.payment("O-1")
    shop = await world.reload()
    await settle.take_in(shop, _said(), "first")
    await world.pay()
    (row,) = await world.all()
    await execute("UPDATE shop_refunds SET told_state = 'SENT', due_at = now() WHERE id = $1", row.id)
    await settle.take_in(shop, _said(amount=4_001), "second")
    await world.work()
    (row,) = await world.all()
    assert (row.why, row.told_state) == ("TOLD_OTHERWISE", "SUCCEEDED")
    # What a person has decided is not asked again because a sweep finds it again; what is new is.
    await waiting.dismiss(a_person(world.merchant, "ana", Role.ADMIN), row.id, "typed wrong there", CAUSE)
    await settle.take_in(shop, _said(amount=4_001), "third")
    assert (await world.only()).waits_since is None
    await settle.take_in(shop, _said(amount=4_002), "fourth")
    assert (await world.only()).waits_since is not None


async def test_a_late_answer_to_what_was_told_before_takes_no_turn_of_what_is_told_since(world: ShopWorld) -> None:
    await world.payment("O-1")
    shop = await world.reload()
    await settle.take_in(shop, _said(), "first")
    await world.pay()
    (row,) = await world.all()
    await execute("UPDATE shop_refunds SET told_state = NULL, tries = 0, due_at = now() WHERE id = $1", row.id)
    slow = await telling.take(row.id)
    assert slow is not None
    await execute(following._MOVED.replace(" RETURNING id", ""), shop.id, [row.refund_id])
    quick = await telling.take(row.id)
    assert quick is not None
    assert quick.news is not None
    quick = replace(quick, news=replace(quick.news, state=State.RETURNED))
    await telling.record(slow, ShopDone())
    await telling.record(quick, ShopLater("busy"))
    (left,) = await rows("SELECT due_at IS NOT NULL AS due, told_state FROM shop_refunds WHERE id = $1", row.id)
    assert left["due"], f"Nobody tells that it came back; it is told as {left['told_state']}."


async def test_a_shop_hears_of_the_retry_of_its_refund_as_of_its_own(world: ShopWorld, erp: Erp) -> None:
    await world.payment("O-1")
    await settle.take_in(await world.reload(), _said(), "first")
    (first,) = await world.refunds()
    await an_answer(first, Declined("NO_FUNDS", "There is no money."))
    await world.work()
    assert (await world.only()).told_state == "FAILED"
    again = (await retry(a_person(world.merchant, "ana", Role.ADMIN), first.id, a_key(), CAUSE)).refund
    await world.work()
    await world.pay(again)
    row = await world.only()
    assert (row.refund_id, row.told_state, row.origin) == (again.id, "SUCCEEDED", "TOLD")
    assert erp.heard[-1]["refund"]["reference"] == again.reference


async def test_what_is_canceled_in_the_shop_is_canceled_though_it_was_just_asked_again(world: ShopWorld) -> None:
    await world.payment("O-1")
    shop = await world.reload()
    await settle.take_in(shop, _said(), "first")
    (first,) = await world.refunds()
    await an_answer(first, Declined("NO_FUNDS", "There is no money."))
    again = (await retry(a_person(world.merchant, "ana", Role.ADMIN), first.id, a_key(), CAUSE)).refund
    await settle.take_in(shop, _said(canceled=True), "second")
    assert (await Refund.get(id=again.id)).state is State.CANCELED


async def test_a_payment_that_is_withdrawn_while_a_shop_asks_for_it_is_one_of_the_two(world: ShopWorld) -> None:
    """Who comes first: the sale was never one, and a person is called; or its refund goes, and it stays a sale."""
    shop, boss = await world.reload(), a_person(world.merchant, "boss", Role.ADMIN)
    for number in range(10):
        payment = await world.payment(f"W-{number}")
        row = await keeping.keep(shop, _said(f"R-{number}", 4_000, f"W-{number}"), "first")
        took, _ = await asyncio.gather(
            withdrawals.withdraw(boss, payment.id, "It was typed in twice.", a_key(), CAUSE),
            settle.settle(shop, row),
            return_exceptions=True,
        )
        row, gone = await ShopRefund.get(id=row.id), (await Payment.get(id=payment.id)).withdrawn_at is not None
        asked = await Refund.filter(payment_id=payment.id).exclude(state__in=RELEASED).count()
        assert gone == (not isinstance(took, Problem)), took
        assert (asked, row.state) == ((0, ShopRefundState.WAITING) if gone else (1, ShopRefundState.LINKED))
    assert await invariants.check() == []


async def test_what_is_told_otherwise_while_another_worker_asks_for_it_is_a_persons(world: ShopWorld) -> None:
    await world.payment("O-1")
    shop = await world.reload()
    row = await keeping.keep(shop, _said(amount=4_000), "first")  # as the first worker has read it
    await settle.take_in(shop, _said(amount=400), "second")
    await settle.settle(shop, row)
    row = await world.only()
    assert (row.state, row.why) == (ShopRefundState.WAITING, "TOLD_OTHERWISE")
    assert row.waits_since is not None
    assert await world.refunds() == [], "Nothing leaves of which the shop has said two things."
    # Nor is a person's word about the one thing a word about the other.
    boss, payment = a_person(world.merchant, "boss", Role.ADMIN), await Payment.get(merchant_id=world.merchant.id)
    unclear = await keeping.keep(shop, _said("R-2", 100), "first")
    await settle.take_in(shop, _said("R-2", 101), "second")
    await settle.refund_of(shop, unclear, payment, agreed=True)
    assert await world.refunds() == []
    # One who found nothing does not put it among those that are tried again by themselves.
    early = await keeping.keep(shop, _said("R-3", 100, "O-9"), "first")
    await settle.take_in(shop, _said("R-3", 101, "O-9"), "second")
    await execute("UPDATE shop_refunds SET why = 'TOLD_OTHERWISE', because = 'x' WHERE id = $1", early.id)
    assert (await settle.settle(shop, early)).why == "TOLD_OTHERWISE"
    told = await waiting.match(boss, row.id, payment.id, None, None, "It is the first that counts.", CAUSE)
    assert told.state is ShopRefundState.LINKED
    assert [one.amount for one in await world.refunds()] == [4_000]
