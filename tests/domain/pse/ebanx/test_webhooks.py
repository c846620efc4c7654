"""EBANX's notifications: whose they are, and what they tell."""

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.pse.vocabulary import (
    BadNotice,
    BadSignature,
    ChargedBack,
    Credentials,
    NotUnderstood,
    TellsOfRefund,
    WebhookRequest,
)
from tests.domain.pse.ebanx.answers import EBANX, HASH, NOW
from tests.sandbox.ebanx.server import CERTIFICATE, notification

CREDENTIALS = Credentials("https://x", "", {"integration_key": "k", "webhook_certificate": CERTIFICATE})


def _hook(body: bytes, **headers: str) -> WebhookRequest:
    return WebhookRequest("POST", "/webhooks/1", "", headers, body)


def _signed(kind: str = "refund", *hashes: str) -> WebhookRequest:
    hook = notification("http://x", kind, *(hashes or (HASH,)))
    return _hook(hook.body, **hook.headers)


def test_a_notification_signed_with_ebanxs_certificate_is_believed() -> None:
    EBANX.verify_webhook(CREDENTIALS, _signed(), NOW)
    colons = _signed()
    fingerprint = colons.headers["x-signaturefingerprint"]
    with_colons = ":".join(fingerprint[place : place + 2] for place in range(0, 40, 2))
    headers = {**colons.headers, "x-signaturefingerprint": with_colons, "x-signaturetype": "RSA, SHA1"}
    EBANX.verify_webhook(CREDENTIALS, replace(colons, headers=headers), NOW)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("x-signaturetype", "rsa,sha256"),
        ("x-signaturetype", ""),
        ("x-signaturefingerprint", "4ABAD89CF66B99998465470550EB15E3E271A246"),
        ("x-signaturefingerprint", "é"),
        ("x-signaturecontent", ""),
        ("x-signaturecontent", "not base64!"),
        ("x-signaturecontent", "YWJj"),
    ],
)
def test_a_notification_that_is_not_signed_so_is_nobodys(header: str, value: str) -> None:
    signed = _signed()
    with pytest.raises(BadSignature):
        EBANX.verify_webhook(CREDENTIALS, replace(signed, headers={**signed.headers, header: value}), NOW)


def test_a_notification_without_any_signature_or_with_another_body_is_nobodys() -> None:
    with pytest.raises(BadSignature):
        EBANX.verify_webhook(CREDENTIALS, replace(_signed(), headers={}), NOW)
    with pytest.raises(BadSignature, match="body"):
        EBANX.verify_webhook(CREDENTIALS, replace(_signed(), body=b"hash_codes=1"), NOW)


def test_a_connection_without_a_readable_certificate_believes_nothing() -> None:
    with pytest.raises(BadSignature, match="PEM"):
        EBANX.verify_webhook(replace(CREDENTIALS, secrets={"webhook_certificate": "x"}), _signed(), NOW)


def test_a_notification_makes_us_ask_about_each_of_its_payments() -> None:
    told = EBANX.read_webhook(_signed("refund", "a1", "b2"))
    assert told == [TellsOfRefund("a1", None, None, None), TellsOfRefund("b2", None, None, None)]


@pytest.mark.parametrize("kind", ["update", "another"])
def test_other_notifications_are_kept_and_move_nothing(kind: str) -> None:
    assert EBANX.read_webhook(_signed(kind, HASH)) == [NotUnderstood(f"{kind} of payment {HASH}")]


@pytest.mark.parametrize(("kind", "back"), [("chargeback", False), ("chargeback_credit", True)])
def test_a_chargeback_is_told_without_its_amount(kind: str, back: bool) -> None:
    assert EBANX.read_webhook(_signed(kind, HASH)) == [ChargedBack(HASH, None, f"{HASH}/{kind}", None, back)]


@pytest.mark.parametrize("body", [b"", b"{}", b"hash_codes=", b"operation=x", b"hash_codes=a,,b", b"hash_codes=\xff"])
def test_an_unreadable_notification_says_so(body: bytes) -> None:
    with pytest.raises(BadNotice):
        EBANX.read_webhook(_hook(body))


@given(st.binary(max_size=80))
def test_no_signed_body_breaks_the_reading(body: bytes) -> None:
    with suppress(BadNotice):
        assert EBANX.read_webhook(_hook(body))
