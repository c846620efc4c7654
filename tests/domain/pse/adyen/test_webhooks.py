"""Adyen's webhooks without a network: whose they are, and what each event tells. The vectors are our own."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import Money
from domain.pse.adyen.connector import Adyen
from domain.pse.vocabulary import (
    Accepted,
    Announced,
    BadNotice,
    BadSignature,
    ChargedBack,
    Credentials,
    Declined,
    NotUnderstood,
    Outcome,
    Returned,
    Succeeded,
    TellsOfRefund,
    WebhookRequest,
)
from tests.domain.pse.fuzz import JSON
from tests.sandbox.adyen.server import ACCOUNT, HMAC_KEY, posted, signed
from tests.schemas import adyen as schemas

ADYEN = Adyen()
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
OLD_KEY = "AB" * 32
CREDENTIALS = Credentials("https://x/v72", ACCOUNT, {"api_key": "k", "hmac_key": HMAC_KEY})


def an_item(**more: Any) -> dict[str, Any]:
    item = {
        "amount": {"currency": "BRL", "value": 1_000},
        "eventCode": "REFUND",
        "eventDate": "2026-11-23T12:00:00+01:00",
        "merchantAccountCode": ACCOUNT,
        "merchantReference": "abcdefghij0123456789",
        "originalReference": "PAYMENTREFERENCE",
        "paymentMethod": "pix",
        "pspReference": "REFUNDREFERENCE1",
        "reason": "",
        "success": "true",
    }
    return {name: value for name, value in {**item, **more}.items() if value is not None}


def a_hook(*items: dict[str, Any], **headers: str) -> WebhookRequest:
    return WebhookRequest("POST", "/webhooks/1", "", headers, posted("", list(items)).body)


def _raw(*items: dict[str, Any]) -> WebhookRequest:
    wrapped = [{"NotificationRequestItem": item} for item in items]
    body = json.dumps({"live": "false", "notificationItems": wrapped}).encode()
    return WebhookRequest("POST", "/webhooks/1", "", {}, body)


# Whose they are


def test_an_item_with_a_fixed_key_has_a_fixed_signature() -> None:
    item = signed(an_item(), "00" * 32)
    # HMAC-SHA256 with 32 zero bytes of REFUNDREFERENCE1:PAYMENTREFERENCE:EstornoTestBR:abc...:1000:BRL:REFUND:true
    assert item["additionalData"]["hmacSignature"] == "uQ7yhS57YYuBcuRjc0L4Ukri0sh3CBmtZ2T7RgP/fEU="


def test_what_the_sandbox_posts_has_the_published_shape() -> None:
    schemas.check(schemas.WEBHOOK, json.loads(a_hook(an_item(), an_item(success="false")).body))


def test_every_item_of_a_post_is_verified() -> None:
    ADYEN.verify_webhook(CREDENTIALS, a_hook(an_item(), an_item(success="false")), NOW)
    forged = {**signed(an_item()), "success": "false"}
    for items in ([signed(an_item()), forged], [forged, signed(an_item())]):
        with pytest.raises(BadSignature):
            ADYEN.verify_webhook(CREDENTIALS, _raw(*items), NOW)


@pytest.mark.parametrize(
    "changed",
    [
        {"pspReference": "REFUNDREFERENCE2"},
        {"originalReference": "OTHERPAYMENT0000"},
        {"originalReference": None},
        {"merchantAccountCode": "Other"},
        {"merchantReference": "zzzzzzzzzz0123456789"},
        {"amount": {"currency": "BRL", "value": 1_001}},
        {"amount": {"currency": "USD", "value": 1_000}},
        {"amount": None},
        {"eventCode": "REFUND_FAILED"},
        {"success": "false"},
        {"success": True},
        {"additionalData": {}},
        {"additionalData": {"hmacSignature": ""}},
        {"additionalData": {"hmacSignature": 1}},
        {"additionalData": {"hmacSignature": "\ud800"}},
        {"additionalData": None},
    ],
)
def test_a_change_of_any_signed_field_is_noticed(changed: dict[str, Any]) -> None:
    with pytest.raises(BadSignature):
        ADYEN.verify_webhook(CREDENTIALS, _raw({**signed(an_item()), **changed}), NOW)


def test_what_is_not_signed_may_change_and_decides_nothing() -> None:
    changed = {**signed(an_item()), "reason": "REFUND_FAILED success=false", "eventDate": "1999-01-01T00:00:00Z"}
    request = _raw(changed)
    ADYEN.verify_webhook(CREDENTIALS, request, NOW)
    (notice,) = ADYEN.read_webhook(request)
    assert isinstance(notice, TellsOfRefund)
    assert notice.outcome == Succeeded("REFUNDREFERENCE1", None, "REFUND")


def test_an_authentic_item_about_another_account_is_nobodys() -> None:
    with pytest.raises(BadSignature, match="another merchant account"):
        ADYEN.verify_webhook(CREDENTIALS, a_hook(an_item(), an_item(merchantAccountCode="Other")), NOW)


def test_colons_cannot_move_what_is_signed_from_one_field_to_the_next() -> None:
    # The same signed text, cut at other colons: a shopper's order name must not become an outcome.
    item = signed(
        an_item(eventCode="AUTHORISATION", merchantReference="x:5000:BRL:REFUND:true", originalReference=None)
    )
    ADYEN.verify_webhook(CREDENTIALS, _raw(item), NOW)
    moved = {**item, "merchantReference": "x", "amount": {"currency": "BRL", "value": 5_000}, "eventCode": "REFUND"}
    for change in (
        {**moved, "success": "true:1000:BRL:AUTHORISATION:true"},
        {**item, "pspReference": "REFUNDREFERENCE1:", "originalReference": f"{ACCOUNT}:x", "merchantReference": "5000"},
    ):
        with pytest.raises(BadSignature):
            ADYEN.verify_webhook(CREDENTIALS, _raw(change), NOW)
    shifted = {**signed(an_item()), "pspReference": "REFUNDREFERENCE1:PAYMENTREFERENCE", "originalReference": ACCOUNT}
    with pytest.raises(BadSignature, match="colon"):
        ADYEN.verify_webhook(CREDENTIALS, _raw(shifted), NOW)


def test_the_old_key_is_taken_while_it_is_kept() -> None:
    request = _raw(signed(an_item(), OLD_KEY))
    with pytest.raises(BadSignature, match="none of the connection's"):
        ADYEN.verify_webhook(CREDENTIALS, request, NOW)
    both = Credentials("https://x/v72", ACCOUNT, {"hmac_key": HMAC_KEY, "hmac_key_old": OLD_KEY.lower()})
    ADYEN.verify_webhook(both, request, NOW)
    ADYEN.verify_webhook(both, a_hook(an_item()), NOW)


@pytest.mark.parametrize("key", ["", "not hexadecimal", "ABC"])
def test_a_connection_without_a_usable_key_believes_nobody(key: str) -> None:
    empty = _raw(signed(an_item(), ""))
    with pytest.raises(BadSignature):
        ADYEN.verify_webhook(Credentials("https://x/v72", ACCOUNT, {"hmac_key": key}), empty, NOW)


def test_basic_authentication_is_wanted_where_the_connection_has_it() -> None:
    secrets = {"hmac_key": HMAC_KEY, "webhook_user": "adyen", "webhook_password": "pass:word"}
    wanted = Credentials("https://x/v72", ACCOUNT, secrets)
    right = "Basic " + base64.b64encode(b"adyen:pass:word").decode()
    ADYEN.verify_webhook(wanted, a_hook(an_item(), authorization=right), NOW)
    for headers in ({}, {"authorization": "Basic x"}, {"authorization": right[:-1]}, {"authorization": "é"}):
        with pytest.raises(BadSignature, match="user name and password"):
            ADYEN.verify_webhook(wanted, a_hook(an_item(), **headers), NOW)


BROKEN = [
    b"",
    b"\xff",
    b"[]",
    b"{}",
    b"null",
    b'{"notificationItems": []}',
    b'{"notificationItems": 1}',
    b'{"notificationItems": [1]}',
    b'{"notificationItems": [{}]}',
    b'{"notificationItems": [{"NotificationRequestItem": []}]}',
    b"[" * 100_000,
]


@pytest.mark.parametrize("body", BROKEN)
def test_what_is_no_webhook_of_adyen_is_refused_with_what_is_wanted(body: bytes) -> None:
    request = WebhookRequest("POST", "/webhooks/1", "", {}, body)
    with pytest.raises(BadSignature, match="notificationItems"):
        ADYEN.verify_webhook(CREDENTIALS, request, NOW)
    with pytest.raises(BadNotice, match="notificationItems"):
        ADYEN.read_webhook(request)


@given(st.dictionaries(st.sampled_from([*an_item(), "additionalData"]), JSON, max_size=4))
def test_no_item_breaks_the_reading_and_none_is_believed_unsigned(changed: dict[str, Any]) -> None:
    request = _raw({**an_item(), **changed})
    with pytest.raises(BadSignature):
        ADYEN.verify_webhook(CREDENTIALS, request, NOW)
    (told,) = ADYEN.read_webhook(request)
    assert isinstance(told, TellsOfRefund | Announced | NotUnderstood)


# What they tell


@pytest.mark.parametrize(
    ("event", "success", "outcome"),
    [
        ("REFUND", "true", Succeeded("REFUNDREFERENCE1", None, "REFUND")),
        ("REFUND", "false", Declined("REFUND_REFUSED", "Insufficient balance on payment", "REFUNDREFERENCE1")),
        ("REFUND_FAILED", "true", Returned("REFUND_FAILED", "Insufficient balance on payment", "REFUNDREFERENCE1")),
        (
            "REFUNDED_REVERSED",
            "true",
            Returned("REFUNDED_REVERSED", "Insufficient balance on payment", "REFUNDREFERENCE1"),
        ),
        ("POSTPONED_REFUND", "true", Accepted("REFUNDREFERENCE1", "POSTPONED_REFUND")),
    ],
)
def test_what_an_event_proves(event: str, success: str, outcome: Outcome) -> None:
    item = an_item(eventCode=event, success=success, reason="Insufficient balance on payment")
    assert ADYEN.read_webhook(a_hook(item)) == [
        TellsOfRefund(
            "PAYMENTREFERENCE", "abcdefghij0123456789", "REFUNDREFERENCE1", outcome, False, Money(1_000, "BRL")
        )
    ]


@pytest.mark.parametrize(
    ("event", "success"),
    [
        ("AUTHORISATION", "true"),
        ("CAPTURE", "true"),
        ("CANCEL_OR_REFUND", "true"),
        ("REFUND_WITH_DATA", "true"),
        ("VOID_PENDING_REFUND", "true"),
        ("CHARGEBACK", "false"),
        ("NOTIFICATION_OF_CHARGEBACK", "true"),
        ("REFUND_FAILED", "false"),
        ("REFUNDED_REVERSED", "false"),
        ("POSTPONED_REFUND", "false"),
        ("AN_EVENT_OF_TOMORROW", "true"),
    ],
)
def test_other_events_are_kept_and_move_nothing(event: str, success: str) -> None:
    (told,) = ADYEN.read_webhook(a_hook(an_item(eventCode=event, success=success)))
    assert isinstance(told, NotUnderstood)
    assert event in told.what


@pytest.mark.parametrize("event", ["CHARGEBACK", "SECOND_CHARGEBACK", "CHARGEBACK_REVERSED"])
def test_each_stage_of_a_dispute_that_moves_money_has_its_own_name(event: str) -> None:
    (told,) = ADYEN.read_webhook(a_hook(an_item(eventCode=event)))
    name = f"REFUNDREFERENCE1/{event}"
    assert told == ChargedBack("PAYMENTREFERENCE", None, name, Money(1_000, "BRL"), event.endswith("REVERSED"))


def test_one_item_that_cannot_be_read_does_not_silence_the_others() -> None:
    strange = an_item(amount={"currency": "JPY", "value": 1_000})
    odd = an_item(amount={"currency": "CLP", "value": 1_050})
    told = ADYEN.read_webhook(a_hook(strange, an_item(), odd))
    assert [type(one) for one in told] == [NotUnderstood, TellsOfRefund, NotUnderstood]


def test_the_amount_of_a_refund_in_chile_is_in_pesos() -> None:
    (told,) = ADYEN.read_webhook(a_hook(an_item(amount={"currency": "CLP", "value": 199_000})))
    assert isinstance(told, TellsOfRefund)
    assert told.amount == Money(1_990, "CLP")


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("settlement_detail_report_batch_42.csv", True),
        ("LojaBR_settlement_detail_report_batch_7.csv", True),
        ("settlement_detail_report_batch_42.xlsx", False),
        ("settlement_detail_report_batch_.csv", False),
        ("payments_accounting_report_2026_11_23.csv", False),
        ("../settlement_detail_report_batch_42.csv", False),
        ("https://evil.example/settlement_detail_report_batch_42.csv", False),
        ("settlement_detail_report_batch_42.csv?x", False),
        ("settlement_detail_report_batch_٤.csv", False),
    ],
)
def test_only_settlement_details_are_announced_and_by_their_name_alone(name: str, ours: bool) -> None:
    item = an_item(
        eventCode="REPORT_AVAILABLE",
        pspReference=name,
        originalReference=None,
        reason="https://evil.example/settlement_detail_report_batch_666.csv",
    )
    (told,) = ADYEN.read_webhook(a_hook(item))
    assert told == Announced(name) if ours else isinstance(told, NotUnderstood)
