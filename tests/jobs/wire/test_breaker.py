"""A PSE in trouble is left alone: nothing is sent while the breaker is open, one probe decides, no refund is lost."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from domain.connections.calls import About
from domain.models import Attempt, Connection, Refund
from domain.models.refunds import State
from domain.platform.database import rows
from domain.pse.vocabulary import InDoubt, Unsent
from jobs import refunds
from jobs.wire import breaker
from jobs.wire.breaker import FAILURES_MAX, retry_after
from jobs.wire.sender import sender
from tests.kit.factories import KEY, Shop, a_refund
from tests.kit.family import until
from tests.kit.world import World, a_shop_at
from tests.sandbox.client import SandboxClient


async def _requests(sandbox: SandboxClient) -> int:
    return len((await sandbox.get("requests"))["requests"])


async def _ask(world: World, shop: Shop | None = None) -> httpx.Response | Unsent | InDoubt:
    """Ask about a refund that is not there: the PSE's 404 is an answer."""
    connection = (shop or world.shop).connection
    request = httpx.Request("GET", f"{connection.base_url}/pix/E1/devolucao/abc")
    return await world.sender.send(connection, request, About(connection.merchant_id, connection.id, "r", "LOOK_UP"))


async def _break(world: World) -> None:
    """Five failures in a row, each of another refund."""
    for _ in range(FAILURES_MAX):
        payment = await world.payment("unavailable")
        await world.step(await a_refund(world.shop, payment))


async def _in_a_task(work: Callable[[], Awaitable[object]]) -> object:
    return await asyncio.create_task(work())  # type: ignore[arg-type]


async def test_after_failures_in_a_row_nothing_is_sent_and_refunds_are_put_off_and_not_lost(world: World) -> None:
    await _break(world)
    came_in = await _requests(world.sandbox)
    refund = await a_refund(world.shop, await world.payment())
    await refunds.step(refund.id, world.sender, world.settings)
    assert await _requests(world.sandbox) == came_in
    assert not await Attempt.filter(refund_id=refund.id).exists()
    (row,) = await rows("SELECT state, due_at > now() AS later FROM refunds WHERE id = $1", refund.id)
    assert row == {"state": State.REQUESTED, "later": True}
    told = await _ask(world)
    assert isinstance(told, Unsent)
    assert told.code == "RESTING"
    assert await _requests(world.sandbox) == came_in


async def test_the_refunds_that_failed_wait_for_the_whole_rest(world: World) -> None:
    await _break(world)
    (row,) = await rows("SELECT max(due_at) > now() + interval '4 seconds' AS late FROM refunds")
    assert row["late"]


async def test_half_open_lets_one_probe_through_and_its_success_everything(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker, "REST_SECONDS", 0.3)
    await _break(world)
    await until(lambda: _told(world), "who looks at the connection sees that the PSE is left alone")
    waiting = [await a_refund(world.shop, await world.payment("slow", seconds=0.5)) for _ in range(6)]
    await asyncio.sleep(0.5)
    await asyncio.gather(*(refunds.step(refund.id, world.sender, world.settings) for refund in waiting))
    assert await Refund.filter(id__in=[refund.id for refund in waiting], state=State.SUCCEEDED).count() == 1
    assert await Attempt.filter(refund_id__in=[refund.id for refund in waiting]).count() == 1
    rest = await Refund.filter(id__in=[refund.id for refund in waiting], state=State.REQUESTED)
    await asyncio.gather(*(world.step(refund) for refund in rest))
    assert await Refund.filter(id__in=[refund.id for refund in waiting], state=State.SUCCEEDED).count() == 6
    await until(lambda: _told(world, working=True), "who looks at the connection sees that it works")


async def _told(world: World, *, working: bool = False) -> bool:
    row = await Connection.get(id=world.shop.connection.id)
    return (row.resting_until is None, row.failing_since is None) == (working, working)


async def test_a_probe_that_fails_opens_it_again_at_once_and_for_longer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker, "REST_SECONDS", 0.3)
    await _break(world)
    await asyncio.sleep(0.5)
    monkeypatch.setattr(breaker, "REST_SECONDS", 30.0)
    payment = await world.payment("unavailable")
    await _in_a_task(lambda: _step(world, payment.id))
    assert 30 < world.sender.rest(world.shop.connection.id) <= 60, "The next rest is longer, and not for ever."
    assert isinstance(await _ask(world), Unsent)


async def _step(world: World, payment_id: object) -> None:
    from domain.models import Payment

    await world.step(await a_refund(world.shop, await Payment.get(id=payment_id)))


async def test_a_probe_that_ends_without_a_word_blocks_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker, "REST_SECONDS", 0.3)
    await _break(world)
    await asyncio.sleep(0.5)

    async def only_look() -> float:
        return world.sender.wait(world.shop.connection.id)

    assert await _in_a_task(only_look) == 0
    assert isinstance(await _in_a_task(lambda: _ask(world)), httpx.Response)


async def test_what_was_sent_before_it_opened_does_not_close_it(world: World) -> None:
    patient = world.settings.with_(send_limit_seconds=10.0, job_timeout_seconds=12.0, lease_seconds=30.0)
    slow = await a_refund(world.shop, await world.payment("slow", seconds=3))
    async with sender(KEY, 10.0) as sending:
        world = replace(world, sender=sending, settings=patient)
        early = asyncio.create_task(refunds.step(slow.id, world.sender, world.settings))
        await until(lambda: _requests(world.sandbox), "the slow request arrives")
        await _break(world)
        assert not early.done()
        await early
        assert (await Refund.get(id=slow.id)).state is State.SUCCEEDED
        assert sending._lines[world.shop.connection.id].breaker.half_open


async def test_one_connections_breaker_does_not_touch_anothers(world: World) -> None:
    other = await a_shop_at(world.sandbox)
    await _break(world)
    assert isinstance(await _ask(world), Unsent)
    assert isinstance(await _ask(world, other), httpx.Response)


async def test_a_refusal_is_an_answer_and_not_a_failure(world: World) -> None:
    for _ in range(2 * FAILURES_MAX):
        answer = await _ask(world)
        assert isinstance(answer, httpx.Response)
        assert answer.status_code == 404


async def test_a_pse_that_names_a_time_is_left_alone_for_at_least_that_long(world: World) -> None:
    payment = await world.payment("rate_limited")
    refund = await world.step(await a_refund(world.shop, payment))
    assert refund.state is State.REQUESTED
    assert world.sender.rest(world.shop.connection.id) > 0
    (row,) = await rows(
        "SELECT r.due_at >= a.sent_at + interval '1 second' AS late "
        "FROM refunds r JOIN attempts a ON a.refund_id = r.id"
    )
    assert row["late"]
    assert await world.sandbox.refund_requests(payment.pse_reference) == 1
    await asyncio.sleep(1.1)
    assert (await world.step(refund)).state is State.SUCCEEDED


async def test_others_of_the_same_connection_wait_too_and_it_is_no_failure(world: World) -> None:
    await world.step(await a_refund(world.shop, await world.payment("rate_limited")))
    assert isinstance(await _ask(world), Unsent)
    await asyncio.sleep(1.1)
    for _ in range(FAILURES_MAX + 1):
        assert isinstance(await _ask(world), httpx.Response)


async def test_new_credentials_do_not_forget_that_the_pse_is_in_trouble(world: World) -> None:
    from domain.connections.connections import credentials_of, place_of
    from domain.platform import secrets

    await _break(world)
    connection = await Connection.get(id=world.shop.connection.id)
    told = {**(await credentials_of(connection, KEY)).secrets, "webhook_secret": "another"}
    connection.sealed_secrets = secrets.seal(KEY, told, place_of(connection.id))
    about = About(connection.merchant_id, connection.id, "r", "LOOK_UP")
    asked = httpx.Request("GET", f"{connection.base_url}/pix/E1/devolucao/abc")
    assert isinstance(await world.sender.send(connection, asked, about), Unsent)


def _answer(status: int, **headers: str) -> httpx.Response:
    return httpx.Response(status, headers={name.replace("_", "-"): value for name, value in headers.items()})


def test_retry_after_is_read_in_seconds_or_as_a_date_by_the_pses_own_clock() -> None:
    off = datetime.now(UTC) + timedelta(days=3)
    later = format_datetime(off + timedelta(seconds=90), usegmt=True)
    assert retry_after(_answer(429, retry_after="7")) == 7
    assert retry_after(_answer(503, retry_after="120")) == 120
    assert retry_after(_answer(429, retry_after=later, date=format_datetime(off, usegmt=True))) == 90
    assert retry_after(_answer(429)) == 0
    assert retry_after(_answer(200, retry_after="7")) == 0
    for nonsense in ("", "soon", "-5", "1.5", "Mon, 99 Foo"):
        assert retry_after(_answer(429, retry_after=nonsense)) == 0
    past = format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)
    assert retry_after(_answer(429, retry_after=past)) == 0
