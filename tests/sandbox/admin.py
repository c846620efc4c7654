"""The hand behind a PSE of the sandbox: plain JSON over HTTP under `/_admin/<pse>`, for tests and for the demo day.

    POST payments       {"amount", "captured_at"?, "key"?, "order"?, "method"?, "currency"?, "moods"?, "webhook_moods"?}
                        "uncaptured": true: nobody has paid; "elsewhere": true: on another merchant's account
                        or {"payments": [...]}, which gives {"payments": [the PSE's references]}
    POST moods          {"payment"?, "moods": [{"name", "seconds"?}]}   without a payment: the next requests
    POST payment-moods  {"moods": [...]}        what the next questions for a payment meet: PAYMENT_MOODS in server.py
    POST webhook-moods  {"payment", "moods": [{"name", "seconds"?, "times"?}]}
    POST settle         {"payment", "refund"}   a pending refund is paid; `refund`: our reference or the PSE's id
    POST refuse         {"payment", "refund"}   a pending refund is refused
    POST give-back      {"payment", "refund"}   a paid refund comes back
    POST webhooks       {"key", "url", "times"?}  where notices of this payee key go, and how often each is sent
    POST account        {"key"?, "active"?, "address"?, "callback"?, "skew_seconds"?}  the rest is as it was at first
    POST balance        {"amount"}              what the account has from now on: paid out, or topped up
    POST tamper         {}                      changes one number in the log
    GET  log            {"opening", "balance", "held" (after fees and payouts), "paid_out",
                         "movements": [{"at", "kind", "payment", "refund", "amount", "currency"}]}
    GET  delivered      {"digests": [...]}      SHA-256 of each webhook body that was answered with 2xx
    GET  payment        ?payment=: {"amount", "currency", "captured_at", "key", "order"}
    GET  requests       {"requests": [...]}     refund requests and look-ups as they came in

What only one PSE has is said by its server (`admin`). The names of the moods are in `server.py`.
"""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tests.sandbox.books import OPENING_BALANCE, Payment, Refund
from tests.sandbox.server import MOODS, PAYMENT_MOODS, STATES, WEBHOOK_MOODS, PseServer


def routes(server: PseServer) -> list[BaseRoute]:
    """The admin routes of one PSE."""
    hand = _Hand(server)
    posts = {
        "payments": hand.payments,
        "moods": hand.moods,
        "payment-moods": hand.payment_moods,
        "webhook-moods": hand.webhook_moods,
        "settle": hand.settle,
        "refuse": hand.refuse,
        "give-back": hand.give_back,
        "webhooks": hand.webhooks,
        "account": hand.account,
        "balance": hand.balance,
        "tamper": hand.tamper,
        **server.admin(),
    }
    gets = {"log": hand.log, "requests": hand.requests, "payment": hand.payment, "delivered": hand.delivered}
    place = f"/_admin/{server.name}"
    made: list[BaseRoute] = [Route(f"{place}/{name}", what, methods=["POST"]) for name, what in posts.items()]
    return made + [Route(f"{place}/{name}", what) for name, what in gets.items()]


class _Hand:
    def __init__(self, server: PseServer) -> None:
        self._server = server

    async def payments(self, request: Request) -> Response:
        body = await request.json()
        made = [self._capture(wanted) for wanted in body.get("payments", [body])]
        return JSONResponse({"payments": [payment.reference for payment in made]})

    def _capture(self, wanted: dict[str, Any]) -> Payment:
        at = wanted.get("captured_at")
        payment = self._server.new_payment(wanted, datetime.fromisoformat(at) if at else datetime.now(UTC))
        payment.moods = _checked(wanted.get("moods", []), MOODS)
        payment.facts |= {name: True for name in ("uncaptured", "elsewhere") if wanted.get(name)}
        payment.webhook_moods = _checked(wanted.get("webhook_moods", []), WEBHOOK_MOODS)
        return self._server.books.capture(payment)

    async def moods(self, request: Request) -> Response:
        body = await request.json()
        moods = _checked(body["moods"], MOODS)
        if "payment" in body:
            self._server.books.payments[body["payment"]].moods = moods
        else:
            self._server.next_moods = moods
        return JSONResponse({})

    async def payment_moods(self, request: Request) -> Response:
        moods = (await request.json())["moods"]
        _checked([{"name": mood} for mood in moods], PAYMENT_MOODS)
        self._server.payment_moods = moods
        return JSONResponse({})

    async def webhook_moods(self, request: Request) -> Response:
        body = await request.json()
        self._server.books.payments[body["payment"]].webhook_moods = _checked(body["moods"], WEBHOOK_MOODS)
        return JSONResponse({})

    async def _named(self, request: Request) -> tuple[Payment, Refund]:
        body = await request.json()
        payment = self._server.books.payments[body["payment"]]
        named = (one for one in payment.refunds.values() if body["refund"] in (one.reference, one.id))
        return payment, next(named)

    async def settle(self, request: Request) -> Response:
        self._server.settle(*await self._named(request))
        return JSONResponse({})

    async def refuse(self, request: Request) -> Response:
        self._server.refuse(*await self._named(request))
        return JSONResponse({})

    async def give_back(self, request: Request) -> Response:
        self._server.give_back(*await self._named(request))
        return JSONResponse({})

    async def webhooks(self, request: Request) -> Response:
        body = await request.json()
        self._server.webhooks[body["key"]] = body["url"]
        self._server.webhook_times = body.get("times", 1)
        return JSONResponse({})

    async def account(self, request: Request) -> Response:
        body = await request.json()
        if unknown := set(body) - set(STATES):
            raise ValueError(f"Unknown states {sorted(unknown)}; there are {sorted(STATES)}.")
        self._server.states = {**STATES, **body}
        return JSONResponse({})

    async def balance(self, request: Request) -> Response:
        self._server.books.balance = (await request.json())["amount"]
        return JSONResponse({})

    async def tamper(self, request: Request) -> Response:
        refunds = [movement for movement in self._server.books.log if movement.kind == "REFUND"]
        (refunds or self._server.books.log)[-1].amount += 1
        return JSONResponse({})

    async def log(self, request: Request) -> Response:
        books = self._server.books
        movements = [asdict(movement) for movement in books.log]
        held, paid_out = self._server.held()
        told = {"held": held, "paid_out": paid_out, "movements": movements}
        return JSONResponse({"opening": OPENING_BALANCE, "balance": books.balance, **told})

    async def payment(self, request: Request) -> Response:
        payment = self._server.books.payments[request.query_params["payment"]]
        facts = {"amount": payment.amount, "currency": payment.currency, "captured_at": payment.captured_at.isoformat()}
        return JSONResponse({**facts, "key": payment.key, "order": payment.order})

    async def delivered(self, request: Request) -> Response:
        return JSONResponse({"digests": self._server.delivered})

    async def requests(self, request: Request) -> Response:
        return JSONResponse({"requests": self._server.requests})


def _checked(moods: list[dict[str, Any]], known: frozenset[str]) -> list[dict[str, Any]]:
    unknown = {mood["name"] for mood in moods} - known
    if unknown:
        raise ValueError(f"Unknown moods {sorted(unknown)}; there are {sorted(known)}.")
    return list(moods)
