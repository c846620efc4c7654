"""The columns of what happened, and where: things are numbers until names.py gives them those of their PSE.

Amounts are in minor units, moments in UTC. A refund's number is ten times its payment's and its turn from 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

import polars as pl

ZONE: Final = "America/Sao_Paulo"
MIDNIGHT: Final = timedelta(hours=3)  # local midnight, after that of UTC: there is no summer time since 2019
MOMENT: Final = pl.Datetime("us", "UTC")
Schema = Mapping[str, type[pl.DataType] | pl.DataType]

PAYMENT: Final[Schema] = {
    "number": pl.Int64,
    "captured": pl.Int64,
    "tax": pl.Int64,
    "at": MOMENT,
    "registered": pl.Boolean,
}
REFUND: Final[Schema] = {
    "number": pl.Int64,
    "payment": pl.Int64,
    "state": pl.String,  # SUBMITTED, SUCCEEDED, FAILED or RETURNED
    "amount": pl.Int64,
    "tax": pl.Int64,
    "at": MOMENT,  # when it was sent
    "ended_at": MOMENT,  # when it succeeded or failed; null in doubt
    "returned_at": MOMENT,
    "by_bank": pl.Boolean,  # a person paid it from the bank
}
# A movement is a row of a report, before it has the form of its PSE.
MOVEMENT: Final[Schema] = {
    "day": pl.Date,  # of the report that has it
    "file": pl.String,  # of a report of its own; null: the day's
    "at": MOMENT,
    "type": pl.String,
    "word": pl.String,  # what the row calls itself, where it is not what its type is called
    "amount": pl.Int64,
    "currency": pl.String,
    "fee": pl.Int64,
    "payment": pl.Int64,
    "sold": pl.Int64,  # what was captured of the payment, and when
    "sold_at": MOMENT,
    "refund": pl.Int64,  # the number that the row names; null: it names none
    "foreign": pl.Boolean,  # no refund of ours has that number
    "status": pl.String,
    "case": pl.Int64,  # of a dispute
    "rate_off": pl.Int64,  # how many thousandths the rate of exchange is off
    "fee_off": pl.Int64,  # how much more than agreed was taken
    "payout": pl.Int64,  # another payout than the day's
}
LABEL: Final[Schema] = {
    "kind": pl.String,
    "pse": pl.String,
    "subject": pl.String,  # refund, payment, file, word, payout, bank, document, balance, line
    "number": pl.Int64,
    "name": pl.String,
    "amount": pl.Int64,
    "currency": pl.String,
    "day": pl.Date,
    "story": pl.String,
    "turn": pl.Int64,  # which copy of the story
    "planted": pl.Boolean,  # False: it only looks so, and nothing of this kind may be found about it
}


@dataclass(frozen=True, slots=True)
class Place:
    """A PSE's account. `fee`: hundredths of a per cent of a capture, and what each costs besides (minor units)."""

    pse: str
    index: int
    currency: str
    method: str
    fee: tuple[int, int]
    lag_days: int | None  # how many days after a refund its row may come; None: no row need ever come
    taxed_in: str = "BR"
    days_to_document: int | None = None  # within which a credit note must follow a refund; None: the law names no day

    def fee_of(self, amount: int) -> int:
        """What the PSE takes of a sale, in minor units: a share, half up, and a fixed part."""
        return (amount * self.fee[0] + 5_000) // 10_000 + self.fee[1]


# The lags are facts of the PSEs' documents, as in domain/pse; EBANX publishes no report that a program can read.
PLACES: Final[Mapping[str, Place]] = {
    one.pse: one
    for one in (
        # Eight days on which banks work in the Netherlands and in Brazil, with the longest run of holidays between.
        Place("adyen", 1, "BRL", "CARD", (100, 0), 20),
        Place("conekta", 2, "MXN", "CARD", (290, 250), 1, "MX"),
        Place("dlocal", 3, "BRL", "CARD", (200, 0), None),
        Place("ebanx", 4, "BRL", "CARD", (0, 0), None),
        # RG (AFIP) 4540/2019: fifteen days from the fact that the note is about.
        Place("mercadopago", 5, "ARS", "CARD", (99, 0), 1, "AR", 15),
        Place("pix", 6, "BRL", "PIX", (0, 0), 0),
        Place("stripe", 7, "BRL", "CARD", (399, 39), 35),
    )
}
ACCOUNT: Final = "SyntheticBR"  # what Adyen calls the account
_OF_A_PSE: Final = 10**10  # numbers of payments
PLANTED: Final = 9 * 10**9  # from here on they are of stories


def first_number(place: Place) -> int:
    """The first number of its payments."""
    return place.index * _OF_A_PSE


def start_of(day: date) -> datetime:
    """Local midnight, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + MIDNIGHT
