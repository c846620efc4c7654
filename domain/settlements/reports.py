"""Reports and their lines in the database: stored once, superseded by adding, one ledger entry per batch.

PSE_BALANCE follows what the report says: the batches (domain/settlements/batches), the payouts and the first balance.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import polars as pl

from domain.books import ledger
from domain.models import Connection, Report
from domain.platform import copying
from domain.platform.database import connection as current
from domain.platform.database import execute, rows
from domain.pse.reporting import ReadReport, ReportFile
from domain.settlements import balances, batches, differences, held, own_lines, payouts, pieces, repeats
from domain.settlements.batches import Moved, added, by_currency, undone
from domain.settlements.frames import AddedUp, Frames
from domain.settlements.held import HeldLines

LINE_COLUMNS: Final = (
    "line",
    "type",
    "state",
    "payment_reference",
    "payment_alias",
    "order_reference",
    "reference",
    "pse_refund_reference",
    "by_amount",
    "amount",
    "currency",
    "settled_gross",
    "settled_fee",
    "settled_tax",
    "settled_withheld",
    "settled_net",
    "settled_currency",
    "payout_reference",
    "by_bank",
    "kind",
    "booked_at",
    "business_date",
    "effect",
    "booked_as",
)

# All of a report but the file itself, which may be of any size.
_SAYS: Final = tuple(name for name in Report._meta.db_fields if name != "content")
_KEPT: Final = (*LINE_COLUMNS, "payment_id", "refund_id")
FEW: Final = 1_000  # lines that are inserted by their values
_TOLD: Final = tuple(
    name for name in LINE_COLUMNS if name not in ("line", "amount", "by_amount", "by_bank", "booked_at")
)
# A line as it is compared: whatever a reader makes of a file anew, and what it settles.
_COMPARED: Final[Mapping[str, type[pl.DataType]]] = {
    "line": pl.Int64,
    "amount": pl.Int64,
    "by_amount": pl.Boolean,
    "by_bank": pl.Boolean,
    "booked_at": pl.Int64,  # microseconds since 1970
    **dict.fromkeys((*_TOLD, "payment_id", "refund_id"), pl.String),
}
_STORED: Final = f"""SELECT line, amount, by_amount, by_bank,
  (extract(epoch FROM booked_at) * 1000000)::bigint AS booked_at,
  {", ".join(f"{name}::text AS {name}" for name in (*_TOLD, "payment_id", "refund_id"))}
FROM settlement_lines WHERE report_id = $1 AND voided_at IS NULL ORDER BY line"""  # noqa: S608 - ours

# Of the connection $1, returns of which nothing stands that had left: by the refund or the name, and of what names
# none by how many there are. Each of both has an index of few rows; asked in one, PostgreSQL would read every line.
_ORPHANED: Final = """id IN (
  SELECT l.id FROM settlement_lines l JOIN reports r ON r.id = l.report_id
    WHERE r.connection_id = $1 AND l.effect IN ('RETURN', 'TAKEN_BACK') AND l.voided_at IS NULL
      AND NOT (l.by_amount AND l.refund_id IS NULL)
      AND NOT EXISTS (SELECT 1 FROM settlement_lines out WHERE out.payment_id = l.payment_id
        AND (out.refund_id = l.refund_id
          OR coalesce(out.reference, out.pse_refund_reference) = coalesce(l.reference, l.pse_refund_reference))
        AND out.voided_at IS NULL AND out.effect = CASE l.effect WHEN 'RETURN' THEN 'REFUND' ELSE 'TAKEN' END)
  UNION ALL SELECT b.id FROM (SELECT l.id, l.payment_id, l.amount,
      row_number() OVER (PARTITION BY l.payment_id, l.amount ORDER BY l.id) AS number
    FROM settlement_lines l JOIN reports r ON r.id = l.report_id WHERE r.connection_id = $1
      AND l.effect = 'TAKEN_BACK' AND l.by_amount AND l.refund_id IS NULL AND l.voided_at IS NULL) b
  WHERE b.number > (SELECT count(*) FROM settlement_lines out WHERE out.payment_id = b.payment_id
    AND out.amount = b.amount AND out.effect = 'TAKEN' AND out.by_amount AND out.refund_id IS NULL
    AND out.voided_at IS NULL))"""


@dataclass(frozen=True, slots=True)
class _Voided:
    """Lines that say nothing any more: the reports that had them, and what they had moved."""

    reports: frozenset[UUID]
    moved: Moved


_NOTHING_VOIDED: Final = _Voided(frozenset(), {})


async def valid_report(connection: Connection, name: str) -> Report | None:
    """The report of that name that nothing has superseded, without its content; None: there is none."""
    found = await rows(_VALID, connection.id, name)
    return Report._init_from_db(**found[0]) if found else None


_VALID: Final = (
    f"SELECT {', '.join(_SAYS)} FROM reports "  # noqa: S608 - the columns are ours
    "WHERE connection_id = $1 AND name = $2 AND superseded_at IS NULL LIMIT 1"
)


async def same_as_stored(
    connection: Connection, report: Report, file: ReportFile, lines: Frames, told: ReadReport
) -> bool:
    """Whether the stored report has these bytes, and its lines say and settle the very same things."""
    if report.digest != pieces.digest_of(file):
        return False
    paid = lines.together(payouts.telling, payouts.ASKED)
    parts = await payouts.of_report(connection, report.name, report.business_date, paid, told.payouts)
    if not await payouts.same(report, parts):
        return False
    if lines.height <= FEW:
        return await rows(_STORED, report.id) == lines.together(_compared).sort("line").to_dicts()
    stored, fresh = AddedUp(), AddedUp()
    for some in lines:
        fresh.add(_compared(some))
    async with current().acquire_connection() as raw:
        await copying.pieces(raw, _STORED, report.id, schema=_COMPARED, take=stored.add)
    return stored.told() == fresh.told()


def _compared(lines: pl.DataFrame) -> pl.DataFrame:
    return lines.select(pl.col(name).cast(kind) for name, kind in _COMPARED.items())


async def matched(connection: Connection, name: str, known: str | None) -> None:
    """The report in force of that name was matched with books that knew this, and all that its lines say was done.

    None: it is being matched anew.
    """
    await execute(
        "UPDATE reports SET known = $3 WHERE connection_id = $1 AND name = $2 AND superseded_at IS NULL "
        "  AND known IS DISTINCT FROM $3",
        connection.id,
        name,
        known,
    )


async def _packed_beside(file: ReportFile, lines: Frames) -> tuple[list[Path], list[HeldLines]]:
    """The file's packed pieces, packed while PostgreSQL takes the lines; few of these are not there yet."""
    packing = asyncio.create_task(asyncio.to_thread(pieces.packed, file))
    try:
        many = enumerate(lines.only(_KEPT) if lines.height > FEW else ())
        copied = [await held.hold(some, number) for number, some in many if some.height]
    finally:
        await asyncio.wait([packing])
    return packing.result(), copied


async def store(
    connection: Connection,
    business_date: date,
    file: ReportFile,
    lines: Frames,
    giving: pl.DataFrame,
    told: ReadReport,
    request_id: str,
    old: Report | None,
    given_up: Sequence[int] = (),
) -> Report:
    """Keep the file and its lines, supersede the one before, post the batches. Inside the caller's transaction.

    `giving`: own_lines.giving, of all of them. `told`: the report as it was read. `old`: the one before. `given_up`:
    ids of the plain lines of other reports that these take the place of.
    """
    report_id = uuid4()
    # Before the first row is written: from then on the sealer waits for this transaction.
    packed, copied = await _packed_beside(file, lines)
    digest, totals = pieces.digest_of(file), totals_of(lines)
    gone: Moved = {} if old is None else await _supersede(connection, old)
    report = await Report.create(
        id=report_id,
        merchant_id=connection.merchant_id,
        connection_id=connection.id,
        business_date=business_date,
        name=file.name,
        digest=digest,
        content_type=file.content_type,
        content=packed[0].read_bytes() if len(packed) == 1 else b"",
        totals=totals,
    )
    await pieces.store(report_id, packed)
    given = await _void_given(connection, report_id, giving)
    plain = await _void("id = ANY($1::bigint[])", [list(given_up)]) if given_up else _NOTHING_VOIDED
    if lines.height > FEW:
        for one in copied:
            await held.arrive(report.id, one)
    else:
        await _insert(report, lines.together(_kept))
    moved, paid = await _balance(connection, report, lines, told)
    orphans = await _void_orphaned_returns(connection)
    uneven = await payouts.uneven([report_id] if old is None else [old.id, report_id])
    await repeats.mark((given.reports | plain.reports | orphans.reports | uneven) - {report_id})
    await ledger.post(
        [
            posting
            for name, some in (
                ("/void", undone(gone)),
                ("/given", undone(added(given.moved, plain.moved))),
                ("", added(moved, paid)),
                ("/orphans", undone(orphans.moved)),
            )
            for posting in batches.postings(connection, business_date, f"report/{report_id}{name}", some, request_id)
        ]
    )
    await ledger.post(await balances.openings(connection, report_id, business_date, request_id))
    voided = old is not None or bool(given.reports | plain.reports | orphans.reports)
    changed = await differences.postings(connection, report_id, business_date, lines, request_id, voided=voided)
    await ledger.post(changed)
    return report


async def _supersede(connection: Connection, old: Report) -> Moved:
    """Void the report, its lines and its payouts: what they had moved."""
    await execute("UPDATE reports SET superseded_at = now() WHERE id = $1", old.id)
    lines = await _void("report_id = $1", [old.id])
    return added(lines.moved, await payouts.void(connection, old.id))


async def _balance(connection: Connection, report: Report, lines: Frames, told: ReadReport) -> tuple[Moved, Moved]:
    """Keep what the report tells of payouts and balances: what its lines move, and what the payouts do."""
    moved, telling = batches.of_lines(connection, lines), lines.together(payouts.telling, payouts.ASKED)
    parts = await payouts.of_report(connection, report.name, report.business_date, telling, told.payouts)
    await payouts.store(connection, report, parts)
    paid = payouts.moved(connection, parts)
    out = {currency: -amount for currency, amount in by_currency(paid).items()}
    await balances.store(report, told.balances, by_currency(moved), out)
    return moved, paid


def totals_of(lines: Frames) -> dict[str, Any]:
    """Control totals: rows and minor units per effect and currency."""
    each: dict[tuple[str, str], list[int]] = {}
    for some in lines.only((*_BY, "amount")):
        for effect, currency, count, amount in some.group_by(_BY).agg(_TOTALS).iter_rows():
            total = each.setdefault((effect, currency), [0, 0])
            total[0], total[1] = total[0] + count, total[1] + amount
    effects = [
        {"effect": effect, "currency": currency, "rows": count, "amount": amount}
        for (effect, currency), (count, amount) in sorted(each.items())
    ]
    return {"rows": lines.height, "effects": effects}


_BY: Final = ("effect", "currency")
# Of a PSE's payouts and fees, 64 bits may not hold what polars would add up in them.
_TOTALS: Final = (pl.len().cast(pl.Int64).alias("rows"), pl.col("amount").cast(pl.Int128).sum())


def _kept(lines: pl.DataFrame) -> pl.DataFrame:
    return lines[list(_KEPT)]


async def _insert(report: Report, lines: pl.DataFrame) -> None:
    """A few lines: a table of the session's own would cost more than they do."""
    told = lines.select(pl.lit(str(report.id)).alias("report_id"), *_KEPT)
    text = told.with_columns(pl.col(pl.Decimal).cast(pl.String), pl.col(pl.Datetime, pl.Date).cast(pl.String))
    names = ", ".join(told.columns)
    (added,) = await rows(
        f"WITH added AS (INSERT INTO settlement_lines ({names}) SELECT {names} "  # noqa: S608 - the columns are ours
        "  FROM jsonb_populate_recordset(NULL::settlement_lines, $1::jsonb) RETURNING 1) "
        "SELECT count(*) AS rows FROM added",
        json.dumps(text.to_dicts()),
    )
    copying.whole(added["rows"], told.height)


async def _void(condition: str, values: Sequence[Any]) -> _Voided:
    """Void the lines of that condition, a constant of this package; every value is bound.

    What they moved is what their reports' lines moved less what those that are left move, each rounded as a whole.
    """
    found = await rows(
        f"SELECT DISTINCT report_id FROM settlement_lines WHERE voided_at IS NULL AND {condition}",  # noqa: S608
        *values,
    )
    concerned = [row["report_id"] for row in found]
    if not concerned:
        return _NOTHING_VOIDED
    before = await batches.stored(concerned)
    await execute(f"UPDATE settlement_lines SET voided_at = now() WHERE voided_at IS NULL AND {condition}", *values)  # noqa: S608
    return _Voided(frozenset(concerned), added(before, undone(await batches.stored(concerned))))


async def _void_given(connection: Connection, report_id: UUID, giving: pl.DataFrame) -> _Voided:
    if giving.is_empty():  # so are most reports
        return _NOTHING_VOIDED
    values = [connection.id, giving["refund_id"].to_list(), giving["kind"].to_list(), report_id]
    return await _void(own_lines.GIVEN, values)


async def _void_orphaned_returns(connection: Connection) -> _Voided:
    """A return is proven only while what came back is: a revised report can take that away.

    Money that names no refund is one of many of its amount: of it no more can have come back than left.
    """
    return await _void(_ORPHANED, [connection.id])
