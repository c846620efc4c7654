"""Mercado Pago's settlement report ("account money"): every operation of the period, released or not.

It has no control totals: it is never proven to be whole. A line's business date is that of TRANSACTION_DATE.
"""

from collections.abc import Callable
from typing import Final

import polars as pl

from domain.money import EXPONENTS
from domain.pse.kit import plain, tables
from domain.pse.kit.canonical import decimals, type_of
from domain.pse.kit.cells import BadCell, BadRow, Row
from domain.pse.kit.plain import Plain
from domain.pse.kit.unclear import Unclear, counted
from domain.pse.mercadopago.account import currency_of, is_detailed
from domain.pse.mercadopago.canonical import (
    canonical,
    check_foreign,
    check_moment,
    is_moment,
    is_nameless,
    moment,
    own_reference,
    words,
)
from domain.pse.mercadopago.cells import plain_amounts, units, units_of
from domain.pse.mercadopago.objects import WORDS
from domain.pse.reporting import ReadReport, ReportFile
from domain.pse.vocabulary import Period

_AMOUNTS: Final = ("TRANSACTION_AMOUNT", "SETTLEMENT_NET_AMOUNT")
_LAYOUT: Final = WORDS.layouts["settlement"]
_OF_PAYMENT: Final = ("CAPTURE", "REFUND", "CHARGEBACK", "CHARGEBACK_REVERSED")


def lines(file: ReportFile, period: Period) -> ReadReport:
    """Raises BadReport."""
    account = currency_of(file, period)
    odd = Unclear()
    rows = tables.read(file, _LAYOUT, _check(account), odd, Plain(_is_plain(account), lambda _: None))
    read = _read(rows, account, own_reference(detailed=is_detailed(file)))
    return ReadReport(canonical(read, period), None, None, [*odd.told(), *counted(read, pl.col("_unclear"))])


def _check(account: str | None) -> Callable[[int, Row], None]:
    def check(line: int, row: Row) -> None:
        currency = row["TRANSACTION_CURRENCY"] or account
        if currency is None:
            raise BadCell("TRANSACTION_CURRENCY", "neither the row nor the account says its currency.")
        if currency not in EXPONENTS:
            check_foreign(row, "TRANSACTION_CURRENCY", _AMOUNTS)
            return
        for column in _AMOUNTS:
            if units_of(row, column, currency) is None:
                raise BadRow(column, "the cell is empty.")
        if row["TRANSACTION_DATE"]:
            check_moment(row, "TRANSACTION_DATE")

    return check


def _is_plain(account: str | None) -> pl.Expr:
    """Whether the check above would say nothing of a row."""
    told = pl.when(pl.col("TRANSACTION_CURRENCY") == "").then(pl.lit(account)).otherwise("TRANSACTION_CURRENCY")
    places = told.replace_strict(EXPONENTS, default=None, return_dtype=pl.Int64)
    amounts = pl.all_horizontal(plain.minor_units(name, places).is_not_null() for name in _AMOUNTS)
    return amounts & is_moment("TRANSACTION_DATE")


def _read(rows: pl.LazyFrame, account: str | None, own: pl.Expr) -> pl.LazyFrame:
    told = pl.when(pl.col("TRANSACTION_CURRENCY") == "").then(pl.lit(account)).otherwise("TRANSACTION_CURRENCY")
    foreign = ~pl.col("_currency").is_in(list(EXPONENTS))
    known = (
        rows.with_columns(_currency=told)
        .with_columns(_foreign=foreign, _counted=pl.when(foreign).then(pl.lit("USD")).otherwise("_currency"))
        .with_columns(plain_amounts(dict.fromkeys((*_AMOUNTS, "TAXES_AMOUNT"), "_counted")))
        .with_columns(
            _units=units("TRANSACTION_AMOUNT", "_counted").fill_null(0),
            _type=type_of(pl.col("TRANSACTION_TYPE"), WORDS.kinds),
        )
        .with_columns(_missing=_missing(), _backwards=_backwards())
    )
    # A SETTLEMENT that takes money is a purchase that the account made, and of no payment of ours.
    bought = (pl.col("_type") == "CAPTURE") & (pl.col("_units") < 0)
    unclear = pl.col("_foreign") | pl.col("_missing").is_not_null() | pl.col("_type").is_null() | pl.col("_backwards")
    unclear &= pl.col(tables.UNCLEAR) == ""
    typed = known.with_columns(
        _unclear=unclear,
        type=pl.when(unclear).then(pl.lit("OTHER")).when(bought).then(pl.lit("ADJUSTMENT")).otherwise(pl.col("_type")),
    )
    return typed.with_columns(**_columns(own))


def _columns(own: pl.Expr) -> dict[str, pl.Expr]:
    gross, net, withheld = (decimals(name).fill_null(0) for name in (*_AMOUNTS, "TAXES_AMOUNT"))
    return {
        "booked_at": moment("TRANSACTION_DATE"),
        "amount": pl.when("_foreign").then(0).otherwise(pl.col("_units").abs()),
        "currency": pl.col("_currency"),
        "settled_gross": gross,
        "settled_fee": net - gross - withheld,
        "settled_withheld": withheld,
        "settled_net": net,
        "settled_currency": pl.col("_currency"),
        "kind": _words(),
        "own_reference": own,
    }


def _missing() -> pl.Expr:
    """The column without which the row cannot be what its TRANSACTION_TYPE says; null where none is missing."""
    return (
        pl.when(pl.col("TRANSACTION_DATE") == "")
        .then(pl.lit("TRANSACTION_DATE"))
        .when(pl.col("_type").is_in(_OF_PAYMENT) & is_nameless())
        .then(pl.lit("SOURCE_ID"))
    )


def _backwards() -> pl.Expr:
    """Whether a chargeback gives money, or a won one takes it: what it is then, nobody knows, and it is not counted."""
    gives = (pl.col("_type") == "CHARGEBACK") & (pl.col("_units") > 0)
    takes = (pl.col("_type") == "CHARGEBACK_REVERSED") & (pl.col("_units") < 0)
    return (gives | takes).fill_null(value=False)


def _words() -> pl.Expr:
    parts = (
        pl.when(pl.col("TRANSACTION_TYPE") != "").then(pl.col("TRANSACTION_TYPE").str.slice(0, 60)),
        pl.when("_foreign").then("_currency"),
        pl.when(pl.col("_missing").is_not_null()).then(pl.format("without {}", "_missing")),
        pl.when("_backwards").then(pl.lit("of the wrong sign")),
    )
    return words(*parts)
