"""Following what others follow: a revoked token ends, the others go on, and a stranger gains nothing by it."""

import asyncio
from typing import Any

import websockets

from domain.access import tokens
from domain.access.tokens import Role
from domain.models import Token
from domain.pse.vocabulary import Succeeded
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from tests.api.conftest import Enter, global_id
from tests.api.graphql.test_events import _next, _pending, _socket, _subscribe
from tests.kit.factories import CAUSE


async def _close_code(socket: Any) -> int | None:
    async with asyncio.timeout(10):
        while True:
            try:
                await socket.recv()
            except websockets.ConnectionClosed as closed:
                return closed.rcvd.code if closed.rcvd else None


async def test_a_revoked_token_ends_its_followers_and_leaves_the_others(enter: Enter) -> None:
    asker = await enter(Role.ADMINISTRATOR)
    refund = await _pending(asker)
    other = await enter(Role.ADMINISTRATOR, asker.shop, "somebody else")
    async with _socket(asker) as stays, _socket(other) as leaves:
        for socket in (stays, leaves):
            await _subscribe(socket, global_id(refund), "3")
            assert await _next(socket) == "caught up"
        await tokens.revoke((await Token.get(holder="somebody else")).id)
        assert await _close_code(leaves) == 4401
        await record(refund.id, Succeeded("D1"), Source(Door.NOTICE), CAUSE)
        assert await _next(stays) == (4, "SUCCEEDED", False)


async def test_a_stranger_is_refused_though_others_follow_the_refund(enter: Enter) -> None:
    mine, theirs = await enter(), await enter()
    refund = await _pending(theirs)
    async with _socket(theirs) as owner, _socket(mine) as stranger:
        await _subscribe(owner, global_id(refund), "3")
        assert await _next(owner) == "caught up"
        await _subscribe(stranger, global_id(refund), "3")
        assert await _next(stranger) == "NOT_FOUND"
