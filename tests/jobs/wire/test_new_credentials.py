"""Credentials that change while calls are under way."""

import asyncio

from domain.connections import connections
from domain.keys import rotate
from domain.models import Connection
from domain.models.refunds import State
from tests.kit.factories import KEY, SECRETS, a_refund
from tests.kit.world import World


async def test_a_rotated_key_changes_nothing_of_what_is_kept_for_a_connection(world: World) -> None:
    connection = world.shop.connection
    assert (await world.step(await a_refund(world.shop, await world.payment(), 1_000))).state is State.SUCCEEDED
    kept = world.sender._lines[connection.id]
    await rotate.rotate(KEY, world.shop.id, settle_seconds=0)
    assert (await world.step(await a_refund(world.shop, await world.payment(), 1_000))).state is State.SUCCEEDED
    assert world.sender._lines[connection.id] is kept
    assert kept.sealed == bytes((await Connection.get(id=connection.id)).sealed_secrets)


async def test_new_secrets_are_used_at_once_and_a_call_under_way_with_the_old_ones_ends_well(world: World) -> None:
    slow = await a_refund(world.shop, await world.payment("slow", seconds=0.4), 1_000)
    sending = asyncio.create_task(world.step(slow))
    while world.shop.connection.id not in world.sender._lines:  # noqa: ASYNC110 - the sender tells nobody
        await asyncio.sleep(0.01)
    before = world.sender._lines[world.shop.connection.id].client
    await connections.replace_secrets(world.shop.connection, {**SECRETS, "webhook_secret": "new"}, None, KEY)
    quick = await world.step(await a_refund(world.shop, await world.payment(), 1_000))
    assert quick.state is State.SUCCEEDED
    assert world.sender._lines[world.shop.connection.id].client is not before
    assert (await sending).state is State.SUCCEEDED
    assert not before.is_closed
