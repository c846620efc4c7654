"""What failed in the crowd is heard again; one that fails alone even once, and many, are not let go."""

from pathlib import Path

import pytest

from tests.kit.alone import failed, heard

_THIRD = """from pathlib import Path
def test_counted():
    seen = Path("seen")
    seen.write_text(seen.read_text() + "x" if seen.exists() else "x")
    assert len(seen.read_text()) != {bad}
"""


@pytest.mark.parametrize(("bad", "passes"), [(9, True), (3, False)])
def test_a_test_must_pass_each_of_three_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: int, passes: bool
) -> None:
    (tmp_path / "test_third.py").write_text(_THIRD.format(bad=bad))
    monkeypatch.chdir(tmp_path)
    assert heard(["test_third.py::test_counted"]) is passes
    assert (tmp_path / "seen").read_text() == "xxx"


def test_many_failures_whole_files_and_a_run_without_an_end_are_final(tmp_path: Path) -> None:
    cache, status = tmp_path / "lastfailed", tmp_path / "status"
    assert failed(cache, status) == []
    cache.write_text('{"test_b.py::test_x": true, "test_a.py::test_y[a b]": true}')
    for ended, seen in (("1", ["test_a.py::test_y[a b]", "test_b.py::test_x"]), ("2", []), ("143", [])):
        status.write_text(f"{ended}\n")
        assert failed(cache, status) == seen
    for tests in ([], ["test_a.py"], [f"test_a.py::test_{number}" for number in range(4)]):
        assert not heard(tests)
