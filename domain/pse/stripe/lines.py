"""Reading Stripe's itemized payout reconciliation.

Amounts are in major units, currencies in either case; times are UTC. A line is on the date of `created_utc` in the
period's zone, wherever its payout went.
"""

import re
from collections import defaultdict
from datetime import datetime
from decimal import Decimal
from typing import Final

import polars as pl

from domain.money import EXPONENTS
from domain.pse.kit import canonical, cells, exact, tables
from domain.pse.kit.canonical import filled
from domain.pse.kit.cells import BadCell, Row
from domain.pse.kit.tables import Layout
from domain.pse.kit.unclear import Unclear
from domain.pse.reporting import BadReport, Report, ReportFile
from domain.pse.vocabulary import Period

REPORT_TYPE: Final = "payout_reconciliation.itemized.5"
COLUMNS: Final = (
    "created_utc",
    "currency",
    "gross",
    "fee",
    "net",
    "reporting_category",
    "source_id",
    "customer_facing_amount",
    "customer_facing_currency",
    "automatic_payout_id",
    "charge_id",
    "payment_intent_id",
)
_LAYOUT: Final = Layout(
    needed=COLUMNS,
    separators=",",
    title=f"Stripe's report {REPORT_TYPE} with all of its columns",
    others={
        "Available On (UTC)": "the Dashboard's export of the balance history",
        "Created date (UTC)": "the Dashboard's export of payments",
        "count": "a summary of the balance",
        "net_amount": "a summary of the balance",
    },
)
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
_UNKNOWN_DECIMALS: Final = 8  # of a currency that we do not know: as many as a settled amount may have
# Categories that are published and move no money of a payment of ours.
_OF_NO_PAYMENT: Final = (
    "advance advance_funding anticipation_repayment charge_failure connect_collection_transfer "
    "connect_reserved_funds contribution issuing_authorization_hold issuing_authorization_release "
    "issuing_transaction other_adjustment partial_capture_reversal payout_reversal platform_earning "
    "platform_earning_refund risk_reserved_funds topup topup_reversal transfer transfer_reversal"
)
# reporting_category -> type and state of the line, and the sign that its gross must have (0: either).
_CATEGORIES: Final = {
    "charge": ("CAPTURE", "SUCCEEDED", 1),
    "refund": ("REFUND", "SUCCEEDED", -1),
    "refund_failure": ("REFUND", "RETURNED", 1),
    "dispute": ("CHARGEBACK", "SUCCEEDED", 0),
    "dispute_reversal": ("CHARGEBACK_REVERSED", "SUCCEEDED", 0),
    "fee": ("FEE", "SUCCEEDED", 0),
    "network_cost": ("FEE", "SUCCEEDED", 0),
    "tax": ("FEE", "SUCCEEDED", 0),
    "payout": ("PAYOUT", "SUCCEEDED", 0),
    **dict.fromkeys(_OF_NO_PAYMENT.split(), ("OTHER", "SUCCEEDED", 0)),
}
_REFUNDS: Final = ("refund", "refund_failure")
_DISPUTES: Final = ("dispute", "dispute_reversal")
Payout = tuple[str, str]  # its id ("": the row names none) and the currency


def lines(file: ReportFile, period: Period) -> Report:
    """The lines. Each payout whose own row is there must be explained by its rows' nets. Raises BadReport."""
    check = _Check()
    rows = tables.read(file, _LAYOUT, check)
    proof, against = check.payouts.proof(file)
    return Report(_lines(rows, period), proof, against, check.unclear.told())


class _Check:
    """Looks at each row, adds it to its payout, and counts what is unclear."""

    def __init__(self) -> None:
        self.payouts = _Payouts()
        self.unclear = Unclear()

    def __call__(self, line: int, row: Row) -> str | None:
        _check_moment(row)
        net = _check_settled(row)
        category, currency = row["reporting_category"], _currency(row, "currency")
        self.payouts.add((row["automatic_payout_id"], currency), category, net)
        words = _unclear(row)
        if words is not None:
            return self.unclear.add(line, words)
        facing = "customer_facing_amount" if row["customer_facing_amount"] else "gross"
        cells.minor_units_of(row, facing, _paid_in(row))
        return None


class _Payouts:
    """Adds up the nets of each payout in each currency, and of the rows that name none."""

    def __init__(self) -> None:
        self._nets: dict[Payout, Decimal] = defaultdict(Decimal)
        self._paid: dict[Payout, Decimal] = defaultdict(Decimal)

    def add(self, payout: Payout, category: str, net: Decimal) -> None:
        if category == "payout" and payout[0]:
            self._paid[payout] -= net
        else:
            self._nets[payout] += net

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


def _unclear(row: Row) -> str | None:
    """What nobody understands in the row, in its words. Raises BadCell."""
    category, currency = row["reporting_category"], _currency(row, "currency")
    paid_in = _paid_in(row)
    cells.decimal_of(row, "customer_facing_amount", _UNKNOWN_DECIMALS)
    if category not in _CATEGORIES:
        return category or "no reporting_category"
    for unknown in (paid_in, currency):
        if unknown not in EXPONENTS:
            return f"{category} in {unknown}"
    sign = _CATEGORIES[category][2]
    if (cells.decimal_of(row, "gross", _UNKNOWN_DECIMALS) or 0) * sign < 0:
        raise BadCell("gross", f"{row['gross']} has the wrong sign for a {category}.")
    return f"{category} without source_id" if category in _REFUNDS and not row["source_id"] else None


def _check_settled(row: Row) -> Decimal:
    """The net, which gross less fee must be. Raises BadCell."""
    places = EXPONENTS.get(_currency(row, "currency"), _UNKNOWN_DECIMALS)
    gross, fee, net = (_amount(row, column, places) for column in ("gross", "fee", "net"))
    if gross - fee != net:
        raise BadCell("net", f"gross {gross} less fee {fee} is {gross - fee}, and net is {net}.")
    return net


def _paid_in(row: Row) -> str:
    """The currency of the line's amount: what the customer paid, where Stripe tells it. Raises BadCell."""
    return _currency(row, "customer_facing_currency" if row["customer_facing_amount"] else "currency")


def _currency(row: Row, column: str) -> str:
    currency = row[column].upper()
    if not exact.is_code(currency):
        raise BadCell(column, f"{row[column][:10]!r} is not the code of a currency.")
    return currency


def _amount(row: Row, column: str, places: int) -> Decimal:
    found = cells.decimal_of(row, column, places)
    if found is None:
        raise BadCell(column, "the amount is missing.")
    return found


def _check_moment(row: Row) -> None:
    text = row["created_utc"]
    try:
        datetime.fromisoformat(text if _MOMENT.fullmatch(text) else "")
    except ValueError:
        raise BadCell("created_utc", f"{text[:40]!r} is not a time as in 2026-01-31 23:59:59.") from None


def _lines(rows: pl.LazyFrame, period: Period) -> pl.LazyFrame:
    category = pl.col("reporting_category")
    kinds = {name: row[0] for name, row in _CATEGORIES.items()}
    states = {name: row[1] for name, row in _CATEGORIES.items()}
    intent, charge = filled("payment_intent_id"), filled("charge_id")
    currency, facing = (pl.col(name).str.to_uppercase() for name in ("currency", "customer_facing_currency"))
    told = pl.col("customer_facing_amount") != ""
    paid, moved = canonical.units("customer_facing_amount", facing), canonical.units("gross", currency)
    values = {
        "type": category.replace_strict(kinds, default="OTHER"),
        "state": category.replace_strict(states, default="SUCCEEDED"),
        "payment_reference": pl.coalesce(intent, charge),
        "payment_alias": pl.when(intent.is_not_null()).then(charge),
        "reference": pl.when(category.is_in(_DISPUTES)).then(filled("source_id")),
        "pse_refund_reference": pl.when(category.is_in(_REFUNDS)).then(pl.col("source_id")),
        "amount": pl.when(told).then(paid).otherwise(moved),
        "currency": pl.when(told).then(facing).otherwise(currency),
        "settled_gross": canonical.decimals("gross"),
        "settled_fee": -canonical.decimals("fee"),
        "settled_net": canonical.decimals("net"),
        "settled_currency": currency,
        "payout_reference": filled("automatic_payout_id"),
        "kind": category,
        "booked_at": pl.col("created_utc").str.to_datetime("%Y-%m-%d %H:%M:%S").dt.replace_time_zone("UTC"),
    }
    return canonical.columns(rows, period.zone, values)
