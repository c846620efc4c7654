"""What a step of a night takes: seconds, and CPU and memory of each process, PostgreSQL's backends of the database too.

A busy machine stretches seconds; CPU seconds it does not. What Linux does not tell (another system) is nothing.
"""

import gc
import os
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import asyncpg

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_WAYS: Final = ("fetch", "execute", "fetchrow", "copy_to_table", "copy_from_query")
_STATEMENT_CHARACTERS: Final = 60
Told = dict[str, Any]


def backends(database: str) -> list[Path]:
    """PostgreSQL's processes for the sessions of that database, in /proc."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            named = (place / "cmdline").read_bytes().startswith(b"postgres: ")
            if named and f" {database} " in (place / "cmdline").read_text():
                found.append(place)
        except OSError:
            continue  # it has ended
    return found


def backend_cpu(database: str) -> float:
    """CPU seconds of those that there are."""
    return sum(_ticks(place) for place in backends(database)) / _TICKS


def _ticks(place: Path) -> int:
    fields = (place / "stat").read_text().rpartition(") ")[2].split()
    return int(fields[11]) + int(fields[12])


def backend_peak(database: str) -> float:
    """MB of the largest of them at its largest, with what it shares with the others."""
    return max((_peak(place) for place in backends(database)), default=0.0)


def own_peak() -> float:
    """MB of this process at its largest."""
    return _peak(Path("/proc/self"))


def _peak(place: Path) -> float:
    # What the system counts for getrusage, a process has from the one that began it.
    found = re.search(r"VmHWM:\s+(\d+)", (place / "status").read_text())
    return int(found[1]) / 1024 if found else 0.0


@contextmanager
def timed(told: Told, what: str, database: str) -> Iterator[None]:
    """Write into `told` what the block took."""
    gc.collect()
    began, cpu, theirs = time.perf_counter(), time.process_time(), backend_cpu(database)
    yield
    told[what] = {
        "seconds": time.perf_counter() - began,
        "cpu": time.process_time() - cpu,
        "postgres": backend_cpu(database) - theirs,
        "peak": own_peak(),
        "backend": backend_peak(database),
    }


@contextmanager
def statements() -> Iterator[dict[str, float]]:
    """Seconds of each statement that the block gives to PostgreSQL, by how it begins."""
    found: dict[str, float] = defaultdict(float)
    kept = {name: getattr(asyncpg.Connection, name) for name in _WAYS}
    for name, way in kept.items():
        setattr(asyncpg.Connection, name, _counted(name, way, found))
    try:
        yield found
    finally:
        for name, way in kept.items():
            setattr(asyncpg.Connection, name, way)


def _counted(name: str, way: Any, found: dict[str, float]) -> Any:
    async def counted(*given: Any, **more: Any) -> Any:
        said = " ".join(str(given[1]).split())[:_STATEMENT_CHARACTERS] if len(given) > 1 else ""
        began = time.perf_counter()
        try:
            return await way(*given, **more)
        finally:
            found[f"{'COPY IN ' if name == 'copy_to_table' else ''}{said}"] += time.perf_counter() - began

    return counted
