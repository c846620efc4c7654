"""Who did what, and who may do what: the log, its file, and the review of access that a person signs."""

from collections.abc import Mapping
from typing import Any, Final

from api.console.audit import logged
from api.console.page import Asked, Data, Done, Nav, Page, Post, Unsendable
from api.console.typed import number
from api.console.words import N_, _
from domain.access.permissions import Permission

_LOG: Final = "/audit"
_HOLDERS: Final = 50
_SKIP_MAX: Final = 1_000_000
_FLAGS: Final = {
    "UNUSED": N_("not here for 90 days"),
    "EXPIRES_SOON": N_("expires within 30 days"),
    "SUSPENDED": N_("suspended"),
    "REQUESTS_AND_APPROVES": N_("asks for refunds and approves"),
    "REQUESTS_AND_PAYS": N_("asks for refunds and pays by hand"),
    "REGISTERS_AND_REFUNDS_AND_APPROVES": N_("registers payments, asks for refunds and approves"),
    "CONNECTS_AND_REVIEWS": N_("makes connections and reviews them"),
    "GIVES_RIGHTS_AND_MOVES_MONEY": N_("gives rights and moves money"),
}


def _skipped(asked: Asked) -> Mapping[str, Any]:
    return {"skip": number("skip", asked.text("skip") or "0", 0, _SKIP_MAX)}


def _reviewed(asked: Asked, data: Data) -> Mapping[str, Any]:
    skip = int(_skipped(asked)["skip"])
    following = skip + _HOLDERS
    flags = {name: _(word) for name, word in _FLAGS.items()}
    return {"flags": flags, "following": following if following < data["accessReview"]["count"] else None}


def _sign_input(asked: Asked) -> Mapping[str, Any]:
    note = asked.given("note")
    if note is None:
        raise Unsendable("note", N_("Say what came of it, in 5 to 500 characters."))
    return {"digest": asked.given("digest"), "note": note}


def _signed(asked: Asked, payload: Data) -> Done:
    return Done(f"/console{_LOG}/access", _("You have signed what you saw; it stands in the audit log."))


PAGES: Final = (
    Page(
        _LOG,
        "audit/log",
        N_("Audit log"),
        logged.variables,
        logged.view,
        nav=Nav(150, N_("Audit"), Permission.READ_AUDIT, group=1),
        statements=25,
    ),
    Page(
        f"{_LOG}/export",
        "audit/export",
        N_("Audit log as a file"),
        view=logged.export_view,
        section=_LOG,
        posts={"create": Post("audit/export_create", logged.export_input, logged.exported, fields=logged.FIELDS)},
    ),
    Page(
        f"{_LOG}/access",
        "audit/access",
        N_("Access review"),
        _skipped,
        _reviewed,
        section=_LOG,
        posts={"sign": Post("audit/sign", _sign_input, _signed)},
        statements=25,
    ),
)
