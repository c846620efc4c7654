"""Conekta's published specification against what we send, what the sandbox answers, and our own schemas.

It lies beside the checkout; where it does not, these tests are skipped.
"""

import json
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator, ValidationError

from domain.money import Money
from domain.pse.vocabulary import Method, Succeeded, TellsOfRefund, Unsent
from tests.conftest import SHARED
from tests.domain.pse.conekta.answers import CONEKTA, answer
from tests.domain.pse.conekta.test_connector import ORDER
from tests.domain.pse.conekta.test_webhooks import NOW, event, hook
from tests.kit.world import a_sandbox
from tests.sandbox.books import Books
from tests.sandbox.client import SandboxClient
from tests.sandbox.conekta.server import ConektaServer
from tests.schemas import conekta as own

FACTS = SHARED / "pse" / "data" / "conekta"
PUBLISHED = pytest.mark.skipif(not FACTS.is_dir(), reason="The specification is not beside the checkout.")
PAIRS = [
    ("orderRefund_request", own.REFUND_REQUEST),
    ("charge_response_refunds_data", own.REFUND),
    ("charges_data_response", own.CHARGE),
    ("order_response", own.ORDER),
    ("transaction_response", own.TRANSACTION),
    ("get_orders_response", own.ORDERS),
    ("get_transactions_response", own.TRANSACTIONS),
    ("error", own.ERROR),
    ("event_response", own.EVENT),
]


@pytest.fixture(scope="session")
def components() -> dict[str, Any]:
    """The schemas that are needed, out of a file of 22,000 lines."""
    loaded = yaml.load((FACTS / "conekta-2.3.0-openapi.yaml").read_text(), Loader=yaml.CSafeLoader)
    schemas: dict[str, Any] = loaded["components"]["schemas"]
    needed: dict[str, Any] = {}
    waiting = [name for name, _ in PAIRS]
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed[name] = _plain(schemas[name], waiting)
    return needed


def _plain(schema: Any, waiting: list[str]) -> Any:
    """OpenAPI 3.0 as JSON Schema: `nullable` is a type; `waiting` gets the names that it refers to."""
    if isinstance(schema, list):
        return [_plain(one, waiting) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "discriminator" in schema and "oneOf" in schema:
        return _plain(_chosen(schema["discriminator"]), waiting)
    if isinstance(schema.get("$ref"), str):
        waiting.append(schema["$ref"].rsplit("/", 1)[-1])
    made = {name: _plain(value, waiting) for name, value in schema.items() if name != "nullable"}
    if schema.get("nullable") is True and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
    return made


def _chosen(discriminator: dict[str, Any]) -> dict[str, Any]:
    """One schema of several, by the value of a property: alone, the published ones are not exclusive."""
    name, mapping = discriminator["propertyName"], discriminator["mapping"]
    rules = [
        {
            "if": {"properties": {name: {"const": value}}},
            "then": {"$ref": f"#/components/schemas/{target.rsplit('/', 1)[-1]}"},
        }
        for value, target in mapping.items()
    ]
    return {"required": [name], "properties": {name: {"enum": list(mapping)}}, "allOf": rules}


def _check(components: dict[str, Any], name: str, document: object) -> None:
    schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": components}}
    Draft202012Validator(schema).validate(document)


@PUBLISHED
def test_our_refund_request_is_what_the_published_schema_wants(components: dict[str, Any]) -> None:
    _check(components, "orderRefund_request", json.loads(CONEKTA.refund(ORDER).content))


@PUBLISHED
@pytest.mark.parametrize(("name", "schema"), PAIRS)
def test_our_schemas_require_what_the_published_ones_require(
    components: dict[str, Any], name: str, schema: dict[str, Any]
) -> None:
    published = _merged(components, components[name])
    assert set(schema["required"]) >= set(published["required"])
    unknown = set(schema["properties"]) - set(published["properties"])
    assert not unknown, f"{name} does not have {unknown}."


def _merged(components: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """A schema with its references and allOf parts put together."""
    if "$ref" in schema:
        return _merged(components, components[schema["$ref"].rsplit("/", 1)[-1]])
    merged: dict[str, Any] = {
        "required": list(schema.get("required", [])),
        "properties": dict(schema.get("properties", {})),
    }
    for part in schema.get("allOf", []):
        inner = _merged(components, part)
        merged["required"] += inner["required"]
        merged["properties"] |= inner["properties"]
    return merged


@pytest.fixture
def refunded() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FACTS / "order-refund-200.json").read_text())
    return found


@PUBLISHED
def test_the_published_answer_of_a_refund_is_read(refunded: dict[str, Any]) -> None:
    own.check(own.ORDER, refunded)
    refund = refunded["charges"]["data"][0]["refunds"]["data"][0]
    amount = Money(-refund["amount"], "MXN")
    order = replace(ORDER, payment_reference=refunded["id"], amount=amount, not_ours=frozenset())
    for read in (CONEKTA.read_refund, CONEKTA.read_look_up):
        outcome = read(order, answer(200, refunded))
        assert isinstance(outcome, Succeeded)
        assert outcome.pse_refund_reference == refund["id"]
    assert CONEKTA.read_snapshot(order, answer(200, refunded)) == {refund["id"]}
    before = replace(order, not_ours=frozenset({refund["id"]}))
    assert isinstance(CONEKTA.read_look_up(before, answer(200, refunded)), Unsent)


@PUBLISHED
def test_the_published_order_is_read_as_a_payment_and_in_an_event(refunded: dict[str, Any]) -> None:
    payment = CONEKTA.read_payment(answer(200, refunded))
    assert payment is not None
    assert (payment.reference, payment.method, payment.amount) == (refunded["id"], Method.CARD, Money(40_000, "MXN"))
    assert [one.amount for one in payment.refunds] == [Money(refunded["amount_refunded"], "MXN")]
    (told,) = CONEKTA.read_webhook(hook(event("order.partially_refunded", refunded)))
    assert isinstance(told, TellsOfRefund)
    assert told.payment_reference == refunded["id"]


@PUBLISHED
def test_the_published_answer_shows_nobody_after_scrubbing(refunded: dict[str, Any]) -> None:
    scrubbed = CONEKTA.scrub(json.dumps(refunded))
    for personal in ("Miles_Price", "Elio Rincon", "+5215555555555", "Marvin Fuller", "Nuevo Leon", "06100", "4607"):
        assert personal in json.dumps(refunded)
        assert personal not in scrubbed


@PUBLISHED
async def test_every_answer_of_the_sandbox_follows_the_published_schemas(components: dict[str, Any]) -> None:
    async with a_sandbox() as sandbox:
        answers = await all_answers(sandbox.at("conekta"))
    for name, document in answers.items():
        _check(components, name.split("/")[0], document)
    wrong = deepcopy(answers["order_response/refunded"])
    wrong["amount"] = "1.00"
    with pytest.raises(ValidationError):
        _check(components, "order_response", wrong)


async def all_answers(sandbox: SandboxClient) -> dict[str, Any]:
    """One answer of each shape, by the published schema's name (and what is behind a slash, to tell them apart)."""
    base, headers = f"{sandbox.url}/conekta", {"Authorization": "Bearer key_sandbox"}
    order = await sandbox.capture(10_000, "ok", "pending", method="CARD", currency="MXN")
    cash = await sandbox.capture(10_000, method="OXXO", currency="MXN")
    refused = await sandbox.capture(10_000, "refused", method="CARD", currency="MXN")

    async def call(method: str, path: str, body: object = None) -> Any:
        return (await sandbox.http.request(method, base + path, json=body, headers=headers)).json()

    async def refund(name: str, amount: object, reason: str = "requested_by_client") -> Any:
        return await call("POST", f"/orders/{name}/refunds", {"amount": amount, "reason": reason})

    answers = {
        "order_response/refunded": await refund(order, 100),
        "order_response/pending": await refund(order, 200),
        "order_response/read": await call("GET", f"/orders/{order}"),
        "get_orders_response": await call("GET", "/orders?limit=2"),
        "get_transactions_response": await call("GET", "/transactions?limit=250"),
        "transaction_response": (await call("GET", "/transactions"))["data"][0],
        "error/sum": await refund(order, 10_000),
        "error/amount": await refund(order, "1.00"),
        "error/reason": await refund(order, 1, "because"),
        "error/cash": await refund(cash, 1),
        "error/bank": await refund(refused, 1),
        "error/unknown": await call("GET", "/orders/ord_unknown"),
        "error/limit": await call("GET", "/orders?limit=251"),
        "error/key": (await sandbox.http.get(f"{base}/orders")).json(),
    }
    pending = answers["order_response/pending"]["charges"]["data"][0]["refunds"]["data"][1]["id"]
    answers["order_response/canceled"] = await call("DELETE", f"/orders/{order}/refunds/{pending}")
    server = ConektaServer(Books("conekta"))
    payment = server.books.capture(server.new_payment({"amount": 100}, NOW))
    done = server.books.open_refund(payment, "a", 100, lambda _: "a")
    answers["event_response"] = json.loads(server.hooks("http://x", payment, done)[0].body)
    return answers


OWN = dict(PAIRS)


async def test_every_answer_of_the_sandbox_follows_our_own_schemas() -> None:
    async with a_sandbox() as sandbox:
        answers = await all_answers(sandbox.at("conekta"))
    for name, document in answers.items():
        own.check(OWN[name.split("/")[0]], document)
    with pytest.raises(ValidationError):
        own.check(own.ORDER, answers["error/sum"])
    listed = answers["order_response/pending"]["charges"]["data"][0]["refunds"]["data"]
    assert [one.get("status") for one in listed] == [None, "pending"]
    assert len(answers["order_response/canceled"]["charges"]["data"][0]["refunds"]["data"]) == 1


async def test_the_same_refund_sent_twice_is_paid_twice_as_at_conekta() -> None:
    async with a_sandbox() as sandbox:
        at = sandbox.at("conekta")
        order = await at.capture(10_000, method="CARD", currency="MXN")
        for _ in range(2):
            body = {"amount": 100, "reason": "other"}
            headers = {"Authorization": "Bearer key_sandbox"}
            await at.http.post(f"{at.url}/conekta/orders/{order}/refunds", json=body, headers=headers)
        assert await at.paid(order) == 200
