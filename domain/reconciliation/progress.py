"""How far a run is: phase and rows, told by the way. It costs the night nothing and is lost with no harm.

The rooms of a night say where they are; a task of its own writes the last word every few seconds, on a connection of
its own and outside of the night's transaction.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextvars import Context, ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import structlog

from domain.models import ReconciliationRun
from domain.platform import bell
from domain.platform.database import execute, for_merchant, rows

_WRITE_SECONDS: Final = 2.0
_WRITTEN_SECONDS_MAX: Final = 5.0  # a database that is slower than that is told the next word
_TELL: Final = """UPDATE reconciliation_runs SET phase = $3, rows_done = $4, rows_total = $5, changes = changes + 1
  WHERE id = $1 AND times = $2 AND state = 'RUNNING'"""
_log = structlog.get_logger()


class Phase(StrEnum):
    """What a run is at."""

    LISTING = "LISTING"  # the PSE's payments of the date
    FETCHING = "FETCHING"  # its reports: each counts as a row
    READING = "READING"
    MATCHING = "MATCHING"
    ENTERING = "ENTERING"  # what the books do not know yet
    STORING = "STORING"
    COMPARING = "COMPARING"  # findings


@dataclass(slots=True)
class _Word:
    """The last word of a run, and whether somebody has written it."""

    phase: Phase = Phase.LISTING
    done: int | None = None
    total: int | None = None
    new: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)


_current: ContextVar[_Word | None] = ContextVar("progress", default=None)


def at(phase: Phase, total: int | None = None) -> None:
    """The run of this task has come to this phase, which has so many rows. Never raises, and waits for nothing."""
    word = _current.get()
    if word is not None:
        word.phase, word.done, word.total = phase, (0 if total is not None else None), total
        word.new.set()


def further(rows: int) -> None:
    """So many more rows of the phase are done."""
    word = _current.get()
    if word is not None:
        word.done = (word.done or 0) + rows
        word.new.set()


@contextlib.asynccontextmanager
async def telling(run: ReconciliationRun) -> AsyncIterator[None]:
    """While the block is in hand, what `at` and `further` say in it is written to the run's row."""
    word = _Word()
    token = _current.set(word)
    # In no context: it must not write inside of the night's transactions.
    writer = asyncio.create_task(_write(run.id, run.merchant_id, run.times, word), context=Context())
    try:
        yield
    finally:
        _current.reset(token)
        word.ended.set()
        word.new.set()
        await writer  # a statement that is cancelled costs more than one that ends


async def _write(run_id: UUID, merchant_id: UUID, times: int, word: _Word) -> None:
    while not word.ended.is_set():
        await word.new.wait()
        word.new.clear()
        if word.ended.is_set():
            return
        try:
            with for_merchant(merchant_id):
                async with asyncio.timeout(_WRITTEN_SECONDS_MAX):
                    await execute(_TELL, run_id, times, word.phase.value, word.done, word.total)
                await bell.wake(bell.run_channel(run_id))
        except Exception as error:
            _log.warning("progress.lost", run=str(run_id), error=str(error))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_WRITE_SECONDS):
                await word.ended.wait()


@dataclass(frozen=True, slots=True)
class RunTold:
    """How a run stands: `changes` counts up with whatever it tells. Rates in rows per second."""

    run_id: UUID
    changes: int
    state: str
    phase: str | None
    rows_done: int | None
    rows_total: int | None
    begun_at: datetime | None
    rate: float | None
    seconds_left: int | None
    error: str | None

    @property
    def ended(self) -> bool:
        """Whether nothing more will be told of this run."""
        return self.state != "RUNNING"


# Runs that told something since, and how fast the last night of their connection was that had rows.
_TOLD: Final = """SELECT r.id, r.changes, r.state, r.phase, r.rows_done, r.rows_total, r.begun_at, r.error,
    extract(epoch FROM now() - r.begun_at)::float8 AS elapsed, l.rate
  FROM unnest($1::uuid[], $2::bigint[]) AS a(id, after)
  JOIN reconciliation_runs r ON r.id = a.id AND r.changes > a.after
  LEFT JOIN LATERAL (SELECT (o.manifest -> 'speed')::float8 AS rate FROM reconciliation_runs o
    WHERE o.connection_id = r.connection_id AND o.state = 'COMPLETED' AND o.manifest ? 'speed'
    ORDER BY o.business_date DESC LIMIT 1) l ON true"""


async def after_each(pairs: Sequence[tuple[UUID, int]], limit: int) -> Sequence[Sequence[RunTold]]:
    """For each run and position, how it stands if it has told something since: only the last word counts."""
    found = await rows(_TOLD, [run for run, _ in pairs], [after for _, after in pairs])
    told = {row["id"]: _told(row) for row in found}
    return [[told[run]] if run in told else [] for run, _ in pairs]


async def of_run(run_id: UUID) -> RunTold | None:
    """How a run stands; None: it has told nothing yet."""
    (found,) = await after_each([(run_id, -1)], 1)
    return found[0] if found else None


def _told(row: Mapping[str, Any]) -> RunTold:
    fetching = row["phase"] in (Phase.LISTING, Phase.FETCHING)
    own = row["rows_done"] / row["elapsed"] if row["rows_done"] and row["elapsed"] and not fetching else None
    rate = own or row["rate"]
    running = row["state"] == "RUNNING"
    left = None
    if running and rate and row["rows_total"] and not fetching:
        done = row["rows_done"] if own else rate * row["elapsed"]
        left = max(0, round((row["rows_total"] - done) / rate))
    return RunTold(
        run_id=row["id"],
        changes=row["changes"],
        state=row["state"],
        phase=row["phase"] if running else None,
        rows_done=row["rows_done"],
        rows_total=row["rows_total"],
        begun_at=row["begun_at"],
        rate=rate,
        seconds_left=left,
        error=row["error"],
    )


def speed_of(run: ReconciliationRun, rows_read: int) -> Mapping[str, float]:
    """What a run that has ended tells of its speed, for its manifest: rows per second of the whole."""
    if run.begun_at is None or rows_read == 0:
        return {}
    seconds = max(0.1, (datetime.now(UTC) - run.begun_at).total_seconds())
    return {"speed": round(rows_read / seconds, 3)}
