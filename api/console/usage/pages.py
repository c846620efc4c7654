"""What the merchant uses in a month, and how much of its plan that is."""

from collections.abc import Mapping
from typing import Any, Final

from api.console.page import Asked, Data, Download, Nav, Page
from api.console.words import N_
from domain.access.permissions import Permission

COUNTERS: Final[Mapping[str, str]] = {
    "REFUNDS": N_("Refunds"),
    "API_CALLS": N_("API calls"),
    "DELIVERIES": N_("Webhooks and messages"),
    "LINES": N_("Report lines"),
}
SUPPORT: Final[Mapping[str, str]] = {
    "COMMUNITY": N_("none is promised"),
    "STANDARD": N_("on working days"),
    "PRIORITY": N_("at any hour"),
}
_WARNS: Final = 80
_FULL: Final = 100


def _view(asked: Asked, data: Data) -> Mapping[str, Any]:
    used = [
        {**one, "tone": "bad" if one["percent"] >= _FULL else "doubt" if one["percent"] >= _WARNS else "ok"}
        for one in data["usage"]["used"]
    ]
    return {"COUNTERS": COUNTERS, "SUPPORT": SUPPORT, "used": used}


def _table(asked: Asked, data: Data) -> Download:
    return Download("usage.csv", "text/csv; charset=utf-8", b"\xef\xbb\xbf" + data["usage"]["csv"].encode())


PAGES: Final = (
    Page("/usage", "usage/month", N_("Usage"), view=_view, nav=Nav(145, N_("Usage"), Permission.READ_LEDGER, group=1)),
    Page("/usage/table", "usage/table", N_("Usage as a table"), section="/usage", download=_table),
)
