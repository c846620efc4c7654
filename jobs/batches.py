"""Sheets of refunds and payments, as jobs: whose turn it is has it, and what fails has another one."""

from uuid import UUID

import structlog

from domain.batches import applying, batches, judging
from domain.batches.batches import SheetState
from domain.models import Batch
from domain.platform.database import door, for_all, for_merchant, unavailable
from domain.platform.settings import Settings

_log = structlog.get_logger()


@door
async def batch(batch_id: UUID, settings: Settings) -> None:
    """Judge a sheet, or work it off, by its id, if it is its turn. Safe to repeat."""
    with for_all("whose the sheet is"):
        row = await Batch.get(id=batch_id)
    with for_merchant(row.merchant_id):
        if not await batches.begun(row):
            return
        try:
            if row.state == SheetState.READING:
                await judging.judge(row, settings)
            else:
                await applying.apply(row, settings)
        except Exception as error:
            if unavailable(error):
                raise  # nothing can be written down; it is due again when its lease is over
            _log.exception("batch.failed")
            await batches.again(row, f"It failed ({type(error).__name__}).")
