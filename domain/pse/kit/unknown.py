"""Counting the rows of a report that nobody understands, by their words."""

from collections.abc import Sequence
from typing import Final

import polars as pl

from domain.pse.reporting import Unknown

_WORDS_MAX: Final = 100  # kinds of rows: a file with more than these is not worth a finding for each


def unknown(lines: pl.LazyFrame, unclear: pl.Expr) -> Sequence[Unknown]:
    """The `kind`s of the lines that are `unclear`, the commonest first, with how many rows have them and the first."""
    counted = lines.filter(unclear).group_by("kind").agg(pl.len().alias("rows"), pl.col("line").min())
    most = counted.sort("rows", "line", descending=[True, False]).head(_WORDS_MAX).collect(engine="streaming")
    return [Unknown(row["kind"], row["rows"], row["line"]) for row in most.iter_rows(named=True)]
