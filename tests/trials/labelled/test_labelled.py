"""A few days of every PSE, with every story: each kind of finding finds all of its own, and nothing else."""

from pathlib import Path

from domain import invariants
from domain.history import seals
from jobs.synth.labelled.write import Wanted, write
from tests.conftest import Database
from tests.trials.labelled import load, nights, score
from tests.trials.labelled.kinds import KINDS


async def test_every_kind_finds_all_of_its_own_and_nothing_else(books: Database, tmp_path: Path) -> None:
    write(tmp_path, Wanted(lines=3_000))
    connections = await load.load(books.owner_url, tmp_path)
    assert await invariants.check() == []
    await nights.play(tmp_path, connections)
    scores = score.of(score.labels_of(tmp_path), await score.found(), KINDS)
    assert all(one.precision == one.recall == 1 for one in scores.values()), score.table(scores)
    assert await invariants.check() == []
    await load.sealed()
    assert await seals.verify() == []
