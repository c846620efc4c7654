"""dLocal payins: `POST /refunds`, `GET /refunds/{id}` and the refund's notification (docs.dlocal.com).

Our reference is order_refund_id and X-Idempotency-Key. Nothing finds a refund by it, so a doubt without dLocal's id is
ended by the same bytes with the same key: dLocal answers with the refund that it has.
"""

import hmac
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

import httpx

from domain.pse import capabilities
from domain.pse.capabilities import Capability
from domain.pse.dlocal import auth, lines
from domain.pse.dlocal.beneficiary import beneficiary
from domain.pse.kit import exact
from domain.pse.kit.base import Base
from domain.pse.reporting import Report, ReportFile
from domain.pse.vocabulary import (
    Accepted,
    BadNotice,
    BadSignature,
    Credentials,
    Declined,
    InDoubt,
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

_DESCRIPTION_MAX: Final = 200
_STATUS_CODES: Final = {"PENDING": "100", "SUCCESS": "200", "REJECTED": "300", "CANCELLED": "400"}
_CODE: Final = re.compile(r"[0-9]{4}")
_ACCESS: Final = ("3001", "3002", "3003")
_REFUSALS: Final = ("4", "5")  # 4xxx: not found; 5xxx: the request or the business refused
_TIMEOUT: Final = "5010"
_DUPLICATE: Final = "5011"
_TOO_MANY: Final = "6000"
_WITHOUT_A_CODE: Final = {401: "ACCESS_REFUSED", 403: "ACCESS_REFUSED", 429: "TOO_MANY_REQUESTS"}
# A replay that comes while dLocal still works on the first send may be called a duplicate; the fourth is not that.
_DUPLICATES_MAX: Final = 4
_FUTURE_MAX: Final = timedelta(minutes=5)
# dLocal repeats a notification for up to seven days, and whether it signs a repeat anew is not published. An old one
# tells nothing new: the same body is applied once, and a refund's states only go forward.
_PAST_MAX: Final = timedelta(days=8)
_PERSONAL: Final = (
    "beneficiary_name|beneficiary_lastname|document|document_type|user_document|bank|bank_code|bank_account|"
    "bank_account_type|bank_branch|bank_branch_name|email|user_email|name|phone|birth_date|secret_key|x_trans_key"
)
_SCRUB: Final = (
    # A body may be cut in the middle of a text, so its closing quote may be missing.
    (re.compile(rf'("(?:{_PERSONAL})"\s*:\s*)(?:"(?:[^"\\]|\\.)*"?|-?[0-9.]+)', re.IGNORECASE), r'\1"[redacted]"'),
    (re.compile(r"(Signature:\s*)[0-9a-fA-F]+"), r"\1[redacted]"),
    (re.compile(r"(X-(?:Trans-Key|Login):\s*)[^\s,;]+", re.IGNORECASE), r"\1[redacted]"),
)


class DLocal(Base):
    """The connector. Stateless. `client_id` is X-Login; secrets: `x_trans_key`, `secret_key`."""

    name = "dlocal"
    capabilities: Mapping[Method, Capability] = capabilities.load("dlocal")
    # Reports come by SFTP, by e-mail or from the dashboard: no way to fetch them over HTTP is published.
    scrubbed = _SCRUB

    def auth(self, credentials: Credentials) -> httpx.Auth:
        secrets = credentials.secrets
        return auth.V2Hmac(credentials.client_id, secrets["x_trans_key"], secrets["secret_key"])

    def refund(self, order: RefundOrder) -> httpx.Request:
        """`POST /refunds`, with the beneficiary where the order has a destination."""
        fields = {
            "payment_id": order.payment_reference,
            "currency": order.amount.currency,
            "order_refund_id": order.reference,
        }
        if order.webhook_url:
            fields["notification_url"] = order.webhook_url
        if order.description:
            fields["description"] = order.description[:_DESCRIPTION_MAX]
        if order.destination is not None:
            fields |= beneficiary(order.destination)
        # The amount is written as the number it is: a float could not hold every amount of two decimals.
        content = f'{{"amount": {order.amount.decimal()}, {json.dumps(fields, ensure_ascii=False)[1:]}'
        headers = {**_HEADERS, "Content-Type": "application/json", "X-Idempotency-Key": order.reference}
        return httpx.Request("POST", f"{order.base_url}/refunds", content=content.encode(), headers=headers)

    def read_refund(self, order: RefundOrder, response: httpx.Response) -> Outcome:
        """Total. A refusal is believed only on the first send; after it an earlier send may be at dLocal."""
        if response.is_success:
            return _read_state(order, response)
        code, said = _problem(response)
        if response.status_code in (401, 403, 429) or (response.status_code < 500 and code in (*_ACCESS, _TOO_MANY)):
            # It is about our access or our pace: dLocal refused before it looked at the order.
            return Unsent(code, said)
        if code == _DUPLICATE:
            # dLocal has a refund under our reference and does not say its id.
            return InDoubt(code, said, needs_person=order.attempt > _DUPLICATES_MAX)
        if code == _TIMEOUT or not (400 <= response.status_code < 500 and code.startswith(_REFUSALS)):
            return InDoubt(code, said)
        return InDoubt(code, said, refusal=True) if order.attempt > 1 else Declined(code, said)

    def look_up(self, order: RefundOrder) -> httpx.Request | None:
        """`GET /refunds/{id}` by dLocal's id; None before dLocal has told it."""
        if order.pse_refund_reference is None:
            return None
        place = quote(order.pse_refund_reference, safe="")
        return httpx.Request("GET", f"{order.base_url}/refunds/{place}", headers=_HEADERS)

    def read_look_up(self, order: RefundOrder, response: httpx.Response) -> Outcome:
        """As `read_refund`; that dLocal does not know an id which it gave us (4001) proves nothing."""
        if response.status_code == 200:
            return _read_state(order, response)
        return InDoubt(*_problem(response))

    def verify_webhook(self, credentials: Credentials, request: WebhookRequest, now: datetime) -> None:
        """The same V2-HMAC as on requests, with our X-Login, over the raw body."""
        date = request.headers.get("x-date", "")
        login = request.headers.get("x-login", credentials.client_id)
        signed = auth.given_signature(request.headers.get("authorization", ""))
        wanted = auth.signature(credentials.client_id, date, request.body, credentials.secrets["secret_key"])
        if signed is None or login != credentials.client_id or not hmac.compare_digest(signed, wanted):
            raise BadSignature("The signature does not fit X-Login, X-Date and the body.")
        if not now - _PAST_MAX <= _moment(date) <= now + _FUTURE_MAX:
            raise BadSignature(f"X-Date {date} is too far from now.")

    def read_webhook(self, request: WebhookRequest) -> list[Told]:
        """The refund object. A payment's notification has no payment_id of its own and is not understood."""
        told = exact.document(request.body)
        if not isinstance(told, dict):
            raise BadNotice("The body is not a refund object of dLocal.")
        reference, payment = exact.text(told, "id"), exact.text(told, "payment_id")
        if reference is None or payment is None:
            return [NotUnderstood(f"dLocal told of {told.get('id')!r:.60}, which is not a refund.")]
        amount = exact.money(told.get("amount"), told.get("currency"))
        unreadable = amount is None and told.get("amount") is not None
        outcome = None if unreadable else _outcome(told, reference, succeeded=False)
        # Our reference is both; a notification leaves out one or the other.
        ours = exact.text(told, "order_refund_id") or exact.text(told, "idempotency_key")
        return [Notice(payment, ours, reference, outcome, amount=amount)]

    def read_report(self, file: ReportFile, period: Period) -> Report:
        """The "Cross-border Payins" file."""
        return lines.read(file, period)


_HEADERS: Final = {"Accept": "application/json", "User-Agent": "Estorno"}


def _moment(date: str) -> datetime:
    try:
        moment = datetime.fromisoformat(date)
    except ValueError as error:
        raise BadSignature(f"X-Date {date[:40]!r} is no ISO 8601 time.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _problem(response: httpx.Response) -> tuple[str, str]:
    """dLocal's code, or a word of ours where it gave none, and its words."""
    problem = exact.document(response.content)
    code = str(problem.get("code")) if isinstance(problem, dict) else ""
    if not _CODE.fullmatch(code):
        name = _WITHOUT_A_CODE.get(response.status_code, "UNREADABLE")
        return name, f"dLocal answered {response.status_code} without a code of its own."
    said, about = str(problem.get("message") or "dLocal gave no reason."), problem.get("param")
    return code, (f"{said} ({about})" if about else said)[:500]


def _read_state(order: RefundOrder, response: httpx.Response) -> Outcome:
    answer = exact.document(response.content)
    reference = exact.text(answer, "id")
    if reference is None:
        return InDoubt("UNREADABLE", "dLocal answered with something that is not a refund.")
    amount = exact.money(answer.get("amount"), answer.get("currency"))
    if exact.text(answer, "payment_id") != order.payment_reference or amount != order.amount:
        held = f"{answer.get('amount')!s:.30} {answer.get('currency')!s:.10} of {answer.get('payment_id')!s:.60}"
        said = f"asked for {order.amount} of {order.payment_reference}, dLocal holds {held}"
        return InDoubt("ECHO_MISMATCH", f"dLocal holds another refund: {said}.", needs_person=True)
    if order.pse_refund_reference not in (None, reference):
        said = f"{reference} for a refund that dLocal had called {order.pse_refund_reference}"
        return InDoubt("ECHO_MISMATCH", f"dLocal tells of {said}.", needs_person=True)
    outcome = _outcome(answer, reference, succeeded=order.succeeded)
    return outcome or InDoubt("UNREADABLE", f"dLocal answered with the status {answer.get('status')!s:.40}.")


def _outcome(told: Mapping[str, Any], reference: str, *, succeeded: bool) -> Outcome | None:
    """What a refund object says; None where its status is none of dLocal's."""
    status, said = _status(told), str(told.get("status_detail") or "dLocal gave no reason.")[:500]
    match status:
        case "PENDING":
            return Accepted(reference, status)
        case "SUCCESS":
            return Succeeded(reference, code=status)
        case "REJECTED" | "CANCELLED":
            return Returned(status, said, reference) if succeeded else Declined(status, said, reference)
    return None


def _status(told: Mapping[str, Any]) -> str | None:
    """The status if its code, a number in one published example and a text in another, says the same."""
    status, code = told.get("status"), told.get("status_code")
    if not isinstance(status, str) or status not in _STATUS_CODES:
        return None
    return status if code is None or str(code) == _STATUS_CODES[status] else None
