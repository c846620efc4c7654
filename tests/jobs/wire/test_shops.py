"""A shop that answers nothing is left alone for a while, so that it takes no places from its merchant's others."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from domain.commerce import credentials
from domain.commerce.calls import AboutShop
from domain.commerce.vocabulary import ShopKind
from domain.models import Shop
from domain.pse.vocabulary import InDoubt, Unsent
from jobs.wire.breaker import FAILURES_MAX
from jobs.wire.shops import ShopSender
from tests.kit.factories import KEY, a_shop
from tests.kit.shops import connected
from tests.sandbox.shops.erp import SECRET

pytestmark = pytest.mark.usefixtures("books")


class Dead:
    """It takes whoever comes and says nothing."""

    def __init__(self) -> None:
        self.came = 0
        self.url = ""

    async def serve(self) -> asyncio.Server:
        server = await asyncio.start_server(self._close, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return server

    async def _close(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.came += 1
        writer.close()


@pytest.fixture
async def dead() -> AsyncIterator[Dead]:
    made = Dead()
    async with await made.serve():
        yield made


async def _sent(sender: ShopSender, shop: Shop, purpose: str = "TELL") -> httpx.Response | Unsent | InDoubt:
    """As a job of its own sends it."""
    access = await credentials.access_of(shop, KEY)
    request = httpx.Request("POST", shop.options["callback_url"], json={})
    about = AboutShop(shop.merchant_id, shop.id, "r", purpose)
    return await asyncio.create_task(sender.send(shop, access, request, about))


async def test_a_shop_that_answers_nothing_is_left_alone_until_one_try_has_come_back(dead: Dead) -> None:
    values = {"webhook_secret": SECRET, "callback_url": dead.url}
    merchant, sender = await a_shop(), ShopSender()
    shop = await connected(merchant, ShopKind.GENERIC, values)
    other = await connected(merchant, ShopKind.GENERIC, values, "Another")
    for _ in range(FAILURES_MAX):
        assert isinstance(await _sent(sender, shop), InDoubt)
    last = await _sent(sender, shop)
    assert isinstance(last, Unsent), "What never left is no doubt."
    assert (dead.came, last.message) == (FAILURES_MAX, "Never sent: the shop could not be reached.")
    assert isinstance(await _sent(sender, other), InDoubt), "Another shop is another's affair."
    assert isinstance(await _sent(sender, shop, "CHECK"), InDoubt), "Whoever asks how it is gets an answer."
    sender._lines[shop.id].breaker.rests_until = 0.0
    tries = await asyncio.gather(*(_sent(sender, shop) for _ in range(4)))
    assert [isinstance(one, InDoubt) for one in tries].count(True) == 1, "One is tried, the others wait for it."
    await sender.close()
