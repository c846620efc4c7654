"""Shopify's Admin API: told by webhooks and by looking; told back on the order; refunds of ours recorded if wanted."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

import httpx

from domain.commerce import dialect, signing
from domain.commerce.dialect import Asking, Dialect, NoAnswer
from domain.commerce.shopify import queries, reading, writing
from domain.commerce.shopify.asking import Denied, ask
from domain.commerce.shopify.auth import AppToken
from domain.commerce.vocabulary import (
    LookAt,
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
    Told,
)
from domain.pse.checking import CheckCode, Checked
from domain.pse.credentials import Field
from domain.pse.kit import exact
from domain.pse.vocabulary import WebhookRequest

_PAGES_MAX: Final = 500
_SCOPES: Final = ("read_orders", "write_orders")
_TOPICS: Final = ("REFUNDS_CREATE", "ORDER_TRANSACTIONS_CREATE", "ORDERS_UPDATED", "APP_UNINSTALLED")
_HMAC: Final = "X-Shopify-Hmac-Sha256"


class Shopify(Dialect):
    """A Shopify shop, by its Admin API."""

    kind: ClassVar[ShopKind] = ShopKind.SHOPIFY
    poll_seconds: ClassVar[float | None] = 300.0
    records: ClassVar[bool] = True
    fields: ClassVar[Sequence[Field]] = (
        Field("address", "Shop", "https://<shop>.myshopify.com"),
        Field("client_id", "Client ID", "Dev dashboard, your app, Settings"),
        Field("client_secret", "Client secret", "the same page; webhooks are signed with it", secret=True),
        Field("access_token", "Access token", "of an app made in the admin before 2026", secret=True, optional=True),
        Field("api_version", "API version", "such as 2026-10", optional=True),
        Field("gateways", "Gateways", "by name, with commas: whose refunds Estorno pays", optional=True),
        Field("records", "Record refunds", "yes: those made elsewhere are recorded in the shop", optional=True),
    )

    def verify(self, came: WebhookRequest, access: ShopAccess, now: datetime) -> None:
        secret = access.secrets.get("client_secret", "")
        signing.check_base64(came.headers.get(_HMAC.lower(), ""), [secret], came.body, _HMAC)

    def read(self, came: WebhookRequest, access: ShopAccess) -> Sequence[Told]:
        return [reading.told(dialect.document(came))]

    def auth(self, access: ShopAccess) -> httpx.Auth:
        return AppToken(access)

    def check(self, access: ShopAccess, url: str | None) -> Asking[list[Checked]]:
        try:
            about = yield from ask(access, queries.ABOUT)
        except Denied as error:
            where = "Look at the app's client ID, secret and installation in the shop."
            return [dialect.failed(CheckCode.CREDENTIALS, str(error), where)]
        except NoAnswer as error:
            return [dialect.unknown(CheckCode.CREDENTIALS, str(error))]
        name = exact.text(exact.inner(about, "shop"), "myshopifyDomain") or "?"
        return [
            dialect.passed(CheckCode.CREDENTIALS, f"The shop is {name}."),
            _scopes(about),
            _hooks(about, url),
        ]

    def poll(self, access: ShopAccess, since: datetime, until: datetime) -> Asking[Polled]:
        wanted = f"updated_at:>='{since:%Y-%m-%dT%H:%M:%SZ}' AND updated_at:<='{until:%Y-%m-%dT%H:%M:%SZ}'"
        found: list[Told] = []
        after: str | None = None
        for _ in range(_PAGES_MAX):
            data = yield from ask(access, queries.ORDERS, query=wanted, after=after)
            shown = exact.objects(exact.inner(data, "orders", "nodes")) or []
            for order in dialect.page_of(shown, queries.ORDERS_MAX, "Shopify's list of orders"):
                if order.get("refunds") and (number := reading.number_of(order.get("id"))) is not None:
                    found.append(LookAt(number))
            page = exact.inner(data, "orders", "pageInfo")
            after = exact.text(page, "endCursor", 2_000)
            if exact.inner(page, "hasNextPage") is not True:
                return Polled(found)
        raise NoAnswer("The list of orders has no end.")

    def look(self, access: ShopAccess, order: str) -> Asking[Sequence[SaidRefund] | None]:
        found = yield from writing.order_of(access, order)
        return None if found is None else reading.refunds_of(found, access)

    def tell(self, access: ShopAccess, news: ShopNews) -> Asking[Outcome]:
        if news.order is None:
            return ShopRefuses("The refund names no order.")
        try:
            return (yield from writing.note(access, news.order, news))
        except NoAnswer as error:
            return ShopLater(str(error), error.seconds)

    def record(self, access: ShopAccess, news: ShopNews) -> Asking[Outcome]:
        if news.order is None:
            return ShopRefuses("The payment names no order.")
        try:
            made = yield from writing.record(access, news.order, news)
            if isinstance(made, ShopDone | ShopHasNone):
                return made
            # What cannot be recorded can be noted, and a person sees why.
            noted = yield from writing.note(access, news.order, news)
            return made if isinstance(noted, ShopDone) else noted
        except NoAnswer as error:
            return ShopLater(str(error), error.seconds)


def _scopes(about: Mapping[str, Any]) -> Checked:
    held = exact.objects(exact.inner(about, "currentAppInstallation", "accessScopes")) or []
    has = {str(one.get("handle")) for one in held}
    missing = [one for one in _SCOPES if one not in has]
    if missing:
        said = f"The app lacks {', '.join(missing)}."
        return dialect.failed(CheckCode.MAY_REFUND, said, "Add the scopes to the app, and install it again.")
    old = "" if "read_all_orders" in has else " Orders older than 60 days are not shown (read_all_orders)."
    return dialect.passed(CheckCode.MAY_REFUND, f"The app may read and change orders.{old}")


def _hooks(about: Mapping[str, Any], url: str | None) -> Checked:
    if url is None:
        return dialect.unknown(CheckCode.CALLBACK_REGISTERED, "Estorno has not been told its own address.")
    nodes = exact.objects(exact.inner(about, "webhookSubscriptions", "nodes")) or []
    has = {str(one.get("topic")) for one in nodes if one.get("uri") == url}
    missing = [one for one in _TOPICS if one not in has]
    if not missing:
        return dialect.passed(CheckCode.CALLBACK_REGISTERED, "All topics are subscribed to.")
    # Those of the app's own configuration are not in this list, so it may be well: the sweep finds what they miss.
    said = f"The API lists no subscription of ours for {', '.join(missing)}."
    return dialect.unknown(CheckCode.CALLBACK_REGISTERED, f"{said} Put them into shopify.app.toml, to {url}.")
