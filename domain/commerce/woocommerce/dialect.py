"""WooCommerce's REST API, version 3, and its webhook `order.updated`, which is never sent a second time."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

import httpx

from domain.commerce import amounts, dialect, signing
from domain.commerce.dialect import Answered, Asking, Dialect, NoAnswer
from domain.commerce.vocabulary import (
    LookAt,
    NothingToUs,
    Outcome,
    Polled,
    SaidRefund,
    ShopAccess,
    ShopDone,
    ShopHasNone,
    ShopKind,
    ShopLater,
    ShopNews,
    ShopRefuses,
    ShopReply,
    Told,
    Why,
)
from domain.pse.checking import CheckCode, Checked
from domain.pse.credentials import Field
from domain.pse.kit import exact, moments
from domain.pse.vocabulary import WebhookRequest

_PAGES_MAX: Final = 500
_PAGE: Final = 100
_PING: Final = re.compile(rb"webhook_id=[0-9]{1,20}")
_HEADER: Final = "X-WC-Webhook-Signature"
_META: Final = "_estorno_reference"
_PLAIN: Final = re.compile(r"[A-Za-z0-9]{16,100}")


class WooCommerce(Dialect):
    """A WooCommerce shop."""

    kind: ClassVar[ShopKind] = ShopKind.WOOCOMMERCE
    poll_seconds: ClassVar[float | None] = 300.0
    records: ClassVar[bool] = True
    deletes: ClassVar[bool] = True
    gateway_seconds: ClassVar[float | None] = 120.0  # it writes a refund, calls its gateway, and then says so
    fields: ClassVar[Sequence[Field]] = (
        Field("address", "Shop", "https://<host>, without /wp-json"),
        Field("consumer_key", "Consumer key", "WooCommerce, Settings, Advanced, REST API", secret=True),
        Field("consumer_secret", "Consumer secret", "the same page; the key may read and write", secret=True),
        Field("webhook_secret", "Webhook secret", "letters and digits alone; Advanced, Webhooks", secret=True),
        Field("records", "Record refunds", "yes: those made elsewhere are recorded in the shop", optional=True),
    )

    def verify(self, came: WebhookRequest, access: ShopAccess, now: datetime) -> None:
        given = came.headers.get(_HEADER.lower(), "")
        signing.check_base64(given, [access.secrets.get("webhook_secret", "")], came.body, _HEADER)

    def greeting(self, came: WebhookRequest) -> ShopReply | None:
        """Its first word is unsigned, and wants 200."""
        return ShopReply(200) if came.method == "POST" and _PING.fullmatch(came.body) else None

    def read(self, came: WebhookRequest, access: ShopAccess) -> Sequence[Told]:
        body = dialect.document(came)
        order = dialect.name_of(body, "id")
        if order is None or "refunds" not in body:
            return [NothingToUs("No order.")]
        # One whose last refund was taken back has none, and that is news as well.
        return [LookAt(order)]

    def auth(self, access: ShopAccess) -> httpx.Auth:
        return httpx.BasicAuth(access.secrets.get("consumer_key", ""), access.secrets.get("consumer_secret", ""))

    def check(self, access: ShopAccess, url: str | None) -> Asking[list[Checked]]:
        answered = yield _request(access, "GET", "webhooks", {"per_page": str(_PAGE)})
        if not isinstance(answered, httpx.Response):
            return [dialect.unknown(CheckCode.CREDENTIALS, f"{answered.code}: {answered.message}")]
        if answered.status_code in (401, 403):
            said = f"WooCommerce answered {answered.status_code}: {answered.text[:200]}"
            return [dialect.failed(CheckCode.CREDENTIALS, said, "Make a key that may read and write.")]
        hooks = exact.objects(exact.document(answered.content)) if answered.status_code == 200 else None
        if hooks is None:
            return [dialect.unknown(CheckCode.CREDENTIALS, f"WooCommerce answered {answered.status_code}.")]
        return [dialect.passed(CheckCode.CREDENTIALS, "WooCommerce knows the key."), _hooks(hooks, access, url)]

    def poll(self, access: ShopAccess, since: datetime, until: datetime) -> Asking[Polled]:
        found: list[Told] = []
        # By their ids, and without an end: an order that is changed between two pages keeps its place, and none is
        # passed over.
        window = {"modified_after": f"{since:%Y-%m-%dT%H:%M:%S}", "dates_are_gmt": "true", "per_page": str(_PAGE)}
        window |= {"orderby": "id", "order": "asc"}
        for page in range(1, _PAGES_MAX + 1):
            shown = yield from _list(access, "orders", {**window, "page": str(page)})
            orders = dialect.page_of(shown, _PAGE, "WooCommerce's list of orders")
            named = [(dialect.name_of(one, "id"), not one.get("refunds")) for one in orders]
            found += [LookAt(name, bare=bare) for name, bare in named if name is not None]
            if len(orders) < _PAGE:
                return Polled(found)
        raise NoAnswer("The list of orders has no end.")

    def look(self, access: ShopAccess, order: str) -> Asking[Sequence[SaidRefund] | None]:
        found = yield from _order(access, order)
        return None if found is None else (yield from self._refunds_of(access, order, found))

    @staticmethod
    def _refunds_of(access: ShopAccess, order: str, found: Mapping[str, Any]) -> Asking[Sequence[SaidRefund]]:
        refunds = yield from _list(access, f"orders/{order}/refunds", {"per_page": str(_PAGE)})
        if len(refunds) >= _PAGE:
            raise NoAnswer(f"Order {order} has more refunds than WooCommerce shows at once.")
        return [said for one in refunds if (said := _said(found, one)) is not None]

    def tell(self, access: ShopAccess, news: ShopNews) -> Asking[Outcome]:
        if news.order is None:
            return ShopRefuses("The refund names no order.")
        words = dialect.words_of(news)
        try:
            notes = yield from _list(access, f"orders/{news.order}/notes", {})
        except NoAnswer as error:
            return ShopLater(str(error), error.seconds)
        if any(one.get("note") == words for one in notes):
            return ShopDone("The order says so already.")
        body = {"note": words, "customer_note": False}
        return _done((yield _request(access, "POST", f"orders/{news.order}/notes", body=body)))

    def record(self, access: ShopAccess, news: ShopNews) -> Asking[Outcome]:
        if news.order is None or not (news.order.isascii() and news.order.isdigit()):
            return ShopHasNone("The payment names no order by WooCommerce's number.")
        assert news.amount is not None, "What was refunded has an amount."
        try:
            order = yield from _order(access, news.order)
            if order is None:
                return ShopHasNone("WooCommerce has no such order.")
            there = yield from self._refunds_of(access, news.order, order)
        except NoAnswer as error:
            return ShopLater(str(error), error.seconds)
        for one in there:
            if news.reference and one.ours == news.reference:
                return ShopDone("It was recorded before.", one.name)
        if order.get("currency") != news.amount.currency:  # it takes the amount for one in its own
            return ShopRefuses(f"The order is in {order.get('currency')}, the refund in {news.amount.currency}.")
        body = {
            "amount": news.amount.decimal(),
            "reason": dialect.words_of(news),
            "api_refund": False,  # else the gateway pays it again
            "api_restock": False,
            "meta_data": [{"key": _META, "value": f"{dialect.MARK}{news.reference}"}],
        }
        return _done((yield _request(access, "POST", f"orders/{news.order}/refunds", body=body)), named=True)


def _order(access: ShopAccess, order: str) -> Asking[Mapping[str, Any] | None]:
    """The order; None: there is none. Raises NoAnswer."""
    answered = yield _request(access, "GET", f"orders/{order}")
    if isinstance(answered, httpx.Response) and answered.status_code == 404:
        return None
    found = dialect.answer_of(answered)
    if not isinstance(found, dict):
        raise NoAnswer("It answered with something that is no JSON.")
    return found


def _said(order: Mapping[str, Any], refund: Mapping[str, Any]) -> SaidRefund | None:
    name = dialect.name_of(refund, "id")
    if name is None:
        return None
    why, because, amount = None, "", None
    try:
        amount = amounts.money_of(refund.get("amount"), order.get("currency"))
    except amounts.NotMoney as error:
        why, because = Why.AMOUNT_UNCLEAR, f"Its amount cannot be used: {error}."
    if refund.get("refunded_payment") is True:
        why, because = Why.MOVED_BY_SHOP, "WooCommerce had its gateway pay it: paid here, it would be paid twice."
    metas = [one.get("value") for one in exact.objects(refund.get("meta_data")) or [] if one.get("key") == _META]
    payment = exact.text(order, "transaction_id")
    return SaidRefund(
        name=name,
        order=dialect.name_of(order, "id"),
        number=dialect.name_of(order, "number"),
        payments=(payment,) if payment else (),
        amount=amount,
        ours=dialect.reference_in(*metas, refund.get("reason")),
        made_at=moments.or_utc(exact.text(refund, "date_created_gmt") or ""),
        why=why,
        because=because,
    )


def _hooks(hooks: Sequence[Mapping[str, Any]], access: ShopAccess, url: str | None) -> Checked:
    if not _PLAIN.fullmatch(access.secrets.get("webhook_secret", "")):
        said = "The webhook secret has other characters than letters and digits, which WooCommerce may change."
        return dialect.failed(CheckCode.CALLBACK_REGISTERED, said, "Make one of 16 to 100 letters and digits.")
    ours = [one for one in hooks if one.get("delivery_url") == url and one.get("topic") == "order.updated"]
    if url is None or not ours:
        where = f"WooCommerce, Settings, Advanced, Webhooks: order.updated to {url}."
        return dialect.failed(CheckCode.CALLBACK_REGISTERED, "No webhook order.updated leads to us.", where)
    if not any(one.get("status") == "active" for one in ours):
        said = "WooCommerce has switched our webhook off, after it failed a few times."
        return dialect.failed(CheckCode.CALLBACK_REGISTERED, said, "Set it to active again.")
    return dialect.passed(CheckCode.CALLBACK_REGISTERED, "order.updated leads to us.")


def _request(
    access: ShopAccess, method: str, path: str, query: Mapping[str, str] | None = None, body: Any = None
) -> httpx.Request:
    more: dict[str, Any] = {"params": dict(query)} if query else {}
    if body is not None:
        more["json"] = body
    return httpx.Request(
        method, f"{access.address}/wp-json/wc/v3/{path}", headers={"Accept": "application/json"}, **more
    )


def _list(access: ShopAccess, path: str, query: Mapping[str, str]) -> Asking[list[dict[str, Any]]]:
    found = exact.objects(dialect.answer_of((yield _request(access, "GET", path, query))))
    if found is None:
        raise NoAnswer(f"WooCommerce's {path} is no list.")
    return found


def _done(answered: Answered, *, named: bool = False) -> Outcome:
    if not isinstance(answered, httpx.Response):
        return ShopLater(f"{answered.code}: {answered.message}")
    if answered.status_code in (200, 201):
        name = dialect.name_of(exact.document(answered.content), "id")
        return ShopDone("It is written.", name) if name or not named else ShopLater("WooCommerce named no refund.")
    said = f"WooCommerce answered {answered.status_code}: {answered.text[:200]}"
    return ShopRefuses(said) if answered.status_code in (400, 404) else ShopLater(said)
