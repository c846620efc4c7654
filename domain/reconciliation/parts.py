"""A report's lines in parts, each with what the books know of its payments: what is compared is in one part.

A report of many lines is put apart by their payments, in files of the night's folder, so that no more than one part is
in memory. All lines of a payment are in one part, by whichever of its names they name it; so equal moneys of a payment
are counted there. Lines that name no payment, but an order, are in the last part, with all that has these orders.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import polars as pl

from domain.models import Connection
from domain.platform import copying
from domain.platform.copying import Schema
from domain.pse.reporting import REPORT_SCHEMA
from domain.reconciliation import near
from domain.reconciliation.known import Known, NamedByLines, known_of
from domain.reconciliation.match import PAYMENT_SCHEMA, REFUND_SCHEMA, SETTLED_SCHEMA, UNNAMED, named_payment
from domain.reconciliation.near import FRAME
from domain.settlements import frames
from domain.settlements.frames import Frames, Sorted, whole_of

Part = tuple[pl.DataFrame, Known]
_KEY: Final = "_key"  # the payment of a line, else its name; what names none is anywhere
_KEYED: Final[Schema] = {_KEY: pl.String}


class LineParts:
    """The parts of a report, read one after the other, as often as they are wanted."""

    def __init__(self, apart: "_Apart | Part") -> None:
        self._apart = apart

    def __iter__(self) -> Iterator[Part]:
        return zip(self._lines(), self.known(), strict=True)

    def _lines(self) -> Iterator[pl.DataFrame]:
        return self._apart.lines() if isinstance(self._apart, _Apart) else iter((self._apart[0],))

    def known(self) -> Iterator[Known]:
        """What the books know of the payments of each part."""
        return self._apart.known() if isinstance(self._apart, _Apart) else iter((self._apart[1],))


async def parts_of(connection: Connection, name: str, lines: Frames) -> LineParts:
    """The lines of the report of that name, with all that the books know of their payments."""
    if len(lines) == 1:
        (whole,) = lines
        return LineParts((whole, await known_of(connection, name, whole)))
    assert lines.folder is not None, "Several frames are in files."
    apart = _Apart(lines.folder, -(-lines.height // frames.LINES_MAX))
    async with copying.aside() as raw, NamedByLines(raw, connection) as asked:
        named = _ByFrame(lines.folder, len(lines))
        await asked.of_frames(lines, named.add)
        for some, payments in zip(lines, named, strict=True):
            apart.take(some, payments)
        orders = apart.orders()
        if not orders.is_empty():
            apart.take_orders(orders, await asked.of_orders(orders))
        apart.suspense = await asked.rest(name, apart.take_refunds, apart.take_settled)
    return LineParts(apart)


class _Apart:
    """Lines and what is known of them, put apart."""

    def __init__(self, folder: Path, count: int) -> None:
        self._count = count
        self._lines = Sorted(folder, count, {**REPORT_SCHEMA, **_KEYED})
        self._payments = Sorted(folder, count, {**PAYMENT_SCHEMA, **_KEYED})
        self._refunds = Sorted(folder, count, REFUND_SCHEMA)
        self._settled = Sorted(folder, count, SETTLED_SCHEMA)
        self._ordered = Frames(folder)  # lines that name an order alone
        self._moved: pl.DataFrame | None = None  # keys of what has such an order, too
        self.suspense = pl.DataFrame()

    def take(self, lines: pl.DataFrame, payments: pl.DataFrame) -> None:
        """Some lines, and the payments that they name."""
        found = named_payment(lines, payments).alias(_KEY)
        keyed = lines.with_columns(found).with_columns(pl.coalesce(_KEY, "payment_reference", "payment_alias"))
        ordered = UNNAMED & pl.col("order_reference").is_not_null()
        if (some := keyed.filter(ordered)).height:
            self._ordered.add(some)
        self._lines.add(keyed.filter(~ordered), pl.coalesce(_KEY, pl.col("line").cast(pl.String)))
        self._payments.add(payments.with_columns(pl.col("payment_id").alias(_KEY)), pl.col(_KEY))
        # One payment that is registered under both of its names is told with the other one's lines, too.
        named = payments.rename({"known_reference": "payment_alias"})
        twice = keyed.select("payment_alias", _KEY).drop_nulls().join(named, on="payment_alias")
        others = twice.filter(pl.col("payment_id") != pl.col(_KEY)).rename({"payment_alias": "known_reference"})
        if others.height:
            self._payments.add(others, pl.col(_KEY))

    def orders(self) -> pl.Series:
        """The orders of lines that name nothing else."""
        told = [some["order_reference"] for some in self._ordered]
        return pl.concat(told).unique() if told else pl.Series("order_reference", [], pl.String)

    def take_orders(self, orders: pl.Series, payments: pl.DataFrame) -> None:
        """The payments that have these orders: what has one of them is compared in one part."""
        self._payments.add(payments.with_columns(pl.col("payment_id").alias(_KEY)), pl.col(_KEY))
        wanted = orders.to_frame()
        keys = [payments.select(pl.col("payment_id").alias(_KEY))]
        keys += [
            lines.join(wanted, on="order_reference", how="semi").select(_KEY).unique()
            for lines in map(self._lines.of, range(self._count))
        ]
        self._moved = pl.concat(keys).drop_nulls().unique()

    def take_refunds(self, refunds: pl.DataFrame) -> None:
        self._refunds.add(refunds, pl.col("refund_payment_id"))

    def take_settled(self, settled: pl.DataFrame) -> None:
        self._settled.add(settled, pl.col("payment_id"))

    def lines(self) -> Iterator[pl.DataFrame]:
        """The lines of each part, in the order of the file."""
        for part in self._parts():
            some = self._of(self._lines, part, _KEY)
            yield (some if part is not None else pl.concat([some, *self._ordered])).drop(_KEY).sort("line")

    def known(self) -> Iterator[Known]:
        """What is known of each part's payments."""
        for part in self._parts():
            told = self._of(self._payments, part, _KEY).drop(_KEY)
            payments = told.unique(["known_reference", "payment_id"], keep="last", maintain_order=True)
            yield Known(
                payments,
                near.only(payments, "refund_payment_id", self._of(self._refunds, part, "refund_payment_id")),
                near.only(payments, "payment_id", self._of(self._settled, part, "payment_id")),
                self.suspense.join(payments.select("payment_id").unique(), on="payment_id", how="semi"),
            )

    def _parts(self) -> Iterator[int | None]:
        """Each part; None: the last one, of what has an order that is told alone."""
        yield from range(self._count)
        if self._moved is not None:
            yield None

    def _of(self, rows: Sorted, part: int | None, key: str) -> pl.DataFrame:
        """The rows of that part: of the last one what was moved there, of the others what was not."""
        if self._moved is None:
            return rows.of(part or 0)
        moved = self._moved
        if part is not None:
            return rows.of(part).join(moved, left_on=key, right_on=_KEY, how="anti")
        all_of_it = map(rows.of, range(self._count))
        return pl.concat([some.join(moved, left_on=key, right_on=_KEY, how="semi") for some in all_of_it])


class _ByFrame:
    """The payments that each frame of lines names, in their order."""

    def __init__(self, folder: Path, count: int) -> None:
        self._of = [Frames(folder) for _ in range(count)]

    def add(self, payments: pl.DataFrame) -> None:
        for (number,), some in payments.partition_by(FRAME, include_key=False, as_dict=True).items():
            self._of[int(number)].add(some)

    def __iter__(self) -> Iterator[pl.DataFrame]:
        for frames_of_it in self._of:
            yield whole_of(list(frames_of_it), PAYMENT_SCHEMA)
            frames_of_it.forget()
