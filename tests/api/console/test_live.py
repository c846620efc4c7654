"""What lives: events of one refund as they happen, resumed behind the last one, and over with the session."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import httpx
from structlog.testing import capture_logs

from domain.access.permissions import Role
from domain.models import Person, Session
from domain.reconciliation import confirming, handed_in
from domain.reconciliation.handed_in import Became
from domain.refunds import withdraw
from tests.api.console.conftest import Browser, a_browser
from tests.conftest import Database
from tests.kit.console import seed_nights
from tests.kit.console.world import Seeded, global_id
from tests.kit.factories import CAUSE, a_key, a_payment, a_person, a_refund
from tests.kit.family import until

_WAITING = "SELECT 1 FROM pg_locks WHERE NOT granted"


async def _is_nothing(found: Awaitable[object]) -> bool:
    return await found is None


@asynccontextmanager
async def _stream(browser: Browser, path: str, **headers: str) -> AsyncIterator[httpx.Response]:
    async with browser.http.stream("GET", f"/console{path}", headers=headers, timeout=15) as stream:
        yield stream


async def _events(stream: httpx.Response) -> AsyncIterator[tuple[str, str]]:
    """The id and the data of each event, and ("", "") of the one that says that nothing more comes."""
    found: dict[str, list[str]] = {}
    async for line in stream.aiter_lines():
        if line:
            name, _, value = line.partition(": ")
            found.setdefault(name.rstrip(":"), []).append(value)
        elif "data" in found:
            yield found.get("id", [""])[0], "\n".join(found["data"])
            found = {}


async def test_an_event_is_a_fragment_of_the_page_and_is_resumed_behind(browser: Browser) -> None:
    refund = await a_refund(browser.shop, await a_payment(browser.shop), 1_000)
    path = f"/refunds/{global_id('Refund', refund.id)}/live"
    async with _stream(browser, path) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        events = _events(stream)
        first, text = await anext(events)
        assert 'id="headline"' in text
        assert 'id="outdated"' in text, "what could be done before may be over"
        assert "Requested" in text
        await withdraw.cancel(browser.shop.id, refund.id, None, a_key(), CAUSE)
        second, text = await anext(events)
        assert "Canceled" in text
        assert [one async for one in events] == [("", "")]
    async with _stream(browser, path, **{"last-event-id": first}) as stream:
        assert [one[0] async for one in _events(stream)] == [second, ""]


async def test_who_leaves_while_the_page_is_read_again_is_no_failure(browser: Browser, own_database: Database) -> None:
    refund = await a_refund(browser.shop, await a_payment(browser.shop), 1_000)
    holder = await asyncpg.connect(own_database.owner_url)
    try:
        with capture_logs() as told:
            async with _stream(browser, f"/refunds/{global_id('Refund', refund.id)}/live") as stream:
                events = _events(stream)
                await anext(events)
                await holder.execute("BEGIN; LOCK TABLE notice_refunds")  # of the page's document, and not of canceling
                await withdraw.cancel(browser.shop.id, refund.id, None, a_key(), CAUSE)
                await until(lambda: holder.fetchval(_WAITING), "the page is read again")
            await until(lambda: _is_nothing(holder.fetchval(_WAITING)), "it is read no more")
            await asyncio.sleep(0.2)  # a failure is said behind that
        assert [line for line in told if line["log_level"] == "error"] == []
    finally:
        await holder.close()


async def test_a_stream_ends_with_its_session_and_a_session_has_so_many(
    own_database: Database, redis_url: str, tmp_path: Path
) -> None:
    async with a_browser(own_database, redis_url, tmp_path, subscriptions_per_token=2) as browser:
        refund = await a_refund(browser.shop, await a_payment(browser.shop), 1_000)
        path = f"/refunds/{global_id('Refund', refund.id)}/live"
        async with _stream(browser, path) as one, _stream(browser, path) as two, _stream(browser, path) as three:
            assert [stream.status_code for stream in (one, two, three)] == [200, 200, 503]
            await Session.all().update(revoked_at=datetime.now(UTC))
            async with asyncio.timeout(10):
                assert [len([line async for line in _events(stream)]) for stream in (one, two)] == [1, 1]
        assert (await browser.http.get(f"/console{path}")).status_code == 303


async def test_an_open_page_is_nobody_and_its_stream_ends_when_the_session_is_idle(
    own_database: Database, redis_url: str, tmp_path: Path
) -> None:
    async with a_browser(own_database, redis_url, tmp_path, session_idle_seconds=600) as browser:
        refund = await a_refund(browser.shop, await a_payment(browser.shop), 1_000)
        left = datetime.now(UTC) - timedelta(seconds=300)
        await Session.all().update(last_seen_at=left)
        async with _stream(browser, f"/refunds/{global_id('Refund', refund.id)}/live") as stream:
            events = _events(stream)
            await anext(events)
            assert (await Session.get()).last_seen_at == left  # a browser comes back by itself too
            left = datetime.now(UTC) - timedelta(seconds=597)  # the page looks every two seconds
            await Session.all().update(last_seen_at=left)
            async with asyncio.timeout(15):
                assert [one async for one in events] == []
        assert (await Session.get()).last_seen_at == left


async def test_a_report_that_was_handed_in_moves_by_itself_until_it_was_judged(browser: Browser) -> None:
    ana = await Person.get(merchant_id=browser.shop.id)
    row = await seed_nights.handed_in(Seeded(browser.shop, browser.app.state.settings, ana, ana), 0)
    other = a_person(browser.shop, "Bia", Role.ADMINISTRATOR)
    await confirming.confirm(other, row.id, row.sha256, CAUSE)
    async with _stream(browser, f"/nights/handed/{row.id}/live") as stream:
        events = _events(stream)
        _, text = await anext(events)
        assert ('id="handed"' in text, "Being entered" in text) == (True, True)
        await handed_in.done(row, Became.REFUSED, "It is none of ours.")
        _, text = await anext(events)
        assert ("Refused" in text, "Show how far it is" in text) == (True, False)
        assert [one async for one in events] == [("", "")]
