"""One night in a process of its own, as the batch worker has it: how long, how much memory. For `make bench-books`."""

import asyncio
import json
import resource
import shutil
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from uuid import UUID

from domain.models import Connection, ReconciliationRun
from domain.platform import database
from domain.pse.reporting import ReportFile
from domain.reconciliation import reconcile


async def _night(url, connection_id, day, report):
    told = {}
    await database.open_pool(url, pool_max=4, patience=database.BATCH)
    with database.for_all("a trial"):
        connection = await Connection.get(id=UUID(connection_id))
    with database.for_merchant(connection.merchant_id):
        for what in ("first", "again"):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(shutil.copy(report, folder))
                began, cpu = time.perf_counter(), time.process_time()
                run = await reconcile.begin(connection, date.fromisoformat(day))
                await reconcile.reconcile(connection, run, [ReportFile(report.name, "text/csv", path)])
                told[what] = time.perf_counter() - began
                told[what + "_cpu"] = time.process_time() - cpu
            run = await ReconciliationRun.get(id=run.id)
            told["state"] = f"{run.state} {run.error} {run.manifest.get('matched_refunds')}"
            told[what + "_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    await database.close_pool()
    return told


if __name__ == "__main__":
    url, connection, day, report = sys.argv[1:]
    print(json.dumps(asyncio.run(_night(url, connection, day, Path(report)))))
