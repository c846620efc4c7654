"""Webhooks in every order, doubled, before, during and after the answer: one final state, none lost."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Iterator

import pytest

from domain import invariants
from domain.models import LedgerEntry, Notice, Payment, Refund
from domain.models.refunds import State
from domain.notices import inbox
from domain.pse import registry
from domain.pse.capabilities import LookUp
from domain.pse.vocabulary import Accepted, InDoubt, Outcome, Succeeded, WebhookRequest
from domain.refunds import next_step
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from domain.refunds.work import Send
from jobs import notices as jobs
from jobs.wire.sender import sender
from tests.conftest import Database
from tests.kit.factories import CAUSE, KEY, a_payment, a_refund, a_shop
from tests.kit.lab_connector import Lab
from tests.kit.world import World, a_shop_at, quick_settings
from tests.sandbox.client import SandboxClient
from tests.sandbox.lab.server import signature

EVENTS = ("queued", "done", "returned", "unheard of")
WHOLE = list(itertools.permutations(EVENTS))
ORDERS = [order for length in (1, 2, 3, 4) for order in itertools.permutations(EVENTS, length)]
# What the PSE really did is what the furthest of its words says, however they come in.
_FURTHEST = {"unheard of": 0, "queued": 1, "done": 2, "returned": 3}
_STATES = {1: State.PENDING, 2: State.SUCCEEDED, 3: State.RETURNED}


@pytest.fixture
def lab() -> Iterator[None]:
    registry.register(Lab(look_up=LookUp.NONE, key_lifetime=None))
    yield
    registry._CONNECTORS.pop("lab", None)


@pytest.fixture
async def world(books: Database, sandbox: SandboxClient, lab: None) -> AsyncIterator[World]:
    settings = quick_settings()
    async with sender(settings.secret_key, settings.send_limit_seconds) as sending:
        at_lab = sandbox.at("lab")
        yield World(await a_shop_at(at_lab), at_lab, sending, settings)


async def _hear(world: World, refund: Refund, status: str) -> None:
    event = {"reference": refund.reference, "id": f"L{refund.reference}", "status": status}
    body = json.dumps({"events": [event]}).encode()
    request = WebhookRequest("POST", "/x", "", {"x-lab-signature": signature(body)}, body)
    notice_id = await inbox.store(world.shop.connection.id, request, "request", KEY)
    assert notice_id is not None
    await jobs.apply(notice_id, world.sender)


async def _answer(refund: Refund, outcome: Outcome) -> None:
    work = await next_step.take(refund.id, lease_seconds=60, send_seconds=20)
    assert isinstance(work, Send)
    await record(refund.id, outcome, Source(Door.ANSWER, attempt=work.attempt), CAUSE)


@pytest.mark.parametrize("doubled", [0, 1, 3])
@pytest.mark.parametrize("when", ["before", "during", "after"])
async def test_every_order_of_events_ends_in_the_same_state_and_the_same_books(
    world: World, when: str, doubled: int
) -> None:
    # A shorter order is how a longer one begins, unless the answer comes after all of it.
    for order in ORDERS if when == "during" else WHOLE:
        payment = await a_payment(world.shop, amount=10_000)
        refund = await a_refund(world.shop, payment, 4_000)
        if when == "after":
            await _answer(refund, Accepted(f"L{refund.reference}"))
        work = await next_step.take(refund.id, lease_seconds=60, send_seconds=20) if when == "during" else None
        for told, status in enumerate(order, start=1):
            for _ in range(1 + doubled):
                await _hear(world, refund, status)
            if work is None:
                await _check(order[:told], refund, payment, when)
        if work is not None:
            assert isinstance(work, Send)
            await record(refund.id, Accepted(f"L{refund.reference}"), Source(Door.ANSWER, attempt=work.attempt), CAUSE)
            await _check(order, refund, payment, when)
    assert await invariants.check() == []
    assert not await Notice.filter(applied_at=None).exists()


async def _check(order: tuple[str, ...], refund: Refund, payment: Payment, when: str) -> None:
    furthest = max(_FURTHEST[status] for status in order)
    refund = await Refund.get(id=refund.id)
    await payment.refresh_from_db()
    unheard = State.REQUESTED if when == "before" else State.PENDING
    expected = _STATES.get(furthest, unheard)
    assert refund.state is expected, (order, when)
    held = {State.SUCCEEDED: (0, 4_000), State.RETURNED: (0, 0)}.get(expected, (4_000, 0))
    assert (payment.reserved, payment.refunded) == held, (order, when)
    paid = await LedgerEntry.filter(refund_id=refund.id, entry="PAY").count()
    assert paid == (1 if expected in (State.SUCCEEDED, State.RETURNED) else 0), (order, when)


@pytest.mark.parametrize("lost", [True, False])
async def test_a_webhook_ends_the_doubt_of_a_lost_answer_once(world: World, lost: bool) -> None:
    payment = await a_payment(world.shop)
    refund = await a_refund(world.shop, payment, 4_000)
    await _answer(refund, InDoubt("TIMEOUT", "no answer") if lost else Succeeded("L1"))
    await asyncio.gather(*(_hear(world, refund, "done") for _ in range(5)))
    assert (await Refund.get(id=refund.id)).state is State.SUCCEEDED
    assert await LedgerEntry.filter(refund_id=refund.id, entry="PAY").count() == 1


async def test_an_event_kind_that_nobody_knows_is_kept_and_shown(world: World) -> None:
    body = b'{"events": [{"reference": "none", "status": "exploded"}]}'
    body = body.replace(b"[{", b"{").replace(b"}]", b"}")  # not even a list
    request = WebhookRequest("POST", "/x", "", {"x-lab-signature": signature(body)}, body)
    notice_id = await inbox.store(world.shop.connection.id, request, "request", KEY)
    assert notice_id is not None
    await jobs.apply(notice_id, world.sender)
    kept = await Notice.get(id=notice_id)
    assert (kept.applied_at is not None, kept.due_at) == (True, None)
    assert (kept.result or "").startswith("Not understood")


async def test_a_webhook_of_another_merchants_refund_moves_nothing(world: World) -> None:
    other = await a_shop(pse="lab", name="Other")
    refund = await a_refund(other, await a_payment(other), 4_000)
    await _hear(world, refund, "done")
    assert (await Refund.get(id=refund.id)).state is State.REQUESTED
