"""Every test that the table of histories names is there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")


def test_every_test_that_a_history_is_played_in_exists() -> None:
    named = _NAMED.findall((ROOT / "tests/histories/README.md").read_text())
    assert len(named) > 50
    for file, test in named:
        path = ROOT / "tests" / file
        assert path.is_file(), f"{file} is not there."
        assert re.search(rf"def {test}\(", path.read_text()), f"{file} has no {test}."
