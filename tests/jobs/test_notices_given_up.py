"""Webhooks that were given up because the PSE could not be asked: they are applied when it can be asked again."""

import asyncio

import httpx
import pytest

from domain import invariants
from domain.access.tokens import Role
from domain.connections import health
from domain.models import Connection, Finding, Notice, Payment
from domain.models.connections import ConnectionState
from domain.onboarding import applications, drafts
from domain.platform.database import rows
from domain.refunds import intervals
from jobs import notices
from jobs.wire.sender import sender
from tests.kit.accounts import ACCOUNTS
from tests.kit.factories import CAUSE, KEY, a_person
from tests.kit.world import World, a_world
from tests.sandbox.client import SandboxClient

pytestmark = pytest.mark.usefixtures("books")


async def _refunded_in_the_dashboard(world: World, payment: Payment, amount: str) -> None:
    form = {"operation": "request", "hash": payment.pse_reference, "amount": amount, "description": "by hand"}
    url = f"{world.shop.connection.base_url}/ws/refund"
    async with httpx.AsyncClient() as client:
        key = ACCOUNTS["ebanx"].secrets["integration_key"]
        (await client.post(url, data={**form, "integration_key": key})).raise_for_status()


async def _heard(world: World) -> Notice:
    for _ in range(200):
        if (notice := await Notice.filter(connection_id=world.shop.connection.id).first()) is not None:
            return notice
        await asyncio.sleep(0.02)
    raise AssertionError("No webhook came.")


async def _given_up(world: World, notice: Notice) -> None:
    for _ in range(len(intervals.NOTICE.delays) + 1):
        await rows("UPDATE notices SET due_at = now() WHERE due_at IS NOT NULL RETURNING id")
        await world.apply_notices()
    notice = await Notice.get(id=notice.id)
    assert (notice.due_at, notice.applied_at) == (None, None)
    assert await Finding.filter(kind="NOTICE_UNMATCHED", resolved_at=None).count() == 1


async def _is_applied(world: World, payment: Payment) -> None:
    await world.apply_notices()
    assert (await Payment.get(id=payment.id)).taken_by_bank == 2_500
    assert [one.kind for one in await Finding.filter(resolved_at=None)] == ["MISSING_IN_LEDGER"]
    assert await invariants.check() == []


async def test_what_could_not_be_asked_with_a_key_that_was_refused_is_asked_with_the_next_one(
    sandbox: SandboxClient,
) -> None:
    async with a_world(sandbox.at("ebanx")) as world:
        payment = await world.payment()
        await _refunded_in_the_dashboard(world, payment, "25.00")
        notice = await _heard(world)
        await world.sandbox.post("account", key="refused")
        await _given_up(world, notice)
        await world.sandbox.post("account")
        admin, secrets = a_person(world.shop, "Ana", Role.ADMIN), ACCOUNTS["ebanx"].secrets
        await drafts.replace(admin, world.shop.connection.id, secrets, None, CAUSE, KEY)
        await _is_applied(world, payment)


async def test_what_could_not_be_asked_while_the_connection_was_suspended_is_asked_when_it_is_active(
    sandbox: SandboxClient,
) -> None:
    async with a_world(sandbox.at("ebanx")) as world:
        payment = await world.payment()
        await _refunded_in_the_dashboard(world, payment, "25.00")
        notice = await _heard(world)
        admin, connection = a_person(world.shop, "Ana", Role.ADMIN), world.shop.connection
        await applications.step(admin, connection.id, ConnectionState.SUSPENDED, "We look into it.", CAUSE)
        await _given_up(world, notice)
        other = a_person(world.shop, "Bia", Role.ADMIN)
        await applications.step(other, connection.id, ConnectionState.ACTIVE, "All is well.", CAUSE)
        await _is_applied(world, payment)


async def test_what_could_not_be_asked_while_the_pse_was_down_is_asked_when_it_is_back(sandbox: SandboxClient) -> None:
    async with a_world(sandbox.at("ebanx")) as world:
        payment = await world.payment()
        await world.sandbox.post("payment-moods", moods=["unavailable"] * 20)
        await _refunded_in_the_dashboard(world, payment, "25.00")
        notice = await _heard(world)
        await Connection.filter(id=world.shop.connection.id).update(down_since=notice.received_at)
        await _given_up(world, notice)
        await world.sandbox.post("payment-moods", moods=[])
        assert await health.up(world.shop.connection.id)
        async with sender(world.settings.secret_key, 1.0) as fresh:
            await notices.apply(notice.id, fresh)
        await _is_applied(world, payment)
