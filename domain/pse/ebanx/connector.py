"""EBANX, the `ws/` API: `ws/refund`, `ws/query` and the signed notification (docs.ebanx.com).

merchant_refund_code is our reference, but EBANX does not refuse the same code again, so a doubt is ended by asking: the
query of the payment lists its refunds with their codes. Errors come as HTTP 200 with status ERROR.

The API's times have no zone, so they decide nothing: what succeeded is dated by us.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qs

import httpx

from domain.pse import capabilities
from domain.pse.capabilities import Capability
from domain.pse.ebanx import webhooks
from domain.pse.ebanx.auth import IntegrationKey
from domain.pse.kit import exact
from domain.pse.kit.base import Base
from domain.pse.reporting import BadReport, Report, ReportFile
from domain.pse.vocabulary import (
    Accepted,
    BadAnswer,
    BadNotice,
    CapturedPayment,
    ChargedBack,
    Credentials,
    Declined,
    InDoubt,
    KnownRefund,
    Method,
    Notice,
    NotUnderstood,
    Outcome,
    Period,
    RefundOrder,
    Returned,
    Succeeded,
    Told,
    Unsent,
    WebhookRequest,
)

_REFERENCE_MAX: Final = 20
_CODE: Final = re.compile(r"BP-[A-Z0-9]+(?:-[A-Z0-9]+)*")
_ACCESS: Final = "BP-SA-1"
_WITHOUT_A_CODE: Final = {401: "ACCESS_REFUSED", 403: "ACCESS_REFUSED", 429: "TOO_MANY_REQUESTS"}
_HASH: Final = re.compile(r"[0-9A-Za-z]{1,100}")
# Notifications of a dispute, and whether its money comes back. How much is not told: what confirmed refunds have left.
_DISPUTES: Final = {"chargeback": False, "chargeback_credit": True}
_HEADERS: Final = {"Accept": "application/json", "User-Agent": "Estorno"}
_METHODS: Final = {"boleto": Method.BOLETO, "oxxo": Method.OXXO, "pix": Method.PIX, "spei": Method.SPEI}
_PERSONAL: Final = (
    "integration_key|document|email|name|birth_date|phone_number|address|street_number|street_complement|zipcode|"
    "city|state|bank|bank_code|bank_agency|bank_account|account|pix_key"
)
_SCRUB: Final = (
    # A body may be cut in the middle of a text, so its closing quote may be missing.
    (re.compile(rf'("(?:{_PERSONAL})"\s*:\s*)(?:"(?:[^"\\]|\\.)*"?|-?[0-9.]+)', re.IGNORECASE), r'\1"[redacted]"'),
    (re.compile(rf"\b((?:{_PERSONAL})=)[^&\s\"]+", re.IGNORECASE), r"\1[redacted]"),
)


class Ebanx(Base):
    """The connector. Stateless. Secrets: `integration_key`, and `webhook_certificate` (EBANX's, in PEM)."""

    name = "ebanx"
    capabilities: Mapping[Method, Capability] = capabilities.load("ebanx")
    # Of its reports a few columns are published, and no whole sample.
    scrubbed = _SCRUB

    def auth(self, credentials: Credentials) -> httpx.Auth:
        return IntegrationKey(credentials.secrets["integration_key"])

    def refund(self, order: RefundOrder) -> httpx.Request:
        """`ws/refund`, operation request. EBANX wants a description."""
        assert len(order.reference) <= _REFERENCE_MAX, "Our reference has 20 characters, as EBANX allows."
        form = {
            "operation": "request",
            "hash": order.payment_reference,
            "amount": order.amount.decimal(),
            "description": order.description or f"Refund {order.reference}",
            "merchant_refund_code": order.reference,
        }
        return httpx.Request("POST", f"{order.base_url}/ws/refund", data=form, headers=_HEADERS)

    def read_refund(self, order: RefundOrder, response: httpx.Response) -> Outcome:
        """Total. Few of EBANX's error codes are published, so a refusal is believed once the query does not list it."""
        answer = exact.document(response.content)
        if response.is_success and _status(answer) == "SUCCESS":
            return _read(order, answer.get("payment"), answer.get("refund"))
        code, said = _problem(response, answer)
        if response.status_code in (401, 403, 429) or (code == _ACCESS and response.status_code < 500):
            return Unsent(code, said)
        refused = response.status_code < 500 and _status(answer) == "ERROR"
        return InDoubt(code, said, refusal=refused)

    def look_up(self, order: RefundOrder) -> httpx.Request | None:
        """`ws/query` of the payment by its hash."""
        return self.look_up_payment(order.base_url, order.payment_reference)

    def read_look_up(self, order: RefundOrder, response: httpx.Response) -> Outcome:
        """As `read_refund`; Unsent where the payment is found and lists no refund with our code."""
        answer = exact.document(response.content)
        if not response.is_success or _status(answer) != "SUCCESS":
            return InDoubt(*_problem(response, answer))
        payment = answer.get("payment")
        listed = _listed(payment)
        if listed is None or payment.get("hash") != order.payment_reference:
            return InDoubt("UNREADABLE", "EBANX answered with something that is not the payment.")
        ours = [refund for refund in listed if refund.get("merchant_refund_code") == order.reference]
        ours = [refund for refund in ours if refund.get("status") != "CA"] or ours[-1:]
        if not ours:
            return Unsent("NOT_LISTED", "EBANX lists no refund of the payment with our reference.")
        if len(ours) > 1:
            ids = ", ".join(str(refund.get("id"))[:20] for refund in ours[:10])
            return InDoubt("TWO_REFUNDS", f"EBANX holds refunds {ids} under one reference.", needs_person=True)
        return _read(order, payment, ours[0])

    def look_up_payment(self, base_url: str, reference: str) -> httpx.Request | None:
        """`ws/query`: the payment with all its refunds, also those that were asked for in EBANX's dashboard."""
        return httpx.Request("POST", f"{base_url}/ws/query", data={"hash": reference}, headers=_HEADERS)

    def read_payment(self, response: httpx.Response) -> CapturedPayment | None:
        """The payment; its time is read as UTC, and decides nothing."""
        answer = exact.document(response.content)
        if not response.is_success or _status(answer) != "SUCCESS":
            code, said = _problem(response, answer)
            raise BadAnswer(f"The query of the payment was answered with {code}: {said}")
        return _payment(answer.get("payment"))

    def verify_webhook(self, credentials: Credentials, request: WebhookRequest, now: datetime) -> None:
        """RSA-SHA1 over the raw body with EBANX's certificate. No time is signed; a notification only makes us ask."""
        webhooks.verify(credentials.secrets["webhook_certificate"], request)

    def read_webhook(self, request: WebhookRequest) -> list[Told]:
        """One notice per hash, without an outcome: what became of the refund is asked for."""
        try:
            form = parse_qs(request.body.decode("ascii"), strict_parsing=True, max_num_fields=20)
        except ValueError as error:
            raise BadNotice("The body is not a form of EBANX's notification.") from error
        hashes = [part.strip() for part in ",".join(form.get("hash_codes", [])).split(",")]
        if not all(_HASH.fullmatch(one) for one in hashes):
            raise BadNotice("The notification has no hash_codes that can be read.")
        kind = form.get("notification_type", [""])[0][:40]
        if kind in _DISPUTES:
            return [ChargedBack(one, None, f"{one}/{kind}", None, _DISPUTES[kind]) for one in hashes]
        if kind != "refund":
            return [NotUnderstood(f"{kind or 'nothing'} of payment {one}") for one in hashes]
        return [Notice(one, None, None, None) for one in hashes]

    def read_report(self, file: ReportFile, period: Period) -> Report:
        raise BadReport(file.name, "no report of EBANX can be read: its columns are not published.")

    def request_id(self, response: httpx.Response) -> str | None:
        return None


def _status(answer: Any) -> str | None:
    return exact.text(answer, "status")


def _problem(response: httpx.Response, answer: Any) -> tuple[str, str]:
    """EBANX's code, or a word of ours where it gave none, and its words."""
    code = exact.text(answer, "status_code") or ""
    said = answer.get("status_message") if isinstance(answer, dict) else None
    words = str(said)[:500] if said else f"EBANX answered {response.status_code} without a reason."
    if _CODE.fullmatch(code):
        return code, words
    fallback = "ERROR" if _status(answer) == "ERROR" else "UNREADABLE"
    return _WITHOUT_A_CODE.get(response.status_code, fallback), words


def _listed(payment: Any) -> list[dict[str, Any]] | None:
    """The payment's refunds; None where there is no list. A payment without refunds may leave the list out."""
    if not isinstance(payment, dict):
        return None
    listed = payment.get("refunds") or []
    whole = isinstance(listed, list) and all(isinstance(refund, dict) for refund in listed)
    return listed if whole else None


def _read(order: RefundOrder, payment: Any, refund: Any) -> Outcome:
    reference = exact.text(refund, "id")
    if reference is None or not isinstance(payment, dict):
        return InDoubt("UNREADABLE", "EBANX answered with something that is not a refund.")
    amount = exact.money(refund.get("amount_ext"), payment.get("currency_ext"))
    held = (payment.get("hash"), refund.get("merchant_refund_code"), amount)
    if held != (order.payment_reference, order.reference, order.amount):
        said = f"asked for {order.amount} as {order.reference} of {order.payment_reference}, EBANX holds {held[2]}"
        said = f"{said} as {held[1]!s:.40} of {held[0]!s:.60}"
        return InDoubt("ECHO_MISMATCH", f"EBANX holds another refund: {said}.", needs_person=True)
    outcome = _outcome(refund, reference)
    if isinstance(outcome, Declined) and order.succeeded:
        return Returned(outcome.code, outcome.message, reference)
    return outcome or InDoubt("UNREADABLE", f"EBANX answered with the status {refund.get('status')!s:.40}.")


def _outcome(refund: Mapping[str, Any], reference: str) -> Accepted | Succeeded | Declined | None:
    match refund.get("status"):
        case "RE" | "PE" as status:
            return Accepted(reference, status)
        case "CO":
            return Succeeded(reference, code="CO")
        case "CA":
            return Declined("CA", "The refund was cancelled at EBANX.", reference)
    return None


def _payment(raw: Any) -> CapturedPayment:
    reference, listed = exact.text(raw, "hash"), _listed(raw)
    if reference is None or listed is None:
        raise BadAnswer("The query of the payment has no hash or no list of refunds.")
    amount = exact.money(raw.get("amount_ext"), raw.get("currency_ext"))
    if amount is None:
        raise BadAnswer(f"Payment {reference}: amount_ext or currency_ext cannot be read.")
    codes = [refund.get("merchant_refund_code") for refund in listed if refund.get("status") != "CA"]
    return CapturedPayment(
        reference=reference,
        method=_METHODS.get(str(raw.get("payment_type_code")), Method.CARD),
        amount=amount,
        captured_at=_moment(reference, raw),
        payee_key=None,
        order_reference=exact.text(raw, "merchant_payment_code"),
        refunds=[_known(reference, refund, raw.get("currency_ext"), codes) for refund in listed],
    )


def _moment(reference: str, raw: Mapping[str, Any]) -> datetime:
    try:
        return datetime.fromisoformat(str(raw.get("confirm_date") or raw.get("open_date"))).replace(tzinfo=UTC)
    except ValueError as error:
        raise BadAnswer(f"Payment {reference}: confirm_date cannot be read.") from error


def _known(payment: str, refund: Mapping[str, Any], currency: object, codes: Sequence[object]) -> KnownRefund:
    """A refund as it is listed. Where several have one code, none is named by it: only EBANX's id tells them apart."""
    own_id, code = exact.text(refund, "id"), exact.text(refund, "merchant_refund_code")
    amount = exact.money(refund.get("amount_ext"), currency)
    outcome = _outcome(refund, own_id) if own_id else None
    if own_id is None or amount is None or outcome is None:
        raise BadAnswer(f"Payment {payment}: refund {own_id} has an id, amount_ext or status that cannot be read.")
    alone = code is not None and codes.count(code) <= 1
    return KnownRefund(
        reference=code if code is not None and alone else f"ebanx-{own_id}",
        pse_refund_reference=own_id,
        amount=amount,
        outcome=outcome,
        by_bank=False,
        kind="refund",
        requested_at=None,
        settled_at=None,
    )
