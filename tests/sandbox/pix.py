"""The Pix API of a PSP, as bacen/pix-api 2.9.0 has it: token, refunds, look-ups, listing, webhook registration.

Each payment may carry moods, used up one by one by the refund requests that come in; see `admin.py` for their names.
"""

import asyncio
import base64
import json
import re
import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.sandbox.books import Books, Payment, Refund, Refused
from tests.sandbox.wire import dropped, half

PREFIX = "/pix/v2"
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
_VALUE = re.compile(r"\d{1,10}\.\d{2}")
_ID = re.compile(r"[a-zA-Z0-9]{1,35}")
_WEBHOOK_TRIES = 5


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
        "id": refund.id,
        "rtrId": refund.rtr_id,
        "valor": _money(refund.amount),
        "natureza": refund.nature,
        "horario": times,
        "status": refund.status,
    }
    if refund.description:
        body["descricao"] = refund.description
    if refund.reason:
        body["motivo"] = refund.reason
    return body


def payment_json(payment: Payment) -> dict[str, Any]:
    body: dict[str, Any] = {
        "endToEndId": payment.e2eid,
        "valor": _money(payment.amount),
        "chave": payment.key,
        "horario": _time(payment.captured_at),
        "infoPagador": "Pedido na loja",
    }
    if payment.txid:
        body["txid"] = payment.txid
    if payment.refunds:
        body["devolucoes"] = [refund_json(refund) for refund in payment.refunds.values()]
    return body


class PixServer:
    """One PSP: its books, its clients, its webhook and its moods."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.clients = {"estorno": "sandbox-secret"}
        self.webhooks: dict[str, str] = {}
        self.next_moods: list[dict[str, Any]] = []
        self.token_moods: list[str] = []
        self.requests: list[dict[str, Any]] = []
        self.hidden_until: dict[str, float] = {}
        self.webhook_times = 1
        self._tokens: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def routes(self) -> list[Route]:
        return [
            Route("/oauth/token", self.token, methods=["POST"]),
            Route(PREFIX + "/pix", self.listing, methods=["GET"]),
            Route(PREFIX + "/pix/{e2eid}", self.payment, methods=["GET"]),
            Route(PREFIX + "/pix/{e2eid}/devolucao/{id}", self.get_refund, methods=["GET"]),
            Route(PREFIX + "/pix/{e2eid}/devolucao/{id}", self.put_refund, methods=["PUT"]),
            Route(PREFIX + "/webhook/{chave}", self.webhook, methods=["GET", "PUT", "DELETE"]),
        ]

    # Access

    async def token(self, request: Request) -> Response:
        mood = self.token_moods.pop(0) if self.token_moods else "ok"
        if mood == "lost":
            return dropped()
        if mood == "hang":
            await asyncio.sleep(60)
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        name, _, secret = _decoded(given).partition(":")
        form = httpx.QueryParams((await request.body()).decode())
        if mood == "refused" or scheme != "Basic" or self.clients.get(name) != secret:
            return JSONResponse({"error": "invalid_client"}, 401)
        if form.get("grant_type") != "client_credentials":
            return JSONResponse({"error": "unsupported_grant_type"}, 400)
        token = secrets.token_urlsafe(24)
        self._tokens[token] = time.monotonic() + 3600
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": 3600, "scope": form.get("scope", "")}
        return JSONResponse(answer)

    def _refused(self, request: Request) -> Response | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme == "Bearer" and self._tokens.get(token, 0) > time.monotonic():
            return None
        return problem("AcessoNegado", "O token de acesso falta, é desconhecido ou expirou.")

    def forget_tokens(self) -> None:
        self._tokens.clear()

    # Refunds

    async def put_refund(self, request: Request) -> Response:
        refused = self._refused(request)
        if refused is not None:
            return refused
        raw = await request.body()
        e2eid, refund_id = request.path_params["e2eid"], request.path_params["id"]
        self.requests.append({"method": "PUT", "payment": e2eid, "refund": refund_id, "body": raw.decode()})
        payment = self.books.payments.get(e2eid)
        mood = self._mood(payment)
        return await self._by_mood(mood, payment, refund_id, raw)

    def _mood(self, payment: Payment | None) -> dict[str, Any]:
        for waiting in (self.next_moods, payment.moods if payment else []):
            if waiting:
                return waiting.pop(0)
        return {"name": "ok"}

    async def _by_mood(self, mood: Mapping[str, Any], payment: Payment | None, refund_id: str, raw: bytes) -> Response:
        seconds = float(mood.get("seconds", 0))
        match mood["name"]:
            case "unavailable":
                return problem("ServicoIndisponivel", "Serviço em manutenção.")
            case "rate_limited":
                return JSONResponse({"title": "Too many requests"}, 429, {"retry-after": "1"})
            case "lost_request":
                return dropped()
            case "late_request":
                self._later(seconds, payment, refund_id, raw)
                return dropped()
            case "slow":
                await asyncio.sleep(seconds)
        answer = self._apply(mood, payment, refund_id, raw)
        match mood["name"]:
            case "lost_answer":
                return dropped()
            case "half_response":
                return half(answer)
            case "applied_then_500":
                return problem("ErroInternoDoServidor", "Falha inesperada após o processamento.")
            case "hang":
                await asyncio.sleep(seconds or 60)
                return dropped()
        return answer

    def _later(self, seconds: float, payment: Payment | None, refund_id: str, raw: bytes) -> None:
        async def arrive() -> None:
            await asyncio.sleep(seconds)
            self._apply({"name": "ok"}, payment, refund_id, raw)

        self._spawn(arrive())

    def _apply(self, mood: Mapping[str, Any], payment: Payment | None, refund_id: str, raw: bytes) -> Response:
        if payment is None:
            return problem("PixNaoEncontrado", "Não há Pix com este e2eid.")
        try:
            amount, description = _asked(refund_id, raw)
            refund = self.books.open_refund(payment, refund_id, amount, description)
        except Refused as refused:
            return problem("PixDevolucaoInvalida", str(refused))
        match mood["name"]:
            case "refused":
                self.books.refuse(refund, "Saldo insuficiente na conta.")
            case "pending":
                if mood.get("seconds") is not None:
                    self._settle_later(float(mood["seconds"]), payment, refund)
            case _:
                self.books.settle(payment, refund)
        if mood["name"] == "look_up_lag":
            self.hidden_until[refund_id] = time.monotonic() + float(mood.get("seconds", 1))
        if refund.status != "EM_PROCESSAMENTO":
            self.notify(payment, refund)
        return JSONResponse(refund_json(refund), 201)

    def _settle_later(self, seconds: float, payment: Payment, refund: Refund) -> None:
        async def settle() -> None:
            await asyncio.sleep(seconds)
            if refund.status == "EM_PROCESSAMENTO":
                self.books.settle(payment, refund)
                self.notify(payment, refund)

        self._spawn(settle())

    # Reading

    async def get_refund(self, request: Request) -> Response:
        refused = self._refused(request)
        if refused is not None:
            return refused
        refund_id = request.path_params["id"]
        self.requests.append({"method": "GET", "payment": request.path_params["e2eid"], "refund": refund_id})
        payment = self.books.payments.get(request.path_params["e2eid"])
        refund = payment.refunds.get(refund_id) if payment else None
        if refund is None or self.hidden_until.get(refund_id, 0) > time.monotonic():
            return problem("PixDevolucaoNaoEncontrada", "Não há devolução com este id.")
        return JSONResponse(refund_json(refund))

    async def payment(self, request: Request) -> Response:
        refused = self._refused(request)
        if refused is not None:
            return refused
        payment = self.books.payments.get(request.path_params["e2eid"])
        if payment is None:
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
        found.sort(key=lambda payment: (payment.captured_at, payment.e2eid))
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

    def notify(self, payment: Payment, refund: Refund) -> None:
        """Tell the merchant that a refund has reached its end; a PSP tells it only of Pix with a txid."""
        url = self.webhooks.get(payment.key)
        if url is None or payment.txid is None or self.webhook_times == 0:
            return
        body = {"pix": [{**payment_json(payment), "devolucoes": [refund_json(refund)]}]}
        for _ in range(self.webhook_times):
            self._spawn(_post(url.rstrip("/") + "/pix", body))

    def _spawn(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _post(url: str, body: Mapping[str, Any]) -> None:
    async with httpx.AsyncClient(timeout=10) as client:
        for attempt in range(_WEBHOOK_TRIES):
            try:
                if (await client.post(url, json=body)).status_code < 300:
                    return
            except httpx.HTTPError:
                pass
            await asyncio.sleep(0.5 * 2**attempt)


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
        raise Refused("O corpo não respeita o schema.") from error
    if not _ID.fullmatch(refund_id) or not isinstance(value, str) or not _VALUE.fullmatch(value):
        raise Refused("O id ou o valor não respeitam o schema.")
    if nature not in ("ORIGINAL", "RETIRADA") or (description is not None and len(description) > 140):
        raise Refused("A natureza ou a descrição não respeitam o schema.")
    return int(value.replace(".", "")), description
