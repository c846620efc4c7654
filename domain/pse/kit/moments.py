"""Moments as PSEs write them, read into UTC."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

from domain.pse.kit import exact
from domain.pse.kit.unreadable import Unreadable

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def zoned(value: object) -> datetime | None:
    """A text of RFC 3339, which always has a zone; None for anything else."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        return moment.astimezone(UTC) if moment is not None and moment.tzinfo is not None else None
    except (ValueError, OverflowError):  # a zone may put the first and the last day out of the calendar
        return None


def or_utc(value: object) -> datetime | None:
    """A text of ISO 8601, of UTC where it names no zone; None for anything else."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else zoned(value)


def day(text: str) -> date | None:
    """The day that a text begins with, written as 2026-01-31; None where it begins with none."""
    try:
        return date.fromisoformat(text[:10]) if _DAY.fullmatch(text[:10]) else None
    except ValueError:
        return None


def rfc3339(value: object, name: str) -> datetime:
    """As `zoned`. Raises Unreadable."""
    moment = zoned(value)
    if moment is None:
        raise Unreadable(f"{name} {value!r} is no RFC 3339 time with its zone")
    return moment


def unix(found: Mapping[str, Any], name: str) -> datetime:
    """The whole seconds since 1970 of that name. Raises Unreadable."""
    value = exact.whole_number(found, name)
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Unreadable(f"{name} {value} is no Unix time") from error


def written(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds and a Z, as PSEs want it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
