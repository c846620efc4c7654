"""A connection's preflight and certification over the public API, and what a refund of it says while it waits."""

import json

import pytest
from strawberry.relay import to_base64

from domain.access.tokens import Role
from domain.models import Connection, PreflightRun
from domain.onboarding import certification, preflight
from domain.pse.checking import CheckCode, Checked, CheckOutcome
from domain.refunds import put_off, refused
from tests.api.conftest import Asker, Enter, following, global_id
from tests.kit.factories import CAUSE, a_payment, a_refund

_PREFLIGHT = """mutation P($id: ID!) { connectionPreflight(input: {connectionId: $id}) {
  run { id outcome askedBy checks { code } } errors { ... on Error { code path } } } }"""
_RUNS = """query R($id: ID!) { preflightRuns(connectionId: $id, first: 5) {
  edges { node { outcome checks { code outcome saw whatToDo } } } pageInfo { hasNextPage } } }"""
_CERTIFY = """mutation C($input: ConnectionCertifyInput!) { connectionCertify(input: $input) {
  run { outcome total cases { name } report page } errors { ... on Error { code path message } } } }"""
_CERTIFIED = """query R($id: ID!) { certificationRuns(connectionId: $id, first: 5) { edges { node { id total } } } }"""
_FOLLOW = """subscription F($id: ID!) { onboardingRun(id: $id) { __typename
  ... on PreflightRun { outcome checks { code } } ... on CertificationRun { result: outcome cases { name } } } }"""
_WAITS = """query W($id: ID!) { refund(by: {id: $id}) { status waitsFor { code message since } } }"""
_LAST = """{ viewer { merchant { connections { lastPreflight { outcome checks { code } } lastCertification { outcome }
} } } }"""
_CONNECTIONS = "{ viewer { merchant { connections { name refusedSince refusedBecause } } } }"


async def test_an_administrator_has_a_connection_looked_at_and_support_reads_what_was_seen(enter: Enter) -> None:
    asker = await enter()
    connection = asker.shop.connection
    payload = await asker.ask(_PREFLIGHT, id=str(connection.id))
    assert (payload["errors"], payload["run"]["outcome"], payload["run"]["askedBy"]) == ([], None, "tester")
    again = await asker.ask(_PREFLIGHT, id=str(connection.id))
    assert again["run"]["id"] == payload["run"]["id"]  # it is under way
    failed = Checked(CheckCode.CREDENTIALS, CheckOutcome.FAILED, "answered 401", "Copy the key again.")
    await preflight.finish(await PreflightRun.get(connection_id=connection.id), connection, [failed])
    support = await enter(Role.SUPPORT, asker.shop)
    (edge,) = (await support.ask(_RUNS, id=str(connection.id)))["edges"]
    told = {"code": "CREDENTIALS", "outcome": "FAILED", "saw": "answered 401", "whatToDo": "Copy the key again."}
    assert edge["node"] == {"outcome": "FAILED", "checks": [told]}
    newest = {"lastPreflight": {"outcome": "FAILED", "checks": [{"code": "CREDENTIALS"}]}, "lastCertification": None}
    assert (await support.ask(_LAST))["merchant"]["connections"] == [newest]
    frontend = await enter(Role.FRONTEND, asker.shop)
    hidden = {"lastPreflight": None, "lastCertification": None}
    assert (await frontend.ask(_LAST))["merchant"]["connections"] == [hidden]


@pytest.mark.parametrize("document", [_PREFLIGHT, "certify"])
async def test_only_an_administrator_of_the_merchant_may_have_it_done(enter: Enter, document: str) -> None:
    owner, stranger = await enter(), await enter()
    support = await enter(Role.SUPPORT, owner.shop)
    connection = str(owner.shop.connection.id)
    variables = {"id": connection} if document == _PREFLIGHT else {"input": {"connectionId": connection}}
    query = _PREFLIGHT if document == _PREFLIGHT else _CERTIFY
    assert [one["code"] for one in (await support.ask(query, **variables))["errors"]] == ["FORBIDDEN"]
    assert [one["code"] for one in (await stranger.ask(query, **variables))["errors"]] == ["NOT_FOUND"]
    assert (await stranger.ask(_RUNS, id=connection))["edges"] == []
    assert (await stranger.ask(_CERTIFIED, id=connection))["edges"] == []


async def test_a_certification_is_asked_for_and_says_how_far_it_is(enter: Enter) -> None:
    asker = await enter()
    connection = str(asker.shop.connection.id)
    payments = {"connectionId": connection, "payments": ["a", "b", "c"]}
    (error,) = (await asker.ask(_CERTIFY, input={**payments, "testEnvironment": True}))["errors"]
    assert error["code"] == "INVALID_STATE", "It is live: these may be customers' payments."
    await Connection.filter(id=asker.shop.connection.id).update(state="SANDBOX")
    (error,) = (await asker.ask(_CERTIFY, input=payments))["errors"]
    assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", "testEnvironment"])
    payload = await asker.ask(_CERTIFY, input={**payments, "testEnvironment": True})
    assert payload == {"run": {"outcome": None, "total": 9, "cases": [], "report": None, "page": None}, "errors": []}
    (edge,) = (await asker.ask(_CERTIFIED, id=connection))["edges"]
    assert edge["node"]["total"] == 9


async def test_a_refund_that_waits_says_why_and_a_connection_that_is_refused_says_since_when(enter: Enter) -> None:
    asker = await enter()
    refund = await a_refund(asker.shop, await a_payment(asker.shop))
    assert (await asker.ask(_WAITS, id=global_id(refund)))["waitsFor"] is None
    await refused.mark(asker.shop.connection, "answered 401 INVALID_KEY")
    connection = await Connection.get(id=asker.shop.connection.id)
    await put_off.refused(refund.id, connection)
    told = await asker.ask(_WAITS, id=global_id(refund))
    assert (told["status"], told["waitsFor"]["code"]) == ("REQUESTED", "KEY_REFUSED")
    assert "refuses our access since" in told["waitsFor"]["message"]
    (shown,) = (await asker.ask(_CONNECTIONS))["merchant"]["connections"]
    assert shown["refusedSince"] is not None
    assert "INVALID_KEY" in shown["refusedBecause"]
    await refused.lift(connection)
    (shown,) = (await asker.ask(_CONNECTIONS))["merchant"]["connections"]
    assert json.dumps(shown) == json.dumps({"name": shown["name"], "refusedSince": None, "refusedBecause": None})


async def _followed(asker: Asker, run_id: str) -> str:
    body = {"query": _FOLLOW, "variables": {"id": run_id}}
    return (await asker.post(body, accept="text/event-stream")).text


async def test_a_run_is_followed_until_it_has_ended_by_nobody_but_its_merchant(enter: Enter) -> None:
    asker, stranger = await enter(), await enter()
    connection = asker.shop.connection
    run = (await asker.ask(_PREFLIGHT, id=str(connection.id)))["run"]["id"]
    async with following(asker, _FOLLOW, id=run) as stream:
        await stream.until('"outcome":null')
        passed = [Checked(CheckCode.CREDENTIALS, CheckOutcome.PASSED, "The PSE knows our key.", "")]
        await preflight.finish(await PreflightRun.get(connection_id=connection.id), connection, passed)
    told = stream.text
    assert told.index('"outcome":null') < told.index('"outcome":"PASSED"')
    assert "complete" in told
    for nothing in (run, to_base64("Refund", str(connection.id)), "x"):
        refused_to = await _followed(stranger, nothing)
        assert "PASSED" not in refused_to
        assert "errors" in refused_to
    played = await certification.ask_for(asker.shop.id, connection.id, [], CAUSE, test_environment=False)
    await certification.fail(played, "Nothing to play with.")
    told = await _followed(asker, global_id(played))
    assert '"result":"FAILED"' in told
