"""How far a run is: phase and rows, told by the way. It costs the night nothing and is lost with no harm.

The rooms of a night say where they are; a task of its own writes the last word every few seconds, on a connection of
its own and outside of the night's transaction.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextvars import Context, ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from uuid import UUID

import structlog

from domain.models import ReconciliationRun
from domain.platform import bell
from domain.platform.database import execute, for_merchant

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
