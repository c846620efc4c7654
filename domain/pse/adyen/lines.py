"""Reading Adyen's settlement details report: CSV by column names, the sign from the filled column.

The business date of a line is the date of its Creation Date in the merchant's zone. What proves the file whole, and
what in it contradicts itself: proof.py.
"""

from typing import Final

import polars as pl

from domain.money import EXPONENTS
from domain.pse.adyen.objects import WORDS
from domain.pse.adyen.proof import FEES, GROSS, MORE_FEES, NET, Batches
from domain.pse.adyen.zones import Zones
from domain.pse.kit import canonical
from domain.pse.kit.canonical import decimals
from domain.pse.kit.tables import UNCLEAR
from domain.pse.kit.tables import read as read_table
from domain.pse.kit.unclear import Unclear, counted
from domain.pse.reporting import SETTLED, ReadReport, ReportFile
from domain.pse.vocabulary import Period

STAGES: Final = {
    "chargeback": "CHARGEBACK",
    "secondchargeback": "SECOND_CHARGEBACK",
    "chargebackreversed": "CHARGEBACK_REVERSED",
}

_RETURNED: Final = "bankinstructionreturned"
_LAYOUT: Final = WORDS.layouts["settlement_details"]


def lines(file: ReportFile, period: Period) -> ReadReport:
    """The lines of a report. Raises BadReport for a cell that cannot be added up and for totals that do not add up."""
    batches = Batches(period.client_id, Zones(period))
    unclear = Unclear()
    rows = _read(read_table(file, _LAYOUT, batches.check, unclear, batches.plain()))
    completeness = batches.completeness(file)
    made = _lines(rows, batches.zones.moment(), period)
    return ReadReport(made, completeness, batches.contradicted(), [*unclear.told(), *counted(rows, pl.col("_unclear"))])


def _read(table: pl.LazyFrame) -> pl.LazyFrame:
    """The rows with their type and amounts, and `_unclear`: whether nobody knows what the row means.

    A row whose money goes the other way than its Type says proves nothing: it is kept as OTHER, with its sign, so that
    the refund it should prove is missed and a person looks.
    """
    known = table.with_columns(gross=_signed(GROSS), net=_signed(NET), **_mapped()).with_columns(
        _counted=pl.when(pl.col("gross") != 0).then("gross").otherwise("net"),
        currency=pl.when(pl.col("gross") != 0).then("Gross Currency").otherwise("Net Currency"),
    )
    exponent = pl.col("currency").replace_strict(EXPONENTS, default=0, return_dtype=pl.Int64)
    scale = pl.lit(10, dtype=pl.Int64).pow(exponent).cast(pl.Decimal(28, 0))
    # A currency that we do not refund in is no secret: the row is told by what was settled of it, and proves nothing.
    foreign = ~pl.col("currency").is_in(list(EXPONENTS))
    read = known.with_columns(_units=pl.col("_counted").abs() * scale, _foreign=foreign).with_columns(_why=_why())
    unclear = pl.col("_why").is_not_null() & (pl.col(UNCLEAR) == "")
    return read.with_columns(
        _unclear=unclear,
        type=pl.when(unclear | pl.col("_foreign")).then(pl.lit("OTHER")).otherwise("type"),
        kind=pl.concat_str(
            pl.when(pl.col("Type") != "").then(pl.col("Type").str.slice(0, 40)).otherwise(pl.lit("a row without Type")),
            pl.when("_foreign").then("currency"),
            pl.when(pl.col("_why") != "").then("_why"),
            separator=" ",
            ignore_nulls=True,
        ),
    )


def _why() -> pl.Expr:
    """Why the row cannot be what its Type says; null where it can. A Type that nobody knows says it by itself."""
    moves = pl.col("_sign") != 0
    both = pl.any_horizontal(
        pl.all_horizontal((decimals(column).fill_null(0) != 0) for column in sides) for sides in (GROSS, NET)
    )
    below = pl.any_horizontal(decimals(column).fill_null(0) < 0 for column in (*GROSS, *NET))
    parts = pl.col("_units") != pl.col("_units").floor()
    no_refund = (pl.col("type") == "REFUND") & (pl.col("Modification Reference") == "")
    return (
        pl.when(pl.col("type").is_null())
        .then(pl.lit(""))
        .when(both)
        .then(pl.lit("with both a debit and a credit"))
        .when(below)
        .then(pl.lit("with a negative amount"))
        .when(moves & (pl.col("gross") == 0))
        .then(pl.lit("without a gross amount"))
        .when(moves & ~pl.col("_foreign") & parts)
        .then(pl.lit("with parts of a minor unit"))
        .when(moves & (pl.col("Psp Reference") == ""))
        .then(pl.lit("without Psp Reference"))
        .when(no_refund)
        .then(pl.lit("without Modification Reference"))
        .when(moves & ((pl.col("_sign") > 0) != (pl.col("gross") > 0)))
        .then(pl.when(pl.col("gross") > 0).then(pl.lit("with a gross credit")).otherwise(pl.lit("with a gross debit")))
    )


def _lines(rows: pl.LazyFrame, moment: pl.Expr, period: Period) -> pl.LazyFrame:
    is_refund = pl.col("type") == "REFUND"
    values: canonical.Values = {
        "type": pl.col("type"),
        "state": pl.when(is_refund).then("state").otherwise(pl.lit("SUCCEEDED")),
        "reference": _reference(),
        "pse_refund_reference": pl.when(is_refund).then("Modification Reference"),
        "amount": pl.col("_units").floor(),
        "currency": pl.col("currency"),
        "settled_gross": pl.col("net") - pl.col("settled_fee"),
        "settled_fee": pl.col("settled_fee"),
        "settled_net": pl.col("net"),
        "payout_reference": pl.format("batch {}", "Batch Number"),
        "kind": pl.col("kind"),
        "booked_at": moment,
    }
    return canonical.columns(rows.with_columns(settled_fee=_fee()), period, values, _LAYOUT)


def _fee() -> pl.Expr:
    same = (pl.col("Gross Currency") == pl.col("Net Currency")) & (pl.col("gross") != 0)
    fees = pl.sum_horizontal(decimals(column).fill_null(0) for column in (*FEES, *MORE_FEES))
    whole = pl.when(pl.col("type") == "FEE").then("net").when(same).then(pl.col("net") - pl.col("gross"))
    return whole.otherwise(-fees).cast(SETTLED)


def _reference() -> pl.Expr:
    """A refund that the merchant made in Adyen's own pages may carry the order's reference, as others of it do.

    A stage of a dispute is named as its webhook names it. A payout that the bank gave back is none of its batch's own.
    """
    own, other = pl.col("Modification Merchant Reference"), pl.col("Modification Reference")
    disputed = pl.col("type").is_in(["CHARGEBACK", "CHARGEBACK_REVERSED"]) & (other != "")
    stage = pl.col("_told").replace_strict(STAGES, default="", return_dtype=pl.String)
    return (
        pl.when((pl.col("type") == "REFUND") & own.str.contains(canonical.OUR_REFERENCE))
        .then(own)
        .when(disputed)
        .then(pl.format("{}/{}", other, stage))
        .when(pl.col("_told") == _RETURNED)
        .then(pl.format("{} {}", pl.lit(_RETURNED), pl.when(other != "").then(other).otherwise(pl.col("Batch Number"))))
    )


def _mapped() -> dict[str, pl.Expr]:
    """What each row is by its Type; `type` is null where nobody knows it."""
    told = pl.col("Type").str.to_lowercase()
    signs = {name: kind.sign for name, kind in WORDS.kinds.items()}
    return {
        "_told": told,
        "type": canonical.type_of(told, WORDS.kinds),
        "state": canonical.state_of(told, WORDS.kinds),
        "_sign": told.replace_strict(signs, default=0, return_dtype=pl.Int64),
    }


def _signed(columns: tuple[str, str]) -> pl.Expr:
    debit, credit = (decimals(column).fill_null(0) for column in columns)
    return (credit - debit).cast(SETTLED)
