"""The forms of connections: what of them is sent, and what follows."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from api.console import typed
from api.console.page import Asked, Data, Done, Post, Unsendable
from api.console.words import N_, _
from domain.models.files import Purpose

_HOURS_MAX: Final = 31 * 24


def _page(asked: Asked) -> str:
    return f"/console/connections/{asked.path['connection']}"


def created_input(asked: Asked) -> Mapping[str, Any]:
    """A draft."""
    return {
        "pse": asked.text("pse") or "",
        "name": asked.given("name") or "",
        "storeCode": asked.given("store") or "",
        "fields": typed.own_fields(asked),
        "idempotencyKey": asked.given("key"),
    }


def created(asked: Asked, payload: Data) -> Done:
    """On to its page."""
    return Done(f"/console/connections/{payload['application']['id']}", _("The draft is there; its keys are sealed."))


def replaced_input(asked: Asked) -> Mapping[str, Any]:
    """Keys; `hours`: how long webhooks are believed with the old ones."""
    given: dict[str, Any] = {"connectionId": asked.path["connection"], "fields": typed.own_fields(asked)}
    hours = typed.number("hours", asked.given("hours") or "0", 0, _HOURS_MAX)
    if hours:
        given["oldValidUntil"] = (datetime.now(UTC) + timedelta(hours=hours)).isoformat()
    return given


def replaced(asked: Asked, payload: Data) -> Done:
    """Back to its page."""
    return Done(_page(asked), _("The new keys count from now on."))


def _step(asked: Asked) -> Mapping[str, Any]:
    return {"connectionId": asked.path["connection"], "comment": asked.given("comment")}


def _started(asked: Asked) -> Mapping[str, Any]:
    return {"connectionId": asked.path["connection"], "decision": "START"}


def _decided(asked: Asked) -> Mapping[str, Any]:
    decision = asked.given("decision")
    if decision not in ("APPROVE", "ASK_FOR_MORE", "REJECT"):
        raise Unsendable("decision", N_("Choose one."))
    return {**_step(asked), "decision": decision}


def _handed_in(asked: Asked) -> Mapping[str, Any]:
    if "file" not in asked.files:
        raise Unsendable("file", N_("Choose a file."))
    kind = asked.given("kind") or ""
    return {"connectionId": asked.path["connection"], "kind": kind, "fileId": asked.files["file"]}


def _looked_at(asked: Asked) -> Mapping[str, Any]:
    return {"connectionId": asked.path["connection"]}


def _tried(asked: Asked) -> Mapping[str, Any]:
    payments = [one for one in (asked.given(f"payment{turn}") for turn in (1, 2, 3)) if one]
    test = asked.given("test") is not None
    return {"connectionId": asked.path["connection"], "payments": payments, "testEnvironment": test}


def _done(said: str) -> Callable[[Asked, Data], Done]:
    """Back to the page, with this sentence."""

    def done(asked: Asked, payload: Data) -> Done:
        return Done(_page(asked), _(said))

    return done


_TRIED_FIELDS: Final = {"payments": "payment1", "testEnvironment": "test"}
POSTS: Final = {
    "document": Post(
        "connections/document",
        _handed_in,
        _done(N_("The document was handed in.")),
        fields={"fileId": "file"},
        files={"file": Purpose.ONBOARDING_DOCUMENT},
    ),
    "submit": Post("connections/submit", _step, _done(N_("It was submitted; another person reviews it."))),
    "reopen": Post("connections/reopen", _step, _done(N_("It is a draft again."))),
    "start": Post("connections/review", _started, _done(N_("You review it."))),
    "decide": Post("connections/review", _decided, _done(N_("Your decision is noted."))),
    "preflight": Post("connections/preflight", _looked_at, _done(N_("The PSE is being asked."))),
    "certify": Post("connections/certify", _tried, _done(N_("The certification has begun.")), fields=_TRIED_FIELDS),
    "activate": Post("connections/activate", _step, _done(N_("It is live."))),
    "suspend": Post("connections/suspend", _step, _done(N_("Nothing is sent there any more."))),
}
