"""Exports and sheets of decisions, as jobs: whose turn it is has it, and what fails has another one."""

from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

import structlog

from domain.exports import asked, batches, run
from domain.files.content import ContentAway
from domain.models import DecisionBatch, Export
from domain.platform.database import door, for_all, for_merchant, unavailable
from domain.platform.outages import NO_ROOM_IN_WORDS, disk_full
from domain.platform.settings import Settings

_NO_ROOM: Final = "The server has no room for it: ask again when there is some."
_log = structlog.get_logger()


@door
async def export(export_id: UUID, settings: Settings) -> None:
    """Make an export, by its id, if it is its turn. Safe to repeat."""
    with for_all("whose the export is"):
        row = await Export.get(id=export_id)
    with for_merchant(row.merchant_id):
        if await asked.begun(row):
            if row.tries > asked.TRIES_MAX:
                await asked.failed(row, "It was begun often and never ended: ask for less at once.")
                return
            await _tried(lambda: run.run(row, settings), lambda why: asked.again(row, why), "export")


@door
async def decisions(batch_id: UUID, settings: Settings) -> None:
    """Apply a sheet of decisions, by its batch's id, if it is its turn. Safe to repeat."""
    with for_all("whose the sheet is"):
        row = await DecisionBatch.get(id=batch_id)
    with for_merchant(row.merchant_id):
        if await batches.begun(row):
            await _tried(lambda: batches.run(row, settings), lambda why: batches.again(row, why), "decisions")


async def _tried(work: Callable[[], Awaitable[None]], again: Callable[[str], Awaitable[None]], what: str) -> None:
    try:
        await work()
    except Exception as error:
        if unavailable(error):
            raise  # nothing can be written down; it is due again when its lease is over
        _log.exception(f"{what}.failed")
        await again(_NO_ROOM if _has_no_room(error) else f"It failed ({type(error).__name__}).")


def _has_no_room(error: Exception) -> bool:
    return disk_full(error) or (isinstance(error, ContentAway) and NO_ROOM_IN_WORDS in str(error))


@for_all("files whose time is over are taken away, whosever they are")
async def expire(settings: Settings) -> int:
    """How many were."""
    return await asked.expire(settings)
