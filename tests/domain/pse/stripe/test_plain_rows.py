"""Plain rows are read many at a time: the lines are those that the reader of single rows makes of the same file."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.pse.reporting import ReadReport, ReportFile
from domain.pse.stripe.lines import LAYOUT, lines
from domain.pse.vocabulary import Period
from tests.kit.both_ways import in_pieces, row_by_row, said

DAY = Period(
    "https://api.stripe.com/v1", datetime(2026, 11, 23, 3, tzinfo=UTC), datetime(2026, 11, 24, 3, tzinfo=UTC), "UTC"
)
GOOD = {
    "created_utc": "2026-11-23 15:00:00",
    "currency": "brl",
    "gross": "10.00",
    "fee": "1.00",
    "net": "9.00",
    "reporting_category": "charge",
    "source_id": "ch_1",
    "customer_facing_amount": "10.00",
    "customer_facing_currency": "brl",
    "automatic_payout_id": "po_1",
    "charge_id": "ch_1",
    "payment_intent_id": "pi_1",
}
HOSTILE = {
    "created_utc": ("", "2026-02-30 10:00:00", "1970-01-01 00:00:00", "2026-11-23T15:00:00", "2026-11-23 23:59:60"),
    "currency": ("", "BRL", "clp", "xyz", "brlx", "ıbr", "Brl", "usd"),
    "gross": ("", "-10.00", "10", "10.0", "10.000", "1e1", "9" * 18 + ".00", "+10.00", " 10.00", "10,00", "-0.00"),
    "fee": ("", "0.00", "-1.00", "1", "0.5", "NaN"),
    "net": ("", "9", "9.01", "-11.00", "10.00", "99" * 12),
    "reporting_category": ("", "refund", "refund_failure", "payout", "fee", "dispute", "something_new", "Charge"),
    "source_id": ("", "re_1", "\x01", "é"),
    "customer_facing_amount": ("", "10", "-10.00", "10.005", "x"),
    "customer_facing_currency": ("", "usd", "BRL", "clp"),
    "automatic_payout_id": ("", "po_2"),
    "charge_id": ("", "ch_2"),
    "payment_intent_id": ("", "pi_2", "a b"),
}
ROW = st.fixed_dictionaries(
    {},
    optional={name: st.sampled_from([GOOD[name], *values]) for name, values in HOSTILE.items()},
)


def _lines(file: ReportFile) -> ReadReport:
    return lines(file, DAY)


def _written(rows: Sequence[dict[str, str]], end: str, *, quoted: bool) -> bytes:
    cells = [[{**GOOD, **row}[name] for name in LAYOUT.needed] for row in rows]
    if quoted:
        cells = [[f'"{cell}"' for cell in row] for row in cells]
    return "".join(",".join(row) + end for row in [list(LAYOUT.needed), *cells]).encode()


@given(rows=st.lists(ROW, min_size=1, max_size=8), end=st.sampled_from(["\n", "\r\n"]))
@example(rows=[{"gross": "-10.00", "net": "-11.00", "reporting_category": "refund", "source_id": ""}], end="\n")
@example(rows=[dict.fromkeys(GOOD, ""), {}], end="\n")
@example(rows=[{}, {"reporting_category": "payout", "gross": "-9.00", "fee": "0.00", "net": "-9.00"}], end="\n")
def test_a_file_means_the_same_read_at_once_and_row_by_row(rows: list[dict[str, str]], end: str) -> None:
    for quoted in (False, True):
        content = _written(rows, end, quoted=quoted)
        assert said(_lines, content) == row_by_row(_lines, content)


@pytest.mark.parametrize(
    "broken",
    [b"a,b\n", b"\n", b",,,,,,,,,,,\n", b"\xff\n", b'"', b"2026-11-23 15:00:00,brl,10.00", b",,,,,,,,,,,,\n"],
    ids=["short", "empty", "blank", "not UTF-8", "a quote", "cut", "long"],
)
def test_what_is_not_plain_is_said_with_its_line_however_much_was_plain_before(broken: bytes) -> None:
    rows = [{"source_id": f"ch_{number}"} for number in range(3)]
    for quoted in (False, True):
        content = _written(rows, "\n", quoted=quoted) + broken
        assert said(_lines, content) == row_by_row(_lines, content)


def test_pieces_of_a_file_follow_each_other_by_line() -> None:
    rows = [{"source_id": f"ch_{number}", "gross": "10.00" if number % 3 else "x"} for number in range(40)]
    content = _written(rows, "\n", quoted=False)
    whole = row_by_row(_lines, content)
    assert in_pieces(_lines, content, 500) == whole
    assert [line[0] for line in whole[0]] == list(range(2, 42))
