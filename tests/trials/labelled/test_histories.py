"""The table of histories has no empty row, and names nothing that is not there."""

import re
from pathlib import Path

import pytest

from jobs.synth.labelled import bank, broken
from jobs.synth.labelled.innocent import INNOCENT
from jobs.synth.labelled.stories import STORIES
from tests.trials.labelled.histories import TABLES, Played

_TESTS = Path(__file__).resolve().parents[2]
_FILES = {
    *broken.DAMAGES,
    *broken.ODD,
    *broken.MISREAD,
    broken.TWICE,
    broken.OWED,
    broken.FROM_NOWHERE,
    bank.MISSING,
    bank.STRANGER,
    bank.TOGETHER,
    bank.NAMELESS,
}
_STORIES = STORIES.keys() | INNOCENT.keys() | _FILES
_ROWS = [(table, said, played) for table, rows in TABLES.items() for said, played in rows.items()]


@pytest.mark.parametrize(("table", "said", "played"), _ROWS, ids=[said for _, said, _ in _ROWS])
def test_every_history_is_told_by_a_story_or_played_by_a_test(table: str, said: str, played: Played) -> None:
    assert bool(played.stories or played.tests) != bool(played.never), said
    assert set(played.stories) <= _STORIES
    for named in played.tests:
        file, _, test = named.partition("::")
        assert re.search(rf"def {test}\(", (_TESTS / file).read_text()), named


def test_as_many_histories_are_played_as_were_collected() -> None:
    assert {table: len(rows) for table, rows in TABLES.items()} == {
        "amounts": 24,
        "banks": 18,
        "balances": 14,
        "reports": 31,
        "documents": 8,
    }
