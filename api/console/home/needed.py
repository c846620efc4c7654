"""What needs the reader: only what they may do, each with how much of it there is and where it is done."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from api.console.page import Data
from api.console.person import PREFIX
from api.console.words import _

_AWAITING_MAX: Final = 1_000  # of the oldest, as the API says

_COUNTED_MAX: Final = 100  # of what waits


@dataclass(frozen=True, slots=True)
class Needed:
    """`more`: there are more than were counted. `tone` as of a state."""

    count: int
    more: bool
    label: str
    href: str
    mark: str
    tone: str


def needed(data: Data, may: Callable[[str], bool]) -> Sequence[Needed]:
    """What there is at least one of, the gravest first."""
    found = [
        _alerts(data),
        _doubts(data, may),
        _connections(data, may),
        _approvals(data),
        _spoken(data),
        _by_hand(data, may),
    ]
    return [
        one
        for one in (*found, _of_shops(data, may), _told(data), _findings(data), _nights(data))
        if one is not None and one.count
    ]


def _alerts(data: Data) -> Needed | None:
    listed = data.get("alerts")
    return _of_list(listed, _("Alerts that nobody has taken on"), "/news", "✕", "bad")


def _doubts(data: Data, may: Callable[[str], bool]) -> Needed | None:
    if not may("RESOLVE_DOUBT"):
        return None
    told = data["doubts"]
    label = _("Doubts that only a person can end")
    return Needed(told["count"], told["isMore"], label, f"{PREFIX}/refunds?person=yes", "◐", "doubt")


def _connections(data: Data, may: Callable[[str], bool]) -> Needed | None:
    if not may("READ"):
        return None
    refused = [one for one in data["viewer"]["merchant"]["connections"] if one["enabled"] and one["refusedSince"]]
    label = _("Connections whose PSE refuses our access; their refunds wait")
    return Needed(len(refused), False, label, f"{PREFIX}/connections", "✕", "bad")


def _approvals(data: Data) -> Needed | None:
    told = data.get("awaitingMe")
    if told is None:
        return None
    count, label = told["totalCount"], _("Refunds that wait for your yes")
    return Needed(count, count >= _AWAITING_MAX, label, f"{PREFIX}/todo", "○", "wait")


def _spoken(data: Data) -> Needed:
    label = _("Doubts of which somebody has said what happened, and which wait for your word")
    return _waiting(data, "doubts", label, "/refunds?second=ME", "◐", "doubt")


def _told(data: Data) -> Needed:
    label = _("Findings of which somebody has said what became of them, and which wait for your yes")
    return _waiting(data, "confirmations", label, "/findings?second=ME", "○", "wait")


def _waiting(data: Data, what: str, label: str, path: str, mark: str, tone: str) -> Needed:
    count = data["viewer"]["waiting"][what]
    return Needed(count, count >= _COUNTED_MAX, label, PREFIX + path, mark, tone)


def _by_hand(data: Data, may: Callable[[str], bool]) -> Needed | None:
    if not may("SETTLE_MANUALLY"):
        return None
    told = data["byHand"]
    return Needed(told["count"], told["isMore"], _("Refunds to pay by hand"), f"{PREFIX}/todo/by-hand", "◐", "doubt")


def _of_shops(data: Data, may: Callable[[str], bool]) -> Needed | None:
    if not may("REFUND"):
        return None
    label = _("Shops' refunds that wait for a person")
    return _of_list(data.get("ofShops"), label, "/shops/waiting", "◐", "doubt")


def _findings(data: Data) -> Needed | None:
    told = data.get("findingFigures")
    if told is None:
        return None
    label = _("Findings that are due within a day, or overdue")
    return Needed(told["due"], told["dueIsMore"], label, f"{PREFIX}/findings?order=DUE", "!", "bad")


def _nights(data: Data) -> Needed | None:
    listed = data.get("nights")
    return _of_list(listed, _("Nights that are late, failed or contradicted"), "/nights", "!", "bad")


def _of_list(listed: Mapping[str, Any] | None, label: str, path: str, mark: str, tone: str) -> Needed | None:
    if listed is None:
        return None
    return Needed(len(listed["edges"]), listed["pageInfo"]["hasNextPage"], label, PREFIX + path, mark, tone)
