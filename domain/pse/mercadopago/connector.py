"""Mercado Pago's Payments API: refunds of a payment, its listing, its webhooks, its reports.

A refund is named by Mercado Pago alone: it never echoes our reference, and a request that is replayed with the same
`X-Idempotency-Key` is answered with an empty body. So every doubt is ended by listing the payment's refunds.
"""

import re
from collections.abc import Generator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import httpx

from domain.money import Money
from domain.pse import capabilities
from domain.pse.capabilities import Capability
from domain.pse.kit import exact
from domain.pse.kit.base import Base
from domain.pse.kit.bearer import Bearer
from domain.pse.kit.unreadable import Unreadable
from domain.pse.mercadopago import lines, objects, reports, webhooks
from domain.pse.reporting import Built, Download, Report, ReportFile
from domain.pse.vocabulary import (
    Accepted,
    BadAnswer,
    CapturedPayment,
    Credentials,
    Declined,
    InDoubt,
    Method,
    Outcome,
    Period,
    RefundOrder,
    Returned,
    Succeeded,
    Told,
    Unsent,
    Wait,
    WebhookRequest,
)

# Refusals that Mercado Pago documents as final: the same order gets the same answer.
FINAL: Final = frozenset(
    ["2017", "2063", "2085", "4040", "4041", "4292", "2000", "2024", "15016", "3024", "2022"],
)
ALREADY_REFUNDED: Final = "4296"  # of which refund, only the listing tells
REFUND_NOT_FOUND: Final = "2032"  # no answer to a request that names no refund
NO_BALANCE: Final = frozenset(["2030", "2031"])  # nothing moved; the same request works once the account has money
FLAKY: Final = "2084"  # "cannot be refunded", seen to pass a moment later
_FLAKY_TRIES: Final = 3
_KNOWN_CODES: Final = FINAL | NO_BALANCE | {ALREADY_REFUNDED, REFUND_NOT_FOUND, FLAKY}
_SCRUB: Final = (
    (
        re.compile(
            r'("(?:email|first_name|last_name|name|nickname|number|area_code|street_name|street_number|zip_code'
            r'|access_token|client_secret|refresh_token)"\s*:\s*)(?:"(?:[^"\\]|\\.)*"|[0-9.]+)'
        ),
        r'\1"[redacted]"',
    ),
    # A report's configuration: who is sent it, and the way into a server of the merchant's.
    (re.compile(r'("(?:notification_email_list|sftp_info)"\s*:\s*)(?:\[[^\]]*\]|\{[^}]*\})'), r'\1"[redacted]"'),
    (re.compile(r"\b(?:APP_USR|TEST)-[A-Za-z0-9_-]+"), "[redacted]"),
    (re.compile(r"((?:access_token|client_secret)=)[^&\s]+"), r"\1[redacted]"),
    (re.compile(r"(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]+"), r"\1 [redacted]"),
)


class MercadoPago(Base):
    """The connector. Stateless: all it needs is in its arguments.

    Secrets: `access_token` (of the account), `webhook_secret` (of the application's notifications).
    Reports come with the columns that the account has configured; what is changed of that: setup.py.
    """

    name = "mercadopago"
    capabilities: Mapping[Method, Capability] = capabilities.load("mercadopago")
    report_lag_days: int | None = 1  # a refund made at the end of a day may touch the balance on the next
    scrubbed = _SCRUB

    def auth(self, credentials: Credentials) -> httpx.Auth:
        return Bearer(credentials.secrets["access_token"])

    def snapshot(self, order: RefundOrder) -> httpx.Request:
        return self.look_up(order)

    def read_snapshot(self, order: RefundOrder, response: httpx.Response) -> frozenset[str]:
        """Of a payment that Mercado Pago does not know there are none: the refund's own answer will say so."""
        if response.status_code == 404 and exact.explained(response.content):
            return frozenset()
        return frozenset(objects.id_of(raw) for raw in _listed(response))

    def refund(self, order: RefundOrder) -> httpx.Request:
        """`POST /v1/payments/{id}/refunds`, with our reference as idempotency key.

        The amount is always sent: an empty body means "all that is left", which another refund may have changed.
        X-Render-In-Process-Refunds: a refund that Pix delays is then told as `in_process`, and not as an error.
        """
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "X-Idempotency-Key": order.reference,
            "X-Render-In-Process-Refunds": "true",
        }
        # The number is written as text: no float has it exactly.
        body = f'{{"amount":{order.amount.decimal()}}}'
        return httpx.Request("POST", _refunds_url(order), content=body.encode(), headers=headers)

    def read_refund(self, order: RefundOrder, response: httpx.Response) -> Outcome:
        """Total: whatever a server may send has a meaning, and what is not clear is in doubt."""
        if response.status_code in (200, 201):
            if response.content.strip() == b"":
                return InDoubt("REPLAYED", "Mercado Pago had this request before; its refund must be looked up.")
            return outcome_of(order, exact.document(response.content))
        code, message = error_of(response)
        if not exact.explained(response.content) and response.status_code not in (401, 403, 429):
            return InDoubt(code, message)
        return _refused(order, response.status_code, code, message)

    def look_up(self, order: RefundOrder) -> httpx.Request:
        """`GET /v1/payments/{id}/refunds`."""
        return httpx.Request("GET", _refunds_url(order), headers={"Accept": "application/json"})

    def read_look_up(self, order: RefundOrder, response: httpx.Response) -> Outcome:
        """Ours is the one whose id we know, else the one of our amount that is nobody else's."""
        if response.status_code != 200:
            return InDoubt(*error_of(response))
        try:
            listed = _listed(response)
        except BadAnswer as error:
            return InDoubt("UNREADABLE", str(error))
        if order.pse_refund_reference is not None:
            named = [raw for raw in listed if objects.id_of(raw) == order.pse_refund_reference]
            if named:
                return outcome_of(order, named[0])
            return InDoubt("LISTED_NO_MORE", f"Refund {order.pse_refund_reference} is not in the payment's list.")
        return _read_unnamed(order, listed)

    def look_up_payment(self, base_url: str, reference: str) -> httpx.Request:
        """`GET /v1/payments/{id}`: with its currency, which the list of refunds does not tell, and its refunds."""
        url = f"{base_url}/v1/payments/{quote(reference, safe='')}"
        return httpx.Request("GET", url, headers={"Accept": "application/json"})

    def read_payment(self, response: httpx.Response) -> CapturedPayment | None:
        if response.status_code == 404:
            return None
        if response.status_code != 200:
            raise BadAnswer(f"The look-up of the payment was answered with {response.status_code}.")
        return objects.payment_of(exact.document(response.content))

    def verify_webhook(self, credentials: Credentials, request: WebhookRequest, now: datetime) -> None:
        webhooks.verify(credentials.secrets["webhook_secret"], request, now)

    def read_webhook(self, request: WebhookRequest) -> list[Told]:
        return webhooks.told(request.body)

    def reports(self, period: Period) -> Generator[httpx.Request | Wait, httpx.Response, Sequence[Built | Download]]:
        return (yield from reports.fetch(period))

    def read_report(self, file: ReportFile, period: Period) -> Report:
        return lines.lines(file, period)


def _refunds_url(order: RefundOrder) -> str:
    return f"{order.base_url}/v1/payments/{quote(order.payment_reference, safe='')}/refunds"


def _listed(response: httpx.Response) -> list[dict[str, Any]]:
    """The payment's refunds. Raises BadAnswer."""
    if response.status_code != 200:
        raise BadAnswer(f"The payment's refunds were answered with {response.status_code}.")
    listed = exact.document(response.content)
    if not isinstance(listed, list) or not all(objects.is_named(raw) for raw in listed):
        raise BadAnswer("The payment's refunds are not a list of refunds with their ids.")
    return listed


def error_of(response: httpx.Response) -> tuple[str, str]:
    """Code and words of an error: `cause[0].code`, which comes as a number or as text, if it is one we know."""
    status = response.status_code
    problem = exact.document(response.content)
    if not isinstance(problem, dict):
        return _code_of_status(status), f"Mercado Pago answered {status} without an error document."
    causes = problem.get("cause")
    cause = causes[0] if isinstance(causes, list) and causes else causes
    cause = cause if isinstance(cause, dict) else {}
    code = str(cause.get("code"))
    words = [code if "code" in cause else None, cause.get("description"), problem.get("message"), problem.get("error")]
    said = ": ".join(str(word) for word in words if word) or f"Mercado Pago answered {status}."
    return (code if code in _KNOWN_CODES and status < 500 else _code_of_status(status)), said[:500]


def _code_of_status(status: int) -> str:
    if status == 429:
        return "TOO_MANY_REQUESTS"
    if status in (401, 403):
        return "ACCESS_REFUSED"
    return "SERVER_ERROR" if status >= 500 else "UNKNOWN_ANSWER"


def _refused(order: RefundOrder, status: int, code: str, message: str) -> Outcome:
    if status in (401, 403, 429) or (400 <= status < 500 and code in NO_BALANCE):
        return Unsent(code, message)
    if not 400 <= status < 500:
        return InDoubt(code, message)
    if code == FLAKY and order.attempt <= _FLAKY_TRIES:
        return Unsent(code, message)
    if code in FINAL and order.attempt == 1:
        return Declined(code, message)
    # Said of an order that an earlier attempt may have brought, or in words we do not know: the listing tells.
    return InDoubt(code, message, refusal=True)


def _read_unnamed(order: RefundOrder, listed: Sequence[Mapping[str, Any]]) -> Outcome:
    others = [raw for raw in listed if objects.id_of(raw) not in order.not_ours]
    same = [raw for raw in others if objects.amount_of(raw, order.amount.currency) == order.amount]
    if len(same) > 1:
        ids = ", ".join(objects.id_of(raw) for raw in same)
        said = f"Refunds {ids} of the payment have our amount, and one of them was made by somebody else."
        return InDoubt("SEVERAL_LISTED", said[:500], needs_person=True)
    if not same:
        return Unsent("NOT_LISTED", "The payment's list has no refund that could be this one.")
    return outcome_of(order, same[0])


def outcome_of(order: RefundOrder, raw: object) -> Outcome:
    """A refund as Mercado Pago writes it. A status that its documents do not name is not decided yet."""
    try:
        known = objects.refund_of(raw, order.amount.currency)
    except Unreadable as error:
        return InDoubt("UNREADABLE", f"Mercado Pago answered with something that is not a refund: {error}.")
    if (known.payment, known.amount) != (order.payment_reference, order.amount):
        return _mismatch(order, known.reference, known.payment, known.amount)
    match known.status:
        case "approved":
            return Succeeded(known.reference, known.created_at, "approved")
        case "rejected":
            said = "Mercado Pago rejected the refund."
            return (Returned if order.succeeded else Declined)("rejected", said, known.reference)
        case "in_process":
            return Accepted(known.reference, "in_process")
    return Accepted(known.reference, "UNKNOWN_STATUS")


def _mismatch(order: RefundOrder, reference: str, payment: str, amount: Money) -> InDoubt:
    said = f"asked for {order.amount} of payment {order.payment_reference}, refund {reference} is {amount} of {payment}"
    return InDoubt("ECHO_MISMATCH", f"Mercado Pago holds another refund: {said}."[:500], needs_person=True)
