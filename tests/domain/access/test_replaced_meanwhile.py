"""A token is revoked while it is being replaced: one waits for the other, and what is written says which came first."""

import asyncio
from datetime import UTC, datetime

import pytest

from domain.access import service_tokens
from domain.access.grants import WantedRole
from domain.access.permissions import Role
from domain.models import Token
from domain.platform.database import rows, transaction
from domain.problems import InvalidInput
from tests.kit.factories import CAUSE, a_key, a_person, a_shop

pytestmark = pytest.mark.usefixtures("books")
_WAITING = (
    "SELECT 1 AS one FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
    "WHERE NOT l.granted AND a.datname = current_database()"
)


async def test_a_token_that_is_revoked_while_it_is_replaced_has_no_successor() -> None:
    shop = await a_shop()
    admin = a_person(shop, "boss", Role.ADMIN)
    made = await service_tokens.create(admin, "shop", [WantedRole("SUPPORT")], 1, a_key(), CAUSE)
    begun = asyncio.Event()

    async def rotate() -> service_tokens.MadeToken:
        await begun.wait()
        return await service_tokens.rotate(admin, made.row.id, 1, 1, a_key(), CAUSE)

    rotating = asyncio.create_task(rotate())  # before the transaction, which is this task's alone
    async with transaction():
        await Token.filter(id=made.row.id).update(revoked_at=datetime.now(UTC))
        begun.set()
        await _somebody_waits()
    with pytest.raises(InvalidInput, match="has ended"):
        await rotating
    assert await Token.filter(name="shop").count() == 1


async def _somebody_waits() -> None:
    while not await rows(_WAITING):  # noqa: ASYNC110 - the server tells nobody
        await asyncio.sleep(0.01)


async def test_a_revocation_that_waits_for_a_replacement_is_written_as_the_later_one() -> None:
    shop = await a_shop()
    admin = a_person(shop, "boss", Role.ADMIN)
    made = await service_tokens.create(admin, "shop", [WantedRole("SUPPORT")], 1, a_key(), CAUSE)
    begun = asyncio.Event()

    async def revoke() -> Token:
        await begun.wait()
        return await service_tokens.revoke(admin, made.row.id, CAUSE)

    revoking = asyncio.create_task(revoke())
    async with transaction():
        new = await service_tokens.rotate(admin, made.row.id, 1, 1, a_key(), CAUSE)
        begun.set()
        await _somebody_waits()
        successor = await service_tokens.rotate(admin, new.row.id, 1, 1, a_key(), CAUSE)
    revoked_at = (await revoking).revoked_at
    assert revoked_at is not None
    assert revoked_at > successor.row.created_at
