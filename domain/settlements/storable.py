"""Lines in what the database can hold: PostgreSQL's text has no NUL, and an index has no row of more than 2,704 bytes.

One row must not hold up its file. A refund of nothing is none, and a sum that nobody could have paid would be counted
with others into one that no column holds: such a row becomes OTHER. Words lose their NULs. A name that cannot be kept
is none that anybody knows: where the line has another one for the same it is counted by that; else nobody knows whose
money it is, and the line becomes OTHER, which moves nothing and is a finding. What says no currency cannot be counted
at all: the file is refused.
"""

import hashlib
from dataclasses import replace
from typing import Final

import polars as pl

from domain.money import AMOUNT_MAX
from domain.pse.kit.unclear import counted
from domain.pse.reporting import BadReport, ReadReport, ReportFile, Unknown

NAME_BYTES_MAX: Final = 2_600
_FILE_CHARACTERS_MAX: Final = 200
_NUL: Final = "\x00"
_OF_PAYMENT: Final = ("payment_reference", "payment_alias")
_INDEXED: Final = (*_OF_PAYMENT, "order_reference")
_OF_REFUND: Final = ("reference", "pse_refund_reference")
_NAMES: Final = (*_INDEXED, *_OF_REFUND)
_WORDS: Final = ("kind", "payout_reference")
_CURRENCIES: Final = ("currency", "settled_currency")
_CURRENCY_CHARACTERS: Final = 3
_MOVING: Final = ("CAPTURE", "REFUND", "CHARGEBACK", "CHARGEBACK_REVERSED")


def named(file: ReportFile) -> ReportFile:
    """The file under a name that can be stored, and that stays one name: a person's folder may call it anything."""
    name = file.name.encode("utf-8", "backslashreplace").decode().replace(_NUL, "")
    if len(name) > _FILE_CHARACTERS_MAX:
        name = f"{name[: _FILE_CHARACTERS_MAX - 65]}#{hashlib.sha256(name.encode()).hexdigest()}"
    return replace(file, name=name)


def storable(name: str, report: ReadReport, lines: pl.DataFrame) -> tuple[ReadReport, pl.DataFrame]:
    """The report, which says what is unclear, and its lines as they can be stored. `name`: the file's.

    Raises BadReport, with line and column, for a currency that cannot be one.
    """
    _check_currencies(name, lines)
    kept = lines.with_columns(pl.col(column).str.replace_all(_NUL, "", literal=True) for column in _WORDS)
    if not kept.select((_of_no_amount() | pl.any_horizontal(_unusable(one) for one in _NAMES)).any()).item():
        return report, kept
    lost = kept.with_columns(_lost=_lost()).with_columns(
        _unclear=pl.col("_lost").is_not_null() | _of_no_amount().fill_null(value=False)
    )
    clean = lost.with_columns(pl.when(~_unusable(one)).then(one).alias(one) for one in _NAMES)
    unclear = pl.col("_unclear")
    made = clean.with_columns(
        kind=pl.when(unclear).then(_words()).otherwise("kind"),
        type=pl.when(unclear).then(pl.lit("OTHER")).otherwise("type"),
        state=pl.when(unclear).then(pl.lit("SUCCEEDED")).otherwise("state"),
        by_amount=pl.col("by_amount") & ~unclear,
        # What was settled of it stands beside it.
        amount=pl.when(pl.col("type").is_in(_MOVING) & (pl.col("amount") > AMOUNT_MAX)).then(0).otherwise("amount"),
        **{one: pl.when(~unclear).then(one) for one in _NAMES},
    )
    told = replace(report, unknown=(*report.unknown, *counted(made.lazy(), unclear)))
    return told, made.drop("_lost", "_unclear")


def merged(report: ReadReport) -> ReadReport:
    """The report whose lines were looked at piece by piece: what is unclear in several is said once."""
    told: dict[str, Unknown] = {}
    for one in report.unknown:
        other = told.get(one.words, Unknown(one.words, 0, one.line))
        told[one.words] = Unknown(one.words, other.rows + one.rows, min(other.line, one.line))
    return replace(report, unknown=tuple(told.values()))


def _of_no_amount() -> pl.Expr:
    """A refund of nothing, and money of a payment that is more than any payment can be."""
    nothing = (pl.col("type") == "REFUND") & (pl.col("amount") == 0)
    return nothing | (pl.col("type").is_in(_MOVING) & (pl.col("amount") > AMOUNT_MAX))


def _words() -> pl.Expr:
    return (
        pl.when(pl.col("_lost").is_not_null())
        .then(pl.format("{} with an unusable {}", "type", "_lost"))
        .when(pl.col("amount") == 0)
        .then(pl.format("{} of 0", "type"))
        .otherwise(pl.format("{} of more than any payment can be", "type"))
    )


def _check_currencies(name: str, lines: pl.DataFrame) -> None:
    if not any(lines.select(one.any().alias(name) for name, one in _NO_CURRENCY.items()).row(0)):
        return
    for column, wrong in _NO_CURRENCY.items():
        found = lines.filter(wrong)["line"]
        if not found.is_empty():
            raise BadReport(name, "this is no currency.", line=found.min(), column=column)  # type: ignore[arg-type]


def _is_no_currency(column: str) -> pl.Expr:
    text = pl.col(column)
    wrong = text.str.contains(_NUL, literal=True) | (text.str.len_chars() != _CURRENCY_CHARACTERS)
    return wrong.fill_null(value=False)


_NO_CURRENCY: Final = {column: _is_no_currency(column) for column in _CURRENCIES}


def _unusable(column: str) -> pl.Expr:
    text = pl.col(column)
    cannot = text.str.contains(_NUL, literal=True)
    if column in _INDEXED:
        cannot |= text.str.len_bytes() > NAME_BYTES_MAX
    return cannot.fill_null(value=False)


def _lost() -> pl.Expr:
    """The column without which nobody knows what a moving line is of; null where it is still told."""
    nobodys = ~pl.any_horizontal(pl.col(one).is_not_null() & ~_unusable(one) for one in _OF_PAYMENT)
    nothings = ~pl.any_horizontal(pl.col(one).is_not_null() & ~_unusable(one) for one in _OF_REFUND)
    order = pl.all_horizontal(pl.col(one).is_null() for one in _OF_PAYMENT) & _unusable("order_reference")
    named = pl.col("type") != "CAPTURE"  # a part of a capture is known by its moment as well
    lost = pl.coalesce(
        *(pl.when(nobodys & _unusable(one)).then(pl.lit(one)) for one in _OF_PAYMENT),
        pl.when(order).then(pl.lit("order_reference")),
        *(pl.when(named & nothings & _unusable(one)).then(pl.lit(one)) for one in _OF_REFUND),
    )
    return pl.when(pl.col("type").is_in(_MOVING)).then(lost)
