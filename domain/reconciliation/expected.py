"""When the report of a connection's business date is to be there, and a refund's line with it: expected is not missing.

What is known of the PSE (domain/pse/expected), unless the connection's contract says otherwise; by the calendars of the
countries whose banks count, put right by the days that the merchant's people know better.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.books import bank_days as known_days
from domain.calendars import bank_days
from domain.calendars.bank_days import Exceptions
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.models import Connection, Merchant, ReportExpectation
from domain.platform.database import transaction
from domain.problems import InvalidInput, NotFound
from domain.pse.expected import MERCHANT, Covers, Expected, Lag, expected
from domain.pse.registry import connector

SET: Final = "reportExpectationSet"
_DAYS_MAX: Final = 90
_COUNTRIES_MAX: Final = 10
_CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_BACK_MAX: Final = 200  # days: longer than any lag takes with all its holidays


@dataclass(frozen=True, slots=True)
class Awaited:
    """What is expected of one connection, with the merchant's own zone and country in it."""

    said: Expected
    zone: ZoneInfo  # of the business dates
    country: str
    exceptions: Exceptions

    @property
    def covers(self) -> Covers:
        """Which days one report is about."""
        return self.said.covers

    @property
    def countries(self) -> frozenset[str]:
        """ISO 3166 codes whose holidays count; those without a calendar here are left out."""
        named = (self.country if one == MERCHANT else one for one in self.said.countries)
        return frozenset(one for one in named if one in bank_days.COUNTRIES)

    def due(self, business_date: date) -> datetime:
        """By when the date's report is to be there, UTC."""
        clock = self.zone if self.said.zone == MERCHANT else ZoneInfo(self.said.zone)
        # A local time that the clocks leave out is as long after midnight as it would have been.
        return datetime.combine(self._after(business_date, self.said.report), self.said.until, clock).astimezone(UTC)

    def line_until(self, day: date) -> date | None:
        """Up to which business date the reports may tell of what left on that day; None: nothing is known of it."""
        return None if self.said.refund_line is None else self._after(day, self.said.refund_line)

    def told_until(self, business_date: date) -> date | None:
        """The last day of which all lines are in the reports up to that business date; None: nothing is known."""
        if self.said.refund_line is None:
            return None
        for back in range(_BACK_MAX):
            day = business_date - timedelta(days=back)
            if self._after(day, self.said.refund_line) <= business_date:
                return day
        return None

    def told(self) -> Mapping[str, str]:
        """By which rules it was reckoned: a night keeps them."""
        return {"expected": self.said.version, "calendars": bank_days.version()}

    def _after(self, day: date, lag: Lag) -> date:
        if lag.of_banks:
            return bank_days.after(day, lag.days, self.countries, self.exceptions)
        return day + timedelta(days=lag.days)


async def of(connection: Connection) -> Awaited:
    """What is expected of a connection."""
    return (await of_all([connection]))[connection.id]


async def of_all(chosen: Sequence[Connection]) -> Mapping[UUID, Awaited]:
    """What is expected of each of these connections."""
    merchants = {one.id: one for one in await Merchant.filter(id__in=list({one.merchant_id for one in chosen}))}
    own = {
        one.connection_id: one for one in await ReportExpectation.filter(connection_id__in=[one.id for one in chosen])
    }
    exceptions = await known_days.of_merchants(merchants)
    return {
        one.id: Awaited(
            _said(one, own.get(one.id)),
            ZoneInfo(merchants[one.merchant_id].zone),
            merchants[one.merchant_id].country,
            exceptions[one.merchant_id],
        )
        for one in chosen
    }


def _said(connection: Connection, own: ReportExpectation | None) -> Expected:
    known = expected(connector(connection.pse))
    if own is None:
        return known
    return replace(
        known,
        covers=Covers(own.covers),
        report=Lag(own.days, own.of_banks),
        until=time.fromisoformat(own.until),
        zone=own.zone,
        countries=tuple(own.countries),
        refund_line=None if own.line_days is None else Lag(own.line_days, own.line_of_banks),
        version=f"set by {own.set_by}, {own.set_at:%Y-%m-%d}",
    )


@dataclass(frozen=True, slots=True)
class Contract:
    """What a contract says, as a person gives it; `until` is HH:MM."""

    covers: Covers
    report: Lag
    until: str
    zone: str
    countries: tuple[str, ...]
    refund_line: Lag | None


async def set_for(principal: Principal, connection_id: UUID, given: Contract, cause: Cause) -> Connection:
    """Say when a connection's reports come. Raises Forbidden, InvalidInput, NotFound."""
    principal.require_everywhere(Permission.KEEP_BOOKS)
    _check(given)
    connection = await Connection.get_or_none(id=connection_id, merchant_id=principal.merchant_id)
    if connection is None:
        raise NotFound("There is no such connection.", path=["input", "connectionId"])
    line = given.refund_line
    facts = {
        "covers": given.covers.value,
        "days": given.report.days,
        "of_banks": given.report.of_banks,
        "until": given.until,
        "zone": given.zone,
        "countries": list(given.countries),
        "line_days": None if line is None else line.days,
        "line_of_banks": line is not None and line.of_banks,
    }
    async with transaction():
        before = await ReportExpectation.get_or_none(connection_id=connection_id)
        was = {} if before is None else {name: getattr(before, name) for name in facts}
        await ReportExpectation.update_or_create(
            {**facts, "merchant_id": connection.merchant_id, "set_by": principal.holder}, connection_id=connection_id
        )
        changes = deeds.changed(was, facts)
        await deeds.note(connection.merchant_id, SET, Of("connection", connection_id), cause, changes)
    return connection


def _check(given: Contract) -> None:
    lags = [given.report, *([given.refund_line] if given.refund_line else [])]
    if not all(0 <= lag.days <= _DAYS_MAX for lag in lags):
        raise InvalidInput(f"Days lie between 0 and {_DAYS_MAX}.", path=["input", "days"])
    if _CLOCK.fullmatch(given.until) is None:
        raise InvalidInput("`until` is a time of day such as 12:00.", path=["input", "until"])
    if given.zone != MERCHANT and given.zone not in available_timezones():
        raise InvalidInput(f"`zone` is an IANA name such as America/Sao_Paulo, or {MERCHANT}.", path=["input", "zone"])
    if len(given.countries) > _COUNTRIES_MAX:
        raise InvalidInput(f"At most {_COUNTRIES_MAX} countries count.", path=["input", "countries"])
    for one in given.countries:
        if one != MERCHANT:
            known_days.check_country(one, ["input", "countries"])


async def last_ended(connection: Connection) -> date:
    """The last business date that is over."""
    return datetime.now((await of(connection)).zone).date() - timedelta(days=1)
