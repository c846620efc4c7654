"""Findings as a sheet: written to a file, filled in, brought back, looked at row by row, and applied."""

from collections.abc import Mapping
from typing import Any, Final

from api.console import typed
from api.console.findings.listed import filter_of, kept
from api.console.findings.words import MAKING, OUTCOMES, REASONS, STATES
from api.console.formats import way
from api.console.page import Asked, Data, Done, Unsendable
from api.console.words import N_, _

_SHEETS: Final = "/console/findings/sheets"
ROWS: Final = 100  # of what was applied, and of what would be
_ROWS_MAX: Final = 10_000_000
_NOT_RESOLVED: Final = [name for name in STATES if name != "RESOLVED"]


def view(asked: Asked, data: Data) -> Mapping[str, Any]:
    """The exports of findings, and whether one is still being made."""
    made = [one["node"] for one in data["exports"]["edges"] if one["node"]["kind"] == "FINDINGS"]
    return {
        "made": made,
        "under_way": any(one["state"] in ("QUEUED", "RUNNING") for one in made),
        "kept": kept(asked),
        "MAKING": MAKING,
        "REASONS_OF": REASONS,
    }


def export_input(asked: Asked) -> Mapping[str, Any]:
    """exportCreate's, of what the list shows: without a state, what is not resolved. Raises Unsendable."""
    return {
        "kind": "FINDINGS",
        "format": asked.given("format"),
        "filter": {"findings": {"states": _NOT_RESOLVED, **filter_of(asked)}},
        "locale": way.get().language,
        "idempotencyKey": asked.given("key"),
    }


def exported(asked: Asked, payload: Data) -> Done:
    """Back to the list of what is made."""
    query = kept(asked)
    return Done(f"{_SHEETS}?{query}" if query else _SHEETS, _("The file is being made."))


def brought(asked: Asked) -> Mapping[str, Any]:
    """Nothing but the file. Raises Unsendable."""
    if "file" not in asked.files:
        raise Unsendable("file", N_("Choose the sheet that was filled in."))
    return {}


def to_preview(asked: Asked, payload: Data) -> Done:
    """To what would become of its rows."""
    return Done(f"/console/findings/decisions/{asked.files['file']}")


def previewed(asked: Asked) -> Mapping[str, Any]:
    """Which rows of which file. Raises Unsendable."""
    return {"file": asked.path["decisions"], "after": _after(asked)}


def decided(asked: Asked) -> Mapping[str, Any]:
    """Which rows of what was applied. Raises Unsendable."""
    return {"id": asked.path["batch"], "after": _after(asked)}


def _after(asked: Asked) -> int:
    return typed.number("after", asked.text("after") or "0", 0, _ROWS_MAX)


def rows_view(asked: Asked, data: Data) -> Mapping[str, Any]:
    """The signs of the rows' outcomes, how many of each are on the page, and the row behind which the next begins."""
    told = data.get("decisionsPreview") or data["decisionBatch"]
    rows = told["rows"]
    counts = {name: sum(one["outcome"] == name for one in rows) for name in OUTCOMES}
    more = told["more"] if "more" in told else len(rows) == ROWS
    return {
        "OUTCOMES": OUTCOMES,
        "MAKING": MAKING,
        "rows": rows,
        "counts": [(OUTCOMES[name], count) for name, count in counts.items() if count],
        "next": rows[-1]["row"] if rows and more else None,
        "refused": counts.get("REFUSED", 0),
        "is_part": bool(asked.text("after")) or more,
    }


def apply_input(asked: Asked) -> Mapping[str, Any]:
    """decisionsApply's."""
    return {"fileId": asked.path["decisions"], "idempotencyKey": asked.given("key"), "seen": asked.given("seen")}


def applied(asked: Asked, payload: Data) -> Done:
    """To what becomes of each row."""
    return Done(f"/console/findings/decided/{payload['batch']['id']}", _("The sheet is applied, row by row."))
