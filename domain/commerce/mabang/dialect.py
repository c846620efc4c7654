"""Mabang's gwapi, version 2: returns, and refunds where the merchant has named that list's fields.

Which fields the list of refunds has is published to Mabang's customers alone: they are settings here, and without them
that list is not read. The list of returns names no amount: without a setting each return waits for a person.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, ClassVar, Final

import httpx

from domain.commerce import amounts, dialect, signing
from domain.commerce.dialect import Answered, Asking, Dialect, NoAnswer
from domain.commerce.vocabulary import Outcome, Polled, SaidRefund, ShopAccess, ShopDone, ShopKind, ShopNews, Told, Why
from domain.pse.checking import CheckCode, Checked
from domain.pse.credentials import Field
from domain.pse.kit import exact
from domain.pse.vocabulary import BadSignature, WebhookRequest

_ADDRESS: Final = "https://gwapi.mabangerp.com/api/v2"
_ZONE: Final = timezone(timedelta(hours=8))  # of all its times
_PAGES_MAX: Final = 200
_ROWS: Final = "100"
_WELL: Final = ("200", "0")
_VOID: Final = "5"
_RETURNS: Final = "order-get-return-order-list-v2"
_REFUNDS: Final = "order-get-refund-list"


class Mabang(Dialect):
    """A merchant's account at Mabang."""

    kind: ClassVar[ShopKind] = ShopKind.MABANG
    poll_seconds: ClassVar[float | None] = 600.0
    lists: ClassVar[bool] = True
    fields: ClassVar[Sequence[Field]] = (
        Field("address", "Address", "of the gateway", live=_ADDRESS),
        Field("appkey", "App key", "Mabang's developer centre"),
        Field("developer_key", "Developer key", "the same page; requests are signed with it", secret=True),
        Field("version", "Version", "of the calls; left out: 2", optional=True),
        Field("statuses", "Statuses", "of returns that are to be paid; left out: 2 (refunded)", optional=True),
        Field("return_time_field", "Time of a return", "left out: refundTime", optional=True),
        Field("return_amount_field", "Amount of a return", "left out: each waits for a person", optional=True),
        Field("refund_list", "List of refunds", f"its name; left out: {_REFUNDS}", optional=True),
        Field("refund_id_field", "Id of a refund", "left out: refunds are not read", optional=True),
        Field("refund_order_field", "Order of a refund", "left out: platformOrderId", optional=True),
        Field("refund_amount_field", "Amount of a refund", "in units of its currency", optional=True),
        Field("refund_currency_field", "Currency of a refund", "left out: currencyId", optional=True),
        Field("refund_time_field", "Time of a refund", "left out: each waits for a person", optional=True),
        Field("refund_status_field", "Status of a refund", "left out: status", optional=True),
        Field("refund_statuses", "Statuses of refunds", "that are to be paid, with commas", optional=True),
    )

    def verify(self, came: WebhookRequest, access: ShopAccess, now: datetime) -> None:
        raise BadSignature("Mabang sends no webhooks that we know of.")

    def auth(self, access: ShopAccess) -> httpx.Auth:
        return httpx.Auth()

    def check(self, access: ShopAccess, url: str | None) -> Asking[list[Checked]]:
        answered = yield call(access, "sys-get-shop-list", {"page": "1", "rowsPerPage": "1"}, _now())
        if not isinstance(answered, httpx.Response):
            return [dialect.unknown(CheckCode.CREDENTIALS, f"{answered.code}: {answered.message}")]
        try:
            _data(answered)
        except NoAnswer as error:
            where = "Mabang's developer centre: the app key, its developer key, and this server's clock."
            return [dialect.failed(CheckCode.CREDENTIALS, str(error), where)]
        return [
            dialect.passed(CheckCode.CREDENTIALS, "Mabang knows the app key."),
            dialect.unaskable(CheckCode.CALLBACK_REGISTERED),
        ]

    def poll(self, access: ShopAccess, since: datetime, until: datetime) -> Asking[Polled]:
        window = {"updateDateStart": _written(since), "updateDateEnd": _written(until)}
        found: list[Told] = []
        found += yield from _pages(access, _RETURNS, window, _return)
        if access.option("refund_id_field"):
            found += yield from _pages(access, access.option("refund_list", _REFUNDS), window, _refund)
        return Polled(found)

    def tell(self, access: ShopAccess, news: ShopNews) -> Asking[Outcome]:
        yield from ()
        return ShopDone("Mabang's call that takes a refund's state is not published: read it at Estorno.")


def call(access: ShopAccess, api: str, data: Mapping[str, str], now: datetime) -> httpx.Request:
    """One call: the HMAC of the very bytes is its `Authorization`, in lower-case hex."""
    body = body_of(access, api, data, int(now.timestamp()))
    signed = signing.digest(access.secrets.get("developer_key", ""), body).hex()
    headers = {"Content-Type": "application/json", "Authorization": signed}
    return httpx.Request("POST", access.address or _ADDRESS, content=body, headers=headers)


def body_of(access: ShopAccess, api: str, data: Mapping[str, str], seconds: int) -> bytes:
    """All values are texts; seconds since 1970."""
    told: dict[str, Any] = {
        "api": api,
        "appkey": access.option("appkey"),
        "data": dict(data),
        "timestamp": str(seconds),
        "version": access.option("version", "2"),
    }
    return json.dumps(told, separators=(",", ":")).encode()


def _now() -> datetime:
    return datetime.now(_ZONE)


def _written(moment: datetime) -> str:
    return f"{moment.astimezone(_ZONE):%Y-%m-%d %H:%M:%S}"


def _pages(
    access: ShopAccess,
    api: str,
    window: Mapping[str, str],
    read: Callable[[Mapping[str, Any], ShopAccess], SaidRefund | None],
) -> Asking[list[SaidRefund]]:
    found: list[SaidRefund] = []
    cursor = ""
    for _ in range(_PAGES_MAX):
        asked = {**window, "maxRows": _ROWS, **({"cursor": cursor} if cursor else {})}
        data = _data((yield call(access, api, asked, _now())))
        rows = dialect.page_of(exact.objects(exact.inner(data, "data")) or [], int(_ROWS), f"Mabang's {api}")
        found += [said for row in rows if (said := read(row, access)) is not None]
        cursor = exact.text(data, "nextCursor", 2_000) or ""
        if str(exact.inner(data, "hasNext")).lower() != "true" or not cursor:
            return found
    raise NoAnswer(f"Mabang's {api} has no end.")


def _data(answered: Answered) -> Any:
    """What stands under `data`. Raises NoAnswer: errors come with status 200, and even with a code that says "well"."""
    found = dialect.answer_of(answered)
    code, data = str(exact.inner(found, "code")), exact.inner(found, "data")
    if code not in _WELL or data is None:
        raise NoAnswer(f"Mabang answered code {code[:20]}: {str(exact.inner(found, 'message'))[:200]}")
    return data


def _return(row: Mapping[str, Any], access: ShopAccess) -> SaidRefund | None:
    name = dialect.name_of(row, "returnOrderId") or dialect.name_of(row, "refundsOrderId")
    status = str(row.get("status"))
    wanted = access.listed("statuses") or {"2"}
    if name is None or (status not in wanted and status != _VOID):
        return None
    order = dialect.name_of(row, "platformOrderId")
    fields = (access.option("return_amount_field"), "currencyId", access.option("return_time_field", "refundTime"))
    return _said(row, f"return:{name}", order, *fields, canceled=status == _VOID)


def _refund(row: Mapping[str, Any], access: ShopAccess) -> SaidRefund | None:
    name = dialect.name_of(row, access.option("refund_id_field"))
    status = str(row.get(access.option("refund_status_field", "status"))).lower()
    if name is None or status not in access.listed("refund_statuses"):
        return None
    order = dialect.name_of(row, access.option("refund_order_field", "platformOrderId"))
    money = (access.option("refund_amount_field"), access.option("refund_currency_field", "currencyId"))
    fields = (*money, access.option("refund_time_field"))
    return _said(row, f"refund:{name}", order, *fields, canceled=False)


def _said(
    row: Mapping[str, Any],
    name: str,
    order: str | None,
    amount_field: str,
    currency_field: str,
    time_field: str,
    *,
    canceled: bool,
) -> SaidRefund:
    why, because, amount = None, "", None
    try:
        if not amount_field:
            raise amounts.NotMoney("no setting says which field it is")
        amount = amounts.money_of(row.get(amount_field), row.get(currency_field))
    except amounts.NotMoney as error:
        why, because = Why.AMOUNT_UNCLEAR, f"Its amount cannot be used: {error}."
    named, made_at = name[: dialect.NAME_MAX], _moment(row.get(time_field)) if time_field else None
    return SaidRefund(named, order, amount=amount, canceled=canceled, made_at=made_at, why=why, because=because)


def _moment(found: Any) -> datetime | None:
    try:
        return datetime.strptime(found, "%Y-%m-%d %H:%M:%S").replace(tzinfo=_ZONE)
    except (TypeError, ValueError):
        return None
