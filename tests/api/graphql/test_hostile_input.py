"""What a client may send by mistake or on purpose is refused with a typed error, and is never an error of ours."""

import json
from typing import Any

import pytest
from strawberry.relay import to_base64

from domain.access.tokens import Role
from domain.models import Payment
from tests.api.conftest import Asker, Enter, global_id
from tests.kit.factories import a_key, a_payment, an_e2eid

REGISTER = (
    "mutation($input: PaymentRegisterInput!) { paymentRegister(input: $input) { payment { id } "
    "errors { __typename ... on Error { code path } ... on CurrencyMismatchError { expected given } } } }"
)


def _input(asker: Asker, **more: Any) -> dict[str, Any]:
    return {
        "connectionId": str(asker.shop.connection.id),
        "storeCode": "sp",
        "pseReference": an_e2eid(),
        "method": "PIX",
        "amount": {"minorUnits": "1000", "currency": "BRL"},
        "capturedAt": "2026-01-01T00:00:00Z",
        "idempotencyKey": a_key(),
        **more,
    }


def _tax(currency: str = "BRL", **more: str) -> dict[str, Any]:
    return {"tax": {"amount": {"minorUnits": "10", "currency": currency}, **more}}


@pytest.mark.parametrize(
    ("more", "path"),
    [
        (_tax(rate="1" * 13), ["input", "tax", "rate"]),
        (_tax(document="1" * 101), ["input", "tax", "document"]),
        (_tax(period="2026-012"), ["input", "tax", "period"]),
        ({"customerTaxId": "1" * 41}, ["input", "customerTaxId"]),
        ({"customerReference": "1" * 101}, ["input", "customerReference"]),
    ],
)
async def test_a_field_that_is_too_long_is_named(enter: Enter, more: dict[str, Any], path: list[str]) -> None:
    asker = await enter()
    told = await asker.ask(REGISTER, input=_input(asker, **more))
    assert told["errors"] == [{"__typename": "InvalidInputError", "code": "INVALID_INPUT", "path": path}]
    assert not await Payment.exists()


async def test_a_tax_in_another_currency_than_the_payment_is_refused(enter: Enter) -> None:
    asker = await enter()
    (error,) = (await asker.ask(REGISTER, input=_input(asker, **_tax("CLP"))))["errors"]
    assert (error["__typename"], error["expected"], error["given"]) == ("CurrencyMismatchError", "BRL", "CLP")
    assert not await Payment.exists()


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b", "\udfff", "x" * 900_000])
async def test_a_text_that_cannot_be_kept_is_refused_where_it_stands(enter: Enter, text: str) -> None:
    asker = await enter()
    (error,) = await _errors(asker, REGISTER, input=_input(asker, customerTaxId=text))
    assert error["extensions"]["code"] == "INVALID_INPUT"
    assert "$input.customerTaxId" in error["message"]
    query = "query($r: String) { payments(first: 1, pseReference: $r) { __typename } }"
    (error,) = await _errors(asker, query, r=text)
    assert error["extensions"]["code"] == "INVALID_INPUT"


async def test_a_file_that_is_too_long_is_refused_where_it_stands(enter: Enter) -> None:
    settle = "mutation($input: RefundSettleManuallyInput!) { refundSettleManually(input: $input) { requestId } }"
    for length, refused in ((700_000, False), (700_001, True)):
        errors = await _errors(await enter(), settle, input={"fileContent": "A" * length})
        assert ("more than 700000 characters" in errors[0]["message"]) is refused


async def _errors(asker: Asker, query: str, **variables: Any) -> Any:
    """Sent in ASCII, for half a character has no other encoding."""
    body = json.dumps({"query": query, "variables": variables})
    headers = {"Authorization": f"Bearer {asker.token}", "Content-Type": "application/json"}
    return (await asker.http.post(f"{asker.url}/graphql", content=body, headers=headers)).json()["errors"]


@pytest.mark.parametrize("literal", [r'"a\u0000b"', r'"a\ud800b"'])
async def test_a_literal_that_cannot_be_kept_is_refused(enter: Enter, literal: str) -> None:
    asker = await enter()
    told = await asker.told(f"{{ payments(first: 1, pseReference: {literal}) {{ edges {{ cursor }} }} }}")
    assert "INTERNAL_ERROR" not in str(told)
    assert told["errors"]


@pytest.mark.parametrize("type_name", ["Money", "Query", "Nothing", "PaymentRegisterInput", "ErrorCode", "Node", ""])
async def test_an_id_of_no_object_is_invalid_input(enter: Enter, type_name: str) -> None:
    asker = await enter()
    payment = await a_payment(asker.shop)
    told = await asker.told("query($id: ID!) { node(id: $id) { id } }", id=to_base64(type_name, str(payment.id)))
    assert "INTERNAL_ERROR" not in str(told)
    assert told["errors"]
    assert await asker.ask("query($id: ID!) { node(id: $id) { id } }", id=global_id(payment)) is not None


async def test_thousands_of_values_in_a_filter_are_refused_before_the_database_sees_them(enter: Enter) -> None:
    asker = await enter()
    query = "query($kinds: [FindingKind!]) { findings(first: 1, kinds: $kinds) { edges { cursor } } }"
    (error,) = (await asker.told(query, kinds=["NOTICE_UNMATCHED"] * 19_000))["errors"]
    assert error["extensions"]["code"] == "INVALID_INPUT"


async def test_a_request_id_that_a_client_used_twice_hides_no_refund(enter: Enter) -> None:
    asker = await enter(Role.ADMINISTRATOR)
    create = (
        "mutation($input: RefundCreateInput!) { refundCreate(input: $input) { requestId refund { id } "
        "errors { ... on Error { message } } } }"
    )
    told = []
    for _ in range(2):
        wanted = {
            "paymentId": global_id(await a_payment(asker.shop)),
            "reason": "CUSTOMER_REQUEST",
            "idempotencyKey": a_key(),
        }
        body = {"query": create, "variables": {"input": wanted}}
        answer = await asker.post(body, **{"X-Request-ID": "the-same-every-time"})
        assert answer.headers["x-correlation-id"] == "the-same-every-time"
        told.append(answer.json()["data"]["refundCreate"])
    for one in told:
        found = await asker.ask("query($id: String!) { refund(by: {requestId: $id}) { id } }", id=one["requestId"])
        assert found == one["refund"]


@pytest.mark.parametrize("path", ["/graphql/", "/healthz/", "//graphql"])
async def test_no_answer_leads_to_the_host_that_the_client_named(enter: Enter, path: str) -> None:
    asker = await enter()
    answer = await asker.http.get(asker.url + path, headers={"Host": "evil.example"})
    assert answer.status_code == 404
    assert "evil" not in str(answer.headers)


@pytest.mark.parametrize(
    "query",
    [
        "query Q($long: String!) { refund(by: {pseReference: $long}) { id } }",
        "query Q($long: String!) { refund(by: {requestId: $long}) { id } }",
        "query Q($long: String!) { refund(by: {idempotencyKey: $long}) { id } }",
        "query Q($long: String!) { payment(pseReference: $long) { id } }",
        'query Q($long: String!) { pseErrorExplanation(pse: $long, code: "x") { meaning } }',
    ],
)
async def test_a_handle_that_is_longer_than_any_finds_nothing(enter: Enter, query: str) -> None:
    asker = await enter()
    assert await asker.ask(query, long="x" * 3_000) is None


async def test_a_name_that_is_longer_than_any_lists_nothing(enter: Enter) -> None:
    asker = await enter()
    await a_payment(asker.shop)
    for name in ("pseReference", "orderReference"):
        page = await asker.ask(
            f"query Q($long: String!) {{ payments(first: 1, {name}: $long) {{ edges {{ cursor }} }} }}", long="x" * 300
        )
        assert page["edges"] == []


_CURSORS = "{ edges { cursor } }"


async def test_filters_of_what_cannot_be_are_refused_or_find_nothing_and_never_break(enter: Enter) -> None:
    asker = await enter(Role.ADMINISTRATOR)
    statement = (
        "query($v: CurrencyCode!, $c: ID!) { accountStatement(account: PSE_CLEARING, connectionId: $c, currency: $v, "
        'from: "2026-11-01", to: "2026-11-02", first: 5) { opening { display } } }'
    )
    for name, kind, value in (
        ("auditLog", "filter: {since: $v}", "0001-01-01T00:00:00Z"),
        ("auditLog", "filter: {until: $v}", "0001-01-01T00:00:00Z"),
        ("auditLog", "filter: {until: $v}", "9999-12-31T23:59:59Z"),
        ("findings", "filter: {pses: $v}", ["x" * 3_000]),
        ("nights", "filter: {to: $v}", "0001-01-01"),
        ("nights", "filter: {to: $v}", "9999-12-31"),
        ("vatReversals", "filter: {country: $v}", "BRAZIL"),
        ("vatReversals", "filter: {period: $v}", "2026-10-01"),
        ("vatReversals", "filter: {reason: $v}", "x" * 3_000),
        ("deliveries", "filter: {types: [$v]}", "x" * 3_000),
        ("deliveries", "filter: {messageId: $v}", "x" * 3_000),
        ("deliveries", "filter: {orderingKey: $v}", "x" * 3_000),
    ):
        declared = {"auditLog": "DateTime", "findings": "[String!]", "nights": "Date", "deliveries": "String!"}.get(
            name, "String"
        )
        told = await asker.told(f"query($v: {declared}) {{ {name}(first: 5, {kind}) {_CURSORS} }}", v=value)
        assert "INTERNAL_ERROR" not in json.dumps(told), (name, value, told)
    for currency in ("XXX", "KWD"):
        told = await asker.told(statement, v=currency, c=str(asker.shop.connection.id))
        assert "INVALID_INPUT" in json.dumps(told), told


async def test_mutations_that_name_what_cannot_be_are_refused_and_never_break(enter: Enter) -> None:
    asker, long = await enter(Role.ADMINISTRATOR), "x" * 3_000
    robot = {"name": "robot", "grants": [{"role": "REQUESTER", "storeCode": long}], "idempotencyKey": a_key()}
    for field, given, code in (
        ("tokenCreate", robot, "NOT_FOUND"),
        ("alertRuleEnd", {"name": long}, "NOT_FOUND"),
        ("customerTokenCreate", {"may": "SEE", "minutes": 5, "customerTaxId": ""}, "INVALID_INPUT"),
    ):
        kind = f"{field[0].upper()}{field[1:]}Input"
        told = await asker.told(
            f"mutation M($input: {kind}!) {{ {field}(input: $input) {{ errors {{ ... on Error {{ code }} }} }} }}",
            input=given,
        )
        assert told["data"] == {field: {"errors": [{"code": code}]}}, told
