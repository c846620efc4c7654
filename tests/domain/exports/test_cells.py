"""Cells of a CSV are whole and exact, and no spreadsheet calculates one."""

from datetime import UTC, date, datetime
from uuid import uuid4

import pytest

from domain.exports import cells
from domain.exports.asked import WantedRows
from domain.exports.cells import Digest
from domain.exports.columns import COLUMNS, Column, Holds
from domain.findings.kinds import FindingKind
from domain.findings.search import FindingStanding
from domain.findings.search import WantedFindings as Findings


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@a", "\ta", "\ra", " =1+1", "\uff1d1"])
def test_a_text_that_would_be_calculated_begins_with_an_apostrophe_and_is_read_back(text: str) -> None:
    assert cells.guarded(text).startswith("'")
    assert cells.unguarded(cells.guarded(text)) == text


def test_a_text_is_not_calculated_either_where_cells_end_at_a_semicolon() -> None:
    assert cells.guarded("a;=1+1") == "a;'=1+1"
    assert cells.guarded("a\n@b") == "a\n'@b"
    assert [cells.guarded(plain) for plain in ("a;b", "a - b", "'quoted'", "")] == ["a;b", "a - b", "'quoted'", ""]


def test_a_line_has_each_amount_twice_and_days_and_moments_as_such() -> None:
    columns = (
        Column("What", "what"),
        Column("Amount", "amount", Holds.MONEY, summed=True),
        Column("On", "on", Holds.DAY),
        Column("At", "at", Holds.MOMENT),
        Column("Many", "many", Holds.COUNT),
    )
    row = {
        "what": "-x",
        "amount": -5,
        "currency": "BRL",
        "on": date(2026, 1, 2),
        "at": datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
        "many": 7,
    }
    assert cells.titles(columns) == ["What", "Amount", "Amount (minor units)", "On", "At", "Many"]
    assert cells.line(columns, row) == ["'-x", "-0.05", "-5", "2026-01-02", "2026-01-02 03:04:05", "7"]
    assert cells.line(columns, {"currency": "CLP"}) == ["", "", "", "", "", ""]
    digest = Digest(columns)
    digest.take([row, {**row, "amount": 10**30, "currency": "CLP"}, row])
    assert (digest.rows, digest.sums) == (3, {("Amount", "BRL"): -10, ("Amount", "CLP"): 10**30})
    assert all(len({one.title for one in of}) == len(of) for of in COLUMNS.values())


def test_what_was_wanted_is_kept_whole() -> None:
    full = WantedRows(
        findings=Findings(
            kinds=[FindingKind.AMOUNT_MISMATCH],
            states=[FindingStanding.OPEN, FindingStanding.REOPENED],
            connections=[uuid4()],
            pses=["pix"],
            stores=[uuid4()],
            found_from=date(2026, 1, 1),
            found_until=date(2026, 1, 31),
            currency="BRL",
            amount_from=0,
            amount_to=2**60,
            assignee=uuid4(),
            unassigned=False,
            severity=3,
            due_before=datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
            payment=uuid4(),
            refund=uuid4(),
        )
    )
    assert WantedRows.of(full.told()) == full
    days = WantedRows(since=date(2026, 1, 1), until=date(2026, 1, 2), connection=uuid4(), store=uuid4(), currency="BRL")
    for one in (days, WantedRows(), WantedRows(findings=Findings()), WantedRows(findings=Findings(unassigned=True))):
        assert WantedRows.of(one.told()) == one
