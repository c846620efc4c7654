"""Pix, as the Banco Central do Brasil's API says (bacen/pix-api 2.9.0). Host and path prefix belong to the connection.

PUT is not a replay: an id used before is an error, so every doubt is ended by asking (GET of the same id).
"""

import re
from collections.abc import Iterable
from typing import Final

import httpx

from domain.pse.kit import answers, requests
from domain.pse.kit.base import Base
from domain.pse.kit.oauth import ClientCredentials
from domain.pse.kit.outcomes import ErrorAnswer
from domain.pse.kit.parts import Parts
from domain.pse.pix import lines, objects, reports, setup, webhooks
from domain.pse.pix.setup import SCOPE, token_url
from domain.pse.reporting import Steps
from domain.pse.vocabulary import CapturedPayment, Credentials, Outcome, Period, RefundOrder

_DESCRIPTION_MAX: Final = 140
_REFERENCE: Final = re.compile(r"[a-zA-Z0-9]{1,35}")
_INVALID: Final = "PixDevolucaoInvalida"
_UNKNOWN: Final = "PixDevolucaoNaoEncontrada"


class Pix(Base):
    """The connector. Stateless: all it needs is in its arguments."""

    name = "pix"
    parts = Parts(objects, webhooks, payments=objects, shows=objects, reports=reports, lines=lines, setup=setup)
    report_lag_days: int | None = 0
    accepted = (200, 201)
    refusing = (400, 404, 410, 422)
    request_id_headers = ("x-correlation-id", "x-request-id")
    request_id_field = "correlationId"

    def auth(self, credentials: Credentials) -> httpx.Auth:
        """OAuth2 client credentials; the token URL is the PSP's own."""
        url = token_url(credentials.base_url, credentials.token_url)
        return ClientCredentials(url, credentials.client_id, credentials.secrets["client_secret"], SCOPE)

    def webhook_address(self, credentials: Credentials, url: str) -> str:
        """With the secret by which the PSP is known: Pix has no signature."""
        return f"{url}/{credentials.secrets['webhook_secret']}"

    def refund(self, order: RefundOrder) -> httpx.Request:
        """`PUT /pix/{e2eid}/devolucao/{id}` with our reference as id."""
        assert _REFERENCE.fullmatch(order.reference), "Our reference is made of letters and digits."
        body = {"valor": order.amount.decimal(), "natureza": "ORIGINAL"}
        if order.description:
            body["descricao"] = order.description[:_DESCRIPTION_MAX]
        return httpx.Request("PUT", requests.url(*_place(order)), json=body, headers=requests.JSON)

    def read_refusal(self, order: RefundOrder, response: httpx.Response, error: ErrorAnswer) -> Outcome:
        """PixDevolucaoInvalida covers schema, sum, window and an id used before alike: only a look-up tells which."""
        sent_before = 400 <= response.status_code < 500 and order.attempt > 1
        if error.explained and (sent_before or error.code == _INVALID):
            return error.in_doubt(refusal=True)
        return super().read_refusal(order, response, error)

    def look_up(self, order: RefundOrder) -> httpx.Request:
        """`GET /pix/{e2eid}/devolucao/{id}`."""
        return requests.get(*_place(order))

    def read_look_up(self, order: RefundOrder, response: httpx.Response) -> Outcome:
        """As `read_refund`; only the 404 that names the refund means that the PSP does not know it."""
        if response.status_code == 404 and (error := objects.error_of(response)).code == _UNKNOWN:
            return error.unsent()
        return super().read_look_up(order, response)

    def look_up_payment(self, base_url: str, reference: str) -> httpx.Request:
        """`GET /pix/{e2eid}`: the Pix with all its refunds, also those that the bank started."""
        return requests.get(base_url, "pix", reference)

    def payments(self, period: Period) -> Steps[Iterable[CapturedPayment]]:
        """The Pix received in the period. A refund whose status we do not know is left out: its line says so."""
        listed = yield from reports.pages(period.base_url, period.start, period.end)
        return answers.payments_in(
            listed, lambda raw: objects.payment_of(objects.understood(raw)[0]), "Pix", "endToEndId"
        )


def _place(order: RefundOrder) -> tuple[str, ...]:
    return order.base_url, "pix", order.payment_reference, "devolucao", order.reference
