"""What a refund costs the database on its way: round trips, counted on the wire."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from domain import invariants
from domain.access.permissions import Role
from domain.access.principal import Whose
from domain.models import Deed, Refund
from domain.models.refunds import State
from domain.money import Money
from domain.payments.register import NewPayment, register
from domain.platform.database import close_pool, open_pool
from domain.pse.vocabulary import Method
from domain.refunds.approvals import propose
from domain.refunds.approvals.propose import Proposal
from domain.refunds.approvals.rules import Need, Rule, Step, When
from jobs import refunds
from tests.conftest import Database
from tests.kit.factories import CAUSE, KEY, OwnerRows, a_key, a_payment, a_person, a_refund, a_shop
from tests.kit.round_trips import RoundTrips, counted
from tests.kit.world import World

ROUND_TRIPS_MAX = 10


@pytest.fixture
async def trips(books: Database) -> AsyncIterator[RoundTrips]:
    """The process speaks to its database through a counter."""
    async with counted(books.application_url) as counter:
        await close_pool()
        await open_pool(counter.url)
        yield counter
        await close_pool()


async def _cost_of_the_third(world: World, trips: RoundTrips, mood: str) -> tuple[State, int]:
    """Of what was learned once and is known (statements, the connection's client), the first two have told."""
    cost, refund = 0, None
    for _ in range(3):
        refund = await a_refund(world.shop, await world.payment(mood, seconds=9, tax=1_000), 3_000)
        before = trips.count
        await refunds.step(refund.id, world.sender, world.settings)
        cost = trips.count - before
    assert refund is not None
    return (await Refund.get(id=refund.id)).state, cost


@pytest.mark.parametrize(("mood", "state"), [("ok", State.SUCCEEDED), ("pending", State.PENDING)])
async def test_to_send_a_refund_and_record_the_answer_costs_at_most_ten_round_trips(
    trips: RoundTrips, world: World, mood: str, state: State
) -> None:
    # Seen, claimed, the call written down, its answer; BEGIN, locked, its name is nobody's, moved, findings, COMMIT.
    assert await _cost_of_the_third(world, trips, mood) == (state, ROUND_TRIPS_MAX)


async def test_to_ask_for_a_refund_costs_two_round_trips_where_no_rule_has_a_word_to_say(trips: RoundTrips) -> None:
    shop = await a_shop()
    costs = []
    for _ in range(2):
        for _ in range(3):  # what is learned once is known afterwards
            payment = await a_payment(shop)
            before = trips.count
            await a_refund(shop, payment, 1_000)
        costs.append(trips.count - before)
        rule = Rule(When(methods=frozenset({Method.BOLETO})), Need("OURS", "x", (Step("APPROVE"),)))
        boss = a_person(shop, "boss", Role.ADMIN)
        await propose.propose(boss, Proposal(propose.APPROVAL, "OURS", rule=rule), CAUSE)
    assert costs == [2, 2]  # the defaults, and a rule of one's own: asked once, and written


async def test_a_client_that_registers_a_payment_pays_no_round_trip_for_its_deed(trips: RoundTrips) -> None:
    shop = await a_shop()
    asks: list[Whose] = [shop.id, a_person(shop, "program", Role.ADMIN)]  # ourselves leave no deed
    costs = []
    for whose in asks * 2:  # what is learned once is known afterwards
        new = NewPayment(
            shop.connection.id, shop.store.code, f"E{a_key()}", Method.PIX, Money(1_000, "BRL"), datetime.now(UTC)
        )
        before = trips.count
        made = await register(whose, new, a_key(), CAUSE, KEY)
        costs.append(trips.count - before)
    assert (await Deed.get(object_id=str(made.payment.id))).operation == "paymentRegister"
    assert costs[2] == costs[3]


async def test_a_claim_that_is_written_and_whose_answer_is_lost_is_sent_once(
    trips: RoundTrips, world: World, owner_rows: OwnerRows
) -> None:
    payment = await world.payment()
    await world.step(await a_refund(world.shop, payment, 1_000))  # its statements are known from now on
    refund = await a_refund(world.shop, payment, 6_000)
    trips.lose = trips.count + 2  # the look, and then the claim
    with suppress(Exception):  # as the worker's job ends
        await asyncio.wait_for(refunds.step(refund.id, world.sender, world.settings), 10)
    (claimed,) = await owner_rows("SELECT state, sequence FROM refunds WHERE id = $1", refund.id)
    assert tuple(claimed) == ("SUBMITTED", 2)
    assert await world.sandbox.refund_requests(payment.pse_reference) == 1
    await owner_rows("UPDATE attempts SET claimed_until = now() - interval '1 second' WHERE ended_at IS NULL")
    ended = await asyncio.wait_for(world.finish(refund, owner_rows), 30)
    assert (ended.state, await world.sandbox.paid(payment.pse_reference)) == (State.SUCCEEDED, 7_000)
    assert await world.sandbox.refund_requests(payment.pse_reference) == 2
    assert await invariants.check() == []
