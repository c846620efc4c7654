"""The audit log: its filter as it stands in the address, what it says in words, and the file that is made of it."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from api.console import typed
from api.console.audit import said
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
FIELDS: Final = {"filter": "format"}  # what the address filters has no field of its own
_LABELS: Final = {
    "kind": N_("What"),
    "since": N_("From (UTC)"),
    "until": N_("Until (UTC)"),
    "person": N_("Person"),
    "token": N_("Token's id"),
    "object": N_("Kind of object"),
    "id": N_("Object's id"),
}
_MAKING: Final = {
    "QUEUED": ("○", N_("Waiting"), "wait"),
    "RUNNING": ("○", N_("Being made"), "wait"),
    "DONE": ("●", N_("Ready"), "ok"),
    "FAILED": ("✕", N_("Failed"), "bad"),
    "EXPIRED": ("–", N_("Deleted after seven days"), "gone"),
}


def variables(asked: Asked) -> Mapping[str, Any]:
    """The document's; days are counted in UTC. Raises Unsendable."""
    return {"filter": _filter(asked), "after": asked.text("after")}


def _filter(asked: Asked) -> dict[str, Any]:
    found: dict[str, Any] = {field: asked.text(name) for name, field in _TEXTS.items() if asked.text(name)}
    if kinds := asked.texts("kind"):
        found["kinds"] = kinds
    if text := asked.text("since"):
        found["since"] = f"{typed.day('since', text)}T00:00:00Z"
    if text := asked.text("until"):
        found["until"] = f"{_day_after(typed.day('until', text)).isoformat()}Z"
    return found


def _day_after(text: str) -> datetime:
    day = date.fromisoformat(text)
    return datetime.combine(day if day == date.max else day + timedelta(days=1), time.min)


def view(asked: Asked, data: Data) -> Mapping[str, Any]:
    """What the selects offer."""
    kept = _kept(asked)
    return {
        "kinds": [(name, _(word)) for name, (_mark, word, _tone) in KINDS.items()],
        "signs": {name: (mark, _(word), tone) for name, (mark, word, tone) in KINDS.items()},
        "people": list(_people(data).items()),
        "filtered": bool(kept),
        "operation": said.operation,
        "thing": said.thing,
        "kept": urlencode(kept),
    }


def _kept(asked: Asked) -> list[tuple[str, str]]:
    return [(name, value) for name, value in asked.query.multi_items() if name in _FILTERS and value]


def _people(data: Data) -> dict[str, str]:
    return {edge["node"]["id"]: edge["node"]["name"] for edge in (data.get("people") or {"edges": []})["edges"]}


def export_view(asked: Asked, data: Data) -> Mapping[str, Any]:
    """The list's filter in words, and what was made of the log already."""
    kept = _kept(asked)
    made = [edge["node"] for edge in data["exports"]["edges"] if edge["node"]["kind"] == "AUDIT"]
    words = {**{name: _(word) for name, (_mark, word, _tone) in KINDS.items()}, **_people(data)}
    return {
        "narrowed": [(_(_LABELS[name]), words.get(value, value)) for name, value in kept],
        "made": made,
        "signs": {name: (mark, _(word), tone) for name, (mark, word, tone) in _MAKING.items()},
        "under_way": any(one["state"] in ("QUEUED", "RUNNING") for one in made),
        "kept": urlencode(kept),
    }


def export_input(asked: Asked) -> Mapping[str, Any]:
    """exportCreate's, of what the address filters. Raises Unsendable."""
    return {
        "kind": "AUDIT",
        "format": asked.given("format"),
        "filter": {"audit": _filter(asked)},
        "locale": way.get().language,
        "idempotencyKey": asked.given("key"),
    }


def exported(asked: Asked, payload: Data) -> Done:
    """To the list of what is made, of the same filter."""
    query = urlencode(_kept(asked))
    where = f"/console/audit/export?{query}" if query else "/console/audit/export"
    return Done(where, _("The file is being made."))
