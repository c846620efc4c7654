"""How a setting is written in a variable of the environment: read into its type, and back.

A reader raises ValueError whose words say what it wants.
"""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import MISSING, field
from ipaddress import ip_address, ip_network
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from domain.addresses import names

KEY_BYTES: Final = 32
_HIDDEN: Final = "********"
_NETWORKS_MAX: Final = 100


class SettingsError(ValueError):
    """A variable of the environment that cannot be used; the message names it and says what is wanted instead."""


def setting(
    variable: str, read: Callable[[str], Any], about: str, default: Any = MISSING, *, secret: bool = False
) -> Any:
    """A field of the settings: its variable, what reads it, and what it does."""
    return field(default=default, metadata={"variable": variable, "read": read, "about": about, "secret": secret})


def text(value: str) -> str:
    """Any text, as it was written: spaces around it are part of it."""
    return value


def integer(low: int, high: int) -> Callable[[str], int]:
    """A whole number of these bounds, both included."""

    def read(value: str) -> int:
        if not re.fullmatch(r"[0-9]{1,10}", value) or not low <= int(value) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(value)

    return read


def seconds(value: str) -> float:
    """Seconds, above zero."""
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?", value) or float(value) <= 0:
        raise ValueError("a number of seconds above zero")
    return float(value)


def boolean(value: str) -> bool:
    """Whether it is `true`, and not `false`."""
    if value not in ("true", "false"):
        raise ValueError("true or false")
    return value == "true"


def one_of(*allowed: str) -> Callable[[str], str]:
    """One of these words."""

    def read(value: str) -> str:
        if value not in allowed:
            raise ValueError(f"one of {', '.join(allowed)}")
        return value

    return read


def url(*schemes: str) -> Callable[[str], str]:
    """An address of one of these schemes."""
    wanted = (
        f"an address such as {schemes[0]}://user:password@host:port/name; @ / # ? % are written as %40 %2F %23 %3F %25 "
        "in it where they are part of a user or password"
    )

    def read(value: str) -> str:
        if not _is_address(value, schemes):
            raise ValueError(wanted)
        return value

    return read


def checked(read: Callable[[str], str], check: Callable[[str], None]) -> Callable[[str], str]:
    """As `read` reads it, if `check` has nothing against it."""

    def both(value: str) -> str:
        found = read(value)
        check(found)
        return found

    return both


def _is_address(value: str, schemes: Sequence[str]) -> bool:
    try:
        parts = urlsplit(value)
        known = parts.scheme in schemes and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # no port, no host: the user information has what ends it
        return False
    cut = parts.netloc.count("@") > 1 or "@" in parts.path + parts.query + parts.fragment
    return known and not cut and not re.search(r"%(?![0-9A-Fa-f]{2})", parts.netloc)


def origins(value: str) -> tuple[str, ...]:
    """Origins, separated by commas."""
    found = tuple(origin.strip() for origin in value.split(",") if origin.strip())
    if not all(re.fullmatch(r"https?://[^/\s]+", origin) for origin in found):
        raise ValueError("origins such as https://shop.example.com, separated by commas")
    return found


def words(value: str) -> tuple[str, ...]:
    """Words without spaces, separated by commas."""
    found = tuple(word.strip() for word in value.split(",") if word.strip())
    if not found or not all(re.fullmatch(r"[!-+\--~]{1,200}", word) for word in found):
        raise ValueError("words without spaces, separated by commas")
    return found


def places(value: str) -> tuple[str, ...]:
    """What the operator opens, separated by commas: hosts with their ports, and to whom."""
    found = tuple(place.strip() for place in value.split(",") if place.strip())
    for place in found:
        names.opening_named(place)
    return found


def networks(value: str) -> tuple[str, ...]:
    """IP addresses and networks, separated by commas."""
    found = tuple(one.strip() for one in value.split(",") if one.strip())
    try:
        told = tuple(str(ip_network(one)) if "/" in one else str(ip_address(one)) for one in found)
    except ValueError as error:
        raise ValueError(
            "IP addresses or networks such as 203.0.113.7 or 2001:db8::/64, separated by commas"
        ) from error
    if len(told) > _NETWORKS_MAX:
        raise ValueError(f"at most {_NETWORKS_MAX} of them")
    return told


def clock(value: str) -> tuple[int, int]:
    """Hour and minute of a time of day in UTC."""
    if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", value):
        raise ValueError("a time of day in UTC such as 02:30")
    hour, minute = value.split(":")
    return int(hour), int(minute)


def key(value: str) -> bytes:
    """32 bytes, in base64url."""
    try:
        found = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if len(found) != KEY_BYTES:
        raise ValueError(f"{KEY_BYTES} random bytes in base64url")
    return found


def written(value: Any) -> str:
    """As the readers above read it."""
    if isinstance(value, bytes):
        return base64.urlsafe_b64encode(value).decode() if value else ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(value) if value and isinstance(value[0], str) else _clock_text(value)
    return str(value)


def shown(value: Any, secret: bool) -> str:
    """As people may see it: no secret, and no password of an address."""
    if secret:
        return _HIDDEN if value else ""
    said = written(value)
    parts = urlsplit(said) if "://" in said else None
    if parts is None or parts.password is None:
        return said
    place = parts.netloc.replace(f":{parts.password}@", f":{_HIDDEN}@")
    return urlunsplit(parts._replace(netloc=place))


def _clock_text(value: tuple[Any, ...]) -> str:
    return f"{value[0]:02}:{value[1]:02}" if len(value) == 2 else ""
