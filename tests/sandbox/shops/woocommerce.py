"""A WooCommerce shop: REST version 3, and order.updated, signed over the raw body and sent once."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tests.sandbox.wire import dropped

KEY, SECRET = "ck_of_the_sandbox", "cs_of_the_sandbox"
WEBHOOK_SECRET = "woosecretofthesandbox"


class WooShop:
    """One shop. `moved`: refunds whose gateway was called."""

    def __init__(self) -> None:
        self.orders: dict[int, dict[str, Any]] = {}
        self.refunds: dict[int, list[dict[str, Any]]] = {}
        self.notes: dict[int, list[dict[str, Any]]] = {}
        self.hooks: list[dict[str, Any]] = []
        self.moved: list[str] = []
        self.taken: int | None = None  # so many more questions about an order; then 429
        self.lost = 0  # answers to the next refunds that never come
        self._number = 700

    def routes(self) -> list[BaseRoute]:
        base = "/wp-json/wc/v3"
        return [
            Route(f"{base}/webhooks", self._webhooks),
            Route(f"{base}/orders", self._list),
            Route(f"{base}/orders/{{id:int}}", self._order),
            Route(f"{base}/orders/{{id:int}}/refunds", self._refunds, methods=["GET", "POST"]),
            Route(f"{base}/orders/{{id:int}}/notes", self._notes, methods=["GET", "POST"]),
        ]

    # What people do in the shop

    def order(self, currency: str = "BRL", transaction: str = "") -> str:
        number = self._next()
        told = {"id": number, "number": str(number), "currency": currency, "transaction_id": transaction}
        self.orders[number] = told
        self.refunds[number], self.notes[number] = [], []
        return str(number)

    def refund(
        self,
        order: str,
        amount: str,
        *,
        by_gateway: bool = False,
        meta: Any = (),
        reason: str = "",
        ago: timedelta = timedelta(minutes=3),
    ) -> str:
        number = self._next()
        if by_gateway:
            self.moved.append(amount)
        made = {"id": number, "amount": amount, "reason": reason, "refunded_payment": by_gateway}
        made["date_created_gmt"] = f"{datetime.now(UTC) - ago:%Y-%m-%dT%H:%M:%S}"
        self.refunds[int(order)].append({**made, "meta_data": list(meta)})
        return str(number)

    def moves(self, order: str, refund: str) -> None:
        """The gateway has paid it, which is said only now."""
        (found,) = [one for one in self.refunds[int(order)] if str(one["id"]) == refund]
        found["refunded_payment"] = True
        self.moved.append(found["amount"])

    def delete(self, order: str, refund: str) -> None:
        self.refunds[int(order)] = [one for one in self.refunds[int(order)] if str(one["id"]) != refund]

    def webhook(self, order: str) -> tuple[bytes, dict[str, str]]:
        raw = json.dumps(self._shown(int(order))).encode()
        made = base64.b64encode(hmac.new(WEBHOOK_SECRET.encode(), raw, hashlib.sha256).digest()).decode()
        told = {"x-wc-webhook-signature": made, "x-wc-webhook-topic": "order.updated"}
        return raw, {"content-type": "application/json", **told, "x-wc-webhook-delivery-id": str(self._next())}

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _shown(self, number: int) -> dict[str, Any]:
        short = [{"id": one["id"], "total": f"-{one['amount']}"} for one in self.refunds[number]]
        return {**self.orders[number], "date_modified_gmt": "2026-11-30T00:00:00", "refunds": short}

    # What programs do

    async def _webhooks(self, request: Request) -> Response:
        return _refused() if not _is_known(request) else JSONResponse(self.hooks)

    async def _list(self, request: Request) -> Response:
        if not _is_known(request):
            return _refused()
        page, size = int(request.query_params["page"]), int(request.query_params["per_page"])
        return JSONResponse([self._shown(one) for one in self.orders][(page - 1) * size : page * size])

    async def _order(self, request: Request) -> Response:
        if not _is_known(request):
            return _refused()
        if self.taken is not None:
            if self.taken == 0:
                return JSONResponse({"code": "too_many_requests"}, 429, headers={"retry-after": "30"})
            self.taken -= 1
        number = request.path_params["id"]
        if number not in self.orders:
            return JSONResponse({"code": "woocommerce_rest_shop_order_invalid_id"}, 404)
        return JSONResponse(self._shown(number))

    async def _refunds(self, request: Request) -> Response:
        if not _is_known(request):
            return _refused()
        number = request.path_params["id"]
        if request.method == "GET":
            return JSONResponse(self.refunds[number])
        body = await request.json()
        by_gateway = body.get("api_refund", True)  # WooCommerce's own default
        made = self.refund(
            str(number), body["amount"], by_gateway=by_gateway, meta=body["meta_data"], reason=body["reason"]
        )
        if self.lost:
            self.lost -= 1
            return dropped()
        return JSONResponse({"id": int(made)}, 201)

    async def _notes(self, request: Request) -> Response:
        if not _is_known(request):
            return _refused()
        number = request.path_params["id"]
        if request.method == "GET":
            return JSONResponse(self.notes[number])
        note = {"id": self._next(), **await request.json()}
        self.notes[number].append(note)
        return JSONResponse(note, 201)


def _is_known(request: Request) -> bool:
    wanted = base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
    return request.headers.get("authorization") == f"Basic {wanted}"


def _refused() -> Response:
    return JSONResponse({"code": "woocommerce_rest_cannot_view"}, 401)
