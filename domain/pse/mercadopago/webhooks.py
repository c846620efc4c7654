"""Mercado Pago's webhooks: `x-signature: ts=...,v1=...`, and a body that names the payment and nothing else.

The signature covers the `data.id` of the query, `x-request-id` and the time, but not the body; so the body may only
name the resource that was signed, and what it tells makes us ask. Old-style IPN and QR notices are unsigned: refused.
"""

import re
from datetime import datetime
from typing import Final
from urllib.parse import parse_qs

from domain.pse.kit import exact, signatures
from domain.pse.vocabulary import (
    BadNotice,
    BadSignature,
    Credentials,
    NotUnderstood,
    TellsOfRefund,
    Told,
    WebhookRequest,
)

# Every delivery was seen to be signed anew, but no document promises it for those that are repeated every 15 minutes.
# An old one only makes us ask once more, so an hour costs nothing and loses no repetition.
TOLERANCE_SECONDS: Final = 3600
_MILLISECONDS_FROM: Final = 10**11  # as seconds this is the year 5138: what is larger is written in milliseconds
_TIMESTAMP: Final = re.compile(r"[0-9]{1,15}")
_PAYMENT_ID: Final = re.compile(r"[0-9A-Za-z]{1,40}")


def verify(credentials: Credentials, request: WebhookRequest, now: datetime) -> None:
    """Raises BadSignature."""
    told = dict(signatures.pairs(request.headers.get("x-signature", "")))
    at, given = told.get("ts", ""), told.get("v1", "")
    if not _TIMESTAMP.fullmatch(at) or not given:
        raise BadSignature("The header x-signature is missing, or lacks ts or v1.")
    signed_id = (parse_qs(request.query).get("data.id") or [""])[0].strip()
    request_id = request.headers.get("x-request-id", "").strip()
    # An id of letters and digits is signed in lower case by the documents, as it is by the SDK: both are tried.
    manifests = {manifest(one, request_id, at) for one in (signed_id, signed_id.lower(), signed_id.upper())}
    secret = credentials.secrets["webhook_secret"]
    wanted = [digest(secret, one) for one in manifests]
    signatures.check([given], wanted, "The signature does not fit data.id, x-request-id and ts.")
    seconds = int(at) / 1000 if int(at) >= _MILLISECONDS_FROM else int(at)
    signatures.check_time(seconds, now, TOLERANCE_SECONDS)
    if signed_id and signed_id.lower() != (_named(request.body) or "").lower():
        raise BadSignature("The body names another resource than the one that was signed.")


def manifest(signed_id: str, request_id: str, at: str) -> str:
    """What is signed: absent pairs are left out, the last semicolon stays."""
    pairs = (("id", signed_id), ("request-id", request_id), ("ts", at))
    return "".join(f"{name}:{value};" for name, value in pairs if value)


def digest(secret: str, signed: str) -> str:
    """The signature of a manifest: HMAC-SHA256, hex."""
    return signatures.hmac_sha256(secret, signed).hex()


def _named(body: bytes) -> str | None:
    """`data.id`, which comes as a number or as text."""
    named = exact.inner(exact.document(body), "data", "id")
    if isinstance(named, bool) or not isinstance(named, int | str):
        return None
    return str(named)[:100] if isinstance(named, str) or abs(named) < 10**40 else None


def told(body: bytes) -> list[Told]:
    """A payment that changed makes us ask for its refunds. Raises BadNotice."""
    read = exact.document(body)
    if not isinstance(read, dict):
        raise BadNotice("The body is no object of JSON.")
    kind, action = read.get("type"), read.get("action")
    if kind != "payment":
        return [NotUnderstood(f"A notice of type {str(kind)[:40]!r}, which is not a payment's.")]
    if action == "payment.created":
        return [NotUnderstood("payment.created: a payment that has no refund yet.")]
    payment = _named(body)
    if payment is None or not _PAYMENT_ID.fullmatch(payment):
        raise BadNotice("The body has no data.id as a payment's.")
    return [TellsOfRefund(payment, None, None, None)]
