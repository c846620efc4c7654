"""Adyen: refunds by Checkout API v72, webhooks v1, settlement details reports.

There is no GET of a refund: 201 says "received" and the outcome comes by webhook (webhooks.py), else by the
settlement details report (lines.py). What got no answer is sent again with the same Idempotency-Key.
"""

import re
from collections.abc import Generator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import httpx

from domain.money import MoneyError
from domain.pse import capabilities
from domain.pse.adyen import amounts, lines, reports, webhooks
from domain.pse.adyen.auth import Keys
from domain.pse.capabilities import Capability
from domain.pse.kit import exact
from domain.pse.kit.base import Base
from domain.pse.reporting import Built, Download, Report, ReportFile
from domain.pse.vocabulary import (
    Accepted,
    Credentials,
    Declined,
    InDoubt,
    Method,
    Outcome,
    Period,
    RefundOrder,
    Told,
    Unsent,
    Wait,
    WebhookRequest,
)

_ACCESS: Final = (401, 403)
_BARE: Final = {401: "HTTP_401", 403: "HTTP_403"}
_WITH_ERRORS: Final = (400, *_ACCESS, 422)  # and 5xx: the statuses that Adyen publishes error documents for
_IN_PROGRESS: Final = "704"
# What no log may keep: names of JSON fields and parameters, also behind a prefix such as `additionalData.`.
_HIDDEN: Final = (
    "shopperName|firstName|lastName|shopperEmail|email|telephoneNumber|socialSecurityNumber|shopperReference|shopperIP|"
    "holderName|ownerName|cardHolderName|cardSummary|iban|bankAccountNumber|taxId|dateOfBirth|street|postalCode|"
    "api_?key|x-api-key|hmac_key(?:_old)?|(?:webhook_|report_)?password"
)
_SCRUB: Final = (
    (re.compile(rf'("(?:[\w.]+\.)?(?:{_HIDDEN})"\s*:\s*)"(?:[^"\\]|\\.)*"', re.I), r'\1"[redacted]"'),
    (re.compile(rf"\b((?:{_HIDDEN})=)[^&\s\"]+", re.I), r"\1[redacted]"),
    (re.compile(r"((?:x-api-key:|Bearer|Basic)\s+)[A-Za-z0-9._~+/=*:-]+", re.I), r"\1[redacted]"),
    (re.compile(r"(https?://)[^/@\s\"]+@"), r"\1[redacted]@"),
    # A CPF or CNPJ in the words of an error: with its points and strokes, or bare and no number of JSON.
    (re.compile(r"\b(?:\d{3}\.\d{3}\.\d{3}-\d{2}|\d{2}\.\d{3}\.\d{3}/\d{4}-\d{2})\b"), "[redacted]"),
    (re.compile(r'(?<![\w."/])(?<!":)(?<!": )(?:\d{11}|\d{14})(?![\w"/])'), "[redacted]"),
)


class Adyen(Base):
    """The connector. Stateless: all it needs is in its arguments.

    A connection's `client_id` is the merchant account, its `base_url` ends in `/v72`, its `report_url` is
    `https://ca-live.adyen.com/reports/download/MerchantAccount/<merchant account>`. Its secrets: `api_key`; `hmac_key`
    (hexadecimal) and, while it is being changed, `hmac_key_old`; `webhook_user` and `webhook_password` where webhooks
    come with basic authentication; `report_user` and `report_password` where reports are not fetched with the API key.
    """

    name = "adyen"
    capabilities: Mapping[Method, Capability] = capabilities.load("adyen")
    # How long a refund may wait for its batch is not published: a week of a weekly payout, and the days until booked.
    report_lag_days: int | None = 10
    scrubbed = _SCRUB

    def auth(self, credentials: Credentials) -> httpx.Auth:
        """X-API-Key; basic authentication for reports, if the connection has a report user."""
        return Keys(credentials)

    def refund(self, order: RefundOrder) -> httpx.Request:
        """`POST /payments/{paymentPspReference}/refunds`, our reference as reference and as Idempotency-Key."""
        url = f"{order.base_url}/payments/{quote(order.payment_reference, safe='')}/refunds"
        body = {
            "merchantAccount": order.client_id,
            "amount": amounts.wire(order.amount),
            "reference": order.reference,
        }
        return httpx.Request("POST", url, json=body, headers={"Idempotency-Key": order.reference})

    def read_refund(self, order: RefundOrder, response: httpx.Response) -> Outcome:
        """Total. A 4xx that Adyen's own error document explains refuses for good, on the first send alone."""
        if response.status_code in (200, 201):
            return outcome_of(order, response)
        code, said, explained = error_of(response)
        if response.status_code in _ACCESS:
            return Unsent(code, said)
        if response.status_code == 429:
            return Unsent("TOO_MANY_REQUESTS", said)
        if response.status_code not in (400, 422) or not explained or code == _IN_PROGRESS or _transient(response):
            return InDoubt(code, said)
        if order.attempt > 1:
            return InDoubt(code, said, refusal=True)
        return Declined(code, said)

    def read_look_up(self, order: RefundOrder, response: httpx.Response) -> Outcome:
        return InDoubt("UNREADABLE", "Adyen cannot be asked about a refund.")

    def verify_webhook(self, credentials: Credentials, request: WebhookRequest, now: datetime) -> None:
        """The HMAC of each item. No time is signed; an old webhook told again moves nothing that is known already."""
        webhooks.verify(credentials, request)

    def read_webhook(self, request: WebhookRequest) -> list[Told]:
        return webhooks.told(request.body)

    def reports(self, period: Period) -> Generator[httpx.Request | Wait, httpx.Response, Sequence[Built | Download]]:
        return (yield from reports.fetch(period))

    def read_report(self, file: ReportFile, period: Period) -> Report:
        return lines.lines(file, period)

    def request_id(self, response: httpx.Response) -> str | None:
        found = response.headers.get("pspreference")
        if found is None:
            answer = exact.document(response.content)
            found = answer.get("pspReference") if isinstance(answer, dict) else None
        return found if isinstance(found, str) else None


def error_of(response: httpx.Response) -> tuple[str, str, bool]:
    """The errorCode (else a name of the status), its words, and whether it is Adyen's own ServiceError that says so."""
    answer = exact.document(response.content)
    code, status = answer.get("errorCode") if isinstance(answer, dict) else None, response.status_code
    if not isinstance(code, str) or not code:
        bare = _BARE.get(status, "HTTP_5XX" if status >= 500 else "UNREADABLE")
        return bare, f"Adyen answered {status} without an errorCode.", False
    if status not in _WITH_ERRORS and status < 500:
        # Something between us and Adyen says so: a code that nobody publishes would explain nothing to anybody.
        return "UNREADABLE", f"Adyen answered {status} with errorCode {code[:40]!r}.", False
    said = f"{answer.get('message') or 'Adyen gives no message.'} ({answer.get('errorType')})"
    return code[:100], said[:500], True


def _transient(response: httpx.Response) -> bool:
    """Adyen marks what is worth another try with the same key."""
    marked: str = response.headers.get("transient-error", "")
    return marked.lower() == "true"


def outcome_of(order: RefundOrder, response: httpx.Response) -> Outcome:
    """What the answer to a modification says: received, or why not."""
    answer = exact.document(response.content)
    if not isinstance(answer, dict) or not isinstance(answer.get("pspReference"), str) or not answer["pspReference"]:
        return InDoubt("UNREADABLE", "Adyen answered with something that is not a refund.")
    if answer.get("status") != "received":
        return InDoubt("UNREADABLE", f"Adyen answered with status {str(answer.get('status'))[:50]!r}.")
    mismatch = _mismatch(order, answer)
    if mismatch is not None:
        return mismatch
    return Accepted(answer["pspReference"][:100], "received")


def _mismatch(order: RefundOrder, answer: Mapping[str, Any]) -> InDoubt | None:
    """Adyen must echo what was asked for; what another order made under our key is nobody's to guess about."""
    try:
        amount = amounts.read(answer.get("amount"))
    except MoneyError:
        amount = None
    payment, reference = answer.get("paymentPspReference"), answer.get("reference", order.reference)
    account = answer.get("merchantAccount")
    wanted = (order.amount, order.payment_reference, order.reference, order.client_id)
    if (amount, payment, reference, account) == wanted:
        return None
    said = f"asked for {order.amount} of {order.payment_reference}, Adyen holds {answer.get('amount')} of {payment}"
    return InDoubt("ECHO_MISMATCH", f"Adyen holds another refund: {said}."[:500], needs_person=True)
