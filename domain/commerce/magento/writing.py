"""What is written into Magento: a comment on a credit memo, and an offline credit memo of a refund of ours.

Magento has no idempotency key: before each write what is there is read, and our mark looked for.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, TypeVar

import httpx

from domain.commerce import amounts, dialect
from domain.commerce.dialect import Answered, Asking, NoAnswer
from domain.commerce.magento.rest import Filter, request, searched
from domain.commerce.vocabulary import Outcome, ShopAccess, ShopDone, ShopHasNone, ShopLater, ShopNews, ShopRefuses
from domain.money import Money
from domain.pse.kit import exact

T = TypeVar("T")
_PAGE: Final = 100
_PAGES_MAX: Final = 200
_AMOUNT: Final = "@amount@"  # a JSON number has no text: it is put in as it is written


def pages(
    access: ShopAccess, what: str, filters: Sequence[Filter], kept: Callable[[dict[str, Any]], T]
) -> Asking[list[T]]:
    """What is `kept` of all items of a search: a whole one may be large. Raises NoAnswer."""
    found: list[T] = []
    for page in range(1, _PAGES_MAX + 1):
        answered = yield request(access, "GET", what, searched(filters, page, _PAGE))
        body = dialect.answer_of(answered)
        items, total = exact.objects(exact.inner(body, "items")), exact.inner(body, "total_count")
        if items is None or not isinstance(total, int):
            raise NoAnswer(f"Magento's {what} cannot be read.")
        found += map(kept, dialect.page_of(items, _PAGE, f"Magento's list of {what}"))
        if len(found) >= total or not items:  # past its end Magento gives the last page again
            return found[:total]
    raise NoAnswer(f"Magento's {what} have no end.")


def comment(access: ShopAccess, memo: str, news: ShopNews) -> Asking[Outcome]:
    """Say it on the credit memo, unless it is said there already. Raises NoAnswer."""
    words = dialect.words_of(news)
    answered = yield request(access, "GET", f"creditmemo/{memo}/comments")
    items = exact.objects(exact.inner(dialect.answer_of(answered), "items")) or []
    if any(one.get("comment") == words for one in items):
        return ShopDone("The credit memo says so already.")
    entity = {"comment": words, "is_customer_notified": 0, "is_visible_on_front": 0, "parent_id": int(memo)}
    return _done((yield _post(access, f"creditmemo/{memo}/comments", {"entity": entity})), named=False)


def record(access: ShopAccess, news: ShopNews) -> Asking[Outcome]:
    """Make an offline credit memo, unless one carries our mark already. Raises NoAnswer."""
    orders = yield from _orders(access, news.order)
    if not orders:
        return ShopHasNone("Magento does not show an order of this number.")
    if len(orders) > 1:
        return ShopRefuses("Magento shows several orders of this number.")
    order = orders[0]
    order_id = dialect.name_of(order, "entity_id")
    assert order_id is not None, "It was found by it."
    memos = yield from pages(access, "creditmemos", [("order_id", "eq", order_id)], _marked)
    for reference, name in memos:
        if news.reference and reference == news.reference:
            return ShopDone("It was recorded before.", name)
    invoices = yield from pages(access, "invoices", [("order_id", "eq", order_id)], _invoice)
    if not invoices:
        return ShopRefuses("The order has no invoice that could be refunded.")
    assert news.amount is not None, "What was refunded has an amount."
    if order.get("order_currency_code") != news.amount.currency:
        return ShopRefuses(f"The order is in {order.get('order_currency_code')}, the refund in {news.amount.currency}.")
    own = order.get("base_currency_code")
    if own != news.amount.currency and not _is_all(order, news.amount):
        # Magento reads an amount without goods in the shop's own currency, and works the order's out by its rate.
        return ShopRefuses(f"The order is in {news.amount.currency}, the shop in {own}: record the part by hand.")
    body = _memo(order, news.amount, dialect.words_of(news))
    online = [name for name, transaction in invoices if transaction]
    # The order's call refuses what was paid online; the invoice's takes it, and moves nothing when it is told so.
    path = f"order/{order_id}/refund"
    if online:
        path, body = f"invoice/{online[0]}/refund", {**body, "isOnline": False}
    return _done((yield _post(access, path, body, news.amount)), named=True)


def _marked(memo: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Our reference on a credit memo, and its id."""
    comments = [said.get("comment") for said in exact.objects(memo.get("comments")) or []]
    return dialect.reference_in(*comments), dialect.name_of(memo, "entity_id")


def _invoice(one: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Its id, and its transaction at a gateway."""
    return dialect.name_of(one, "entity_id"), exact.text(one, "transaction_id")


def _orders(access: ShopAccess, named: str | None) -> Asking[Sequence[Mapping[str, Any]]]:
    """The orders of that number, else the one of that id."""
    if named is None:
        return []
    for field in ("increment_id", "entity_id"):
        if field == "entity_id" and not (named.isascii() and named.isdigit()):
            continue
        found = yield from pages(access, "orders", [(field, "eq", named.lstrip("#"))], _of_order)
        if found:
            return found
    return []


_OF_ORDER: Final = (
    "entity_id", "order_currency_code", "base_currency_code", "items", "total_refunded", "grand_total"
)  # fmt: skip


def _of_order(order: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: order.get(name) for name in _OF_ORDER}


def _memo(order: Mapping[str, Any], amount: Money, words: str) -> dict[str, Any]:
    """All of the order, or an amount without goods: without items Magento would take back all of them."""
    body: dict[str, Any] = {
        "notify": False,
        "appendComment": True,
        "comment": {"comment": words, "is_visible_on_front": 0},
    }
    if _is_all(order, amount):
        return body
    items = [
        {"order_item_id": int(name), "qty": 0}
        for one in exact.objects(order.get("items")) or []
        if (name := dialect.name_of(one, "item_id")) is not None and name.isascii() and name.isdigit()
    ]
    return {**body, "items": items, "arguments": {"shipping_amount": 0, "adjustment_positive": _AMOUNT}}


def _is_all(order: Mapping[str, Any], amount: Money) -> bool:
    refunded = order.get("total_refunded") or Decimal(0)
    try:
        return amounts.money_of(order.get("grand_total"), amount.currency) == amount and not amounts.decimal_of(
            refunded
        )
    except amounts.NotMoney:
        return False


def _post(access: ShopAccess, path: str, body: Mapping[str, Any], amount: Money | None = None) -> httpx.Request:
    written = json.dumps(body)
    if amount is not None:
        written = written.replace(f'"{_AMOUNT}"', amount.decimal())
    return request(access, "POST", path, body=written.encode())


def _done(answered: Answered, *, named: bool) -> Outcome:
    if not isinstance(answered, httpx.Response):
        return ShopLater(f"{answered.code}: {answered.message}")
    if answered.status_code == 200:
        found = exact.document(answered.content)
        name = str(found) if named and isinstance(found, int | str) and not isinstance(found, bool) else None
        return ShopDone("It is written.", name) if name or not named else ShopLater("Magento named no credit memo.")
    said = f"Magento answered {answered.status_code}: {answered.text[:200]}"
    return ShopRefuses(said) if answered.status_code in (400, 404, 422) else ShopLater(said)
