"""Pix, as the Banco Central do Brasil's API says (bacen/pix-api 2.9.0). Host and path prefix belong to the connection.

PUT is not a replay: an id used before is an error, so every doubt is ended by asking (GET of the same id).
"""

import re
from collections.abc import Generator, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import httpx

from domain.pse import capabilities
from domain.pse.capabilities import Capability
from domain.pse.kit import answers, exact, outcomes
from domain.pse.kit.base import Base
from domain.pse.kit.oauth import ClientCredentials
from domain.pse.kit.unreadable import Unreadable
from domain.pse.pix import objects, reports, webhooks
from domain.pse.pix.lines import lines
from domain.pse.reporting import Built, Download, Report, ReportFile
from domain.pse.vocabulary import (
    BadAnswer,
    CapturedPayment,
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

SCOPE: Final = "pix.read pix.write"
_DESCRIPTION_MAX: Final = 140
_REFERENCE: Final = re.compile(r"[a-zA-Z0-9]{1,35}")


class Pix(Base):
    """The connector. Stateless: all it needs is in its arguments."""

    name = "pix"
    capabilities: Mapping[Method, Capability] = capabilities.load("pix")
    report_lag_days: int | None = 0
    scrubbed = objects.SCRUBBED

    def auth(self, credentials: Credentials) -> httpx.Auth:
        """OAuth2 client credentials; the token URL is the PSP's own."""
        token_url = credentials.token_url or f"{credentials.base_url}/oauth/token"
        return ClientCredentials(token_url, credentials.client_id, credentials.secrets["client_secret"], SCOPE)

    def refund(self, order: RefundOrder) -> httpx.Request:
        """`PUT /pix/{e2eid}/devolucao/{id}` with our reference as id."""
        body = {"valor": order.amount.decimal(), "natureza": "ORIGINAL"}
        if order.description:
            body["descricao"] = order.description[:_DESCRIPTION_MAX]
        return httpx.Request("PUT", _refund_url(order), json=body, headers={"Accept": "application/json"})

    def read_refund(self, order: RefundOrder, response: httpx.Response) -> Outcome:
        """Total: whatever a server may send has a meaning, and what is not clear is in doubt."""
        if response.status_code in (200, 201):
            return objects.echoed(order, exact.document(response.content))
        name, detail = objects.error_of(response)
        if response.status_code in outcomes.UNHEARD:
            return Unsent(name, detail)
        if not exact.explained(response.content):
            return InDoubt(name, detail)
        if name == "PixDevolucaoInvalida" or (400 <= response.status_code < 500 and order.attempt > 1):
            # It covers schema, sum, window and an id used before alike, so only a look-up tells which.
            return InDoubt(name, detail, refusal=True)
        if response.status_code in (400, 404, 410, 422):
            return Declined(name, detail)
        return InDoubt(name, detail)

    def look_up(self, order: RefundOrder) -> httpx.Request:
        """`GET /pix/{e2eid}/devolucao/{id}`."""
        return httpx.Request("GET", _refund_url(order), headers={"Accept": "application/json"})

    def read_look_up(self, order: RefundOrder, response: httpx.Response) -> Outcome:
        """As `read_refund`; only the 404 that names the refund means that the PSP does not know it."""
        if response.status_code == 200:
            return objects.echoed(order, exact.document(response.content))
        name, detail = objects.error_of(response)
        if response.status_code == 404 and name == "PixDevolucaoNaoEncontrada":
            return Unsent(name, detail)
        return InDoubt(name, detail)

    def look_up_payment(self, base_url: str, reference: str) -> httpx.Request:
        """`GET /pix/{e2eid}`: the Pix with all its refunds, also those that the bank started."""
        return httpx.Request(
            "GET", f"{base_url}/pix/{quote(reference, safe='')}", headers={"Accept": "application/json"}
        )

    def read_payment(self, response: httpx.Response) -> CapturedPayment | None:
        return answers.payment_in(response, objects.payment_of)

    def verify_webhook(self, credentials: Credentials, request: WebhookRequest, now: datetime) -> None:
        webhooks.verify(credentials, request)

    def read_webhook(self, request: WebhookRequest) -> list[Told]:
        return webhooks.told(request.body)

    def payments(self, period: Period) -> Generator[httpx.Request | Wait, httpx.Response, Iterable[CapturedPayment]]:
        """The Pix received in the period. A refund whose status we do not know is left out: its line says so."""
        listed = yield from reports.pages(period.base_url, period.start, period.end)
        return [_payment(raw) for raw in listed]

    def reports(self, period: Period) -> Generator[httpx.Request | Wait, httpx.Response, Sequence[Built | Download]]:
        """No report file exists: the listing of the payments of D-91 to D, refunds included, is the report of D."""
        return [(yield from reports.report(period))]

    def read_report(self, file: ReportFile, period: Period) -> Report:
        return lines(file, period)

    def request_id(self, response: httpx.Response) -> str | None:
        found = response.headers.get("x-correlation-id") or response.headers.get("x-request-id")
        if found is None and "problem" in response.headers.get("content-type", ""):
            problem = exact.document(response.content)
            found = problem.get("correlationId") if isinstance(problem, dict) else None
        return found if isinstance(found, str) else None


def _payment(raw: Mapping[str, Any]) -> CapturedPayment:
    try:
        return objects.payment_of(objects.understood(raw)[0])
    except Unreadable as error:
        raise BadAnswer(f"Pix {raw.get('endToEndId')}: {error}") from error


def _refund_url(order: RefundOrder) -> str:
    assert _REFERENCE.fullmatch(order.reference), "Our reference is made of letters and digits."
    return f"{order.base_url}/pix/{quote(order.payment_reference, safe='')}/devolucao/{order.reference}"
