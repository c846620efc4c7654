"""Conekta's webhooks: the header DIGEST, and what an event tells."""

from datetime import datetime
from typing import Any, Final

from cryptography.hazmat.primitives.hashes import SHA256

from domain.pse.conekta import objects
from domain.pse.kit import answers, exact, signatures
from domain.pse.kit.unreadable import or_none, told_as
from domain.pse.vocabulary import BadNotice, Captured, Credentials, NotUnderstood, TellsOfRefund, Told, WebhookRequest

_PAID: Final = "order.paid"


def verify(credentials: Credentials, request: WebhookRequest, now: datetime) -> None:
    """DIGEST is the RSA-SHA256 signature of the body. It has no time: the same event again only makes us ask again.

    Raises BadSignature.
    """
    keys = signatures.public_keys(credentials, "webhook_public_key", "old_webhook_public_key")
    signatures.check_rsa(request, "DIGEST", keys, SHA256(), "webhook_public_key")


def told(body: bytes) -> list[Told]:
    """An event shows the order as it was when it was written, so it only makes us ask. Raises BadNotice."""
    kind, about = answers.event_of(body, "Conekta")
    if not isinstance(about, dict):
        raise BadNotice(f"The {kind} event has no object.")
    with told_as(BadNotice, f"The {kind} event"):
        found = _notices(about)
    shown = or_none(lambda: objects.shown_of(about)) if kind == _PAID and not found else None
    return [Captured(shown)] if shown is not None else found or [NotUnderstood(kind)]


def _notices(about: dict[str, Any]) -> list[Told]:
    """One notice for each refund of an order, or of a charge. Raises Unreadable."""
    kind = about.get("object")
    if kind not in ("order", "charge"):
        return []
    name = exact.needed(about, "id" if kind == "order" else "order_id")
    listed = objects.refunds_of(about) if kind == "order" else objects.shown(about, "refunds")
    return [TellsOfRefund(name, None, exact.needed(refund, "id"), None) for refund in listed]
