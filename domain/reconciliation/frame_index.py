"""Where names are told: the number of a frame, or part, by a hash of 64 bits of the name, ten bytes of memory each.

Equal hashes are no equal names: something may be taken to a frame that does not name it, and whoever compares names
compares all of them. Equal names are never apart.
"""

from collections.abc import Sequence
from typing import Final

import polars as pl

_HASH: Final = "hash"
_NUMBER: Final = "number"


def hashed(names: pl.Series) -> pl.Series:
    """Their hashes; null where there is no name."""
    hashes = names.hash(seed=1).alias(_HASH)
    return hashes.set(names.is_null(), None) if names.has_nulls() else hashes


def several(of_each: Sequence[pl.Series]) -> pl.Series:
    """The hashes that are in more than one of these; each has a hash once."""
    found = pl.concat(of_each).sort()
    return found.filter(found == found.shift(1)).unique()


class FrameIndex:
    """The numbers of hashes. `of_each`: those of number 0, 1 and so on, each once."""

    def __init__(self, of_each: Sequence[pl.Series]) -> None:
        table = pl.concat(
            pl.DataFrame({_HASH: one}).with_columns(pl.lit(number, pl.UInt32).alias(_NUMBER))
            for number, one in enumerate(of_each)
        ).sort(_HASH, maintain_order=True)
        first = pl.col(_HASH) != pl.col(_HASH).shift(1)
        told = table.select(first.fill_null(value=True)).to_series()
        self._first = table.filter(told)
        self._again = table.filter(~told)

    def first(self, hashes: pl.Series) -> pl.Series:
        """The least number of each; null where it has none."""
        if self._first.is_empty():
            return pl.Series(_NUMBER, [None] * hashes.len(), pl.UInt32)
        order = hashes.arg_sort()  # one behind the other they are found in a third of the time
        wanted = hashes.gather(order)
        place = self._first[_HASH].search_sorted(wanted).clip(upper_bound=self._first.height - 1)
        found = self._first.select(pl.all().gather(place)).with_columns(wanted.alias("_wanted"), order.alias("_order"))
        number = pl.when(pl.col(_HASH) == pl.col("_wanted")).then(_NUMBER)
        return found.select("_order", number.alias(_NUMBER)).sort("_order")[_NUMBER]

    def of_all(self, rows: pl.DataFrame, column: str, into: str) -> pl.DataFrame:
        """The rows with the number of what that column names, once for each of its numbers; without those of none."""
        told = rows.with_columns(hashed(rows[column]))
        found = told.with_columns(self.first(told[_HASH]).alias(into)).drop_nulls(into)
        if not self._again.is_empty():
            found = pl.concat([found, told.join(self._again.rename({_NUMBER: into}), on=_HASH)])
        return found.drop(_HASH).with_columns(pl.col(into).cast(pl.Int64))
