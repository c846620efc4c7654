"""What a payout reconciliation says of itself: each payout whose own row is there is explained by its rows' nets.

A payout without a row of its own is told by the rows that name it: they are what it paid.
"""

import re
from collections import defaultdict
from contextlib import suppress
from datetime import date
from decimal import Decimal
from typing import Final

import polars as pl

from domain.pse.kit import plain
from domain.pse.reporting import BadReport, PaidOut, ReportFile

_DAY: Final = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
Payout = tuple[str, str]  # its id ("": the row names none) and the currency


class Payouts:
    """Adds up the nets of each payout in each currency, and of the rows that name none."""

    def __init__(self) -> None:
        self._nets: dict[Payout, Decimal] = defaultdict(Decimal)
        self._paid: dict[Payout, Decimal] = defaultdict(Decimal)
        self._dates: dict[Payout, date] = {}

    def add(self, payout: Payout, category: str, net: Decimal) -> None:
        if category == "payout" and payout[0]:
            self._paid[payout] -= net
        else:
            self._nets[payout] += net

    def effective(self, payout: Payout, said: str) -> None:
        """When it is at the bank, where the row says that. What is no date says nothing."""
        if payout not in self._dates and _DAY.fullmatch(said[:10]):
            with suppress(ValueError):
                self._dates[payout] = date.fromisoformat(said[:10])

    def beside(self) -> list[PaidOut]:
        """The payouts that no row of their own tells."""
        told = ((payout, net) for payout, net in self._nets.items() if payout[0] and payout not in self._paid)
        return [
            PaidOut(name, currency, net, net, expected_at=self._dates.get((name, currency)))
            for (name, currency), net in told
        ]

    def add_all(self, rows: pl.DataFrame) -> None:
        """As `add`, plain rows at once."""
        currency, name = pl.col("currency").str.to_uppercase(), pl.col("automatic_payout_id")
        decimals = plain.exponent(pl.col("currency"))
        sums = rows.group_by(
            name, currency, decimals.alias("decimals"), paid=(pl.col("reporting_category") == "payout") & (name != "")
        ).agg(plain.minor_units("net", decimals).cast(pl.Int128).sum())
        for payout, code, places, paid, net in sums.sort(pl.all()).iter_rows():
            self.add((payout, code), "", Decimal(0))
            self.add((payout, code), "payout" if paid else "", Decimal(net).scaleb(-places))

    def proof(self, file: ReportFile) -> tuple[str | None, str | None]:
        """What proves that no row is missing, and what contradicts it. Raises BadReport."""
        gaps = {payout: paid - self._nets[payout] for payout, paid in self._paid.items()}
        gaps = {payout: gap for payout, gap in gaps.items() if gap}
        nameless = {currency: net for (name, currency), net in self._nets.items() if not name}
        within = all(gap == nameless.get(currency) for (_, currency), gap in gaps.items())
        if gaps and not (within and len({currency for _, currency in gaps}) == len(gaps)):
            return None, self._contradiction(file, gaps, nameless)
        if not self._paid or self._paid.keys() != {payout for payout in self._nets if payout[0]}:
            return None, None
        added = ", with the rows that name no payout," if gaps else ""
        return f"The nets of each payout{added} add up to what it paid.", None

    def _contradiction(self, file: ReportFile, gaps: dict[Payout, Decimal], nameless: dict[str, Decimal]) -> str:
        """A row without a payout, a fee for instance, may be a part of one; without such rows some are missing."""
        said = []
        for (name, currency), gap in gaps.items():
            nets = self._nets[name, currency]
            said.append(f"the rows of payout {name} add up to {nets} {currency}, and it paid {nets + gap}")
            if currency not in nameless:
                raise BadReport(file.name, f"{said[-1]}.", column="net")
        return f"{'; '.join(said)}; rows that name no payout do not explain it."
