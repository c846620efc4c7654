"""The places for requests: a merchant who has taken many gets no more while few are left for the others."""

import asyncio
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest

from api.app import create
from api.places import HeldPlace, Shares
from api.server import configuration
from domain.access.tokens import Role, create_token
from domain.platform import database
from domain.platform.settings import Settings
from jobs.machine.ports import free_port
from tests.conftest import Database
from tests.kit.factories import a_shop
from tests.kit.world import quick_settings, running

STORM = 300  # of each: together more than there are connections
WEBHOOK = "/webhooks/6fe972c4-7585-4462-9dd0-e76d96f55860"
ASKED = b'{"query": "{ viewer { holder } }"}'


def test_one_who_is_alone_takes_half_and_two_leave_a_third() -> None:
    shares = Shares(200)
    assert len(taken(shares, "a")) == 100
    both = Shares(200)
    held = [one for _ in range(200) for who in ("a", "b") if (one := both.take(who))]
    assert len(held) in (133, 134)


@pytest.mark.parametrize("seed", range(20))
def test_whoever_holds_nothing_is_let_in_whatever_two_others_do(seed: int) -> None:
    chance, shares = random.Random(seed), Shares(200)
    held: list[HeldPlace] = []
    for _ in range(3000):
        if held and chance.random() < chance.choice((0.1, 0.6)):
            held.pop(chance.randrange(len(held))).leave()
        elif one := shares.take(chance.choice("aaab" if chance.random() < 0.5 else "abbb")):
            held.append(one)
        assert len(held) <= 150
        third = shares.take("c")
        assert third
        third.leave()


def test_places_are_given_back() -> None:
    shares = Shares(10)
    for one in taken(shares, "a"):
        one.leave()
        one.leave()
    assert len(taken(shares, "b")) == 5


def taken(shares: Shares, who: str) -> list[HeldPlace]:
    held = []
    while one := shares.take(who):
        held.append(one)
    return held


async def a_token(name: str) -> str:
    return await create_token((await a_shop(name=name)).id, Role.SUPPORT, name, timedelta(hours=1))


@asynccontextmanager
async def half_sent(settings: Settings, head: str, count: int, *, addresses: int = 1) -> AsyncIterator[None]:
    """So many requests whose body does not come, of each address: each is worked on until its time is over."""
    request = f"{head}\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{{".encode()
    places = [(f"127.0.0.{1 + number}", 0) for number in range(addresses) for _ in range(count)]
    opened = [await asyncio.open_connection("127.0.0.1", settings.port, local_addr=place) for place in places]
    for _, writer in opened:
        writer.write(request)
    await asyncio.sleep(0.5)
    try:
        yield
    finally:
        for _, writer in opened:
            writer.transport.abort()


@asynccontextmanager
async def the_api(own_database: Database, redis_url: str, *names: str) -> AsyncIterator[tuple[Settings, list[str]]]:
    place = {"database_url": own_database.application_url, "redis_url": redis_url, "port": free_port()}
    settings = quick_settings(**place)
    async with database.connected(settings.database_url):
        tokens = [await a_token(name) for name in names]
    async with running(configuration(create(settings), settings)):
        yield settings, tokens


async def test_the_third_merchant_is_always_served_while_two_send_storms(
    own_database: Database, redis_url: str
) -> None:
    async with the_api(own_database, redis_url, "one", "two", "three") as (settings, (one, two, three)):
        heads = [f"POST /graphql HTTP/1.1\r\nAuthorization: Bearer {token}" for token in (one, two)]
        async with half_sent(settings, heads[0], STORM), half_sent(settings, heads[1], STORM):
            assert await asked(settings, three, 20) == {200}
            assert await asked(settings, one, 1) == {503}


async def test_bodies_that_do_not_come_to_a_webhook_leave_the_merchants_their_places(
    own_database: Database, redis_url: str
) -> None:
    head = f"POST {WEBHOOK} HTTP/1.1"
    async with the_api(own_database, redis_url, "one") as (settings, (token,)), half_sent(settings, head, STORM):
        assert await asked(settings, token, 20) == {200}


@pytest.mark.skipif(sys.platform != "linux", reason="Only Linux has all of 127.0.0.0/8.")
async def test_bodies_that_strangers_of_many_addresses_hold_back_shut_nobody_out(
    own_database: Database, redis_url: str
) -> None:
    head = f"POST {WEBHOOK} HTTP/1.1"
    async with (
        the_api(own_database, redis_url, "one") as (settings, (token,)),
        half_sent(settings, head, 30, addresses=12),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{settings.port}", timeout=20) as stranger,
    ):
        assert await asked(settings, token, 20) == {200}
        webhooks = [stranger.post(WEBHOOK, content=b"x" * size) for size in (0, 10, 3_000, 30_000) for _ in range(3)]
        assert {one.status_code for one in await asyncio.gather(*webhooks)} == {401}  # not authentic, but heard
        assert {(await stranger.get("/refund-destination/x")).status_code for _ in range(3)} == {410}


async def asked(settings: Settings, token: str, times: int) -> set[int]:
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
    limits = httpx.Limits(max_keepalive_connections=0)
    async with httpx.AsyncClient(timeout=20, limits=limits) as http:
        url = f"http://127.0.0.1:{settings.port}/graphql"
        return {(await http.post(url, content=ASKED, headers=headers)).status_code for _ in range(times)}
