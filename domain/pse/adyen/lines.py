"""Reading Adyen's settlement details report: CSV by column names, the sign from the filled column.

A batch is closed by its payout, so all that it moved, the payout included, adds up to nothing in each currency: that is
the proof that no row is missing. The business date of a line is the date of its Creation Date in the merchant's zone.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import polars as pl

from domain.money import EXPONENTS
from domain.pse.adyen.amounts import decimals_of
from domain.pse.kit.tables import BadCell, Layout, Row, decimal_of, decimals, minor_units_of
from domain.pse.kit.tables import read as read_table
from domain.pse.reporting import REPORT_SCHEMA, SETTLED, BadReport, Report, ReportFile
from domain.pse.vocabulary import Period

_PLACES: Final = 8  # decimals that a settled amount may have
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
_OUR_REFERENCE: Final = "^[0-9a-z]{20}$"


@dataclass(frozen=True, slots=True)
class _Type:
    """What a Type of Adyen is to us. `comes_in`: whether its gross comes to the merchant; None: it has no payment."""

    type: str
    state: str = "SUCCEEDED"
    comes_in: bool | None = None


# A Type that is not here is kept as OTHER.
_TYPES: Final[Mapping[str, _Type]] = {
    "Settled": _Type("CAPTURE", comes_in=True),
    "Refunded": _Type("REFUND", comes_in=False),
    "RefundedReversed": _Type("REFUND", "RETURNED", comes_in=True),
    "Chargeback": _Type("CHARGEBACK", comes_in=False),
    "SecondChargeback": _Type("CHARGEBACK", comes_in=False),
    "ChargebackReversed": _Type("CHARGEBACK_REVERSED", comes_in=True),
    "Fee": _Type("FEE"),
    "MiscCosts": _Type("FEE"),
    "PaymentCost": _Type("FEE"),
    "InvoiceDeduction": _Type("FEE"),
    "SettleCost": _Type("FEE"),
    "AuthorisationSchemeFee": _Type("FEE"),
    "MerchantPayout": _Type("PAYOUT"),
    "InternalCompanyPayout": _Type("PAYOUT"),
    "DepositCorrection": _Type("OTHER"),
    "MatchedStatement": _Type("OTHER"),
    "ManualCorrected": _Type("OTHER"),
    "BankInstructionReturned": _Type("OTHER"),
    "EpaPaid": _Type("OTHER"),
    "Balancetransfer": _Type("OTHER"),
    "ReserveAdjustment": _Type("OTHER"),
    "PaidOut": _Type("OTHER"),
    "PaidOutReversed": _Type("OTHER"),
}
_UNKNOWN: Final = _Type("OTHER")
STAGES: Final = {
    "Chargeback": "CHARGEBACK",
    "SecondChargeback": "SECOND_CHARGEBACK",
    "ChargebackReversed": "CHARGEBACK_REVERSED",
}
_PAYOUT: Final = "MerchantPayout"

# Abbreviations that name one zone only, by their hours east of UTC. Of the others (CST is Mexico's and China's) only
# what the merchant's own zone calls itself is understood.
_ABBREVIATIONS: Final[Mapping[int, str]] = {
    0: "UTC GMT WET",
    1: "CET WEST",
    2: "CEST EET",
    3: "EEST",
    -2: "BRST UYST",
    -3: "BRT ART UYT CLST",
    -4: "BOT VET CLT EDT",
    -5: "COT PET EST",
    -6: "MDT",
    -7: "MST PDT",
    -8: "PST",
}
_EAST: Final = {name: hours * 60 for hours, names in _ABBREVIATIONS.items() for name in names.split()}  # in minutes
_GROSS: Final = ("Gross Debit (GC)", "Gross Credit (GC)")
_NET: Final = ("Net Debit (NC)", "Net Credit (NC)")
_FEES: Final = ("Commission (NC)", "Markup (NC)", "Scheme Fees (NC)", "Interchange (NC)")
_LAYOUT: Final = Layout(
    needed=(
        "Merchant Account",
        "Psp Reference",
        "Merchant Reference",
        "Creation Date",
        "TimeZone",
        "Type",
        "Modification Reference",
        "Gross Currency",
        *_GROSS,
        "Net Currency",
        *_NET,
        *_FEES,
        "Modification Merchant Reference",
        "Batch Number",
    ),
    separators=",",
)


def read(file: ReportFile, period: Period) -> Report:
    """The lines of a report. Raises BadReport for a cell that cannot be used and for totals that do not add up."""
    check = _Check(period.client_id, _offsets(period))
    table = read_table(file, _LAYOUT, check)
    return Report(_lines(table, check.offsets, period.zone), check.completeness(file))


def _offsets(period: Period) -> Mapping[str, int]:
    zone, year = ZoneInfo(period.zone), period.start.year
    own = {}
    for month in (1, 7):
        moment = datetime(year, month, 1, tzinfo=zone)
        name, shift = moment.tzname(), moment.utcoffset()
        if name is not None and name.isalpha() and shift is not None:
            own[name] = int(shift.total_seconds()) // 60
    return {**own, **_EAST}


@dataclass(slots=True)
class _Totals:
    """What a batch moved in one currency, in major units."""

    credit: Decimal = Decimal(0)
    debit: Decimal = Decimal(0)
    paid_out: bool = False


@dataclass(slots=True)
class _Check:
    """Looks at each row, and adds up each batch in each currency."""

    account: str
    offsets: Mapping[str, int]
    totals: dict[tuple[str, str], _Totals] = field(default_factory=dict)

    def __call__(self, line: int, row: Row) -> None:
        if row["Merchant Account"] != self.account:
            said = f"the row is of account {row['Merchant Account'][:40]!r}; the connection's is {self.account!r}."
            raise BadCell("Merchant Account", said)
        if not (row["Batch Number"].isascii() and row["Batch Number"].isdigit() and len(row["Batch Number"]) < 20):
            raise BadCell("Batch Number", f"{row['Batch Number'][:40]!r} is not a number.")
        _check_moment(row, self.offsets)
        _check_transaction(row)
        debit, credit = _sides(row, _NET)
        totals = self.totals.setdefault((row["Batch Number"], row["Net Currency"]), _Totals())
        totals.debit += debit
        totals.credit += credit
        totals.paid_out = totals.paid_out or row["Type"] == _PAYOUT

    def completeness(self, file: ReportFile) -> str | None:
        """The sentence that names the control totals; None where a batch is not closed by a payout."""
        for (batch, currency), totals in self.totals.items():
            if totals.paid_out and totals.credit != totals.debit:
                said = f"batch {batch} has {currency} {totals.credit} of net credit and {totals.debit} of net debit"
                raise BadReport(file.name, f"{said}, which must be equal: rows are missing or changed; fetch it again.")
        if not self.totals or not all(totals.paid_out for totals in self.totals.values()):
            return None
        return "Net credit equals net debit in each currency of the closed batch, MerchantPayout included."


def _check_moment(row: Row, offsets: Mapping[str, int]) -> None:
    text = row["Creation Date"]
    try:
        if not _MOMENT.fullmatch(text):
            raise ValueError
        datetime.fromisoformat(text)
    except ValueError:
        raise BadCell("Creation Date", f"{text[:40]!r} is not a time as 2026-03-02 10:00:00.") from None
    if row["TimeZone"] not in offsets:
        raise BadCell("TimeZone", f"{row['TimeZone'][:40]!r} does not name one time zone that we know.")


def _check_transaction(row: Row) -> None:
    """Amounts fit their currencies, and what is about a payment names it, its refund and its gross amount."""
    gross = sum(_sides(row, _GROSS))
    _currency(row, "Net Currency")
    currency = _currency(row, "Gross Currency" if gross else "Net Currency")
    for column in _GROSS if gross else _NET:
        # What Adyen itself books may have centavos of CLP: the line's amount is without them, its settled_net has them.
        minor_units_of(row, column, currency, None if gross else decimals_of(currency))
    for fee in _FEES:
        decimal_of(row, fee, _PLACES)
    known = _TYPES.get(row["Type"], _UNKNOWN)
    if known.comes_in is None:
        return
    if not gross:
        raise BadCell(_GROSS[0], f"a row of type {row['Type']} has neither a gross debit nor a gross credit.")
    if row["Psp Reference"] == "":
        raise BadCell("Psp Reference", f"a row of type {row['Type']} does not name its payment.")
    if known.type == "REFUND" and row["Modification Reference"] == "":
        raise BadCell("Modification Reference", f"a row of type {row['Type']} does not name its refund.")


def _currency(row: Row, column: str) -> str:
    if row[column] not in EXPONENTS:
        raise BadCell(column, f"{row[column][:10]!r} is not a currency we settle in.")
    return row[column]


def _sides(row: Row, columns: tuple[str, str]) -> tuple[Decimal, Decimal]:
    """Debit and credit, of which at most one is filled: the filled column is the sign. Raises BadCell."""
    debit, credit = (decimal_of(row, column, _PLACES) or Decimal(0) for column in columns)
    for column, amount in zip(columns, (debit, credit), strict=True):
        if amount < 0:
            raise BadCell(column, f"{amount} is negative; the column itself is the sign.")
    if debit and credit:
        raise BadCell(columns[1], f"the row has both a debit of {debit} and a credit of {credit}.")
    return debit, credit


def _lines(table: pl.LazyFrame, offsets: Mapping[str, int], zone: str) -> pl.LazyFrame:
    """The canonical lines. A row whose money goes the other way than its Type says proves nothing: it is kept as OTHER,
    with its sign, so that the refund it should prove is missed and a person looks.
    """
    fits = pl.col("comes_in").is_null() | (pl.col("comes_in") == (pl.col("gross") > 0))
    is_refund = pl.col("type") == "REFUND"
    same = (pl.col("Gross Currency") == pl.col("Net Currency")) & (pl.col("gross") != 0)
    fees = pl.sum_horizontal(decimals(column).fill_null(0) for column in _FEES)
    fee = (
        pl.when(pl.col("type") == "FEE")
        .then(pl.col("net"))
        .when(same)
        .then(pl.col("net") - pl.col("gross"))
        .otherwise(-fees)
    )
    own = pl.col("Modification Merchant Reference")
    counted = pl.when(pl.col("gross") != 0).then(pl.col("gross")).otherwise(pl.col("net"))
    currency = pl.when(pl.col("gross") != 0).then(pl.col("Gross Currency")).otherwise(pl.col("Net Currency"))
    exponent = pl.col("currency").replace_strict(EXPONENTS, return_dtype=pl.Int64)
    scale = pl.lit(10, dtype=pl.Int64).pow(exponent).cast(pl.Decimal(28, 0))
    booked = pl.col("Creation Date").str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", time_zone="UTC")
    east = pl.duration(minutes=pl.col("TimeZone").replace_strict(offsets, return_dtype=pl.Int64))
    made = (
        table.with_columns(gross=_signed(_GROSS), net=_signed(_NET), **_mapped())
        .with_columns(type=pl.when(fits).then("type").otherwise(pl.lit("OTHER")))
        .with_columns(
            state=pl.when(is_refund).then("state").otherwise(pl.lit("SUCCEEDED")),
            currency=currency,
            settled_fee=fee,
            booked_at=booked - east,
        )
        .with_columns(
            payment_reference=_filled("Psp Reference"),
            payment_alias=pl.lit(None),
            order_reference=_filled("Merchant Reference"),
            # A refund that the merchant made in Adyen's own pages may carry the order's reference, as others of it do.
            # A stage of a dispute is named as its webhook names it.
            reference=pl.when(is_refund & own.str.contains(_OUR_REFERENCE))
            .then(own)
            .when(
                pl.col("type").is_in(["CHARGEBACK", "CHARGEBACK_REVERSED"]) & (pl.col("Modification Reference") != "")
            )
            .then(pl.format("{}/{}", "Modification Reference", pl.col("Type").replace_strict(STAGES, default=""))),
            pse_refund_reference=pl.when(is_refund).then(pl.col("Modification Reference")),
            by_amount=pl.lit(False),
            amount=(counted.abs() * scale).floor().cast(pl.Int64),
            settled_gross=pl.col("net") - pl.col("settled_fee"),
            settled_net=pl.col("net"),
            settled_currency=pl.col("Net Currency"),
            payout_reference=pl.format("batch {}", "Batch Number"),
            by_bank=pl.lit(False),
            kind=pl.col("Type").str.slice(0, 40),
            business_date=pl.col("booked_at").dt.convert_time_zone(zone).dt.date(),
        )
    )
    return made.select(pl.col(name).cast(kind) for name, kind in REPORT_SCHEMA.items())


def _mapped() -> dict[str, pl.Expr]:
    """`type`, `state` and `comes_in` of each row, by its Type."""
    told = pl.col("Type")
    types = {name: known.type for name, known in _TYPES.items()}
    states = {name: known.state for name, known in _TYPES.items()}
    comes_in = {name: known.comes_in for name, known in _TYPES.items() if known.comes_in is not None}
    return {
        "type": told.replace_strict(types, default=_UNKNOWN.type, return_dtype=pl.String),
        "state": told.replace_strict(states, default=_UNKNOWN.state, return_dtype=pl.String),
        "comes_in": told.replace_strict(comes_in, default=None, return_dtype=pl.Boolean),
    }


def _signed(columns: tuple[str, str]) -> pl.Expr:
    debit, credit = (decimals(column).fill_null(0) for column in columns)
    return (credit - debit).cast(SETTLED)


def _filled(column: str) -> pl.Expr:
    return pl.when(pl.col(column) != "").then(pl.col(column))
