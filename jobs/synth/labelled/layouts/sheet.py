"""What the files of all PSEs have in common: opened, added to in parts, closed by what adds up."""

import shutil
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import IO, Final

import polars as pl

from jobs.synth.labelled import names
from jobs.synth.labelled.shape import Place, start_of

COMES_IN: Final = ("CAPTURE", "RETURN", "CHARGEBACK_REVERSED")
_WHOLE_ONLY: Final = ("CLP", "PYG", "JPY")
_CLOSED_AFTER: Final = timedelta(hours=23, minutes=59, seconds=30)


@dataclass(frozen=True, slots=True)
class Paid:
    """A payout that a file tells of. `units`: minor units."""

    pse: str
    reference: str
    units: int
    currency: str
    day: date


@dataclass(frozen=True, slots=True)
class Bent:
    """How a file differs from the usual one of its PSE, though all of it can be read."""

    style: int = 0
    is_open: bool = False  # without its payout or total
    off: int = 0  # by how much (minor units) its totals are wrong
    nameless_fee: int = 0  # a fee (minor units) whose row names no payout
    fee_told: int = 0  # how much more (minor units) its rows say that was taken than their nets do


@dataclass(slots=True)
class Sheet:
    """A file being written. `name` is the file's; `number` its turn among those of its PSE."""

    place: Place
    day: date
    number: int
    path: Path
    bent: Bent = field(default_factory=Bent)
    opening: int = 0  # the balance before it
    left: int = 0  # the balance after it, where the file tells one
    nets: Counter[str] = field(default_factory=Counter)  # minor units by currency
    rows: int = 0
    _body: IO[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._body = self.path.with_name(f"{self.path.name}.part").open("w+b")

    @property
    def closed_at(self) -> datetime:
        """When the file is made, UTC."""
        return start_of(self.day) + _CLOSED_AFTER

    def add(self, movements: pl.DataFrame) -> None:
        """Write the rows of these movements."""
        raise NotImplementedError

    def close(self) -> list[Paid]:
        """Write what closes the file; the payouts that it tells of."""
        raise NotImplementedError

    def write(self, text: pl.DataFrame, *, separator: str = ",", ending: str = "\n") -> None:
        """Rows of text behind the others."""
        self.rows += text.height
        text.write_csv(self._body, include_header=False, separator=separator, line_terminator=ending)

    def finish(self, head: bytes, tail: bytes = b"") -> None:
        """The file: `head`, all rows, `tail`."""
        self._body.seek(0)
        with self.path.open("wb") as whole:
            whole.write(head)
            shutil.copyfileobj(self._body, whole, 1 << 20)
            whole.write(tail)
        self._body.close()
        self._body_path.unlink()

    @property
    def _body_path(self) -> Path:
        return self.path.with_name(f"{self.path.name}.part")

    def count(self, movements: pl.DataFrame, net: pl.Expr) -> None:
        """Add the nets (minor units, signed) up by currency."""
        for currency, units in movements.group_by("currency").agg(net.sum()).iter_rows():
            self.nets[currency] += units


def columns(names: str) -> list[str]:
    """A header, as it stands in the file."""
    return names.split("," if "," in names else None)


def signed() -> pl.Expr:
    """The amount of a movement as the merchant's balance sees it, in minor units."""
    given = pl.col("type").is_in([*COMES_IN, "OTHER_IN"])
    return pl.when(given).then(pl.col("amount")).otherwise(-pl.col("amount"))


def cost() -> pl.Expr:
    """What the PSE took for it, in minor units."""
    return pl.col("fee").fill_null(0) + pl.col("fee_off").fill_null(0)


def major(units: pl.Expr, currency: pl.Expr | None = None) -> pl.Expr:
    """Minor units in major ones, as text with as many decimals as the currency has (None: two)."""
    size = units.abs()
    sign = pl.when(units < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    two = pl.format("{}{}.{}", sign, size // 100, (size % 100).cast(pl.String).str.zfill(2))
    if currency is None:
        return two
    return pl.when(currency.is_in(_WHOLE_ONLY)).then(pl.format("{}{}", sign, size)).otherwise(two)


def told_payment(place: Place) -> pl.Expr:
    """The PSE's reference of the movement's payment; null where it names none."""
    return pl.when(pl.col("payment").is_not_null()).then(names.payment(place.pse, pl.col("payment"), pl.col("sold_at")))


def local(at: pl.Expr, hours: int) -> pl.Expr:
    """A moment on a clock so many hours off UTC, as 2026-01-31 23:59:59."""
    return (at + pl.duration(hours=hours)).dt.strftime("%Y-%m-%d %H:%M:%S")


def text(rows: pl.DataFrame, said_of: dict[str, pl.Expr | str], order: list[str]) -> pl.DataFrame:
    """Rows of text in that order of columns; null where nothing is said."""
    made = {name: pl.lit(one or None) if isinstance(one, str) else one for name, one in said_of.items()}
    empty = pl.lit(None)
    return rows.select(made.get(name, empty).cast(pl.String).alias(name) for name in order)
