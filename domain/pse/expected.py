"""When a PSE's report of a business date is to be there, as data: <name>/expected.toml, with source and date.

What is not published is said to be an assumption; a connection's contract may say otherwise (reconciliation/expected).
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from domain.pse.connector import Connector

_HERE: Final = Path(__file__).parent
MERCHANT: Final = "merchant"  # in place of a zone or a country: the merchant's own


class Covers(StrEnum):
    """What one report is about."""

    DATE = "DATE"  # each business date has its own, be it an empty one
    PERIOD = "PERIOD"  # what was settled since the one before: a date may have none of its own
    NOTHING = "NOTHING"  # none is published that can be read


@dataclass(frozen=True, slots=True)
class Lag:
    """So many days after a date; `of_banks`: days on which the banks of all those countries work."""

    days: int
    of_banks: bool


@dataclass(frozen=True, slots=True)
class Expected:
    """A date's report is there `report` later at `until` in `zone`. `refund_line`: how long after a refund the business
    date comes at the latest whose report has its line; None: nothing is known of it."""

    covers: Covers
    report: Lag
    until: time
    zone: str  # an IANA name, or MERCHANT
    countries: tuple[str, ...]  # whose banks count; MERCHANT among them
    refund_line: Lag | None
    version: str  # where it is from, and of which day


_UNSAID: Final = time(23, 59)


def expected(wire: Connector) -> Expected:
    """What is known of the PSE's reports; of one without a table, by what its connector says."""
    said = _table(wire.name)
    if said is not None:
        return said
    lag = wire.report_lag_days
    covers = Covers.DATE if lag is not None else Covers.PERIOD if wire.report_by_hand else Covers.NOTHING
    line = Lag(lag, of_banks=False) if lag is not None else None
    return Expected(covers, Lag(1, of_banks=False), _UNSAID, MERCHANT, (MERCHANT,), line, "no table")


@lru_cache
def _table(pse: str) -> Expected | None:
    path = _HERE / pse / "expected.toml"
    if not path.is_file():
        return None
    return read(tomllib.loads(path.read_text(encoding="utf-8")))


def read(table: Mapping[str, Any]) -> Expected:
    """One table. A word that is not known is a bug of the table and raises."""
    as_of: date = table["as_of"]
    report, line = table["report"], table.get("refund_line")
    return Expected(
        covers=Covers(report["covers"]),
        report=_lag(report),
        until=time.fromisoformat(report["until"]),
        zone=report["zone"],
        countries=tuple(table["countries"]),
        refund_line=None if line is None else _lag(line),
        version=f"{table['source']}, {as_of}",
    )


def _lag(row: Mapping[str, Any]) -> Lag:
    kinds = {"calendar days": False, "bank days": True}
    return Lag(row["days"], of_banks=kinds[row["of"]])
