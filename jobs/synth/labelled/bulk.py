"""Ordinary days, in columns: sales, and the refunds of some of them, whole, half, or in two equal halves."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import polars as pl

from jobs.synth.labelled.chance import drawn
from jobs.synth.labelled.shape import MOVEMENT, PAYMENT, REFUND, Place, Schema, first_number, start_of

LINES_PER_SALE: Final = 1.5  # 100 sales have 50 refunds
_NONE, _WHOLE, _HALF = 60, 77, 90  # of 100 sales: so many without, whole, half; the others in two halves
_SECONDS: Final = 70_000  # of a day in which something is sold: what is refunded on the same day fits behind
_AT_ONCE: Final = 100_000


@dataclass(frozen=True, slots=True)
class OrdinaryDays:
    """The ordinary days of one place: so many sales on each, the first one's number, the seed."""

    place: Place
    first: date
    days: int
    sales: int
    seed: int

    def chunks(self, turn: int) -> list[tuple[int, int]]:
        """The numbers of the sales of a day (turn from 0), in parts that fit into memory: first and count."""
        begin = first_number(self.place) + turn * self.sales
        return [(begin + at, min(_AT_ONCE, self.sales - at)) for at in range(0, self.sales, _AT_ONCE)]


def sold(days: OrdinaryDays, turn: int, begin: int, count: int) -> pl.DataFrame:
    """Sales of a day, with what becomes of them: `refunds` (0, 1 or 2), `part` (each, minor units), `later` (days)."""
    number = pl.col("number")
    what = drawn(number, days.seed, 2, 100)
    captured = (drawn(number, days.seed, 1, 100_000) + 500) * 2
    start = pl.lit(start_of(days.first + timedelta(days=turn)))
    later = pl.lit(0) if turn == days.days - 1 else (drawn(number, days.seed, 4, 4) == 0).cast(pl.Int64)
    return pl.select(number=pl.int_range(begin, begin + count, dtype=pl.Int64)).with_columns(
        captured=captured,
        at=start + pl.duration(seconds=drawn(number, days.seed, 3, _SECONDS) + 60),
        refunds=pl.when(what < _NONE).then(0).when(what < _HALF).then(1).otherwise(2),
        part=pl.when(what < _WHOLE).then(captured).otherwise(captured // 2),
        later=later,
    )


def payments(sales: pl.DataFrame) -> pl.DataFrame:
    """As the books have them."""
    return _as(sales.with_columns(tax=pl.lit(0), registered=pl.lit(value=True)), PAYMENT)


def refunds(sales: pl.DataFrame) -> pl.DataFrame:
    """As the books have them: all have left."""
    return _as(
        _refunded(sales).select(
            number="refund",
            payment="number",
            state=pl.lit("SUCCEEDED"),
            amount="part",
            tax=pl.lit(0),
            at=pl.col("refunded_at") - pl.duration(seconds=20),
            ended_at="refunded_at",
            by_bank=pl.lit(value=False),
        ),
        REFUND,
    )


def captures_told(place: Place, sales: pl.DataFrame) -> pl.DataFrame:
    """The rows of the sales themselves."""
    amount = pl.col("captured")
    fee = (amount * place.fee[0] + 5_000) // 10_000 + place.fee[1]
    return _told(place, sales.with_columns(type=pl.lit("CAPTURE"), amount=amount, fee=fee, told_at="at"))


def refunds_told(place: Place, sales: pl.DataFrame, later: int) -> pl.DataFrame:
    """The rows of refunds that left so many days after the sale."""
    made = _refunded(sales.filter(pl.col("later") == later))
    return _told(place, made.with_columns(type=pl.lit("REFUND"), amount="part", fee=pl.lit(0), told_at="refunded_at"))


def _refunded(sales: pl.DataFrame) -> pl.DataFrame:
    every = [sales.filter(pl.col("refunds") > turn).with_columns(turn=pl.lit(turn)) for turn in (0, 1)]
    after = pl.duration(seconds=pl.col("turn") * 7 + 1_800, days=pl.col("later"))
    return pl.concat(every).with_columns(
        refund=pl.col("number") * 10 + pl.col("turn"), refunded_at=pl.col("at") + after
    )


def _told(place: Place, rows: pl.DataFrame) -> pl.DataFrame:
    named = pl.col("refund") if "refund" in rows.columns else pl.lit(None, pl.Int64)
    return _as(
        rows.with_columns(
            sold="captured", sold_at="at", payment="number", refund=named, currency=pl.lit(place.currency)
        )
        .drop("at")
        .with_columns(at="told_at", foreign=pl.lit(value=False)),
        MOVEMENT,
    )


def _as(rows: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    return rows.select(
        (pl.col(name) if name in rows.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in schema.items()
    )
