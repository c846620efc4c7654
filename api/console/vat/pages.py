"""VAT of refunds: what waits, by deadline; one reversal; documents that are taken in; the month."""

from collections.abc import Mapping
from typing import Any, Final

from api.console import given, typed
from api.console.formats import country, way
from api.console.page import Asked, Data, Done, Nav, Page, Post, Unsendable
from api.console.vat import deeds, names
from api.console.words import N_, _
from domain.access.permissions import Permission

_VAT: Final = "/vat"
_OPEN: Final = ["NEEDED", "NEEDS_REVIEW"]


def _variables(asked: Asked) -> Mapping[str, Any]:
    state = asked.text("state")
    narrowed: dict[str, Any] = {"states": None if state == "ALL" else [state] if state else _OPEN}
    for name, field in (("country", "country"), ("store", "storeId"), ("connection", "connectionId")):
        if text := asked.text(name):
            narrowed[field] = text
    if text := asked.text("due"):
        narrowed["dueUntil"] = typed.day("due", text)
    return {"filter": narrowed, "after": asked.text("after")}


def _view(asked: Asked, data: Data) -> Mapping[str, Any]:
    return {
        "states": [("", _("Open")), *((name, _(word)) for name, (_mark, word, _tone) in names.STATES.items())]
        + [("ALL", _("All"))],
        "countries": [(one, country(one)) for one in names.COUNTRIES],
        "stores": given.stores_of(data),
        "connections": given.connections_of(data),
        "STATES": names.STATES,
        "month": given.last_month(asked),
    }


def _one(asked: Asked) -> Mapping[str, Any]:
    return {"id": asked.path["reversal"]}


def _seen(asked: Asked, data: Data) -> Mapping[str, Any]:
    reversal = data["vatReversal"]
    return {
        "one": reversal,
        "STATES": names.STATES,
        "CAUSES": names.CAUSES,
        "REGIMES": names.REGIMES,
        "DEADLINES": names.DEADLINES,
        "STANDINGS": names.STANDINGS,
        "CONFIDENCES": names.CONFIDENCES,
        "causes": [(name, _(word)) for name, word in names.CAUSES.items()],
        "regimes": [(name, _(word)) for name, word in names.REGIMES.items()],
        "countries": [(one, country(one)) for one in names.COUNTRIES],
        "month": given.this_month(asked),
    }


def _documents(asked: Asked) -> Mapping[str, Any]:
    return {"after": asked.text("after"), "unmatched": asked.text("unmatched") is not None}


def _report(asked: Asked) -> Mapping[str, Any]:
    return {
        "period": given.month_of("month", asked.text("month") or given.last_month(asked)),
        "country": asked.text("country"),
        "store": asked.text("store"),
    }


def _reported(asked: Asked, data: Data) -> Mapping[str, Any]:
    return {
        "month": _report(asked)["period"],
        "countries": [(one, country(one)) for one in names.COUNTRIES],
        "stores": given.stores_of(data),
    }


def _exported(asked: Asked) -> Mapping[str, Any]:
    since, until = given.days_of(given.month_of("month", given.needed(asked, "month")))
    narrowed = {"since": since, "until": until, **given.left_in(asked, storeId="store")}
    return {
        "kind": "VAT",
        "format": asked.given("format"),
        "filter": narrowed,
        "locale": way.get().language,
        "idempotencyKey": asked.given("key"),
    }


def _made(asked: Asked, payload: Data) -> Done:
    return Done("/console/refunds/export?kind=VAT", _("The file is being made."))


def _preview(asked: Asked) -> Mapping[str, Any]:
    if "file" not in asked.files:
        raise Unsendable("file", N_("Choose a file."))
    return {"fileId": asked.files["file"], "onlyPreview": True}


def _previewed(asked: Asked, payload: Data) -> Done:
    return Done("/console/vat/documents", show="vat/preview")


def _apply(asked: Asked) -> Mapping[str, Any]:
    return {"fileId": given.needed(asked, "fileId")}


def _applied(asked: Asked, payload: Data) -> Done:
    return Done("/console/vat/documents", show="vat/imported")


PAGES: Final = (
    Page(
        _VAT,
        "vat/list",
        N_("VAT of refunds"),
        _variables,
        _view,
        posts={"declare": Post("vat/declare", deeds.declare_several, deeds.declared_several)},
        nav=Nav(70, N_("VAT"), Permission.READ_LEDGER),
    ),
    Page(
        f"{_VAT}/documents",
        "vat/documents",
        N_("Tax documents"),
        _documents,
        section=_VAT,
        posts={
            "preview": Post("vat/import", _preview, _previewed, {"fileId": "file"}, {"file": deeds.TAX_DOCUMENT}),
            "apply": Post("vat/import", _apply, _applied, {"fileId": "file"}),
        },
    ),
    Page(
        f"{_VAT}/report",
        "vat/report",
        N_("VAT of a month"),
        _report,
        _reported,
        section=_VAT,
        posts={"export": Post("vat/export", _exported, _made)},
    ),
    Page(
        f"{_VAT}/reversals/{{reversal}}",
        "vat/one",
        N_("VAT of a refund"),
        _one,
        _seen,
        found="vatReversal",
        section=_VAT,
        posts=deeds.POSTS,
    ),
)
