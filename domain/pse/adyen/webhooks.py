"""Adyen's webhooks (Webhooks-v1): the signature of each item, and what each event code means.

Signed are eight fields and nothing else. `reason` and `eventDate` are words for people: they decide nothing, and the
download URL in the `reason` of a REPORT_AVAILABLE is never followed.
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import httpx

from domain.money import MoneyError
from domain.pse.adyen import amounts
from domain.pse.adyen.reports import is_settlement_details
from domain.pse.kit import exact, signatures
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
    Told,
    WebhookRequest,
)

_EVENT: Final = re.compile(r"[A-Z_]{1,60}")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_VALUE: Final = re.compile(r"-?[0-9]{1,19}")
_REASON_CHARACTERS_MAX: Final = 300
# Stages of a dispute that move money, and whether it comes back; others (a request for information) move none.
_DISPUTES: Final = {"CHARGEBACK": False, "SECOND_CHARGEBACK": False, "CHARGEBACK_REVERSED": True}
NoticeItem = Mapping[str, Any]


def verify(credentials: Credentials, request: WebhookRequest, now: datetime) -> None:
    """Every item is signed by one of our keys and is about our account. Raises BadSignature.

    No time is signed; an old webhook told again moves nothing that is known already.
    """
    _check_basic(credentials, request)
    try:
        items = _items(request.body)
    except BadNotice as error:
        raise BadSignature(str(error)) from error
    keys = [_key(secret) for secret in signatures.secrets_of(credentials, "hmac_key", "hmac_key_old")]
    for item in items:
        _check(item, keys, credentials.client_id)


def _check_basic(credentials: Credentials, request: WebhookRequest) -> None:
    user = credentials.secrets.get("webhook_user")
    if not user:
        return
    wanted = httpx.BasicAuth(user, credentials.secrets.get("webhook_password", ""))
    header = next(wanted.auth_flow(httpx.Request("POST", "https://x"))).headers["authorization"]
    said = "The webhook does not carry the connection's user name and password."
    signatures.check([request.headers.get("authorization", "")], [header], said)


def _key(text: str) -> bytes:
    try:
        return binascii.a2b_hex(text)
    except (binascii.Error, ValueError) as error:
        raise BadSignature("The connection's HMAC key is not hexadecimal: copy it again from Adyen.") from error


def _check(item: NoticeItem, keys: Sequence[bytes], account: str) -> None:
    signed = _signed_text(item)
    given = exact.inner(item, "additionalData", "hmacSignature")
    if not isinstance(given, str):
        raise BadSignature("An item of the webhook has no hmacSignature.")
    wanted = [base64.b64encode(signatures.hmac_sha256(key, signed)).decode() for key in keys]
    signatures.check([given], wanted, "The signature of an item fits none of the connection's HMAC keys.")
    if item.get("merchantAccountCode") != account:
        raise BadSignature("An item of the webhook is about another merchant account.")


def _signed_text(item: NoticeItem) -> str:
    """The eight fields joined by colons, unescaped as Adyen does it. Raises BadSignature.

    A colon inside a field could move what is signed as one field into the next, so only the merchant's own reference,
    which stands between fields of strict forms, may have any: the text can then be split in one way alone.
    """
    value, currency = (exact.inner(item, "amount", name) for name in ("value", "currency"))
    names = ("pspReference", "originalReference", "merchantAccountCode", "merchantReference")
    texts = [item.get(name) if item.get(name) is not None else "" for name in names]
    event, success = item.get("eventCode"), item.get("success")
    number = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else "?"
    strict = ((number, _VALUE), (currency, _CURRENCY), (event, _EVENT))
    if not all(isinstance(text, str) and pattern.fullmatch(text) for text, pattern in strict):
        raise BadSignature("An item of the webhook lacks its amount or its eventCode.")
    if success not in ("true", "false") or not all(isinstance(text, str) for text in texts):
        raise BadSignature("An item of the webhook has a field of another type than Adyen's.")
    if any(":" in str(text) for text in texts[:3]):
        raise BadSignature("An item of the webhook has a colon where Adyen has none.")
    return ":".join(str(part) for part in (*texts, number, currency, event, success))


def _items(body: bytes) -> Sequence[NoticeItem]:
    """The items of the body, at least one. Raises BadNotice."""
    listed = exact.objects(exact.inner(exact.document(body), "notificationItems")) or []
    items = exact.objects([wrapped.get("NotificationRequestItem") for wrapped in listed])
    if not items:
        raise BadNotice("The body is not {notificationItems: [{NotificationRequestItem}]} as Adyen has it.")
    return items


def told(body: bytes) -> list[Told]:
    """What each item tells, in their order. Raises BadNotice."""
    return [_told(item) for item in _items(body)]


def _told(item: NoticeItem) -> Told:
    event, reference = str(item.get("eventCode")), exact.text(item, "pspReference")
    if event == "REPORT_AVAILABLE":
        return _announced(item.get("pspReference"))
    if event in _DISPUTES and item.get("success") == "true":
        return _charged_back(event, item)
    outcome = outcome_of(event, item) if reference is not None else None
    if outcome is None:
        return NotUnderstood(f"{event} success={item.get('success')} {item.get('pspReference')}"[:200])
    try:
        amount = amounts.read(item.get("amount"))
    except MoneyError as error:
        return NotUnderstood(f"{event} {reference}: {error}"[:200])
    return TellsOfRefund(
        payment_reference=exact.text(item, "originalReference"),
        reference=exact.text(item, "merchantReference"),
        pse_refund_reference=reference,
        outcome=outcome,
        amount=amount,
    )


def _charged_back(event: str, item: NoticeItem) -> Told:
    reference, payment = exact.text(item, "pspReference"), exact.text(item, "originalReference")
    try:
        amount = amounts.read(item.get("amount"))
    except MoneyError as error:
        return NotUnderstood(f"{event} {reference}: {error}"[:200])
    if reference is None or payment is None:
        return NotUnderstood(f"{event} {reference} of no payment"[:200])
    return ChargedBack(payment, None, f"{reference}/{event}", amount, _DISPUTES[event])


def _announced(name: object) -> Told:
    if isinstance(name, str) and is_settlement_details(name):
        return Announced(name)
    return NotUnderstood(f"REPORT_AVAILABLE {name}: not a settlement details report in CSV"[:200])


def outcome_of(event: str, item: NoticeItem) -> Outcome | None:
    """What a signed event proves about a refund; None for an event that is not known to speak of one.

    Everything that Adyen sends after the money left is a return: it had answered REFUND true before.
    """
    reference, reason = exact.text(item, "pspReference"), item.get("reason")
    said = reason[:_REASON_CHARACTERS_MAX] if isinstance(reason, str) and reason else "Adyen gives no reason."
    match event, item.get("success"):
        case "REFUND", "true":
            return Succeeded(reference, code="REFUND")
        case "REFUND", "false":
            return Declined("REFUND_REFUSED", said, reference)
        case "REFUND_FAILED" | "REFUNDED_REVERSED", "true":
            return Returned(event, said, reference)
        case "POSTPONED_REFUND", "true":
            return Accepted(reference, event)
    return None
