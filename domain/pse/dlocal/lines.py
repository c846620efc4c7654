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

from functools import cache
from typing import Final

import polars as pl

from domain.pse.dlocal.objects import WORDS
from domain.pse.dlocal.proof import ProofHeader, read_header
from domain.pse.kit import canonical, cells, tables
from domain.pse.kit.canonical import filled
from domain.pse.kit.cells import UNKNOWN_DECIMALS, BadRow, Row
from domain.pse.kit.totals import Sums
from domain.pse.kit.unclear import Unclear
from domain.pse.reporting import ReadReport, ReportFile
from domain.pse.vocabulary import Period

_LAYOUT: Final = WORDS.layouts["cross_border_payins"]
_CHARGEBACK: Final = "CHARGEBACK"
_REFUND: Final = "REFUND"
_PAYMENTS: Final = [name for name, kind in WORDS.kinds.items() if kind.type == "CAPTURE"]
_OF_A_PAYMENT: Final = (*_PAYMENTS, _REFUND, _CHARGEBACK)
_MIDNIGHT: Final = "00:00:00"


def lines(file: ReportFile, period: Period) -> ReadReport:
    """The lines; whole, because the HEADER's count and sums were compared. Raises BadReport."""
    sums, unclear = Sums(_LAYOUT.totals), Unclear()
    is_dated = cache(lambda: read_header(file).transferred is not None)

    def check(_: int, row: Row) -> str | None:
        sums.add(row)
        if not _has_time(row) and not is_dated():
            said = "the row has no date, nor has the HEADER one as 2026-01-31."
            raise BadRow("TRANSFER_DATE", said, "without a date")
        return _unclear(row)

    rows = tables.read(file, _LAYOUT, check, unclear)
    header = read_header(file)
    header.compare_count(sums.rows)
    against = header.contradiction(sums)
    proof = f"NUMBER_OF_ITEMS ({sums.rows}) and the GROSS, FEE and NET totals of the HEADER equal the rows'."
    paid = header.paid_out(sums.of["NET_AMOUNT"])
    return ReadReport(_lines(rows, header, period), None if against else proof, against, unclear.told(), payouts=paid)


def _unclear(row: Row) -> str | None:
    """What nobody understands in the row, in its words. Raises BadCell for an amount that is none."""
    kind, currency = row["ROW_TYPE"], row["LOCAL_CURRENCY"]
    amount = cells.decimal_of(row, "LOCAL_AMOUNT", UNKNOWN_DECIMALS)
    if kind in WORDS.kinds and amount:
        cells.check_paid_in(row, "LOCAL_CURRENCY")
    if unknown := WORDS.unclear(row, "ROW_TYPE", *([currency] if amount else [])):
        return unknown
    if kind == _REFUND:
        for column in ("TRANSACTION_ID", "DLOCAL_TRANSACTION_ID"):
            if row[column] == "":
                return f"{kind} without {column}"
        if row["STATUS"] not in WORDS.states:
            return f"{kind} with STATUS {row['STATUS']}"
    if amount or kind in (*_PAYMENTS, _REFUND):
        cells.minor_units_of(row, "LOCAL_AMOUNT", currency)
    if (amount or 0) * WORDS.kinds[kind].sign < 0:
        raise BadRow("LOCAL_AMOUNT", f"a {kind} of {amount} would take money away.", "of the wrong sign")
    return None


def _has_time(row: Row) -> bool:
    """Whether the row has a time; only one of a payment needs it. Raises BadCell."""
    column = "APPROVED_DATE" if row["APPROVED_DATE"] else "CREATION_DATE"
    if row[column] == "" and row["ROW_TYPE"] not in _OF_A_PAYMENT:
        return False
    cells.check_time(row, column)
    return True


def _lines(rows: pl.LazyFrame, header: ProofHeader, period: Period) -> pl.LazyFrame:
    kind, own_id = pl.col("ROW_TYPE"), filled("DLOCAL_TRANSACTION_ID")
    settlement = header.values["SETTLEMENT_CURRENCY"]
    currency = filled("LOCAL_CURRENCY").fill_null(pl.lit(settlement))
    refund = kind == _REFUND
    time = pl.coalesce(filled("APPROVED_DATE"), filled("CREATION_DATE"), pl.lit(header.transferred))
    # A row without a local amount is of the settlement alone: what it did to the balance is in settled_*.
    moved = pl.when(canonical.decimals("LOCAL_AMOUNT") != 0).then(canonical.units("LOCAL_AMOUNT", currency))
    values: canonical.Values = {
        "type": _type(kind),
        "state": _state(),
        "payment_reference": pl.when(kind.is_in(_PAYMENTS)).then(own_id),
        # A dispute can take the money more than once under one id, and not in one moment.
        "reference": pl.when(kind == _CHARGEBACK).then(pl.format("{}/{}", own_id, time)),
        "pse_refund_reference": pl.when(refund).then(own_id),
        "by_amount": refund,
        "amount": moved.fill_null(0),
        "currency": currency,
        "settled_currency": settlement,
        "payout_reference": header.values["TRANSFER_ID"],
        "booked_at": _booked(time, period.zone),
        "business_date": pl.when(_is_date(time)).then(time.str.slice(0, 10).str.to_date(strict=False)),
    }
    return canonical.columns(rows, period, values, _LAYOUT)


def _is_date(time: pl.Expr) -> pl.Expr:
    """A refund's approval at midnight is a date; a payment may well be approved in that second."""
    return ~pl.col("ROW_TYPE").is_in(_PAYMENTS) & time.str.ends_with(_MIDNIGHT)


def _booked(time: pl.Expr, zone: str) -> pl.Expr:
    """The moment in UTC; of a date the moment at which it begins in the merchant's zone."""
    moment = canonical.local_time(time)
    begins = canonical.in_zone(moment, zone)
    return pl.when(_is_date(time)).then(begins).otherwise(moment.dt.replace_time_zone("UTC"))


def _type(kind: pl.Expr) -> pl.Expr:
    back = (kind == _CHARGEBACK) & (canonical.decimals("LOCAL_AMOUNT") > 0)
    return pl.when(back).then(pl.lit("CHARGEBACK_REVERSED")).otherwise(canonical.type_of(kind, WORDS.kinds))


def _state() -> pl.Expr:
    """A refund row that gives money back to the merchant is a refund that came back."""
    refund, back = pl.col("ROW_TYPE") == _REFUND, canonical.decimals("LOCAL_AMOUNT") > 0
    said = pl.col("STATUS").replace_strict(WORDS.states, default=None, return_dtype=pl.String)
    return pl.when(refund & back).then(pl.lit("RETURNED")).when(refund).then(said).otherwise(pl.lit("SUCCEEDED"))
