"""Conekta's webhooks: whose they are, and what they tell."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from domain.pse.vocabulary import BadNotice, BadSignature, NotUnderstood, TellsOfRefund, WebhookRequest
from tests.domain.pse.conekta.answers import CONEKTA, CREDENTIALS, KEY, OLD_KEY, a_list, a_refund, an_order, pem

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def event(kind: str, about: object) -> bytes:
    return json.dumps({"id": "e1", "object": "event", "type": kind, "data": {"object": about}}).encode()


def hook(body: bytes, digest: str | None = None) -> WebhookRequest:
    return WebhookRequest("POST", "/webhooks/1", "", {} if digest is None else {"digest": digest}, body)


def signature(body: bytes, key: rsa.RSAPrivateKey = KEY) -> str:
    return base64.b64encode(key.sign(body, PKCS1v15(), SHA256())).decode()


BODY = event("order.refunded", an_order(a_refund()))


@pytest.mark.parametrize("key", [KEY, OLD_KEY], ids=["new", "old"])
def test_a_webhook_signed_with_the_key_or_the_one_before_is_authentic(key: rsa.RSAPrivateKey) -> None:
    CONEKTA.verify_webhook(CREDENTIALS, hook(BODY, signature(BODY, key)), NOW)


def test_a_key_with_written_line_breaks_is_read() -> None:
    secrets = {"api_key": "k", "webhook_public_key": pem(KEY).replace("\n", "\\n")}
    CONEKTA.verify_webhook(replace(CREDENTIALS, secrets=secrets), hook(BODY, signature(BODY)), NOW)


@pytest.mark.parametrize(
    "digest",
    [
        None,
        "",
        "%%%",
        "é",
        "AAAA",
        signature(BODY + b" "),
        signature(BODY, rsa.generate_private_key(public_exponent=65537, key_size=2048)),
    ],
    ids=["missing", "empty", "no base64", "no ASCII", "too short", "of another body", "by another key"],
)
def test_a_webhook_that_is_not_proven_is_nobodys(digest: str | None) -> None:
    with pytest.raises(BadSignature):
        CONEKTA.verify_webhook(CREDENTIALS, hook(BODY, digest), NOW)


@pytest.mark.parametrize(
    "key", ["", "no pem", pem(ec.generate_private_key(ec.SECP256R1()))], ids=["none", "no PEM", "no RSA"]
)
def test_without_a_key_of_ours_no_webhook_is_authentic(key: str) -> None:
    secrets = {"api_key": "k", "webhook_public_key": key}
    with pytest.raises(BadSignature):
        CONEKTA.verify_webhook(replace(CREDENTIALS, secrets=secrets), hook(BODY, signature(BODY)), NOW)


def test_an_event_only_makes_us_ask_about_each_refund_of_its_order() -> None:
    order = an_order(a_refund("a"), a_refund("b", status="pending"))
    for body in (event("order.partially_refunded", order), event("charge.refunded", order["charges"]["data"][0])):
        assert CONEKTA.read_webhook(hook(body)) == [TellsOfRefund("ord_2Ab", None, name, None) for name in ("a", "b")]


@pytest.mark.parametrize(
    "body",
    [event("order.pending_payment", an_order()), event("webhook_ping", {}), event("customer.created", {"object": "c"})],
)
def test_other_events_move_nothing(body: bytes) -> None:
    (told,) = CONEKTA.read_webhook(hook(body))
    assert isinstance(told, NotUnderstood)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        event("order.refunded", None),
        event("order.refunded", an_order(7)),
        event("order.refunded", an_order(a_refund(), id=None)),
        event("order.refunded", an_order({"id": 7})),
        event("charge.refunded", {"object": "charge", "refunds": a_list(has_more=True)}),
    ],
)
def test_an_unreadable_webhook_says_what_is_wrong(body: bytes) -> None:
    with pytest.raises(BadNotice):
        CONEKTA.read_webhook(hook(body))
