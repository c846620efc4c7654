"""`make bench-books`, its second half: made-up books of LINES lines and a SEED, and whether each kind is found right.

Exit status 0 only if precision and recall of every kind are 1.000, of each at least fifty things only looked so, and
the books are in order before and after.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from domain import invariants
from domain.findings.findings import FindingKind
from domain.history import seals
from domain.platform import database, migrate
from jobs.machine.servers import APPLICATION, OWNER
from jobs.synth.labelled.shape import PLACES
from jobs.synth.labelled.write import WantedBooks, write
from tests.kit import databases
from tests.trials.bench.stage import Stage, servers
from tests.trials.labelled import load, nights, office, score
from tests.trials.labelled.kinds import KINDS, NEGATIVES, lately

INNOCENT: Final = 9  # told so often, the stories that only look wrong are enough of every kind


def _arguments() -> argparse.Namespace:
    asked = argparse.ArgumentParser(prog="tests.trials.labelled", description=__doc__)
    asked.add_argument("--lines", type=int, default=100_000)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--days", type=int, default=4)
    asked.add_argument("--planted", type=int, default=3, help="how often each story is told of each PSE")
    asked.add_argument("--innocent", type=int, default=INNOCENT, help="how often each that only looks wrong")
    asked.add_argument("--examples", type=int, default=3, help="how many of a kind are shown that went wrong")
    asked.add_argument("--pse", action="append", choices=list(PLACES), help="left out: all")
    asked.add_argument("--kinds", nargs="+", choices=list(FindingKind), default=list(KINDS))
    return asked.parse_args()


async def _run(stage: Stage, wanted: WantedBooks, kinds: Sequence[str], examples: int, enough: int) -> bool:
    with tempfile.TemporaryDirectory(prefix="estorno-labelled-") as made:
        folder, begun = Path(made), time.monotonic()
        lines = write(folder, wanted)["lines"]
        written = time.monotonic()
        connections = await load.load(stage.postgres.url(OWNER), folder)
        loaded = time.monotonic()
        async with database.connected(
            stage.postgres.url(APPLICATION), pool_max=8, all_because="a trial of every connection"
        ):
            broken = list(await invariants.check())
            started = time.monotonic()
            await office.agree(folder, connections)
            await nights.play(folder, connections)
            done = time.monotonic()
            await office.hand_in(folder, connections, folder / "kept")
            handed_in = time.monotonic()
            scores = score.of(score.labels_of(folder), await score.found(), kinds)
            await load.sealed()
            broken += await invariants.check()
            tampered = await seals.verify()
    print(f"{lines} lines, seed {wanted.seed}")
    took = {"written": written - begun, "loaded": loaded - written, "reconciled": done - started}
    for what, seconds in {**took, "handed in": handed_in - done}.items():
        print(f"{what:12}{seconds:8.1f} s {lines / seconds:12,.0f} lines/s")
    print(score.table(scores, examples))
    for one in broken:
        print(f"broken: {one.name}: {one.detail}")
    few = [kind for kind, one in scores.items() if one.negatives < enough]
    if few:
        print(f"fewer than {enough} things only look so: {', '.join(few)}")
    right = all(one.precision == one.recall == 1 for one in scores.values())
    return right and not few and not broken and not tampered


def main() -> None:
    asked = _arguments()
    pses = tuple(asked.pse or PLACES)
    first = lately(datetime.now(UTC).date())
    wanted = WantedBooks(asked.lines, asked.seed, pses, asked.days, first, asked.planted, asked.innocent)
    enough = 0 if asked.pse or asked.innocent < INNOCENT else NEGATIVES
    with tempfile.TemporaryDirectory(prefix="estorno-bench-") as home, servers(Path(home)) as stage:
        asyncio.run(migrate.run(stage.postgres.url(OWNER), APPLICATION))
        asyncio.run(databases.let_anybody_give(stage.postgres.url(OWNER)))
        sys.exit(0 if asyncio.run(_run(stage, wanted, asked.kinds, asked.examples, enough)) else 1)


if __name__ == "__main__":
    main()
