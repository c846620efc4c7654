"""Rows that nobody understands: kept as OTHER with their own words, and counted by them."""

from collections.abc import Sequence
from typing import Final

import polars as pl

from domain.pse.reporting import Unknown

_CHARACTERS_MAX: Final = 80
_WORDS_MAX: Final = 100  # a file whose every row has words of its own is told of by the first
_MORE: Final = "other words"


class Unclear:
    """Counts the rows of one file by their words."""

    def __init__(self) -> None:
        self._found: dict[str, Unknown] = {}

    def add(self, line: int, words: str) -> str:
        """Count a row; `line` from 1. Gives the words as its line has them."""
        kept = words[:_CHARACTERS_MAX]
        name = kept if kept in self._found or len(self._found) < _WORDS_MAX else _MORE
        old = self._found.get(name, Unknown(name, 0, line))
        self._found[name] = Unknown(name, old.rows + 1, old.line)
        return kept

    def told(self) -> Sequence[Unknown]:
        """In the order in which the words were first met."""
        return tuple(self._found.values())


def counted(lines: pl.LazyFrame, unclear: pl.Expr) -> Sequence[Unknown]:
    """The `kind`s of those canonical lines that are `unclear`, the commonest first: for what the whole file tells."""
    found = lines.filter(unclear).group_by("kind").agg(pl.len().alias("rows"), pl.col("line").min())
    most = found.sort("rows", "line", descending=[True, False]).head(_WORDS_MAX).collect(engine="streaming")
    return [Unknown(row["kind"], row["rows"], row["line"]) for row in most.iter_rows(named=True)]
