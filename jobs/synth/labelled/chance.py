"""Numbers that look random and are the same for a seed, whichever rows are made first: no state, only arithmetic."""

from typing import Final

import polars as pl

_ODD: Final = 0x9E3779B97F4A7C15
_MORE: Final = 0xBF58476D1CE4E5B9
_BITS: Final = (1 << 64) - 1
_HIGH: Final = 1 << 33


def drawn(numbers: pl.Expr, seed: int, salt: int, below: int) -> pl.Expr:
    """For each number of a thing one below `below`, for this seed and this `salt`."""
    first = numbers.cast(pl.UInt64) * _u64(_ODD) + _u64(seed * _MORE + salt * _ODD)
    mixed = (first ^ (first // _u64(_HIGH))) * _u64(_MORE)
    return (mixed // _u64(_HIGH) % _u64(below)).cast(pl.Int64)


def draw(number: int, seed: int, salt: int, below: int) -> int:
    """As `drawn`, of one number."""
    first = (number * _ODD + seed * _MORE + salt * _ODD) & _BITS
    mixed = ((first ^ (first >> 33)) * _MORE) & _BITS
    return (mixed >> 33) % below


def _u64(number: int) -> pl.Expr:
    return pl.lit(number & _BITS, dtype=pl.UInt64)
