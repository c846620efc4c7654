"""What stands around the merchant beside its PSEs: a Shopify shop, a group's robots, a mailbox, a server of its own.

POST /_admin/shopify/webhooks  {"url"}             where the shop tells of its refunds
POST /_admin/shopify/order     {"amount", "currency"}: {"order"}   a paid order
POST /_admin/shopify/refund    {"order", "amount"}: {"answered"}   somebody refunds it in the shop, and we are told
GET  /_admin/shopify/order     ?order=: {"states" by our reference, "tags", "refunds", "moved"}
GET  /_admin/channels          {"paths", "secret" of the DingTalk robot, "dingtalk", "wecom": what was delivered,
                               "mail": [{"to", "subject"}]}
POST /_admin/receiver          {"secret"}          of the endpoint, as the merchant's server would keep it
GET  /_admin/receiver          {"believed": [type], "refused": number}   by the official library
POST /receiver                 the merchant's own server, that is told news
"""

import json
from collections.abc import Callable
from typing import Any

import httpx
import standardwebhooks
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tests.sandbox.channels.app import Channels
from tests.sandbox.channels.mail import Relay
from tests.sandbox.shops.shopify import ShopifyShop

_ROBOT_SECRET = "SEC-of-the-sandbox"


class Around:
    """`relay`: where mail arrives; None: nobody takes any."""

    def __init__(self, relay: Relay | None = None) -> None:
        self._shop, self._channels, self._relay = ShopifyShop(), Channels(), relay
        self._channels.dingtalk.secret = _ROBOT_SECRET
        self._told_at = ""
        self._secret = ""
        self._believed: list[str] = []
        self._refused = 0

    def routes(self) -> list[BaseRoute]:
        posts: dict[str, Callable[[Request], Any]] = {
            "/_admin/shopify/webhooks": self._subscribe,
            "/_admin/shopify/order": self._order,
            "/_admin/shopify/refund": self._refund,
            "/_admin/receiver": self._keep_secret,
            "/receiver": self._receive,
        }
        gets: dict[str, Callable[[Request], Any]] = {
            "/_admin/shopify/order": self._seen,
            "/_admin/channels": self._said,
            "/_admin/receiver": self._received,
        }
        made: list[BaseRoute] = [Route(path, what, methods=["POST"]) for path, what in posts.items()]
        made += [Route(path, what, methods=["GET"]) for path, what in gets.items()]
        return [*made, *self._shop.routes(), *self._channels.app().routes]

    async def _subscribe(self, request: Request) -> Response:
        self._told_at = (await request.json())["url"]
        return JSONResponse({})

    async def _order(self, request: Request) -> Response:
        body = await request.json()
        return JSONResponse({"order": self._shop.order(body["amount"], body["currency"])})

    async def _refund(self, request: Request) -> Response:
        wanted = await request.json()
        number = self._shop.refund(wanted["order"], wanted["amount"], note="asked for at the counter")
        body, headers = self._shop.webhook(wanted["order"], number)
        async with httpx.AsyncClient(timeout=5) as http:  # Shopify waits for five seconds
            answer = await http.post(self._told_at, content=body, headers=headers)
        return JSONResponse({"answered": answer.status_code})

    async def _seen(self, request: Request) -> Response:
        order = self._shop.orders[request.query_params["order"]]
        noted = json.loads(order["metafields"].get("estorno/refunds", "{}"))
        states = {reference: one["state"] for reference, one in noted.items()}
        facts = {"refunds": len(order["refunds"]), "moved": len(self._shop.moved)}
        return JSONResponse({"states": states, "tags": sorted(order["tags"]), **facts})

    async def _said(self, request: Request) -> Response:
        letters = self._relay.got if self._relay else []
        mail = [{"to": to, "subject": str(letter["Subject"])} for to, letter in letters]
        robots = {"dingtalk": self._channels.dingtalk.delivered, "wecom": self._channels.wecom.delivered}
        return JSONResponse({"paths": self._channels.paths(), "secret": _ROBOT_SECRET, **robots, "mail": mail})

    async def _keep_secret(self, request: Request) -> Response:
        self._secret = (await request.json())["secret"]
        return JSONResponse({})

    async def _receive(self, request: Request) -> Response:
        body, headers = (await request.body()).decode(), dict(request.headers)
        try:
            told = await run_in_threadpool(standardwebhooks.Webhook(self._secret).verify, body, headers)
        except standardwebhooks.WebhookVerificationError:
            self._refused += 1
            return Response(status_code=401)
        self._believed.append(told["type"])
        return Response(status_code=204)

    async def _received(self, request: Request) -> Response:
        return JSONResponse({"believed": self._believed, "refused": self._refused})
