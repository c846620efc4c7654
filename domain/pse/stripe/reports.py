"""Stripe's payout reconciliation report, itemized: ordered, waited for, downloaded, read.

Amounts are in major units with lower-case currencies; times are UTC. A line is on the date of `created_utc` in the
period's zone, wherever its payout went.
"""

import re
from collections import defaultdict
from collections.abc import Generator
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import httpx
import polars as pl

from domain.money import EXPONENTS
from domain.pse.kit import exact, tables
from domain.pse.kit.tables import BadCell, Layout, Row
from domain.pse.reporting import REPORT_SCHEMA, SETTLED, BadReport, Download, Report, ReportFile
from domain.pse.stripe import objects
from domain.pse.vocabulary import BadAnswer, Period, Wait

REPORT_TYPE: Final = "payout_reconciliation.itemized.5"
_NEEDED: Final = (
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
_LAYOUT: Final = Layout(needed=_NEEDED, separators=",")
_FILES_HOST: Final = "files.stripe.com"
_WAITS: Final = (1.0, 2.0, 4.0, 8.0, 15.0, *[30.0] * 60)  # seconds; half an hour in all
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
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
}
_OTHER: Final = ("OTHER", "SUCCEEDED", 0)


def run(period: Period) -> Generator[httpx.Request | Wait, httpx.Response, Download]:
    """Order the report of the payouts effective in the period and wait until it is made. Raises BadAnswer."""
    made = _read_run((yield _order(period)))
    for seconds in _WAITS:
        if made["status"] == "succeeded":
            return _download(period, made)
        if made["status"] != "pending":
            raise BadAnswer(f"Stripe could not make report run {made['id']}: {made.get('error')}")
        yield Wait(seconds)
        url = f"{period.base_url}/reporting/report_runs/{made['id']}"
        made = _read_run((yield httpx.Request("GET", url, headers=objects.HEADERS)))
    raise BadAnswer(f"Stripe is still making report run {made['id']} after {sum(_WAITS):.0f} seconds.")


def _order(period: Period) -> httpx.Request:
    form = {
        "report_type": REPORT_TYPE,
        "parameters[interval_start]": str(int(period.start.timestamp())),
        "parameters[interval_end]": str(int(period.end.timestamp())),
        "parameters[timezone]": "Etc/UTC",
        "parameters[columns][]": ["balance_transaction_id", "available_on_utc", *_NEEDED],
    }
    url = f"{period.base_url}/reporting/report_runs"
    return httpx.Request("POST", url, data=form, headers=objects.HEADERS)


def _read_run(response: httpx.Response) -> dict[str, Any]:
    answer = exact.document(response.content)
    if response.status_code != 200 or not isinstance(answer, dict):
        said = answer.get("error") if isinstance(answer, dict) else None
        message = said.get("message") if isinstance(said, dict) else None
        raise BadAnswer(f"Stripe answered the report run with {response.status_code}: {message or 'no reason'}")
    if not re.fullmatch(r"\w{1,100}", str(answer.get("id"))) or not isinstance(answer.get("status"), str):
        raise BadAnswer("Stripe answered with a report run that has no id or no status.")
    return answer


def _download(period: Period, made: dict[str, Any]) -> Download:
    result = made.get("result")
    url = result.get("url") if isinstance(result, dict) else None
    if not isinstance(url, str) or not _is_stripes(url, period.base_url):
        # The key goes with the request, so it must not go anywhere else.
        raise BadAnswer(f"Report run {made['id']} is to be fetched from a host that is not Stripe's.")
    name = f"stripe-payout-reconciliation-{period.business_date}.csv"
    return Download(name, "text/csv", httpx.Request("GET", url, headers=objects.HEADERS | {"Accept": "*/*"}))


def _is_stripes(url: str, base_url: str) -> bool:
    try:
        found, base = httpx.URL(url), httpx.URL(base_url)
    except httpx.InvalidURL:
        return False
    same = (found.scheme, found.host, found.port) == (base.scheme, base.host, base.port)
    return same or (found.scheme, found.host, found.port) == ("https", _FILES_HOST, None)


def read(file: ReportFile, period: Period) -> Report:
    """The lines. Each payout whose own row is there must equal the sum of its rows' nets. Raises BadReport."""
    totals = _Totals()
    rows = tables.read(file, _LAYOUT, totals.take)
    return Report(_lines(rows, period), totals.proof(file))


class _Totals:
    """Checks each row, and adds up the nets of each payout and currency."""

    def __init__(self) -> None:
        self._nets: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        self._payouts: dict[tuple[str, str], Decimal] = {}

    def take(self, line: int, row: Row) -> None:
        currency = _currency(row, "currency")
        gross, fee, net = (_amount(row, column, EXPONENTS[currency]) for column in ("gross", "fee", "net"))
        if gross - fee != net:
            raise BadCell("net", f"gross {gross} less fee {fee} is {gross - fee}, and net is {net}.")
        sign = _CATEGORIES.get(row["reporting_category"], _OTHER)[2]
        if gross * sign < 0:
            raise BadCell("gross", f"{gross} has the wrong sign for a {row['reporting_category']}.")
        if row["reporting_category"].startswith("refund") and not row["source_id"]:
            raise BadCell("source_id", "the row of a refund does not name it.")
        if row["customer_facing_amount"]:
            facing = _currency(row, "customer_facing_currency")
            tables.minor_units_of(row, "customer_facing_amount", facing)
        else:
            tables.minor_units_of(row, "gross", currency)
        _moment(row, "created_utc")
        self._add((row["automatic_payout_id"], currency), row["reporting_category"], net)

    def _add(self, payout: tuple[str, str], category: str, net: Decimal) -> None:
        if not payout[0]:
            return
        if category == "payout":
            self._payouts[payout] = self._payouts.get(payout, Decimal(0)) - net
        else:
            self._nets[payout] += net

    def proof(self, file: ReportFile) -> str | None:
        for payout, paid in self._payouts.items():
            if self._nets[payout] != paid:
                name, currency = payout
                said = f"the rows of payout {name} add up to {self._nets[payout]} {currency}, and it paid {paid}."
                raise BadReport(file.name, said, column="net")
        whole = self._payouts and self._payouts.keys() == self._nets.keys()
        return "The nets of each payout add up to what it paid." if whole else None


def _currency(row: Row, column: str) -> str:
    currency = row[column].upper()
    if currency not in EXPONENTS or row[column] != row[column].lower():
        raise BadCell(column, f"{row[column][:10]!r} is not a lower-case currency that we settle in.")
    return currency


def _amount(row: Row, column: str, exponent: int) -> Decimal:
    found = tables.decimal_of(row, column, exponent)
    if found is None:
        raise BadCell(column, "the amount is missing.")
    return found


def _moment(row: Row, column: str) -> None:
    text = row[column]
    try:
        datetime.fromisoformat(text if _MOMENT.fullmatch(text) else "")
    except ValueError:
        raise BadCell(column, f"{text[:40]!r} is not a time as in 2026-01-31 23:59:59.") from None


def _lines(rows: pl.LazyFrame, period: Period) -> pl.LazyFrame:
    category = pl.col("reporting_category")
    kinds = {name: row[0] for name, row in _CATEGORIES.items()}
    states = {name: row[1] for name, row in _CATEGORIES.items()}
    is_refund = category.is_in(["refund", "refund_failure"])
    intent, charge = _or_null("payment_intent_id"), _or_null("charge_id")
    currency, facing = (pl.col(name).str.to_uppercase() for name in ("currency", "customer_facing_currency"))
    told = pl.col("customer_facing_amount") != ""
    booked = pl.col("created_utc").str.to_datetime("%Y-%m-%d %H:%M:%S").dt.replace_time_zone("UTC")
    columns = {
        "line": pl.col("line"),
        "type": category.replace_strict(kinds, default=_OTHER[0]),
        "state": category.replace_strict(states, default=_OTHER[1]),
        "payment_reference": pl.coalesce(intent, charge),
        "payment_alias": pl.when(intent.is_not_null()).then(charge),
        "order_reference": pl.lit(None, pl.String),
        "reference": pl.when(category.is_in(["dispute", "dispute_reversal"])).then(_or_null("source_id")),
        "pse_refund_reference": pl.when(is_refund).then(pl.col("source_id")),
        "by_amount": pl.lit(False),
        "amount": pl.when(told).then(_units("customer_facing_amount", facing)).otherwise(_units("gross", currency)),
        "currency": pl.when(told).then(facing).otherwise(currency),
        "settled_gross": tables.decimals("gross"),
        "settled_fee": -tables.decimals("fee"),
        "settled_net": tables.decimals("net"),
        "settled_currency": currency,
        "payout_reference": _or_null("automatic_payout_id"),
        "by_bank": pl.lit(False),
        "kind": category,
        "booked_at": booked,
        "business_date": booked.dt.convert_time_zone(period.zone).dt.date(),
    }
    casts = {"settled_fee": SETTLED}
    made = [value.cast(casts.get(name, REPORT_SCHEMA[name])).alias(name) for name, value in columns.items()]
    return rows.select(made)


def _or_null(column: str) -> pl.Expr:
    return pl.when(pl.col(column) != "").then(pl.col(column))


def _units(column: str, currency: pl.Expr) -> pl.Expr:
    return tables.minor_units(column, currency.replace_strict(EXPONENTS, default=0, return_dtype=pl.Int64)).abs()
