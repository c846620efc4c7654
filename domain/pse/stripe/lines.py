"""Reading Stripe's itemized payout reconciliation.

Amounts are in major units, currencies in either case; times are UTC. A line is on the date of `created_utc` in the
period's zone, wherever its payout went.
"""

from decimal import Decimal
from typing import Final

import polars as pl

from domain.money import EXPONENTS
from domain.pse.kit import canonical, cells, plain, tables, texts
from domain.pse.kit.canonical import filled
from domain.pse.kit.cells import UNKNOWN_DECIMALS, BadRow, Row
from domain.pse.kit.plain import Plain
from domain.pse.kit.unclear import Unclear
from domain.pse.reporting import ReadReport, ReportFile
from domain.pse.stripe.objects import WORDS
from domain.pse.stripe.proof import Payouts
from domain.pse.vocabulary import Period

LAYOUT: Final = WORDS.layouts["payout_reconciliation"]
_REFUNDS: Final = ("refund", "refund_failure")
_PAID: Final = "paid"  # what the customer paid, where it is told
_TAX: Final = "tax"  # on fees, on rows of its own
_DISPUTES: Final = ("dispute", "dispute_reversal")
# Between Stripe and the bank, though its row stands among those of a payout that was made later.
_AT_THE_BANK: Final = ("payout_reversal", "topup", "topup_reversal")


def lines(file: ReportFile, period: Period) -> ReadReport:
    """The lines. Each payout whose own row is there must be explained by its rows' nets. Raises BadReport."""
    payouts, unclear = Payouts(), Unclear()

    def check(_: int, row: Row) -> str | None:
        payout = (row["automatic_payout_id"], _currency(row, "currency"))
        payouts.add(payout, "", Decimal(0))  # it is named, whatever the row's net is
        net = _amount(row, "net")
        payouts.add(payout, row["reporting_category"], net)
        payouts.effective(payout, row["automatic_payout_effective_at_utc"])
        cells.check_time(row, "created_utc")
        cells.check_net(_amount(row, "gross"), _amount(row, "fee"), net)
        return _unclear(row)

    rows = tables.read(file, LAYOUT, check, unclear, Plain(_is_plain(), payouts.add_all))
    proof, against = payouts.proof(file)
    texts.refuse_cut(file, proof)
    return ReadReport(_lines(rows, period), proof, against, unclear.told(), payouts=payouts.beside())


def _is_plain() -> pl.Expr:
    """Whether the check above would say nothing of a row."""
    decimals, category = plain.exponent(pl.col("currency")), pl.col("reporting_category")
    gross, fee, net = (plain.minor_units(name, decimals) for name in ("gross", "fee", "net"))
    facing, same = pl.col("customer_facing_amount"), pl.col("customer_facing_currency") == pl.col("currency")
    signs = {name: kind.sign for name, kind in WORDS.kinds.items()}
    return (
        (gross - fee == net)
        & (gross * category.replace_strict(signs, default=None, return_dtype=pl.Int64) >= 0)
        & ((facing == "") | (same & plain.is_minor_units("customer_facing_amount", decimals)))
        & (~category.is_in(_REFUNDS) | (pl.col("source_id") != ""))
        & plain.is_time(pl.col("created_utc"))
    )


def _unclear(row: Row) -> str | None:
    """What nobody understands in the row, in its words. Raises BadCell."""
    category, currency = row["reporting_category"], _currency(row, "currency")
    paid_in = _paid_in(row)
    cells.decimal_of(row, "customer_facing_amount", UNKNOWN_DECIMALS)
    if unknown := WORDS.unclear(row, "reporting_category", paid_in, currency):
        return unknown
    if (cells.decimal_of(row, "gross", UNKNOWN_DECIMALS) or 0) * WORDS.kinds[category].sign < 0:
        raise BadRow("gross", f"{row['gross']} has the wrong sign for a {category}.", "of the wrong sign")
    if category in _REFUNDS and not row["source_id"]:
        return f"{category} without source_id"
    cells.minor_units_of(row, "customer_facing_amount" if row["customer_facing_amount"] else "gross", paid_in)
    return None


def _paid_in(row: Row) -> str:
    """The currency of the line's amount: what the customer paid, where Stripe tells it. Raises BadRow."""
    if not row["customer_facing_amount"]:
        return _currency(row, "currency")
    facing = row["customer_facing_currency"].upper()
    cells.check_paid_in({"customer_facing_currency": facing}, "customer_facing_currency")
    return facing


def _currency(row: Row, column: str) -> str:
    return cells.currency_of({column: row[column].upper()}, column)


def _amount(row: Row, column: str) -> Decimal:
    places = EXPONENTS.get(_currency(row, "currency"), UNKNOWN_DECIMALS)
    found = cells.decimal_of(row, column, places)
    if found is None:
        raise BadRow(column, "the amount is missing.")
    return found


def _lines(rows: pl.LazyFrame, period: Period) -> pl.LazyFrame:
    category = pl.col("reporting_category")
    intent, charge = filled("payment_intent_id"), filled("charge_id")
    currency, facing = (pl.col(name).str.to_uppercase() for name in ("currency", "customer_facing_currency"))
    told = pl.col("customer_facing_amount") != ""
    paid_in = pl.when(told).then(facing).otherwise(currency)
    paid = rows.with_columns(pl.when(told).then("customer_facing_amount").otherwise("gross").alias(_PAID))
    values = {
        "type": canonical.type_of(category, WORDS.kinds),
        "state": canonical.state_of(category, WORDS.kinds),
        "payment_reference": pl.coalesce(intent, charge),
        "payment_alias": pl.when(intent.is_not_null()).then(charge),
        "reference": pl.when(category.is_in(_DISPUTES))
        .then(filled("source_id"))
        .when(category.is_in(_AT_THE_BANK))
        .then(pl.format("{} {}", category, pl.coalesce(filled("source_id"), pl.col("created_utc")))),
        "pse_refund_reference": pl.when(category.is_in(_REFUNDS)).then(pl.col("source_id")),
        "amount": canonical.units(_PAID, paid_in),
        "currency": paid_in,
        "settled_fee": -canonical.decimals("fee"),
        "settled_tax": pl.when(category == _TAX).then(canonical.decimals("gross")),
        "settled_currency": currency,
        "booked_at": canonical.local_time(pl.col("created_utc")).dt.replace_time_zone("UTC"),
    }
    return canonical.columns(paid, period, values, LAYOUT)
