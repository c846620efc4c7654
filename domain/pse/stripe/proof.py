"""What a payout reconciliation says of itself: each payout whose own row is there is explained by its rows' nets.

A payout without a row of its own is told by the rows that name it: they are what it paid.
"""

from collections import defaultdict
from datetime import date
from decimal import Decimal

import polars as pl

from domain.pse.kit import moments, plain
from domain.pse.reporting import BadReport, PaidOut, ReportFile

PayoutKey = tuple[str, str]  # its id ("": the row names none) and the currency


class Payouts:
    """Adds up the nets of each payout in each currency, and of the rows that name none."""

    def __init__(self) -> None:
        self._nets: dict[PayoutKey, Decimal] = defaultdict(Decimal)
        self._paid: dict[PayoutKey, Decimal] = defaultdict(Decimal)
        self._dates: dict[PayoutKey, date] = {}

    def add(self, payout: PayoutKey, category: str, net: Decimal) -> None:
        """A row of a payout: `net` in units of the currency; `payout` says what was paid, the sign turned."""
        if category == "payout" and payout[0]:
            self._paid[payout] -= net
        else:
            self._nets[payout] += net

    def effective(self, payout: PayoutKey, said: str) -> None:
        """When it is at the bank, where the row says that. What is no date says nothing."""
        if payout not in self._dates and (day := moments.day(said)) is not None:
            self._dates[payout] = day

    def beside(self) -> list[PaidOut]:
        """The payouts that no row of their own tells."""
        told = ((payout, net) for payout, net in self._nets.items() if payout[0] and payout not in self._paid)
        return [
            PaidOut(name, currency, net, net, expected_at=self._dates.get((name, currency)))
            for (name, currency), net in told
        ]

    def add_all(self, rows: pl.DataFrame) -> None:
        """As `add`, plain rows at once."""
        currency, name = pl.col("currency"), pl.col("automatic_payout_id")
        paid = (pl.col("reporting_category") == "payout") & (name != "")
        nets = rows.lazy().select(name, currency, paid=paid, net=plain.sure_units("net"))
        each = nets.group_by(pl.exclude("net")).agg(pl.col("net").cast(pl.Int128).sum())
        of = each.select(name, currency.str.to_uppercase(), "paid", "net", decimals=plain.exponent(currency))
        sums = of.select(name, "currency", "decimals", "paid", "net").sort(pl.all()).collect(engine="in-memory")
        for payout, code, places, is_paid, net in sums.iter_rows():
            self.add((payout, code), "", Decimal(0))
            self.add((payout, code), "payout" if is_paid else "", Decimal(net).scaleb(-places))

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

    def _contradiction(self, file: ReportFile, gaps: dict[PayoutKey, Decimal], nameless: dict[str, Decimal]) -> str:
        """A row without a payout, a fee for instance, may be a part of one; without such rows some are missing."""
        said = []
        for (name, currency), gap in gaps.items():
            nets = self._nets[name, currency]
            said.append(f"the rows of payout {name} add up to {nets} {currency}, and it paid {nets + gap}")
            if currency not in nameless:
                raise BadReport(file.name, f"{said[-1]}.", column="net")
        return f"{'; '.join(said)}; rows that name no payout do not explain it."
