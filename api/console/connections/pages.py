"""The pages of connections: how each is doing, the way in, its keys, what PSEs can do, and what their codes mean."""

from collections.abc import Mapping
from typing import Any, Final

from api.console import happened
from api.console.connections import said, steps
from api.console.connections.forms import POSTS, created, created_input, replaced, replaced_input
from api.console.page import Asked, Data, Download, Live, Nav, Page, Post
from api.console.typed import FIELD
from api.console.words import N_, _

_LIST: Final = "/connections"
_ONE: Final = f"{_LIST}/{{connection}}"


def _listed(asked: Asked) -> Mapping[str, Any]:
    return {"after": asked.text("after")}


def _with_states(asked: Asked, data: Data) -> Mapping[str, Any]:
    return {
        "states": said.STATES,
        "CALLED": said.CALLED,
        "outcomes": said.OUTCOMES,
        "manages": asked.may("MANAGE_CONNECTIONS"),
        "resting": steps.resting,
    }


def _id(asked: Asked) -> Mapping[str, Any]:
    return {"id": asked.path["connection"]}


def _newest(data: Data, name: str) -> Mapping[str, Any] | None:
    edges = (data.get(name) or {"edges": []})["edges"]
    return edges[0]["node"] if edges else None


def _one(asked: Asked, data: Data) -> Mapping[str, Any]:
    one = data["connectionApplication"]
    preflight, certification = _newest(data, "preflightRuns"), _newest(data, "certificationRuns")
    runs = [run["id"] for run in (preflight, certification) if run is not None and run["outcome"] is None]
    return {
        "states": said.STATES,
        "outcomes": said.OUTCOMES,
        "under_way": said.UNDER_WAY,
        "checks": said.CHECKS,
        "cases": said.CASES,
        "documents": said.DOCUMENTS,
        "kinds": [(kind, _(word)) for kind, word in said.DOCUMENTS.items()],
        "preflight": preflight,
        "certification": certification,
        "running": runs,
        "way": steps.way_in(one, preflight),
        "sentence": steps.sentence(one, preflight, steps.possible(one, asked.may)),
        "resting": steps.resting(one),
        "possible": steps.possible(one, asked.may),
        "impossible": steps.impossible(one, asked.may, data["viewer"]["holder"]),
    }


def _followed(asked: Asked) -> Mapping[str, Any]:
    return {"id": asked.text("run") or ""}


def _cursor(data: Data) -> str | None:
    return str(data["onboardingRun"]["__typename"])


def _chosen(asked: Asked) -> Mapping[str, Any]:
    return {"pse": asked.text("pse") or "", "chosen": asked.text("pse") is not None}


def _to_fill_in(asked: Asked, data: Data) -> Mapping[str, Any]:
    named: dict[str, list[Mapping[str, Any]]] = {}
    for row in data["pseCapabilities"]:
        if row["connected"]:
            named.setdefault(row["pse"], []).append(row)
    stores = [(one["code"], f"{one['name']} ({one['code']})") for one in data["viewer"]["merchant"]["stores"]]
    return {
        "pse": asked.text("pse"),
        "pses": named,
        "routes": said.ROUTES,
        "stores": stores,
        "wanted": data.get("connectionFields") or [],
        "FIELD": FIELD,
    }


def _current(asked: Asked, data: Data) -> Mapping[str, Any]:
    one = data["connectionApplication"]
    known = {name: one[key] or "" for name, key in _SHOWN.items()}
    return {"wanted": one["fields"], "known": known, "FIELD": FIELD, "states": said.STATES}


_SHOWN: Final = {"client_id": "clientId", "base_url": "baseUrl", "token_url": "tokenUrl", "report_url": "reportUrl"}


def _what_they_can(asked: Asked, data: Data) -> Mapping[str, Any]:
    tables = {
        "routes": said.ROUTES,
        "look_ups": said.LOOK_UPS,
        "news": said.NEWS,
        "destinations": happened.DESTINATIONS,
    }
    return {**tables, "rows": data["pseCapabilities"]}


def _code(asked: Asked) -> Mapping[str, Any]:
    pse, code = asked.text("pse") or "", asked.text("code") or ""
    return {"pse": pse, "code": code, "chosen": bool(pse and code)}


def _explained(asked: Asked, data: Data) -> Mapping[str, Any]:
    found = [data[name] for name in ("en", "zh", "es", "pt") if data.get(name)]
    pses = sorted({row["pse"] for row in data["pseCapabilities"] if row["connected"]})
    return {"found": found, "pses": pses, "chosen": _code(asked)["chosen"], "retries": said.RETRIES}


def _certificate(asked: Asked, data: Data) -> Download:
    newest = data["connectionApplication"]["connection"]["lastCertification"]
    report = (newest or {}).get("report") or "{}"
    return Download("certificate.json", "application/json", str(report).encode())


PAGES: Final = (
    Page(_LIST, "connections/list", N_("Connections"), _listed, _with_states, nav=Nav(110, N_("Connections"), group=1)),
    Page(
        f"{_LIST}/new",
        "connections/new",
        N_("New connection"),
        _chosen,
        _to_fill_in,
        section=_LIST,
        posts={"create": Post("connections/create", created_input, created, fields={"storeCode": "store"})},
    ),
    Page(f"{_LIST}/pses", "connections/pses", N_("What each PSE can do"), view=_what_they_can, section=_LIST),
    Page(f"{_LIST}/codes", "connections/codes", N_("What a code means"), _code, _explained, section=_LIST),
    Page(
        _ONE,
        "connections/one",
        N_("Connection"),
        _id,
        _one,
        found="connectionApplication",
        section=_LIST,
        posts=POSTS,
        live=Live(_followed, _cursor, fresh=True),
        statements=20,
    ),
    Page(
        f"{_ONE}/keys",
        "connections/keys",
        N_("Replace the keys"),
        _id,
        _current,
        found="connectionApplication",
        section=_LIST,
        posts={"replace": Post("connections/replace", replaced_input, replaced)},
    ),
    Page(
        f"{_ONE}/certificate",
        "connections/certificate",
        N_("Signed report"),
        _id,
        found="connectionApplication",
        section=_LIST,
        download=_certificate,
    ),
)
