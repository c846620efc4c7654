"""The pages of findings: the work list, one, saying what became of it or of many, and the way through a sheet."""

from collections.abc import Mapping
from typing import Any, Final

from api.console.findings import listed, one, resolving, sheets
from api.console.page import Asked, Nav, Page, Post
from api.console.words import N_
from domain.access.permissions import Permission
from domain.models.files import Purpose

_LIST: Final = "/findings"
_SAID: Final = {"resolution.note": "note", "resolution.account": "account", "resolution.reason": "reason"}
_OF_MANY: Final = {**_SAID, "note": "note", "account": "account", "reason": "reason", "count": "reason"}


def _one(asked: Asked) -> Mapping[str, Any]:
    return {"id": asked.path["finding"]}


PAGES: Final = (
    Page(
        _LIST,
        "findings/list",
        N_("Findings"),
        listed.variables,
        listed.view,
        nav=Nav(40, N_("Findings"), Permission.READ_LEDGER, bar=True, waits="findings"),
        statements=20,
    ),
    Page(
        f"{_LIST}/bulk",
        "findings/bulk",
        N_("Resolve many findings"),
        resolving.of_all,
        resolving.view_of_all,
        section=_LIST,
        posts={
            "say_all": Post("findings/say_all", resolving.input_of_all, resolving.done_with_all, fields=_OF_MANY),
        },
        statements=25,
    ),
    Page(
        f"{_LIST}/sheets",
        "findings/sheets",
        N_("Findings through a sheet"),
        view=sheets.view,
        section=_LIST,
        posts={
            "export": Post("findings/export", sheets.export_input, sheets.exported),
            "bring": Post("", sheets.brought, sheets.to_preview, files={"file": Purpose.DECISIONS}),
        },
    ),
    Page(
        f"{_LIST}/decisions/{{decisions}}",
        "findings/decisions",
        N_("What the sheet would do"),
        sheets.previewed,
        sheets.rows_view,
        section=_LIST,
        posts={"apply": Post("findings/apply", sheets.apply_input, sheets.applied)},
        statements=40,
    ),
    Page(
        f"{_LIST}/decided/{{batch}}",
        "findings/decided",
        N_("What the sheet has done"),
        sheets.decided,
        sheets.rows_view,
        found="decisionBatch",
        section=_LIST,
    ),
    Page(
        f"{_LIST}/{{finding}}/resolve",
        "findings/resolve",
        N_("Resolve a finding"),
        resolving.variables,
        resolving.view,
        found="finding",
        section=_LIST,
        posts={"say": Post("findings/say", resolving.input_of, resolving.done, fields=_SAID)},
        statements=30,
    ),
    Page(
        f"{_LIST}/{{finding}}",
        "findings/one",
        N_("Finding"),
        _one,
        one.view,
        found="finding",
        section=_LIST,
        posts=one.POSTS,
        statements=25,
    ),
)
