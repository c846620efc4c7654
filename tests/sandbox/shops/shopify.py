"""A Shopify shop: its token address, its Admin and Payments Apps GraphQL, and webhooks signed over the raw body.

The schema is a part of Shopify's own (2026-10), so that a document which asks for what there is not fails here too.
"""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

from graphql import build_schema, graphql_sync
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tests.sandbox.wire import dropped

_SDL = """
directive @idempotent(key: String!) on FIELD
scalar Decimal
scalar DateTime
scalar JSON
type Query {
  order(id: ID!): Order
  orders(first: Int, after: String, query: String, sortKey: OrderSortKeys): OrderConnection!
  shop: Shop!
  currentAppInstallation: AppInstallation!
  webhookSubscriptions(first: Int): WebhookSubscriptionConnection!
}
enum OrderSortKeys { UPDATED_AT CREATED_AT }
type Shop { name: String! myshopifyDomain: String! currencyCode: String! }
type AppInstallation { accessScopes: [AccessScope!]! }
type AccessScope { handle: String! }
type WebhookSubscriptionConnection { nodes: [WebhookSubscription!]! }
type WebhookSubscription { topic: String! uri: String! }
type OrderConnection { nodes: [Order!]! pageInfo: PageInfo! }
type PageInfo { hasNextPage: Boolean! endCursor: String }
type Metafield { value: String! compareDigest: String! }
type Order {
  id: ID! name: String! updatedAt: DateTime!
  metafield(namespace: String!, key: String!): Metafield
  transactions(first: Int): [OrderTransaction!]!
  refunds(first: Int): [Refund!]!
}
type Refund {
  id: ID! note: String createdAt: DateTime updatedAt: DateTime! transactions(first: Int): OrderTransactionConnection!
}
type OrderTransactionConnection { nodes: [OrderTransaction!]! }
type MoneyV2 { amount: Decimal! currencyCode: String! }
type MoneyBag { presentmentMoney: MoneyV2! shopMoney: MoneyV2! }
enum OrderTransactionKind { SALE CAPTURE AUTHORIZATION VOID REFUND CHANGE EMV_AUTHORIZATION SUGGESTED_REFUND }
enum OrderTransactionStatus { SUCCESS FAILURE PENDING ERROR AWAITING_RESPONSE UNKNOWN }
type OrderTransaction {
  id: ID! kind: OrderTransactionKind! status: OrderTransactionStatus! gateway: String paymentId: String
  manualPaymentGateway: Boolean! amountSet: MoneyBag! parentTransaction: OrderTransaction
}
type UserError { field: [String!] message: String! code: String }
type Mutation {
  refundCreate(input: RefundInput!): RefundCreatePayload
  metafieldsSet(metafields: [MetafieldsSetInput!]!): MetafieldsSetPayload
  tagsAdd(id: ID!, tags: [String!]!): TagsAddPayload
  refundSessionResolve(id: ID!): RefundSessionPayload
  refundSessionReject(id: ID!, reason: RefundSessionRejectionReasonInput!): RefundSessionPayload
}
input RefundInput {
  orderId: ID! currency: String note: String notify: Boolean transactions: [OrderTransactionInput!]
}
input OrderTransactionInput { orderId: ID! parentId: ID gateway: String! kind: OrderTransactionKind! amount: Decimal! }
type RefundCreatePayload { refund: Refund userErrors: [UserError!]! }
input MetafieldsSetInput {
  ownerId: ID! namespace: String key: String! type: String value: String! compareDigest: String
}
type MetafieldsSetPayload { userErrors: [UserError!]! }
type TagsAddPayload { userErrors: [UserError!]! }
input RefundSessionRejectionReasonInput { code: RefundSessionStatusReasonRejectionCode! merchantMessage: String }
enum RefundSessionStatusReasonRejectionCode { PROCESSING_ERROR }
type RefundSession { id: ID! }
type RefundSessionPayload { refundSession: RefundSession userErrors: [UserError!]! }
"""
_SCHEMA = build_schema(_SDL)
TOKEN = "shopify-token-of-the-sandbox"


class ShopifyShop:
    """One shop with our app installed. `moved`: what Shopify has sent to a gateway by itself."""

    def __init__(self, secret: str = "hush") -> None:
        self.secret = secret
        self.orders: dict[str, dict[str, Any]] = {}
        self.hidden: set[str] = set()  # orders older than the app may see
        self.moved: list[tuple[str, str]] = []
        self.sessions: dict[str, tuple[str, str]] = {}  # id -> (what was answered, words)
        self.keys: dict[str, tuple[str, str]] = {}  # idempotency key -> (variables, refund)
        self.scopes = ["read_orders", "write_orders"]
        self.subscriptions: list[dict[str, str]] = []
        self.throttled = 0  # of the next questions
        self.made_at: str | None = None  # of the next refunds; None: now
        self.lost = 0  # answers to the next refundCreate that never come
        self.tokens_given = 0
        self.asked: list[str] = []  # operation names
        self._number = 5_000_000_000

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/admin/oauth/access_token", self._token, methods=["POST"]),
            Route("/admin/api/{version}/graphql.json", self._graphql, methods=["POST"]),
            Route("/payments_apps/api/{version}/graphql.json", self._graphql, methods=["POST"]),
        ]

    # What people do in the shop

    def order(
        self,
        amount: str = "100.00",
        currency: str = "BRL",
        gateway: str = "Pix",
        *,
        manual: bool = True,
        payment: str | None = None,
    ) -> str:
        """A paid order; its number."""
        number = self._next()
        sale = self._transaction("SALE", amount, currency, gateway, manual, payment)
        self.orders[number] = {
            "id": f"gid://shopify/Order/{number}",
            "name": f"#{1000 + len(self.orders)}",
            "updatedAt": "2026-11-30T00:00:00Z",
            "metafields": {},
            "tags": set(),
            "transactions": [sale],
            "refunds": [],
        }
        return number

    def refund(self, order: str, amount: str, *, note: str = "", status: str = "SUCCESS") -> str:
        """Somebody refunds the order in the shop; the refund's number. A gateway of Shopify's moves the money."""
        sale = self.orders[order]["transactions"][0]
        money = sale["amountSet"]["presentmentMoney"]
        made = self._transaction(
            "REFUND", amount, money["currencyCode"], sale["gateway"], sale["manualPaymentGateway"], None, status
        )
        made["parentTransaction"] = sale
        return self._add_refund(order, [made], note)

    def _add_refund(self, order: str, transactions: list[dict[str, Any]], note: str) -> str:
        number = self._next()
        for one in transactions:
            if not one["manualPaymentGateway"]:
                self.moved.append((number, str(one["amountSet"]["presentmentMoney"]["amount"])))
        self.orders[order]["refunds"].append(
            {
                "id": f"gid://shopify/Refund/{number}",
                "note": note,
                "createdAt": self.made_at or datetime.now(UTC).isoformat(),
                "updatedAt": datetime.now(UTC).isoformat(),
                "transactions": {"nodes": transactions},
            }
        )
        return number

    def webhook(self, order: str, refund: str, topic: str = "refunds/create") -> tuple[bytes, dict[str, str]]:
        """The webhook of a refund, as it leaves."""
        found = next(one for one in self.orders[order]["refunds"] if one["id"].endswith(f"/{refund}"))
        parts = [
            {
                "kind": "refund",
                "gateway": one["gateway"],
                "status": one["status"].lower(),
                "amount": one["amountSet"]["presentmentMoney"]["amount"],
                "currency": one["amountSet"]["presentmentMoney"]["currencyCode"],
            }
            for one in found["transactions"]["nodes"]
        ]
        body = {"id": int(refund), "order_id": int(order), "note": found["note"], "refund_line_items": []}
        return self.signed({**body, "order_adjustments": [], "transactions": parts}, topic)

    def signed(self, body: Any, topic: str) -> tuple[bytes, dict[str, str]]:
        raw = json.dumps(body).encode()
        made = base64.b64encode(hmac.new(self.secret.encode(), raw, hashlib.sha256).digest()).decode()
        return raw, {
            "content-type": "application/json",
            "x-shopify-topic": topic,
            "x-shopify-hmac-sha256": made,
            "x-shopify-shop-domain": "loja.myshopify.com",
            "x-shopify-webhook-id": f"hook-{self._next()}",
        }

    def _next(self) -> str:
        self._number += 1
        return str(self._number)

    def _transaction(
        self,
        kind: str,
        amount: str,
        currency: str,
        gateway: str,
        manual: bool,
        payment: str | None,
        status: str = "SUCCESS",
    ) -> dict[str, Any]:
        money = {"amount": amount, "currencyCode": currency}
        return {
            "id": f"gid://shopify/OrderTransaction/{self._next()}",
            "kind": kind,
            "status": status,
            "gateway": gateway,
            "paymentId": payment,
            "manualPaymentGateway": manual,
            "amountSet": {"presentmentMoney": money, "shopMoney": money},
            "parentTransaction": None,
        }

    # What programs do

    async def _token(self, request: Request) -> Response:
        form = dict((await request.form()).items())
        wanted = {"grant_type": "client_credentials", "client_id": "estorno", "client_secret": self.secret}
        if form != wanted:
            return JSONResponse({"error": "invalid_client"}, 401)
        self.tokens_given += 1
        return JSONResponse({"access_token": TOKEN, "scope": ",".join(self.scopes), "expires_in": 86399})

    async def _graphql(self, request: Request) -> Response:
        if request.headers.get("x-shopify-access-token") != TOKEN:
            return JSONResponse({"errors": "[API] Invalid API key or access token"}, 401)
        if self.throttled:
            self.throttled -= 1
            status = {"maximumAvailable": 1000.0, "currentlyAvailable": 10, "restoreRate": 50.0}
            error = {"message": "Throttled", "extensions": {"code": "THROTTLED"}}
            cost = {"requestedQueryCost": 60, "actualQueryCost": None, "throttleStatus": status}
            return JSONResponse({"errors": [error], "extensions": {"cost": cost}})
        body = await request.json()
        root = _Root(self, body["query"], body.get("variables") or {})
        done = graphql_sync(_SCHEMA, body["query"], root, variable_values=body.get("variables"))
        self.asked.append(body["query"].split("Estorno", 1)[1].split("(")[0].split("{")[0].strip())
        if root.lost:
            return dropped()
        told: dict[str, Any] = {"data": done.data}
        if done.errors:
            told["errors"] = [{"message": str(one)} for one in done.errors]
        return JSONResponse(told)


class _Root:
    """The root of one operation: a method for each of its fields."""

    def __init__(self, shop: ShopifyShop, query: str, variables: dict[str, Any]) -> None:
        self._shop, self._query, self._variables = shop, query, variables
        self.lost = False

    def order(self, info: Any, id: str) -> Any:
        number = id.rpartition("/")[2]
        found = self._shop.orders.get(number)
        if found is None or number in self._shop.hidden:
            return None
        fields = {"estorno/refunds": found["metafields"].get("estorno/refunds")}

        def metafield(info: Any, namespace: str, key: str) -> Any:
            value = fields.get(f"{namespace}/{key}")
            return None if value is None else {"value": value, "compareDigest": _digest(value)}

        return {**found, "metafield": metafield}

    def orders(self, info: Any, **given: Any) -> Any:
        found = [one for number, one in self._shop.orders.items() if number not in self._shop.hidden]
        wanted = given.get("query") or ""
        if wanted.startswith("name:"):
            name = wanted.removeprefix("name:").strip("'").lstrip("#")
            found = [one for one in found if one["name"].lstrip("#") == name]
        return {"nodes": found, "pageInfo": {"hasNextPage": False, "endCursor": None}}

    def shop(self, info: Any) -> Any:
        return {"name": "Loja", "myshopifyDomain": "loja.myshopify.com", "currencyCode": "BRL"}

    def currentAppInstallation(self, info: Any) -> Any:
        return {"accessScopes": [{"handle": one} for one in self._shop.scopes]}

    def webhookSubscriptions(self, info: Any, first: int) -> Any:
        return {"nodes": self._shop.subscriptions}

    def refundCreate(self, info: Any, input: dict[str, Any]) -> Any:
        key = self._variables.get("key")
        if "@idempotent(key: $key)" not in self._query or not key:
            return _refused("The @idempotent directive is required for this mutation.")
        order, told = input["orderId"].rpartition("/")[2], json.dumps(self._variables, sort_keys=True)
        if key in self._shop.keys:
            known, name = self._shop.keys[key]
            if known != told:
                return _refused("The same idempotency key cannot be used with different operation parameters")
            return {"refund": self._named(order, name), "userErrors": []}
        made = []
        for one in input.get("transactions") or []:
            sale = next(t for t in self._shop.orders[order]["transactions"] if t["id"] == one["parentId"])
            money = sale["amountSet"]["presentmentMoney"]
            refund = self._shop._transaction(
                "REFUND", one["amount"], money["currencyCode"], one["gateway"], sale["manualPaymentGateway"], None
            )
            made.append({**refund, "parentTransaction": sale})
        name = self._shop._add_refund(order, made, input.get("note") or "")
        self._shop.keys[key] = (told, name)
        if self._shop.lost:
            self._shop.lost -= 1
            self.lost = True
        return {"refund": self._named(order, name), "userErrors": []}

    def _named(self, order: str, name: str) -> Any:
        return next(one for one in self._shop.orders[order]["refunds"] if one["id"].endswith(f"/{name}"))

    def metafieldsSet(self, info: Any, metafields: list[dict[str, Any]]) -> Any:
        for one in metafields:
            order = self._shop.orders[one["ownerId"].rpartition("/")[2]]
            name = f"{one['namespace']}/{one['key']}"
            known = order["metafields"].get(name)
            if one.get("compareDigest") != (None if known is None else _digest(known)):
                return {"userErrors": [{"message": "The resource was changed.", "code": "INVALID_COMPARE_DIGEST"}]}
            order["metafields"][name] = one["value"]
        return {"userErrors": []}

    def tagsAdd(self, info: Any, id: str, tags: list[str]) -> Any:
        self._shop.orders[id.rpartition("/")[2]]["tags"] |= set(tags)
        return {"userErrors": []}

    def refundSessionResolve(self, info: Any, id: str) -> Any:
        return self._answered(id, "RESOLVED", "")

    def refundSessionReject(self, info: Any, id: str, reason: dict[str, str]) -> Any:
        return self._answered(id, "REJECTED", reason["merchantMessage"])

    def _answered(self, id: str, what: str, words: str) -> Any:
        before = self._shop.sessions.setdefault(id.rpartition("/")[2], (what, words))
        if before[0] != what:
            return {"userErrors": [{"message": f"The session is {before[0]} already."}]}
        return {"refundSession": {"id": id}, "userErrors": []}


def _refused(message: str) -> dict[str, Any]:
    return {"refund": None, "userErrors": [{"message": message}]}


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()
