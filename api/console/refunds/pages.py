"""The pages of refunds: the list, and one with all that happened to it and all that can be done."""

from collections.abc import Mapping
from typing import Any, Final

from api.console import settling, typed
from api.console.page import Asked, Data, Done, Live, Nav, Page, Post, Unsendable
from api.console.refunds import actions, exporting, listed
from api.console.refunds.bundle import bundle
from api.console.refunds.sentences import sentence
from api.console.refunds.timeline import SHOWN, cut, said_of_doubt, timeline
from api.console.words import N_, _

_LIST: Final = "/refunds"
_SEQUENCE_MAX: Final = 1_000_000_000


def _searched(asked: Asked) -> Mapping[str, Any]:
    return {"text": asked.text("q") or "?"}


def _one(asked: Asked) -> Mapping[str, Any]:
    return {"id": asked.path["refund"]}


def _paged(asked: Asked) -> Mapping[str, Any]:
    return {**_one(asked), "afterSequence": typed.number("after", asked.text("after") or "0", 0, _SEQUENCE_MAX)}


def _seen(asked: Asked, data: Data) -> Mapping[str, Any]:
    refund, shown = data["refund"], asked.text("show") or "all"
    possible = [one.name for one in actions.possible(refund, asked.may)]
    return {
        "sentence": sentence(refund),
        "entries": timeline(data, shown if shown in SHOWN else "all"),
        "cut": cut(data),
        "shown": shown,
        "SHOWN": SHOWN,
        "possible": possible,
        "said": said_of_doubt(refund),
        "impossible": actions.impossible(refund, asked.may),
    }


def _cursor(event: Data) -> str | None:
    told = event["refundEvents"]
    return told["event"]["cursor"] if told["__typename"] == "RefundEventMessage" else None


def _here(asked: Asked) -> str:
    return f"/console{_LIST}/{asked.path['refund']}"


def _post(name: str, said: str, *fields: str, key: bool = False, **more: str) -> Post:
    """A form whose fields are the mutation's own, by name."""

    def given(asked: Asked) -> Mapping[str, Any]:
        found: dict[str, Any] = {"refundId": asked.path["refund"]}
        found |= {one: asked.given(one) for one in fields if asked.given(one) is not None}
        for one, why in more.items():
            if one not in found:
                raise Unsendable(one, why)
        return {**found, "idempotencyKey": asked.given("key")} if key else found

    return Post(f"refunds/{name}", given, lambda asked, payload: Done(_here(asked), _(said)))


def _retried(asked: Asked, payload: Data) -> Done:
    return Done(f"/console{_LIST}/{payload['refund']['id']}", _("It is tried again, as this new refund."))


_RETRY: Final = _post("retry", "", key=True)
_POSTS: Final = {
    "cancel": _post("cancel", N_("The refund was withdrawn. No money leaves."), key=True),
    "retry": Post(_RETRY.document, _RETRY.input_of, _retried),
    "refresh": _post("refresh", N_("The PSE is being asked; its answer shows here.")),
    "approve": _post("approve", N_("Your yes is kept."), "note", "destinationFingerprint"),
    "reject": _post(
        "reject", N_("The refund has ended. No money leaves."), "note", note=N_("Say why, for the one who asked.")
    ),
    "take_by_hand": _post(
        "take_by_hand", N_("It is yours to pay by hand."), "reason", reason=N_("Say why, in 5 to 500 characters.")
    ),
    "return_to_queue": _post(
        "return_to_queue", N_("It goes to the PSE again."), "reason", reason=N_("Say why, in 5 to 500 characters.")
    ),
    "resolve_doubt": _post(
        "resolve_doubt",
        N_("What you said is kept; another person must say the same before it counts."),
        "verdict",
        "evidence",
        "pseReference",
        verdict=N_("Say whether the money has left."),
        evidence=N_("Say where you looked and what was there."),
    ),
    "settle": Post("refunds/settle", settling.input_of, settling.done, fields=settling.FIELDS),
    "link": Post(
        "refunds/link", _post("link", "").input_of, lambda asked, payload: Done(_here(asked), show="refunds/linked")
    ),
}
PAGES: Final = (
    Page(
        _LIST,
        "refunds/list",
        N_("Refunds"),
        listed.variables,
        listed.view,
        live=Live(lambda asked: {}, listed.cursor),
        nav=Nav(20, N_("Refunds"), bar=True),
        statements=20,
    ),
    Page(
        f"{_LIST}/export",
        "refunds/export",
        N_("Export refunds"),
        view=exporting.view,
        section=_LIST,
        posts={"create": Post("refunds/export_create", exporting.input_of, exporting.done, fields=exporting.FIELDS)},
    ),
    Page(
        f"{_LIST}/{{refund}}/bundle",
        "refunds/bundle",
        N_("Support bundle"),
        _one,
        found="refund",
        section=_LIST,
        download=bundle,
        statements=30,
    ),
    Page(
        "/search",
        "refunds/search",
        N_("Search"),
        _searched,
        lambda asked, data: {"searched": asked.text("q") or ""},
        section=_LIST,
        statements=25,
    ),
    Page(
        f"{_LIST}/{{refund}}",
        "refunds/one",
        N_("Refund"),
        _paged,
        _seen,
        found="refund",
        section=_LIST,
        posts=_POSTS,
        live=Live(_one, _cursor, fresh=True),
        statements=30,
    ),
)
