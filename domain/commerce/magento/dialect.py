"""Magento: a credit memo says that a refund is due, offline ones that nobody has paid it yet."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

import httpx

from domain.commerce import amounts, dialect
from domain.commerce.dialect import Answered, Asking, Dialect, NoAnswer
from domain.commerce.magento import events, writing
from domain.commerce.magento.oauth import OAuth1
from domain.commerce.magento.rest import request, searched
from domain.commerce.vocabulary import (
    LookAt,
    Outcome,
    Polled,
    SaidRefund,
    ShopAccess,
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

_CANCELED: Final = 3  # of a credit memo's states: 1 open, 2 refunded


class Magento(Dialect):
    """A Magento or Adobe Commerce shop."""

    kind: ClassVar[ShopKind] = ShopKind.MAGENTO
    poll_seconds: ClassVar[float | None] = 300.0
    records: ClassVar[bool] = True
    keys_at: ClassVar[str] = "https://static.adobeioevents.com"
    fields: ClassVar[Sequence[Field]] = (
        Field("address", "Shop", "https://<host>, without /rest"),
        Field("store_code", "Store view", "Stores, All stores; left out: all", optional=True),
        Field("consumer_key", "Consumer key", "System, Integrations, the integration"),
        Field("consumer_secret", "Consumer secret", "the same page", secret=True),
        Field("access_token", "Access token", "the same page", secret=True),
        Field("access_token_secret", "Access token secret", "the same page", secret=True),
        Field("io_client_id", "Client ID", "Adobe Developer Console, the project of the events", optional=True),
        Field("records", "Record refunds", "yes: those made elsewhere become credit memos", optional=True),
    )

    def verify(self, came: WebhookRequest, access: ShopAccess, now: datetime) -> None:
        events.verify(came, access)

    def greeting(self, came: WebhookRequest) -> ShopReply | None:
        return events.greeting(came)

    def read(self, came: WebhookRequest, access: ShopAccess) -> Sequence[Told]:
        return events.read(came)

    def auth(self, access: ShopAccess) -> httpx.Auth:
        return OAuth1(access)

    def check(self, access: ShopAccess, url: str | None) -> Asking[list[Checked]]:
        answered = yield request(access, "GET", "creditmemos", searched([], 1, 1))
        if not isinstance(answered, httpx.Response):
            return [dialect.unknown(CheckCode.CREDENTIALS, f"{answered.code}: {answered.message}")]
        if answered.status_code in (401, 403):
            said = f"Magento answered {answered.status_code}: {answered.text[:200]}"
            where = "System, Integrations: reauthorize it, with the resource Sales, Operations, Credit Memos."
            return [dialect.failed(CheckCode.CREDENTIALS, said, where)]
        if answered.status_code != 200:
            return [dialect.unknown(CheckCode.CREDENTIALS, f"Magento answered {answered.status_code}.")]
        known = dialect.passed(CheckCode.CREDENTIALS, "Magento shows its credit memos.")
        if access.option("io_client_id"):
            return [known, dialect.unaskable(CheckCode.CALLBACK_REGISTERED)]
        said = "There is no io_client_id: credit memos are looked for every few minutes."
        return [known, dialect.unknown(CheckCode.CALLBACK_REGISTERED, said)]

    def poll(self, access: ShopAccess, since: datetime, until: datetime) -> Asking[Polled]:
        # Without an end: a memo that is saved between two pages keeps its place, and none is passed over.
        window = [("updated_at", "gteq", f"{since:%Y-%m-%d %H:%M:%S}")]
        orders = yield from writing.pages(access, "creditmemos", window, lambda one: dialect.name_of(one, "order_id"))
        return Polled([LookAt(one) for one in sorted({one for one in orders if one is not None})])

    def look(self, access: ShopAccess, order: str) -> Asking[Sequence[SaidRefund] | None]:
        answered = yield request(access, "GET", f"orders/{order}")
        if _is_missing(answered):
            return None
        number = dialect.name_of(dialect.answer_of(answered), "increment_id")
        of_order = [("order_id", "eq", order)]
        memos = yield from writing.pages(access, "creditmemos", of_order, lambda one: said_of(one, order, number))
        return [said for said in memos if said is not None]

    def key_wanted(self, path: str) -> httpx.Request:
        """What fetches a published key of Adobe's."""
        assert events.is_place(path), "Only such a place is ever asked for."
        return httpx.Request("GET", f"{self.keys_at}{path}")

    def tell(self, access: ShopAccess, news: ShopNews) -> Asking[Outcome]:
        if news.name is None:
            return ShopRefuses("There is no credit memo to comment.")
        try:
            return (yield from writing.comment(access, news.name, news))
        except NoAnswer as error:
            return ShopLater(str(error), error.seconds)

    def record(self, access: ShopAccess, news: ShopNews) -> Asking[Outcome]:
        try:
            return (yield from writing.record(access, news))
        except NoAnswer as error:
            return ShopLater(str(error), error.seconds)


def _is_missing(answered: Answered) -> bool:
    return isinstance(answered, httpx.Response) and answered.status_code == 404


def said_of(memo: Mapping[str, Any], order: str, number: str | None) -> SaidRefund | None:
    """A credit memo. One with a gateway's transaction was refunded online: Magento has moved the money."""
    name = dialect.name_of(memo, "entity_id")
    if name is None or dialect.name_of(memo, "order_id") != order:
        return None
    comments = [one.get("comment") for one in exact.objects(memo.get("comments")) or []]
    why, because, amount = None, "", None
    try:
        amount = amounts.money_of(memo.get("grand_total"), memo.get("order_currency_code"))
    except amounts.NotMoney as error:
        why, because = Why.AMOUNT_UNCLEAR, f"Its amount cannot be used: {error}."
    if online := exact.text(memo, "transaction_id"):
        why, because = Why.MOVED_BY_SHOP, f"Magento refunded it online ({online}): paid here, it would be paid twice."
    canceled = memo.get("state") in (_CANCELED, str(_CANCELED))
    ours = dialect.reference_in(*comments)
    made_at = moments.or_utc(exact.text(memo, "created_at") or "")
    return SaidRefund(name, order, number, (), amount, ours, canceled, made_at, why=why, because=because)
