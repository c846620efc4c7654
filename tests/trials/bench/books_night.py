"""One night in a process of its own, step by step or as the batch worker has it. For `make bench-books`."""

import asyncio
import gc
import importlib
import json
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import polars as pl

from domain.models import Connection, ReconciliationRun
from domain.platform import copying, database
from domain.pse.registry import connector
from domain.pse.reporting import ReportFile
from domain.reconciliation import reconcile
from domain.reconciliation.known import Known, known_of
from domain.reconciliation.match import match, with_effects
from domain.settlements import booked, reports
from domain.settlements.storable import storable


class _Undone(Exception):
    """What was stored is not kept: the night itself is played after it."""


@contextmanager
def _timed(told: dict[str, Any], what: str) -> Iterator[None]:
    gc.collect()
    began, cpu = time.perf_counter(), time.process_time()
    yield
    told[what] = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu}


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def _whole(connection: Connection, day: date, report: Path) -> dict[str, Any]:
    """The night, and the same night again."""
    told: dict[str, Any] = {}
    for what in ("first", "again"):
        with tempfile.TemporaryDirectory() as folder:
            file = ReportFile(report.name, "text/csv", Path(shutil.copy(report, folder)))
            with _timed(told, what):
                run = await reconcile.begin(connection, day)
                await reconcile.reconcile(connection, run, [file])
        run = await ReconciliationRun.get(id=run.id)
        assert run.state == "COMPLETED", run.error
        told.setdefault("peak", _peak())
        told.setdefault("matched", run.manifest["matched_refunds"])
    return told


async def _steps(connection: Connection, day: date, report: Path) -> dict[str, Any]:
    """What a night does, one after the other: of a database that it has not entered yet. Nothing of it is kept."""
    told: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        file = ReportFile(report.name, "text/csv", Path(shutil.copy(report, folder)))
        period = await reconcile.period_of(connection, day)
        with _timed(told, "read"):
            read = connector(connection.pse).read_report(file, period)
            lines = storable(file.name, read, read.lines.collect())[1]
        with _timed(told, "open side"):
            known = await known_of(connection, file.name, lines)
        with _timed(told, "match"):
            settling = _matched(lines, known)
            effects = await booked.of_lines(connection, file.name, settling, known.settled)
        with suppress(_Undone):
            async with database.transaction():
                with _timed(told, "store"):
                    await reports.store(connection, day, file, effects, known.settled, read, "bench")
                raise _Undone
        await _floor(told, report, effects)
        _today(told, report, known.payments)
    return told


def _matched(lines: pl.DataFrame, known: Known) -> pl.DataFrame:
    return with_effects(match(lines, known.payments, known.refunds, known.settled, known.suspense), known.settled)


async def _floor(told: dict[str, Any], report: Path, effects: pl.DataFrame) -> None:
    """The same file scanned, as many columns copied out, the same lines copied into a table that nobody owns: with the
    indexes that lines have, and without."""
    with _timed(told, "floor: scan"):
        pl.scan_csv(report, infer_schema=False).select(pl.all().str.len_bytes().sum()).collect()
    ids = ("report_id", "payment_id", "refund_id")
    of = {"report_id": pl.lit("00000000-0000-4000-8000-000000000000")}
    stored = effects.with_columns(**of).select(*reports.LINE_COLUMNS, *ids)
    async with copying.aside() as raw:
        with _timed(told, "floor: copy out"):
            schema = {"reference": pl.String, "id": pl.String, "captured": pl.Int64}
            await copying.out(raw, "SELECT pse_reference, id, captured FROM payments", schema=schema)
        for what, more in (("copy in", ""), ("copy in, indexed", "INCLUDING INDEXES")):
            await raw.execute(f"CREATE TEMPORARY TABLE floor (LIKE settlement_lines INCLUDING DEFAULTS {more})")
            with _timed(told, f"floor: {what}"):
                await copying.into(raw, "floor", stored)
            await raw.execute("DROP TABLE floor")


def _today(told: dict[str, Any], report: Path, known: pl.DataFrame) -> None:
    """What people compare with, where it is installed: the captures of the file beside the payments, in memory."""
    theirs = pl.read_csv(report, infer_schema=False).filter(pl.col("reporting_category") == "charge")
    theirs = theirs.select("payment_intent_id", units=pl.col("gross").str.replace(".", "", literal=True).cast(pl.Int64))
    ours = known.select(payment_intent_id="known_reference", units="payment_captured")
    for what, compare in (("datacompy", _datacompy), ("pandas merge", _pandas)):
        try:
            with _timed(told, what):
                compare(theirs, ours)
        except ImportError:
            told[what] = None


def _datacompy(theirs: pl.DataFrame, ours: pl.DataFrame) -> None:
    datacompy = importlib.import_module("datacompy")
    datacompy.PolarsCompare(theirs, ours, join_columns=["payment_intent_id"]).report()


def _pandas(theirs: pl.DataFrame, ours: pl.DataFrame) -> None:
    pandas = importlib.import_module("pandas")
    one, other = (pandas.DataFrame(side.to_dict(as_series=False)) for side in (theirs, ours))
    merged = one.merge(other, on="payment_intent_id", how="outer", suffixes=("", "_ours"), indicator=True)
    merged[merged["units"] != merged["units_ours"]].shape  # noqa: B018 - what differs is what is wanted


async def _main(url: str, how: str, connection_id: str, day: str, report: str) -> None:
    await database.open_pool(url, pool_max=4, patience=database.BATCH)
    with database.for_all("a trial"):
        connection = await Connection.get(id=UUID(connection_id))
    with database.for_merchant(connection.merchant_id):
        work = {"whole": _whole, "steps": _steps}[how]
        told = await work(connection, date.fromisoformat(day), Path(report))
    await database.close_pool()
    print(json.dumps(told))


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
