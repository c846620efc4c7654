"""Stripe's webhooks: whose they are, and what they tell."""

import hashlib
import hmac
import json
from datetime import UTC, datetime

import pytest

from domain.money import Money
from domain.pse.vocabulary import BadNotice, BadSignature, NotUnderstood, Succeeded, TellsOfRefund, WebhookRequest
from tests.domain.pse.stripe.answers import CREDENTIALS, ORDER, STRIPE, a_refund

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
AT = int(NOW.timestamp())


def event(kind: str, about: object) -> bytes:
    return json.dumps({"id": "evt_1", "object": "event", "type": kind, "data": {"object": about}}).encode()


def mac(body: bytes, secret: str = "whsec_new", at: int = AT) -> str:
    return hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()


def hook(body: bytes, header: str | None = None) -> WebhookRequest:
    headers = {} if header is None else {"stripe-signature": header}
    return WebhookRequest("POST", "/webhooks/1", "", headers, body)


BODY = event("refund.updated", a_refund())


@pytest.mark.parametrize(
    "header",
    [
        f"t={AT},v1={mac(BODY)}",
        f"t={AT},v1={mac(BODY, 'whsec_old')}",
        f"t={AT},v1=bad,v1={mac(BODY)},v0=x",
        f"t={AT},v1={mac(BODY)},v1=bad_signature",
        f"t={AT - 299},v1={mac(BODY, at=AT - 299)}",
        f"t={AT}, v1={mac(BODY)}",
    ],
)
def test_any_signature_by_any_of_our_secrets_proves_a_webhook(header: str) -> None:
    STRIPE.verify_webhook(CREDENTIALS, hook(BODY, header), NOW)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "t=,v1=",
        f"v1={mac(BODY)}",
        f"t={AT}",
        f"t={AT},v0={mac(BODY)}",
        f"t={AT},v1={mac(BODY, 'whsec_other')}",
        f"t={AT},v1={mac(BODY + b' ')}",
        f"t={AT + 1},v1={mac(BODY)}",
        f"t={AT - 301},v1={mac(BODY, at=AT - 301)}",
        f"t={AT + 301},v1={mac(BODY, at=AT + 301)}",
        f"t=²,v1={mac(BODY)}",
        f"t={'9' * 5000},v1={mac(BODY)}",
        f"t={AT},v1=é",
    ],
)
def test_a_webhook_that_is_not_proven_is_nobodys(header: str | None) -> None:
    with pytest.raises(BadSignature):
        STRIPE.verify_webhook(CREDENTIALS, hook(BODY, header), NOW)


@pytest.mark.parametrize("kind", ["refund.created", "refund.updated", "refund.failed", "charge.refund.updated"])
def test_the_refund_in_an_event_counts(kind: str) -> None:
    (told,) = STRIPE.read_webhook(hook(event(kind, a_refund())))
    assert told == TellsOfRefund(
        payment_reference="pi_3Ab",
        reference=ORDER.reference,
        pse_refund_reference="re_1Ab",
        outcome=Succeeded("re_1Ab", code="succeeded"),
        amount=Money(789, "MXN"),
        payment_alias="ch_3Ab",
    )


def test_a_refund_without_an_intent_names_its_charge() -> None:
    (told,) = STRIPE.read_webhook(hook(event("refund.updated", a_refund(payment_intent=None, metadata={}))))
    assert isinstance(told, TellsOfRefund)
    assert (told.payment_reference, told.payment_alias, told.reference) == ("ch_3Ab", None, None)


def test_a_status_that_is_not_published_only_makes_us_ask() -> None:
    (told,) = STRIPE.read_webhook(hook(event("refund.updated", a_refund("new"))))
    assert isinstance(told, TellsOfRefund)
    assert told.outcome is None


@pytest.mark.parametrize("kind", ["charge.refunded", "reporting.report_run.succeeded", "plan.created"])
def test_other_events_move_nothing(kind: str) -> None:
    assert STRIPE.read_webhook(hook(event(kind, {"object": "thing"}))) == [NotUnderstood(kind)]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b'{"type": "refund.updated"}',
        b'{"type": "refund.updated", "data": []}',
        event("refund.updated", None),
        event("refund.updated", {"object": "charge"}),
        event("refund.updated", a_refund(amount="1")),
        event("refund.updated", a_refund(currency="z")),
    ],
)
def test_an_unreadable_webhook_says_what_is_wrong(body: bytes) -> None:
    with pytest.raises(BadNotice):
        STRIPE.read_webhook(hook(body))
