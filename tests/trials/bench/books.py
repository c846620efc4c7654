"""`make bench-books`: a night of SMALL=100000 and of LARGE=1000000 lines, beside its floor of the same run.

A day of one shop in its PSE's own layout, in a database of its own each. The floor is what a night cannot do without:
the file scanned, the open side copied out, the lines copied in. HOME_OF_BOOKS keeps the servers for another run.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from domain.platform import database
from jobs.machine.servers import APPLICATION, OWNER, SUPERUSER
from tests.kit import databases
from tests.trials.bench import books_world
from tests.trials.bench.stage import Stage, servers

_STEPS: Final = ("read", "open side", "match", "store")
_FLOOR: Final = ("floor: scan", "floor: copy out", "floor: copy in")
_INDEXED: Final = "floor: copy in, indexed"
_TODAY: Final = ("datacompy", "pandas merge")


def _measured(stage: Stage, lines: int) -> dict[str, Any]:
    """The steps, and then the whole night, each in a process of its own."""
    name = f"books_{lines}"
    asyncio.run(databases.create(stage.postgres.url(SUPERUSER, "postgres"), name))
    asyncio.run(databases.let_anybody_give(stage.postgres.url(OWNER, name)))
    day = books_world.make(stage.postgres.url(OWNER, name), lines, stage.home)
    told: dict[str, Any] = {"bytes": day.report.stat().st_size}
    for how in ("steps", "whole"):
        of = [stage.postgres.url(APPLICATION, name), how, day.connection, str(day.on), str(day.report)]
        argv = [sys.executable, "-m", "tests.trials.bench.books_night", *of]
        told |= json.loads(subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True).stdout)
    day.report.unlink()
    return told


def _table(lines: int, told: dict[str, Any]) -> Table:
    floor = sum(told[one]["seconds"] for one in _FLOOR)
    indexed = floor - told["floor: copy in"]["seconds"] + told[_INDEXED]["seconds"]
    title = f"{lines:,} lines, {told['bytes'] / 1e6:.0f} MB; peak {told['peak']:.0f} MB"
    table = Table("What", "Seconds", "Lines/s", "Of the floor", "Of it, indexed", "CPU s here", title=title)
    for what in (*_STEPS, *_FLOOR, _INDEXED, "first", "again", *_TODAY):
        if (took := told[what]) is None:
            table.add_row(what, "not installed", "", "", "", "")
            continue
        seconds = took["seconds"]
        ratios = (f"{seconds / floor:.2f}", f"{seconds / indexed:.2f}")
        table.add_row(what, f"{seconds:.2f}", f"{lines / seconds:,.0f}", *ratios, f"{took['cpu']:.2f}")
    return table


def main() -> None:
    sizes = [int(os.environ.get(name) or usual) for name, usual in (("SMALL", 100_000), ("LARGE", 1_000_000))]
    console = Console(width=110)
    kept = os.environ.get("HOME_OF_BOOKS")
    place = nullcontext(kept) if kept else tempfile.TemporaryDirectory(prefix="estorno-books-")
    with place as folder, servers(Path(folder)) as stage:
        asyncio.run(database.migrate(stage.postgres.url(OWNER), APPLICATION))
        took = []
        for lines in sizes:
            told = _measured(stage, lines)
            console.print(_table(lines, told))
            took.append(told["first"]["seconds"] / lines)
    console.print(
        f"A line of {sizes[-1]:,} costs {took[-1] / took[0]:.2f} times one of {sizes[0]:,} (goal: below 1.5)."
    )


if __name__ == "__main__":
    main()
