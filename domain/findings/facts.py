"""What a finding says of both sides: as a client reads it, and as a digest by which other facts are told from the same.

New findings have `detail` = {"ours": {...}, "theirs": {...}, "differs": [...]}; older ones name the witness.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from domain.platform.idempotency import digest

_OURS: Final = ("ledger", "refund", "booked", "one")
_THEIRS: Final = ("report", "listed", "webhook", "taken", "other", "reference", "pse_reference")
_PLACES: Final = frozenset({"line", "notice", "run", "file", "file_name", "row"})  # where it is told changes nothing


@dataclass(frozen=True, slots=True)
class Sides:
    """What our books say, what the other side says, and the names of what differs."""

    ours: Mapping[str, Any]
    theirs: Mapping[str, Any]
    differs: tuple[str, ...]


def sides_of(detail: Mapping[str, Any]) -> Sides:
    """Both sides, however the finding has them."""
    if "ours" in detail or "theirs" in detail:
        ours, theirs = _mapping(detail.get("ours")), _mapping(detail.get("theirs"))
        told = detail.get("differs")
        differs = tuple(str(one) for one in told) if isinstance(told, list) else _differing(ours, theirs)
        return Sides(ours, theirs, differs)
    ours = {name: detail[name] for name in _OURS if name in detail}
    theirs = {name: detail[name] for name in _THEIRS if name in detail}
    witnessed = any(name in theirs for name in ("report", "listed", "webhook", "taken", "other"))
    return Sides(ours, theirs, (_what(ours, theirs),) if ours and witnessed else ())


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _differing(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(name for name in sorted({*ours, *theirs}) if ours.get(name) != theirs.get(name))


def _what(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    if "one" in ours:
        return "reference"
    return "amount" if any(isinstance(one, int) for one in ours.values()) else "state"


def digest_of(kind: str, amount: int, currency: str, detail: Mapping[str, Any]) -> str:
    """SHA-256 of the facts. Where a line or a file has them, and why they are told, are none."""
    if "ours" in detail or "theirs" in detail:
        told = {"ours": detail.get("ours"), "theirs": detail.get("theirs")}
    else:
        told = {name: value for name, value in detail.items() if name not in _PLACES}
    return digest({"kind": kind, "amount": amount, "currency": currency, "sides": told})
