"""Reports and their lines in the database: stored once, superseded by adding, one ledger entry per batch.

PSE_BALANCE follows what the report says: the batches (domain/settlements/batches), the payouts and the first balance.
"""

import gzip
import hashlib
import io
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID, uuid4

import polars as pl

from domain.books import ledger
from domain.models import Connection, Report
from domain.models.settlements import Effect
from domain.platform.database import connection as current
from domain.platform.database import execute, rows
from domain.pse.reporting import Report as Told
from domain.pse.reporting import ReportFile
from domain.settlements import balances, batches, own_lines, payouts, repeats
from domain.settlements.batches import Moved, added, by_currency, undone

_LINE_COLUMNS: Final = (
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


_AT_ONCE: Final = 10_000  # lines that are rows of Python at a time


@dataclass(frozen=True, slots=True)
class _Voided:
    """Lines that say nothing any more: the reports that had them, and what they had moved."""

    reports: frozenset[UUID]
    moved: Moved


async def valid_report(connection: Connection, name: str) -> Report | None:
    """The report of that name that nothing has superseded; None: there is none."""
    return await Report.get_or_none(connection_id=connection.id, name=name, superseded_at=None)


async def same_as_stored(report: Report, file: ReportFile, lines: pl.DataFrame) -> bool:
    """Whether the stored report has these bytes and its lines settle the very same things."""
    if report.digest != digest_of(file):
        return False
    stored = await rows(
        "SELECT line, effect, booked_as, payment_id::text AS payment_id, refund_id::text AS refund_id "
        "FROM settlement_lines "
        "WHERE report_id = $1 AND voided_at IS NULL ORDER BY line",
        report.id,
    )
    fresh = lines.sort("line").select("line", "effect", "booked_as", "payment_id", "refund_id").to_dicts()
    return stored == fresh


def digest_of(file: ReportFile) -> str:
    """SHA-256 of the file's bytes, hex."""
    with file.path.open("rb") as raw:
        return hashlib.file_digest(raw, "sha256").hexdigest()


def _packed(file: ReportFile) -> bytes:
    packed = io.BytesIO()
    with file.path.open("rb") as raw, gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as into:
        shutil.copyfileobj(raw, into)
    return packed.getvalue()


async def store(
    connection: Connection, business_date: date, file: ReportFile, lines: pl.DataFrame, told: Told, request_id: str
) -> Report:
    """Keep the file and its lines, supersede the one before, post the batches. Inside the caller's transaction.

    `told`: the report as it was read.
    """
    old = await valid_report(connection, file.name)
    report_id = uuid4()
    # Before the first row is written: from then on the sealer waits for this transaction.
    content, digest, totals = _packed(file), digest_of(file), totals_of(lines)
    gone: Moved = {} if old is None else await _supersede(connection, old)
    report = await Report.create(
        id=report_id,
        merchant_id=connection.merchant_id,
        connection_id=connection.id,
        business_date=business_date,
        name=file.name,
        digest=digest,
        content_type=file.content_type,
        content=content,
        totals=totals,
    )
    given = await _void_given(connection, report_id, lines)
    await _copy(report, lines)
    moved, paid = await _balance(connection, report, lines, told)
    orphans = await _void_orphaned_returns(connection)
    await repeats.mark((given.reports | orphans.reports) - {report_id})
    await ledger.post(
        [
            posting
            for name, some in (
                ("/void", undone(gone)),
                ("/given", undone(given.moved)),
                ("", added(moved, paid)),
                ("/orphans", undone(orphans.moved)),
            )
            for posting in batches.postings(connection, business_date, f"report/{report_id}{name}", some, request_id)
        ]
    )
    await ledger.post(await balances.openings(connection, report_id, business_date, request_id))
    return report


async def _supersede(connection: Connection, old: Report) -> Moved:
    """Void the report, its lines and its payouts: what they had moved."""
    await execute("UPDATE reports SET superseded_at = now() WHERE id = $1", old.id)
    lines = await _void("report_id = $1", [old.id])
    return added(lines.moved, await payouts.void(connection, old.id))


async def _balance(connection: Connection, report: Report, lines: pl.DataFrame, told: Told) -> tuple[Moved, Moved]:
    """Keep what the report tells of payouts and balances: what its lines move, and what the payouts do."""
    moved = batches.of_lines(connection, lines)
    parts = payouts.of_report(report.name, report.business_date, lines, told.payouts)
    await payouts.store(connection, report, parts)
    paid = payouts.moved(connection, parts)
    out = {currency: -amount for currency, amount in by_currency(paid).items()}
    await balances.store(report, told.balances, by_currency(moved), out)
    return moved, paid


def totals_of(lines: pl.DataFrame) -> dict[str, Any]:
    """Control totals: rows and minor units per effect and currency."""
    grouped = lines.group_by("effect", "currency").agg(pl.len().alias("rows"), _sum()).sort("effect")
    return {"rows": lines.height, "effects": grouped.to_dicts()}


def _sum() -> pl.Expr:
    """The amounts added up: of a PSE's payouts and fees, 64 bits may not hold what polars would add up in them."""
    return pl.col("amount").cast(pl.Int128).sum()


async def _copy(report: Report, lines: pl.DataFrame) -> None:
    told = lines.select(*_LINE_COLUMNS, "payment_id", "refund_id")
    # One after the other: as tuples of Python they are many times as large as in their columns.
    records = (
        (report.id, *row[:-2], UUID(row[-2]) if row[-2] else None, UUID(row[-1]) if row[-1] else None)
        for part in told.iter_slices(_AT_ONCE)
        for row in part.iter_rows()
    )
    columns = ["report_id", *_LINE_COLUMNS, "payment_id", "refund_id"]
    names = ", ".join(columns)
    async with current().acquire_connection() as raw:
        # PostgreSQL takes no COPY into a table whose rows have an owner (row-level security).
        await raw.execute(
            f"CREATE TEMPORARY TABLE told_lines ON COMMIT DROP AS SELECT {names} FROM settlement_lines WITH NO DATA"  # noqa: S608 - ours
        )
        await raw.copy_records_to_table("told_lines", records=records, columns=columns)
        await raw.execute(f"INSERT INTO settlement_lines ({names}) SELECT {names} FROM told_lines")  # noqa: S608 - ours
        await raw.execute("DROP TABLE told_lines")


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
        return _Voided(frozenset(), {})
    before = await batches.stored(concerned)
    await execute(f"UPDATE settlement_lines SET voided_at = now() WHERE voided_at IS NULL AND {condition}", *values)  # noqa: S608
    return _Voided(frozenset(concerned), added(before, undone(await batches.stored(concerned))))


async def _void_given(connection: Connection, report_id: UUID, lines: pl.DataFrame) -> _Voided:
    own = own_lines.of(lines).filter(pl.col("effect") == Effect.REFUND.value)
    values = [connection.id, own["refund_id"].to_list(), own["kind"].to_list(), report_id]
    return await _void(own_lines.GIVEN, values)


async def _void_orphaned_returns(connection: Connection) -> _Voided:
    """A return is proven only while what came back is: a revised report can take that away.

    Money that names no refund is one of many of its amount: of it no more can have come back than left.
    """
    return await _void(
        "report_id IN (SELECT id FROM reports WHERE connection_id = $1) AND ("
        "(effect IN ('RETURN', 'TAKEN_BACK') AND NOT (by_amount AND refund_id IS NULL) "
        "AND NOT EXISTS (SELECT 1 FROM settlement_lines out WHERE out.payment_id = settlement_lines.payment_id "
        "  AND (out.refund_id = settlement_lines.refund_id OR coalesce(out.reference, out.pse_refund_reference) = "
        "    coalesce(settlement_lines.reference, settlement_lines.pse_refund_reference)) AND out.voided_at IS NULL "
        "  AND out.effect = CASE settlement_lines.effect WHEN 'RETURN' THEN 'REFUND' ELSE 'TAKEN' END)) "
        "OR id IN (SELECT b.id FROM (SELECT l.id, l.payment_id, l.amount, "
        "      row_number() OVER (PARTITION BY l.payment_id, l.amount ORDER BY l.id) AS number "
        "    FROM settlement_lines l JOIN reports r ON r.id = l.report_id WHERE r.connection_id = $1 "
        "      AND l.effect = 'TAKEN_BACK' AND l.by_amount AND l.refund_id IS NULL AND l.voided_at IS NULL) b "
        "  WHERE b.number > (SELECT count(*) FROM settlement_lines out WHERE out.payment_id = b.payment_id "
        "    AND out.amount = b.amount AND out.effect = 'TAKEN' AND out.by_amount AND out.refund_id IS NULL "
        "    AND out.voided_at IS NULL)))",
        [connection.id],
    )
