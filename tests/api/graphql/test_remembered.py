"""A token is looked up once and remembered for seconds; a revocation is heard at once."""

import asyncio
from datetime import timedelta

import pytest

from api.graphql.access.remembered import Remembered
from api.graphql.transport.follow import Waker
from domain.access.tokens import Role, create_token, revoke
from domain.models import Token
from domain.platform import bell
from tests.conftest import Servers
from tests.kit.factories import a_shop
from tests.kit.family import until

pytestmark = pytest.mark.usefixtures("books")
HOUR = timedelta(hours=1)


async def _revoked_in_the_table(authenticate: Remembered, token: str) -> None:
    principal = await authenticate(token)
    assert principal is not None
    await Token.filter(id=principal.token_id).update(revoked_at=principal.expires_at)


async def test_a_token_is_remembered_for_so_many_seconds_and_not_for_longer() -> None:
    token = await create_token((await a_shop()).id, Role.SUPPORT, "ana", HOUR)
    lasting, forgetful = (Remembered(Waker("redis://127.0.0.1:1"), seconds) for seconds in (60.0, 0.0))
    await _revoked_in_the_table(lasting, token)
    assert await lasting(token) is not None
    assert await forgetful(token) is None


async def test_what_is_nobodys_is_not_remembered_and_what_has_expired_is_nobodys() -> None:
    shop = await a_shop()
    authenticate = Remembered(Waker("redis://127.0.0.1:1"), 60.0)
    assert [await authenticate(wrong) for wrong in (None, "", "est_x")] == [None] * 3
    short = await create_token(shop.id, Role.SUPPORT, "ana", timedelta(seconds=1.5))
    assert await authenticate(short) is not None
    await asyncio.sleep(1.6)
    assert await authenticate(short) is None


async def test_a_revocation_is_heard_by_who_remembers(servers: Servers) -> None:
    token = await create_token((await a_shop()).id, Role.SUPPORT, "ana", HOUR)
    await bell.connect(servers.redis_url)
    async with Waker(servers.redis_url) as waker:
        authenticate = Remembered(waker, 3600.0)
        principal = await authenticate(token)
        assert principal is not None
        assert await revoke(principal.token_id)

        async def is_nobodys() -> bool:
            return await authenticate(token) is None

        await until(is_nobodys, "the revocation is heard")
    await bell.close()
