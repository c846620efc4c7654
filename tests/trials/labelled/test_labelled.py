"""Two days of every PSE, with every story: each kind of finding finds all of its own, and nothing else."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from domain import invariants
from domain.history import seals
from jobs.synth.labelled.write import FIRST, WantedBooks, write
from tests.conftest import Database
from tests.trials.labelled import load, nights, office, score
from tests.trials.labelled.kinds import KINDS, lately


async def test_every_kind_finds_all_of_its_own_and_nothing_else(books: Database, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    first = lately(datetime.now(UTC).date())
    write(folder, WantedBooks(lines=0, days=1, first=first, planted=1, innocent=1, odd=2))
    connections = await load.load(books.owner_url, folder)
    assert await invariants.check() == []
    await office.agree(folder, connections)
    await nights.play(folder, connections)
    await office.hand_in(folder, connections, tmp_path / "kept")
    scores = score.of(score.labels_of(folder), await score.found(), KINDS)
    assert all(one.precision == one.recall == 1 and one.right for one in scores.values()), score.table(scores)
    assert await invariants.check() == []
    await load.sealed()
    assert await seals.verify() == []


def test_the_books_are_of_a_day_that_banks_may_still_be_asked_about() -> None:
    assert lately(date(2026, 11, 29)) == FIRST
    for days in range(200, 4_000, 37):
        first = lately(FIRST + timedelta(days=days))
        assert (190 < days - (first - FIRST).days <= 380, first.weekday()) == (True, FIRST.weekday())
