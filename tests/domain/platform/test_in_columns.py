"""What a column answers about all of its rows."""

import polars as pl

from domain.platform.in_columns import is_empty, says

_LINES = pl.DataFrame({"type": ["REFUND", None], "name": [None, None]}, schema={"type": pl.String, "name": pl.String})


def test_a_column_says_what_any_of_its_rows_says() -> None:
    assert says(_LINES, "type", "CAPTURE", "REFUND")
    assert not says(_LINES, "type", "CAPTURE")
    assert not says(_LINES, "name", "REFUND")
    assert not says(_LINES.clear(), "type", "REFUND")


def test_a_column_is_empty_where_no_row_says_anything() -> None:
    assert is_empty(_LINES["name"])
    assert is_empty(_LINES["type"].clear())
    assert not is_empty(_LINES["type"])
