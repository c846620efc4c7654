"""Reports that a connector puts together from listings: a file of JSON entries, and the lines made of them."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import polars as pl

from domain.pse.kit.unclear import Unclear
from domain.pse.reporting import REPORT_SCHEMA, Built, Report, ReportFile
from domain.pse.vocabulary import Period

Entry = dict[str, Any]
Line = dict[str, Any]  # by canonical column


def built(name: str, period: Period, key: str, entries: Sequence[Entry]) -> Built:
    """The entries under `key`, in a file named after the business date: the same content gives the same bytes."""
    text = json.dumps({key: entries}, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=float)
    return Built(f"{name}-{period.business_date}.json", "application/json", text.encode())


def entries_of(file: ReportFile, key: str) -> list[Entry]:
    """What `built` wrote."""
    found: list[Entry] = json.loads(file.path.read_bytes())[key]
    return found


def other(words: str) -> Line:
    """What a line is that nobody understands, in its own words: it proves no refund, so it names none."""
    return {"type": "OTHER", "unclear": words}


def report(lines: Iterable[Line], period: Period, completeness: str | None) -> Report:
    """The lines, numbered in their order; those made by `other` are counted by their words."""
    unclear, made = Unclear(), []
    for number, line in enumerate(lines, start=1):
        words = line.pop("unclear", None)
        kind = {} if words is None else {"kind": unclear.add(number, words)}
        fixed = {"line": number, "business_date": period.business_date}
        made.append({"state": "SUCCEEDED", "by_amount": False, "by_bank": False} | line | kind | fixed)
    return Report(pl.LazyFrame(made, schema=dict(REPORT_SCHEMA)), completeness, unknown=unclear.told())
