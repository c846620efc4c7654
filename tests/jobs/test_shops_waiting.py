"""What waits for a person: matched by who may refund in the store, by all the usual rules, or dismissed."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from domain.access.principal import Principal, reach_of
from domain.access.tokens import Permission, Role
from domain.cause import Cause
from domain.commerce import shops, waiting
from domain.commerce.shops import NewShop
from domain.commerce.vocabulary import ShopKind
from domain.models import Deed, ShopRefund, Store
from domain.models.refunds import Reason, State
from domain.money import Money
from domain.problems import Forbidden, InvalidInput, InvalidState, NotFound
from domain.pse.vocabulary import Declined, Succeeded
from domain.refunds.approvals import decide
from domain.refunds.request import NewRefund, request
from tests.conftest import Database
from tests.kit.factories import (
    CAUSE,
    KEY,
    OwnerRows,
    Shop,
    a_key,
    a_payment,
    a_person,
    a_refund,
    a_shop,
    a_yes,
    an_answer,
)
from tests.kit.shops import ShopWorld, a_world
from tests.sandbox.shops.erp import SECRET, Erp

_NOTE = "The customer was asked."


@pytest.fixture
def erp() -> Erp:
    return Erp()


@pytest.fixture
async def world(books: Database, erp: Erp) -> AsyncIterator[ShopWorld]:
    values = {"webhook_secret": SECRET, "callback_url": "{url}/states"}
    async with a_world(ShopKind.GENERIC, erp, values) as made:
        yield made


async def _handed_in(world: ShopWorld, erp: Erp, name: str, order: str, amount: str | None = "40.00") -> ShopRefund:
    body: dict[str, Any] = {"external_id": name, "order": {"id": order}, "amount": amount, "currency": "BRL"}
    await world.post(erp.signed(body), "/refunds")
    await world.work()
    return await ShopRefund.get(shop_id=world.shop.id, name=name)


def _in_store(shop: Shop, store: Store, permission: Permission) -> Principal:
    reach = reach_of((frozenset({permission}), store.id))
    return Principal(uuid4(), shop.id, "clerk", reach, datetime.now(UTC) + timedelta(hours=1))


async def test_a_person_says_which_payment_or_which_refund_it_is(world: ShopWorld, erp: Erp) -> None:
    shop, ana = world.merchant, a_person(world.merchant, "ana", Role.REQUESTER)
    unknown = await _handed_in(world, erp, "R-1", "typed wrongly")
    payment = await world.payment("O-1")
    second = await Store.create(id=uuid4(), merchant_id=shop.id, code="rj", name="Rio", payee_key="rj@loja")
    elsewhere = await a_payment(replace(shop, store=second), order="typed wrongly")
    theirs = await a_payment(await a_shop(name="Other"))
    for foreign in (elsewhere, theirs):
        with pytest.raises(NotFound):
            await waiting.match(ana, unknown.id, foreign.id, None, None, _NOTE, CAUSE)
    stranger, reader = (
        _in_store(shop, second, Permission.REFUND),
        _in_store(shop, shop.store, Permission.READ),
    )
    with pytest.raises(NotFound):
        await waiting.match(stranger, unknown.id, payment.id, None, None, _NOTE, CAUSE)
    with pytest.raises(Forbidden):
        await waiting.dismiss(reader, unknown.id, _NOTE, CAUSE)
    with pytest.raises(InvalidInput):
        await waiting.match(ana, unknown.id, payment.id, None, Money(4_001, "BRL"), _NOTE, CAUSE)
    with pytest.raises(InvalidInput):
        await waiting.match(ana, unknown.id, None, None, None, _NOTE, CAUSE)
    assert await world.refunds() == []
    clerk = _in_store(shop, shop.store, Permission.REFUND)
    row = await waiting.match(clerk, unknown.id, payment.id, None, None, _NOTE, CAUSE)
    (refund,) = await world.refunds()
    assert (row.state.value, row.refund_id, refund.amount, row.waits_since) == ("LINKED", refund.id, 4_000, None)
    with pytest.raises(InvalidState):
        await waiting.match(clerk, unknown.id, payment.id, None, None, _NOTE, CAUSE)
    # One that somebody had made by hand is that one: nothing more is paid, and the shop hears how it ended.
    by_hand = await a_refund(shop, await world.payment("O-2"), 2_500)
    await an_answer(by_hand, Succeeded("by hand"))
    again = await _handed_in(world, erp, "R-2", "O-2", "25.00")
    assert again.why == "ALREADY_REFUNDED"
    with pytest.raises(InvalidInput, match="another refund of the shop"):
        await waiting.match(ana, again.id, None, refund.id, None, _NOTE, CAUSE)
    await waiting.match(ana, again.id, None, by_hand.id, None, _NOTE, CAUSE)
    await world.work()
    assert {one["external_id"]: one["type"] for one in erp.heard}["R-2"] == "refund.succeeded"
    # Or it is another one after all: then a person's word pays it, and the rules hold all the same.
    more = await _handed_in(world, erp, "R-3", "O-2", "25.00")
    assert (more.state.value, more.why) == ("LINKED", None), "The first stands for a refund of the shop by now."
    alone = await a_refund(shop, await world.payment("O-3"), 2_500)
    other = await _handed_in(world, erp, "R-4", "O-3", "25.00")
    await waiting.match(ana, other.id, alone.payment_id, None, None, _NOTE, CAUSE)
    assert len([one for one in await world.refunds() if one.payment_id == alone.payment_id]) == 2
    too_much = await _handed_in(world, erp, "R-5", "nowhere", "500.00")
    row = await waiting.match(ana, too_much.id, payment.id, None, None, _NOTE, CAUSE)
    assert (row.state.value, row.why, row.decided_by) == ("WAITING", "REFUSED", "tester")
    row = await waiting.dismiss(ana, too_much.id, _NOTE, CAUSE)
    assert (row.state.value, row.decision) == ("DISMISSED", _NOTE)
    assert {one.operation for one in await Deed.filter(object_kind="shop_refund")} == {
        "shopRefundMatch",
        "shopRefundDismiss",
    }


async def test_a_shops_refund_waits_for_the_same_approval_as_everybodys(world: ShopWorld, erp: Erp) -> None:
    await world.payment("O-1", 5_000_000)  # from BRL 25,000.00 on a second person is needed
    row = await _handed_in(world, erp, "R-1", "O-1", "25000.00")
    (refund,) = await world.refunds()
    assert (refund.state, row.state.value) == (State.AWAITING_APPROVAL, "LINKED")
    assert [one["type"] for one in erp.heard] == ["refund.awaiting_approval"]
    await a_yes(world.merchant, refund)
    await world.work()
    await an_answer(refund, Declined("NO", "no balance", "x"))
    await world.work()
    assert [one["type"] for one in erp.heard][-1] == "refund.failed"
    # It is told after the refund has ended, and a part that comes later is another refund.
    again = await _handed_in(world, erp, "R-1", "O-1", "25000.00")
    assert again.id == row.id
    assert len(await world.refunds()) == 1


def _by(person: Principal) -> Cause:
    return Cause("request-of-the-test", person.holder, person.party)


async def test_whoever_has_a_shops_secret_or_said_what_its_refund_is_does_not_approve_it(
    world: ShopWorld, erp: Erp
) -> None:
    merchant, ana = world.merchant, a_person(world.merchant, "ana", Role.ADMIN)
    await world.payment("O-1", 5_000_000)
    values = {"webhook_secret": SECRET, "callback_url": world.shop.options["callback_url"]}
    new = NewShop(ShopKind.GENERIC, "Forged", merchant.store.code, values)
    await shops.step(ana, world.shop.id, "shopRetire", _by(ana))
    world.shop = await shops.connect(ana, new, a_key(), _by(ana), KEY)
    await _handed_in(world, erp, "R-1", "O-1", "25000.00")
    (refund,) = await world.refunds()
    assert (refund.state, refund.requested_by_id) == (State.AWAITING_APPROVAL, ana.party)
    with pytest.raises(Forbidden, match="another person must decide"):
        await decide.approve(ana, refund.id, None, None, _by(ana))
    # The secrets are another's now, and so is what is signed with them; a name alone changes no hands.
    bob = a_person(merchant, "bob", Role.ADMIN)
    await shops.change(bob, world.shop.id, {"webhook_secret": SECRET[:-4] + "AAA="}, None, _by(bob), KEY)
    await shops.change(ana, world.shop.id, {"callback_url": values["callback_url"] + "?a"}, None, _by(ana), KEY)
    assert await shops.answering(await world.reload()) == bob.party
    # Whoever says which payment it is, and how much, has asked for it.
    await shops.change(bob, world.shop.id, {"webhook_secret": SECRET}, None, _by(bob), KEY)
    eva = a_person(merchant, "eva", Role.ADMIN)
    payment = await world.payment("O-2", 5_000_000)
    row = await _handed_in(world, erp, "R-2", "typed wrongly", "25000.00")
    await waiting.match(eva, row.id, payment.id, None, None, _NOTE, _by(eva))
    (_, second) = await world.refunds()
    assert second.state is State.AWAITING_APPROVAL
    for one in (bob, eva):
        with pytest.raises(Forbidden, match="another person must decide"):
            await decide.approve(one, second.id, None, None, _by(one))
    assert (await a_yes(merchant, second)).state is State.REQUESTED


async def test_whoever_gave_a_secret_that_a_colleague_has_replaced_lately_has_a_part_in_what_the_shop_asks(
    world: ShopWorld, erp: Erp, owner_rows: OwnerRows
) -> None:
    ana, bob = a_person(world.merchant, "ana", Role.ADMIN), a_person(world.merchant, "bob", Role.ADMIN)
    new = NewShop(ShopKind.GENERIC, "Forged", world.merchant.store.code, {"webhook_secret": SECRET})
    await shops.step(ana, world.shop.id, "shopRetire", _by(ana))
    world.shop = await shops.connect(ana, new, a_key(), _by(ana), KEY)
    await world.payment("O-1", 5_000_000)
    tomorrow, another = datetime.now(UTC) + timedelta(days=1), SECRET[:-4] + "AAA="
    await shops.change(bob, world.shop.id, {"webhook_secret": another}, tomorrow, _by(bob), KEY)
    await _handed_in(world, erp, "R-1", "O-1", "25000.00")  # signed with what Ana knows
    (refund,) = await world.refunds()
    for one in (ana, bob):
        with pytest.raises(Forbidden, match="another person must decide"):
            await decide.approve(one, refund.id, None, None, _by(one))
    # Long after it was replaced it signs nothing, nor does what came before and was kept.
    await owner_rows("UPDATE shop_refunds SET created_at = now() + interval '32 days'")
    assert (await decide.approve(ana, refund.id, None, None, _by(ana))).state is State.REQUESTED


async def test_a_shop_gives_nobody_more_than_they_hold(world: ShopWorld) -> None:
    merchant = world.merchant
    scope = reach_of((frozenset({Permission.MANAGE_CONNECTIONS}), None))
    clerk = Principal(uuid4(), merchant.id, "clerk", scope, datetime.now(UTC) + timedelta(hours=1))
    new = NewShop(ShopKind.GENERIC, "Mine", merchant.store.code, {"webhook_secret": SECRET})
    with pytest.raises(Forbidden, match="REFUND"):
        await shops.connect(clerk, new, a_key(), _by(clerk), KEY)
    with pytest.raises(Forbidden, match="REFUND"):
        await shops.change(clerk, world.shop.id, {"webhook_secret": SECRET}, None, _by(clerk), KEY)


async def test_no_clients_key_takes_the_place_of_a_shops_refund(world: ShopWorld, erp: Erp) -> None:
    row = await _handed_in(world, erp, "R-1", "O-later")
    assert row.why == "NO_PAYMENT"
    other = await world.payment("O-other")
    forged = NewRefund(other.id, Money(1, "BRL"), Reason.OTHER)
    small = await request(a_person(world.merchant, "ana", Role.REQUESTER), forged, f"shop-refund/{row.id}", CAUSE)
    payment = await world.payment("O-later")
    await world.later()
    row = await ShopRefund.get(id=row.id)
    (made,) = [one for one in await world.refunds() if one.id != small.refund.id]
    assert (row.refund_id, made.payment_id, made.amount) == (made.id, payment.id, 4_000)
