"""Reading dLocal's "Cross-border Payins" file: one settlement, in three header lines and its rows.

No official column document was found: the layout is that of published files. Line 1 names the totals, line 2 (HEADER)
has them, line 3 names the columns; every line is padded to 25 fields, separated by `,` or `;`.

LOCAL_AMOUNT is what the refund or payment was; GROSS_AMOUNT is what the settlement makes of it and is never recomputed
(Brazilian rows are not LOCAL / FX). Times have no zone: UTC is assumed, as in the times of dLocal's API, and the
business date is that of APPROVED_DATE (else CREATION_DATE) in the merchant's zone. What is no payment and approved at
00:00:00 has a date instead, which no zone moves; a row of the settlement itself may have none: then it is the
transfer's.

A refund row names the original payment by the merchant's own order, and the refund by an id that may be spelled in
another way than the API spells it: a row is matched by that id where it is the same, else by order and LOCAL_AMOUNT.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final

import polars as pl

from domain.money import EXPONENTS
from domain.pse.dlocal.proof import TOTALS, Header, read_header
from domain.pse.kit import canonical, cells, exact, tables
from domain.pse.kit.canonical import filled
from domain.pse.kit.cells import BadCell, Row
from domain.pse.kit.tables import Layout
from domain.pse.kit.unclear import Unclear
from domain.pse.reporting import BadReport, Report, ReportFile
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
    title='"Cross-border Payins"',
    others={"Type": "in dLocal's layout of 2015"},
)
_DECIMALS: Final = 6
_UNKNOWN_DECIMALS: Final = 8  # of a currency that we do not know: as many as a settled amount may have
_PAYMENTS: Final = ("PAYMENT", "CAPTURE")
_CHARGEBACK: Final = "CHARGEBACK"
_REFUND: Final = "REFUND"
_OF_A_PAYMENT: Final = {**dict.fromkeys(_PAYMENTS, "CAPTURE"), _REFUND: "REFUND", _CHARGEBACK: "CHARGEBACK"}
_TYPES: Final = {**_OF_A_PAYMENT, "SETTLEMENT_FEE": "FEE", "ADJUSTMENT": "OTHER"}
_REFUND_STATES: Final = {
    "SUCCESS": "SUCCEEDED",
    "PENDING": "PENDING",
    "REJECTED": "FAILED",
    "CANCELLED": "FAILED",
}
_TIME_FORM: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_TIME: Final = "%Y-%m-%d %H:%M:%S"
_MIDNIGHT: Final = "00:00:00"


@dataclass(slots=True)
class _Check:
    """Looks at each row, adds up the columns that the HEADER has totals of, and counts what is unclear."""

    rows: int = 0
    sums: dict[str, Decimal] = field(default_factory=lambda: dict.fromkeys(TOTALS.values(), Decimal(0)))
    undated: bool = False
    unclear: Unclear = field(default_factory=Unclear)

    def __call__(self, line: int, row: Row) -> str | None:
        self.undated = self.undated or not _has_time(row)
        self.rows += 1
        for column in self.sums:
            self.sums[column] += cells.decimal_of(row, column, _DECIMALS) or 0
        words = _unclear(row)
        if words is not None:
            return self.unclear.add(line, words)
        _check_amount(row)
        return None


def lines(file: ReportFile, period: Period) -> Report:
    """The lines; whole, because the HEADER's count and sums were compared. Raises BadReport."""
    check = _Check()
    rows = tables.read(file, _LAYOUT, check)
    header = read_header(file, _LAYOUT.separators)
    header.compare_count(check.rows)
    if check.undated and header.transferred is None:
        said = f"rows have no date of their own, and {header.values['TRANSFER_DATE'][:40]!r} is none as 2026-01-31."
        raise BadReport(file.name, said, line=2, column="TRANSFER_DATE")
    against = header.contradiction(check.sums, check.rows)
    proof = f"NUMBER_OF_ITEMS ({check.rows}) and the GROSS, FEE and NET totals of the HEADER equal the rows'."
    return Report(_lines(rows, header, period), None if against else proof, against, check.unclear.told())


def _unclear(row: Row) -> str | None:
    """What nobody understands in the row, in its words. Raises BadCell for an amount that is none."""
    kind, currency = row["ROW_TYPE"], row["LOCAL_CURRENCY"]
    amount = cells.decimal_of(row, "LOCAL_AMOUNT", _UNKNOWN_DECIMALS)
    if kind not in _TYPES:
        return kind or "no ROW_TYPE"
    if amount and currency not in EXPONENTS:
        if not exact.is_code(currency):
            raise BadCell("LOCAL_CURRENCY", f"{currency[:10]!r} is not the code of a currency.")
        return f"{kind} in {currency}"
    if kind != _REFUND:
        return None
    for column in ("TRANSACTION_ID", "DLOCAL_TRANSACTION_ID"):
        if row[column] == "":
            return f"{kind} without {column}"
    return None if row["STATUS"] in _REFUND_STATES else f"{kind} with STATUS {row['STATUS']}"


def _check_amount(row: Row) -> None:
    kind, amount = row["ROW_TYPE"], cells.decimal_of(row, "LOCAL_AMOUNT", _UNKNOWN_DECIMALS) or Decimal(0)
    if amount or kind in (*_PAYMENTS, _REFUND):
        cells.minor_units_of(row, "LOCAL_AMOUNT", row["LOCAL_CURRENCY"])
    if kind in _PAYMENTS and amount < 0:
        raise BadCell("LOCAL_AMOUNT", f"a {kind} of {amount} would take money away.")


def _has_time(row: Row) -> bool:
    """Whether the row has a time; only one of a payment needs it. Raises BadCell."""
    column = "APPROVED_DATE" if row["APPROVED_DATE"] else "CREATION_DATE"
    if row[column] == "" and row["ROW_TYPE"] not in _OF_A_PAYMENT:
        return False
    try:
        if not _TIME_FORM.fullmatch(row[column]):
            raise ValueError
        datetime.fromisoformat(row[column])
    except ValueError as error:
        raise BadCell(column, f"{row[column][:40]!r} is no time as 2026-01-31 23:59:59.") from error
    return True


def _lines(rows: pl.LazyFrame, header: Header, period: Period) -> pl.LazyFrame:
    kind, order, own_id = pl.col("ROW_TYPE"), filled("TRANSACTION_ID"), filled("DLOCAL_TRANSACTION_ID")
    settlement = header.values["SETTLEMENT_CURRENCY"]
    currency = filled("LOCAL_CURRENCY").fill_null(pl.lit(settlement))
    refund = kind == _REFUND
    time = pl.coalesce(filled("APPROVED_DATE"), filled("CREATION_DATE"), pl.lit(header.transferred))
    # A row without a local amount is of the settlement alone: what it did to the balance is in settled_*.
    moved = pl.when(canonical.decimals("LOCAL_AMOUNT") != 0).then(canonical.units("LOCAL_AMOUNT", currency))
    day = pl.when(_is_date(time)).then(time.str.slice(0, 10).str.to_date())
    values: Mapping[str, pl.Expr | str | bool | None] = {
        "type": _type(kind),
        "state": _state(),
        "payment_reference": pl.when(kind.is_in(_PAYMENTS)).then(own_id),
        "order_reference": order,
        # A dispute can take the money more than once under one id, and not in one moment.
        "reference": pl.when(kind == _CHARGEBACK).then(pl.format("{}/{}", own_id, time)),
        "pse_refund_reference": pl.when(refund).then(own_id),
        "by_amount": refund,
        "amount": moved.fill_null(0),
        "currency": currency,
        "settled_gross": canonical.decimals("GROSS_AMOUNT"),
        "settled_fee": canonical.decimals("FEE_AMOUNT"),
        "settled_net": canonical.decimals("NET_AMOUNT"),
        "settled_currency": settlement,
        "payout_reference": header.values["TRANSFER_ID"],
        "kind": kind,
        "booked_at": _booked(time, period.zone),
        "business_date": day,
    }
    return canonical.columns(rows, period.zone, values)


def _is_date(time: pl.Expr) -> pl.Expr:
    """A refund's approval at midnight is a date; a payment may well be approved in that second."""
    return ~pl.col("ROW_TYPE").is_in(_PAYMENTS) & time.str.ends_with(_MIDNIGHT)


def _booked(time: pl.Expr, zone: str) -> pl.Expr:
    """The moment in UTC; of a date the moment at which it begins in the merchant's zone."""
    moment = time.str.to_datetime(_TIME, time_unit="us")
    begins = pl.coalesce(  # clocks that are put forward at midnight skip it
        hour.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null").dt.convert_time_zone("UTC")
        for hour in (moment, moment.dt.offset_by("1h"))
    )
    return pl.when(_is_date(time)).then(begins).otherwise(moment.dt.replace_time_zone("UTC"))


def _type(kind: pl.Expr) -> pl.Expr:
    back = (kind == _CHARGEBACK) & (canonical.decimals("LOCAL_AMOUNT") > 0)
    return pl.when(back).then(pl.lit("CHARGEBACK_REVERSED")).otherwise(kind.replace_strict(_TYPES, default="OTHER"))


def _state() -> pl.Expr:
    """A refund row that gives money back to the merchant is a refund that came back."""
    refund, back = pl.col("ROW_TYPE") == _REFUND, canonical.decimals("LOCAL_AMOUNT") > 0
    said = pl.col("STATUS").replace_strict(_REFUND_STATES, default=None, return_dtype=pl.String)
    return pl.when(refund & back).then(pl.lit("RETURNED")).when(refund).then(said).otherwise(pl.lit("SUCCEEDED"))
