"""`make bench-books`: nights of SMALL=100000, of a million and of LARGE lines, beside their floor of the same run.

A day of one shop in its PSE's own layout, in a database of its own each. The floor is what a night cannot do without:
the file scanned, the open side copied out, the lines copied in. Beside it what people compare two tables with, in an
environment of its own (COMPARED: its Python). HOME_OF_BOOKS keeps the servers for another run.
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

from domain.platform import migrate
from jobs.machine.servers import APPLICATION, OWNER, SUPERUSER
from tests.kit import databases
from tests.trials.bench import books_compared, books_world
from tests.trials.bench.stage import Stage, servers

_STEPS: Final = ("read", "open side", "match", "store")
_FLOOR: Final = ("floor: scan", "floor: copy out", "floor: copy in")
_INDEXED: Final = "floor: copy in, indexed"
_TODAY: Final = ("datacompy", "datacompy of pandas", "pandas merge")
_GOAL_LINES: Final = 1_000_000
_COMPARED: Final = ".venv/compared/bin/python"
Told = dict[str, Any]


def _measured(stage: Stage, lines: int) -> Told:
    """The steps, the whole night, and what people use today, each in a process of its own."""
    name = f"books_{lines}"
    asyncio.run(databases.create(stage.postgres.url(SUPERUSER, "postgres"), name))
    asyncio.run(databases.let_anybody_give(stage.postgres.url(OWNER, name)))
    day = books_world.make(stage.postgres.url(OWNER, name), lines, stage.home)
    told: Told = {"bytes": day.report.stat().st_size}
    for how in ("steps", "whole"):
        of = [stage.postgres.url(APPLICATION, name), how, day.connection, str(day.on), str(day.report)]
        told |= _said([sys.executable, "-m", "tests.trials.bench.books_night", *of])
    python = os.environ.get("COMPARED") or _COMPARED
    for how in _TODAY:
        there = Path(python).exists()
        told[how] = _said([python, books_compared.__file__, how, str(stage.home)]) if there else None
    for made in (day.report, *(stage.home / f"{side}.parquet" for side in ("theirs", "ours"))):
        made.unlink()
    return told


def _said(argv: list[str]) -> Told:
    found: Told = json.loads(subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True).stdout)
    return found


def _floor_of(told: Told, by: str = "seconds") -> float:
    """What a night cannot do without, in seconds, or in CPU seconds of both processes."""
    return sum(_of(told[one], by) for one in _FLOOR)


def _of(took: Told, by: str) -> float:
    return float(took["cpu"] + took["postgres"] if by == "cpu" else took["seconds"])


def _table(lines: int, told: Told) -> Table:
    floor, indexed = _floor_of(told), _floor_of(told) - _of(told[_FLOOR[-1]], "seconds") + told[_INDEXED]["seconds"]
    heads = ("What", "Seconds", "Lines/s", "Of the floor", "Indexed", "CPU s", "PG CPU s", "Peak MB", "PG MB")
    table = Table(*heads, title=f"{lines:,} lines, {told['bytes'] / 1e6:.0f} MB")
    for what in (*_STEPS, *_FLOOR, _INDEXED, "first", "again", *_TODAY):
        if (took := told[what]) is None:
            table.add_row(what, "not there", *[""] * (len(heads) - 2))
            continue
        seconds = took["seconds"]
        ratios = (f"{seconds / floor:.2f}", f"{seconds / indexed:.2f}")
        theirs = [f"{took[one]:.{places}f}" if one in took else "" for one, places in (("postgres", 2), ("backend", 0))]
        others = (theirs[0], f"{took['peak']:.0f}", theirs[1])
        table.add_row(what, f"{seconds:.2f}", f"{lines / seconds:,.0f}", *ratios, f"{took['cpu']:.2f}", *others)
    return table


def _profile(told: Told) -> Table:
    """Where the seconds of the whole night go in PostgreSQL; the rest is ours."""
    table = Table("Of the night, in PostgreSQL", "Seconds", "Of it")
    whole = told["first"]["seconds"]
    for statement, seconds in told["first"]["statements"]:
        table.add_row(statement, f"{seconds:.2f}", f"{seconds / whole:.0%}")
    return table


def _verdict(lines: int, told: Told) -> list[str]:
    floor, first = _floor_of(told), told["first"]
    cpu = _of(first, "cpu") / _floor_of(told, "cpu")
    said = [f"{lines:,} lines: {first['seconds'] / floor:.2f} times the floor, {cpu:.2f} times its CPU (goal: 2)."]
    if (compared := told["datacompy"]) is not None:
        alone, match = compared["seconds"], told["match"]["seconds"]
        said.append(
            f"  The whole night is {alone / first['seconds']:.2f} times as fast as datacompy's comparison alone "
            f"(goal: 3), the match {alone / match:.2f} times."
        )
    said.append(
        f"  The same report again: {told['again']['seconds'] / first['seconds']:.2f} of the first time, not matched."
    )
    said.append(
        f"  Peak: {first['peak']:.0f} MB of ours (goal for ten million: 3,072), {first['backend']:.0f} MB of PG."
    )
    return said


def main() -> None:
    small, large = (int(os.environ.get(name) or usual) for name, usual in (("SMALL", 100_000), ("LARGE", _GOAL_LINES)))
    sizes = sorted({small, large, *([_GOAL_LINES] if small < _GOAL_LINES < large else [])})
    console = Console(width=118)
    kept = os.environ.get("HOME_OF_BOOKS")
    place = nullcontext(kept) if kept else tempfile.TemporaryDirectory(prefix="estorno-books-")
    with place as folder, servers(Path(folder)) as stage:
        asyncio.run(migrate.run(stage.postgres.url(OWNER), APPLICATION))
        took = []
        for lines in sizes:
            told = _measured(stage, lines)
            console.print(_table(lines, told), _profile(told), *_verdict(lines, told), sep="\n")
            took.append([_of(told["first"], by) / lines for by in ("seconds", "cpu")])
    seconds, cpu = (one[-1] / one[0] for one in zip(*took, strict=True))
    console.print(
        f"A line of {sizes[-1]:,} costs {seconds:.2f} times one of {sizes[0]:,}, {cpu:.2f} times its CPU (goal: below "
        "1.5).\nPrecision and recall of every kind of finding: make bench-labelled.\n"
        f"Load of the machine meanwhile: {os.getloadavg()[2]:.1f} on {os.cpu_count()} cores."
    )


if __name__ == "__main__":
    main()
