"""What the pages of nights show of what they are told: the map, a manifest's totals, what a report would change."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Final

from api.console.books.names import entry
from api.console.formats import money
from api.console.names import Sign
from api.console.nights.words import LINES
from api.console.page import Data
from api.console.words import _
from domain.money import EXPONENTS

DAYS: Final = 14


def matrix(nights: Data) -> tuple[list[str], list[tuple[str, str, list[str | None]]], dict[str, str]]:
    """Two weeks of dates, oldest first; of each connection its id, name and states by date; and where older ones begin.

    A date that may go on in the next page is left to it whole, so that no square is empty that is none.
    """
    nodes = [edge["node"] for edge in nights["edges"]]
    days = sorted({date.fromisoformat(str(one["businessDate"])) for one in nodes})
    if not days:
        return [], [], {}
    first = min(one for one in days if one > days[-1] - timedelta(days=DAYS))
    older: dict[str, str] = {}
    if nights["pageInfo"]["hasNextPage"] and len(days) == 1:
        older = {"after": nights["pageInfo"]["endCursor"]}
    elif nights["pageInfo"]["hasNextPage"] and first == days[0]:
        first += timedelta(days=1)
        older = {"to": days[0].isoformat()}
    elif nights["pageInfo"]["hasNextPage"] or first > days[0]:
        older = {"to": (first - timedelta(days=1)).isoformat()}
    dates = [(first + timedelta(days=one)).isoformat() for one in range((days[-1] - first).days + 1)]
    names = {one["connectionId"]: one["connectionName"] for one in nodes}
    states = {(one["connectionId"], str(one["businessDate"])): one["state"] for one in nodes}
    ordered = sorted(names.items(), key=lambda one: (one[1], one[0]))
    return dates, [(key, name, [states.get((key, day)) for day in dates]) for key, name in ordered], older


def counts(lines: Sequence[tuple[str, str, list[str | None]]], signs: Mapping[str, Sign]) -> list[tuple[Sign, int]]:
    """How many squares of each state there are."""
    every = [state for _key, _name, states in lines for state in states]
    return [(sign, every.count(name)) for name, sign in signs.items() if name in every]


def totals(run: Data | None) -> list[tuple[str, str, int, str]]:
    """Of each file of the manifest that was entered: its name, what lines prove, how many, and their sum."""
    found: list[tuple[str, str, int, str]] = []
    for file in json.loads(run["manifest"]).get("files", ()) if run else ():
        for one in (file.get("totals") or {}).get("effects", ()):
            found.append((str(file["name"]), _(LINES.get(one["effect"], one["effect"])), one["rows"], _sum(one)))
    return found


def line_of(one: Data) -> tuple[str, int, str]:
    """What lines of a report are, how many, and their sum."""
    return _(LINES.get(one["type"], one["type"])), one["rows"], _sum(one)


def book_of(one: Data) -> tuple[str, str]:
    """The entry, and what it adds to what the PSE holds."""
    return entry(one["entry"]), _sum(one)


def _sum(one: Data) -> str:
    exponent = EXPONENTS.get(one["currency"], 2)
    return money({"minorUnits": one["amount"], "currency": one["currency"], "exponent": exponent})
