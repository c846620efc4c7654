"""A file whose amounts have other decimals than they seem to have: CLP 15990 read as 15990.00 is a hundred times that.

What all payments and refunds of a currency come to in the file is exactly 100 or 1,000 times what the books have of
the same, or a 100th or 1,000th: that is no coincidence. Such a file is not entered, because every entry would be wrong,
and a person is told.
"""

from dataclasses import dataclass
from typing import Final

import polars as pl

from domain.findings import findings
from domain.findings.findings import FindingKind, Found
from domain.models import Connection, ReconciliationRun
from domain.money import EXPONENTS, MINOR_UNITS_MAX, Money
from domain.pse.reporting import BadReport

_TIMES: Final = (100, 1_000)
ENTERED: Final = "The file was read again, and its amounts are of the size of the books'."


class Suspected(BadReport):
    """The amounts of a file are so many times those of the books that it cannot be entered."""


@dataclass(frozen=True, slots=True)
class Scale:
    """What a file says of things that the books know. `theirs` and `ours` in minor units."""

    currency: str
    times: int
    theirs: int
    ours: int

    @property
    def said(self) -> str:
        """How many times the books' its amounts are, as 100 or 1/100."""
        return f"{self.times:,}" if self.theirs > self.ours else f"1/{self.times:,}"


def sums(matched: pl.DataFrame) -> pl.DataFrame:
    """What payments and refunds that the books know come to, in the file and in the books, by currency.

    `matched`: as reconciliation/match; those of several parts may stand below each other.
    """
    told = matched.lazy().select("currency", "amount", _OURS).drop_nulls("_ours")
    summed = told.group_by("currency").agg(pl.col("amount", "_ours").cast(pl.Int128).sum())
    return summed.collect(engine="in-memory")


_KNOWN: Final = pl.col("payment_id").is_not_null() & (pl.col("state") == "SUCCEEDED")
_REFUND: Final = (pl.col("type") == "REFUND") & pl.col("refund_id").is_not_null() & ~pl.col("by_amount")
_OURS: Final = (
    pl.when(_KNOWN & (pl.col("type") == "CAPTURE"))
    .then("payment_captured")
    .when(_KNOWN & _REFUND)
    .then("refund_amount")
    .alias("_ours")
)


def suspected(summed: pl.DataFrame) -> Scale | None:
    """The first currency whose amounts are exactly so many times the books'. `summed`: as `sums`."""
    told: dict[str, tuple[int, int]] = {}
    for currency, amount, ours in summed.iter_rows():
        before = told.get(currency, (0, 0))
        told[currency] = (before[0] + amount, before[1] + ours)
    for currency, (theirs, had) in sorted(told.items()):
        for times in _TIMES:
            if had > 0 and theirs > 0 and max(theirs, had) == times * min(theirs, had):
                return Scale(currency, times, theirs, had)
    return None


async def check(connection: Connection, run: ReconciliationRun, name: str, summed: pl.DataFrame) -> None:
    """Raises Suspected, after a person was told, where the file of that name cannot be of this size. `summed`: `sums`
    of it.
    """
    fingerprint, found = f"exponent/{connection.id}/{name}", suspected(summed)
    if found is None:
        await findings.resolve(connection.merchant_id, fingerprint, ENTERED)
        return
    finding = _finding(connection, run, name, found, fingerprint)
    await findings.open_finding(finding)
    await findings.open_again([finding], ENTERED)
    said = f"its amounts in {found.currency} are {found.said} times the books': its decimals are read as others."
    raise Suspected(name, said)


def _finding(connection: Connection, run: ReconciliationRun, name: str, found: Scale, fingerprint: str) -> Found:
    theirs = Money(min(found.theirs, MINOR_UNITS_MAX), found.currency)
    ours = Money(found.ours, found.currency)
    sides = {"ours": {"amount": ours.decimal()}, "theirs": {"amount": theirs.decimal()}, "differs": ["amount"]}
    return Found(
        kind=FindingKind.EXPONENT_SUSPECTED,
        merchant_id=connection.merchant_id,
        connection_id=connection.id,
        run_id=run.id,
        fingerprint=fingerprint,
        amount=Money(min(abs(found.theirs - found.ours), MINOR_UNITS_MAX), found.currency),
        explanation=(
            f"Report {name} of {connection.name} has {theirs} of what the books have as {ours}, exactly "
            f"{found.said} times as much, with {EXPONENTS[found.currency]} decimals: nothing is entered."
        ),
        detail={"report": name, "times": found.said, "currency": found.currency, **sides},
    )
