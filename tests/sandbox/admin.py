"""The hand behind the sandbox: plain JSON over HTTP under `/_admin`, for tests and for the demo day.

    POST /_admin/payments    {"amount", "captured_at"?, "key"?, "txid"?, "moods"?} or {"payments": [...]}, which gives
                             {"payments": [e2eid]}
    POST /_admin/moods       {"payment"?: e2eid, "moods": [{"name", "seconds"?}]}   without a payment: the next requests
    POST /_admin/tokens      {"moods": ["ok" | "refused" | "lost" | "hang"], "forget"?: true}
    POST /_admin/settle      {"payment", "refund"}     a pending refund is paid
    POST /_admin/refuse      {"payment", "refund"}     a pending refund is refused
    POST /_admin/give-back   {"payment", "refund"}     a paid refund comes back
    POST /_admin/med         {"payment", "amount", "nature"?}  the bank takes money: {"refund": id}
    POST /_admin/webhooks    {"key", "url", "times"?}  where notices of this Pix key go, and how often each is sent
    POST /_admin/tamper      {}                        changes one number in the log
    GET  /_admin/log         {"opening", "balance", "movements": [{"at", "kind", "payment", "refund", "amount"}]}
    GET  /_admin/payment     ?payment=e2eid: {"amount", "captured_at", "key", "txid"}
    GET  /_admin/requests    {"requests": [...]}       refund requests and look-ups as they came in

Moods: ok, pending (paid after `seconds`, or by /settle), refused, lost_answer, applied_then_500, lost_request,
late_request (arrives after `seconds`), slow, hang, half_response, rate_limited, unavailable, look_up_lag (`seconds`).
"""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.sandbox.books import OPENING_BALANCE, Payment, Refund
from tests.sandbox.pix import PixServer

MOODS = frozenset(
    {
        "ok",
        "pending",
        "refused",
        "lost_answer",
        "applied_then_500",
        "lost_request",
        "late_request",
        "slow",
        "hang",
        "half_response",
        "rate_limited",
        "unavailable",
        "look_up_lag",
    }
)


class Admin:
    def __init__(self, server: PixServer) -> None:
        self._server = server

    def routes(self) -> list[Route]:
        posts = {
            "payments": self.payments,
            "moods": self.moods,
            "tokens": self.tokens,
            "settle": self.settle,
            "refuse": self.refuse,
            "give-back": self.give_back,
            "med": self.med,
            "webhooks": self.webhooks,
            "tamper": self.tamper,
        }
        made = [Route(f"/_admin/{name}", endpoint, methods=["POST"]) for name, endpoint in posts.items()]
        gets = {"log": self.log, "requests": self.requests, "payment": self.payment}
        return made + [Route(f"/_admin/{name}", endpoint) for name, endpoint in gets.items()]

    async def payments(self, request: Request) -> Response:
        body = await request.json()
        made = [self._capture(wanted) for wanted in body.get("payments", [body])]
        return JSONResponse({"payments": [payment.e2eid for payment in made]})

    def _capture(self, wanted: dict[str, Any]) -> Payment:
        at = wanted.get("captured_at")
        captured_at = datetime.fromisoformat(at) if at else datetime.now(UTC)
        payment = self._server.books.capture(
            wanted["amount"], captured_at, wanted.get("key", "loja@example.com"), wanted.get("txid")
        )
        payment.moods = _checked(wanted.get("moods", []))
        return payment

    async def moods(self, request: Request) -> Response:
        body = await request.json()
        moods = _checked(body["moods"])
        if "payment" in body:
            self._server.books.payments[body["payment"]].moods = moods
        else:
            self._server.next_moods = moods
        return JSONResponse({})

    async def tokens(self, request: Request) -> Response:
        body = await request.json()
        self._server.token_moods = list(body.get("moods", []))
        if body.get("forget"):
            self._server.forget_tokens()
        return JSONResponse({})

    async def _named(self, request: Request) -> tuple[Payment, Refund]:
        body = await request.json()
        payment = self._server.books.payments[body["payment"]]
        return payment, payment.refunds[body["refund"]]

    async def settle(self, request: Request) -> Response:
        payment, refund = await self._named(request)
        self._server.books.settle(payment, refund)
        self._server.notify(payment, refund)
        return JSONResponse({})

    async def refuse(self, request: Request) -> Response:
        payment, refund = await self._named(request)
        self._server.books.refuse(refund, "Negado pelo PSP do pagador.")
        self._server.notify(payment, refund)
        return JSONResponse({})

    async def give_back(self, request: Request) -> Response:
        payment, refund = await self._named(request)
        self._server.books.give_back(payment, refund)
        self._server.notify(payment, refund)
        return JSONResponse({})

    async def med(self, request: Request) -> Response:
        body = await request.json()
        payment = self._server.books.payments[body["payment"]]
        refund = self._server.books.med(payment, body["amount"], body.get("nature", "MED_FRAUDE"))
        self._server.notify(payment, refund)
        return JSONResponse({"refund": refund.id})

    async def webhooks(self, request: Request) -> Response:
        body = await request.json()
        self._server.webhooks[body["key"]] = body["url"]
        self._server.webhook_times = body.get("times", 1)
        return JSONResponse({})

    async def tamper(self, request: Request) -> Response:
        refunds = [movement for movement in self._server.books.log if movement.kind == "REFUND"]
        (refunds or self._server.books.log)[-1].amount += 1
        return JSONResponse({})

    async def log(self, request: Request) -> Response:
        books = self._server.books
        movements = [asdict(movement) for movement in books.log]
        return JSONResponse({"opening": OPENING_BALANCE, "balance": books.balance, "movements": movements})

    async def payment(self, request: Request) -> Response:
        payment = self._server.books.payments[request.query_params["payment"]]
        facts = {"amount": payment.amount, "captured_at": payment.captured_at.isoformat()}
        return JSONResponse({**facts, "key": payment.key, "txid": payment.txid})

    async def requests(self, request: Request) -> Response:
        return JSONResponse({"requests": self._server.requests})


def _checked(moods: list[dict[str, Any]]) -> list[dict[str, Any]]:
    unknown = {mood["name"] for mood in moods} - MOODS
    if unknown:
        raise ValueError(f"Unknown moods {sorted(unknown)}; there are {sorted(MOODS)}.")
    return list(moods)
