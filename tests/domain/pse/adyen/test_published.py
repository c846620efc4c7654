"""Adyen's published OpenAPI, examples and HMAC vectors against what we send, read and what the sandbox says.

They lie beside the checkout; where they do not, these tests are skipped.
"""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from secrets import token_hex
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from domain.money import Money
from domain.pse.adyen.connector import Adyen
from domain.pse.reporting import ReportFile
from domain.pse.vocabulary import (
    Accepted,
    Announced,
    BadSignature,
    ChargedBack,
    Credentials,
    Declined,
    InDoubt,
    NotUnderstood,
    Outcome,
    Returned,
    Succeeded,
    TellsOfRefund,
    Unsent,
    WebhookRequest,
)
from tests.conftest import SHARED
from tests.domain.pse.adyen.test_connector import ORDER
from tests.domain.pse.adyen.test_lines import a_period
from tests.kit.world import a_sandbox, heard
from tests.sandbox.adyen.server import ACCOUNT, API_KEY, PREFIX
from tests.sandbox.client import SandboxClient
from tests.schemas import adyen as own

DATA = SHARED / "pse" / "data"
FACTS = DATA / "adyen"
pytestmark = pytest.mark.skipif(not FACTS.is_dir(), reason="Adyen's published files are not beside the checkout.")
ADYEN = Adyen()


def _load(name: str) -> Any:
    return json.loads((FACTS / name).read_text())


def _check(specification: dict[str, Any], reference: str, document: object) -> None:
    schema = {"$ref": reference, "components": specification["components"]}
    Draft202012Validator(schema).validate(document)


@pytest.fixture(scope="module")
def checkout() -> dict[str, Any]:
    loaded: dict[str, Any] = _load("CheckoutService-v72.refund-subset.openapi.json")
    return loaded


@pytest.fixture(scope="module")
def webhooks() -> dict[str, Any]:
    loaded: dict[str, Any] = _load("Webhooks-v1.openapi.json")
    return loaded


# The API


def test_our_refund_request_is_what_the_published_schema_wants(checkout: dict[str, Any]) -> None:
    for amount in (Money(789, "BRL"), Money(1_990, "CLP"), Money(1, "PYG")):
        body = json.loads(ADYEN.refund(replace(ORDER, amount=amount)).content)
        _check(checkout, "#/components/schemas/PaymentRefundRequest", body)


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("PaymentRefundRequest", own.REFUND_REQUEST),
        ("PaymentRefundResponse", own.REFUND_RESPONSE),
        ("ServiceError", own.SERVICE_ERROR),
        ("Amount", own.AMOUNT),
    ],
)
def test_our_schemas_require_what_the_published_ones_require(
    checkout: dict[str, Any], name: str, schema: dict[str, Any]
) -> None:
    published = checkout["components"]["schemas"][name]
    assert set(schema["required"]) >= set(published.get("required", []))
    assert set(schema["properties"]) <= set(published["properties"])


def test_the_published_answer_is_accepted(checkout: dict[str, Any]) -> None:
    example = checkout["components"]["examples"]["post-payments-paymentPspReference-refunds-refund-201"]["value"]
    order = replace(
        ORDER,
        reference=example["reference"],
        payment_reference=example["paymentPspReference"],
        client_id=example["merchantAccount"],
        amount=Money(example["amount"]["value"], example["amount"]["currency"]),
    )
    assert ADYEN.read_refund(order, httpx.Response(201, json=example)) == Accepted("993617894906488A", "received")


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("generic-400", Declined("702", 'Unexpected input: ", expected: } (validation)')),
        ("generic-401", Unsent("000", "HTTP Status Response - Unauthorized (security)")),
        ("generic-403", Unsent("901", "Invalid Merchant Account (security)")),
        ("generic-422", Declined("14_030", "Return URL is missing. (validation)")),
        ("generic-500", InDoubt("905", "Payment details are not supported (configuration)")),
    ],
)
def test_the_published_errors_mean(checkout: dict[str, Any], name: str, meaning: Outcome) -> None:
    example = checkout["components"]["examples"][name]["value"]
    assert ADYEN.read_refund(ORDER, httpx.Response(example["status"], json=example)) == meaning


async def _asked(sandbox: SandboxClient, payment: str, key: str | None = API_KEY, **body: Any) -> httpx.Response:
    asked = {"merchantAccount": ACCOUNT, "amount": {"currency": "BRL", "value": 100}, "reference": "r", **body}
    headers = {"X-API-Key": key, "Idempotency-Key": token_hex(16)} if key else {}
    return await sandbox.http.post(f"{sandbox.url}{PREFIX}/payments/{payment}/refunds", json=asked, headers=headers)


async def test_every_answer_of_the_sandbox_follows_the_published_schemas(checkout: dict[str, Any]) -> None:
    async with a_sandbox() as root:
        sandbox = root.at("adyen")
        payment = await sandbox.capture(10_000, "ok", "refused", "pending", "ok", "ok", "ok", "applied_then_500")
        answers = [
            await _asked(sandbox, payment),
            await _asked(sandbox, payment, reference="refused", merchantRefundReason="CUSTOMER REQUEST"),
            await _asked(sandbox, payment, reference="pending"),
            await _asked(sandbox, payment, amount={"currency": "BRL", "value": 10_000_000}),
            await _asked(sandbox, payment, amount={"currency": "USD", "value": 100}),
            await _asked(sandbox, payment, amount=None),
            await _asked(sandbox, payment, reference="broken"),
            await _asked(sandbox, payment, key=None),
            await _asked(sandbox, payment, merchantAccount="Other"),
            await _asked(sandbox, "UNKNOWNREFERENCE"),
        ]
    assert [answer.status_code for answer in answers] == [201, 201, 201, 201, 422, 400, 500, 401, 403, 422]
    for answer in answers:
        received = answer.status_code == 201
        name, schema = (
            ("PaymentRefundResponse", own.REFUND_RESPONSE) if received else ("ServiceError", own.SERVICE_ERROR)
        )
        _check(checkout, f"#/components/schemas/{name}", answer.json())
        own.check(schema, answer.json())
        assert ("idempotency-key" in answer.headers) is (answer.status_code not in (401, 500))


# Webhooks


def _vectors() -> list[Any]:
    return _load("hmac-vectors.json")["official"] if FACTS.is_dir() else []


def _request(item: dict[str, Any]) -> WebhookRequest:
    body = {"live": "false", "notificationItems": [{"NotificationRequestItem": item}]}
    return WebhookRequest("POST", "/webhooks/1", "", {}, json.dumps(body).encode())


def _credentials(vector: dict[str, Any]) -> Credentials:
    account = vector["item"]["merchantAccountCode"]
    return Credentials("https://x/v72", account, {"hmac_key": vector["hmac_key_hex"]})


@pytest.mark.parametrize("vector", _vectors(), ids=lambda vector: str(vector["name"]))
def test_every_official_signature_is_believed_and_no_other(vector: dict[str, Any]) -> None:
    signature = vector["expected_signature_base64"]
    item = {**vector["item"], "additionalData": {"hmacSignature": signature}}
    credentials, now = _credentials(vector), datetime(2026, 1, 1, tzinfo=UTC)
    ADYEN.verify_webhook(credentials, _request(item), now)
    changes = [
        {**item, name: value}
        for name, value in (
            ("pspReference", "other"),
            ("merchantReference", "other"),
            ("eventCode", "OTHER"),
            ("success", "false"),
            ("amount", {"currency": item["amount"]["currency"], "value": 7}),
            ("additionalData", {"hmacSignature": signature[:5] + signature[5:].swapcase()}),
        )
    ]
    for changed in changes:
        with pytest.raises(BadSignature):
            ADYEN.verify_webhook(credentials, _request(changed), now)


def test_all_eight_official_signatures_are_there() -> None:
    assert len(_vectors()) == 8


@pytest.mark.parametrize("name", ["backslash", "colon", "forwardslash", "mixed"])
def test_the_official_mock_notifications_are_believed_as_they_lie(name: str) -> None:
    item = _load(f"hmac_{name}_notification.json")
    (vector,) = [one for one in _vectors() if one["name"] == f"special_chars_{name}"]
    ADYEN.verify_webhook(_credentials(vector), _request(item), datetime(2026, 1, 1, tzinfo=UTC))


MEANT = {
    "post-REFUND-refund": Declined,
    "post-REFUND_FAILED-refund_failed": Returned,
    "post-REFUNDED_REVERSED-refunded_reversed": Returned,
    "post-POSTPONED_REFUND-postponed_refund": Accepted,
}


CHARGEBACKS = ("CHARGEBACK", "CHARGEBACK_REVERSED", "SECOND_CHARGEBACK")


def test_the_published_examples_of_every_event_are_read() -> None:
    for name, example in _load("webhook-examples.json").items():
        (told,) = ADYEN.read_webhook(WebhookRequest("POST", "/", "", {}, json.dumps(example).encode()))
        if name in MEANT:
            assert isinstance(told, TellsOfRefund), name
            assert isinstance(told.outcome, MEANT[name])
            assert (told.payment_reference, told.amount) == ("9913140798220028", Money(1_000, "EUR"))
        elif name.split("-")[1] in CHARGEBACKS and "originalReference" in json.dumps(example):
            assert isinstance(told, ChargedBack), name
            assert (told.payment_reference, told.amount) == ("9913140798220028", Money(1_000, "EUR"))
        else:
            assert isinstance(told, NotUnderstood), name


@pytest.mark.parametrize(("name", "meaning"), [("refundTrue", Succeeded), ("refundFalse", Declined)])
def test_the_sdks_mock_of_a_refund_is_read(name: str, meaning: type[Outcome]) -> None:
    (told,) = ADYEN.read_webhook(WebhookRequest("POST", "/", "", {}, (FACTS / f"webhook_{name}.json").read_bytes()))
    assert isinstance(told, TellsOfRefund)
    assert isinstance(told.outcome, meaning)
    assert (told.reference, told.pse_refund_reference) == ("payment-2017-1-17-11-refund", "PSP_REFERENCE")


async def test_every_webhook_of_the_sandbox_follows_the_published_schemas(webhooks: dict[str, Any]) -> None:
    async with a_sandbox() as root, heard() as (address, posts):
        sandbox = root.at("adyen")
        await sandbox.post("webhooks", key="sp@loja", url=address)
        for event in ("REFUND_FAILED", "REFUNDED_REVERSED"):
            payment = await sandbox.capture(10_000, "returned", "refused", seconds=0, return_event=event)
            for reference in ("returned", "refused"):
                assert (await _asked(sandbox, payment, reference=reference)).status_code == 201
        await sandbox.post("close-batch")
        await posts.until(7)
    events = set()
    for post in posts.bodies:
        told = json.loads(post)
        own.check(own.WEBHOOK, told)
        event = told["notificationItems"][0]["NotificationRequestItem"]["eventCode"]
        content = webhooks["webhooks"][f"/{event}"]["post"]["requestBody"]["content"]
        _check(webhooks, content["application/json"]["schema"]["$ref"], told)
        events.add(event)
        assert not any(isinstance(one, NotUnderstood) for one in ADYEN.read_webhook(_as_posted(post)))
    assert events == {"REFUND", "REFUND_FAILED", "REFUNDED_REVERSED", "REPORT_AVAILABLE"}
    assert any(isinstance(one, Announced) for post in posts.bodies for one in ADYEN.read_webhook(_as_posted(post)))


def _as_posted(body: bytes) -> WebhookRequest:
    return WebhookRequest("POST", "/webhooks/1", "", {}, body)


# Reports


def test_the_sample_report_is_read_and_adds_up(tmp_path: Path) -> None:
    path = tmp_path / "batch"
    path.write_bytes((DATA / "synthetic" / "adyen_settlement_detail_report_batch_42.csv").read_bytes())
    report = ADYEN.read_report(ReportFile(path.name, "text/csv", path), a_period(client_id="SynthMerchantBR"))
    lines = report.lines.collect()
    assert report.completeness is not None
    assert lines["type"].to_list() == [*["CAPTURE"] * 3, *["REFUND"] * 4, "FEE", "PAYOUT"]
    assert lines["settled_net"].sum() == 0
    payout = lines.filter(lines["type"] == "PAYOUT")
    assert (payout["settled_net"].item(), payout["amount"].item()) == (Decimal(-322), 32_200)
    assert lines["pse_refund_reference"].drop_nulls().to_list() == [f"SYNREF000000000{n}" for n in (1, 2, 3, 3)]
