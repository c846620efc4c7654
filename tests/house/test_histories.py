"""Every test that the tables of histories name is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_NAMED = re.compile(r"([\w/]+\.py)::(\w+)")


@pytest.mark.parametrize("table", ["tests/histories/README.md", "tests/trials/simulation/README.md"])
def test_every_test_that_a_history_is_played_in_exists(table: str) -> None:
    named = _NAMED.findall((ROOT / table).read_text())
    assert len(named) > 15
    for file, test in named:
        path = ROOT / "tests" / file
        assert path.is_file(), f"{file} is not there."
        assert re.search(rf"def {test}\(", path.read_text()), f"{file} has no {test}."
