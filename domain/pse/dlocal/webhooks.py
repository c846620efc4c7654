"""dLocal's notifications: signed as requests are, and what a refund's tells."""

from datetime import datetime, timedelta
from typing import Final

from domain.pse.dlocal import auth, objects
from domain.pse.kit import exact, signatures
from domain.pse.vocabulary import BadNotice, Credentials, NotUnderstood, TellsOfRefund, Told, WebhookRequest

_FUTURE_MAX: Final = timedelta(minutes=5).total_seconds()
# dLocal repeats a notification for up to seven days, and whether it signs a repeat anew is not published. An old one
# tells nothing new: the same body is applied once, and a refund's states only go forward.
_PAST_MAX: Final = timedelta(days=8).total_seconds()


def verify(credentials: Credentials, request: WebhookRequest, now: datetime) -> None:
    """The same V2-HMAC as on requests, with our X-Login, over the raw body. Raises BadSignature."""
    date = request.headers.get("x-date", "")
    login = request.headers.get("x-login", credentials.client_id)
    signed = auth.given_signature(request.headers.get("authorization", ""))
    wanted = auth.signature(credentials.client_id, date, request.body, credentials.secrets["secret_key"])
    given = [signed] if login == credentials.client_id else []
    signatures.check(given, [wanted], "The signature does not fit X-Login, X-Date and the body.")
    signatures.check_written_time(date, "X-Date", now, _PAST_MAX, _FUTURE_MAX)


def told(body: bytes) -> list[Told]:
    """The refund object. A payment's notification has no payment_id of its own and is not understood.

    Raises BadNotice.
    """
    refund = exact.document(body)
    if not isinstance(refund, dict):
        raise BadNotice("The body is not a refund object of dLocal.")
    reference, payment = exact.text(refund, "id"), exact.text(refund, "payment_id")
    if reference is None or payment is None:
        return [NotUnderstood(f"dLocal told of {refund.get('id')!r:.60}, which is not a refund.")]
    amount = exact.money(refund.get("amount"), refund.get("currency"))
    unreadable = amount is None and refund.get("amount") is not None
    outcome = None if unreadable else objects.outcome_of(refund, reference, succeeded=False)
    # Our reference is both; a notification leaves out one or the other.
    ours = exact.text(refund, "order_refund_id") or exact.text(refund, "idempotency_key")
    return [TellsOfRefund(payment, ours, reference, outcome, amount=amount)]
