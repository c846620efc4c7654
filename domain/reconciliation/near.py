"""Payments that many lines most likely tell of: those captured in the days in which some of them were.

A report tells most of all of a few days. To copy out what the books have of these costs a fraction of what it costs to
copy in the names of all lines and to have PostgreSQL join them. Whoever is not among them is asked for by name, so what
is found is the same, whichever days are chosen.
"""

import json
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from domain.models import Connection
from domain.platform import copying
from domain.settlements.frames import Frames

ASKED: Final = 200  # names whose payments tell the days
FEW_MAX: Final = 2  # times as many payments in these days as there are names: more are not worth it
# Of PostgreSQL's estimate, per name: what the join of a name costs it is above that.
COST_MAX: Final = 0.3
# The days of most of them, and a quarter of that before and after it: of a few that are told late all would be told.
_DAYS: Final = """SELECT (d.low - (d.high - d.low) / 4)::text AS low,
  (d.high + (d.high - d.low) / 4)::text AS high, d.store::text AS store
FROM (SELECT count(*) AS found, percentile_disc(0.1) WITHIN GROUP (ORDER BY captured_at) AS low,
    percentile_disc(0.9) WITHIN GROUP (ORDER BY captured_at) AS high,
    mode() WITHIN GROUP (ORDER BY store_id) AS store
  FROM payments WHERE connection_id = $1 AND pse_reference = ANY($2::text[]) AND withdrawn_at IS NULL) d
WHERE d.found > 0 AND d.found * 2 >= cardinality($2::text[])"""
FRAME: Final = "frame"  # the column of the number of the frame of lines that names a payment
_PLACE: Final = "_place"


@dataclass(frozen=True, slots=True)
class CaptureDays:
    """From when to when payments of a connection were captured, as PostgreSQL writes it, and the store of most of them.

    `most`: more are too many.
    """

    connection: Connection
    low: str
    high: str
    store: str
    most: int

    def ids(self) -> str:
        """Of all of them, as SQL has it."""
        return f"SELECT p.id FROM payments p WHERE {self.condition()}"  # noqa: S608 - ours

    def condition(self) -> str:
        """Of a payment `p`."""
        return (
            f"p.connection_id = {copying.literal(self.connection.id)} AND p.withdrawn_at IS NULL AND p.captured_at "
            f"BETWEEN {copying.literal(self.low)}::timestamptz AND {copying.literal(self.high)}::timestamptz"
        )


async def days_of(raw: Any, connection: Connection, lines: Frames) -> CaptureDays | None:
    """The days of the payments that the lines name; None: they are of too many to be worth it, or nobody's here."""
    some, count = list[pl.Series](), 0
    for frame in lines.only(("payment_reference",)):
        names = frame["payment_reference"].drop_nulls()
        count += names.len()
        some.append(names.gather_every(max(1, names.len() * len(lines) // ASKED)))
    found = await raw.fetchrow(_DAYS, connection.id, pl.concat(some).to_list())
    if found is None:
        return None
    days = CaptureDays(connection, found["low"], found["high"], found["store"], int(count * FEW_MAX))
    plan = json.loads(await raw.fetchval(f"EXPLAIN (FORMAT JSON) {days.ids()}"))[0]["Plan"]
    worth = plan["Plan Rows"] <= days.most and plan["Total Cost"] <= count * COST_MAX
    return days if worth else None


def names_of(lines: pl.DataFrame, number: int) -> pl.DataFrame:
    """The names of payments in the frame of that number: first ones and, for the same payments, second ones."""
    frame = pl.lit(number, pl.Int64).alias(FRAME)
    return pl.concat(
        lines.select(pl.col(column).alias("name"), frame, second=second).drop_nulls("name")
        for column, second in (("payment_reference", pl.lit(value=False)), ("payment_alias", pl.lit(value=True)))
    )


def seconds(lines: pl.DataFrame, number: int) -> pl.DataFrame:
    """Second names of payments in the frame of that number, each as often as it is there."""
    names = lines.select(pl.col("payment_alias").alias("name")).drop_nulls()
    return names.with_columns(pl.lit(number, pl.Int64).alias(FRAME), second=pl.lit(value=True))


def are_apart(one: pl.Series, other: pl.Series) -> bool:
    """Whether none of these names can be among the others. Second names begin otherwise, most often."""
    (low, high), (least, most) = ((some.min(), some.max()) for some in (one, other))
    if low is None or least is None:
        return True
    return bool(most < low or high < least)  # type: ignore[operator]


def told(near: pl.DataFrame, names: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The payments that have one of the names, each once of a frame, and the names that none of them has."""
    ours = near.select(pl.col("known_reference").alias("name"), pl.int_range(pl.len(), dtype=pl.UInt32).alias(_PLACE))
    placed = pl.concat(_placed(ours, some) for some in (names.filter(~pl.col("second")), names.filter("second")))
    found = placed.select(_PLACE, FRAME).drop_nulls().unique().sort(_PLACE)  # rows are taken sooner in their order
    everybody = found.height == near.height and found[FRAME].n_unique() <= 1  # in their order: they stay as they are
    payments = near if everybody else near.select(pl.all().gather(found[_PLACE]))
    return payments.with_columns(found[FRAME]), asked(placed.filter(pl.col(_PLACE).is_null()).drop(_PLACE))


def _placed(ours: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
    """The names with the place of their payment."""
    if are_apart(ours["name"], names["name"]):
        return names.with_columns(pl.lit(None, pl.UInt32).alias(_PLACE))
    return names.join(ours, on="name", how="left", maintain_order="left")


def asked(names: pl.DataFrame) -> pl.DataFrame:
    """The names of a frame; a second one that is a first one, too, is left out."""
    second = pl.col("second")
    first = names.filter(~second).unique()
    others = names.filter(second)
    return pl.concat([first, others if first.is_empty() else others.join(first, on=["name", FRAME], how="anti")])


def only(payments: pl.DataFrame, column: str, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of these payments."""
    if rows.is_empty():  # so they are where nothing was told before
        return rows
    return rows.join(payments.select(pl.col("payment_id").alias(column)), on=column, how="semi")
