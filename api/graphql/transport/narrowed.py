"""Conditions that filters of several lists have alike: few values, ids, amounts of one currency, days."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from tortoise.models import Model

from api.graphql.transport import ids
from api.graphql.transport.scalars import MoneyInput
from domain.access import merchants
from domain.access.principal import Principal
from domain.platform.lengths import fits
from domain.problems import InvalidInput

VALUES_MAX: Final = 50


def few(given: Sequence[Any], name: str) -> list[Any]:
    """A filter's list. Raises InvalidInput for more than VALUES_MAX values."""
    if len(given) > VALUES_MAX:
        raise InvalidInput(f"{name} takes at most {VALUES_MAX} values.", path=["filter", name])
    return list(given)


def texts(model: type[Model], column: str, given: Sequence[str], name: str) -> dict[str, Any]:
    """A column is one of these texts; one that is longer than the column is none's. Raises InvalidInput."""
    return {f"{column}__in": [one for one in few(given, name) if fits(model, column, one)]}


def uuids(given: Sequence[str], name: str) -> list[UUID]:
    """Plain ids. Raises InvalidInput."""
    return [ids.uuid_of(one, ["filter", name]) for one in few(given, name)]


def amounts(
    least: MoneyInput | None, most: MoneyInput | None, *, amount: str = "amount", currency: str = "currency"
) -> dict[str, Any]:
    """Amounts of one currency, both included, by these columns. Raises InvalidInput."""
    found: dict[str, Any] = {}
    for name, limit, sign in (("amountFrom", least, "gte"), ("amountUntil", most, "lte")):
        if limit is None:
            continue
        asked = limit.parsed(["filter", name])
        if found.setdefault(currency, asked.currency) != asked.currency:
            raise InvalidInput("amountFrom and amountUntil have one currency.", path=["filter", name])
        found[f"{amount}__{sign}"] = asked.minor_units
    return found


def days(since: date | None, until: date | None, column: str) -> dict[str, Any]:
    """A column of days, both included."""
    found: dict[str, Any] = {f"{column}__gte": since} if since is not None else {}
    return found | ({f"{column}__lte": until} if until is not None else {})


async def own_days(principal: Principal, since: date | None, until: date | None, column: str) -> dict[str, Any]:
    """A column of moments: days of the merchant's zone, both included."""
    if since is None and until is None:
        return {}
    return moments(since, until, column, (await merchants.own(principal)).zone)


def moments(since: date | None, until: date | None, column: str, zone: str) -> dict[str, Any]:
    """A column of moments: days of a zone, both included."""
    found: dict[str, Any] = {}
    if since is not None:
        found[f"{column}__gte"] = datetime.combine(since, time.min, ZoneInfo(zone))
    if until is not None and until < date.max:
        found[f"{column}__lt"] = datetime.combine(until + timedelta(days=1), time.min, ZoneInfo(zone))
    return found
