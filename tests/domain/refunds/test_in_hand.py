"""What a person has taken to pay by hand: nobody else gives it back; once the account was read, nobody cancels it."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest

from domain.access.tokens import Principal, Role
from domain.cause import Doer
from domain.models import Event, Payment, Refund
from domain.models.refunds import State
from domain.problems import Forbidden, InvalidState
from domain.refunds import by_hand, withdraw
from domain.refunds.destination import destinations
from tests.domain.refunds.destination.test_destinations import given, no_way_back, paid
from tests.kit.factories import CAUSE, KEY, Shop, a_key, a_person, a_refund, a_yes

pytestmark = pytest.mark.usefixtures("books", "no_way_back")
__all__ = ["no_way_back"]  # a fixture
WHY = "The PSE has been down since noon."


async def _in_hand() -> tuple[Shop, Payment, Refund, Principal]:
    """A refund with an account to pay to, taken by an accountant."""
    shop, payment = await paid()
    refund = await a_yes(shop, await a_refund(shop, payment, 4_000, given=given()))
    ana = a_person(shop, "tester", Role.ACCOUNTING)
    return shop, payment, await by_hand.take(ana, refund.id, WHY, CAUSE), ana


async def test_whoever_may_not_settle_by_hand_cannot_cancel_what_a_person_pays() -> None:
    shop, payment, refund, _ = await _in_hand()
    with pytest.raises(InvalidState, match="SETTLE_MANUALLY"):
        await withdraw.cancel(shop.id, refund.id, None, a_key(), CAUSE)
    await payment.refresh_from_db()
    assert ((await Refund.get(id=refund.id)).state, payment.reserved) == (State.MANUAL, 4_000)


async def test_who_has_read_the_account_is_an_event_and_then_nobody_cancels() -> None:
    shop, _, refund, ana = await _in_hand()
    for _ in range(3):
        opened = await by_hand.instruction(ana, refund.id, KEY, CAUSE)
        assert opened is not None
    (shown,) = await Event.filter(refund_id=refund.id, kind="INSTRUCTION_SHOWN")
    assert (shown.actor, shown.state) == ("tester", State.MANUAL)
    with pytest.raises(InvalidState, match=r"tester has read.*refundReturnToQueue"):
        await withdraw.cancel(shop.id, refund.id, None, a_key(), CAUSE, settles_manually=True)


async def test_each_reader_of_the_account_is_an_event_whatever_name_they_bear() -> None:
    shop, _, refund, ana = await _in_hand()
    namesake = replace(CAUSE, party=uuid4(), by=Doer(token_id=uuid4()))
    for cause in (CAUSE, namesake, CAUSE, namesake):
        assert await by_hand.instruction(ana, refund.id, KEY, cause) is not None
    shown = await Event.filter(refund_id=refund.id, kind="INSTRUCTION_SHOWN").order_by("id")
    assert [one.token_id for one in shown] == [None, namesake.by.token_id]


async def test_given_back_and_taken_again_it_may_be_canceled_until_it_is_read_again() -> None:
    shop, payment, refund, ana = await _in_hand()
    await by_hand.instruction(ana, refund.id, KEY, CAUSE)
    await by_hand.give_back(ana, refund.id, "Certainly not paid.", CAUSE)
    assert await by_hand.instruction(ana, refund.id, KEY, CAUSE) is None
    await by_hand.take(ana, refund.id, WHY, CAUSE)
    await withdraw.cancel(shop.id, refund.id, None, a_key(), CAUSE, settles_manually=True)
    await payment.refresh_from_db()
    assert payment.reserved == 0


async def test_a_reading_and_a_cancellation_at_once_do_not_both_happen() -> None:
    shop, _, refund, ana = await _in_hand()
    read, withdrawn = await asyncio.gather(
        by_hand.instruction(ana, refund.id, KEY, CAUSE),
        withdraw.cancel(shop.id, refund.id, None, a_key(), CAUSE, settles_manually=True),
        return_exceptions=True,
    )
    assert (read is None) != isinstance(withdrawn, InvalidState)


async def test_the_account_is_shown_to_those_who_settle_by_hand_only() -> None:
    shop, _, refund, _ = await _in_hand()
    with pytest.raises(Forbidden):
        await by_hand.instruction(a_person(shop, "sam", Role.SUPPORT), refund.id, KEY, CAUSE)
    assert await destinations.opened(refund.id, KEY) is not None
