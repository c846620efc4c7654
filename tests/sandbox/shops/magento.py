"""A Magento shop: REST behind OAuth 1.0a (each signature is checked), credit memos, Adobe's events signed by RSA."""

import base64
import hashlib
import hmac
import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote, unquote

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from tests.sandbox.signing import signing_key
from tests.sandbox.wire import dropped

KEY_PATH = "/prod/keys/pub-key-3fVj0Lv0QB.pem"
SECRETS = {"consumer_secret": "cs", "access_token": "at", "access_token_secret": "ats"}


class MagentoShop:
    """One shop, base /rest/all/V1. `moved`: amounts that an online refund has sent to a gateway."""

    def __init__(self, pem: bytes, client_id: str = "io-client") -> None:
        self._key = signing_key(pem)
        self.client_id = client_id
        self.orders: dict[str, dict[str, Any]] = {}
        self.invoices: dict[str, dict[str, Any]] = {}
        self.memos: dict[str, dict[str, Any]] = {}
        self.moved: list[Decimal] = []
        self.lost = 0  # answers to the next refunds that never come
        self.posts: list[tuple[str, dict[str, Any]]] = []
        self.keys_given = 0
        self._number = 0

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/rest/all/V1/{rest:path}", self._rest, methods=["GET", "POST"]),
            Route("/prod/keys/{name}", self._public_key, methods=["GET"]),
        ]

    # What people do in the shop

    def order(
        self,
        amount: str = "100.00",
        currency: str = "BRL",
        *,
        online: bool = False,
        base: tuple[str, str] | None = None,
    ) -> str:
        """`base`: the shop's own currency, and how much of the order's is one of it."""
        number = self._next()
        increment = f"{int(number):09d}"
        money = {"grand_total": Decimal(amount), "order_currency_code": currency}
        own, rate = base or (currency, "1")
        money |= {"base_currency_code": own, "base_to_order_rate": Decimal(rate)}
        item = {"item_id": int(number) * 10, "qty_invoiced": 1}
        self.orders[number] = {"entity_id": int(number), "increment_id": increment, **money, "items": [item]}
        invoice = self._next()
        transaction = f"capture-{invoice}" if online else None
        self.invoices[invoice] = {"entity_id": int(invoice), "order_id": int(number), "transaction_id": transaction}
        return number

    def refund(self, order: str, amount: str, comment: str = "", *, online: bool = False) -> str:
        """Somebody makes a credit memo; its number."""
        number, currency = self._next(), self.orders[order]["order_currency_code"]
        if online:
            self.moved.append(Decimal(amount))
        self.memos[number] = {
            "entity_id": int(number),
            "order_id": int(order),
            "increment_id": f"{int(number):09d}",
            "grand_total": Decimal(amount),
            "base_grand_total": Decimal(amount),
            "order_currency_code": currency,
            "base_currency_code": currency,
            "state": 2,
            "created_at": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}",
            "transaction_id": f"refund-{number}" if online else None,
            "comments": [{"comment": comment}] if comment else [],
        }
        return number

    def event(self, memo: str) -> tuple[bytes, dict[str, str]]:
        """Adobe's event of a credit memo that was saved."""
        value = {"increment_id": self.memos[memo]["increment_id"], "order_id": self.memos[memo]["order_id"]}
        body = {
            "specversion": "1.0",
            "id": f"event-{self._next()}",
            "type": "com.adobe.commerce.observer.sales_order_creditmemo_save_after",
            "recipientclientid": self.client_id,
            "data": {"value": {**value, "_isNew": True}},
        }
        return self.signed(body)

    def signed(self, body: Any) -> tuple[bytes, dict[str, str]]:
        raw = json.dumps(body).encode()
        made = self._key.sign(raw, padding.PKCS1v15(), hashes.SHA256())
        return raw, {
            "content-type": "application/json",
            "x-adobe-public-key1-path": KEY_PATH,
            "x-adobe-digital-signature-1": base64.b64encode(made).decode(),
            "x-adobe-public-key2-path": "/prod/keys/pub-key-another.pem",
            "x-adobe-digital-signature-2": base64.b64encode(b"another key's").decode(),
        }

    def _next(self) -> str:
        self._number += 1
        return str(self._number)

    # What programs do

    async def _public_key(self, request: Request) -> Response:
        if request.url.path != KEY_PATH or "authorization" in request.headers:
            return PlainTextResponse("no such key", 404)
        self.keys_given += 1
        form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        return PlainTextResponse(self._key.public_key().public_bytes(*form).decode())

    async def _rest(self, request: Request) -> Response:
        if not _is_signed(request):
            return _json({"message": "The consumer isn't authorized to access %resources."}, 401)
        path = request.path_params["rest"]
        body = json.loads(await request.body() or b"{}", parse_float=Decimal) if request.method == "POST" else {}
        if request.method == "POST":
            self.posts.append((path, body))
        for pattern, method, answer in (
            (r"(creditmemos|orders|invoices)", "GET", self._search),
            (r"orders/(\d+)", "GET", self._order),
            (r"creditmemo/(\d+)/comments", "GET", self._comments),
            (r"creditmemo/(\d+)/comments", "POST", self._comment),
            (r"order/(\d+)/refund", "POST", self._refund_order),
            (r"invoice/(\d+)/refund", "POST", self._refund_invoice),
        ):
            found = re.fullmatch(pattern, path)
            if found and method == request.method:
                return answer(found[1], request, body)
        return _json({"message": "Request does not match any route."}, 404)

    def _search(self, what: str, request: Request, body: Any) -> Response:
        rows = list({"creditmemos": self.memos, "orders": self.orders, "invoices": self.invoices}[what].values())
        query = request.query_params
        number = 0
        while (field := query.get(f"searchCriteria[filterGroups][{number}][filters][0][field]")) is not None:
            value = query[f"searchCriteria[filterGroups][{number}][filters][0][value]"]
            if query[f"searchCriteria[filterGroups][{number}][filters][0][conditionType]"] == "eq":
                rows = [one for one in rows if str(one.get(field)) == value]
            number += 1
        size = int(query["searchCriteria[pageSize]"])
        first = (int(query["searchCriteria[currentPage]"]) - 1) * size
        return _json({"items": rows[first : first + size], "total_count": len(rows)})

    def _order(self, number: str, request: Request, body: Any) -> Response:
        found = self.orders.get(number)
        return _json(found) if found else _json({"message": "The entity that was requested doesn't exist."}, 404)

    def _comments(self, memo: str, request: Request, body: Any) -> Response:
        return _json({"items": self.memos[memo]["comments"], "total_count": len(self.memos[memo]["comments"])})

    def _comment(self, memo: str, request: Request, body: Any) -> Response:
        self.memos[memo]["comments"].append({"comment": body["entity"]["comment"]})
        return _json(True)

    def _refund_order(self, order: str, request: Request, body: Any) -> Response:
        if any(one["transaction_id"] for one in self.invoices.values() if str(one["order_id"]) == order):
            return _json({"message": "Order was paid online and cannot be refunded offline by this call."}, 400)
        return self._made(order, body)

    def _refund_invoice(self, invoice: str, request: Request, body: Any) -> Response:
        order = str(self.invoices[invoice]["order_id"])
        return self._made(order, body, online=body.get("isOnline", False))

    def _made(self, order: str, body: Any, *, online: bool = False) -> Response:
        given = body.get("arguments", {}).get("adjustment_positive")
        of = self.orders[order]
        # What is added is said in the shop's own currency, and worked out in the order's.
        amount = of["grand_total"] if given is None else (given * of["base_to_order_rate"]).quantize(Decimal("0.01"))
        memo = self.refund(order, str(amount), body["comment"]["comment"], online=online)
        if self.lost:
            self.lost -= 1
            return dropped()
        return _json(int(memo))


def _is_signed(request: Request) -> bool:
    """By RFC 5849, worked out here anew."""
    kind, _, told = request.headers.get("authorization", "").partition(" ")
    given = {name: unquote(value) for name, value in re.findall(r'(\w+)="([^"]*)"', told)}
    signature = given.pop("oauth_signature", "")
    if kind != "OAuth" or given.get("oauth_consumer_key") != "ck" or given.get("oauth_token") != "at":
        return False
    pairs = [*request.query_params.multi_items(), *given.items()]
    joined = "&".join(f"{n}={v}" for n, v in sorted((_quoted(name), _quoted(value)) for name, value in pairs))
    url = f"{request.url.scheme}://{request.headers['host']}{request.url.path}"
    base = f"{request.method}&{_quoted(url)}&{_quoted(joined)}"
    key = f"{_quoted(SECRETS['consumer_secret'])}&{_quoted(SECRETS['access_token_secret'])}"
    wanted = base64.b64encode(hmac.new(key.encode(), base.encode(), hashlib.sha256).digest()).decode()
    return hmac.compare_digest(signature, wanted)


def _quoted(text: str) -> str:
    return quote(text, safe="-._~")


class _Encoder(json.JSONEncoder):
    """Magento writes money as numbers, with four decimals where it likes."""

    def default(self, o: Any) -> Any:
        return float(o) if isinstance(o, Decimal) else super().default(o)


def _json(body: Any, status: int = 200) -> Response:
    return Response(json.dumps(body, cls=_Encoder), status, media_type="application/json")
