"""A made-up year is one that could have happened: every invariant and the chain hold, and work goes on from there."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import httpx
import pytest

from api.app import create
from domain import invariants
from domain.access.tokens import Role, create_token
from domain.books import checkpoints
from domain.history import seals
from domain.models import Connection, Merchant, Payment, Refund, Store
from domain.models.refunds import State
from domain.platform.database import rows
from jobs.synth import fill, lives
from jobs.synth.fill import SynthError, WantedRefunds
from jobs.synth.text import COLUMNS
from tests.conftest import Database
from tests.kit.factories import KEY, Shop, a_payment, a_refund, a_shop
from tests.kit.world import quick_settings, served

REFUNDS = 200
_LOOK = """query Q($by: RefundBy!) { refund(by: $by) { status events { kind } ledgerEntries { kind } webhooks { body }
  calls { answer { status } } payment { storeCode } } }"""
_CATALOGUE = """
SELECT one FROM (
    SELECT conname || pg_get_constraintdef(oid) || convalidated AS one FROM pg_constraint
      WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT tgname || tgenabled::text FROM pg_trigger WHERE NOT tgisinternal) AS found"""


@pytest.fixture
async def owner(fresh_database: Database) -> AsyncIterator["asyncpg.Connection"]:
    connection = await asyncpg.connect(fresh_database.owner_url)
    yield connection
    await connection.close()


async def test_a_made_up_year_holds_every_invariant_and_work_goes_on_from_it(
    fresh_database: Database, redis_url: str, owner: "asyncpg.Connection"
) -> None:
    before = set(await owner.fetch(_CATALOGUE))
    heard: list[int] = []
    await fill.fill(fresh_database.owner_url, WantedRefunds(REFUNDS, 2, datetime.now(UTC)), KEY, heard.append)
    assert set(await owner.fetch(_CATALOGUE)) ^ before == set(), "Every guard stands again as it stood."
    assert heard[-1] == REFUNDS
    settings = quick_settings(database_url=fresh_database.application_url, redis_url=redis_url)
    async with served(create(settings)) as url:  # which opens the pool of this process
        assert await invariants.check() == []
        assert await seals.verify() == []
        for table in COLUMNS:
            assert await rows(f"SELECT 1 FROM {table} LIMIT 1"), table  # noqa: S608
        assert await Refund.all().count() == REFUNDS
        assert {row["state"] for row in await rows("SELECT DISTINCT state FROM refunds")} == set(State)
        assert await checkpoints.cut() > 0
        await _is_read(url)
        await _goes_on()
        assert await _sealed(4) == 4, "Only what is new is sealed: two requests, and that calls and webhooks were read."
        assert (await invariants.check(), await seals.verify()) == ([], [])


async def _is_read(url: str) -> None:
    """Support finds a refund by its key, with all that was written of it."""
    refund = await Refund.filter(state=State.RETURNED).first()
    assert refund is not None
    token = await create_token(refund.merchant_id, Role.ADMINISTRATOR, "tester", timedelta(hours=1))
    by = {"idempotencyKey": f"key-of-{refund.request_id}"}
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as http:
        answer = (await http.post(f"{url}/graphql", json={"query": _LOOK, "variables": {"by": by}})).json()
    found = answer["data"]["refund"]
    assert (found["status"], len(found["events"]), len(found["ledgerEntries"])) == ("RETURNED", 4, 6)
    assert (found["calls"][0]["answer"]["status"], len(found["webhooks"]), found["payment"]["storeCode"]) == (
        201,
        1,
        "sp",
    )


async def _goes_on() -> None:
    """A refund of a made-up payment, and one of a payment of today."""
    young = Payment.filter(captured_at__gt=datetime.now(UTC) - timedelta(days=60), refunded=0, reserved=0)
    payment = await young.order_by("id").first()
    assert payment is not None
    merchant, store = await Merchant.get(id=payment.merchant_id), await Store.get(id=payment.store_id)
    shop = Shop(merchant, store, await Connection.get(id=payment.connection_id))
    assert (await a_refund(shop, payment, 100)).state is State.REQUESTED
    await a_refund(shop, await a_payment(shop), 100)


async def _sealed(wanted: int) -> int:
    """How many are sealed once there are so many: none before older transactions of the server have ended."""
    made = 0
    for _ in range(200):
        made += await seals.seal()
        if made >= wanted:
            break
        await asyncio.sleep(0.05)
    return made + await seals.seal()


def test_the_same_seed_makes_the_same_year_and_another_one_another() -> None:
    until = datetime(2026, 1, 1, tzinfo=UTC)
    one, same, other = (list(lives.sales(50, 2, until, seed)) for seed in (1, 1, 2))
    assert one == same
    assert one != other
    assert sum(len(sale.refunds) for sale in one) == 50


@pytest.mark.usefixtures("books")
async def test_a_database_that_is_somebodys_is_not_filled(own_database: Database) -> None:
    wanted = WantedRefunds(12, 1, datetime.now(UTC))
    shop = await a_shop(base_url="https://pix.example.com/v2")
    await a_refund(shop, await a_payment(shop))
    with pytest.raises(SynthError, match="holds a merchant"):
        await fill.fill(own_database.owner_url, wanted, KEY)
    assert (await Refund.all().count(), await Merchant.all().count()) == (1, 1)


@pytest.mark.usefixtures("books")
async def test_nor_is_one_that_holds_a_merchant_and_nothing_else(own_database: Database) -> None:
    await a_shop(base_url="http://127.0.0.1:9/pix/v2")
    with pytest.raises(SynthError, match="holds a merchant"):
        await fill.fill(own_database.owner_url, WantedRefunds(12, 1, datetime.now(UTC)), KEY)
    assert await Merchant.all().count() == 1
