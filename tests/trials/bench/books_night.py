"""One night in a process of its own, step by step or as the batch worker has it. For `make bench-books`."""

import asyncio
import json
import shutil
import sys
import tempfile
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Final
from uuid import UUID

import polars as pl

from domain.models import Connection, ReconciliationRun
from domain.platform import copying, database
from domain.pse.registry import connector
from domain.pse.reporting import ReportFile
from domain.reconciliation import reconcile
from domain.reconciliation.matched import of_parts, settling
from domain.reconciliation.parts import LineParts, parts_of
from domain.settlements import frames, reports
from domain.settlements.frames import Frames
from tests.trials.bench.books_clock import Told, statements, timed

_SHOWN: Final = 8  # statements of a night


class _Undone(Exception):
    """What was stored is not kept: the night itself is played after it."""


async def _whole(connection: Connection, day: date, report: Path, base: str) -> Told:
    """The night, and the same night again."""
    told: Told = {}
    for what in ("first", "again"):
        with tempfile.TemporaryDirectory() as folder:
            file = ReportFile(report.name, "text/csv", Path(shutil.copy(report, folder)))
            with statements() as asked, timed(told, what, base):
                run = await reconcile.begin(connection, day)
                await reconcile.reconcile(connection, run, [file])
        run = await ReconciliationRun.get(id=run.id)
        assert run.state == "COMPLETED", run.error
        stored = any(one.startswith("INSERT INTO settlement_lines") for one in asked)
        assert stored == (what == "first"), "The same report again stores nothing."
        told[what]["statements"] = sorted(asked.items(), key=lambda one: -one[1])[:_SHOWN]
    return told


async def _steps(connection: Connection, day: date, report: Path, base: str) -> Told:
    """What a night does, one after the other: of a database that it has not entered yet. Nothing of it is kept."""
    told: Told = {}
    with tempfile.TemporaryDirectory() as folder:
        file = ReportFile(report.name, "text/csv", Path(shutil.copy(report, folder)))
        period = await reconcile.period_of(connection, day)
        with timed(told, "read", base):
            read = connector(connection.pse).read_report(file, period)
            lines = frames.of_report(file, read)[1]
        with timed(told, "open side", base):
            parts = await parts_of(connection, file.name, lines)
        with timed(told, "match", base):
            made = await settling(connection, file.name, of_parts(parts, lines.folder))
        with suppress(_Undone):
            async with database.transaction():
                with timed(told, "store", base):
                    await reports.store(connection, day, file, made.lines, made.giving, read, "bench", None)
                raise _Undone
        await _floor(told, report, made.lines, base)
        _sides(report, parts)
    return told


async def _floor(told: Told, report: Path, effects: Frames, base: str) -> None:
    """The same file scanned, as many columns copied out, the same lines copied into a table that nobody owns: with the
    indexes that lines have, and without. It has no log, which ours has."""
    with timed(told, "floor: scan", base):
        pl.scan_csv(report, infer_schema=False).select(pl.all().str.len_bytes().sum()).collect()
    ids = ("report_id", "payment_id", "refund_id")
    of = {"report_id": pl.lit("00000000-0000-4000-8000-000000000000")}
    stored = effects.changed(lambda some: some.with_columns(**of).select(*reports.LINE_COLUMNS, *ids))
    async with copying.aside() as raw:
        with timed(told, "floor: copy out", base):
            schema = {"reference": pl.String, "id": pl.String, "captured": pl.Int64}
            asked = "SELECT pse_reference, id, captured FROM payments"
            await copying.pieces(raw, asked, schema=schema, take=len)
        for what, more in (("copy in", ""), ("copy in, indexed", "INCLUDING INDEXES")):
            await raw.execute(f"CREATE TEMPORARY TABLE floor (LIKE settlement_lines INCLUDING DEFAULTS {more})")
            with timed(told, f"floor: {what}", base):
                for some in stored:
                    await copying.into(raw, "floor", some)
            await raw.execute("DROP TABLE floor")


def _sides(report: Path, parts: LineParts) -> None:
    """The captures of the file, and the payments, for what people compare them with: beside the file, as columns."""
    theirs = pl.scan_csv(report, infer_schema=False).filter(pl.col("reporting_category") == "charge")
    units = pl.col("gross").str.replace(".", "", literal=True).cast(pl.Int64)
    theirs.select(payment="payment_intent_id", units=units).sink_parquet(report.with_name("theirs.parquet"))
    ours = [one.payments.select(payment="known_reference", units="payment_captured") for one in parts.known()]
    pl.concat(ours).write_parquet(report.with_name("ours.parquet"))


async def _main(url: str, how: str, connection_id: str, day: str, report: str) -> None:
    await database.open_pool(url, pool_max=4, patience=database.BATCH)
    with database.for_all("a trial"):
        connection = await Connection.get(id=UUID(connection_id))
    with database.for_merchant(connection.merchant_id):
        work = {"whole": _whole, "steps": _steps}[how]
        told = await work(connection, date.fromisoformat(day), Path(report), url.rpartition("/")[2])
    await database.close_pool()
    print(json.dumps(told))


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
