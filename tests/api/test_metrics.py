"""What Prometheus is told of the API: who may ask, what it hears, and that no label grows with what strangers send."""

import re
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from api.app import create
from domain.access.tokens import Role, create_token
from domain.models import Refund
from domain.platform import metrics
from domain.platform.database import execute, for_all, rows
from domain.pse.vocabulary import Succeeded
from domain.watching.standing import FAMILIES, STANDING, Census, unsealed
from tests.conftest import Database
from tests.kit.factories import a_payment, a_refund, a_shop, an_answer
from tests.kit.sealing import sealed
from tests.kit.world import quick_settings, served

_TOKEN = "metrics-token-of-the-test"
_BOUNDED = re.compile(r"[A-Za-z_/{}:. <>=0-9+-]{0,64}")
_AN_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}|[0-9a-f]{32}")


def _found(samples: list[Sample], name: str, **labels: str) -> float:
    return sum(one.value for one in samples if one.name == name and labels.items() <= one.labels.items())


async def _told(http: httpx.AsyncClient, url: str) -> list[Sample]:
    answer = await http.get(f"{url}/metrics", headers={"Authorization": f"Bearer {_TOKEN}"})
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, "text/plain")
    return [one for family in text_string_to_metric_families(answer.text) for one in family.samples]


async def test_whoever_has_the_token_hears_how_all_stands_and_nothing_grows_with_what_strangers_send(
    own_database: Database, redis_url: str, tmp_path: Path
) -> None:
    more = {"database_url": own_database.application_url, "redis_url": redis_url, "files": str(tmp_path)}
    settings = quick_settings(**more, metrics_token=_TOKEN)
    async with served(create(settings)) as url, httpx.AsyncClient(timeout=20) as http:
        for given in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {_TOKEN}"}):
            assert (await http.get(f"{url}/metrics", headers=given)).status_code == 401
        before = await _told(http, url)
        shop = await a_shop()
        due, done = [await a_refund(shop, await a_payment(shop), 1_000) for _ in range(2)]
        await an_answer(done, Succeeded("D1"))
        await Refund.filter(id=due.id).update(due_at=due.created_at)
        token = await create_token(shop.id, Role.ADMINISTRATOR, "tester", timedelta(hours=1))
        ask = {"Authorization": f"Bearer {token}"}
        for query in ("{ __typename }", "{ nothing }"):
            await http.post(f"{url}/graphql", json={"query": query}, headers=ask)
        for _ in range(3):
            await http.get(f"{url}/{uuid4()}")
            await http.post(f"{url}/webhooks/{uuid4()}/{uuid4().hex}", content=b"{}")
            await http.request("REPORT", f"{url}/healthz/{uuid4()}")
        samples = await _told(http, url)
    routes = {one.labels["route"] for one in samples if one.name == "estorno_http_requests_total"}
    assert {"/graphql", "/metrics", "unrouted"} <= routes
    assert _found(samples, "estorno_http_requests_total", status="4xx") > _found(
        before, "estorno_http_requests_total", status="4xx"
    )
    assert _found(samples, "estorno_http_request_duration_seconds_count", route="/graphql") >= 2
    for outcome in ("answered", "errors"):
        one = "estorno_graphql_operations_total"
        assert _found(samples, one, outcome=outcome) == _found(before, one, outcome=outcome) + 1
    one = "estorno_refund_time_to_success_seconds_count"
    assert _found(samples, one) == _found(before, one) + 1
    one = "estorno_refund_moves_total"
    assert (
        _found(samples, one, state="SUCCEEDED", door="ANSWER")
        == _found(before, one, state="SUCCEEDED", door="ANSWER") + 1
    )
    assert _found(before, "estorno_standing_up") == 1
    told = [*(label for sample in samples for label in sample.labels.values())]
    assert [label for label in told if not _BOUNDED.fullmatch(label) or _AN_ID.search(label)] == []
    assert not [one.name for one in samples if one.name.endswith("_created")]


async def test_how_all_stands_is_asked_once_in_a_while_and_a_database_that_is_away_is_said(
    own_database: Database, redis_url: str, tmp_path: Path
) -> None:
    asked = 0

    async def read() -> list[dict[str, object]]:
        nonlocal asked
        asked += 1
        if asked == 2:
            raise ConnectionError
        with for_all("the test's own look"):
            return await rows(STANDING)

    more = {"database_url": own_database.application_url, "redis_url": redis_url, "files": str(tmp_path)}
    async with served(create(quick_settings(**more))) as url, httpx.AsyncClient() as http:
        assert (await http.get(f"{url}/metrics")).status_code == 404, "Without a token in the settings there is none."
        shop = await a_shop()
        refund = await a_refund(shop, await a_payment(shop), 1_000)
        await execute("UPDATE refunds SET due_at = now() - interval '1 hour' WHERE id = $1", refund.id)
        stands = Census(read)
        for _ in range(3):
            await stands.refresh()
        assert asked == 1
        samples = [one for family in stands.collect() for one in family.samples]
        assert _found(samples, "estorno_refunds_open", state="REQUESTED", pse="pix") == 1
        assert _found(samples, "estorno_queue_due", kind="refund") == 1
        oldest = _found(samples, "estorno_queue_oldest_due_timestamp_seconds", kind="refund")
        assert abs(refund.created_at.timestamp() - 3600 - oldest) < 600
        assert _found(samples, "estorno_unsealed_entries", kind="event") >= 1
        assert _found(samples, "estorno_connections", pse="pix", health="up") == 1
        assert {one.name for one in samples} - {"estorno_standing_up"} <= set(FAMILIES)
        stands = Census(read, kept_seconds=0)
        await stands.refresh()
        (alone,) = [one for family in stands.collect() for one in family.samples]
        assert (alone.name, alone.value) == ("estorno_standing_up", 0)


async def test_however_far_behind_the_seals_are_their_age_is_never_told_as_less(books: Database) -> None:
    shop = await a_shop()
    await a_refund(shop, await a_payment(shop), 1_000)
    await sealed(shop)
    for _ in range(3):
        await a_refund(shop, await a_payment(shop), 1_000)
    with for_all("the test's own look"):
        (newest,) = await rows("SELECT max(e.occurred_at) AS at FROM events e JOIN event_seals s ON s.event_id = e.id")
        told = {
            limit: await rows(f"SELECT * FROM ({unsealed('event', 'events', limit)}) t(a, b, c, v)")  # noqa: S608
            for limit in (1, 1_000)
        }
    assert [told[1][0]["v"], told[1_000][0]["v"] >= 3] == [1, True]
    assert abs(told[1][1]["v"] - newest["at"].timestamp()) < 0.001
    assert told[1][1]["v"] < told[1_000][1]["v"]


def test_names_follow_the_convention() -> None:
    families = [*metrics.REGISTRY.collect(), *Census().describe()]
    for family in families:
        assert re.fullmatch(r"estorno_[a-z_]+", family.name), family.name
        assert family.documentation.endswith((".", ")."))
        assert not family.name.endswith("_total"), "The library puts that behind counters."
        if family.type == "histogram":
            assert family.name.endswith("_seconds")
