"""One finding: both sides as a table, who may do what, and the forms by which it is worked off."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from api.console import typed
from api.console.books.names import account
from api.console.findings.words import ELSEWHERE, EVENTS, REASONS, SEVERITIES, SIDES, STATES
from api.console.formats import money
from api.console.page import Asked, Data, Done, Post, Unsendable
from api.console.words import N_, _
from domain.models.files import Purpose

_MONEY: Final = frozenset({"amount", "refunded", "tax", "fee", "balance", "ledger", "report", "listed", "booked"})
_TEXT_MAX: Final = 600


def view(asked: Asked, data: Data) -> Mapping[str, Any]:
    """What the template shows beside the data."""
    found, merchant = data["finding"], data["viewer"]["merchant"]
    proposal = found["proposal"]
    names = {one["id"]: one for one in merchant["connections"]}
    return {
        "rows": rows_of(found),
        "connection": names.get(found["connectionId"]),
        "events": [{**one, "text": _told(one)} for one in reversed(found["events"])],
        "resolution": _in_words(found["resolution"] or ""),
        "held": found["assigneeId"] is not None and found["assigneeId"] == data["viewer"]["personId"],
        "mine": proposal is not None and proposal["proposedBy"] == data["viewer"]["holder"],
        "people": [(one["personId"], one["name"]) for one in data.get("colleagues") or ()],
        "elsewhere": ELSEWHERE.get(found["kind"], ""),
        "elsewhere_at": f"/refunds/{found['refund']['id']}" if found["refund"] else "/nights",
        "STATES_OF": STATES,
        "SEVERITIES": SEVERITIES,
        "EVENTS": EVENTS,
        "REASONS_OF": REASONS,
        "account_word": account,
    }


def _told(event: Data) -> str:
    text = str(event["text"] or "")
    return text.split(" <")[0] if event["kind"] == "ASSIGNED" else _in_words(text)


def _in_words(said: str) -> str:
    """What was said of it, with the word of the reason in the place of its name."""
    reason, colon, note = said.partition(": ")
    return f"{_(REASONS[reason][0])}{colon}{note}" if reason in REASONS else said


def rows_of(found: Data) -> list[tuple[str, str, str, bool]]:
    """Name, our word, theirs, and whether they differ."""
    sides = found["sides"]
    ours, theirs = json.loads(sides["ours"]), json.loads(sides["theirs"])
    differs = sides["differs"]
    if len(ours) == len(theirs) == len(differs) == 1 and not set(ours) & set(theirs):
        # One fact that each side calls by its own name.
        (mine, own), (other, told) = next(iter(ours.items())), next(iter(theirs.items()))
        return [(_name(differs[0]), _value(mine, own, found), _value(other, told, found), True)]
    rows = [
        (_name(name), _side(name, ours, found), _side(name, theirs, found), name in differs)
        for name in sorted({*ours, *theirs})
    ]
    # What neither side has says nothing.
    return [row for row in rows if row[1] != "–" or row[2] != "–"]


def _name(name: str) -> str:
    return _(SIDES[name]) if name in SIDES else name.replace("_", " ")


def _side(name: str, side: Mapping[str, Any], found: Data) -> str:
    return _value(name, side[name], found) if name in side else "–"


def _value(name: str, value: Any, found: Data) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and name in _MONEY:
        return money({**found["amount"], "minorUnits": value})
    if isinstance(value, str):
        return value[:_TEXT_MAX]
    return json.dumps(value, ensure_ascii=False)[:_TEXT_MAX] if value is not None else "–"


def _post(name: str, said: str, *fields: str, key: bool = False, **needed: str) -> Post:
    """A form whose fields are the mutation's own, by name."""

    def given(asked: Asked) -> Mapping[str, Any]:
        made: dict[str, Any] = {"findingId": asked.path["finding"]}
        made |= {one: asked.given(one) for one in fields if asked.given(one) is not None}
        for one, why in needed.items():
            if one not in made:
                raise Unsendable(one, why)
        return {**made, "idempotencyKey": asked.given("key")} if key else made

    return Post(f"findings/{name}", given, lambda asked, payload: Done(_here(asked), _(said)))


def _here(asked: Asked) -> str:
    return f"/console/findings/{asked.path['finding']}"


def _attached(asked: Asked) -> Mapping[str, Any]:
    if "file" not in asked.files:
        raise Unsendable("file", N_("Choose a file."))
    return {"findingId": asked.path["finding"], "fileId": asked.files["file"]}


def _waits(asked: Asked) -> Mapping[str, Any]:
    until, why = asked.given("until"), asked.given("why")
    if until is None:
        raise Unsendable("until", N_("Write the date as year-month-day, 2026-01-31 say."))
    if why is None:
        raise Unsendable("why", N_("Say what is waited for, in 3 to 500 characters."))
    first = typed.midnight("until", until, asked.given("zone") or "UTC")
    return {"findingId": asked.path["finding"], "until": first, "why": why}


def _done(said: str) -> Callable[[Asked, Data], Done]:
    return lambda asked, payload: Done(_here(asked), _(said))


POSTS: Final = {
    "take": _post("assign", N_("You have it.")),
    "assign": _post("assign", N_("It is theirs now."), "personId", personId=N_("Choose who is to have it.")),
    "comment": _post("comment", N_("Your comment is there."), "text", key=True, text=N_("Write something down.")),
    "attach": Post(
        "findings/attach",
        _attached,
        _done(N_("The file is attached.")),
        fields={"fileId": "file"},
        files={"file": Purpose.FINDING_ATTACHMENT},
    ),
    "wait": Post("findings/wait", _waits, _done(N_("It rests until then."))),
    "confirm": _post("confirm", N_("It is resolved."), "resolutionId"),
    "decline": _post("decline", N_("It is open as before."), "why", why=N_("Say why, in 3 to 500 characters.")),
    "reopen": _post(
        "reopen",
        N_("It is open again, and what was booked is taken back."),
        "why",
        why=N_("Say why, in 3 to 500 characters."),
    ),
}
