"""The Pix API of a PSP, as bacen/pix-api 2.9.0 has it: token, refunds, look-ups, listing, webhook registration.

Each payment may carry moods, used up one by one by the refund requests that come in; see `admin.py` for their names.
"""

import asyncio
import base64
import json
import random
import re
import secrets
import string
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tests.sandbox.books import Books, Payment, Refund, Refused
from tests.sandbox.server import Hook, Mood, PseServer
from tests.sandbox.wire import dropped

PREFIX = "/pix/v2"
ISPB = "12345678"
WINDOW_DAYS = 90
_TYPE = "https://pix.bcb.gov.br/api/v2/error/"
_TITLES = {
    "PixDevolucaoInvalida": (400, "Devolução inválida."),
    "PixConsultaInvalida": (400, "Consulta inválida."),
    "RequisicaoInvalida": (400, "Requisição inválida."),
    "AcessoNegado": (403, "Acesso negado."),
    "PixNaoEncontrado": (404, "Pix não encontrado."),
    "PixDevolucaoNaoEncontrada": (404, "Devolução não encontrada."),
    "ErroInternoDoServidor": (500, "Erro interno do servidor."),
    "ServicoIndisponivel": (503, "Serviço indisponível."),
}
_STATUSES = {
    "PENDING": "EM_PROCESSAMENTO",
    "DONE": "DEVOLVIDO",
    "REFUSED": "NAO_REALIZADO",
    "RETURNED": "NAO_REALIZADO",
}
_VALUE = re.compile(r"\d{1,10}\.\d{2}")
_ID = re.compile(r"[a-zA-Z0-9]{1,35}")
_TOKEN_SECONDS = {"slow": 0.6, "hang": 60.0}


def end_to_end_id(moment: datetime, first: str = "E") -> str:
    """`E` (or `D` for a return) + ISPB + yyyyMMddHHmm (UTC) + 11 alphanumerics: 32 characters."""
    tail = "".join(random.choices(string.ascii_letters + string.digits, k=11))
    return f"{first}{ISPB}{moment.astimezone(UTC):%Y%m%d%H%M}{tail}"


def return_id(moment: datetime) -> str:
    return end_to_end_id(moment, "D")


def problem(name: str, detail: str) -> JSONResponse:
    """RFC 7807, with the spec's error types."""
    status, title = _TITLES[name]
    body = {
        "type": _TYPE + name,
        "title": title,
        "status": status,
        "detail": detail,
        "correlationId": secrets.token_hex(8),
    }
    return JSONResponse(body, status, media_type="application/problem+json")


def _money(amount: int) -> str:
    return f"{amount // 100}.{amount % 100:02}"


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def refund_json(refund: Refund) -> dict[str, Any]:
    times = {"solicitacao": _time(refund.requested_at)}
    if refund.settled_at is not None:
        times["liquidacao"] = _time(refund.settled_at)
    body: dict[str, Any] = {
        "id": refund.reference,
        "rtrId": refund.id,
        "valor": _money(refund.amount),
        "natureza": refund.kind,
        "horario": times,
        "status": _STATUSES[refund.status],
    }
    if refund.description:
        body["descricao"] = refund.description
    if refund.reason:
        body["motivo"] = refund.reason
    return body


def payment_json(payment: Payment) -> dict[str, Any]:
    body: dict[str, Any] = {
        "endToEndId": payment.reference,
        "valor": _money(payment.amount),
        "chave": payment.key,
        "horario": _time(payment.captured_at),
        "infoPagador": "Pedido na loja",
    }
    if payment.order:
        body["txid"] = payment.order
    if payment.refunds:
        body["devolucoes"] = [refund_json(refund) for refund in payment.refunds.values()]
    return body


class PixServer(PseServer):
    """One PSP: its books, its clients, its webhook and its moods."""

    name = "pix"

    def __init__(self, books: Books) -> None:
        super().__init__(books)
        self.clients = {"estorno": "sandbox-secret"}
        self.token_moods: list[str] = []
        self._tokens: dict[str, float] = {}

    def new_payment(self, wanted: Mapping[str, Any], captured_at: datetime) -> Payment:
        return Payment(
            reference=wanted.get("reference") or end_to_end_id(captured_at),
            amount=wanted["amount"],
            currency="BRL",
            method="PIX",
            captured_at=captured_at,
            key=wanted.get("key", "loja@example.com"),
            order=wanted.get("order"),
        )

    def admin(self) -> Mapping[str, Callable[[Request], Awaitable[Response]]]:
        """tokens {"moods": ["ok" | "refused" | "lost" | "slow" | "hang"], "forget"?: true}.

        med {"payment", "amount", "nature"?}: the bank takes money, which gives {"refund": id}.
        """
        return {"tokens": self.set_tokens, "med": self.med}

    async def set_tokens(self, request: Request) -> Response:
        body = await request.json()
        self.token_moods = list(body.get("moods", []))
        if body.get("forget"):
            self._tokens.clear()
        return JSONResponse({})

    async def med(self, request: Request) -> Response:
        body = await request.json()
        payment = self.books.payments[body["payment"]]
        refund = self.take(payment, body["amount"], body.get("nature", "MED_FRAUDE"))
        return JSONResponse({"refund": refund.reference})

    def unavailable(self) -> Response:
        return problem("ServicoIndisponivel", "Serviço em manutenção.")

    def rate_limited(self) -> Response:
        return JSONResponse({"title": "Too many requests"}, 429)

    def internal(self) -> Response:
        return problem("ErroInternoDoServidor", "Falha inesperada após o processamento.")

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/oauth/token", self.token, methods=["POST"]),
            Route(PREFIX + "/pix", self.listing, methods=["GET"]),
            Route(PREFIX + "/pix/{e2eid}", self.payment, methods=["GET"]),
            Route(PREFIX + "/pix/{e2eid}/devolucao/{id}", self.get_refund, methods=["GET"]),
            Route(PREFIX + "/pix/{e2eid}/devolucao/{id}", self.put_refund, methods=["PUT"]),
            Route(PREFIX + "/webhook", self.list_webhooks, methods=["GET"]),
            Route(PREFIX + "/webhook/{chave}", self.webhook, methods=["GET", "PUT", "DELETE"]),
        ]

    # Access

    async def token(self, request: Request) -> Response:
        mood = self.token_moods.pop(0) if self.token_moods else "ok"
        if mood == "lost":
            return dropped()
        if mood in _TOKEN_SECONDS:
            await asyncio.sleep(_TOKEN_SECONDS[mood])
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        name, _, secret = _decoded(given).partition(":")
        form = httpx.QueryParams((await request.body()).decode())
        if not self.states["address"]:
            return problem("AcessoNegado", "O endereço de origem não é permitido.")
        if (
            mood == "refused"
            or self.states["key"] == "refused"
            or scheme != "Basic"
            or self.clients.get(name) != secret
        ):
            return JSONResponse({"error": "invalid_client"}, 401)
        if form.get("grant_type") != "client_credentials":
            return JSONResponse({"error": "unsupported_grant_type"}, 400)
        token = secrets.token_urlsafe(24)
        self._tokens[token] = time.monotonic() + 3600
        # As PSPs do it that give an application all that it may, whatever was asked for.
        scope = "pix.read webhook.read" if self.states["key"] == "no_refunds" else "pix.read pix.write webhook.read"
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": 3600, "scope": scope}
        return JSONResponse(answer)

    def _refused(self, request: Request) -> Response | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        refunding = request.method == "PUT" and "/devolucao/" in request.url.path
        if refunding and self.states["key"] == "no_refunds":
            return problem("AcessoNegado", "O token de acesso não tem o escopo pix.write.")
        known = self.states["address"] and self.states["key"] != "refused"
        if known and scheme == "Bearer" and self._tokens.get(token, 0) > time.monotonic():
            return None
        return problem("AcessoNegado", "O token de acesso falta, é desconhecido ou expirou.")

    # Refunds

    async def put_refund(self, request: Request) -> Response:
        refused = self._refused(request)
        if refused is not None:
            return refused
        raw = await request.body()
        e2eid, refund_id = request.path_params["e2eid"], request.path_params["id"]
        self.note("PUT", e2eid, refund_id, raw)
        payment = self.books.payments.get(e2eid)
        mood = self.mood_of(payment)
        return await self.by_mood(mood, lambda: self._apply(mood, payment, refund_id, raw))

    def _apply(self, mood: Mood, payment: Payment | None, refund_id: str, raw: bytes) -> Response:
        if payment is None:
            return problem("PixNaoEncontrado", "Não há Pix com este e2eid.")
        try:
            amount, description = _asked(refund_id, raw)
            refund = self.books.open_refund(payment, refund_id, amount, return_id, description=description)
        except Refused as refused:
            return problem("PixDevolucaoInvalida", str(refused))
        self.play(mood, payment, refund)
        return JSONResponse(refund_json(refund), 201)

    def take(self, payment: Payment, amount: int, nature: str) -> Refund:
        """The bank takes money back by the Mecanismo Especial de Devolução; nobody asks the merchant."""
        now = datetime.now(UTC)
        made = Refund(return_id(now), f"med{random.randrange(16**12):012x}", amount, nature, now)
        refund = self.books.take(payment, made)
        self.notify(payment, refund)
        return refund

    # Reading

    async def get_refund(self, request: Request) -> Response:
        refused = self._refused(request)
        if refused is not None:
            return refused
        refund_id = request.path_params["id"]
        self.note("GET", request.path_params["e2eid"], refund_id)
        payment = self.books.payments.get(request.path_params["e2eid"])
        refund = payment.refunds.get(refund_id) if payment else None
        if refund is None or self.hidden(refund):
            return problem("PixDevolucaoNaoEncontrada", "Não há devolução com este id.")
        return JSONResponse(refund_json(refund))

    async def payment(self, request: Request) -> Response:
        refused = self._refused(request)
        if refused is not None:
            return refused
        if (trouble := self.trouble()) is not None:
            return trouble
        payment = self.payment_of(request.path_params["e2eid"])
        if payment is None or payment.facts.get("uncaptured"):
            return problem("PixNaoEncontrado", "Não há Pix com este e2eid.")
        return JSONResponse(payment_json(payment))

    async def listing(self, request: Request) -> Response:
        refused = self._refused(request)
        if refused is not None:
            return refused
        query = request.query_params
        try:
            start, end = datetime.fromisoformat(query["inicio"]), datetime.fromisoformat(query["fim"])
            page = int(query.get("paginacao.paginaAtual", "0"))
            size = int(query.get("paginacao.itensPorPagina", "100"))
        except (KeyError, ValueError):
            return problem("PixConsultaInvalida", "Os parâmetros inicio e fim são obrigatórios, em RFC 3339.")
        if not (page >= 0 and 1 <= size <= 1000 and start <= end):
            return problem("PixConsultaInvalida", "A paginação ou o período não fazem sentido.")
        found = [payment for payment in self.books.payments.values() if start <= payment.captured_at <= end]
        if query.get("devolucaoPresente") == "true":
            found = [payment for payment in found if payment.refunds]
        found.sort(key=lambda payment: (payment.captured_at, payment.reference))
        shown = found[page * size : (page + 1) * size]
        paging = {
            "paginaAtual": page,
            "itensPorPagina": size,
            "quantidadeDePaginas": max(1, -(-len(found) // size)),
            "quantidadeTotalDeItens": len(found),
        }
        parameters = {"inicio": query["inicio"], "fim": query["fim"], "paginacao": paging}
        return JSONResponse({"parametros": parameters, "pix": [payment_json(payment) for payment in shown]})

    # Webhook

    async def list_webhooks(self, request: Request) -> Response:
        refused = self._refused(request)
        if refused is not None:
            return refused
        now = _time(datetime.now(UTC))
        kept = self.webhooks if self.states["callback"] else {}
        listed = [{"webhookUrl": url, "chave": key, "criacao": now} for key, url in kept.items()]
        paging = {
            "paginaAtual": 0,
            "itensPorPagina": 100,
            "quantidadeDePaginas": 1,
            "quantidadeTotalDeItens": len(listed),
        }
        return JSONResponse({"parametros": {"inicio": now, "fim": now, "paginacao": paging}, "webhooks": listed})

    async def webhook(self, request: Request) -> Response:
        refused = self._refused(request)
        if refused is not None:
            return refused
        key = request.path_params["chave"]
        if request.method == "PUT":
            self.webhooks[key] = json.loads(await request.body())["webhookUrl"]
            return Response(status_code=200)
        if request.method == "DELETE":
            self.webhooks.pop(key, None)
            return Response(status_code=204)
        return JSONResponse(
            {"webhookUrl": self.webhooks.get(key, ""), "chave": key, "criacao": _time(datetime.now(UTC))}
        )

    def hooks(self, url: str, payment: Payment, refund: Refund) -> list[Hook]:
        """A PSP tells that a refund has reached its end, and tells it only of Pix with a txid."""
        if payment.order is None:
            return []
        body = {"pix": [{**payment_json(payment), "devolucoes": [refund_json(refund)]}]}
        return [Hook(url.rstrip("/") + "/pix", json.dumps(body).encode(), {"content-type": "application/json"})]


def _decoded(given: str) -> str:
    try:
        return base64.b64decode(given).decode()
    except ValueError:
        return ""


def _asked(refund_id: str, raw: bytes) -> tuple[int, str | None]:
    """Amount and description of a DevolucaoSolicitada. Raises Refused."""
    try:
        body = json.loads(raw)
        value, nature, description = body["valor"], body.get("natureza", "ORIGINAL"), body.get("descricao")
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise Refused("BODY", "O corpo não respeita o schema.") from error
    if not _ID.fullmatch(refund_id) or not isinstance(value, str) or not _VALUE.fullmatch(value):
        raise Refused("BODY", "O id ou o valor não respeitam o schema.")
    if nature not in ("ORIGINAL", "RETIRADA") or (description is not None and len(description) > 140):
        raise Refused("BODY", "A natureza ou a descrição não respeitam o schema.")
    return int(value.replace(".", "")), description
