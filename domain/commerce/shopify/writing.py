"""What is written into a Shopify order: its metafield and tag, and, where that moves no money, a refund."""

import json
from collections.abc import Mapping
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from domain.commerce import amounts, dialect
from domain.commerce.dialect import Asking, NoAnswer
from domain.commerce.shopify import queries, reading
from domain.commerce.shopify.asking import ask, user_errors
from domain.commerce.vocabulary import Outcome, ShopAccess, ShopDone, ShopHasNone, ShopLater, ShopNews, ShopRefuses
from domain.pse.kit import exact

_NUMBER_DIGITS: Final = 9  # an order's number is longer than what people call it
_REFUNDS_MAX: Final = 200  # in the metafield of one order
_BUSY: Final = ("IDEMPOTENCY_CONCURRENT_REQUEST", "currently in progress")
_CHANGED: Final = ("INVALID_COMPARE_DIGEST", "STALE_OBJECT", "compare")


def order_of(access: ShopAccess, order: str) -> Asking[Mapping[str, Any] | None]:
    """The order with its refunds, by its number or its name (#1001); None: it is not shown to us.

    Raises NoAnswer, also where a list may be cut off.
    """
    if (number := (yield from _number(access, order))) is None:
        return None
    data = yield from ask(access, queries.ORDER, id=reading.gid("Order", number), first=queries.AT_ONCE)
    found = exact.inner(data, "order")
    if not isinstance(found, dict):
        return None
    lists = [found.get("refunds"), found.get("transactions")]
    lists += [exact.inner(one, "transactions", "nodes") for one in exact.objects(found.get("refunds")) or []]
    if any(isinstance(one, list) and len(one) >= queries.AT_ONCE for one in lists):
        raise NoAnswer(f"Order {order} has more refunds or transactions than Shopify shows at once.")
    return found


def _number(access: ShopAccess, order: str) -> Asking[str | None]:
    if order.isascii() and order.isdigit() and len(order) >= _NUMBER_DIGITS:
        return order
    name = "".join(one for one in order if one.isalnum() or one in "-_#.")
    data = yield from ask(access, queries.BY_NAME, query=f"name:'{name}'")
    same = [
        reading.number_of(one.get("id"))
        for one in exact.objects(exact.inner(data, "orders", "nodes")) or []
        if str(one.get("name", "")).lstrip("#") == order.lstrip("#")
    ]
    if len(same) > 1:
        raise NoAnswer(f"Shopify shows {len(same)} orders of the name {order}.")
    return same[0] if same else None


def key_of(news: ShopNews) -> str:
    """The idempotency key of our refund at Shopify, which takes UUIDs: the same reference, the same key."""
    return str(uuid5(NAMESPACE_URL, f"estorno:{news.reference}"))


def note(access: ShopAccess, order: str, news: ShopNews) -> Asking[Outcome]:
    """Say what became of the refund, in the order's metafield `estorno.refunds` and by a tag. Raises NoAnswer."""
    found = yield from order_of(access, order)
    if found is None:
        return ShopRefuses("Shopify does not show the order to us: what became of the refund cannot be noted there.")
    gid = str(found["id"])
    field = exact.inner(found, "metafield")
    metafield = {
        "ownerId": gid,
        "namespace": "estorno",
        "key": "refunds",
        "type": "json",
        "value": _merged(exact.inner(field, "value"), news),
        "compareDigest": exact.inner(field, "compareDigest"),
    }
    data = yield from ask(access, queries.METAFIELD_SET, metafields=[metafield])
    if errors := user_errors(exact.inner(data, "metafieldsSet")):
        changed = any(word in one for one in errors for word in _CHANGED)
        return (
            ShopLater(f"The metafield was changed meanwhile: {errors[0]}")
            if changed
            else ShopRefuses("; ".join(errors))
        )
    tag = f"estorno-{news.stands.lower()}"
    data = yield from ask(access, queries.TAGS_ADD, id=gid, tags=[tag])
    if errors := user_errors(exact.inner(data, "tagsAdd")):
        return ShopRefuses("; ".join(errors))
    return ShopDone("The order's metafield estorno.refunds and its tag say so.")


def _merged(before: Any, news: ShopNews) -> str:
    """The refunds that the metafield has, this one anew."""
    try:
        known = json.loads(before) if isinstance(before, str) else {}
    except ValueError:
        known = {}
    kept = dict(list(known.items())[-_REFUNDS_MAX:]) if isinstance(known, dict) else {}
    kept[news.reference or str(news.id)] = {
        "state": news.stands,
        "shop_refund": news.name,
        "amount": news.amount.decimal() if news.amount else None,
        "currency": news.amount.currency if news.amount else None,
        "why": news.why or None,
    }
    return json.dumps(kept, sort_keys=True)


def record(access: ShopAccess, order: str, news: ShopNews) -> Asking[Outcome]:
    """Create the refund in Shopify, unless our reference is there already. Raises NoAnswer.

    Only of a transaction whose gateway moves nothing itself: through any other one Shopify would pay it again. A key
    lives 24 hours, so that what stands among the order's refunds is looked for each time.
    """
    found = yield from order_of(access, order)
    if found is None:
        return ShopHasNone("Shopify does not show the order to us.")
    for one in exact.objects(found.get("refunds")) or []:
        if news.reference and dialect.reference_in(one.get("note")) == news.reference:
            return ShopDone("It was recorded before.", reading.number_of(one.get("id")))
    parent = _parent(found, news, access)
    if parent is None:
        return ShopRefuses(
            "Shopify's own gateway would pay it again: the order has no payment that it moves nothing for."
        )
    assert news.amount is not None, "What was refunded has an amount."
    gid = str(found["id"])
    moved = {"orderId": gid, "parentId": parent["id"], "gateway": parent.get("gateway"), "kind": "REFUND"}
    wanted = {
        "orderId": gid,
        "note": dialect.words_of(news),
        "notify": False,
        "currency": news.amount.currency,
        "transactions": [{**moved, "amount": news.amount.decimal()}],
    }
    data = yield from ask(access, queries.REFUND_CREATE, input=wanted, key=key_of(news))
    if errors := user_errors(exact.inner(data, "refundCreate")):
        busy = any(word in one for one in errors for word in _BUSY)
        return ShopLater(errors[0]) if busy else ShopRefuses("; ".join(errors))
    name = reading.number_of(exact.inner(data, "refundCreate", "refund", "id"))
    return ShopDone("It is recorded.", name) if name else ShopLater("Shopify named no refund.")


def _parent(order: Mapping[str, Any], news: ShopNews, access: ShopAccess) -> Mapping[str, Any] | None:
    for one in exact.objects(order.get("transactions")) or []:
        if one.get("kind") not in ("SALE", "CAPTURE") or one.get("status") != "SUCCESS":
            continue
        shown = exact.inner(one, "amountSet", "presentmentMoney")
        try:
            paid = amounts.money_of(exact.inner(shown, "amount"), exact.inner(shown, "currencyCode"))
        except amounts.NotMoney:
            continue
        if news.amount and paid.currency == news.amount.currency and reading.is_ours(one, access):
            return one
    return None
