"""dLocal's "Cross-border Payins" file: one settlement, in three header lines and its rows.

No official column document was found: the layout is that of published files. Line 1 names the totals, line 2 (HEADER)
has them, line 3 names the columns; every line is padded to 25 fields, separated by `,` or `;`.

LOCAL_AMOUNT is what the refund or payment was; GROSS_AMOUNT is what the settlement makes of it and is never recomputed
(Brazilian rows are not LOCAL / FX). Times have no zone: UTC is assumed, as in the times of dLocal's API. The business
date is that of APPROVED_DATE (else CREATION_DATE) in the merchant's zone.

A refund row names the original payment by the merchant's own order, and the refund by an id that may be spelled in
another way than the API spells it: a row is matched by that id where it is the same, else by order and LOCAL_AMOUNT.
"""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final

import polars as pl

from domain.money import EXPONENTS
from domain.pse.kit import tables
from domain.pse.kit.tables import BadCell, Layout, Row
from domain.pse.reporting import REPORT_SCHEMA, BadReport, Report, ReportFile
from domain.pse.vocabulary import Period

_LAYOUT: Final = Layout(
    needed=(
        "ROW_TYPE",
        "CREATION_DATE",
        "APPROVED_DATE",
        "TRANSACTION_ID",
        "DLOCAL_TRANSACTION_ID",
        "LOCAL_AMOUNT",
        "LOCAL_CURRENCY",
        "GROSS_AMOUNT",
        "FEE_AMOUNT",
        "NET_AMOUNT",
        "STATUS",
    ),
    header_line=3,
    ends_with_newline=False,  # the HEADER's totals prove that no row is missing
)
_TOTALS: Final = {
    "GROSS_TOTAL_AMOUNT": "GROSS_AMOUNT",
    "FEE_TOTAL_AMOUNT": "FEE_AMOUNT",
    "NET_TOTAL_AMOUNT": "NET_AMOUNT",
}
_HEADER: Final = ("SETTLEMENT_CURRENCY", "NUMBER_OF_ITEMS", *_TOTALS, "TRANSFER_ID")
_DECIMALS: Final = 6
_TOLERANCE: Final = Decimal("0.000001")  # per row: dLocal rounds each row, and its totals before that
_PAYMENTS: Final = ("PAYMENT", "CAPTURE")
_CHARGEBACK: Final = "CHARGEBACK"
_REFUND: Final = "REFUND"
_REFUND_STATES: Final = {
    "SUCCESS": "SUCCEEDED",
    "PENDING": "PENDING",
    "REJECTED": "FAILED",
    "CANCELLED": "FAILED",
}
_TIME_FORM: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_TIME: Final = "%Y-%m-%d %H:%M:%S"


@dataclass(slots=True)
class _Sums:
    rows: int = 0
    amounts: dict[str, Decimal] = field(default_factory=lambda: dict.fromkeys(_TOTALS.values(), Decimal(0)))


def read(file: ReportFile, period: Period) -> Report:
    """The lines in canonical columns; whole, because the HEADER's count and sums were compared. Raises BadReport."""
    sums = _Sums()

    def check(line: int, row: Row) -> None:
        _check(row)
        sums.rows += 1
        for column in sums.amounts:
            sums.amounts[column] += tables.decimal_of(row, column, _DECIMALS) or 0

    rows = tables.read(file, _LAYOUT, check)
    header = _header(file)
    _compare(file, header, sums)
    proof = f"NUMBER_OF_ITEMS ({sums.rows}) and the GROSS, FEE and NET totals of the HEADER equal the rows'."
    return Report(_lines(rows, header, period), proof)


def _check(row: Row) -> None:
    _time_of(row)
    amount, kind = tables.decimal_of(row, "LOCAL_AMOUNT", _DECIMALS) or Decimal(0), row["ROW_TYPE"]
    if amount or kind in (*_PAYMENTS, _REFUND):
        tables.minor_units_of(row, "LOCAL_AMOUNT", row["LOCAL_CURRENCY"])
    if kind in _PAYMENTS and amount < 0:
        raise BadCell("LOCAL_AMOUNT", f"a {kind} of {amount} would take money away.")
    if kind == _REFUND and row["STATUS"] not in _REFUND_STATES:
        raise BadCell("STATUS", f"{row['STATUS'][:40]!r} is none of {', '.join(_REFUND_STATES)}.")
    if kind == _REFUND and not (row["TRANSACTION_ID"] and row["DLOCAL_TRANSACTION_ID"]):
        raise BadCell("TRANSACTION_ID", "the refund does not name its payment and itself.")


def _time_of(row: Row) -> None:
    column = "APPROVED_DATE" if row["APPROVED_DATE"] else "CREATION_DATE"
    try:
        if not _TIME_FORM.fullmatch(row[column]):
            raise ValueError
        datetime.fromisoformat(row[column])
    except ValueError as error:
        raise BadCell(column, f"{row[column][:40]!r} is no time as 2026-01-31 23:59:59.") from error


def _header(file: ReportFile) -> Mapping[str, str]:
    """The totals' names and values, by the separator that finds most names."""
    with file.path.open(encoding="utf-8-sig", newline="") as text:
        lines = [text.readline(), text.readline()]
    split = [list(csv.reader(lines, delimiter=mark)) for mark in _LAYOUT.separators]
    names, values = max(split, key=lambda one: sum(name in one[0] for name in _HEADER))[:2]
    for name in _HEADER:
        if name not in names:
            raise BadReport(file.name, "the column is missing.", line=1, column=name)
    if len(names) != len(values):
        said = f"the row has {len(values)} fields, the header {len(names)}; fetch the file again."
        raise BadReport(file.name, said, line=2)
    return {name: values[names.index(name)] for name in _HEADER}


def _compare(file: ReportFile, header: Mapping[str, str], sums: _Sums) -> None:
    if header["NUMBER_OF_ITEMS"] != str(sums.rows):
        said = f"the HEADER tells of {header['NUMBER_OF_ITEMS'][:20]!r} rows, the file has {sums.rows}; fetch it again."
        raise BadReport(file.name, said, line=2, column="NUMBER_OF_ITEMS")
    for total, column in _TOTALS.items():
        try:
            said_sum = tables.decimal_of(header, total, _DECIMALS)
        except BadCell as error:
            raise BadReport(file.name, str(error), line=2, column=total) from error
        if said_sum is None or abs(said_sum - sums.amounts[column]) > _TOLERANCE * sums.rows:
            said = f"the HEADER says {said_sum}, the rows' {column} add up to {sums.amounts[column]}."
            raise BadReport(file.name, said, line=2, column=total)


def _lines(rows: pl.LazyFrame, header: Mapping[str, str], period: Period) -> pl.LazyFrame:
    text = pl.String()
    kind, order, own_id = pl.col("ROW_TYPE"), _filled("TRANSACTION_ID"), _filled("DLOCAL_TRANSACTION_ID")
    currency = _filled("LOCAL_CURRENCY").fill_null(pl.lit(header["SETTLEMENT_CURRENCY"]))
    exponent = currency.replace_strict(EXPONENTS, default=0, return_dtype=pl.Int64)
    paid, refund = kind.is_in(_PAYMENTS), kind == _REFUND
    booked = pl.coalesce("APPROVED_DATE", "CREATION_DATE")
    # A row without a local amount is of the settlement alone: what it did to the balance is in settled_*.
    moved = pl.when(tables.decimals("LOCAL_AMOUNT") != 0).then(tables.minor_units("LOCAL_AMOUNT", exponent))
    values = {
        "type": _type(kind),
        "state": _state(),
        "payment_reference": pl.when(paid).then(own_id),
        "payment_alias": pl.lit(None, dtype=text),
        "order_reference": order,
        # A dispute can take the money more than once under one id, and not in one moment.
        "reference": pl.when(kind == _CHARGEBACK).then(pl.format("{}/{}", own_id, booked)),
        "pse_refund_reference": pl.when(refund).then(own_id),
        "by_amount": refund,
        "amount": moved.fill_null(0).abs(),
        "currency": currency,
        "settled_gross": tables.decimals("GROSS_AMOUNT"),
        "settled_fee": tables.decimals("FEE_AMOUNT"),
        "settled_net": tables.decimals("NET_AMOUNT"),
        "settled_currency": pl.lit(header["SETTLEMENT_CURRENCY"]),
        "payout_reference": pl.lit(header["TRANSFER_ID"]),
        "by_bank": pl.lit(value=False),
        "kind": kind,
        "booked_at": booked.str.to_datetime(_TIME, time_unit="us", time_zone="UTC"),
    }
    made = rows.with_columns(_empty_as_null("APPROVED_DATE")).select("line", **values)
    day = pl.col("booked_at").dt.convert_time_zone(period.zone).dt.date()
    columns = [pl.col(name).cast(dtype) for name, dtype in REPORT_SCHEMA.items()]
    return made.with_columns(day.alias("business_date")).select(columns)


def _filled(column: str) -> pl.Expr:
    return pl.when(pl.col(column) != "").then(pl.col(column))


def _empty_as_null(column: str) -> pl.Expr:
    return _filled(column).alias(column)


def _type(kind: pl.Expr) -> pl.Expr:
    back = (kind == _CHARGEBACK) & (tables.decimals("LOCAL_AMOUNT") > 0)
    return (
        pl.when(kind.is_in(_PAYMENTS))
        .then(pl.lit("CAPTURE"))
        .when(kind == _REFUND)
        .then(pl.lit("REFUND"))
        .when(back)
        .then(pl.lit("CHARGEBACK_REVERSED"))
        .when(kind == _CHARGEBACK)
        .then(pl.lit("CHARGEBACK"))
        .when(kind == "SETTLEMENT_FEE")
        .then(pl.lit("FEE"))
        .otherwise(pl.lit("OTHER"))
    )


def _state() -> pl.Expr:
    """A refund row that gives money back to the merchant is a refund that came back."""
    refund, back = pl.col("ROW_TYPE") == _REFUND, tables.decimals("LOCAL_AMOUNT") > 0
    said = pl.col("STATUS").replace_strict(_REFUND_STATES, default=None, return_dtype=pl.String)
    return pl.when(refund & back).then(pl.lit("RETURNED")).when(refund).then(said).otherwise(pl.lit("SUCCEEDED"))
