"""Mercado Pago's settlement report ("account money"): every operation of the period, released or not.

It has no control totals: it is never proven to be whole. A line's business date is that of TRANSACTION_DATE.
"""

from typing import Final

import polars as pl

from domain.pse.kit import tables
from domain.pse.kit.tables import BadCell, Layout, Row
from domain.pse.mercadopago.cells import plain_amounts, units, units_of
from domain.pse.mercadopago.lines import canonical, check_moment, check_names, filled, moment
from domain.pse.reporting import Report, ReportFile
from domain.pse.vocabulary import Period

_LAYOUT: Final = Layout(
    needed=(
        "EXTERNAL_REFERENCE",
        "SOURCE_ID",
        "TRANSACTION_TYPE",
        "TRANSACTION_AMOUNT",
        "TRANSACTION_CURRENCY",
        "TRANSACTION_DATE",
        "SETTLEMENT_NET_AMOUNT",
    ),
)
_TYPES: Final = {
    "SETTLEMENT": "CAPTURE",
    "REFUND": "REFUND",
    "CHARGEBACK": "CHARGEBACK",
    "CHARGEBACK_CANCEL": "CHARGEBACK_REVERSED",
    "WITHDRAWAL": "PAYOUT",
    "WITHDRAWAL_CANCEL": "PAYOUT",
    "PAYOUTS": "PAYOUT",
}


def _check(line: int, row: Row) -> None:
    if row["TRANSACTION_TYPE"] == "":
        raise BadCell("TRANSACTION_TYPE", "the cell is empty.")
    check_moment(row, "TRANSACTION_DATE")
    check_names(row)
    for column in ("TRANSACTION_AMOUNT", "SETTLEMENT_NET_AMOUNT"):
        if units_of(row, column, row["TRANSACTION_CURRENCY"]) is None:
            raise BadCell(column, "the cell is empty.")
    if row["SOURCE_ID"] == "" and _TYPES.get(row["TRANSACTION_TYPE"]) in ("CAPTURE", "REFUND"):
        raise BadCell("SOURCE_ID", "the cell of a payment or refund is empty.")


def read(file: ReportFile, period: Period) -> Report:
    """Raises BadReport."""
    return Report(_lines(tables.read(file, _LAYOUT, _check), period), None)


def _lines(rows: pl.LazyFrame, period: Period) -> pl.LazyFrame:
    columns = dict.fromkeys(("TRANSACTION_AMOUNT", "SETTLEMENT_NET_AMOUNT"), "TRANSACTION_CURRENCY")
    gross, net = (tables.decimals(name) for name in columns)
    lines = rows.with_columns(plain_amounts(columns)).with_columns(
        booked_at=moment("TRANSACTION_DATE"),
        _units=units("TRANSACTION_AMOUNT", "TRANSACTION_CURRENCY"),
        type=pl.col("TRANSACTION_TYPE").replace_strict(_TYPES, default="OTHER", return_dtype=pl.String),
    )
    named = pl.col("type").is_in(["CAPTURE", "REFUND", "CHARGEBACK", "CHARGEBACK_REVERSED"])
    return canonical(
        lines.with_columns(
            state=pl.when((pl.col("type") == "REFUND") & (pl.col("_units") > 0))
            .then(pl.lit("RETURNED"))
            .otherwise(pl.lit("SUCCEEDED")),
            payment_reference=filled("SOURCE_ID", named),
            payout_reference=filled("SOURCE_ID", pl.col("type") == "PAYOUT"),
            amount=pl.col("_units").abs(),
            currency=pl.col("TRANSACTION_CURRENCY"),
            settled_gross=gross,
            settled_fee=net - gross,
            settled_net=net,
            settled_currency=pl.col("TRANSACTION_CURRENCY"),
            kind=pl.col("TRANSACTION_TYPE").str.slice(0, 32),
        ),
        period,
    )
