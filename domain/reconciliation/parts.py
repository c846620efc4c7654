"""A report's lines in parts, each with what the books know of its payments: what is compared is in one part.

A report of many lines is in files of the night's folder, frame by frame, and a part is a frame, so that no more than
one is in memory. What is told of a payment in several frames, by whichever of its names, is taken to one of them; so
equal moneys of a payment are counted in one part. Lines that name no payment, but an order, are in a last part, with
all that has these orders.
"""

from collections.abc import Iterator
from typing import Final

import polars as pl

from domain.models import Connection
from domain.platform import copying
from domain.pse.reporting import REPORT_SCHEMA
from domain.reconciliation.frame_index import FrameIndex, hashed, several
from domain.reconciliation.known import Known, NamedByLines, known_of
from domain.reconciliation.match import PAYMENT_SCHEMA, REFUND_SCHEMA, SETTLED_SCHEMA, UNNAMED, named_payment, orders_of
from domain.settlements.frames import Frames, Sorted

Part = tuple[pl.DataFrame, Known]
_NAMES: Final = ("payment_reference", "payment_alias")
_ASKED: Final = (*_NAMES, "order_reference")
_ORDERED: Final = UNNAMED & pl.col("order_reference").is_not_null()
_KEY: Final = "key"  # of a line: the hash of its payment's id, else of the name; none of what names none
_PART: Final = "part"


class LineParts:
    """The parts of a report, read one after the other, as often as they are wanted. `lines`: those of each."""

    def __init__(self, lines: Frames, known: "_Apart | Known") -> None:
        self.lines = lines
        self._known = known

    def __iter__(self) -> Iterator[Part]:
        return zip(self.lines, self.known(), strict=True)

    def known(self) -> Iterator[Known]:
        """What the books know of the payments of each part."""
        return iter((self._known,)) if isinstance(self._known, Known) else self._known.known()


async def parts_of(connection: Connection, name: str, lines: Frames) -> LineParts:
    """The lines of the report of that name, with all that the books know of their payments."""
    if len(lines) == 1:
        (whole,) = lines
        if not whole["line"].is_sorted():
            lines = Frames(lines.folder)
            lines.add(whole.sort("line"))
        return LineParts(lines, await known_of(connection, name, whole))
    async with copying.aside() as raw, NamedByLines(raw, connection) as asked:
        named = Sorted(lines.folder, len(lines), PAYMENT_SCHEMA)
        await asked.of_frames(lines, named)
        orders = pl.concat(orders_of(some) for some in lines.only(_ASKED)).unique()
        of_orders = pl.DataFrame(schema=PAYMENT_SCHEMA) if orders.is_empty() else await asked.of_orders(orders)
        apart = _Apart(lines, named, orders, of_orders)
        named.forget()
        apart.suspense = await asked.rest(name, apart.take_refunds, apart.take_settled)
    return LineParts(apart.lines, apart)


class _Apart:
    """Frames of lines, and the payments that each of them names, as parts: all of a payment in one.

    `orders`: those of lines that name nothing else, and `of_orders` the payments that have them.
    """

    def __init__(self, lines: Frames, named: Sorted, orders: pl.Series, of_orders: pl.DataFrame) -> None:
        self._frames, self._named, self._of_orders = lines, named, of_orders
        self._last = None if orders.is_empty() else len(lines)
        count = len(lines) if self._last is None else len(lines) + 1
        self.lines, self._payments = Frames(lines.folder), Frames(lines.folder)
        self._refunds, self._settled = (Sorted(lines.folder, count, one) for one in (REFUND_SCHEMA, SETTLED_SCHEMA))
        self.suspense = pl.DataFrame()
        keys = [_keys_of(some, named.of(number)) for number, some in enumerate(lines.only(_NAMES))]
        self._moved = self._taken_away(keys, orders)
        self._homes = FrameIndex([one.drop_nulls().unique() for one in keys])
        self._put_apart(keys, count)

    def take_refunds(self, refunds: pl.DataFrame) -> None:
        self._refunds.add(refunds, self._parts_of(refunds["refund_payment_id"]))

    def take_settled(self, settled: pl.DataFrame) -> None:
        self._settled.add(settled, self._parts_of(settled["payment_id"]))

    def known(self) -> Iterator[Known]:
        """What is known of each part's payments."""
        for part, payments in enumerate(self._payments):
            suspense = self.suspense
            if suspense.height:
                suspense = suspense.join(payments.select("payment_id").unique(), on="payment_id", how="semi")
            yield Known(payments, self._refunds.of(part), self._settled.of(part), suspense)

    def _parts_of(self, payment_ids: pl.Series) -> pl.Series:
        """The parts of these payments; null for those that no line names."""
        keys = hashed(payment_ids).alias(_KEY)
        home = self._homes.first(keys)
        if self._moved.is_empty():
            return home
        moved = keys.to_frame().join(self._moved, on=_KEY, how="left", maintain_order="left")[_PART]
        return moved.zip_with(moved.is_not_null(), home)

    def _taken_away(self, keys: list[pl.Series], orders: pl.Series) -> pl.DataFrame:
        """The keys of what is told in several frames, and of what has such an order, with their parts."""
        twice = several([one.drop_nulls().unique() for one in keys]).alias(_KEY)
        apart = twice.to_frame().with_columns((pl.col(_KEY) % len(keys)).cast(pl.UInt32).alias(_PART))
        if self._last is None:
            return apart
        told = [hashed(self._of_orders["payment_id"]).alias(_KEY)]
        for own, some in zip(keys, self._frames.only(_ASKED), strict=True):
            told.append(own.filter(some["order_reference"].is_in(orders.implode())).alias(_KEY))
        last = pl.concat(told).drop_nulls().unique().to_frame().with_columns(pl.lit(self._last, pl.UInt32).alias(_PART))
        return pl.concat([last, apart]).unique(_KEY, keep="first")

    def _put_apart(self, keys: list[pl.Series], count: int) -> None:
        lines = Sorted(self._frames.folder, count, REPORT_SCHEMA)
        payments = Sorted(self._frames.folder, count, PAYMENT_SCHEMA)
        staying = dict[int, pl.DataFrame]()
        for number, parts in self._leaving(keys):
            whole, known = self._frames.at(number), self._named.of(number)
            lines.add(whole, parts)
            for (part,), some in whole.select(*_NAMES, parts).drop_nulls(_PART).group_by(_PART):
                told = _named_by(some, known)
                payments.add(told, pl.repeat(part, told.height, dtype=pl.UInt32, eager=True))
            staying[number] = whole.select("line").filter(parts.is_null())
        for part in range(count):
            self._put(part, staying.get(part), lines.of(part), payments.of(part))
        lines.forget()
        payments.forget()

    def _leaving(self, keys: list[pl.Series]) -> Iterator[tuple[int, pl.Series]]:
        """The frames that lose lines, and into which part each line goes; null: it stays."""
        if self._moved.is_empty() and self._last is None:
            return
        for number, (own, some) in enumerate(zip(keys, self._frames.only(_ASKED), strict=True)):
            parts = own.alias(_KEY).to_frame().join(self._moved, on=_KEY, how="left", maintain_order="left")[_PART]
            if self._last is not None:
                parts = parts.set(some.select(_ORDERED).to_series(), self._last)
            parts = parts.set((parts == number).fill_null(value=False), None)
            if parts.null_count() < parts.len():
                yield number, parts

    def _put(self, part: int, staying: pl.DataFrame | None, came: pl.DataFrame, payments: pl.DataFrame) -> None:
        """The part: what stays of its frame (None: all of it), and what came of others."""
        known = [payments]
        if part == self._last:
            known.append(self._of_orders)
            self.lines.add(came.sort("line"))
        else:
            own = self._named.of(part)
            line = self._frames.at(part, ("line",))["line"]
            if staying is None and came.is_empty() and line.is_sorted():
                self.lines.share(self._frames, part, line.len())
            else:
                whole = self._frames.at(part)
                if staying is not None:
                    whole = whole.join(staying, on="line", how="semi")
                    own = _named_by(whole, own)
                self.lines.add(pl.concat([whole, came]).sort("line"))
            known.append(own)
        told = pl.concat(known)
        if hashed(told["payment_id"]).n_unique() < told.height:
            told = told.unique(["known_reference", "payment_id"], keep="last", maintain_order=True)
        self._payments.add(told)


def _keys_of(lines: pl.DataFrame, payments: pl.DataFrame) -> pl.Series:
    """Of each line the hash of its payment's id, else of its name; null for what names none."""
    found = named_payment(lines, payments)
    name = found if not found.has_nulls() else lines.select(pl.coalesce(found, *_NAMES)).to_series()
    return hashed(name)


def _named_by(lines: pl.DataFrame, payments: pl.DataFrame) -> pl.DataFrame:
    """Those of the payments that have a name of these lines."""
    names = pl.concat(lines[one].drop_nulls() for one in _NAMES).unique().to_frame("known_reference")
    return payments.join(names, on="known_reference", how="semi", maintain_order="left")
