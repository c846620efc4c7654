"""The wall on the way to the database: whoever a connection has asked for before, it asks for whom it is told now."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from api.http import SaidAnew
from domain.models import Merchant, Store
from domain.platform import database
from domain.platform.database import execute, for_all, for_merchant, for_nobody, rows, transaction, unsaid
from domain.platform.wall import AnotherMerchant, NoMerchant
from tests.conftest import Database
from tests.kit.factories import Shop, a_shop
from tests.kit.round_trips import counted
from tests.kit.world import served

_ROUNDS = 12


@pytest.fixture
async def two(own_database: Database) -> AsyncIterator[tuple[Shop, Shop]]:
    """Two shops whose requests share one connection."""
    async with database.connected(own_database.application_url, pool_max=1):
        yield await a_shop(), await a_shop(name="Outra")


async def _stores() -> set[UUID]:
    return {row["merchant_id"] for row in await rows("SELECT merchant_id FROM stores")}


async def test_a_statement_for_nobody_in_particular_is_a_bug_that_is_seen_at_once(two: tuple[Shop, Shop]) -> None:
    with unsaid():
        for ask in (rows("SELECT 1 AS one"), execute("UPDATE stores SET name = name"), Store.all(), Merchant.exists()):
            with pytest.raises(NoMerchant):
                await ask
        with pytest.raises(NoMerchant):
            async with transaction():
                raise AssertionError("It cannot have begun.")
    with for_nobody():
        assert await _stores() == set()
    with for_all("the fixture"):
        assert await _stores() == {shop.id for shop in two}  # and the connection is as good as before


async def test_what_is_done_for_one_merchant_cannot_turn_to_another_one(two: tuple[Shop, Shop]) -> None:
    mine, theirs = two
    with for_merchant(mine.id):
        with pytest.raises(AnotherMerchant), for_merchant(theirs.id):
            raise AssertionError("It cannot have turned.")
        with for_merchant(mine.id):
            assert await _stores() == {mine.id}
        with for_all("a gate that says why"):
            assert await _stores() == {mine.id, theirs.id}
        assert await _stores() == {mine.id}


async def _fails() -> None:
    with contextlib.suppress(database.NoMerchant, Exception):
        await rows("SELECT 1 / 0 AS never")


async def _fails_inside() -> None:
    with contextlib.suppress(Exception):
        async with transaction():
            await rows("SELECT 1 / 0 AS never")


async def _goes_on_after_an_error(own: UUID) -> None:
    # What was told inside of a transaction is taken back with it, even where its end is called a commit.
    with contextlib.suppress(Exception):
        async with transaction():
            with for_all("the test looks around"):
                await _stores()
            with contextlib.suppress(Exception):
                await rows("SELECT 1 / 0 AS never")


async def _looks_around_and_goes_back(own: UUID) -> None:
    with contextlib.suppress(LookupError):
        async with transaction():
            with for_all("the test looks around"):
                assert len(await _stores()) == 2
            raise LookupError
    with contextlib.suppress(LookupError):
        async with transaction():
            async with transaction():
                with for_nobody():
                    assert await _stores() == set()
            with contextlib.suppress(LookupError):
                async with transaction():
                    with for_all("the test looks around"):
                        assert len(await _stores()) == 2
                    raise LookupError
            assert await _stores() == {own}
            raise LookupError


async def _is_given_up(turns: int) -> None:
    working = asyncio.create_task(_works_slowly())
    for _ in range(turns):
        await asyncio.sleep(0)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


async def _works_slowly() -> None:
    async with transaction():
        with for_all("the test looks around"):
            await rows("SELECT pg_sleep(0.01), count(*) AS n FROM stores")


async def _asks(shop: Shop) -> None:
    with for_merchant(shop.id):
        for turn in range(_ROUNDS):
            assert await _stores() == {shop.id}
            match turn % 6:
                case 0:
                    await _fails()
                case 1:
                    await _fails_inside()
                case 2:
                    await _goes_on_after_an_error(shop.id)
                case 3:
                    await _looks_around_and_goes_back(shop.id)
                case _:
                    await _is_given_up(turn)
            assert {row.merchant_id for row in await Store.all()} == {shop.id}
            async with transaction():
                assert await _stores() == {shop.id}
                changed = await execute("UPDATE stores SET name = name")
            assert changed == 1


async def test_requests_of_two_merchants_on_one_connection_never_see_each_others_rows(two: tuple[Shop, Shop]) -> None:
    await asyncio.wait_for(asyncio.gather(*(_asks(shop) for shop in (*two, *two))), 60)


@pytest.mark.parametrize("fails", [True, False])
async def test_what_a_transaction_was_told_and_takes_back_is_not_believed_after_it(
    two: tuple[Shop, Shop], fails: bool
) -> None:
    mine, _ = two
    with contextlib.suppress(LookupError), for_all("it begins for all, and is narrowed inside"):
        async with transaction():
            with for_merchant(mine.id):
                assert await _stores() == {mine.id}
                if fails:  # and goes on: its end is called a commit, and is none
                    with contextlib.suppress(Exception):
                        await rows("SELECT 1 / 0 AS never")
                else:
                    raise LookupError
    with for_merchant(mine.id):
        assert await _stores() == {mine.id}


async def test_a_savepoint_that_is_gone_back_to_takes_back_what_was_told(two: tuple[Shop, Shop]) -> None:
    mine, _ = two
    with for_all("it begins for all, and is narrowed inside"):
        async with transaction():
            assert len(await _stores()) == 2
            with contextlib.suppress(LookupError):
                async with transaction():
                    with for_merchant(mine.id):
                        assert await _stores() == {mine.id}
                    raise LookupError
            with for_merchant(mine.id):
                assert await _stores() == {mine.id}


async def test_a_merchant_that_asks_again_costs_no_round_trip_more(own_database: Database) -> None:
    async with counted(own_database.application_url) as counter, database.connected(counter.url, pool_max=2):
        shops = [await a_shop(), await a_shop(name="Outra")]

        async def both_at_once() -> None:
            async def ask(shop: Shop) -> None:
                with for_merchant(shop.id):
                    await rows("SELECT pg_sleep(0.02) IS NULL AS slow")

            await asyncio.gather(*(ask(shop) for shop in shops))

        for _ in range(3):  # each connection has been told, and knows the statement
            await both_at_once()
        before = counter.count
        for shop in (*shops, *reversed(shops), *shops):
            with for_merchant(shop.id):
                await rows("SELECT pg_sleep(0.02) IS NULL AS slow")
        assert counter.count - before == 6


async def test_a_connection_of_which_nothing_is_known_is_told_anew(two: tuple[Shop, Shop]) -> None:
    mine, theirs = two
    for turns in range(10):
        with for_merchant(theirs.id):
            assert await _stores() == {theirs.id}
        asking = asyncio.create_task(_for(mine))
        for _ in range(turns):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        with for_merchant(theirs.id):
            assert await _stores() == {theirs.id}


async def _for(shop: Shop) -> set[UUID]:
    with for_merchant(shop.id):
        return await _stores()


async def test_a_door_lets_nobody_in_in_the_name_of_whoever_opened_it(two: tuple[Shop, Shop]) -> None:
    async def forgetful(request: Request) -> JSONResponse:
        try:
            await rows("SELECT 1 AS one")
        except NoMerchant:
            return JSONResponse("seen", 500)
        return JSONResponse("served in another's name")

    app = Starlette(routes=[Route("/", forgetful)])
    async with served(SaidAnew(app)) as url, httpx.AsyncClient() as http:
        assert (await http.get(url)).json() == "seen"


async def test_who_has_the_role_and_no_merchant_sees_nothing(two: tuple[Shop, Shop], own_database: Database) -> None:
    bare = await asyncpg.connect(own_database.application_url)
    try:
        assert await bare.fetchval("SELECT count(*) FROM stores") == 0
        assert await bare.execute("UPDATE stores SET name = 'stolen'") == "UPDATE 0"
    finally:
        await bare.close()
