"""What a frontend team meets first: totals, nodes, filters, languages, codes, preflights, trusted documents."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.app import create
from api.graphql.schema import make
from api.graphql.transport import trusted
from domain.access.tokens import Role, create_token
from domain.models import Payment
from domain.platform.counted import counted
from domain.platform.settings import SettingsError
from tests.api.conftest import Asker, Enter, global_id
from tests.conftest import Database
from tests.kit.factories import a_key, a_payment, a_refund, a_shop
from tests.kit.world import quick_settings, served

PAGE = """query P($first: Int!, $filter: PaymentFilter) { payments(first: $first, filter: $filter) {
  totalCount totalCountExceeded nodes { id } edges { node { id } } } }"""
CREATE = """mutation C($input: RefundCreateInput!) { refundCreate(input: $input) { refund { id }
  errors { ... on Error { code message chinese: message(locale: "zh-CN") path } } } }"""
ORIGIN = "https://shop.example.com"


def _wanted(payment: Payment, minor_units: str) -> dict[str, Any]:
    amount = {"minorUnits": minor_units, "currency": payment.currency}
    return {
        "paymentId": global_id(payment),
        "amount": amount,
        "reason": "CUSTOMER_REQUEST",
        "idempotencyKey": a_key(),
    }


async def _pages(asker: Asker, **filter: Any) -> tuple[int, list[str]]:
    page = await asker.ask(PAGE, first=2, filter=filter)
    assert [one["id"] for one in page["nodes"]] == [one["node"]["id"] for one in page["edges"]]
    assert page["totalCountExceeded"] is False
    return page["totalCount"], [one["id"] for one in page["nodes"]]


async def test_lists_are_counted_narrowed_and_read_without_edges(enter: Enter) -> None:
    asker = await enter()
    small, large, third = [await a_payment(asker.shop, amount=amount) for amount in (1_000, 5_000, 9_000)]
    assert (await _pages(asker))[0] == 3
    assert (await _pages(asker))[1] == [global_id(third), global_id(large)]
    limits = {name: {"minorUnits": str(much), "currency": "BRL"} for name, much in (("from", 2_000), ("until", 6_000))}
    assert await _pages(asker, amountFrom=limits["from"], amountUntil=limits["until"]) == (1, [global_id(large)])
    today = datetime.now(UTC).date()
    assert (await _pages(asker, since=str(today - timedelta(days=400))))[0] == 3
    assert (await _pages(asker, since=str(today + timedelta(days=2))))[0] == 0
    assert (await _pages(asker, pses=["pix"], methods=["PIX"], withdrawn=False))[0] == 3
    assert (await _pages(asker, pses=["stripe"]))[0] == (await _pages(asker, methods=["CARD"]))[0] == 0
    assert (await _pages(asker, storeIds=[str(asker.shop.store.id)], connectionIds=[str(small.connection_id)]))[0] == 3
    told = await asker.told(PAGE, first=1, filter={"pses": ["x"] * 51})
    assert told["errors"][0]["extensions"]["code"] == "INVALID_INPUT"
    assert await counted(Payment.filter(merchant_id=asker.shop.id), most=2) == 3  # and one more where there are more


async def test_nodes_come_in_the_order_of_their_ids(enter: Enter) -> None:
    asker, other = await enter(), await enter()
    payment, foreign = await a_payment(asker.shop), await a_payment(other.shop)
    refund = await a_refund(asker.shop, payment, 100)
    ids = [global_id(refund), global_id(foreign), global_id(payment), global_id(refund)]
    found = await asker.ask("query N($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }", ids=ids)
    assert [one and one["id"] for one in found] == [ids[0], None, ids[2], ids[3]]
    assert [one and one["__typename"] for one in found] == ["Refund", None, "Payment", "Refund"]
    told = await asker.told("query N($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=[ids[0]] * 101)
    assert told["errors"][0]["message"] == "ids takes at most 100 ids."


async def test_other_lists_are_narrowed_too(enter: Enter) -> None:
    asker = await enter()
    money = {"minorUnits": "1", "currency": "BRL"}
    for document, variables in (
        ("query Q($f: ReconciliationRunFilter) { reconciliationRuns(first: 1, filter: $f) { totalCount } }",
         {"f": {"pses": ["pix"], "since": "2026-01-01", "until": "2026-12-31", "states": ["FAILED", "x" * 99]}}),
        ("""query Q($m: MoneyInput) { payouts(first: 1, pse: "pix", since: "2026-01-01", until: "2026-12-31",
           amountFrom: $m, amountUntil: $m) { totalCount } }""", {"m": money}),
        ("""query Q($m: MoneyInput) { bankLines(first: 1, since: "2026-01-01", until: "2026-12-31", amountFrom: $m) {
           totalCount } }""", {"m": money}),
        ("query Q($f: VatReversalFilter) { vatReversals(first: 1, filter: $f) { totalCount } }",
         {"f": {"pses": ["pix"], "since": "2026-01-01", "until": "2026-12-31", "amountFrom": money}}),
        ('{ taxDocuments(first: 1, since: "2026-01-01", country: "BR") { totalCount } }', {}),
        ("""query Q($m: MoneyInput, $s: ID) { shopRefunds(first: 1, since: "2026-01-01", until: "2026-12-31",
           storeId: $s, amountFrom: $m, amountUntil: $m) { totalCount } }""",
         {"m": money, "s": str(asker.shop.store.id)}),
        ('{ shopCalls(first: 1, since: "2026-01-01", until: "2026-12-31") { totalCount } }', {}),
        ('{ shopNotices(first: 1, since: "2026-01-01", until: "2026-12-31") { totalCount } }', {}),
        ('{ batches(first: 1, kind: REFUNDS, since: "2026-01-01", until: "2026-12-31") { totalCount } }', {}),
        ('{ alerts(first: 1, filter: {since: "2026-01-01", until: "2026-12-31"}) { totalCount } }', {}),
        ('{ bankStatements(first: 1, since: "2026-01-01", until: "2026-12-31") { totalCount } }', {}),
        ('{ handedReports(first: 1, since: "2026-01-01", until: "2026-12-31") { totalCount } }', {}),
        ("{ findings(first: 1, order: DUE) { totalCount } }", {}),
    ):  # fmt: skip
        assert await asker.ask(document, **variables) == {"totalCount": 0}


async def test_refusals_and_explanations_are_in_the_readers_language(enter: Enter) -> None:
    asker = await enter()
    payment = await a_payment(asker.shop, amount=1_000)
    asked = {"query": CREATE, "variables": {"input": _wanted(payment, "2000")}}
    spanish = {"accept-language": "fr, es-MX;q=0.9, en;q=0.1"}
    (error,) = (await asker.post(asked, **spanish)).json()["data"]["refundCreate"]["errors"]
    assert error["code"] == "AMOUNT_EXCEEDS_REFUNDABLE"
    assert error["message"] == "20,00\xa0BRL es más que los 10,00\xa0BRL que aún se pueden reembolsar."
    assert error["chinese"] == "R$20.00 超过了仍可退的 R$10.00。"
    (plain,) = (await asker.ask(CREATE, input=_wanted(payment, "2000")))["errors"]
    assert plain["message"] == "BRL 20.00 is more than the BRL 10.00 that is still refundable."
    first = {"query": "{ payments(first: 0) { nodes { id } } }"}
    refused = (await asker.post(first, **{"accept-language": "pt"})).json()["errors"][0]
    assert (refused["message"], refused["extensions"]["code"]) == ("`first` vai de 1 a 100.", "INVALID_INPUT")
    explained = {"query": '{ pseErrorExplanation(pse: "pix", code: "NO_PAYOUT_WIRE") { locale meaning } }'}
    told = (await asker.post(explained, **spanish)).json()["data"]["pseErrorExplanation"]
    assert told["locale"] == "es"
    assert told["meaning"].startswith("Este PSE no paga")
    assert (
        "locale is one of"
        in (await asker.told('{ chartOfAccounts(locale: "fr") { meaning } }'))["errors"][0]["message"]
    )


@pytest.mark.parametrize(
    ("query", "code", "more"),
    [
        ("{", "GRAPHQL_PARSE_FAILED", {}),
        ("{ nobody }", "GRAPHQL_VALIDATION_FAILED", {}),
        ("{ viewer { " + "holder " * 2_000 + "} }", "LIMIT_EXCEEDED", {"limit": "tokens", "allowed": 2_000}),
        ("{ viewer { holder } }" + " " * 15_000, "LIMIT_EXCEEDED", {"limit": "characters", "allowed": 15_000}),
        ("{ viewer { holder } }" + "\n" * 1_000, "LIMIT_EXCEEDED", {"limit": "lines", "allowed": 1_000}),
        ("{ " + " ".join(f"a{n}: __typename" for n in range(31)) + " }", "LIMIT_EXCEEDED",
         {"limit": "aliases", "allowed": 30}),
        ("{ refunds(first: 100) { nodes { events(first: 100) { id } } } }", "LIMIT_EXCEEDED",
         {"limit": "objects", "allowed": 5_000}),
        ("query Q($first: Int!) { payments(first: $first) { nodes { id } } }", "INVALID_INPUT", {}),
    ],
)  # fmt: skip
async def test_what_is_refused_before_a_resolver_has_a_code(
    enter: Enter, query: str, code: str, more: dict[str, Any]
) -> None:
    asker = await enter()
    told = (await asker.told(query))["errors"][0]["extensions"]
    assert told["code"] == code
    assert more.items() <= told.items()


async def test_each_refusal_of_http_has_a_code_and_each_answer_its_cost(enter: Enter) -> None:
    asker = await enter()
    nobody = replace(asker, token="nobody")
    for response, status, code in (
        (await nobody.post({"query": "{ viewer { holder } }"}), 401, "UNAUTHENTICATED"),
        (await asker.post([]), 400, "BAD_REQUEST"),
        (await asker.post({"query": "subscription { refundsChanged { __typename } }"}), 400, "OPERATION_NOT_TAKEN"),
        (await asker.post({"query": "query A { __typename }", "operationName": "B"}), 400, "OPERATION_UNKNOWN"),
        (await asker.post({"documentId": "x"}), 400, "PERSISTED_QUERY_NOT_SUPPORTED"),
        (await asker.post({"query": "{ __typename }"}, accept="text/html"), 406, "NOT_ACCEPTABLE"),
        (await asker.http.put(f"{asker.url}/graphql"), 405, "METHOD_NOT_ALLOWED"),
        (await asker.post({"query": "x" * 2_000_000}), 413, "BODY_TOO_LARGE"),
    ):  # fmt: skip
        assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (status, code)
    told = (await asker.told("{ payments(first: 10) { totalCount nodes { id refundable { minorUnits } } } }"))[
        "extensions"
    ]
    assert told["cost"] == {"objects": 121, "objectsMax": 5_000, "values": 21, "valuesMax": 20_000}


async def test_a_page_of_an_allowed_origin_may_send_what_clients_send(
    own_database: Database, redis_url: str, tmp_path: Path
) -> None:
    named, sent = tmp_path / "trusted.json", "{ viewer { holder } }"
    name = f"sha256:{hashlib.sha256(sent.encode()).hexdigest()}"
    named.write_text(json.dumps({name: sent, "short": "query Short { viewer { holder } }"}))
    settings = quick_settings(
        database_url=own_database.application_url,
        redis_url=redis_url,
        allowed_origins=(ORIGIN,),
        trusted_documents=(str(named),),
    )
    asked = "authorization, content-type, apollo-require-preflight, x-apollo-operation-name, traceparent, cache-control"
    preflight = {"origin": ORIGIN, "access-control-request-method": "POST", "access-control-request-headers": asked}
    async with served(create(settings)) as url, httpx.AsyncClient(timeout=20) as http:
        shop = await a_shop()
        asker = Asker(http, url, await create_token(shop.id, Role.ADMINISTRATOR, "t", timedelta(hours=1)), shop)
        allowed = await http.options(f"{url}/graphql", headers=preflight)
        assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, ORIGIN)
        refused = await http.options(f"{url}/graphql", headers={**preflight, "origin": "https://evil.example.com"})
        assert refused.status_code == 400
        await _only_trusted(asker, sent, name)


async def _only_trusted(asker: Asker, sent: str, name: str) -> None:
    good = {"data": {"viewer": {"holder": "t"}}}
    hashed = name.removeprefix("sha256:")
    known: tuple[dict[str, Any], ...] = (
        {"query": sent},
        {"documentId": name},
        {"documentId": hashed},
        {"doc_id": "short"},
        {"id": "short"},
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": hashed}}},
        {"query": "short"},
    )
    for body in known:
        told = (await asker.post(body)).json()
        assert {"data": told["data"]} == good, body
    unknown: tuple[tuple[dict[str, Any], str], ...] = (
        ({"query": sent + " "}, "DOCUMENT_NOT_TRUSTED"),
        ({"query": "{ __schema { types { name } } }"}, "DOCUMENT_NOT_TRUSTED"),
        ({"documentId": "nobody's"}, "DOCUMENT_NOT_TRUSTED"),
        ({}, "DOCUMENT_NOT_TRUSTED"),
        ({"extensions": {"persistedQuery": {"sha256Hash": "0" * 64}}}, "PERSISTED_QUERY_NOT_FOUND"),
    )
    for body, code in unknown:
        response = await asker.post(body)
        assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (400, code), body


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[", "cannot be read as JSON"),
        ("[1]", "no object from names to documents"),
        ('{"a": 1}', "a is no document"),
        ('{"a": "{ nobody }"}', "a: Cannot query field 'nobody' on type 'Query'"),
        ('{"operations": [{"id": "a", "body": "{"}]}', "a: Syntax Error"),
    ],
)
def test_a_document_that_cannot_be_planned_stops_the_start(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "bad.json").write_text(content)
    schema = make()
    with pytest.raises(SettingsError, match=f"ESTORNO_TRUSTED_DOCUMENTS: .*{said}"):
        trusted.plan(schema.documents, schema._schema, trusted.read([str(tmp_path / "bad.json")]))


def test_apollos_manifest_is_read_and_kept_for_good(tmp_path: Path) -> None:
    texts = {str(number): f"query Q{number} {{ viewer {{ holder }} }}" for number in range(200)}
    operations = [{"id": name, "name": "Q", "type": "query", "body": text} for name, text in texts.items()]
    (tmp_path / "manifest.json").write_text(
        json.dumps({"format": "apollo-persisted-query-manifest", "operations": operations})
    )
    schema = make()
    found = trusted.read([str(tmp_path / "manifest.json")])
    trusted.plan(schema.documents, schema._schema, found)
    read = schema.documents.read_count
    assert all(schema.documents.read(schema._schema, text).errors == [] for text in texts.values())
    assert schema.documents.read_count == read  # more than are kept of what anybody sends
    assert found.trusted(texts["7"]) == found.trusted("7") == texts["7"]
    assert found.trusted("{ __typename }") is None
