"""Conekta's nights, its doubt without a key, and its webhooks, against its sandbox over real HTTP."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from domain import invariants
from domain.books import ledger
from domain.models import Call, Finding, LedgerEntry, Payment, Refund
from domain.models.ledger import Account
from domain.models.refunds import State
from jobs import reconciliation
from tests.conftest import Database
from tests.kit.factories import OwnerRows, a_refund
from tests.kit.held import books_hold_what_the_pse_holds
from tests.kit.world import World, a_world
from tests.sandbox.client import SandboxClient


@pytest.fixture
async def world(books: Database, sandbox: SandboxClient) -> AsyncIterator[World]:
    async with a_world(sandbox.at("conekta")) as made:
        yield made


async def _night(world: World) -> None:
    today = datetime.now(UTC).astimezone(ZoneInfo("America/Sao_Paulo")).date()
    run = await reconciliation.run(world.shop.connection.id, today, world.sender)
    assert (run.state, run.error) == ("COMPLETED", None)


async def test_a_night_registers_payments_and_proves_what_left_and_what_came_back(world: World) -> None:
    await world.sandbox.capture(5_000, method="OXXO", currency="MXN")
    gone, back = await world.payment(), await world.payment()
    for amount in (2_000, 2_000, 1_500):
        await world.finish(await a_refund(world.shop, gone, amount))
    returned = await world.finish(await a_refund(world.shop, back, 4_000))
    await world.sandbox.post("give-back", payment=back.pse_reference, refund=await world.name_of(back))
    await world.finish(returned, wait_for=State.RETURNED)
    await _night(world)
    assert await Payment.all().count() == 3
    balances = {row.account: row.balance for row in await ledger.balances(world.shop.id)}
    await books_hold_what_the_pse_holds(world)
    assert balances.get(Account.PSE_CLEARING, 0) == 0
    assert ([one.kind for one in await Finding.all()], await invariants.check()) == (["RETURNED"], [])
    entries = await LedgerEntry.all().count()
    await _night(world)
    assert await LedgerEntry.all().count() == entries
    assert ([one.kind for one in await Finding.all()], await invariants.check()) == (["RETURNED"], [])


async def test_more_orders_and_transactions_than_a_page_holds_are_all_read(world: World) -> None:
    wanted = [{"amount": 100 + number, "key": "sp@loja", "method": "CARD"} for number in range(601)]
    await world.sandbox.post("payments", payments=wanted)
    await _night(world)
    assert await Payment.all().count() == 601
    await books_hold_what_the_pse_holds(world)
    assert await Finding.all().count() == 0


async def test_a_lost_answer_is_found_in_the_order_before_anything_is_sent_again(world: World) -> None:
    payment = await world.payment("ok", "lost_answer")
    assert (await world.finish(await a_refund(world.shop, payment, 1_000))).state is State.SUCCEEDED
    assert (await world.finish(await a_refund(world.shop, payment, 1_000))).state is State.SUCCEEDED
    assert await world.sandbox.paid(payment.pse_reference) == 2_000
    assert await world.sandbox.refund_requests(payment.pse_reference) == 2
    names = [refund.pse_refund_reference for refund in await Refund.filter(payment_id=payment.id)]
    assert len(set(names)) == 2


async def test_a_lost_request_is_sent_again_only_after_the_order_was_compared(
    world: World, owner_rows: OwnerRows
) -> None:
    payment = await world.payment("lost_request")
    refund = await world.finish(await a_refund(world.shop, payment, 1_000), owner_rows)
    assert refund.state is State.SUCCEEDED
    assert await world.sandbox.paid(payment.pse_reference) == 1_000
    asked = (await world.sandbox.get("requests"))["requests"]
    kinds = [row["method"] for row in asked if row["payment"] == payment.pse_reference]
    assert kinds[0] == "GET"
    assert kinds.count("POST") == 2
    between = kinds[kinds.index("POST") + 1 : len(kinds) - kinds[::-1].index("POST") - 1]
    assert "GET" in between


async def _until_taken(world: World, payment: Payment, amount: int) -> None:
    """Wait for the webhook that tells of it; others may come before."""
    for _ in range(200):
        await world.apply_notices()
        await payment.refresh_from_db()
        if payment.taken_by_bank == amount:
            return
        await asyncio.sleep(0.03)
    raise AssertionError(f"{payment.taken_by_bank} was booked as taken, and not {amount}.")


async def test_a_refund_made_in_the_panel_is_booked_once_and_found(world: World) -> None:
    payment = await world.payment()
    answer = await world.sandbox.http.post(
        f"{world.sandbox.url}/conekta/orders/{payment.pse_reference}/refunds",
        json={"amount": 2_500, "reason": "other"},
        headers={"Authorization": "Bearer key_sandbox"},
    )
    answer.raise_for_status()
    await _until_taken(world, payment, 2_500)
    await _night(world)
    await payment.refresh_from_db()
    assert payment.taken_by_bank == 2_500
    assert await Finding.filter(kind="MISSING_IN_LEDGER").count() == 1
    assert await invariants.check() == []


async def test_no_secret_and_no_name_is_in_the_log_of_calls(world: World) -> None:
    payment = await world.payment()
    await world.finish(await a_refund(world.shop, payment, 4_000))
    await _night(world)
    calls = await Call.all()
    assert {call.purpose for call in calls} >= {"REFUND", "LOOK_UP", "REPORT"}
    for call in calls:
        assert "key_sandbox" not in f"{call.url} {call.headers} {call.body}"
