"""Caps of a day: counted exactly however many ask at once, refused or held, and told with what is left."""

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from domain.access.permissions import Role
from domain.cause import Cause
from domain.models import ApprovalNeeds, ApprovalRule, Refund, Store
from domain.models.refunds import Reason, State
from domain.money import Money
from domain.platform.database import for_merchant, rows
from domain.problems import CapExceeded, Forbidden, InvalidInput, InvalidState
from domain.refunds import request
from domain.refunds.approvals import propose, standing
from domain.refunds.approvals.caps import Cap, Over, Per
from domain.refunds.approvals.propose import Proposal
from domain.refunds.request import NewRefund
from tests.kit.factories import CAUSE, KEY, Shop, a_key, a_payment, a_person, a_refund, a_shop

pytestmark = pytest.mark.usefixtures("books")
CPF = "390.533.447-05"


async def a_cap(shop: Shop, cap: Cap) -> None:
    boss = a_person(shop, "boss", Role.ADMIN)
    assert (await propose.propose(boss, Proposal(propose.CAP, cap.name, cap=cap), CAUSE)).started_at is not None


async def test_what_a_merchants_own_request_proposes_holds_for_its_next_refund() -> None:
    """Behind the wall: the request sees and changes its own merchant's rows, and no others."""
    shop, other = await a_shop(), await a_shop(name="Outra")
    boss = a_person(shop, "boss", Role.ADMIN)
    with for_merchant(shop.id):
        await propose.propose(
            boss, Proposal(propose.CAP, "DAY", cap=Cap("DAY", Per.MERCHANT, Over.REFUSE, count=2)), CAUSE
        )
        for _ in range(2):
            await a_refund(shop, await a_payment(shop), 1_000)
        with pytest.raises(CapExceeded):
            await a_refund(shop, await a_payment(shop), 1_000)
    await a_refund(other, await a_payment(other), 1_000)


async def test_fifty_at_once_never_exceed_a_cap() -> None:
    shop = await a_shop()
    await a_cap(shop, Cap("DAY", Per.MERCHANT, Over.REFUSE, "BRL", 10_000, 12))
    payments = [await a_payment(shop) for _ in range(25)]
    said = await asyncio.gather(
        *(a_refund(shop, payment, 1_000) for payment in payments for _ in range(2)), return_exceptions=True
    )
    assert sum(isinstance(one, Refund) for one in said) == 10
    assert {type(one) for one in said} == {Refund, CapExceeded}
    assert await Refund.all().count() == 10
    (counted,) = await rows("SELECT amount, times FROM velocity_counters")
    assert counted == {"amount": 10_000, "times": 10}


async def test_what_is_refused_says_the_cap_what_is_left_and_when_it_renews_and_is_not_counted() -> None:
    shop = await a_shop()
    await a_cap(shop, Cap("DAY", Per.MERCHANT, Over.REFUSE, "BRL", 1_500, 3))
    payment, key = await a_payment(shop), a_key()
    await a_refund(shop, payment, 1_000, key)
    with pytest.raises(CapExceeded, match=r"DAY \(MERCHANT and day\) has BRL 5.00 of BRL 15.00 and 2 of 3") as refused:
        await a_refund(shop, payment, 501)
    told = refused.value
    assert (told.cap, told.left, told.count_left) == ("DAY", Money(500, "BRL"), 2)
    assert told.renews_at > datetime.now(UTC)
    assert (await a_refund(shop, payment, 1_000, key)).amount == 1_000, "The same key again is the same refund."
    await a_refund(shop, payment, 500)


async def test_a_cap_may_hold_what_is_over_for_a_second_person() -> None:
    shop = await a_shop()
    await a_cap(shop, Cap("OFTEN", Per.STORE, Over.HOLD, count=1))
    payment = await a_payment(shop)
    states = [(await a_refund(shop, payment, 1_000)).state for _ in range(3)]
    assert states == [State.REQUESTED, State.AWAITING_APPROVAL, State.AWAITING_APPROVAL]
    (first, *_) = await ApprovalNeeds.all()
    assert [need["rule"] for need in first.needs] == ["OFTEN"]


@pytest.mark.parametrize("per", [Per.PARTY, Per.STORE, Per.CUSTOMER])
async def test_each_person_store_and_customer_has_a_cap_of_its_own(per: Per) -> None:
    shop = await a_shop()
    await a_cap(shop, Cap("ONE", per, Over.REFUSE, count=1))
    second = Shop(
        shop.merchant, await Store.create(id=uuid4(), merchant_id=shop.id, code="rj", name="Rio"), shop.connection
    )
    one, other = await a_payment(shop, tax_id=CPF), await a_payment(second, tax_id="111.444.777-35")
    ana, bia = uuid4(), uuid4()

    async def ask(payment_id: object, party: object) -> None:
        new = NewRefund(payment_id, Money(100, "BRL"), Reason.OTHER)  # type: ignore[arg-type]
        await request.request(shop.id, new, a_key(), Cause("r", "x", party), KEY)  # type: ignore[arg-type]

    await ask(one.id, ana)
    with pytest.raises(CapExceeded):
        await ask(one.id, ana)
    await ask(other.id, bia)


async def test_a_cap_that_another_currency_or_subject_meets_counts_nothing() -> None:
    shop = await a_shop()
    await a_cap(shop, Cap("DOLLARS", Per.MERCHANT, Over.REFUSE, "USD", 1))
    await a_cap(shop, Cap("ANOTHER", Per.STORE, Over.REFUSE, count=0, only=str(uuid4())))
    await a_refund(shop, await a_payment(shop), 1_000)
    assert await rows("SELECT 1 AS one FROM velocity_counters") == []


# Rules and caps are changed by two where that loosens


async def test_what_tightens_stands_at_once_and_what_loosens_waits_for_another_person() -> None:
    shop = await a_shop()
    ana, bia = a_person(shop, "Ana", Role.ADMIN), a_person(shop, "Bia", Role.ADMIN)
    await a_cap(shop, Cap("DAY", Per.MERCHANT, Over.REFUSE, count=5))
    more = Proposal(propose.CAP, "DAY", cap=Cap("DAY", Per.MERCHANT, Over.REFUSE, count=6))
    row = await propose.propose(ana, more, CAUSE)
    assert (row.loosens, row.started_at) == (True, None)
    for same in (ana, a_person(shop, "ana", Role.ADMIN)):
        with pytest.raises(Forbidden, match="yourself"):
            await propose.confirm(same, row.id, CAUSE)
    assert (await standing.read(shop.id)).caps[0].count == 5
    assert (await propose.confirm(bia, row.id, CAUSE)).started_at is not None
    assert [cap.count for cap in (await standing.read(shop.id)).caps] == [6]
    less = Proposal(propose.CAP, "DAY", cap=Cap("DAY", Per.MERCHANT, Over.REFUSE, count=1))
    assert (await propose.propose(ana, less, CAUSE)).started_at is not None
    with pytest.raises(InvalidState):
        await propose.confirm(bia, row.id, CAUSE)


async def test_a_default_is_ended_by_two_and_stands_again_at_once() -> None:
    shop = await a_shop()
    ana, bia = a_person(shop, "Ana", Role.ADMIN), a_person(shop, "Bia", Role.ADMIN)
    default = (await standing.read(shop.id)).rule("LARGE_AMOUNT")
    assert default is not None
    from dataclasses import replace

    nobody = replace(default, need=replace(default.need, steps=()))
    row = await propose.propose(ana, Proposal(propose.APPROVAL, "LARGE_AMOUNT", rule=nobody), CAUSE)
    payment = await a_payment(shop, amount=9_000_000)
    assert (await a_refund(shop, payment, 3_000_000)).state is State.AWAITING_APPROVAL
    await propose.confirm(bia, row.id, CAUSE)
    assert (await a_refund(shop, payment, 3_000_000)).state is State.REQUESTED
    again = await propose.propose(bia, Proposal(propose.APPROVAL, "LARGE_AMOUNT"), CAUSE)
    assert again.started_at is not None, "The default is stricter than nobody."
    assert (await a_refund(shop, payment, 3_000_000)).state is State.AWAITING_APPROVAL
    assert await ApprovalRule.filter(ended_at=None).count() == 1


async def test_a_change_that_came_between_makes_a_proposal_out_of_date_and_two_of_one_name_are_one() -> None:
    shop = await a_shop()
    ana, bia = a_person(shop, "Ana", Role.ADMIN), a_person(shop, "Bia", Role.ADMIN)
    await a_cap(shop, Cap("DAY", Per.MERCHANT, Over.REFUSE, count=5))
    first, second = [await propose.propose(ana, Proposal(propose.CAP, "DAY"), CAUSE) for _ in range(2)]
    assert (await ApprovalRule.get(id=first.id)).ended_at is not None
    await a_cap(shop, Cap("DAY", Per.MERCHANT, Over.REFUSE, count=4))
    with pytest.raises(InvalidState):
        await propose.confirm(bia, second.id, CAUSE)
    with pytest.raises(InvalidInput):
        await propose.propose(ana, Proposal(propose.CAP, "X", cap=Cap("X", Per.STORE, Over.HOLD)), CAUSE)
    assert CAUSE.party is None
