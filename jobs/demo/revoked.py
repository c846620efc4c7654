"""A token that is revoked on the demo day ends what it follows."""

import asyncio
from typing import Final
from uuid import uuid4

from domain.access.tokens import Role
from jobs.demo.client import Client
from jobs.demo.course import Day
from jobs.demo.opening import ERRORS, answer_of

_TOKEN: Final = (
    "mutation Token($input: TokenCreateInput!) { tokenCreate(input: $input) { secret token { id } " + ERRORS + " } }"
)
_REVOKE: Final = "mutation Revoke($input: TokenRevokeInput!) { tokenRevoke(input: $input) { " + ERRORS + " } }"
_UNAUTHORIZED: Final = 4401
_SETTLE_SECONDS: Final = 0.5
_TOLD_SECONDS_MAX: Final = 5.0


async def play(day: Day) -> None:
    """A program's token is revoked while it follows the merchant's refunds: it is told to go within seconds."""
    ana = day.client(Role.ADMIN)
    wanted = {"name": "web shop", "grants": [{"role": Role.REQUESTER.value}], "idempotencyKey": str(uuid4())}
    made = await answer_of(ana, _TOKEN, "tokenCreate", **wanted)
    addresses = day.stage.addresses
    shop = Client(day.http, addresses.graphql_url, addresses.websocket_url, made["secret"])
    following = asyncio.create_task(shop.until_closed())
    await asyncio.sleep(_SETTLE_SECONDS)
    before = not following.done()
    await answer_of(ana, _REVOKE, "tokenRevoke", tokenId=made["token"]["id"])
    try:
        async with asyncio.timeout(_TOLD_SECONDS_MAX):
            code = await following
    except TimeoutError:
        code = None
    day.expect(before and code == _UNAUTHORIZED, f"a token that is revoked ends its subscription within 5 s ({code})")
