"""A month of the books: which days it has, and from when on it can be closed."""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Self

from domain.problems import InvalidInput

# Entries of today and yesterday, by UTC, are booked without asking whether their month is closed (the database's
# trigger ledger_entries_open_period): a month is closed when both days lie behind it.
_DAYS_AFTER: Final = 2
# No books are of another century; the last days of the calendar are "infinity" to PostgreSQL, whose series never end.
_MONTH: Final = re.compile(r"20[0-9]{2}-(?:0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True)
class Month:
    """Both days are within, in the merchant's zone."""

    first_day: date
    last_day: date

    @classmethod
    def of(cls, day: date) -> Self:
        """The month that a day lies in."""
        return cls(day.replace(day=1), day.replace(day=monthrange(day.year, day.month)[1]))

    @classmethod
    def parse(cls, text: str, path: str = "month") -> Self:
        """Of YYYY-MM, of this century. Raises InvalidInput."""
        if _MONTH.fullmatch(text) is None:
            raise InvalidInput(f"{text[:20]!r} is no month; write YYYY-MM, from 2000-01 to 2099-12.", path=[path])
        return cls.of(date(int(text[:4]), int(text[5:]), 1))

    @property
    def closable_from(self) -> date:
        """The first day, by UTC, on which it can be closed."""
        return self.last_day + timedelta(days=_DAYS_AFTER)

    @property
    def next(self) -> "Month":
        """The month after it."""
        return Month.of(self.last_day + timedelta(days=1))

    def __str__(self) -> str:
        return self.first_day.strftime("%Y-%m")
