"""dLocal's notifications: whose they are, and what they tell."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given

from domain.money import Money
from domain.pse.dlocal.auth import signature
from domain.pse.vocabulary import (
    BadNotice,
    BadSignature,
    Declined,
    NotUnderstood,
    Succeeded,
    TellsOfRefund,
    WebhookRequest,
)
from tests.domain.pse.dlocal.answers import CREDENTIALS, DLOCAL, ORDER, bodies, refund

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def _hook(
    told: object,
    *,
    date: datetime = NOW,
    secret: str = "s3cret",
    drop: str = "",
    headers: Mapping[str, str] = MappingProxyType({}),
) -> WebhookRequest:
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    when = date.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    made = {
        "x-login": "login",
        "x-date": when,
        "authorization": f"V2-HMAC-SHA256, Signature: {signature('login', when, body, secret)}",
        **headers,
    }
    made.pop(drop, None)
    return WebhookRequest("POST", "/webhooks/1", "", made, body)


@pytest.mark.parametrize("age", [timedelta(0), timedelta(days=7), -timedelta(minutes=4)])
@pytest.mark.parametrize("drop", ["", "x-login"])
def test_a_signed_notification_is_believed(age: timedelta, drop: str) -> None:
    DLOCAL.verify_webhook(CREDENTIALS, _hook(refund(), date=NOW - age, drop=drop), NOW)


@pytest.mark.parametrize(
    "request_",
    [
        _hook(refund(), secret="another"),
        _hook(refund(), drop="authorization"),
        _hook(refund(), drop="x-date"),
        _hook(refund(), date=NOW - timedelta(days=9)),
        _hook(refund(), date=NOW + timedelta(minutes=6)),
        replace(_hook(refund()), body=json.dumps(refund("REJECTED", 300)).encode()),
        _hook(refund(), headers={"x-login": "another"}),
        _hook(refund(), headers={"x-date": "yesterday"}),
        _hook(refund(), headers={"authorization": "V2-HMAC-SHA256, Signature: "}),
        _hook(refund(), headers={"authorization": "Basic abc"}),
    ],
)
def test_a_notification_that_is_not_signed_by_dlocal_now_is_nobodys(request_: WebhookRequest) -> None:
    with pytest.raises(BadSignature):
        DLOCAL.verify_webhook(CREDENTIALS, request_, NOW)


def test_a_signed_date_that_is_no_time_is_refused() -> None:
    body = b"{}"
    signed = f"V2-HMAC-SHA256, Signature: {signature('login', 'soon', body, 's3cret')}"
    hook = WebhookRequest("POST", "/", "", {"x-date": "soon", "authorization": signed}, body)
    with pytest.raises(BadSignature, match="ISO 8601"):
        DLOCAL.verify_webhook(CREDENTIALS, hook, NOW)


def test_a_notification_tells_of_the_refund_with_its_amount() -> None:
    (told,) = DLOCAL.read_webhook(_hook(refund()))
    outcome = Succeeded("REF42342", code="SUCCESS")
    assert told == TellsOfRefund(ORDER.payment_reference, None, "REF42342", outcome, amount=Money(789, "BRL"))


def test_a_notification_that_leaves_things_out_is_read_as_far_as_it_goes() -> None:
    told = {"id": "REF1", "payment_id": "D-1", "status": "REJECTED", "status_code": "300", "order_refund_id": "ours"}
    (notice,) = DLOCAL.read_webhook(_hook(told))
    outcome = Declined("REJECTED", "dLocal gave no reason.", "REF1")
    assert notice == TellsOfRefund("D-1", "ours", "REF1", outcome)


def test_a_notification_without_order_refund_id_names_our_refund_by_its_idempotency_key() -> None:
    (one,) = DLOCAL.read_webhook(_hook(refund(idempotency_key="ours")))
    (other,) = DLOCAL.read_webhook(_hook(refund(idempotency_key="key", order_refund_id="ours")))
    assert isinstance(one, TellsOfRefund)
    assert isinstance(other, TellsOfRefund)
    assert (one.reference, other.reference) == ("ours", "ours")


@pytest.mark.parametrize("strange", [{"status": "PAID"}, {"status_code": 300}, {"amount": "7,89"}, {"currency": "XXX"}])
def test_a_notification_that_is_not_clear_only_makes_us_ask(strange: dict[str, Any]) -> None:
    (notice,) = DLOCAL.read_webhook(_hook(refund(**strange)))
    assert isinstance(notice, TellsOfRefund)
    assert notice.outcome is None


def test_a_payments_notification_is_not_understood_although_its_statuses_sound_the_same() -> None:
    payment = {"id": "D-4-1", "status": "REJECTED", "status_code": "300", "order_id": "o", "amount": 1}
    (told,) = DLOCAL.read_webhook(_hook(payment))
    assert isinstance(told, NotUnderstood)


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b"\xff", b"{"])
def test_an_unreadable_notification_says_so(body: bytes) -> None:
    with pytest.raises(BadNotice, match="refund object"):
        DLOCAL.read_webhook(_hook(body))


@given(bodies)
def test_no_signed_body_breaks_the_reading(body: bytes) -> None:
    try:
        told = DLOCAL.read_webhook(_hook(body))
    except BadNotice:
        return
    assert all(isinstance(one, TellsOfRefund | NotUnderstood) for one in told)
