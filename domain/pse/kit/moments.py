"""Moments as PSEs write them, read into UTC."""

from datetime import UTC, datetime

from domain.pse.kit.unreadable import Unreadable


def rfc3339(value: object, name: str) -> datetime:
    """A text of RFC 3339, which always has a zone. Raises Unreadable."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None:
        raise Unreadable(f"{name} {value!r} is no RFC 3339 time")
    if moment.tzinfo is None:
        raise Unreadable(f"{name} {value!r} has no time zone")
    return moment.astimezone(UTC)


def unix(value: object, name: str) -> datetime:
    """Whole seconds since 1970. Raises Unreadable."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise Unreadable(f"{name} is no Unix time")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Unreadable(f"{name} {value} is no Unix time") from error


def written(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds and a Z, as PSEs want it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
