"""The audit log: its filter as it stands in the address, what it says in words, and the file that is made of it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from api.console import typed
from api.console.formats import way
from api.console.page import Asked, Data, Done
from api.console.words import N_, _

KINDS: Final = {
    "CHANGE": ("●", N_("changed"), "ok"),
    "READ": ("○", N_("read"), "wait"),
    "REFUSED": ("✕", N_("refused"), "bad"),
}
_TEXTS: Final = {"person": "personId", "token": "tokenId", "object": "objectKind", "id": "objectId"}
_FILTERS: Final = ("kind", "since", "until", *_TEXTS)
FIELDS: Final = {f"filter.{field}": "of_token" if name == "token" else name for name, field in _TEXTS.items()}
_MAKING: Final = {
    "QUEUED": ("○", N_("Waiting"), "wait"),
    "RUNNING": ("○", N_("Being made"), "wait"),
    "DONE": ("●", N_("Ready"), "ok"),
    "FAILED": ("✕", N_("Failed"), "bad"),
    "EXPIRED": ("–", N_("Deleted after seven days"), "gone"),
}


def variables(asked: Asked) -> Mapping[str, Any]:
    """The document's; days are counted in UTC. Raises Unsendable."""
    return {"filter": _filter(asked.text, asked.texts("kind")), "after": asked.text("after")}


def _filter(text_of: Callable[[str], str | None], kinds: Sequence[str] | None) -> dict[str, Any]:
    found: dict[str, Any] = {field: text_of(name) for name, field in _TEXTS.items() if text_of(name)}
    if kinds:
        found["kinds"] = list(kinds)
    if text := text_of("since"):
        found["since"] = f"{typed.day('since', text)}T00:00:00Z"
    if text := text_of("until"):
        found["until"] = f"{_day_after(typed.day('until', text)).isoformat()}Z"
    return found


def _day_after(text: str) -> datetime:
    day = date.fromisoformat(text)
    return datetime.combine(day if day == date.max else day + timedelta(days=1), time.min)


def view(asked: Asked, data: Data) -> Mapping[str, Any]:
    """What the selects offer."""
    kept = [(name, value) for name, value in asked.query.multi_items() if name in _FILTERS and value]
    people = [edge["node"] for edge in (data.get("people") or {"edges": []})["edges"]]
    return {
        "kinds": [(name, _(word)) for name, (_mark, word, _tone) in KINDS.items()],
        "signs": {name: (mark, _(word), tone) for name, (mark, word, tone) in KINDS.items()},
        "people": [(one["id"], one["name"]) for one in people],
        "filtered": bool(kept),
        "kept": urlencode(kept),
    }


def export_view(asked: Asked, data: Data) -> Mapping[str, Any]:
    """What the selects offer, and what was made of the log already."""
    return {
        "kinds": [(name, _(word)) for name, (_mark, word, _tone) in KINDS.items()],
        "made": [edge["node"] for edge in data["exports"]["edges"] if edge["node"]["kind"] == "AUDIT"],
        "signs": {name: (mark, _(word), tone) for name, (mark, word, tone) in _MAKING.items()},
        "kept": urlencode([(name, value) for name, value in asked.query.multi_items() if name in _FILTERS and value]),
    }


def export_input(asked: Asked) -> Mapping[str, Any]:
    """exportCreate's. Raises Unreadable."""
    # Every form has a `token` of its own, which is another one.
    narrowed = _filter(lambda name: asked.given("of_token" if name == "token" else name), asked.all_given("kind"))
    return {
        "kind": "AUDIT",
        "format": asked.given("format"),
        "filter": {"audit": narrowed},
        "locale": way.get().language,
        "idempotencyKey": asked.given("key"),
    }


def exported(asked: Asked, payload: Data) -> Done:
    """Back to the list of what is made."""
    return Done("/console/audit/export", _("The file is being made. Load this page again to fetch it."))
