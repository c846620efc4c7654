"""What the pages of sheets show: sums of the rows, and which rows of them."""

import base64
import re
from collections.abc import Mapping
from typing import Any, Final

from api.console import typed
from api.console.batches.words import (
    KINDS,
    NOTHING_GOES,
    NOTHING_SAID,
    OUTCOMES,
    SENTENCES,
    STATES,
    VERDICTS,
    WILL_BE_DONE,
)
from api.console.page import Asked, Data, Download
from api.console.words import N_, _

ROWS: Final = 50
_ROWS_MAX: Final = 100_000
_FORMATS: Final = ("XLSX", "CSV")
_MEDIA: Final = {"XLSX": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "CSV": "text/csv"}
_CSV: Final = re.compile(r"csv, ([^,]+), divided by (.+)")
_MARKS: Final = {"tabs": N_("tabs"), ",": N_("commas"), ";": N_("semicolons")}
WORDS: Final = {
    "STATES": STATES,
    "NOTHING_GOES": NOTHING_GOES,
    "NOTHING_SAID": NOTHING_SAID,
    "SENTENCES": SENTENCES,
    "KINDS": KINDS,
    "VERDICTS": VERDICTS,
    "OUTCOMES": OUTCOMES,
}


def listed(asked: Asked) -> Mapping[str, Any]:
    """Of the list."""
    return {"after": asked.text("after")}


def list_view(asked: Asked, data: Data) -> Mapping[str, Any]:
    """The words."""
    return WORDS


def one(asked: Asked) -> Mapping[str, Any]:
    """Which rows of which sheet. Raises Unsendable."""
    shown = asked.text("show") or ""
    return {
        "id": asked.path["sheet"],
        "after": typed.number("after", asked.text("after") or "0", 0, _ROWS_MAX),
        "verdicts": [shown] if shown in VERDICTS else None,
        "outcomes": [shown.removeprefix("IS_")] if shown.removeprefix("IS_") in OUTCOMES and "IS_" in shown else None,
    }


def one_view(asked: Asked, data: Data) -> Mapping[str, Any]:
    """Counts by verdict and outcome, sums of what will be done, and the row behind which the next page begins."""
    batch = data["batch"]
    rows = batch["rows"]
    return {
        **WORDS,
        "written": written(batch["written"] or ""),
        "verdicts": _counts(batch["totals"]),
        "sums": sums(batch["totals"]),
        "stores": {one["id"]: one["name"] for one in data["viewer"]["merchant"]["stores"]},
        "next": rows[-1]["row"] if len(rows) == ROWS else None,
        "shown": asked.text("show") or "",
        "under_way": batch["state"] in ("READING", "APPLYING"),
    }


def written(told: str) -> str:
    """What a sheet was read as: `xlsx`, or `csv, GB18030, divided by ;`."""
    found = _CSV.fullmatch(told)
    if found is None:
        return "Excel (xlsx)" if told == "xlsx" else told
    encoding, mark = found[1], found[2]
    mark = _(_MARKS[mark]) if mark in _MARKS else mark
    return _("CSV, written in %(encoding)s, divided by %(mark)s") % {"encoding": encoding, "mark": mark}


def confirm_view(asked: Asked, data: Data) -> Mapping[str, Any]:
    """What would be sent, by currency."""
    return {**WORDS, "sums": sums(data["batch"]["totals"])}


def _counts(totals: list[Data]) -> list[tuple[str, int]]:
    counts = {name: sum(one["rows"] for one in totals if one["verdict"] == name) for name in VERDICTS}
    return [(name, count) for name, count in counts.items() if count]


def sums(totals: list[Data]) -> list[tuple[int, Mapping[str, Any]]]:
    """Rows that will be done and their amount, one for each currency."""
    found: dict[str, tuple[int, dict[str, Any]]] = {}
    for one in totals:
        if one["verdict"] in WILL_BE_DONE and one["amount"] is not None:
            rows, amount = found.get(one["amount"]["currency"], (0, {**one["amount"], "minorUnits": "0"}))
            units = int(amount["minorUnits"]) + int(one["amount"]["minorUnits"])
            found[one["amount"]["currency"]] = (rows + one["rows"], {**amount, "minorUnits": str(units)})
    return [found[currency] for currency in sorted(found)]


def template(asked: Asked) -> Mapping[str, Any]:
    """Which template: anything unknown is the one of refunds, as a workbook."""
    kind, form = asked.text("kind") or "", asked.text("format") or ""
    return {"kind": kind if kind in KINDS else "REFUNDS", "format": form if form in _FORMATS else "XLSX"}


def as_file(asked: Asked, data: Data) -> Download:
    """The template's bytes."""
    told = data["batchTemplate"]
    form = "CSV" if told["name"].endswith(".csv") else "XLSX"
    return Download(told["name"], _MEDIA[form], base64.b64decode(told["content"]))
