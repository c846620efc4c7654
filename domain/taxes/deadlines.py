"""Until when the tax of a refund can be taken back, by the kind of rule. Pure; dates are days of the country."""

import calendar
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from domain.taxes.rulebook import DeadlineKind, LegalRule

IsBusinessDay = Callable[[date], bool]
_ROLL_DAYS_MAX: Final = 31


@dataclass(frozen=True, slots=True)
class Days:
    """The days that deadlines count from. `delivered` and `event` are None where nobody has said them."""

    sold: date
    asked: date
    paid: date
    delivered: date | None = None
    event: date | None = None


@dataclass(frozen=True, slots=True)
class Term:
    """`until`: the last day, None: there is none. `met`: whether what had to happen by then did; None: not known.

    Only a day that somebody has said can lose a tax: what is taken for it meanwhile cannot.
    """

    until: date | None
    met: bool | None = True


def term_of(rule: LegalRule, days: Days, works: IsBusinessDay) -> Term:
    """The term of a rule for these days. Total: each kind has an answer."""
    if rule.deadline is DeadlineKind.FORBIDDEN:
        return Term(None, met=False)
    if rule.deadline is DeadlineKind.MONTHS_FROM_DELIVERY:
        return _from_delivery(rule.number, days)
    count = _UNTIL.get(rule.deadline)
    return Term(count(rule.number, days, works) if count else None)


def _from_delivery(months: int, days: Days) -> Term:
    """The goods are back within so many months of their delivery."""
    until = add_months(days.delivered or days.sold, months)
    if (days.event or days.paid) <= until:
        return Term(until)
    both_said = days.delivered is not None and days.event is not None
    return Term(until, met=False if both_said else None)


def add_months(day: date, months: int) -> date:
    """The same day so many months later, or that month's last: 30 November and three is 28 or 29 February."""
    month = day.year * 12 + day.month - 1 + months
    year, number = month // 12, month % 12 + 1
    return date(year, number, min(day.day, calendar.monthrange(year, number)[1]))


def end_of_period(day: date, months: int) -> date:
    """The last day of the tax period of so many months, counted from January, in which a day lies."""
    last = (day.month - 1) // months * months + months
    return date(day.year, last, calendar.monthrange(day.year, last)[1])


def rolled(day: date, works: IsBusinessDay) -> date:
    """The day, or the next one on which offices work."""
    return next((later for n in range(_ROLL_DAYS_MAX) if works(later := day + timedelta(days=n))), day)


def business_days_before(day: date, count: int, works: IsBusinessDay) -> date:
    """The day that lies so many business days before."""
    for _ in range(_ROLL_DAYS_MAX):
        if count == 0:
            break
        day -= timedelta(days=1)
        count -= works(day)
    return day


def _day_of_next_month(number: int, days: Days, works: IsBusinessDay) -> date:
    first = add_months(days.sold.replace(day=1), 1)
    return rolled(first.replace(day=number), works)


_UNTIL: Final[dict[DeadlineKind, Callable[[int, Days, IsBusinessDay], date]]] = {
    DeadlineKind.MONTHS_FROM_SALE: lambda number, days, _: add_months(days.sold, number),
    DeadlineKind.DAYS_FROM_SALE: lambda number, days, _: days.sold + timedelta(days=number),
    DeadlineKind.DAYS_FROM_ASKED: lambda number, days, _: (days.event or days.asked) + timedelta(days=number),
    DeadlineKind.END_OF_EVENT_PERIOD: lambda number, days, _: end_of_period(days.event or days.paid, number),
    DeadlineKind.DAY_OF_NEXT_MONTH: _day_of_next_month,
    DeadlineKind.HOURS_FROM_AUTHORISATION: lambda number, days, _: days.sold + timedelta(hours=number),
    DeadlineKind.MONTH_OF_ANNUAL_RETURN: lambda number, days, _: add_months(date(days.sold.year, 12, 31), number),
}
