"""The times of Adyen's reports: a local time and, in a column of its own, the name of its zone."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

import polars as pl

from domain.pse.kit import canonical, cells
from domain.pse.kit.cells import BadRow, Row
from domain.pse.vocabulary import Period

_OFFSET: Final = re.compile(r"(?:UTC|GMT)(?P<sign>[+-])(?P<hours>[01]?\d)(?::?(?P<minutes>[0-5]\d))?")
# Abbreviations that name one zone only, by their hours east of UTC. Of the others (CST is Mexico's and China's) only
# what the merchant's own zone calls itself is understood.
_ABBREVIATIONS: Final[Mapping[int, str]] = {
    0: "UTC GMT WET",
    1: "CET WEST",
    2: "CEST EET",
    3: "EEST",
    8: "SGT",
    -2: "BRST UYST",
    -3: "BRT ART UYT CLST",
    -4: "BOT VET CLT EDT",
    -5: "COT PET EST",
    -6: "MDT",
    -7: "MST PDT",
    -8: "PST",
}
_EAST: Final = {name: hours * 60 for hours, names in _ABBREVIATIONS.items() for name in names.split()}  # in minutes
_NAMES: Final = {"MXT": "America/Mexico_City"}  # what Adyen alone calls a zone


class Zones:
    """The zones of one file: as an offset each, or as a zone of the IANA's where the offset changes with the season."""

    def __init__(self, period: Period) -> None:
        self._offsets = {**_own(period), **_EAST}
        self._seasons: dict[str, str] = {}

    def check(self, row: Row) -> None:
        """Raises BadRow for what is no time, and for what does not name one zone."""
        cells.check_time(row, "Creation Date")
        self._know(row["TimeZone"])

    def are_known(self, names: pl.Series) -> pl.Series:
        """Of each of many names, whether it is one zone's."""
        return names.is_in([name for name in names.unique() if self._is_known(name)])

    def _is_known(self, name: str) -> bool:
        try:
            self._know(name)
        except BadRow:
            return False
        return True

    def _know(self, name: str) -> None:
        if name not in self._offsets and name not in self._seasons:
            self._learn(name)

    def _learn(self, name: str) -> None:
        offset, zone = _OFFSET.fullmatch(name), _NAMES.get(name, name)
        if offset is not None:
            minutes = int(offset["hours"]) * 60 + int(offset["minutes"] or 0)
            self._offsets[name] = -minutes if offset["sign"] == "-" else minutes
        elif zone in available_timezones() and ("/" in zone or zone == "UTC"):
            self._seasons[name] = zone
        else:
            raise BadRow("TimeZone", f"{name[:40]!r} does not name one time zone that we know.")

    def moment(self) -> pl.Expr:
        """The checked rows' times in UTC."""
        told = canonical.local_time(pl.col("Creation Date"))
        zone = pl.col("TimeZone")
        east = pl.duration(minutes=zone.replace_strict(self._offsets, default=0, return_dtype=pl.Int64))
        moment = (told - east).dt.replace_time_zone("UTC")
        for name, iana in self._seasons.items():
            moment = pl.when(zone == name).then(canonical.in_zone(told, iana)).otherwise(moment)
        return moment


def _own(period: Period) -> Mapping[str, int]:
    """What the merchant's own zone calls itself, in winter and in summer."""
    zone, year = ZoneInfo(period.zone), period.start.year
    own = {}
    for month in (1, 7):
        moment = datetime(year, month, 1, tzinfo=zone)
        name, shift = moment.tzname(), moment.utcoffset()
        if name is not None and name.isalpha() and shift is not None:
            own[name] = int(shift.total_seconds()) // 60
    return own
