"""Credentials that cannot be used: nothing was sent, nothing is in doubt, and a person is called."""

import pytest

from domain.connections import connections
from domain.models import Finding
from domain.models.refunds import State
from domain.platform import secrets
from domain.platform.database import rows
from tests.kit.factories import KEY, SECRETS, a_refund
from tests.kit.world import World

NO_PEM = {**SECRETS, "client_certificate": "no certificate", "client_key": "no key"}


@pytest.mark.parametrize(
    ("kept", "key"),
    [(NO_PEM, KEY), (SECRETS, bytes(32)), ({}, KEY)],
    ids=["no PEM", "sealed with another key", "left out"],
)
async def test_nothing_is_sent_and_nothing_is_in_doubt(world: World, kept: dict[str, str], key: bytes) -> None:
    connection = world.shop.connection
    sealed = secrets.seal(key, kept, connections.place_of(connection.id))
    await rows("UPDATE connections SET sealed_secrets = $2 WHERE id = $1 RETURNING id", connection.id, sealed)
    refund = await a_refund(world.shop, await world.payment(), 3_000)
    for _ in range(9):
        refund = await world.step(refund)
    assert (refund.state, refund.doubt_since) == (State.REQUESTED, None)
    assert await Finding.filter(connection_id=connection.id, kind="CONNECTION_REFUSED").count() == 1
