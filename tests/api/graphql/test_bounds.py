"""What one operation may do: as much as was counted, within a deadline, while somebody waits, and in its turn."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from graphql import GraphQLObjectType, get_named_type, is_leaf_type, is_list_type, is_non_null_type

from api.app import create
from api.graphql.schema import SIZES, make
from domain.access.tokens import Role, create_token
from domain.models import Payment, Refund
from domain.platform import database
from domain.platform.database import Patience, rows
from tests.api.conftest import Asker, Enter, global_id
from tests.api.graphql.test_refunds import CREATE, wanted
from tests.conftest import Database
from tests.kit.factories import a_payment, a_refund, a_shop
from tests.kit.family import until
from tests.kit.world import quick_settings, served

Serve = Callable[..., Any]


@pytest.fixture
def serve(own_database: Database, redis_url: str) -> Serve:
    """Serves the API with settings of the test's own, and gives a maker of askers."""

    @asynccontextmanager
    async def serving(**settings: Any) -> AsyncIterator[Callable[[], Awaitable[Asker]]]:
        chosen = quick_settings(database_url=own_database.application_url, redis_url=redis_url, **settings)
        limits = httpx.Limits(max_connections=500)
        async with served(create(chosen)) as url, httpx.AsyncClient(timeout=30, limits=limits) as http:

            async def make_asker() -> Asker:
                shop = await a_shop()
                token = await create_token(shop.id, Role.ADMINISTRATOR, "tester", timedelta(hours=1))
                return Asker(http, url, token, shop)

            yield make_asker

    return serving


@asynccontextmanager
async def _held(owner_url: str, payment: Payment) -> AsyncIterator[None]:
    """Somebody else holds the payment's row for as long as the block lasts."""
    owner = await asyncpg.connect(owner_url)
    try:
        async with owner.transaction():
            await owner.execute("SELECT 1 FROM payments WHERE id = $1 FOR UPDATE", payment.id)
            yield
    finally:
        await owner.close()


def _refund(asker: Asker, payment: Payment, **more: Any) -> "asyncio.Task[httpx.Response]":
    body = {"query": CREATE, "variables": {"input": wanted(global_id(payment), "1", **more)}}
    return asyncio.ensure_future(asker.post(body))


async def _waiting_for_locks(owner: asyncpg.Connection) -> int:
    """Of the test's own database: how many of its connections wait for a lock."""
    found: int = await owner.fetchval(
        "SELECT count(DISTINCT l.pid) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid "
        "WHERE NOT l.granted AND a.datname = current_database()"
    )
    return found


async def _wait(owner: asyncpg.Connection, count: int) -> bool:
    return await _waiting_for_locks(owner) == count


def _codes(answer: httpx.Response) -> list[str]:
    return [error["extensions"]["code"] for error in answer.json().get("errors", [])]


def _deep(levels: int, arguments: str) -> str:
    inner = "{ id }"
    for _ in range(levels):
        inner = f"{{ refunds{arguments} {{ payment {inner} }} }}"
    return f"query Q($id: ID!) {{ payment(id: $id) {inner} }}"


async def test_lists_in_lists_are_counted_for_what_they_may_hold(enter: Enter) -> None:
    asker = await enter()
    payment = await a_payment(asker.shop)
    for _ in range(3):
        await a_refund(asker.shop, payment, 100)
    refused = await asker.told(_deep(2, ""), id=global_id(payment))
    assert "objects" in refused["errors"][0]["message"]
    told = await asker.ask(_deep(2, "(first: 2)"), id=global_id(payment))
    assert [len(refund["payment"]["refunds"]) for refund in told["refunds"]] == [2, 2]
    assert "first" in (await asker.told(_deep(1, "(first: 101)"), id=global_id(payment)))["errors"][0]["message"]


def test_every_list_takes_first_or_is_known_to_be_short() -> None:
    unbounded = set()
    for kind in make()._schema.type_map.values():
        if not isinstance(kind, GraphQLObjectType) or kind.name.startswith("__"):
            continue
        for name, field in kind.fields.items():
            plain = field.type.of_type if is_non_null_type(field.type) else field.type
            if not is_list_type(plain) or is_leaf_type(get_named_type(plain)):
                continue
            if "first" not in field.args and name not in SIZES and name not in ("edges", "nodes"):
                unbounded.add(f"{kind.name}.{name}")
    # A table of the product's own; and what `search(first:)` bounds, counted as a hundred each.
    assert unbounded == {"Query.pseCapabilities", "SearchResult.payments", "SearchResult.refunds"}


async def test_a_storm_on_one_payment_leaves_others_their_answers(serve: Serve, own_database: Database) -> None:
    async with serve(lock_seconds=30.0, operation_seconds=60.0) as make_asker:
        stormy, calm = await make_asker(), await make_asker()
        payment = await a_payment(stormy.shop, amount=1_000_000)
        async with _held(own_database.owner_url, payment):
            storm = [_refund(stormy, payment) for _ in range(60)]
            owner = await asyncpg.connect(own_database.owner_url)
            await until(lambda: _wait(owner, 5), "the storm waits for the row")
            async with asyncio.timeout(20):  # for ever, where the storm has taken every connection
                answers = await asyncio.gather(*(calm.ask("{ viewer { merchant { name } } }") for _ in range(10)))
            assert len(answers) == 10
            assert not any(task.done() for task in storm)
            assert await _wait(owner, 5)
            await owner.close()
        done = await asyncio.gather(*storm)
        assert {answer.status_code for answer in done} == {200}
        assert await Refund.filter(payment_id=payment.id).count() == 60


async def test_a_row_that_others_hold_is_waited_for_briefly(serve: Serve, own_database: Database) -> None:
    async with serve(lock_seconds=0.2) as make_asker:
        asker = await make_asker()
        payment = await a_payment(asker.shop)
        async with _held(own_database.owner_url, payment):
            answer = await _refund(asker, payment)
        assert (answer.status_code, _codes(answer), answer.headers["retry-after"]) == (503, ["UNAVAILABLE"], "2")
        assert await Refund.all().count() == 0


async def test_an_operation_ends_at_its_deadline_and_is_done_once(serve: Serve, own_database: Database) -> None:
    async with serve(lock_seconds=30.0, operation_seconds=0.4) as make_asker:
        asker = await make_asker()
        payment = await a_payment(asker.shop)
        key = "the-key-of-this-very-click"
        async with _held(own_database.owner_url, payment):
            answer = await _refund(asker, payment, idempotencyKey=key)
            assert (answer.status_code, _codes(answer)) == (503, ["DEADLINE_EXCEEDED"])
            assert "data" not in answer.json()
        again = await _refund(asker, payment, idempotencyKey=key)
        assert again.json()["data"]["refundCreate"]["errors"] == []
        assert await Refund.all().count() == 1


async def test_what_nobody_waits_for_any_more_is_stopped(serve: Serve, own_database: Database) -> None:
    async with serve(lock_seconds=60.0, operation_seconds=60.0) as make_asker:
        asker = await make_asker()
        payment = await a_payment(asker.shop)
        owner = await asyncpg.connect(own_database.owner_url)
        async with _held(own_database.owner_url, payment):
            asked = _refund(asker, payment)
            await until(lambda: _wait(owner, 1), "it waits for the row")
            asked.cancel()  # httpx closes the connection
            await until(lambda: _wait(owner, 0), "it was stopped", seconds=20)
        await owner.close()
        assert await Refund.all().count() == 0


async def test_every_connection_of_a_pool_has_its_patience(own_database: Database) -> None:
    await database.open_pool(own_database.application_url, pool_max=1, patience=Patience(10.0, 2.0, 60.0))
    try:
        names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
        told = [(await rows("SELECT current_setting($1) AS set", name))[0]["set"] for name in names]
    finally:
        await database.close_pool()
    assert told == ["10s", "2s", "1min"]


async def test_one_request_has_one_refund_asked_about(enter: Enter) -> None:
    asker = await enter()
    refund = await a_refund(asker.shop, await a_payment(asker.shop))
    fields = " ".join(f"a{n}: refundRefresh(input: $input) {{ requestId }}" for n in range(2))
    told = await asker.told(
        f"mutation M($input: RefundRefreshInput!) {{ {fields} }}", input={"refundId": global_id(refund)}
    )
    assert "moves money once" in told["errors"][0]["message"]


async def test_who_asks_too_often_is_told_when_to_come_back(enter: Enter) -> None:
    asker = await enter(Role.SUPPORT)
    refund = await a_refund(asker.shop, await a_payment(asker.shop))
    query = """mutation M($input: RefundRefreshInput!) { refundRefresh(input: $input) { refund { id }
      errors { ... on Error { code } ... on RateLimitedError { retryAfter } } } }"""
    told = [await asker.ask(query, input={"refundId": global_id(refund)}) for _ in range(4)]
    assert [bool(one["refund"]) for one in told] == [True, True, True, False]
    (error,) = told[-1]["errors"]
    assert error["code"] == "RATE_LIMITED"
    assert error["retryAfter"] >= 1


BALANCES = """{ ledgerBalances { account debits { minorUnits display } credits { minorUnits } balance } }"""


async def test_a_balance_of_any_length_is_written_out(enter: Enter, own_database: Database) -> None:
    asker = await enter()
    payment = await a_payment(asker.shop)
    owner = await asyncpg.connect(own_database.owner_url)
    for number in range(2):  # what an older version took from a client
        await owner.execute(
            "INSERT INTO ledger_entries (merchant_id, store_id, connection_id, payment_id, entry, debit, credit, "
            "amount, currency, accounting_date, cause, leg, request_id, booked_at) VALUES ($1, $2, $3, $4, 'CAPTURE', "
            "'PSE_CLEARING', 'SALES', $5, 'BRL', now(), $6, 1, 'r', now())",
            asker.shop.id, asker.shop.store.id, asker.shop.connection.id, payment.id, 2**63 - 1, f"old {number}",
        )  # fmt: skip
    await owner.close()
    told = {row["account"]: row for row in await asker.ask(BALANCES)}
    assert told["PSE_CLEARING"]["debits"]["minorUnits"] == str(2 * (2**63 - 1) + 10_000)
    assert told["PSE_CLEARING"]["debits"]["display"] == "BRL 184467440737095616.14"
    assert told["SALES"]["balance"] == str(-2 * (2**63 - 1) - 10_000)


WITHDRAW = """mutation M($input: PaymentWithdrawInput!) { paymentWithdraw(input: $input) {
  payment { withdrawnBy withdrawnAt withdrawalReason refundable { minorUnits } } replayed
  errors { ... on Error { code } } } }"""


async def test_a_payment_registered_in_error_is_taken_back(enter: Enter) -> None:
    asker = await enter(Role.ACCOUNTING)
    payment = await a_payment(asker.shop)
    given = {"paymentId": global_id(payment), "reason": "Not ours at all.", "idempotencyKey": "withdraw-this-one-once"}
    told = await asker.ask(WITHDRAW, input=given)
    assert told["errors"] == []
    assert (told["payment"]["withdrawnBy"], told["payment"]["refundable"]["minorUnits"]) == ("tester", "0")
    assert (await asker.ask(WITHDRAW, input=given))["replayed"]
    web = await enter(Role.FRONTEND, asker.shop)
    refused = await web.ask(WITHDRAW, input={**given, "idempotencyKey": "withdraw-this-one-again"})
    assert refused["errors"] == [{"code": "FORBIDDEN"}]
