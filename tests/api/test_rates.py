"""How often one may ask: by address, link and webhook path; together over all processes, and alone without Valkey."""

import asyncio
import time
from datetime import timedelta
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from api.app import create
from api.rates import Rates
from domain.access.tokens import Role, create_token
from tests.conftest import Database
from tests.kit.factories import a_shop
from tests.kit.world import quick_settings, served


def patient(redis_url: str, per_token: int) -> Rates:
    """What these tests tell of Valkey's count they tell on a busy machine too, where an answer takes its time."""
    return Rates(redis_url, {"token": per_token}, answer_seconds=30.0)


async def test_processes_count_together_in_valkey(redis_url: str) -> None:
    one, other = patient(redis_url, 4), patient(redis_url, 4)
    waits = [await rates.seconds_to_wait("token", "a") for rates in (one, other, one, other, one)]
    assert waits[:4] == [0, 0, 0, 0]
    assert 0 < waits[4] <= 15
    assert await one.seconds_to_wait("token", "b") == 0
    assert await one.seconds_to_wait("link", "a") == 0
    for rates in (one, other):
        await rates.close()


async def test_many_at_once_are_counted_one_by_one(redis_url: str) -> None:
    rates = patient(redis_url, 10)
    waits = await asyncio.gather(*(rates.seconds_to_wait("token", "a") for _ in range(30)))
    assert sum(wait == 0 for wait in waits) == 10
    await rates.close()


async def test_who_asks_often_is_counted_a_handful_at_a_time_and_gets_no_more_than_is_allowed(redis_url: str) -> None:
    often = 60_000  # a thousand a second, so a hundred at a time
    one, other = patient(redis_url, often), patient(redis_url, often)
    asked = 0
    for rates in (one, other):
        evaluate = rates._redis.eval  # type: ignore[union-attr]

        async def counted(*arguments: Any, evaluate: Any = evaluate) -> Any:
            nonlocal asked
            asked += 1
            return await evaluate(*arguments)

        rates._redis.eval = counted  # type: ignore[union-attr]
    for _ in range(300):
        assert await one.seconds_to_wait("token", "often") == await other.seconds_to_wait("token", "often") == 0
    assert asked <= 60  # six, were it not for a machine on which a handful grows old before it is used
    for rates in (one, other):
        await rates.close()


async def test_the_last_few_of_a_limit_are_given_too_and_not_one_more(redis_url: str) -> None:
    one = patient(redis_url, 3_000)
    waits = [await one.seconds_to_wait("token", "last few") for _ in range(3_100)]
    fresh = patient(redis_url, 3_000)
    waits += [await fresh.seconds_to_wait("token", "last few") for _ in range(200)]
    let_through = sum(wait == 0 for wait in waits)
    assert let_through >= 2_990, "What is allowed was refused."
    assert waits[-1] > 0
    for rates in (one, fresh):
        await rates.close()


@pytest.mark.parametrize("url", ["", "redis://127.0.0.1:1/0"])
async def test_without_valkey_a_process_counts_alone(url: str) -> None:
    rates = Rates(url, {"token": 2})
    waits = [await rates.seconds_to_wait("token", "a") for _ in range(3)]
    assert waits[:2] == [0, 0]
    assert 0 < waits[2] <= 30
    await rates.close()


async def test_that_a_process_counts_alone_is_said_once_by_all_who_wait() -> None:
    rates = Rates("redis://127.0.0.1:1/0", {"token": 100})
    with capture_logs() as logs:
        for _ in range(2):
            await asyncio.gather(*(rates.seconds_to_wait("token", "a") for _ in range(20)))
            rates._away_until = time.monotonic() - 1  # it is asked again
    assert [log["event"] for log in logs] == ["rates.alone"] * 2
    await rates.close()


@pytest.mark.parametrize("away_first", [False, True])
async def test_one_process_lets_no_more_through_while_valkey_comes_and_goes(redis_url: str, away_first: bool) -> None:
    rates, away = patient(redis_url, 4), time.monotonic() + 3600
    waits = []
    for turn in range(2):
        rates._away_until = away if (turn == 0) is away_first else 0.0
        waits += [await rates.seconds_to_wait("token", "comes and goes") for _ in range(4)]
    assert [wait > 0 for wait in waits] == [False] * 4 + [True] * 4
    await rates.close()


async def test_what_the_others_have_taken_is_not_counted_in_a_process_too(redis_url: str) -> None:
    one, other = patient(redis_url, 4), patient(redis_url, 4)
    for rates in (one, one, one, one, other, other):
        await rates.seconds_to_wait("token", "of others")
    assert other._own == {}
    for rates in (one, other):
        await rates.close()


async def test_what_a_process_remembers_is_bounded() -> None:
    rates = Rates("", {"address": 1})
    for number in range(10_500):
        await rates.seconds_to_wait("address", str(number))
    assert len(rates._own) <= 10_000


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("rate_per_address", "/graphql"),
        ("rate_per_link", "/refund-destination/some-token"),
        ("rate_per_webhook", "/webhooks/6fe972c4-7585-4462-9dd0-e76d96f55860/x"),
    ],
)
async def test_too_many_requests_are_429_with_retry_after_and_a_code(
    own_database: Database, redis_url: str, kind: str, path: str
) -> None:
    settings = quick_settings(database_url=own_database.application_url, redis_url=redis_url, **{kind: 2})
    async with served(create(settings)) as url, httpx.AsyncClient(timeout=20) as http:
        answers = [await http.post(url + path) for _ in range(3)]
        assert (await http.get(f"{url}/healthz")).status_code == 200
        other = await http.post(url + "/refund-destination/other")
    assert [answer.status_code == 429 for answer in answers] == [False, False, True]
    assert 0 < int(answers[2].headers["retry-after"]) <= 30
    if kind != "rate_per_link":  # that is a page, for people
        assert answers[2].json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
    assert (other.status_code == 429) is (kind == "rate_per_address")
    if kind == "rate_per_address":  # an answer of GraphQL, as the one by token
        told = answers[2].json()["extensions"]["rateLimit"]
        assert (told["limit"], told["remaining"], told["cost"], 0 < told["resetSeconds"] <= 60) == (2, 0, 1, True)
        assert "rateLimit" not in other.text


async def test_bodies_that_are_too_large_are_counted_too(own_database: Database, redis_url: str) -> None:
    place = {"database_url": own_database.application_url, "redis_url": redis_url, "body_limit_bytes": 1024}
    async with served(create(quick_settings(**place, rate_per_address=2))) as url, httpx.AsyncClient() as http:
        answers = [await http.post(f"{url}/nowhere", content=b"x" * 2000) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [413, 413, 429]


async def test_who_floods_a_webhook_path_that_is_not_theirs_shuts_nobody_out(
    own_database: Database, redis_url: str
) -> None:
    settings = quick_settings(database_url=own_database.application_url, redis_url=redis_url, rate_per_webhook=2)
    stranger = httpx.AsyncHTTPTransport(local_address="127.0.0.2")
    path = "/webhooks/6fe972c4-7585-4462-9dd0-e76d96f55861/"
    async with served(create(settings)) as url, httpx.AsyncClient() as pse, httpx.AsyncClient(transport=stranger) as it:
        answers = [await it.post(f"{url}{path}{number}") for number in range(3)]
        assert [answer.status_code for answer in answers] == [401, 401, 429]
        assert (await pse.post(f"{url}{path}x")).status_code == 401


async def test_an_answer_tells_what_is_left_of_the_tokens_rate_and_a_refusal_too(
    own_database: Database, redis_url: str
) -> None:
    settings = quick_settings(database_url=own_database.application_url, redis_url=redis_url, rate_per_token=3)
    async with served(create(settings)) as url, httpx.AsyncClient(timeout=20) as http:
        token = await create_token((await a_shop()).id, Role.SUPPORT, "ana", timedelta(hours=1))
        asked, who = {"query": "{ viewer { holder } }"}, {"authorization": f"Bearer {token}"}
        answers = [await http.post(f"{url}/graphql", json=asked, headers=who) for _ in range(4)]
    told = [answer.json()["extensions"]["rateLimit"] for answer in answers]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [one["remaining"] for one in told] == [2, 1, 0, 0]
    assert {(one["limit"], one["cost"]) for one in told} == {(3, 1)}
    assert [20 * number - 2 <= one["resetSeconds"] <= 20 * number for number, one in enumerate(told[:3], 1)] == [
        True
    ] * 3
    assert "retry-after" in answers[3].headers


async def test_what_is_left_counts_what_other_processes_took(redis_url: str) -> None:
    one, other = patient(redis_url, 10), patient(redis_url, 10)
    for _ in range(6):
        await one.seconds_to_wait("token", "left")
    await other.seconds_to_wait("token", "left")
    left = other.left("token", "left")
    assert left is not None
    assert left.remaining == 3
    assert other.left("address", "left") is None
    for rates in (one, other):
        await rates.close()


async def test_what_is_in_hand_is_left_too(redis_url: str) -> None:
    rates = patient(redis_url, 60_000)
    await rates.seconds_to_wait("token", "in hand")
    left = rates.left("token", "in hand")
    assert left is not None
    assert left.remaining >= 59_998
    await rates.close()


@pytest.mark.parametrize(
    ("kind", "method", "path"),
    [("rate_sign_in", "POST", "/sign-in/link/{}"), ("rate_customer_pages", "GET", "/refund-destination/{}")],
)
async def test_whoever_tries_many_links_from_one_address_is_stopped(
    own_database: Database, redis_url: str, kind: str, method: str, path: str
) -> None:
    settings = quick_settings(database_url=own_database.application_url, redis_url=redis_url, **{kind: 3})
    stranger = httpx.AsyncHTTPTransport(local_address="127.0.0.2")
    async with (
        served(create(settings)) as url,
        httpx.AsyncClient() as one,
        httpx.AsyncClient(transport=stranger) as other,
    ):
        answers = [await one.request(method, url + path.format(number)) for number in range(4)]
        assert (await other.request(method, url + path.format(0))).status_code != 429
    assert [answer.status_code == 429 for answer in answers] == [False, False, False, True]
    assert "retry-after" in answers[3].headers
