"""The page for developers: what is typed runs as the person, within all limits; and it can be off."""

import html
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from api.console.developers.examples import EXAMPLES
from domain.models import Refund
from domain.models.refunds import State
from tests.api.console.conftest import Browser, a_browser, sign_in
from tests.conftest import Database
from tests.kit.console.world import global_id
from tests.kit.factories import a_payment, a_refund, a_shop

_CANCEL = """mutation ($input: RefundCancelInput!) {
  refundCancel(input: $input) { refund { status } errors { ... on Error { code } } } }"""


@pytest.fixture
async def developer(own_database: Database, redis_url: str, tmp_path: Path) -> AsyncIterator[Browser]:
    async with a_browser(own_database, redis_url, tmp_path, introspection=True) as made:
        yield made


async def _run(browser: Browser, document: str, variables: object, status: int = 200) -> dict[str, object]:
    typed = variables if isinstance(variables, str) else json.dumps(variables)
    answer = await browser.send("/api", "run", {"document": document, "variables": typed})
    assert answer.status_code == status, answer.text
    if status != 200:
        return {}
    told: dict[str, object] = json.loads(html.unescape(answer.text.split('id="answer">', 1)[1].split("</pre>", 1)[0]))
    return told


async def test_examples_work_and_a_mutation_is_for_real_but_only_with_what_one_may(developer: Browser) -> None:
    for name, example in EXAMPLES.items():
        assert "errors" not in await _run(developer, example.document, example.variables), name
    refund = await a_refund(developer.shop, await a_payment(developer.shop), 1_000)
    given = {"input": {"refundId": global_id("Refund", refund.id), "idempotencyKey": "cancel-it-once-00001"}}
    theirs = await a_shop()
    foreign = await a_refund(theirs, await a_payment(theirs), 1_000)
    other = {"input": {"refundId": global_id("Refund", foreign.id), "idempotencyKey": "cancel-it-twice-0001"}}
    assert (await _run(developer, _CANCEL, other))["data"] == {
        "refundCancel": {"refund": None, "errors": [{"code": "NOT_FOUND"}]}
    }
    await sign_in(developer, "AUDITOR", "Bia", "bia@example.com")
    assert "FORBIDDEN" in json.dumps(await _run(developer, _CANCEL, given))
    assert (await Refund.get(id=refund.id)).state is State.REQUESTED
    await sign_in(developer, "ADMINISTRATOR", "Caio", "caio@example.com")
    assert (await _run(developer, _CANCEL, given))["data"] == {
        "refundCancel": {"refund": {"status": "CANCELED"}, "errors": []}
    }


async def test_limits_hold_subscriptions_do_not_run_and_what_is_wrong_is_said(developer: Browser) -> None:
    await _run(developer, "", {}, 422)
    for variables in ("[1]", "{", "[" * 50_000):
        await _run(developer, "{ viewer { holder } }", variables, 422)
    deep = "{ viewer { merchant { connections(first: 101) { id } } } }"
    for document in (
        "subscription { refundsChanged { __typename } }", "{", "{ nothing }", deep, "#" + "x" * 60_000,
        "{ " + " ".join(f"a{n}: viewer {{ holder }}" for n in range(500)) + " }",
    ):  # fmt: skip
        told = await _run(developer, document, {})
        assert told["errors"], document[:60]
    text = await developer.page("/api?find=refundsAwaiting")
    assert "refundsAwaitingMe" in text
    assert "longest waiting first" in text
    assert "destinationFingerprint" in await developer.page("/api?type=RefundApproveInput")
    assert "There is no such type" in await developer.page("/api?type=Nothing")
    assert "refundsSummary" in await developer.page("/api?page=refunds/list")


async def test_without_the_forms_token_nothing_runs(developer: Browser) -> None:
    refused = await developer.http.post("/console/api", data={"do": "run", "document": "{ viewer { holder } }"})
    assert (refused.status_code, 'id="answer"' in refused.text) == (403, False)


async def test_where_introspection_is_off_there_is_no_such_page(
    own_database: Database, redis_url: str, tmp_path: Path
) -> None:
    async with a_browser(own_database, redis_url, tmp_path, introspection=False) as browser:
        await browser.page("/api", 404)
        assert (await browser.http.post("/console/api", data={"do": "run"})).status_code == 404
        assert "/console/api" not in await browser.page("/refunds")
