"""Days of which a merchant's people know better than a table whether the banks of a country are closed: decrees come in
the middle of a year. Reports are awaited, and deadlines of tax counted, by the same ones.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.calendars import bank_days
from domain.calendars.bank_days import Exceptions, UnknownCountry
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.models import BankDay
from domain.platform.database import transaction
from domain.problems import InvalidInput

SET: Final = "bankDaySet"
_WHY_MAX: Final = 200
_YEARS_MAX: Final = 10  # before and after this one
_LISTED_MAX: Final = 100


async def set_day(principal: Principal, country: str, day: date, closed: bool, why: str, cause: Cause) -> BankDay:
    """Say whether a country's banks are closed on a day, whatever a table says. Raises Forbidden, InvalidInput."""
    principal.require_everywhere(Permission.KEEP_BOOKS)
    check_country(country, ["input", "country"])
    if abs(day.year - datetime.now(UTC).year) > _YEARS_MAX:
        raise InvalidInput(f"A day lies within {_YEARS_MAX} years of today.", path=["input", "day"])
    if not (0 < len(why.strip()) <= _WHY_MAX and why.strip().isprintable()):
        said = f"`why` names the decree or the notice, in 1 to {_WHY_MAX} printable characters."
        raise InvalidInput(said, path=["input", "why"])
    of_day: dict[str, Any] = {"merchant_id": principal.merchant_id, "country": country, "day": day}
    facts: dict[str, Any] = {"closed": closed, "why": why.strip()}
    async with transaction():
        before = await BankDay.filter(**of_day).select_for_update(no_key=True).get_or_none()
        told = {**facts, "set_by": principal.holder, "set_at": datetime.now(UTC)}
        if before is None:
            await BankDay(**of_day, **told).save(force_create=True)
        else:  # only what may be changed of it
            await BankDay.filter(id=before.id).update(**told)
        row = await BankDay.get(**of_day)
        was = {} if before is None else {"closed": before.closed, "why": before.why}
        subject = Of("bank_day", f"{country}/{day}")
        await deeds.note(principal.merchant_id, SET, subject, cause, deeds.changed(was, facts))
    return row


def check_country(country: str, path: list[str]) -> None:
    """Raises InvalidInput for a country whose bank days are not known."""
    try:
        bank_days.check(country)
    except UnknownCountry as error:
        raise InvalidInput(str(error), path=path) from None


async def of_merchants(merchant_ids: Collection[UUID]) -> Mapping[UUID, Exceptions]:
    """What each of these merchants says of days."""
    found: dict[UUID, dict[tuple[str, date], bool]] = {one: {} for one in merchant_ids}
    for row in await BankDay.filter(merchant_id__in=list(found)):
        found[row.merchant_id][row.country, row.day] = row.closed
    return found


async def of_merchant(merchant_id: UUID) -> Exceptions:
    """What a merchant says of days."""
    return (await of_merchants([merchant_id]))[merchant_id]


async def listed(merchant_id: UUID, start: date) -> list[BankDay]:
    """The days that a merchant's people know better, from `start` on."""
    return await BankDay.filter(merchant_id=merchant_id, day__gte=start).order_by("day", "country").limit(_LISTED_MAX)
