"""Mercado Pago's release report: all that touched the available balance, between its opening and its closing.

It is one account's, so it is in one currency. A line's business date is that of DATE, when it touched the balance.
"""

import csv
from collections import Counter
from typing import Final

import polars as pl

from domain.money import EXPONENTS
from domain.pse.kit import tables, texts
from domain.pse.kit.canonical import decimals
from domain.pse.kit.unclear import Unclear, counted
from domain.pse.mercadopago.account import currency_of, is_detailed
from domain.pse.mercadopago.canonical import canonical, is_nameless, moment, own_reference, words
from domain.pse.mercadopago.cells import headings, plain_amounts, units
from domain.pse.mercadopago.objects import WORDS
from domain.pse.mercadopago.proof import AMOUNTS, MOVEMENT, Control
from domain.pse.reporting import SETTLED, BadReport, ReadReport, ReportFile
from domain.pse.vocabulary import Period

_LAYOUT: Final = WORDS.layouts["release"]
_NAMED: Final = ("payment", "refund", "chargeback")
_PAYOUTS: Final = ("payout", "payouts_cash", "withdrawal")
_HELD: Final = ("dispute", "mediation")  # money that is held and given back
_OWN: Final = "asset_management"  # what the account's money earns
_FEES: Final = "^(?:tax|fee|shipping)(?:_|$)"  # tax_withholding is one, a taxi_ride is none
_TAXES: Final = "^tax(?:_|$)"
_ROWS_LOOKED_AT: Final = 10_000


def lines(file: ReportFile, period: Period) -> ReadReport:
    """Raises BadReport."""
    currency = _currency(file, period)
    control = Control(file.name, currency)
    unclear = Unclear()
    rows = tables.read(file, _LAYOUT, control.check, unclear, control.plain())
    completeness = control.completeness()
    texts.refuse_cut(file, completeness)
    read = _read(rows, control, currency, own_reference(detailed=is_detailed(file)))
    made = canonical(read, period)
    words = [*unclear.told(), *counted(read, pl.col("_unclear"))]
    return ReadReport(made, completeness, control.contradicted, words, control.balances())


def _currency(file: ReportFile, period: Period) -> str:
    """The account's, if the file has it too; else that of most rows of the file. Raises BadReport.

    The cell is empty on the opening row and on the total, and the column is not there in every layout. Rows of another
    currency may come first.
    """
    told, seen = currency_of(file, period), _seen(file)
    if seen and told not in seen:
        ((told, _),) = seen.most_common(1)
    if told is None:
        said = "no row says its currency, nor does the account: register a payment, or add the column CURRENCY."
        raise BadReport(file.name, said, line=1, column="CURRENCY")
    return told


def _seen(file: ReportFile) -> Counter[str]:
    """The currencies of the rows that the file begins with, and how often each is there."""
    separator, found = headings(file)
    if "CURRENCY" not in found:
        return Counter()
    with file.path.open(encoding="utf-8-sig", errors="replace", newline="") as text:
        place, rows = found.index("CURRENCY"), csv.reader(text, delimiter=separator)
        next(rows)
        cells = (row[place] for row, _ in zip(rows, range(_ROWS_LOOKED_AT), strict=False) if len(row) > place)
        return Counter(cell for cell in cells if cell in EXPONENTS)


def _read(rows: pl.LazyFrame, control: Control, currency: str, own: pl.Expr) -> pl.LazyFrame:
    """The movements with what the canonical columns need, and `_unclear`: whether nobody knows what the row means."""
    moved = rows.filter(~pl.col("line").is_in(control.lines)).with_columns(
        _currency=pl.lit(currency), _foreign=~pl.col("CURRENCY").is_in(["", currency])
    )
    amounts = moved.with_columns(plain_amounts(dict.fromkeys((*AMOUNTS, "TAXES_AMOUNT"), "_currency")))
    credit, debit, gross = (units(name, "_currency").fill_null(0) for name in AMOUNTS)
    net = decimals("NET_CREDIT_AMOUNT").fill_null(0) - decimals("NET_DEBIT_AMOUNT").fill_null(0)
    known = amounts.with_columns(_net=net.cast(SETTLED), _units=credit - debit, _gross=gross).with_columns(
        _missing=_missing(), settled_gross=pl.coalesce(decimals("GROSS_AMOUNT"), pl.col("_net"))
    )
    typed = known.with_columns(_unclear=_unclear() & (pl.col(tables.UNCLEAR) == "")).with_columns(
        type=pl.when("_unclear").then(pl.lit("OTHER")).otherwise(_type(list(control.purchases)))
    )
    return typed.with_columns(**_columns(own, control))


def _columns(own: pl.Expr, control: Control) -> dict[str, pl.Expr]:
    kind = pl.col("type")
    net = pl.col("_net")
    # A row of taxes is withheld as a whole; of a sale it is a part, which the fee is told without.
    of_tax = (kind == "FEE") & pl.col("DESCRIPTION").str.contains(_TAXES)
    withheld = pl.when(of_tax).then(net).otherwise(decimals("TAXES_AMOUNT").fill_null(0))
    gross = pl.when(of_tax).then(pl.lit(0, SETTLED)).otherwise(pl.col("settled_gross"))
    # Only the total tells whether rows of a RECORD_TYPE that nobody knows have touched the balance.
    counts = pl.lit(True) if control.counts_unclear else pl.col("RECORD_TYPE").is_in(["", MOVEMENT])
    of_gross = kind.is_in(["CAPTURE", "REFUND", "PAYOUT"]) & (pl.col("_gross") != 0)
    amount = pl.when(of_gross).then(pl.col("_gross")).otherwise(pl.col("_units")).abs()
    return {
        "amount": pl.when("_foreign").then(0).otherwise(amount),
        "currency": pl.col("_currency"),
        "settled_gross": gross,
        "settled_fee": net - gross - withheld,
        "settled_withheld": withheld.cast(SETTLED),
        "settled_net": pl.when(counts).then(net),
        "settled_currency": pl.when("_foreign").then("CURRENCY").otherwise("_currency"),
        "kind": _words(),
        "booked_at": moment("DATE"),
        "own_reference": own,
    }


def _missing() -> pl.Expr:
    """The column without which the row cannot be what its DESCRIPTION says; null where none is missing."""
    said = pl.col("DESCRIPTION")
    return (
        pl.when(pl.col("DATE") == "")
        .then(pl.lit("DATE"))
        .when(said.is_in(_NAMED) & is_nameless())
        .then(pl.lit("SOURCE_ID"))
        .when(said.is_in(["payment", "refund"]) & (pl.col("_gross") == 0))
        .then(pl.lit("GROSS_AMOUNT"))
    )


def _unclear() -> pl.Expr:
    said = pl.col("DESCRIPTION")
    understood = (
        said.is_in([*_NAMED, *_PAYOUTS, *_HELD, _OWN]) | said.str.starts_with("reserve_for_") | said.str.contains(_FEES)
    )
    documented = pl.col("RECORD_TYPE").is_in(["", MOVEMENT])
    return pl.col("_foreign") | pl.col("_missing").is_not_null() | ~documented | ~understood


def _words() -> pl.Expr:
    """What the row calls itself, and why it is not that."""
    named = pl.col("RECORD_TYPE").is_in(["", MOVEMENT])
    parts = (
        pl.when(~named).then(pl.col("RECORD_TYPE").str.slice(0, 40)),
        pl.when(pl.col("DESCRIPTION") != "").then(pl.col("DESCRIPTION").str.slice(0, 60)),
        pl.when("_foreign").then(pl.col("CURRENCY")),
        pl.when(pl.col("_missing").is_not_null()).then(pl.format("without {}", "_missing")),
    )
    return words(*parts)


def _type(purchases: list[str]) -> pl.Expr:
    """Disputes, mediations and reserves hold money; the account's own purchases are of no payment.

    A `payment` that takes money is a purchase that the account made. A `refund` that gives money is either a refund of
    such a purchase, or one of ours that came back: where the purchase is not in the file, only the books can tell, by
    the payment. One that they do not know moves nothing there.
    """
    said, credit = pl.col("DESCRIPTION"), pl.col("_units") > 0
    bought = (said == "payment") & (pl.col("_gross") < 0)
    given_back = (said == "refund") & credit & pl.col("SOURCE_ID").is_in(purchases)
    return (
        pl.when(bought | given_back | (said == _OWN))
        .then(pl.lit("ADJUSTMENT"))
        .when(said.is_in(_HELD) | said.str.starts_with("reserve_for_"))
        .then(pl.lit("RESERVE"))
        .when(said == "payment")
        .then(pl.lit("CAPTURE"))
        .when(said == "refund")
        .then(pl.lit("REFUND"))
        .when((said == "chargeback") & credit)
        .then(pl.lit("CHARGEBACK_REVERSED"))
        .when(said == "chargeback")
        .then(pl.lit("CHARGEBACK"))
        .when(said.is_in(_PAYOUTS))
        .then(pl.lit("PAYOUT"))
        .when(said.str.contains(_FEES))
        .then(pl.lit("FEE"))
        .otherwise(pl.lit("OTHER"))
    )
