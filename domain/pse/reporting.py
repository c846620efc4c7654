"""What a report is made of: how it is fetched, its file, its lines in canonical columns, and what proves it whole."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Final, TypeVar

import httpx
import polars as pl

from domain.pse.vocabulary import BadAnswer, Wait

# What a connector asks for one after the other, until it has the whole: its caller sends each request, or waits.
_Whole = TypeVar("_Whole")
Steps = Generator[httpx.Request | Wait, httpx.Response, _Whole]


class BadReport(BadAnswer):
    """A report that cannot be used: `name`, `line` (from 1, the header is a line) and `column` where it is known."""

    def __init__(self, name: str, said: str, *, line: int | None = None, column: str | None = None) -> None:
        place = ", ".join(
            [name, *([f"line {line}"] if line is not None else []), *([f"column {column}"] if column else [])]
        )
        super().__init__(f"{place}: {said}")
        self.name, self.line, self.column = name, line, column


# An extension of a request that a night can do without: whatever the PSE answers is given to the connector, and no
# answer at all as a 503. Without it, a refusal or failure ends the listing.
CAN_DO_WITHOUT: Final = "estorno_can_do_without"


@dataclass(frozen=True, slots=True)
class Built:
    """A report that a connector has put together from listings. The same content always gives the same bytes."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class ReportDownload:
    """A report to be fetched into a file. `name`: the same report fetched again has the same name."""

    name: str
    content_type: str
    request: httpx.Request


@dataclass(frozen=True, slots=True)
class ReportFile:
    """A report as fetched: where its bytes are, and what they are."""

    name: str
    content_type: str
    path: Path


@dataclass(frozen=True, slots=True)
class Unknown:
    """Words of rows that nothing here understands: `rows` of them have the words, the first in `line`."""

    words: str  # as they stand in the file, shortened
    rows: int
    line: int


@dataclass(frozen=True, slots=True)
class Balance:
    """What a report says that the merchant had at the PSE before its lines and after them, in major units.

    Signed; None where it does not say it.
    """

    currency: str
    opening: Decimal | None
    closing: Decimal | None


@dataclass(frozen=True, slots=True)
class PaidOut:
    """A payout that a report tells beside its lines: no line has taken it from the balance. Signed, major units.

    `lines`: what the lines of it add up to. They may have more decimals than what was paid.
    """

    reference: str
    currency: str
    amount: Decimal
    lines: Decimal
    business_date: date | None = None
    expected_at: date | None = None


@dataclass(frozen=True, slots=True)
class ReadReport:
    """A report as read: `lines` in the columns of REPORT_SCHEMA, and what proves that none is missing.

    Every row of a file that can be trusted is a line. `contradicted`: a sentence that names what in the file does not
    agree with itself, though its rows can be used. `unknown`: what was kept as OTHER because nobody knows its meaning.
    `balances`: of all that its lines moved, one per currency. `payouts`: those that no line tells.
    """

    lines: pl.LazyFrame
    completeness: str | None  # a sentence naming the control totals or counts that were checked; None: unproven
    contradicted: str | None = None
    unknown: Sequence[Unknown] = ()
    balances: Sequence[Balance] = ()
    payouts: Sequence[PaidOut] = ()


# Settled amounts may have more decimals than their currency: they stay decimals in major units.
SETTLED: Final = pl.Decimal(28, 8)

# The canonical columns of a report, in this order. A line is of `type` CAPTURE, REFUND, CHARGEBACK,
# CHARGEBACK_REVERSED, FEE, PAYOUT, RESERVE (held back, or let go), ADJUSTMENT (of no payment, and known why: a yield,
# a purchase), CORRECTION (the PSE took or gave money, and its word does not say why), TRANSFER (to or from another
# balance at the PSE) or OTHER (nobody knows), and its `state` is SUCCEEDED, PENDING, FAILED or RETURNED (
# money of a refund that had left came back). `amount` is of the transaction, in minor units of `currency`, never
# negative.
# `settled_*`: what it did to the merchant's balance at the PSE, signed, in major units of `settled_currency`: the net
# is the gross with the fee, the tax on the fee where the PSE shows it apart, and the tax withheld, which are negative
# where they cost. What moved nothing there, or what the report does not say, is null.
# A payment is named by `payment_reference` (the PSE's), `payment_alias` (another id of it at the PSE) or
# `order_reference` (the merchant's own). A refund line has `pse_refund_reference` or `reference` (ours); where the PSE
# gives neither, `by_amount` is true and `reference` is a name that the reader makes from the row, the same every time.
# A chargeback's `reference` names its stage of the dispute, the same every time it is told; null: the PSE names none.
# Where a report may spell the PSE's id in another way than its API does, `by_amount` is true beside the id.
# `kind` of a refund says what the PSE calls its kind; of an OTHER line it is the row's own words, and where its
# currency is none that we refund in, `amount` is 0 in `settled_currency` and `settled_*` carry the money.
# `booked_at` is the PSE's time (UTC).
REPORT_SCHEMA: Mapping[str, type[pl.DataType] | pl.DataType] = {
    "line": pl.Int64(),
    "type": pl.String(),
    "state": pl.String(),
    "payment_reference": pl.String(),
    "payment_alias": pl.String(),
    "order_reference": pl.String(),
    "reference": pl.String(),
    "pse_refund_reference": pl.String(),
    "by_amount": pl.Boolean(),
    "amount": pl.Int64(),
    "currency": pl.String(),
    "settled_gross": SETTLED,
    "settled_fee": SETTLED,
    "settled_tax": SETTLED,
    "settled_withheld": SETTLED,
    "settled_net": SETTLED,
    "settled_currency": pl.String(),
    "payout_reference": pl.String(),
    "by_bank": pl.Boolean(),
    "kind": pl.String(),
    "booked_at": pl.Datetime("us", "UTC"),
    "business_date": pl.Date(),
}
