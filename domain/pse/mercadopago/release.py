"""Mercado Pago's release report: all that touched the available balance, between its opening and its closing.

It is one account's, so it is in one currency. A line's business date is that of DATE, when it touched the balance.
"""

from decimal import Decimal
from typing import Final

import polars as pl

from domain.money import exponent_of
from domain.pse.kit import tables
from domain.pse.kit.tables import BadCell, Layout, Row
from domain.pse.mercadopago.cells import plain_amounts, units, units_of
from domain.pse.mercadopago.lines import canonical, check_moment, check_names, filled, moment
from domain.pse.reporting import SETTLED, BadReport, Report, ReportFile
from domain.pse.vocabulary import Period

_LAYOUT: Final = Layout(
    needed=(
        "DATE",
        "SOURCE_ID",
        "EXTERNAL_REFERENCE",
        "RECORD_TYPE",
        "DESCRIPTION",
        "NET_CREDIT_AMOUNT",
        "NET_DEBIT_AMOUNT",
        "GROSS_AMOUNT",
        "CURRENCY",
    ),
    optional=("BALANCE_AMOUNT",),
)
_OPENING, _MOVEMENT, _TOTAL, _CLOSING = "initial_available_balance", "release", "total", "available_balance"
_RECORDS: Final = (_OPENING, _MOVEMENT, _TOTAL, _CLOSING)
_PROVEN: Final = {
    _TOTAL: "The row total is the sum of all credits and debits",
    _CLOSING: "initial_available_balance and all credits and debits give available_balance",
}


class _Control:
    """What the rows say of themselves, added up as they are read. Amounts in minor units."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.currency = ""
        self._opened = False
        self._balance = self._credits = self._debits = 0
        self._proofs: set[str] = set()

    def check(self, line: int, row: Row) -> None:
        """Raises BadCell, BadReport."""
        record = row["RECORD_TYPE"]
        if record not in _RECORDS:
            raise BadCell("RECORD_TYPE", f"{record[:40]!r} is none of {', '.join(_RECORDS)}.")
        check_moment(row, "DATE")
        check_names(row)
        self._check_currency(row)
        credit, debit = (self._units(row, name) or 0 for name in ("NET_CREDIT_AMOUNT", "NET_DEBIT_AMOUNT"))
        if credit < 0 or debit < 0:
            raise BadCell("NET_CREDIT_AMOUNT" if credit < 0 else "NET_DEBIT_AMOUNT", "the amount is below zero.")
        match record:
            case "initial_available_balance":
                self._open(credit - debit)
            case "release":
                self._move(row, credit, debit)
            case "total":
                self._compare(line, _TOTAL, "NET_CREDIT_AMOUNT", self._credits, credit)
                self._compare(line, _TOTAL, "NET_DEBIT_AMOUNT", self._debits, debit)
            case "available_balance" if self._opened:
                self._compare(line, _CLOSING, "NET_CREDIT_AMOUNT", self._balance, credit - debit)
        balance = self._units(row, "BALANCE_AMOUNT")
        if self._opened and balance is not None:
            self._compare(line, "", "BALANCE_AMOUNT", self._balance, balance)

    def _open(self, balance: int) -> None:
        if self._opened:
            raise BadCell("RECORD_TYPE", "the file opens twice: it is two files.")
        self._opened, self._balance = True, balance

    def _move(self, row: Row, credit: int, debit: int) -> None:
        if row["DESCRIPTION"] == "":
            raise BadCell("DESCRIPTION", "the cell is empty.")
        gross = self._units(row, "GROSS_AMOUNT")
        if row["DESCRIPTION"] in ("payment", "refund") and (gross is None or row["SOURCE_ID"] == ""):
            raise BadCell("GROSS_AMOUNT" if gross is None else "SOURCE_ID", "the cell of a payment or refund is empty.")
        self._balance += credit - debit
        self._credits, self._debits = self._credits + credit, self._debits + debit
        self._proofs.clear()  # what was proven above does not cover this row

    def _check_currency(self, row: Row) -> None:
        if self.currency and row["CURRENCY"] != self.currency:
            said = f"{row['CURRENCY'][:10]!r} in a file of {self.currency}: a release report is of one account."
            raise BadCell("CURRENCY", said)
        self.currency = row["CURRENCY"]

    def _units(self, row: Row, column: str) -> int | None:
        return units_of(row, column, row["CURRENCY"]) if column in row else None

    def _compare(self, line: int, record: str, column: str, counted: int, said: int) -> None:
        if counted != said:
            what = f"{record or 'the balance'} says {self._written(said)}, the rows give {self._written(counted)}"
            raise BadReport(self._name, f"{what}; fetch the file again.", line=line, column=column)
        if record:
            self._proofs.add(record)

    def _written(self, amount: int) -> str:
        return f"{self.currency} {Decimal(amount).scaleb(-exponent_of(self.currency)):f}"

    def completeness(self) -> str | None:
        """What proves the file to be whole. Raises BadReport for a file that opens and does not close."""
        if self._opened and not self._proofs:
            raise BadReport(self._name, "the file opens with a balance, but no total closes it: it was cut.")
        if _TOTAL not in self._proofs:  # available_balance is also written before a withdrawal: it proves no end
            return None
        return "; ".join(_PROVEN[record] for record in (_TOTAL, _CLOSING) if record in self._proofs) + "."


def read(file: ReportFile, period: Period) -> Report:
    """Raises BadReport."""
    control = _Control(file.name)
    rows = tables.read(file, _LAYOUT, control.check)
    return Report(_lines(rows, period), control.completeness())


def _lines(rows: pl.LazyFrame, period: Period) -> pl.LazyFrame:
    columns = dict.fromkeys(("NET_CREDIT_AMOUNT", "NET_DEBIT_AMOUNT", "GROSS_AMOUNT"), "CURRENCY")
    amounts = rows.filter(pl.col("RECORD_TYPE") == _MOVEMENT).with_columns(plain_amounts(columns))
    net = tables.decimals("NET_CREDIT_AMOUNT").fill_null(0) - tables.decimals("NET_DEBIT_AMOUNT").fill_null(0)
    gross_units, credit, debit = (
        units(name, "CURRENCY").fill_null(0) for name in ("GROSS_AMOUNT", "NET_CREDIT_AMOUNT", "NET_DEBIT_AMOUNT")
    )
    lines = amounts.with_columns(
        _net=net.cast(SETTLED), _units=credit - debit, _gross=gross_units, booked_at=moment("DATE")
    ).with_columns(type=_type(), settled_gross=pl.coalesce(tables.decimals("GROSS_AMOUNT"), pl.col("_net")))
    named = pl.col("type").is_in(["CAPTURE", "REFUND", "CHARGEBACK", "CHARGEBACK_REVERSED"])
    of_gross = pl.col("type").is_in(["CAPTURE", "REFUND"])
    return canonical(
        lines.with_columns(
            state=pl.when((pl.col("type") == "REFUND") & (pl.col("_units") > 0))
            .then(pl.lit("RETURNED"))
            .otherwise(pl.lit("SUCCEEDED")),
            payment_reference=filled("SOURCE_ID", named),
            payout_reference=filled("SOURCE_ID", pl.col("type") == "PAYOUT"),
            amount=pl.when(of_gross).then(pl.col("_gross")).otherwise(pl.col("_units")).abs(),
            currency=pl.col("CURRENCY"),
            settled_fee=pl.col("_net") - pl.col("settled_gross"),
            settled_net=pl.col("_net"),
            settled_currency=pl.col("CURRENCY"),
            kind=pl.col("DESCRIPTION").str.slice(0, 32),
        ),
        period,
    )


def _type() -> pl.Expr:
    """Disputes, mediations, reserves and what has no name of its own are OTHER: they hold money and do not end it."""
    said, credit = pl.col("DESCRIPTION"), pl.col("_units") > 0
    return (
        pl.when(said == "payment")
        .then(pl.lit("CAPTURE"))
        .when(said == "refund")
        .then(pl.lit("REFUND"))
        .when((said == "chargeback") & credit)
        .then(pl.lit("CHARGEBACK_REVERSED"))
        .when(said == "chargeback")
        .then(pl.lit("CHARGEBACK"))
        .when(said.is_in(["payout", "withdrawal"]))
        .then(pl.lit("PAYOUT"))
        .when(said.str.starts_with("tax") | said.str.starts_with("fee") | (said == "shipping"))
        .then(pl.lit("FEE"))
        .otherwise(pl.lit("OTHER"))
    )
