"""Mercado Pago's webhooks: whose they are, and what they tell."""

import contextlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.pse.mercadopago import webhooks
from domain.pse.vocabulary import BadNotice, BadSignature, NotUnderstood, TellsOfRefund, WebhookRequest
from tests.domain.pse.mercadopago.answers import ANY_OBJECT, CREDENTIALS, PSE, SECRET

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SECONDS = int(NOW.timestamp())


def _hook(
    named: str = "17014025134",
    *,
    at: int = SECONDS,
    query: str | None = None,
    signed: str | None = None,
    body: object = None,
    request_id: str = "r-1",
) -> WebhookRequest:
    told = {"action": "payment.updated", "type": "payment", "data": {"id": named}} if body is None else body
    mac = webhooks.digest(SECRET, webhooks.manifest(signed or named, request_id, str(at)))
    headers = {"x-signature": f"ts={at},v1={mac}", **({"x-request-id": request_id} if request_id else {})}
    given_query = f"data.id={named}&type=payment" if query is None else query
    return WebhookRequest("POST", "/webhooks/1", given_query, headers, json.dumps(told).encode())


@pytest.mark.parametrize(
    "request_",
    [
        _hook(),
        _hook(at=SECONDS * 1000),
        _hook(at=(SECONDS - 3_500) * 1000),
        _hook(request_id=""),
        _hook("ORD01ABC", signed="ord01abc"),
        _hook("ord01abc", signed="ORD01ABC"),
        _hook(body={"type": "payment", "data": {"id": 17014025134}}),
    ],
)
def test_a_signed_webhook_is_taken_in_either_unit_and_either_case(request_: WebhookRequest) -> None:
    PSE.verify_webhook(CREDENTIALS, request_, NOW)


@pytest.mark.parametrize(
    "request_",
    [
        _hook(signed="17014025135"),
        _hook(query=""),
        _hook(query="data.id=1"),
        _hook(at=SECONDS - 3_700),
        _hook(at=SECONDS + 3_700),
        _hook(at=(SECONDS - 3_700) * 1000),
        _hook(body={"type": "payment", "data": {"id": "18"}}),
        _hook(body={"type": "payment"}),
        replace(_hook(), headers={"x-request-id": "r-1"}),
        replace(_hook(), headers={**_hook().headers, "x-request-id": "r-2"}),
        replace(_hook(), headers={"x-signature": "this-is-garbage"}),
        replace(_hook(), headers={"x-signature": f"ts={SECONDS}"}),
        replace(_hook(), headers={"x-signature": "v1=ab"}),
        replace(_hook(), headers={"x-signature": f"ts={SECONDS},v2=ab"}),
        replace(_hook(), headers={"x-signature": "ts=-1,v1=\u00e9"}),
        replace(_hook(), headers={"x-signature": f"ts={SECONDS},v1=\u00e9"}),
        WebhookRequest("POST", "/webhooks/1", "", {}, b'{"type": "payment", "data": {"id": "1"}}'),  # of a QR order
    ],
)
def test_a_webhook_that_is_not_signed_for_this_resource_is_nobodys(request_: WebhookRequest) -> None:
    with pytest.raises(BadSignature):
        PSE.verify_webhook(CREDENTIALS, request_, NOW)


def test_a_notice_names_the_payment_and_proves_nothing() -> None:
    assert PSE.read_webhook(_hook()) == [TellsOfRefund("17014025134", None, None, None)]


@pytest.mark.parametrize(
    "body", [{"type": "topic_claims_integration_wh"}, {"type": "payment", "action": "payment.created"}, {}]
)
def test_what_tells_of_no_refund_moves_nothing(body: dict[str, Any]) -> None:
    (told,) = PSE.read_webhook(_hook(body=body))
    assert isinstance(told, NotUnderstood)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"\xff", b'{"type": "payment"}', b'{"type": "payment", "data": {"id": true}}', b"[" * 100_000,
     b'{"type": "payment", "data": {"id": "../1"}}'],
)  # fmt: skip
def test_an_unreadable_webhook_says_so(body: bytes) -> None:
    with pytest.raises(BadNotice):
        PSE.read_webhook(WebhookRequest("POST", "/webhooks/1", "", {}, body))


@given(st.binary(max_size=60) | ANY_OBJECT.map(lambda value: json.dumps(value).encode()))
def test_nothing_in_a_body_breaks_the_reading_of_a_webhook(body: bytes) -> None:
    with contextlib.suppress(BadNotice):
        PSE.read_webhook(WebhookRequest("POST", "/webhooks/1", "", {}, body))
