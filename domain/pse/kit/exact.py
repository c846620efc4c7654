"""A PSE's JSON read without floats, so that nothing is rounded on the way, and amounts that it writes as decimals."""

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from domain.money import Money, MoneyError
from domain.pse.kit.unreadable import Unreadable

_MAGNITUDE_MAX: Final = 20  # powers of ten, either way: no amount of money is beyond
_CHARACTERS_MAX: Final = 100
_CODE: Final = re.compile(r"[A-Z]{3}")
_PAID_IN: Final = re.compile(r"[A-Z][A-Z0-9]{2,7}")


def document(content: bytes) -> Any:
    """The document with every number as it is written; None where it is no JSON."""
    try:
        return json.loads(content, parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None


def explained(content: bytes) -> bool:
    """Whether it is an object of JSON: what a PSE refuses, it explains. A page of HTML comes from somebody else."""
    return isinstance(document(content), dict)


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no JSON.")


def text(found: Any, name: str, longest: int = _CHARACTERS_MAX) -> str | None:
    """The text of that name in an object; None where there is none, or one that is empty or longer than `longest`."""
    value = found.get(name) if isinstance(found, dict) else None
    return value if isinstance(value, str) and 0 < len(value) <= longest else None


def needed(found: Any, name: str) -> str:
    """The text of that name. Raises Unreadable where `text` finds none."""
    value = text(found, name)
    if value is None:
        raise Unreadable(f"{name} is missing or no text")
    return value


def of_kind(found: Any, kind: str) -> dict[str, Any]:
    """The object that calls itself `kind`, in its field `object`. Raises Unreadable for anything else."""
    if not isinstance(found, dict) or found.get("object") != kind:
        raise Unreadable(f"it is no {kind}")
    return found


def whole_number(found: Any, name: str) -> int:
    """The whole number of that name in an object. Raises Unreadable."""
    value = inner(found, name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Unreadable(f"{name} is no whole number")
    return value


def inner(found: Any, *names: str) -> Any:
    """What stands under these names, each within the one before it; None where there is no such place."""
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def objects(found: Any) -> list[dict[str, Any]] | None:
    """A list of objects; None for anything else."""
    return found if isinstance(found, list) and all(isinstance(one, dict) for one in found) else None


def texts(found: Any, *names: str) -> list[str]:
    """The texts of the list that stands under these names; what else is there, or no list, is left out."""
    listed = inner(found, *names)
    return [one for one in listed if isinstance(one, str)] if isinstance(listed, list) else []


def whole_list(found: Any, name: str, *, may_lack: bool = False) -> list[dict[str, Any]]:
    """The objects of `{"data": [...], "has_more": false}`. Raises Unreadable, also where it does not show all.

    `may_lack`: where there are none, the list itself, or `data`, may be left out.
    """
    if may_lack and found is None:
        return []
    listed = objects(found.get("data", []) if may_lack and isinstance(found, dict) else inner(found, "data"))
    if listed is None:
        raise Unreadable(f"{name} is not a list")
    if found.get("has_more") is not False:
        raise Unreadable(f"{name}.has_more: there are more than are shown")
    return listed


def is_code(currency: str) -> bool:
    """Whether it has the form of ISO 4217's codes, known to us or not."""
    return _CODE.fullmatch(currency) is not None


def is_paid_in(currency: str) -> bool:
    """Whether it has the form of what customers pay in, which may have other codes than ISO 4217's: USDC."""
    return _PAID_IN.fullmatch(currency) is not None


def minor_units(amount: Any, currency: str, name: str = "amount") -> Money:
    """An amount of minor units, which stands under that name. Raises Unreadable."""
    try:
        return Money(amount, currency)
    except MoneyError as error:
        raise Unreadable(f"{name} and currency: {error}") from error


def written(amount: Decimal) -> str:
    """A sum with the decimals that say something, and two at least: how many it has depends on how it was added up."""
    cents = f"{amount:.2f}"
    return cents if Decimal(cents) == amount else f"{amount.normalize():f}"


def money(amount: object, currency: object) -> Money | None:
    """An amount of major units, a number or a text; None where it cannot be read exactly."""
    if isinstance(amount, bool) or not isinstance(amount, int | Decimal | str) or not isinstance(currency, str):
        return None
    try:
        number = Decimal(amount)
        if not number.is_finite() or abs(number.adjusted()) > _MAGNITUDE_MAX:
            return None
        whole, _, decimals = f"{number:f}".partition(".")
        return Money.parse(f"{whole}.{decimals.rstrip('0')}".rstrip("."), currency)
    except (InvalidOperation, MoneyError):
        return None
