"""Adyen's settlement details report, made of the sandbox's own movements of money: a batch from payout to payout.

As accounts really get them, files differ: types in lower case, columns in any order, no last line break, times in any
zone, a batch that is still open, shoppers' currencies that are converted, corrections whose net is their own.
"""

import csv
import io
import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from tests.sandbox.books import Books, Movement

COMPANY = "EstornoTest"
_HEADER = (
    "Company Account,Merchant Account,Psp Reference,Merchant Reference,Payment Method,Creation Date,TimeZone,Type,"
    "Modification Reference,Gross Currency,Gross Debit (GC),Gross Credit (GC),Exchange Rate,Net Currency,"
    "Net Debit (NC),Net Credit (NC),Commission (NC),Markup (NC),Scheme Fees (NC),Interchange (NC),"
    "Payment Method Variant,Modification Merchant Reference,Batch Number,"
    "Reserved4,Reserved5,Reserved6,Reserved7,Reserved8,Reserved9,Reserved10"
)
_HOURS = {"BRT": -3, "UTC": 0, "CET": 1, "PST": -8, "MXT": -6, "SGT": 8, "UTC-3": -3}
_TYPES = {"CAPTURE": "Settled", "REFUND": "Refunded", "RETURN": "RefundedReversed"}
_COMMISSION_PERCENT = 1
_TRANSACTION_FEE = Decimal("0.10")  # of each capture, on one Fee row at the end of the batch
_NO_DECIMALS = ("CLP", "PYG")


@dataclass(frozen=True, slots=True)
class Style:
    """How the next files are written. `open`: without their payout, as batches are before they are paid out."""

    lower: bool = False
    shuffled: bool = False
    broken_off: bool = False
    open: bool = False
    zone: str = "BRT"


class Batches:
    """`files`: the closed batches by name. `style`: of those to come. `extra`: what else is in the next one."""

    def __init__(self, books: Books, account: str) -> None:
        self.files: dict[str, bytes] = {}
        self.style = Style()
        self.extra: list[dict[str, Any]] = []
        self._whole: dict[str, bytes] = {}
        self._books = books
        self._account = account
        self._told = 0
        self.held: dict[str, int] = {}
        self.paid_out: dict[str, int] = {}

    def close(self, now: datetime) -> str:
        """Everything since the last batch, its fees, and the payout of what is left: the name of its report."""
        number = len(self.files) + 1
        fresh = self._books.log[self._told :]
        self._told = len(self._books.log)
        rows = [self._row(part) for movement in fresh for part in self._parts(movement)]
        rows += [self._extra_row(extra, now) for extra in self.extra]
        self.extra = []
        for currency in sorted({row["Net Currency"] for row in rows}):
            rows += self._closing(currency, rows, number, now)
        for row in rows:
            place = self.paid_out if row["Type"] == "MerchantPayout" else {}
            for kept, amount in ((self.held, _units(row)), (place, -_units(row))):
                kept[row["Net Currency"]] = kept.get(row["Net Currency"], 0) + amount
        name = f"settlement_detail_report_batch_{number}.csv"
        self.files[name] = self._whole[name] = _written(
            [{**row, "Batch Number": str(number)} for row in rows], self.style
        )
        return name

    def _parts(self, movement: Movement) -> list[Movement]:
        """A payment may have been captured in parts: each is settled by itself."""
        count = self._books.payments[movement.payment].facts["parts"] if movement.kind == "CAPTURE" else 1
        each = movement.amount // count
        return [replace(movement, amount=each)] * (count - 1) + [
            replace(movement, amount=movement.amount - each * (count - 1))
        ]

    def lose_row(self, name: str, *, lost: bool) -> None:
        """The file as a broken machine would give it: without its first refund; or whole again."""
        self.files[name] = self._whole[name]
        if lost:
            lines = self._whole[name].splitlines(keepends=True)
            first = next(line for line in lines if b",Refunded," in line)
            self.files[name] = b"".join(line for line in lines if line != first)

    def _row(self, movement: Movement) -> dict[str, str]:
        payment = self._books.payments[movement.payment]
        refund = payment.refunds[movement.refund] if movement.refund else None
        comes_in = movement.kind != "REFUND"
        gross = Decimal(movement.amount).scaleb(0 if movement.currency in _NO_DECIMALS else -2)
        fee = (
            (gross * _COMMISSION_PERCENT / 100).quantize(Decimal("0.01")) if movement.kind == "CAPTURE" else Decimal(0)
        )
        reference = refund.facts["reference"] if refund else payment.order
        return {
            **self._base(datetime.fromisoformat(movement.at), _TYPES[movement.kind], movement.currency),
            "Psp Reference": payment.reference,
            "Merchant Reference": payment.order or "",
            "Payment Method": payment.method.lower(),
            "Modification Reference": refund.id if refund else payment.reference,
            "Gross Credit (GC)" if comes_in else "Gross Debit (GC)": f"{gross:.2f}",
            "Exchange Rate": "1",
            "Net Credit (NC)" if comes_in else "Net Debit (NC)": f"{gross - fee:.2f}",
            "Commission (NC)": f"{fee:.2f}" if fee else "",
            "Payment Method Variant": payment.method.lower(),
            "Modification Merchant Reference": reference or "",
        }

    def _extra_row(self, extra: dict[str, Any], now: datetime) -> dict[str, str]:
        """`net` and `gross` signed, in major units; `currency` is the shopper's, what is settled is in reais."""
        row = self._base(now, extra["type"], "BRL")
        for column, amount in (("Gross", extra.get("gross")), ("Net", extra["net"])):
            if amount is not None:
                side = "Debit" if amount.startswith("-") else "Credit"
                row[f"{column} {side} ({column[0]}C)"] = amount.removeprefix("-")
        named = {"Psp Reference": extra.get("payment", ""), "Modification Reference": extra.get("modification", "")}
        return {**row, **named, "Gross Currency": extra.get("currency", "BRL")}

    def _base(self, at: datetime, kind: str, currency: str) -> dict[str, str]:
        return {
            "Company Account": COMPANY,
            "Merchant Account": self._account,
            "Creation Date": f"{at.astimezone(_zone(self.style.zone)):%Y-%m-%d %H:%M:%S}",
            "TimeZone": self.style.zone,
            "Type": kind,
            "Gross Currency": currency,
            "Net Currency": currency,
        }

    def _closing(self, currency: str, rows: list[dict[str, str]], number: int, now: datetime) -> list[dict[str, str]]:
        """The fees and the payout; a batch that is owed to Adyen is not paid out."""
        own = [row for row in rows if row["Net Currency"] == currency]
        fees = _TRANSACTION_FEE * sum(row["Type"] == "Settled" for row in own)
        fee = {**self._base(now, "Fee", currency), "Modification Reference": f"Transaction Fees {now:%B %Y}"}
        made = [{**fee, "Net Debit (NC)": f"{fees:.2f}"}] if fees else []
        left = sum((_net(row) for row in (*own, *made)), Decimal(0))
        if left > 0 and not self.style.open:
            words = f"TX{number:010}XT batch {number}, {self._account} batch {number}, {self._account}"
            payout = {**self._base(now, "MerchantPayout", currency), "Modification Reference": words}
            made.append({**payout, "Net Debit (NC)": f"{left:.2f}"})
        return made


def _units(row: dict[str, str]) -> int:
    return int(_net(row).scaleb(0 if row["Net Currency"] in _NO_DECIMALS else 2))


def _net(row: dict[str, str]) -> Decimal:
    return Decimal(row.get("Net Credit (NC)") or 0) - Decimal(row.get("Net Debit (NC)") or 0)


def _zone(name: str) -> tzinfo:
    return timezone(timedelta(hours=_HOURS[name])) if name in _HOURS else ZoneInfo(name)


def _written(rows: list[dict[str, Any]], style: Style) -> bytes:
    columns = _HEADER.split(",")
    if style.shuffled:
        random.Random(len(rows)).shuffle(columns)
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, "Type": row["Type"].lower() if style.lower else row["Type"]} for row in rows)
    written = text.getvalue().encode()
    return written.removesuffix(b"\n") if style.broken_off else written
