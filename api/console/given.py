"""What pages of accounting share: months as they are written, amounts of minor units, files that come within a form."""

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from api.console import names
from api.console.formats import clock_of
from api.console.page import Asked, Data, Unsendable, upload_of
from api.console.words import N_
from domain.money import exponent_of

CURRENCIES: Final = ("BRL", "MXN", "COP", "CLP", "PEN", "ARS", "UYU", "USD", "EUR")
_MONTH: Final = re.compile(r"20[0-9]{2}-(?:0[1-9]|1[0-2])")
_BYTES_MAX: Final = 512 * 1024
_RATE: Final = re.compile(r"[0-9]{1,12}(?:[.,][0-9]{1,12})?")


def month_of(field: str, text: str) -> str:
    """YYYY-MM. Raises Unsendable."""
    if _MONTH.fullmatch(text) is None:
        raise Unsendable(field, N_("Write the month as year-month, 2026-01 say."))
    return text


def days_of(month: str) -> tuple[str, str]:
    """The first and the last day of YYYY-MM."""
    first = date(int(month[:4]), int(month[5:]), 1)
    return first.isoformat(), (_next(first) - timedelta(days=1)).isoformat()


def this_month(asked: Asked, now: datetime | None = None) -> str:
    """The month that it is where the merchant is."""
    return f"{_today(asked, now):%Y-%m}"


def last_month(asked: Asked, now: datetime | None = None) -> str:
    """The one that is over there, and that is looked at most."""
    return f"{_today(asked, now).replace(day=1) - timedelta(days=1):%Y-%m}"


def _today(asked: Asked, now: datetime | None) -> date:
    return (now or datetime.now(UTC)).astimezone(clock_of(asked.zone)).date()


def _next(first: date) -> date:
    return (first + timedelta(days=32)).replace(day=1)


def money_of(units: str | int, currency: str) -> dict[str, Any]:
    """Minor units as amounts are shown."""
    return {"minorUnits": str(units), "currency": currency, "exponent": exponent_of(currency)}


def decimal(field: str, text: str | None) -> str:
    """A rate or a percentage, with a point or a comma. Raises Unsendable."""
    if text is None or _RATE.fullmatch(text) is None:
        raise Unsendable(field, N_("Write a number such as 1.25."))
    return text.replace(",", ".")


def needed(asked: Asked, field: str, why: str = N_("Fill this in.")) -> str:
    """What was typed. Raises Unsendable."""
    found = asked.given(field)
    if found is None:
        raise Unsendable(field, why)
    return found


def left_in(asked: Asked, **names: str) -> dict[str, str]:
    """The fields that somebody filled in, by the input's names for them."""
    return {name: value for name, field in names.items() if (value := asked.given(field)) is not None}


def content_of(asked: Asked, field: str) -> str:
    """A file of the form in base64. Raises Unsendable."""
    upload = upload_of(asked.form, field)
    if upload is None:
        raise Unsendable(field, N_("Choose a file."))
    content = upload.file.read(_BYTES_MAX + 1)
    if len(content) > _BYTES_MAX:
        raise Unsendable(field, N_("The file has more than 512 KiB; split it."))
    return b64encode(content).decode()


def connections_of(data: Data) -> Sequence[tuple[str, str]]:
    """What a choice of connections offers."""
    connections = data["viewer"]["merchant"]["connections"]
    return [(one["id"], f"{one['name']} ({names.pse(one['pse'])})") for one in connections]


def stores_of(data: Data) -> Sequence[tuple[str, str]]:
    """What a choice of stores offers."""
    return [(one["id"], one["name"]) for one in data["viewer"]["merchant"]["stores"]]


def names_of(data: Data) -> Mapping[str, str]:
    """Connections by id."""
    return {one["id"]: one["name"] for one in data["viewer"]["merchant"]["connections"]}
