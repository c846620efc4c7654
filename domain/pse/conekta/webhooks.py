"""Conekta's webhooks: the header DIGEST, and what an event tells."""

import base64
import binascii
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from domain.pse.conekta import objects
from domain.pse.kit import answers
from domain.pse.kit.unreadable import Unreadable
from domain.pse.vocabulary import (
    BadNotice,
    BadSignature,
    Credentials,
    NotUnderstood,
    TellsOfRefund,
    Told,
    WebhookRequest,
)

_KEYS: Final = ("webhook_public_key", "old_webhook_public_key")


def verify(credentials: Credentials, request: WebhookRequest) -> None:
    """DIGEST is the RSA-SHA256 signature (PKCS #1 v1.5) of the body, in base64. It has no time: the same event again
    only makes us ask again. Raises BadSignature.
    """
    try:
        given = base64.b64decode(request.headers.get("digest", ""), validate=True)
    except (binascii.Error, ValueError):
        raise BadSignature("The header DIGEST is not base64.") from None
    pems = [found for name in _KEYS if (found := credentials.secrets.get(name))]
    if not any(_signed(given, request.body, pem) for pem in pems):
        raise BadSignature("The header DIGEST does not fit the body and the connection's webhook_public_key.")


def _signed(given: bytes, body: bytes, pem: str) -> bool:
    try:
        # Conekta shows its keys with the line breaks written as \\n.
        key = load_pem_public_key(pem.replace("\\n", "\n").encode())
    except ValueError as error:
        raise BadSignature("The connection's webhook_public_key is not a PEM public key.") from error
    if not isinstance(key, RSAPublicKey):
        raise BadSignature("The connection's webhook_public_key is not an RSA key.")
    try:
        key.verify(given, body, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def told(body: bytes) -> list[Told]:
    """An event shows the order as it was when it was written, so it only makes us ask. Raises BadNotice."""
    kind, about = answers.event_of(body, "Conekta")
    if not isinstance(about, dict):
        raise BadNotice(f"The {kind} event has no object.")
    try:
        return _notices(about) or [NotUnderstood(kind)]
    except Unreadable as error:
        raise BadNotice(f"The {kind} event: {error}.") from error


def _notices(about: dict[str, Any]) -> list[Told]:
    """One notice for each refund of an order, or of a charge. Raises Unreadable."""
    kind = about.get("object")
    if kind not in ("order", "charge"):
        return []
    name = about.get("id") if kind == "order" else about.get("order_id")
    listed = objects.refunds_of(about) if kind == "order" else objects.refunds_of_charge(about)
    if not isinstance(name, str):
        raise Unreadable("it does not name its order")
    return [TellsOfRefund(name, None, objects.id_of(refund), None) for refund in listed]
