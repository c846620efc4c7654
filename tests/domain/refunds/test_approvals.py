"""Approvals: what waits, whose yes counts, edits that void it, races, and settling by hand with two people."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from domain import invariants
from domain.access.permissions import Role
from domain.access.principal import Principal
from domain.cause import Cause
from domain.models import Approval, ApprovalNeeds, Event, Payment, Refund, Settlement
from domain.models.refunds import State
from domain.money import Money
from domain.problems import Forbidden, InvalidInput, InvalidState
from domain.pse import registry
from domain.pse.capabilities import Route
from domain.pse.vocabulary import DestinationKind as Kind
from domain.refunds import by_hand, current_destination, next_step, withdraw
from domain.refunds.approvals import awaiting, decide, propose
from domain.refunds.approvals.propose import Proposal
from domain.refunds.approvals.rules import Before, Need, Rule, Step, When
from domain.refunds.by_hand import Evidence, Way
from domain.refunds.destination import destinations, links
from domain.refunds.destination.destinations import Given
from tests.kit.days import utc_today
from tests.kit.factories import CAUSE, KEY, OwnerRows, Shop, a_key, a_payment, a_person, a_refund, a_shop, a_yes
from tests.kit.lab_connector import Lab

pytestmark = pytest.mark.usefixtures("books")
CPF, OTHER = "390.533.447-05", "111.444.777-35"
LARGE = 2_500_000  # BRL 25,000.00, from which on a second person is needed


async def a_rule(shop: Shop, when: When, *steps: Step, name: str = "OURS", **more: Any) -> None:
    """A rule of the merchant's own; it only tightens, so it stands at once."""
    rule = Rule(when, Need(name, "We said so.", steps, **more))
    made = await propose.propose(a_person(shop, "boss", Role.ADMIN), Proposal(propose.APPROVAL, name, rule=rule), CAUSE)
    assert made.started_at is not None


async def _large(shop: Shop) -> Refund:
    return await a_refund(shop, await a_payment(shop, amount=LARGE * 2), LARGE)


async def test_a_large_amount_waits_for_a_second_person_where_the_way_back_is_known_too() -> None:
    shop = await a_shop()
    refund = await _large(shop)
    (needs,) = await ApprovalNeeds.filter(refund_id=refund.id)
    assert (refund.state, [need["rule"] for need in needs.needs]) == (State.AWAITING_APPROVAL, ["LARGE_AMOUNT"])
    assert await next_step.take(refund.id, lease_seconds=60, send_seconds=20) is None
    with pytest.raises(InvalidState, match="no destination"):
        await destinations.provide(shop.id, refund.id, Given(Kind.PIX_KEY, _values()), a_key(), CAUSE, KEY)
    boss = a_person(shop, "boss", Role.APPROVER)
    with pytest.raises(InvalidState, match="not of what you saw"):
        await decide.approve(boss, refund.id, None, None, CAUSE, Money(1, "BRL"))
    assert (await a_yes(shop, refund)).state is State.REQUESTED
    kept = await Approval.get(refund_id=refund.id)
    assert (kept.amount, kept.fingerprint, kept.needs_id) == (LARGE, None, needs.id)
    assert await invariants.check() == []


async def test_a_small_amount_goes_alone() -> None:
    shop = await a_shop()
    assert (await a_refund(shop, await a_payment(shop, amount=LARGE), LARGE - 1)).state is State.REQUESTED


async def test_the_first_refund_of_a_payment_that_nobody_but_the_client_knows_of_waits() -> None:
    registry.register(Lab())
    shop = await a_shop(pse="lab")
    payment = await a_payment(shop, confirmed=False)
    refund = await a_refund(shop, payment, 1_000)
    assert refund.state is State.AWAITING_APPROVAL
    registry.register(Lab(payment_look_up=True))
    assert (await a_refund(shop, payment, 1_000)).state is State.REQUESTED  # its PSE is asked instead


async def test_two_people_in_their_turn_and_nobody_twice() -> None:
    shop = await a_shop()
    await a_rule(shop, When(), Step("APPROVE"), Step("SETTLE_MANUALLY"), in_sequence=True, hours=5)
    refund = await a_refund(shop, await a_payment(shop), 1_000)
    assert refund.expires_at is not None
    assert timedelta(hours=4) < refund.expires_at - datetime.now(UTC) <= timedelta(hours=5)
    refund = await a_yes(shop, refund, "one")
    assert refund.state is State.AWAITING_APPROVAL
    with pytest.raises(Forbidden, match="already"):
        await a_yes(shop, refund, "one", Role.ADMIN)
    with pytest.raises(Forbidden, match="SETTLE_MANUALLY now"):
        await a_yes(shop, refund, "two")
    assert (await a_yes(shop, refund, "two", Role.ACCOUNTANT)).state is State.REQUESTED
    kinds = [event.kind for event in await Event.filter(refund_id=refund.id).order_by("sequence")]
    assert kinds == ["AWAITING_APPROVAL", "APPROVAL_GIVEN", "APPROVED"]


async def test_a_no_of_one_ends_it() -> None:
    shop = await a_shop()
    await a_rule(shop, When(), Step("APPROVE", 2))
    refund = await a_yes(shop, await a_refund(shop, await a_payment(shop), 1_000), "one")
    ended = await decide.reject(a_person(shop, "two", Role.APPROVER), refund.id, "Not ours.", CAUSE)
    assert ended.state is State.REJECTED
    assert (await Payment.get(id=refund.payment_id)).reserved == 0


async def test_a_customer_who_was_refunded_before_waits_where_a_rule_says_so() -> None:
    shop = await a_shop()
    await a_rule(shop, When(refunded_before=Before(1, 30)), Step("APPROVE"))
    first, second = await a_payment(shop, tax_id=CPF), await a_payment(shop, tax_id=CPF)
    stranger = await a_payment(shop, tax_id=OTHER)
    states = [(await a_refund(shop, payment, 1_000)).state for payment in (first, second, stranger)]
    assert states == [State.REQUESTED, State.AWAITING_APPROVAL, State.REQUESTED]


async def test_one_administrator_alone_is_told_to_invite_a_second_person() -> None:
    shop = await a_shop()
    refund = await _large(shop)
    with pytest.raises(Forbidden, match=r"Invite a second person \(personInvite"):
        await decide.approve(a_person(shop, CAUSE.actor, Role.ADMIN), refund.id, None, None, CAUSE)


async def test_what_waited_before_needs_were_kept_is_found_and_takes_one_person(unguarded_rows: OwnerRows) -> None:
    shop = await a_shop()
    refund = await _large(shop)
    await unguarded_rows("DELETE FROM approval_needs")
    boss = a_person(shop, "boss", Role.APPROVER)
    assert [row.id for row in await awaiting.awaiting(boss)] == [refund.id]
    assert (await decide.approve(boss, refund.id, None, None, CAUSE)).state is State.REQUESTED
    assert (await Approval.get(refund_id=refund.id)).needs_id is not None


# Bound to the destination


@pytest.fixture
def no_way_back() -> Iterator[None]:
    registry.register(Lab(route=Route.PAYOUT_WITH_DESTINATION, destinations=(Kind.PIX_KEY,)))
    yield
    registry._CONNECTORS.pop("lab", None)


def _values(key: str = "ana@example.com", tax_id: str = CPF) -> dict[str, str]:
    return {"pix_key": key, "holder_name": "Ana Souza", "holder_tax_id": tax_id}


async def _to(shop: Shop, refund: Refund, key: str) -> None:
    await destinations.provide(shop.id, refund.id, Given(Kind.PIX_KEY, _values(key)), a_key(), CAUSE, KEY)


@pytest.mark.usefixtures("no_way_back")
async def test_any_edit_voids_every_yes_that_was_given() -> None:
    shop = await a_shop(pse="lab")
    await a_rule(shop, When(), Step("APPROVE", 2))
    refund = await a_refund(shop, await a_payment(shop, tax_id=CPF), 1_000)
    await _to(shop, refund, "one@example.com")
    await a_yes(shop, refund, "one")
    await _to(shop, refund, "thief@example.com")
    after = await a_yes(shop, refund, "two")
    assert after.state is State.AWAITING_APPROVAL, "The first yes was to another account."
    assert (await a_yes(shop, refund, "one")).state is State.REQUESTED
    assert await Approval.filter(refund_id=refund.id).count() == 3


@pytest.mark.usefixtures("no_way_back")
async def test_what_the_customer_types_behind_the_link_goes_alone_up_to_an_amount_and_says_whose_word_it_is() -> None:
    shop = await a_shop(pse="lab")
    payment = await a_payment(shop, amount=300_000, tax_id=CPF)
    states = []
    for amount in (99_999, 100_000):
        refund = await a_refund(shop, payment, amount)
        made = await links.create(shop.id, refund.id, Cause("r", "Ana", uuid4()))
        assert await links.use(made.token, "4705", Given(Kind.PIX_KEY, _values()), "r", KEY) is not None
        (told,) = await Event.filter(refund_id=refund.id, kind="DESTINATION_PROVIDED")
        assert (told.code, told.detail["whose_word"]) == ("CUSTOMERS_WORD", "CUSTOMER")
        states.append((await Refund.get(id=refund.id)).state)
    assert states == [State.REQUESTED, State.AWAITING_APPROVAL]


@pytest.mark.usefixtures("no_way_back")
async def test_the_database_clears_nothing_to_go_whose_needs_are_not_met(owner_rows: OwnerRows) -> None:
    shop = await a_shop(pse="lab")
    refund = await a_refund(shop, await a_payment(shop, tax_id=CPF), 1_000, given=Given(Kind.PIX_KEY, _values()))
    with pytest.raises(asyncpg.CheckViolationError, match="not met"):
        await owner_rows("UPDATE refunds SET state = 'REQUESTED', sequence = sequence + 1 WHERE id = $1", refund.id)


# At once


async def _all(*deeds: Any) -> list[Any]:
    return await asyncio.gather(*deeds, return_exceptions=True)


async def test_two_people_at_once_are_two_and_one_person_twice_is_one() -> None:
    shop = await a_shop()
    await a_rule(shop, When(), Step("APPROVE", 2))
    refund = await a_refund(shop, await a_payment(shop), 1_000)
    ana = a_person(shop, "one", Role.APPROVER)
    said = await _all(*(decide.approve(ana, refund.id, None, None, CAUSE) for _ in range(4)))
    assert sum(isinstance(one, Forbidden) for one in said) == 3
    assert (await Refund.get(id=refund.id)).state is State.AWAITING_APPROVAL
    others = [a_person(shop, name, Role.APPROVER) for name in ("two", "three")]
    said = await _all(*(decide.approve(one, refund.id, None, None, CAUSE) for one in others))
    assert sorted(type(one).__name__ for one in said) == ["InvalidState", "Refund"]
    assert (await Refund.get(id=refund.id)).state is State.REQUESTED


@pytest.mark.usefixtures("no_way_back")
async def test_a_yes_and_an_edit_at_once_never_clear_what_was_not_seen() -> None:
    shop = await a_shop(pse="lab")
    for _ in range(5):
        refund = await a_refund(shop, await a_payment(shop, tax_id=CPF), 1_000)
        await _to(shop, refund, "seen@example.com")
        await _all(a_yes(shop, refund), _to(shop, refund, "thief@example.com"))
        refund = await Refund.get(id=refund.id)
        shown = await current_destination.of(refund.id)
        assert shown is not None
        cleared = await Approval.exists(refund_id=refund.id, fingerprint=shown.fingerprint, decision="YES")
        assert (refund.state is State.REQUESTED) == cleared


async def test_a_yes_and_a_cancellation_or_the_end_of_its_time_at_once_are_one_of_the_two(
    owner_rows: OwnerRows,
) -> None:
    shop = await a_shop()
    for _ in range(3):
        refund = await _large(shop)
        await _all(a_yes(shop, refund), withdraw.cancel(shop.id, refund.id, None, a_key(), CAUSE))
        assert (await Refund.get(id=refund.id)).state is State.CANCELED  # first or after the yes: it was not sent
        refund = await _large(shop)
        await owner_rows("UPDATE refunds SET expires_at = now(), due_at = now() WHERE id = $1", refund.id)
        await _all(a_yes(shop, refund), next_step.take(refund.id, lease_seconds=60, send_seconds=20))
        assert (await Refund.get(id=refund.id)).state in (State.EXPIRED, State.REQUESTED, State.SUBMITTED)
    assert await invariants.check() == []


# Settled by hand


def _transfer(**other: Any) -> Evidence:
    evidence = Evidence(Way.BANK_TRANSFER, "TED 123", utc_today(-1), "ted.pdf", b"%PDF-1.7 proof")
    return replace(evidence, **other)


def _bare() -> Evidence:
    return _transfer(file_name=None, file_content=None)


async def _in_hand(amount: int) -> tuple[Shop, Refund, Principal]:
    shop = await a_shop()
    refund = await a_refund(shop, await a_payment(shop, amount=amount), amount)
    ana = a_person(shop, "ana", Role.ACCOUNTANT)
    return shop, await by_hand.take(ana, refund.id, "The PSE is down.", CAUSE), ana


async def test_above_the_limit_a_refund_is_settled_by_two_with_a_file() -> None:
    shop, refund, ana = await _in_hand(100_000)
    with pytest.raises(InvalidInput, match="a file"):
        await by_hand.settle(ana, refund.id, _bare(), CAUSE)
    said = await by_hand.settle(ana, refund.id, _transfer(), CAUSE)
    assert (said.confirmed, said.refund.state) == (False, State.MANUAL)
    for same in (ana, a_person(shop, "Ana", Role.ADMIN)):
        with pytest.raises(Forbidden, match="another person"):
            await by_hand.settle(same, refund.id, _transfer(), CAUSE)
    bia = a_person(shop, "bia", Role.ACCOUNTANT)
    done = await by_hand.settle(bia, refund.id, _bare(), CAUSE)
    assert (done.confirmed, done.refund.state) == (True, State.SUCCEEDED)
    kept = await Settlement.get(refund_id=refund.id)
    assert (kept.settled_by, kept.confirmed_by, kept.file_type) == ("ana", "bia", "application/pdf")
    assert kept.confirmed_by_id == bia.party != kept.settled_by_id
    assert await invariants.check() == []


async def test_who_says_something_else_begins_anew_and_what_was_given_back_is_forgotten() -> None:
    shop, refund, ana = await _in_hand(100_000)
    bia = a_person(shop, "bia", Role.ACCOUNTANT)
    await by_hand.settle(ana, refund.id, _transfer(), CAUSE)
    assert not (await by_hand.settle(bia, refund.id, _transfer(reference="TED 9"), CAUSE)).confirmed
    await by_hand.give_back(ana, refund.id, "Not paid after all.", CAUSE)
    await by_hand.take(bia, refund.id, "The PSE is down.", CAUSE)
    assert not (await by_hand.settle(ana, refund.id, _transfer(reference="TED 9"), CAUSE)).confirmed


async def test_below_the_limit_one_person_is_enough_and_says_alone_no_return() -> None:
    shop, refund, ana = await _in_hand(99_999)
    assert (await by_hand.settle(ana, refund.id, _bare(), CAUSE)).confirmed
    with pytest.raises(Forbidden, match="another person"):
        await by_hand.transfer_returned(ana, refund.id, "The account was closed.", CAUSE)
    other = replace(ana, holder="another name")  # the same party under another name
    with pytest.raises(Forbidden, match="another person"):
        await by_hand.transfer_returned(other, refund.id, "The account was closed.", CAUSE)
    back = await by_hand.transfer_returned(a_person(shop, "bia", Role.ADMIN), refund.id, "It was closed.", CAUSE)
    assert back.state is State.RETURNED
