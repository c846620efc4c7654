"""An export's turn: its rows are read and written a page at a time, kept as a file, and what is in it is told with it.

Stopped at any point it is done again from the beginning: nothing of it is there before all of it is.
"""

import asyncio
import contextvars
import json
import tempfile
from collections.abc import Coroutine, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from domain.exports import asked
from domain.exports.asked import Format, Kind, Overtaken, WantedRows
from domain.exports.cells import guarded, money
from domain.exports.cells_in_words import of_findings
from domain.exports.columns import COLUMNS
from domain.exports.headings import columns_in
from domain.exports.tables import pages
from domain.exports.write import ENDINGS, MOST, WRITERS, Writer
from domain.files import content, made
from domain.files.kinds import RULES
from domain.models import Export
from domain.models.files import Purpose
from domain.platform.database import execute, transaction
from domain.platform.settings import Settings
from domain.problems import InvalidInput

_DONE: Final = """UPDATE exports SET state = 'DONE', file_id = $3, sha256 = $4, rows_done = $5, rows_total = $5,
  expires_at = now() + $6::interval, due_at = NULL, ended_at = now()
WHERE id = $1 AND state = 'RUNNING' AND tries = $2"""


async def run(row: Export, settings: Settings) -> None:
    """Make it, after `asked.begun`. What is wrong with what was asked ends it; else it raises, and has another turn."""
    with tempfile.TemporaryDirectory(prefix="estorno-export-") as folder:
        try:
            writer = await _written(row, Path(folder))
            path = await asyncio.to_thread(writer.close, _control(row, writer))
            await _keep(row, writer, path, settings)
        except Overtaken:
            return
        except InvalidInput as problem:
            await asked.failed(row, str(problem))


async def _written(row: Export, folder: Path) -> Writer:
    kind, format_ = Kind(row.kind), Format(row.format)
    wanted = WantedRows.of(row.wanted)
    writer = WRITERS[format_](folder, columns_in(COLUMNS[kind], wanted.locale), _name(row))
    # The rows are read in a transaction, and how far it is must be seen while that lasts: it is told from without.
    outside = contextvars.copy_context()
    async with aclosing(pages(asked.reader(row), kind, wanted, MOST[format_])) as found:
        try:
            async for total, page in found:
                told = of_findings(page, wanted.locale) if kind is Kind.FINDINGS else page
                await asyncio.to_thread(writer.take, told)
                await _outside(outside, asked.far(row, writer.digest.rows, total))
        except BaseException:
            writer.drop()
            raise
    return writer


async def _outside(context: contextvars.Context, work: Coroutine[Any, Any, None]) -> None:
    await asyncio.get_running_loop().create_task(work, context=context)


def _name(row: Export) -> str:
    return f"{row.kind.lower().replace('_', '-')}-{row.created_at:%Y%m%d-%H%M}"


def _control(row: Export, writer: Writer) -> Sequence[Sequence[str]]:
    told = json.dumps(row.wanted, sort_keys=True, ensure_ascii=False)
    stores = "all" if row.store_ids is None else " ".join(row.store_ids)
    facts = [
        ("Export", str(row.id)),
        ("Kind", row.kind),
        ("Filter", told),
        ("Stores", stores),
        ("Rows", str(writer.digest.rows)),
        ("SHA-256 of the rows as CSV without its mark", writer.digest.sha256),
        ("Made for", guarded(row.created_by)),
        ("Made at (UTC)", datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")),
    ]
    sums = sorted(writer.digest.sums.items())
    return [
        *facts,
        ("Sum of", "Currency", "Amount", "Minor units"),
        *((title, currency, money(amount, currency), str(amount)) for (title, currency), amount in sums),
    ]


async def _keep(row: Export, writer: Writer, path: Path, settings: Settings) -> None:
    given = await asyncio.to_thread(_content, path)
    name = f"{writer.name}.{ENDINGS[Format(row.format)]}"
    file = await made.make(settings, row.merchant_id, Purpose.EXPORT, name, given, row.created_by)
    try:
        async with transaction():
            await file.save(force_create=True)
            digest = writer.digest
            done = (row.id, row.tries, file.id, digest.sha256, digest.rows, asked.LIFETIME)
            if await execute(_DONE, *done) != 1:
                raise Overtaken("Another worker has this export in hand.")
    except BaseException:
        await content.remove(settings, file.id)
        raise


def _content(path: Path) -> bytes:
    """Raises InvalidInput where it is more than a file of ours may have, before it is read."""
    if (size := path.stat().st_size) > (most := RULES[Purpose.EXPORT].size_max):
        raise InvalidInput(f"The file has {size} bytes, and may have {most}: ask for less at once, or as PARQUET.")
    return path.read_bytes()
