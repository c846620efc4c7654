"""Mercado Pago's reports out of the sandbox's books: made when asked for, listed when they are ready, then fetched.

A capture costs 0.99 % of its amount, half up, and gives nothing of it back when it is refunded.
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
KINDS = ("release_report", "settlement_report")
_PIX = {"PAYMENT_METHOD": "pix", "PAYMENT_METHOD_TYPE": "bank_transfer"}
_RELEASE = (
    "DATE SOURCE_ID EXTERNAL_REFERENCE RECORD_TYPE DESCRIPTION NET_CREDIT_AMOUNT NET_DEBIT_AMOUNT GROSS_AMOUNT "
    "MP_FEE_AMOUNT FINANCING_FEE_AMOUNT SHIPPING_FEE_AMOUNT TAXES_AMOUNT COUPON_AMOUNT INSTALLMENTS PAYMENT_METHOD "
    "TAX_DETAIL TRANSACTION_APPROVAL_DATE CURRENCY TAXES_DISAGGREGATED ORDER_ID METADATA BALANCE_AMOUNT "
    "PAYMENT_METHOD_TYPE"
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
    "include_withdrawal_at_end": True,
    "scheduled": False,
    "notification_email_list": [],
    "frequency": {"hour": 0, "type": "monthly", "value": 1},
}
Method = Callable[[Request], Awaitable[Response]]


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
    """The reports of one account. `polls`: how often the list is read before a new one is in it."""

    def __init__(self, books: Books) -> None:
        self.polls = 0
        self._books = books
        self._made: dict[str, list[_Made]] = {kind: [] for kind in KINDS}
        self._ids = itertools.count(12_345_678)
        self._configs = {
            "release_report": {**_CONFIG, "columns": [{"key": name} for name in _RELEASE.split()]},
            "settlement_report": {**_CONFIG, "columns": [{"key": name} for name in _SETTLEMENT.split()]},
        }

    def endpoints(self) -> Iterator[tuple[str, Method, list[str]]]:
        """Path, endpoint and HTTP methods."""
        yield "/v1/account/{kind}/config", self.config, ["GET", "POST", "PUT"]
        yield "/v1/account/{kind}/list", self.listing, ["GET"]
        yield "/v1/account/{kind}/{name}", self.download, ["GET"]
        yield "/v1/account/{kind}", self.create, ["POST"]

    async def config(self, request: Request) -> Response:
        kind = request.path_params["kind"]
        if request.method != "GET":
            self._configs[kind] = {**self._configs[kind], **await request.json()}
        return JSONResponse(self._configs[kind], 201 if request.method == "POST" else 200)

    async def create(self, request: Request) -> Response:
        kind: str = request.path_params["kind"]
        asked = json.loads(await request.body())
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
        ready = [one.entry for one in made if one.polls <= 0]
        for one in made:
            one.polls -= 1
        return JSONResponse(ready[::-1])

    async def download(self, request: Request) -> Response:
        for one in self._made[request.path_params["kind"]]:
            if one.entry["file_name"] == request.path_params["name"]:
                return Response(one.content, media_type="text/csv")
        return JSONResponse({"message": "Resource not found", "error": "not_found", "status": 404, "cause": []}, 404)

    def _content(self, kind: str, begin: datetime, end: datetime) -> bytes:
        movements = [one for one in self._books.log if one.currency == CURRENCY]
        during = [one for one in movements if begin <= datetime.fromisoformat(one.at) < end + timedelta(seconds=1)]
        if kind == "settlement_report":
            rows = [self._settlement_row(one) for one in during]
        else:
            before = [one for one in movements if datetime.fromisoformat(one.at) < begin]
            rows = self._release_rows(OPENING_BALANCE + sum(map(_net, before)), during, begin, end)
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
        self, opening: int, during: list[Movement], begin: datetime, end: datetime
    ) -> list[dict[str, str]]:
        rows = [_balance_row("initial_available_balance", begin, opening)]
        balance = opening
        for one in during:
            net = _net(one)
            balance += net
            gross = net + fee_of(one)
            rows.append(
                {
                    **self._names(one),
                    "DATE": _moment(datetime.fromisoformat(one.at)),
                    "RECORD_TYPE": "release",
                    "DESCRIPTION": "payment" if one.kind == "CAPTURE" else "refund",
                    **_credit_debit(max(net, 0), max(-net, 0)),
                    "GROSS_AMOUNT": _money(gross),
                    "MP_FEE_AMOUNT": _money(-fee_of(one)),
                    "CURRENCY": CURRENCY,
                    "TAXES_DISAGGREGATED": "[]",
                    "BALANCE_AMOUNT": _money(balance),
                }
            )
        credits, debits = (sum(max(sign * _net(one), 0) for one in during) for sign in (1, -1))
        last = {"DATE": _moment(end), "CURRENCY": CURRENCY}
        rows.append({**last, "RECORD_TYPE": "total", **_credit_debit(credits, debits)})
        rows.append(_balance_row("available_balance", end, balance))
        return rows

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


def _balance_row(record: str, at: datetime, balance: int) -> dict[str, str]:
    sides = _credit_debit(max(balance, 0), max(-balance, 0))
    moved = {"DATE": _moment(at), "RECORD_TYPE": record, "CURRENCY": CURRENCY}
    return {**moved, **sides, "BALANCE_AMOUNT": _money(balance)}
