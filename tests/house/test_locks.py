"""One order of locks needs one kind of lock: the foreign keys of findings, entries and events must not wait for it."""

import re
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def test_no_row_is_locked_against_the_foreign_keys_that_point_to_it() -> None:
    for folder in ("api", "domain", "jobs"):
        for path in (CHECKOUT / folder).rglob("*.py"):
            text = path.read_text()
            assert not re.search(r"FOR\s+UPDATE", text), f"{path.name}: say FOR NO KEY UPDATE."
            for given in re.findall(r"select_for_update\(([^)]*)\)", text):
                assert "no_key=True" in given, f"{path.name}: say select_for_update(no_key=True)."
