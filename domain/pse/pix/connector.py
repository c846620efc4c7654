"""Pix, as the Banco Central do Brasil's API says (bacen/pix-api 2.9.0). Host and path prefix belong to the connection.

PUT is not a replay: an id used before is an error, so every doubt is ended by asking (GET of the same id).
"""

import hmac
import json
import re
from collections.abc import Generator, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import httpx

from domain.money import Money, MoneyError
from domain.pse import capabilities
from domain.pse.capabilities import Capability
from domain.pse.kit import exact
from domain.pse.kit.base import Base
from domain.pse.kit.oauth import ClientCredentials
from domain.pse.pix import reports
from domain.pse.pix.reports import BadPix
from domain.pse.reporting import Built, Download, Report, ReportFile
from domain.pse.vocabulary import (
    Accepted,
    BadAnswer,
    BadNotice,
    BadSignature,
    CapturedPayment,
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
    Wait,
    WebhookRequest,
)

SCOPE: Final = "pix.read pix.write"
_DESCRIPTION_MAX: Final = 140
_REFERENCE: Final = re.compile(r"[a-zA-Z0-9]{1,35}")
_ACCESS: Final = (401, 403)
_BACKSTAGE_NAMES: Final = {404: "NaoEncontrado", 410: "PermanentementeRemovido", 429: "TOO_MANY_REQUESTS"}
_SCRUB: Final = (
    (
        # A body may be cut in the middle of a text, so its closing quote may be missing.
        re.compile(r'("(?:cpf|cnpj|nome|chave|infoPagador|access_token|client_secret)"\s*:\s*)"(?:[^"\\]|\\.)*"?'),
        r'\1"[redacted]"',
    ),
    (re.compile(r"((?:cpf|cnpj|client_secret|access_token)=)[^&\s]+"), r"\1[redacted]"),
    (re.compile(r"(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]+"), r"\1 [redacted]"),
    (re.compile(r"(/webhooks/[^/\s\"]+/)[^/\s\"]+"), r"\1[redacted]"),
)


class Pix(Base):
    """The connector. Stateless: all it needs is in its arguments."""

    name = "pix"
    capabilities: Mapping[Method, Capability] = capabilities.load("pix")
    report_lag_days: int | None = 0
    scrubbed = _SCRUB

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
            return _read_state(order, response)
        name, detail = _problem(response)
        if response.status_code in _ACCESS or response.status_code == 429:
            # It is about our access, not about the refund, and the PSP refused before it looked at the order.
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
            return _read_state(order, response)
        name, detail = _problem(response)
        if response.status_code == 404 and name == "PixDevolucaoNaoEncontrada":
            return Unsent(name, detail)
        return InDoubt(name, detail)

    def look_up_payment(self, base_url: str, reference: str) -> httpx.Request:
        """`GET /pix/{e2eid}`: the Pix with all its refunds, also those that the bank started."""
        return httpx.Request(
            "GET", f"{base_url}/pix/{quote(reference, safe='')}", headers={"Accept": "application/json"}
        )

    def read_payment(self, response: httpx.Response) -> CapturedPayment | None:
        if response.status_code == 404:
            return None
        if response.status_code != 200:
            raise BadAnswer(f"The look-up of the Pix was answered with {response.status_code}.")
        try:
            return reports.payment_of(response.json())
        except (ValueError, BadPix) as error:
            raise BadAnswer(f"The look-up of the Pix cannot be read: {error}") from error

    def verify_webhook(self, credentials: Credentials, request: WebhookRequest, now: datetime) -> None:
        """No signature exists: the path's secret says who calls, and a notice only makes us ask.

        The PSP posts to `{webhookUrl}/pix`; the secret is the last segment of webhookUrl.
        """
        segments = [segment for segment in request.path.split("/") if segment]
        if segments and segments[-1] == "pix":
            segments.pop()
        given = segments[-1] if segments else ""
        if not hmac.compare_digest(given.encode(), credentials.secrets["webhook_secret"].encode()):
            raise BadSignature("The address of the webhook does not carry the connection's secret.")

    def read_webhook(self, request: WebhookRequest) -> list[Told]:
        return _told(request.body)

    def payments(self, period: Period) -> Generator[httpx.Request | Wait, httpx.Response, Iterable[CapturedPayment]]:
        listed = yield from reports.pages(period.base_url, period.start, period.end)
        return [reports.payment_of(raw) for raw in listed]

    def reports(self, period: Period) -> Generator[httpx.Request | Wait, httpx.Response, Sequence[Built | Download]]:
        """No report file exists: the listing of the payments of D-91 to D, refunds included, is the report of D."""
        start = period.start - reports.LOOK_BACK
        listed = yield from reports.pages(period.base_url, start, period.end)
        return [reports.as_file(listed, period)]

    def read_report(self, file: ReportFile, period: Period) -> Report:
        """Its paging is its proof: `quantidadeTotalDeItens` was compared with what the pages held."""
        return Report(reports.lines(file, period), "quantidadeTotalDeItens equals the Pix listed on all pages.")

    def request_id(self, response: httpx.Response) -> str | None:
        found = response.headers.get("x-correlation-id") or response.headers.get("x-request-id")
        if found is None and "problem" in response.headers.get("content-type", ""):
            problem = exact.document(response.content)
            found = problem.get("correlationId") if isinstance(problem, dict) else None
        return found if isinstance(found, str) else None


def _refund_url(order: RefundOrder) -> str:
    assert _REFERENCE.fullmatch(order.reference), "Our reference is made of letters and digits."
    return f"{order.base_url}/pix/{quote(order.payment_reference, safe='')}/devolucao/{order.reference}"


def _problem(response: httpx.Response) -> tuple[str, str]:
    """The error's name (the last part of its RFC 7807 type, else the status) and its words."""
    problem = exact.document(response.content)
    fallback = _BACKSTAGE_NAMES.get(response.status_code, f"HTTP_{response.status_code}")
    if not isinstance(problem, dict):
        return fallback, f"The PSP answered {response.status_code} without a problem document."
    kind = problem.get("type")
    name = kind.rsplit("/", 1)[-1][:100] if isinstance(kind, str) and kind.rsplit("/", 1)[-1] else fallback
    detail = problem.get("detail") or problem.get("title") or f"The PSP answered {response.status_code}."
    return name, " ".join([str(detail), *_violations(problem)])[:500]


def _violations(problem: dict[str, Any]) -> list[str]:
    found = problem.get("violacoes")
    if not isinstance(found, list):
        return []
    return [f"{item.get('propriedade')}: {item.get('razao')}" for item in found if isinstance(item, dict)]


def _read_state(order: RefundOrder, response: httpx.Response) -> Outcome:
    answer = exact.document(response.content)
    if not isinstance(answer, dict):
        return InDoubt("UNREADABLE", "The PSP answered with something that is not a refund.")
    mismatch = _mismatch(order, answer)
    if mismatch is not None:
        return mismatch
    reference = answer.get("rtrId") if isinstance(answer.get("rtrId"), str) else None
    status = answer.get("status")
    reason = answer.get("motivo") if isinstance(answer.get("motivo"), str) else None
    match status:
        case "EM_PROCESSAMENTO":
            return Accepted(reference, status)
        case "DEVOLVIDO":
            return Succeeded(reference, reports.settled_at(answer), status)
        case "NAO_REALIZADO":
            said = reason or "The PSP could not return the money."
            known = Returned if order.succeeded else Declined
            return known(status, said, reference)
    return InDoubt(str(status)[:100], "The PSP answered with a status that the Pix API does not know.")


def _mismatch(order: RefundOrder, answer: dict[str, Any]) -> InDoubt | None:
    """The PSP must echo what was asked for; another amount under our id is nobody's to guess about."""
    if answer.get("id") is None and answer.get("valor") is None:
        return InDoubt("UNREADABLE", "The PSP answered with something that is not a refund.")
    try:
        amount = Money.parse(str(answer.get("valor")), order.amount.currency)
    except MoneyError:
        amount = None
    if answer.get("id") == order.reference and amount == order.amount:
        return None
    said = f"asked for {order.amount} as {order.reference}, the PSP holds {answer.get('valor')} as {answer.get('id')}"
    return InDoubt("ECHO_MISMATCH", f"The PSP holds another refund: {said}.", needs_person=True)


def _told(body: bytes) -> list[Told]:
    try:
        told = json.loads(body)
        listed = told["pix"]
        if not isinstance(listed, list):
            raise TypeError
        found: list[Told] = [notice for raw in listed for notice in _notices_of(raw)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadNotice('The body is not {"pix": [...]} as the Pix API defines it.') from error
    return found or [NotUnderstood("Pix received, without a refund")]


def _notices_of(raw: Mapping[str, Any]) -> list[Notice]:
    return [
        Notice(
            payment_reference=str(raw["endToEndId"]),
            reference=str(refund["id"]) if refund.get("id") is not None else None,
            pse_refund_reference=str(refund["rtrId"]) if refund.get("rtrId") is not None else None,
            outcome=None,
            by_bank=str(refund.get("natureza", "")).startswith("MED_"),
        )
        for refund in reports.refunds_within(raw)
    ]
