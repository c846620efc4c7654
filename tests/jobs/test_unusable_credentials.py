"""Credentials that cannot be used: nothing is marked as sent, nothing is in doubt, and support reads why it waits."""

import pytest

from domain.connections import connections
from domain.models import Attempt, Event, Finding
from domain.models.refunds import State
from domain.platform import secrets
from domain.platform.database import rows
from tests.kit.factories import KEY, SECRETS, a_refund
from tests.kit.world import World

NO_PEM = {**SECRETS, "client_certificate": "no certificate", "client_key": "no key"}


async def _seal(world: World, kept: dict[str, str], key: bytes) -> None:
    connection = world.shop.connection
    sealed = secrets.seal(key, kept, connections.place_of(connection.id))
    await rows("UPDATE connections SET sealed_secrets = $2 WHERE id = $1 RETURNING id", connection.id, sealed)


@pytest.mark.parametrize(
    ("kept", "key"),
    [(NO_PEM, KEY), (SECRETS, bytes(32)), ({}, KEY)],
    ids=["no PEM", "sealed with another key", "left out"],
)
async def test_nothing_is_sent_and_the_refund_says_why_until_they_are_mended(
    world: World, kept: dict[str, str], key: bytes
) -> None:
    await _seal(world, kept, key)
    refund = await a_refund(world.shop, await world.payment(), 3_000)
    for _ in range(3):
        refund = await world.step(refund)
    assert (refund.state, refund.doubt_since) == (State.REQUESTED, None)
    assert not await Attempt.exists(refund_id=refund.id)
    assert await Finding.filter(refund_id=refund.id, kind="NOT_SENT", resolved_at=None).count() == 1
    assert await Event.filter(refund_id=refund.id, kind="HELD", code="CREDENTIALS_UNUSABLE").count() == 1
    await _seal(world, SECRETS, KEY)
    assert (await world.step(refund)).state is State.SUCCEEDED
    assert not await Finding.exists(refund_id=refund.id, resolved_at=None)


async def test_a_refund_that_the_pse_has_is_not_asked_about_and_says_why(world: World) -> None:
    refund = await world.step(await a_refund(world.shop, await world.payment("pending", seconds=9), 3_000))
    assert refund.state is State.PENDING
    await _seal(world, SECRETS, bytes(32))
    for _ in range(2):
        refund = await world.step(refund)
    (told,) = await Event.filter(refund_id=refund.id, code="CREDENTIALS_UNUSABLE")
    assert "cannot be used" in (told.message or "")
    assert await Finding.filter(refund_id=refund.id, kind="NOT_SENT").count() == 1
