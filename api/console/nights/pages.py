"""The pages of nights: connections by dates, one night with its manifest, and reports that people hand in."""

import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from api.console import typed
from api.console.given import names_of
from api.console.nights import read
from api.console.nights.words import ENTERING, HANDED, MEANT, PHASES, PROOFS, STATES, WAYS
from api.console.page import Asked, Data, Done, Live, Nav, Page, Post, Unsendable
from api.console.words import N_, _
from domain.access.permissions import Permission
from domain.models.files import Purpose

_LIST: Final = "/nights"
_WHY: Final = N_("Say why, in 3 to 500 characters.")
_NIGHT: Final = re.compile(r"([0-9a-f-]{36})\.(\d{4}-\d{2}-\d{2})")
Values = Mapping[str, Any]


def _mapped(asked: Asked) -> Values:
    found: dict[str, Any] = {}
    if text := asked.text("to"):
        last = date.fromisoformat(typed.day("to", text))
        found = {"to": text, "from": (last - timedelta(days=read.DAYS - 1)).isoformat()}
    if connection := asked.text("connection"):
        found["connectionId"] = connection
    return {"filter": found, "after": asked.text("after")}


def _map_view(asked: Asked, data: Data) -> Values:
    dates, lines, older = read.matrix(data["nights"])
    merchant = data["viewer"]["merchant"]
    kept = [("connection", asked.text("connection"))] if asked.text("connection") else []
    return {
        "dates": dates,
        "lines": lines,
        "older": urlencode([*kept, *older.items()]) if older else "",
        "STATES_OF": STATES,
        "connections": [(one["id"], one["name"]) for one in merchant["connections"]],
        "names": names_of(data),
        "counts": read.counts(lines, STATES),
    }


def _one(asked: Asked) -> Values:
    connection, day = _key(asked)
    return {"connection": connection, "date": day}


def _key(asked: Asked) -> tuple[str, str]:
    """Whose night, and of which date. Raises Unsendable."""
    found = _NIGHT.fullmatch(asked.path["night"])
    try:
        if found is None:
            raise ValueError
        return str(UUID(found[1])), date.fromisoformat(found[2]).isoformat()
    except ValueError:
        raise Unsendable("night", N_("There is no such night.")) from None


def _one_view(asked: Asked, data: Data) -> Values:
    night = data["night"]
    return {
        "sign": STATES.get(night["state"]),
        "meant": MEANT.get(night["state"], ""),
        "totals": read.totals(night["run"]),
        "PROOFS": PROOFS,
        "PHASES": PHASES,
        "STATES_OF": STATES,
    }


def _cursor(event: Data) -> str | None:
    told = event["reconciliationRunProgress"]
    if told["__typename"] != "RunProgressMessage":
        return None
    progress = told["progress"]
    return f"{progress['phase'] or progress['state']}-{progress['rowsDone'] or 0}"


def _repeat_input(asked: Asked) -> Values:
    connection, day = _key(asked)
    return {"connectionId": connection, "businessDate": day, "idempotencyKey": asked.given("key")}


def _repeated(asked: Asked, payload: Data) -> Done:
    return Done(f"/console{_LIST}/{asked.path['night']}", _("It runs again; that is safe, the same changes nothing."))


def _handed_view(asked: Asked, data: Data) -> Values:
    return {
        "HANDED": HANDED,
        "WAYS": WAYS,
        "ENTERING": ENTERING,
        "names": names_of(data),
        "connections": list(names_of(data).items()),
    }


def _hand_in_input(asked: Asked) -> Values:
    if "file" not in asked.files:
        raise Unsendable("file", N_("Choose the report's file."))
    if (connection := asked.given("connection")) is None:
        raise Unsendable("connection", N_("Choose whose report it is."))
    found = {"connectionId": connection, "fileId": asked.files["file"], "idempotencyKey": asked.given("key")}
    day = asked.given("date")
    return {**found, "businessDate": typed.day("date", day)} if day else found


def _handed_in(asked: Asked, payload: Data) -> Done:
    said = _("It is here. It is judged first, then another person sees what it would change and confirms it.")
    return Done(f"/console{_LIST}/handed/{payload['report']['id']}", said)


def _report(asked: Asked) -> Values:
    return {"id": asked.path["report"]}


def _report_view(asked: Asked, data: Data) -> Values:
    report = data["handedReport"]
    preview = report["preview"] or {"lines": (), "books": ()}
    return {
        **_handed_view(asked, data),
        "lines": [read.line_of(one) for one in preview["lines"]],
        "books": [read.book_of(one) for one in preview["books"]],
        "mine": report["handedInBy"] == data["viewer"]["holder"],
        "PROOFS": PROOFS,
    }


def _report_cursor(event: Data) -> str | None:
    return str(event["handedReportChanged"]["state"])


def _confirm_input(asked: Asked) -> Values:
    return {"reportId": asked.path["report"], "sha256": asked.given("sha256") or ""}


def _refuse_input(asked: Asked) -> Values:
    if (why := asked.given("why")) is None:
        raise Unsendable("why", _WHY)
    return {"reportId": asked.path["report"], "why": why}


def _decided(said: str) -> Callable[[Asked, Data], Done]:
    return lambda asked, payload: Done(f"/console{_LIST}/handed/{asked.path['report']}", _(said))


PAGES: Final = (
    Page(
        _LIST,
        "nights/map",
        N_("Nights"),
        _mapped,
        _map_view,
        nav=Nav(50, N_("Nights"), Permission.READ_LEDGER),
        statements=25,
    ),
    Page(
        f"{_LIST}/upload",
        "nights/upload",
        N_("Hand in a report"),
        lambda asked: {"after": asked.text("after")},
        _handed_view,
        section=_LIST,
        posts={
            "hand_in": Post(
                "nights/hand_in",
                _hand_in_input,
                _handed_in,
                fields={"connectionId": "connection", "businessDate": "date", "fileId": "file"},
                files={"file": Purpose.SETTLEMENT_REPORT},
            )
        },
    ),
    Page(
        f"{_LIST}/handed/{{report}}",
        "nights/handed",
        N_("A report that was handed in"),
        _report,
        _report_view,
        found="handedReport",
        section=_LIST,
        live=Live(_report, _report_cursor, fresh=True),
        posts={
            "confirm": Post("nights/confirm", _confirm_input, _decided(N_("You have confirmed it."))),
            "refuse": Post("nights/refuse", _refuse_input, _decided(N_("Nothing of it is entered."))),
        },
    ),
    Page(
        f"{_LIST}/{{night}}",
        "nights/one",
        N_("Night"),
        _one,
        _one_view,
        found="night",
        section=_LIST,
        posts={"repeat": Post("nights/repeat", _repeat_input, _repeated)},
        live=Live(lambda asked: {"id": asked.text("run")}, _cursor, fresh=True),
        statements=30,
    ),
)
