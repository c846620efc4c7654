"""What refuses a customer's request knows nothing of pages: a person is answered with one all the same."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from api.app import create
from api.customer.texts import TEXTS
from tests.conftest import Database
from tests.kit.world import quick_settings, served

PATH = "/refund-destination/some-token"


@asynccontextmanager
async def the_page(own_database: Database, redis_url: str, **more: Any) -> AsyncIterator[httpx.AsyncClient]:
    settings = quick_settings(database_url=own_database.application_url, redis_url=redis_url, **more)
    async with served(create(settings)) as url, httpx.AsyncClient(base_url=url, timeout=20) as http:
        yield http


def page(answer: httpx.Response, locale: str) -> str:
    """The text of a page in this language, with the headers of every page and the request's ID."""
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert (answer.headers["cache-control"], answer.headers["referrer-policy"]) == ("no-store", "no-referrer")
    assert answer.headers["x-request-id"]
    assert f'<html lang="{locale}">' in answer.text
    return answer.text


@pytest.mark.parametrize(
    ("asked", "locale"), [("pt-BR,en;q=0.5", "pt-BR"), ("es-MX", "es"), ("zh", "zh-CN"), ("fr", "en")]
)
async def test_who_asks_too_often_reads_so_in_their_language_with_the_seconds_to_wait(
    own_database: Database, redis_url: str, asked: str, locale: str
) -> None:
    async with the_page(own_database, redis_url, rate_per_link=1) as http:
        await http.get(PATH + asked)
        for method in ("GET", "POST"):
            answer = await http.request(method, PATH + asked, headers={"accept-language": asked})
            seconds = answer.headers["retry-after"]
            assert answer.status_code == 429
            assert 0 < int(seconds) <= 60
            assert TEXTS["often"][locale].format(seconds=seconds) in page(answer, locale)
        assert page(await http.get(f"{PATH}{asked}?lang=es"), "es")


async def test_when_too_much_comes_at_once_the_page_says_so(own_database: Database, redis_url: str) -> None:
    async with the_page(own_database, redis_url, requests_max=1) as http:
        arrived, go_on = asyncio.Event(), asyncio.Event()

        async def body() -> AsyncIterator[bytes]:
            yield b"{"
            arrived.set()
            await go_on.wait()

        slow = asyncio.create_task(http.post(PATH, content=body()))
        await arrived.wait()
        await asyncio.sleep(0.1)
        assert (await http.get(PATH)).status_code == 410  # the one that had its body at once
        go_on.set()
        answer = await slow
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "2"
    assert TEXTS["away"]["en"] in page(answer, "en")


async def test_other_refusals_are_pages_too(own_database: Database, redis_url: str) -> None:
    async with the_page(own_database, redis_url, body_limit_bytes=1024) as http:
        for method, path, body, status, text in (
            ("POST", PATH, b"x" * 2000, 413, "failed"),
            ("PUT", PATH, b"", 405, "failed"),
            ("GET", f"{PATH}/more", b"", 404, "closed"),
        ):
            answer = await http.request(method, path, content=body)
            assert answer.status_code == status
            assert TEXTS[text]["en"] in page(answer, "en")


async def test_elsewhere_a_refusal_stays_what_programs_read(own_database: Database, redis_url: str) -> None:
    async with the_page(own_database, redis_url, rate_per_address=1) as http:
        await http.get("/graphql")
        refused = await http.get("/graphql")
    assert refused.json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
