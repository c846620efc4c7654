"""What a settlement details report says of itself: each batch added up in each currency, each row in itself.

A batch is closed by its payout, so all that it moved, the payout included, adds up to nothing in each currency: that is
the proof that no row is missing. A batch that is still open has no payout, and proves nothing.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

import polars as pl

from domain.pse.adyen.zones import Zones
from domain.pse.kit import exact, plain
from domain.pse.kit.cells import UNKNOWN_DECIMALS, BadCell, Row, check_paid_in, currency_of, decimal_of
from domain.pse.kit.plain import Plain
from domain.pse.kit.texts import refuse_cut
from domain.pse.reporting import BadReport, ReportFile

GROSS: Final = ("Gross Debit (GC)", "Gross Credit (GC)")
NET: Final = ("Net Debit (NC)", "Net Credit (NC)")
FEES: Final = ("Commission (NC)", "Markup (NC)", "Scheme Fees (NC)", "Interchange (NC)")
MORE_FEES: Final = ("Payment Fees (NC)", "DCC Markup (NC)")
_PAYOUT: Final = "merchantpayout"
_CENT: Final = Decimal("0.01")  # fees may have more decimals than a net: within it, rounding explains a difference
_BATCH: Final = re.compile("[0-9]{1,19}")


@dataclass(slots=True)
class _Totals:
    """What a batch moved in one currency, in major units."""

    credit: Decimal = Decimal(0)
    debit: Decimal = Decimal(0)
    paid_out: bool = False


@dataclass(slots=True)
class Batches:
    """Looks at each row of an account's file, and adds up each batch in each currency."""

    account: str
    zones: Zones
    totals: dict[tuple[str, str], _Totals] = field(default_factory=dict)
    odd: int = 0  # rows whose net is not their gross less their fees
    first_odd: str = ""

    def check(self, line: int, row: Row) -> None:
        """Raises BadCell for what cannot be added up, dated or trusted to be of this account."""
        if row["Merchant Account"] != self.account:
            said = f"the row is of account {row['Merchant Account'][:40]!r}; the connection's is {self.account!r}."
            raise BadCell("Merchant Account", said)
        if not _BATCH.fullmatch(row["Batch Number"]):
            raise BadCell("Batch Number", f"{row['Batch Number'][:40]!r} is not a number.")
        totals = self.totals.setdefault((row["Batch Number"], currency_of(row, "Net Currency")), _Totals())
        gross, net = _sides(row, GROSS), _sides(row, NET)
        totals.debit += net[0]
        totals.credit += net[1]
        totals.paid_out = totals.paid_out or row["Type"].lower() == _PAYOUT
        if any(gross):
            check_paid_in(row, "Gross Currency")
        self.zones.check(row)
        self._compare(line, row, gross[1] - gross[0], net[1] - net[0])

    def plain(self) -> Plain:
        """The same of many rows at once."""
        return Plain(self._is_plain(), self._add_all)

    def _is_plain(self) -> pl.Expr:
        """Whether `check` would say nothing of a row, and count nothing odd."""
        gross, net = _moved(GROSS), _moved(NET)
        fees = pl.sum_horizontal(plain.decimal(name) for name in (*FEES, *MORE_FEES))
        same = (gross != 0) & (pl.col("Gross Currency") == pl.col("Net Currency"))
        no_gross = pl.all_horizontal(plain.decimal(name) == 0 for name in GROSS)
        return (
            (pl.col("Merchant Account") == pl.lit(self.account))
            & pl.col("Batch Number").str.contains(f"^{_BATCH.pattern}$")
            & pl.all_horizontal(plain.is_decimal(name, UNKNOWN_DECIMALS) for name in (*GROSS, *NET, *FEES, *MORE_FEES))
            & plain.is_code("Net Currency")
            & (no_gross | plain.is_code("Gross Currency"))
            & (~same | ((gross - fees - net).abs() <= _CENT))
            & plain.is_time(pl.col("Creation Date"))
            & pl.col("TimeZone").map_batches(self.zones.are_known, return_dtype=pl.Boolean)
        )

    def _add_all(self, rows: pl.DataFrame) -> None:
        sums = rows.group_by("Batch Number", "Net Currency").agg(
            *(plain.decimal(name).sum().alias(side) for name, side in zip(NET, ("debit", "credit"), strict=True)),
            paid=(pl.col("Type").str.to_lowercase() == _PAYOUT).any(),
        )
        for batch, currency, debit, credit, paid in sums.iter_rows():
            totals = self.totals.setdefault((batch, currency), _Totals())
            totals.debit += debit
            totals.credit += credit
            totals.paid_out = totals.paid_out or paid

    def _compare(self, line: int, row: Row, gross: Decimal, net: Decimal) -> None:
        fees = sum((_fee(row, name) for name in (*FEES, *MORE_FEES)), Decimal(0))
        if gross == 0 or row["Gross Currency"] != row["Net Currency"] or abs(gross - fees - net) <= _CENT:
            return
        self.odd += 1
        if self.odd == 1:
            currency = row["Net Currency"]
            self.first_odd = f"line {line} has a net of {currency} {net}, its gross less its fees is {gross - fees}"

    def contradicted(self) -> str | None:
        """A correction of Adyen's may make a net of its own: it is what was paid, and a person should know."""
        if not self.odd:
            return None
        if self.odd == 1:
            return f"The net of 1 row is not its gross less its fees: {self.first_odd}. The net is taken."
        return f"The net of {self.odd} rows is not their gross less their fees: {self.first_odd}. The net is taken."

    def completeness(self, file: ReportFile) -> str | None:
        """The sentence that names the control totals; None where a batch has no payout yet. Raises BadReport."""
        for (batch, currency), totals in sorted(self.totals.items(), key=lambda one: one[0]):
            if totals.paid_out and totals.credit != totals.debit:
                credit, debit = exact.written(totals.credit), exact.written(totals.debit)
                said = f"batch {batch} has {currency} {credit} of net credit and {debit} of net debit"
                raise BadReport(file.name, f"{said}, which must be equal: rows are missing or changed; fetch it again.")
        if self.totals and all(totals.paid_out for totals in self.totals.values()):
            return "Net credit equals net debit in each currency of the closed batch, MerchantPayout included."
        refuse_cut(file, None)
        return None


def _sides(row: Row, columns: Sequence[str]) -> tuple[Decimal, Decimal]:
    """Debit and credit. Raises BadCell."""
    debit, credit = (decimal_of(row, column, UNKNOWN_DECIMALS) or Decimal(0) for column in columns)
    return debit, credit


def _moved(columns: tuple[str, str]) -> pl.Expr:
    debit, credit = (plain.decimal(column) for column in columns)
    return credit - debit


def _fee(row: Row, column: str) -> Decimal:
    return decimal_of(row, column, UNKNOWN_DECIMALS) or Decimal(0)
