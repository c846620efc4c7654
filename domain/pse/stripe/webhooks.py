"""Stripe's webhooks: the Stripe-Signature scheme v1, and what its events tell."""

from datetime import datetime
from typing import Any, Final

from domain.pse.kit import answers, exact, signatures
from domain.pse.kit.unreadable import or_none, told_as
from domain.pse.stripe import objects
from domain.pse.vocabulary import (
    BadNotice,
    BadSignature,
    Captured,
    ChargedBack,
    Credentials,
    NotUnderstood,
    TellsOfRefund,
    Told,
    WebhookRequest,
)

TOLERANCE_SECONDS: Final = 300
_OF_REFUNDS: Final = frozenset({"refund.created", "refund.updated", "refund.failed", "charge.refund.updated"})

# The object of these is the charge; that it is signed is all that a payment needs to be one.
_OF_CAPTURES: Final = frozenset({"charge.succeeded", "charge.captured"})
# Events of a dispute that moved money, and whether it came back: others only tell how the dispute goes.
_OF_DISPUTES: Final = {"charge.dispute.funds_withdrawn": False, "charge.dispute.funds_reinstated": True}


def verify(credentials: Credentials, request: WebhookRequest, now: datetime) -> None:
    """`t=<unix>,v1=<hex>[,v1=…]`: any v1 may be HMAC-SHA256 of `t.body` by any of our secrets. Raises BadSignature."""
    parts = signatures.pairs(request.headers.get("stripe-signature", ""))
    at = next((value for name, value in parts if name == "t"), "")
    given = [value for name, value in parts if name == "v1"]
    if not at.isascii() or not at.isdigit() or len(at) > 12 or not given:
        raise BadSignature("The header Stripe-Signature is missing, or has no t or no v1.")
    secrets = signatures.secrets_of(credentials, "webhook_secret", "old_webhook_secret")
    signed = f"{at}.".encode() + request.body
    wanted = [signatures.hmac_sha256(secret, signed).hex() for secret in secrets]
    signatures.check(given, wanted, "No v1 signature fits the body and the connection's webhook_secret.")
    signatures.check_time(int(at), now, TOLERANCE_SECONDS)


def told(body: bytes) -> list[Told]:
    """The refund in an event is signed, so its status counts, in whatever order events come. Raises BadNotice.

    `charge.refunded` comes beside the refund's own event, and `reporting.report_run.succeeded` tells of a run that the
    night itself has started and waits for: neither says more.
    """
    kind, about = answers.event_of(body, "Stripe")
    if kind in _OF_DISPUTES:
        return [_charged_back(kind, about)]
    if kind in _OF_CAPTURES:
        shown = or_none(lambda: objects.shown_of(about))
        return [NotUnderstood(kind) if shown is None else Captured(shown)]
    if kind not in _OF_REFUNDS:
        return [NotUnderstood(kind)]
    with told_as(BadNotice, f"data.object of the {kind} event"):
        return [_notice(exact.of_kind(about, "refund"))]


def _charged_back(kind: str, dispute: Any) -> Told:
    """A dispute takes the money once and gives it once: its id names both, as it does in the report."""
    with told_as(BadNotice, f"data.object of the {kind} event"):
        dispute = exact.of_kind(dispute, "dispute")
    charge, intent, name = (objects.text_of(dispute, key) for key in ("charge", "payment_intent", "id"))
    unknown = objects.currency_of(dispute)
    with told_as(BadNotice, f"The dispute of the {kind} event"):
        amount = None if unknown else objects.money_of(dispute)
    payment = intent or charge
    if payment is None or name is None:
        raise BadNotice(f"The dispute of the {kind} event names no payment.")
    if amount is None:  # to a charge-back without an amount the whole payment would be lost
        return NotUnderstood(f"{kind} of {payment}: {dispute.get('amount')!s:.20} in {unknown}")
    return ChargedBack(payment, charge if intent else None, name, amount, _OF_DISPUTES[kind])


def _notice(refund: dict[str, Any]) -> TellsOfRefund:
    """What the refund's event tells. Of a currency that we do not know it only makes us ask. Raises Unreadable."""
    charge, intent = (objects.text_of(refund, name) for name in ("charge", "payment_intent"))
    known = objects.currency_of(refund) is None
    return TellsOfRefund(
        payment_reference=intent or charge,
        payment_alias=charge if intent else None,
        reference=objects.reference_of(refund),
        pse_refund_reference=objects.text_of(refund, "id"),
        outcome=objects.outcome_of(refund, succeeded=False) if known else None,
        amount=objects.money_of(refund) if known else None,
    )
