"""Reports made of listings: the same content gives the same bytes, and what nobody understands is counted."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from domain.pse.kit import listings
from domain.pse.reporting import REPORT_SCHEMA, ReportFile, Unknown
from domain.pse.vocabulary import Period

START = datetime(2026, 2, 3, 3, tzinfo=UTC)
DAY = Period("https://x", START, START + timedelta(days=1), "America/Sao_Paulo")


def test_what_is_built_is_read_again_whatever_the_order_of_its_names(tmp_path: Path) -> None:
    built = listings.built("x", DAY, "rows", [{"b": 1, "a": Decimal("1.10")}])
    assert built == listings.built("x", DAY, "rows", [{"a": Decimal("1.10"), "b": 1}])
    assert (built.name, built.content) == ("x-2026-02-03.json", b'{"rows":[{"a":1.1,"b":1}]}')
    path = tmp_path / built.name
    path.write_bytes(built.content)
    assert listings.entries_of(ReportFile(built.name, built.content_type, path), "rows") == [{"a": 1.1, "b": 1}]


def test_lines_are_numbered_and_those_that_nobody_understands_are_counted_by_their_words() -> None:
    report = listings.report([{"type": "REFUND", "amount": 5}, listings.other("new"), listings.other("new")], DAY, None)
    frame = report.lines.collect()
    assert frame.schema == dict(REPORT_SCHEMA)
    assert frame["line"].to_list() == [1, 2, 3]
    assert frame["type"].to_list() == ["REFUND", "OTHER", "OTHER"]
    assert frame["kind"].to_list() == [None, "new", "new"]
    assert frame["business_date"].to_list() == [DAY.business_date] * 3
    assert list(report.unknown) == [Unknown("new", rows=2, line=2)]
