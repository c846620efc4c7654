"""What the cells of a sheet of findings say, in the language of its headings.

A sheet in English is for programs, too: it keeps the API's names of kinds and states alone. Both sides are in words in
each; a sheet that comes back needs neither (sheet, decisions), and a program has `finding { sides }`.
"""

import json
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from domain.exports.cells import money
from domain.findings import kinds
from domain.findings.kinds import FindingKind
from domain.languages import ENGLISH
from domain.platform.spoken.amounts import in_the_readers_way
from domain.platform.spoken.book import told_in

_HERE: Final = Path(__file__).parent
# Facts that are minor units of the finding's currency.
_MONEY: Final = frozenset({"amount", "refunded", "tax", "fee", "balance", "ledger", "report", "listed", "booked"})
Row = Mapping[str, Any]


@cache
def _words(file: str) -> Mapping[str, Mapping[str, str]]:
    return tomllib.loads((_HERE / file).read_text())


def of_findings(page: Sequence[Row], locale: str) -> Sequence[Row]:
    """The same rows for who reads that language: its sentences, each code behind its word, both sides in words."""
    told = [{**row, **_both(row, locale)} for row in page]
    return told if locale == ENGLISH else [_told(row, locale) for row in told]


def _both(row: Row, locale: str) -> Row:
    return {side: _side(row[side], row["currency"], locale) for side in ("ours", "theirs")}


def _side(told: str, currency: str, locale: str) -> str:
    facts = json.loads(told) if told else {}
    if not isinstance(facts, dict):
        return told
    return "; ".join(
        f"{_fact(name, locale)}: {in_the_readers_way(_value(name, value, currency), locale)}"
        for name, value in facts.items()
        if value is not None
    )


def _fact(name: str, locale: str) -> str:
    known = _words("sides.toml").get(name)
    return known[locale] if known else name.replace("_", " ")


def _value(name: str, value: Any, currency: str) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and name in _MONEY:
        return f"{currency} {money(value, currency)}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _told(row: Row, locale: str) -> Row:
    kind = kinds.known(FindingKind(row["kind"]))
    usual = row["action"] == kind.action[ENGLISH]
    return {
        **row,
        "kind": f"{kind.title[locale]} ({row['kind']})",
        "state": f"{_words('states.toml')[row['state']][locale]} ({row['state']})",
        "explanation": told_in(row["explanation"], locale),
        "action": kind.action[locale] if usual else told_in(row["action"], locale),
    }
