"""The nights of a labelled folder, in their order, through the same door as every night."""

import json
import shutil
import tempfile
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from domain.models import Connection
from domain.platform.database import for_all, for_merchant
from domain.pse.reporting import ReportFile
from domain.reconciliation import reconcile
from jobs.synth.labelled.shape import start_of

_FETCHED_AFTER: Final = timedelta(days=1, hours=6)  # after the date began


async def play(folder: Path, connections: Mapping[str, UUID]) -> None:
    """Reconcile every night of the manifest."""
    for night in json.loads((folder / "manifest.json").read_text())["nights"]:
        await _night(folder, connections[night["pse"]], night)


async def _night(folder: Path, connection_id: UUID, night: Mapping[str, Any]) -> None:
    with for_all("whose night it is"):
        connection = await Connection.get(id=connection_id)
    day = date.fromisoformat(night["day"])
    with for_merchant(connection.merchant_id), tempfile.TemporaryDirectory() as copies:
        run = await reconcile.begin(connection, day)
        # Reading leaves files beside the report.
        files = [
            ReportFile(one["name"], one["content_type"], Path(shutil.copy(folder / one["path"], copies)))
            for one in night["files"]
        ]
        await reconcile.reconcile(connection, run, files, start_of(day) + _FETCHED_AFTER)
