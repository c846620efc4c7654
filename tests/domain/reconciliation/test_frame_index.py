"""Where names are told: looked up by a hash, once for each frame that names them."""

import polars as pl

from domain.reconciliation.frame_index import FrameIndex, hashed, several


def _names(*names: str | None) -> pl.Series:
    return pl.Series("name", names, pl.String)


def _each(*frames: list[str]) -> list[pl.Series]:
    return [hashed(_names(*names)).unique() for names in frames]


def test_what_is_named_nowhere_has_no_hash() -> None:
    assert hashed(_names("a", None)).is_null().to_list() == [False, True]


def test_what_several_frames_name_is_found_once() -> None:
    found = several(_each(["a", "b"], [], ["c", "b", "b"], ["b", "a"]))
    assert sorted(found) == sorted(hashed(_names("a", "b")))


def test_rows_are_found_once_for_each_frame_that_names_them() -> None:
    index = FrameIndex(_each(["a", "b"], ["c"], ["b"]))
    assert index.first(hashed(_names("c", "x", "b", None, "a"))).to_list() == [1, None, 0, None, 0]
    rows = pl.DataFrame({"name": ["b", "x", "c"], "id": [1, 2, 3]})
    assert sorted(index.of_all(rows, "name", "frame").rows()) == [("b", 1, 0), ("b", 1, 2), ("c", 3, 1)]


def test_nothing_is_found_where_nothing_is_named() -> None:
    index = FrameIndex(_each([], []))
    assert index.of_all(pl.DataFrame({"name": ["a"]}), "name", "frame").is_empty()
