"""Mercado Pago's reports out of the sandbox's books: made when asked for, listed when they are ready, then fetched.

As accounts really get them: the release report opens with a row and ends with a total that have no currency, the
total no date, and its credit is the closing balance. Until somebody configures more, it has fifteen columns, without
RECORD_TYPE, CURRENCY and EXTERNAL_REFERENCE. A capture costs 0.99 % of its amount, half up, and gives nothing of it
back when it is refunded.
"""

import csv
import io
import itertools
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.sandbox.books import OPENING_BALANCE, Books, Movement

ZONE = timezone(timedelta(hours=-4))
CURRENCY = "BRL"
PAYOUTS = ("payout", "payouts_cash", "withdrawal")
KINDS = ("release_report", "settlement_report")
_PIX = {"PAYMENT_METHOD": "pix", "PAYMENT_METHOD_TYPE": "bank_transfer"}
_RELEASE = (
    "DATE SOURCE_ID DESCRIPTION NET_CREDIT_AMOUNT NET_DEBIT_AMOUNT GROSS_AMOUNT MP_FEE_AMOUNT TAXES_AMOUNT "
    "PAYMENT_METHOD TRANSACTION_APPROVAL_DATE BUSINESS_UNIT SUB_UNIT BALANCE_AMOUNT PAYMENT_METHOD_TYPE PURCHASE_ID"
)
_SETTLEMENT = (
    "EXTERNAL_REFERENCE SOURCE_ID PAYMENT_METHOD_TYPE PAYMENT_METHOD TRANSACTION_TYPE TRANSACTION_AMOUNT "
    "TRANSACTION_CURRENCY TRANSACTION_DATE FEE_AMOUNT SETTLEMENT_NET_AMOUNT SETTLEMENT_DATE REAL_AMOUNT COUPON_AMOUNT "
    "METADATA FINANCING_FEE_AMOUNT SHIPPING_FEE_AMOUNT TAXES_AMOUNT INSTALLMENTS TAX_DETAIL ORDER_ID "
    "TAXES_DISAGGREGATED DESCRIPTION MONEY_RELEASE_DATE IS_RELEASED"
)
_CONFIG: dict[str, Any] = {
    "file_name_prefix": "sandbox",
    "separator": ";",
    "display_timezone": "GMT-04",
    "include_withdrawal_at_end": False,
    "refund_detailed": False,
    "scheduled": False,
    "notification_email_list": [],
    "frequency": {"hour": 0, "type": "monthly", "value": 1},
}
Method = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Moved:
    """A row that is no sale's and no refund's of the books: amounts in minor units, signed."""

    at: datetime
    description: str
    source: str
    net: int
    gross: int


@dataclass(slots=True)
class _Made:
    entry: dict[str, Any]
    content: bytes
    polls: int  # how many more times the list is read before the report is there


def fee_of(movement: Movement) -> int:
    """In minor units; what is paid back or taken costs nothing."""
    return (movement.amount * 99 + 5_000) // 10_000 if movement.kind == "CAPTURE" else 0


def _net(movement: Movement) -> int:
    sign = 1 if movement.kind in ("CAPTURE", "RETURN") else -1
    return sign * movement.amount - fee_of(movement)


def _money(amount: int) -> str:
    return f"{'-' if amount < 0 else ''}{abs(amount) // 100}.{abs(amount) % 100:02}"


def _moment(at: datetime) -> str:
    return at.astimezone(ZONE).isoformat(timespec="milliseconds")


class Reports:
    """The reports of one account. `polls`: how often the list is read before a new one is made.

    `refuses`: its configuration cannot be changed; `closed`: nor read. `extra`: what else touched the balance.
    """

    def __init__(self, books: Books) -> None:
        self.polls = 0
        self.refuses = self.closed = False
        self.extra: list[Moved] = []
        self._books = books
        self._made: dict[str, list[_Made]] = {kind: [] for kind in KINDS}
        self._ids = itertools.count(12_345_678)
        self._configs: dict[str, dict[str, Any]] = {
            "release_report": {**_CONFIG, "columns": [{"key": name} for name in _RELEASE.split()]},
            "settlement_report": {**_CONFIG, "columns": [{"key": name} for name in _SETTLEMENT.split()]},
        }

    def endpoints(self) -> Iterator[tuple[str, Method, list[str]]]:
        """Path, endpoint and HTTP methods."""
        yield "/v1/account/{kind}/config", self.config, ["GET", "POST", "PUT"]
        yield "/v1/account/{kind}/list", self.listing, ["GET"]
        yield "/v1/account/{kind}/{name}", self.download, ["GET"]
        yield "/v1/account/{kind}", self.create, ["POST"]

    def held(self) -> tuple[dict[str, int], dict[str, int]]:
        """What the account has, with what it had before, and what it paid out without the fees of that."""
        own = sum(_net(one) for one in self._books.log if one.currency == CURRENCY)
        out = sum(-one.gross for one in self.extra if one.description in PAYOUTS)
        return {CURRENCY: OPENING_BALANCE + own + sum(one.net for one in self.extra)}, {CURRENCY: out}

    async def config(self, request: Request) -> Response:
        kind = request.path_params["kind"]
        if self.closed:
            return _refused(403, "At least one policy returned UNAUTHORIZED.")
        if request.method == "GET":
            found = self._configs.get(kind)
            return _refused(404, "config_not_found_for_user") if found is None else JSONResponse(found)
        asked = await request.json()
        keys = [column.get("key") for column in asked.get("columns", [])]
        if self.refuses or not keys or len(set(keys)) < len(keys) or "frequency" not in asked:
            return _refused(400, "invalid configuration")
        self._configs[kind] = {**asked, "scheduled": False}
        return JSONResponse(self._configs[kind], 201 if request.method == "POST" else 200)

    async def set_polls(self, request: Request) -> Response:
        self.polls = (await request.json())["polls"]
        return JSONResponse({})

    async def set_configuration(self, request: Request) -> Response:
        body = await request.json()
        self.refuses, self.closed = body.get("refuses", False), body.get("closed", False)
        if body.get("missing"):
            self._configs.pop("release_report", None)
        return JSONResponse({})

    async def add_rows(self, request: Request) -> Response:
        for row in (await request.json())["rows"]:
            net, source = row["net"], row.get("source") or str(next(self._ids))
            self.extra.append(Moved(datetime.now(UTC), row["description"], source, net, row.get("gross", net)))
        return JSONResponse({})

    async def create(self, request: Request) -> Response:
        kind: str = request.path_params["kind"]
        asked = json.loads(await request.body())
        if any("." in asked.get(name, ".") for name in ("begin_date", "end_date")):
            return _refused(400, "begin_date must be specified")
        if kind not in self._configs:
            return _refused(404, "config_not_found_for_user")
        begin, end = (datetime.fromisoformat(asked[name]) for name in ("begin_date", "end_date"))
        number, now = next(self._ids), datetime.now(UTC)
        entry = {
            "id": number,
            "user_id": 810882223,
            "begin_date": asked["begin_date"],
            "end_date": asked["end_date"],
            "file_name": f"{self._configs[kind]['file_name_prefix']}-{kind}-{now:%Y-%m-%d-%H%M%S}-{number}.csv",
            "created_from": "manual",
            "date_created": _moment(now),
        }
        self._made[kind].append(_Made(entry, self._content(kind, begin, end), self.polls))
        return JSONResponse({"id": number, "begin_date": asked["begin_date"], "end_date": asked["end_date"]}, 202)

    async def listing(self, request: Request) -> Response:
        made = self._made[request.path_params["kind"]]
        listed = [{**one.entry, "status": "pending" if one.polls > 0 else "enabled"} for one in made]
        for one in made:
            one.polls -= 1
        return JSONResponse(listed[::-1])

    async def download(self, request: Request) -> Response:
        for one in self._made[request.path_params["kind"]]:
            if one.entry["file_name"] == request.path_params["name"]:
                return Response(one.content, media_type="text/csv")
        return _refused(404, "Resource not found")

    def _content(self, kind: str, begin: datetime, end: datetime) -> bytes:
        movements = [one for one in self._books.log if one.currency == CURRENCY]
        during = [one for one in movements if begin <= datetime.fromisoformat(one.at) < end + timedelta(seconds=1)]
        if kind == "settlement_report":
            rows = [self._settlement_row(one) for one in during]
        else:
            detailed = bool(self._configs[kind].get("refund_detailed"))
            rows = self._release_rows(movements, begin, end + timedelta(seconds=1), detailed=detailed)
        columns = [column["key"] for column in self._configs[kind]["columns"]]
        text = io.StringIO(newline="")
        separator: Literal[";", ","] = self._configs[kind]["separator"]
        writer = csv.DictWriter(text, columns, restval="", extrasaction="ignore", delimiter=separator)
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue().encode()

    def _names(self, movement: Movement) -> dict[str, str]:
        order = self._books.payments[movement.payment].order or ""
        return {"SOURCE_ID": movement.payment, "EXTERNAL_REFERENCE": order, **_PIX}

    def _release_rows(
        self, movements: list[Movement], begin: datetime, end: datetime, *, detailed: bool
    ) -> list[dict[str, str]]:
        """What touched the balance, in its order, between the opening and the total."""
        told = [(_at(one), _net(one), self._release_row(one, detailed=detailed)) for one in movements]
        told += [(one.at, one.net, _extra_row(one)) for one in self.extra]
        told.sort(key=lambda one: one[0])
        balance = OPENING_BALANCE + sum(net for at, net, _ in told if at < begin)
        rows = [_opening_row(begin, balance)]
        for at, net, row in told:
            if begin <= at < end:
                balance += net
                rows.append({**row, "DATE": _moment(at), "BALANCE_AMOUNT": _money(balance)})
        sides = _credit_debit(max(balance, 0), max(-balance, 0))
        return [*rows, {"RECORD_TYPE": "total", **sides, "BALANCE_AMOUNT": "0.00"}]

    def _release_row(self, one: Movement, *, detailed: bool) -> dict[str, str]:
        net, captured = _net(one), one.kind == "CAPTURE"
        # A refund of this API has no external reference of its own.
        own = {"EXTERNAL_REFERENCE": ""} if detailed and not captured else {}
        return {
            **self._names(one),
            **own,
            "RECORD_TYPE": "release",
            "DESCRIPTION": "payment" if captured else "refund",
            **_credit_debit(max(net, 0), max(-net, 0)),
            "GROSS_AMOUNT": _money(net + fee_of(one)),
            "MP_FEE_AMOUNT": _money(-fee_of(one)),
            "CURRENCY": CURRENCY,
            "TAXES_DISAGGREGATED": "[]",
        }

    def _settlement_row(self, movement: Movement) -> dict[str, str]:
        net, at = _net(movement), _moment(datetime.fromisoformat(movement.at))
        return {
            **self._names(movement),
            "TRANSACTION_TYPE": "SETTLEMENT" if movement.kind == "CAPTURE" else "REFUND",
            "TRANSACTION_AMOUNT": _money(net + fee_of(movement)),
            "TRANSACTION_CURRENCY": CURRENCY,
            "TRANSACTION_DATE": at,
            "FEE_AMOUNT": _money(-fee_of(movement)),
            "SETTLEMENT_NET_AMOUNT": _money(net),
            "SETTLEMENT_DATE": at,
            "REAL_AMOUNT": _money(net),
            "METADATA": "{}",
            "TAXES_DISAGGREGATED": "[]",
            "MONEY_RELEASE_DATE": at,
            "IS_RELEASED": "YES",
        }


def _credit_debit(credit: int, debit: int) -> dict[str, str]:
    return {"NET_CREDIT_AMOUNT": _money(credit), "NET_DEBIT_AMOUNT": _money(debit)}


def _at(movement: Movement) -> datetime:
    return datetime.fromisoformat(movement.at)


def _opening_row(at: datetime, balance: int) -> dict[str, str]:
    sides = _credit_debit(max(balance, 0), max(-balance, 0))
    told = {"DATE": _moment(at), "RECORD_TYPE": "initial_available_balance", "INSTALLMENTS": "1"}
    return {**told, **sides, "GROSS_AMOUNT": _money(balance), "BALANCE_AMOUNT": _money(balance)}


def _extra_row(one: Moved) -> dict[str, str]:
    named = {"SOURCE_ID": one.source, "RECORD_TYPE": "release", "DESCRIPTION": one.description, "CURRENCY": CURRENCY}
    sides = _credit_debit(max(one.net, 0), max(-one.net, 0))
    return {**named, **sides, "GROSS_AMOUNT": _money(one.gross), "MP_FEE_AMOUNT": _money(one.net - one.gross)}


def _refused(status: int, said: str) -> Response:
    error = "not_found" if status == 404 else "bad_request"
    return JSONResponse({"message": said, "error": error, "status": status, "cause": []}, status)
