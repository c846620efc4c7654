"""Reports made of listings: the same content gives the same bytes, and what nobody understands is counted."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.pse.kit import cells, listings
from domain.pse.kit.unreadable import Unreadable
from domain.pse.reporting import REPORT_SCHEMA, BadReport, ReadReport, ReportFile, Unknown
from domain.pse.vocabulary import Period

START = datetime(2026, 2, 3, 3, tzinfo=UTC)
DAY = Period("https://x", START, START + timedelta(days=1), "America/Sao_Paulo")


def _lines(entry: listings.Entry) -> Iterator[listings.Line]:
    if "id" not in entry:
        raise Unreadable("it has no id")
    cells.check_net(entry["gross"], 1, 2)
    yield {"type": "REFUND", "amount": entry["gross"]}
    yield listings.other("new")


def _read(folder: Path, *entries: dict[str, Any], currency: str | None = None) -> ReadReport:
    built = listings.built("x", DAY, "rows", entries)
    path = folder / built.name
    path.write_bytes(built.content)
    return listings.read(
        ReportFile(built.name, built.content_type, path), "rows", replace(DAY, currency=currency), _lines, "counted"
    )


def test_what_is_built_is_the_same_whatever_the_order_of_its_names() -> None:
    built = listings.built("x", DAY, "rows", [{"b": 1, "a": Decimal("1.10")}])
    assert built == listings.built("x", DAY, "rows", [{"a": Decimal("1.10"), "b": 1}])
    assert (built.name, built.content) == ("x-2026-02-03.json", b'{"rows":[{"a":1.1,"b":1}]}')


def test_lines_are_numbered_and_those_that_nobody_understands_are_counted_by_their_words(tmp_path: Path) -> None:
    report = _read(tmp_path, {"id": 1, "gross": 3}, {"id": 2, "gross": 3})
    frame = report.lines.collect()
    assert frame.schema == dict(REPORT_SCHEMA)
    assert frame["line"].to_list() == [1, 2, 3, 4]
    assert frame["type"].to_list() == ["REFUND", "OTHER"] * 2
    assert frame["kind"].to_list() == [None, "new"] * 2
    assert frame["business_date"].to_list() == [DAY.business_date] * 4
    assert (report.completeness, list(report.unknown)) == ("counted", [Unknown("new", rows=2, line=2)])


@pytest.mark.parametrize(
    ("wrong", "words", "column", "said"),
    [
        ({}, "an entry that cannot be read", None, "it has no id"),
        ({"id": 2, "gross": 4}, "an entry whose net is not its gross less its fee", "net", "gross 4 less fee 1 is 3"),
    ],
)
def test_an_entry_that_cannot_be_used_is_other_and_most_such_entries_are_refused(
    tmp_path: Path, wrong: dict[str, Any], words: str, column: str | None, said: str
) -> None:
    good = {"id": 1, "gross": 3}
    report = _read(tmp_path, good, wrong, good, currency="BRL")
    lines = report.lines.collect().to_dicts()
    odd = lines[2]
    assert [line["type"] for line in lines] == ["REFUND", "OTHER", "OTHER", "REFUND", "OTHER"]
    assert (odd["kind"], odd["amount"], odd["currency"], odd["settled_net"]) == (words, 0, "BRL", None)
    assert (odd["booked_at"], odd["business_date"]) == (DAY.start, DAY.business_date)
    assert Unknown(words, rows=1, line=3) in report.unknown
    for entries, currency in (((good, wrong, wrong), "BRL"), ((good, wrong), None)):
        with pytest.raises(BadReport, match=said) as caught:
            _read(tmp_path, *entries, currency=currency)
        assert (caught.value.line, caught.value.column) == (2, column)


@pytest.mark.parametrize("cut", [b"", b'{"rows":[{"id":1', b'{"rows":7}', b"[]", b"\xff", b'{"rows":["id"]}'])
def test_a_listing_that_was_cut_or_is_none_is_said_to_be_so(tmp_path: Path, cut: bytes) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(cut)
    with pytest.raises(BadReport, match="is no listing of rows"):
        listings.read(ReportFile("x.json", "application/json", path), "rows", DAY, _lines)


def test_what_moved_is_exact_and_of_no_currency_that_nobody_knows() -> None:
    assert listings.settled("BRL", gross=-1050, net=-1061) == {
        "settled_gross": Decimal("-10.50"),
        "settled_net": Decimal("-10.61"),
    }
    assert listings.settled("CLP", gross=1050) == {"settled_gross": Decimal(1050)}
    assert listings.settled("XXX", gross=1050) == {"settled_gross": None}
