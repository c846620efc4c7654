"""Reports and their lines in the database: stored once, superseded by adding, one ledger entry per batch.

PSE_BALANCE follows what the report says: the batches (domain/settlements/batches), the payouts and the first balance.
"""

import asyncio
import gzip
import hashlib
import io
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID, uuid4

import polars as pl

from domain.books import ledger
from domain.models import Connection, Report
from domain.models.settlements import Effect
from domain.platform import copying
from domain.platform.database import connection as current
from domain.platform.database import execute, rows
from domain.pse.reporting import Report as Told
from domain.pse.reporting import ReportFile
from domain.settlements import balances, batches, own_lines, payouts, repeats
from domain.settlements.batches import Moved, added, by_currency, undone

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


FEW: Final = 1_000  # lines that are inserted by their values
_PACKED: Final = 1  # zlib's level: the higher ones take ten times as long for a fifth of the size
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


@dataclass(frozen=True, slots=True)
class _Voided:
    """Lines that say nothing any more: the reports that had them, and what they had moved."""

    reports: frozenset[UUID]
    moved: Moved


async def valid_report(connection: Connection, name: str) -> Report | None:
    """The report of that name that nothing has superseded; None: there is none."""
    return await Report.get_or_none(connection_id=connection.id, name=name, superseded_at=None)


async def same_as_stored(report: Report, file: ReportFile, lines: pl.DataFrame) -> bool:
    """Whether the stored report has these bytes, and its lines say and settle the very same things."""
    if report.digest != digest_of(file):
        return False
    fresh = lines.sort("line").select(pl.col(name).cast(kind) for name, kind in _COMPARED.items())
    if lines.height <= FEW:
        return await rows(_STORED, report.id) == fresh.to_dicts()
    async with current().acquire_connection() as raw:
        return fresh.equals(await copying.out(raw, _STORED, report.id, schema=_COMPARED))


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


def digest_of(file: ReportFile) -> str:
    """SHA-256 of the file's bytes, hex."""
    with file.path.open("rb") as raw:
        return hashlib.file_digest(raw, "sha256").hexdigest()


def _packed(file: ReportFile) -> bytes:
    packed = io.BytesIO()
    with file.path.open("rb") as raw, gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=_PACKED, mtime=0) as into:
        shutil.copyfileobj(raw, into)
    return packed.getvalue()


async def store(
    connection: Connection,
    business_date: date,
    file: ReportFile,
    lines: pl.DataFrame,
    settled: pl.DataFrame,
    told: Told,
    request_id: str,
    given_up: Sequence[int] = (),
) -> Report:
    """Keep the file and its lines, supersede the one before, post the batches. Inside the caller's transaction.

    `settled`: what the other valid reports have of the same payments (reconciliation/match.SETTLED_SCHEMA). `told`: the
    report as it was read. `given_up`: ids of the plain lines of other reports that these take the place of.
    """
    old = await valid_report(connection, file.name)
    report_id = uuid4()
    # Before the first row is written: from then on the sealer waits for this transaction.
    content = await asyncio.to_thread(_packed, file)
    digest, totals = digest_of(file), totals_of(lines)
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
    given = await _void_given(connection, report_id, lines, settled)
    plain = await _void("id = ANY($1::bigint[])", [list(given_up)])
    await _copy(report, lines)
    moved, paid = await _balance(connection, report, lines, told)
    orphans = await _void_orphaned_returns(connection)
    await repeats.mark((given.reports | plain.reports | orphans.reports) - {report_id})
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
    told = lines.select(pl.lit(str(report.id)).alias("report_id"), *LINE_COLUMNS, "payment_id", "refund_id")
    if told.height <= FEW:
        await _insert(told)
        return
    async with current().acquire_connection() as raw:
        # PostgreSQL takes no COPY into a table whose rows have an owner (row-level security). A table of this session
        # has no owner to ask, no index and no log: the second way of the rows is the cheaper one.
        names = ", ".join(told.columns)
        await raw.execute(
            f"CREATE TEMPORARY TABLE told_lines ON COMMIT DROP AS SELECT {names} FROM settlement_lines WITH NO DATA"  # noqa: S608 - ours
        )
        await copying.into(raw, "told_lines", told)
        added = await raw.execute(f"INSERT INTO settlement_lines ({names}) SELECT {names} FROM told_lines")  # noqa: S608 - ours
        copying.whole(int(added.rpartition(" ")[2]), told.height)
        await raw.execute("DROP TABLE told_lines")


async def _insert(told: pl.DataFrame) -> None:
    """A few lines: a table of the session's own would cost more than they do."""
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
        return _Voided(frozenset(), {})
    before = await batches.stored(concerned)
    await execute(f"UPDATE settlement_lines SET voided_at = now() WHERE voided_at IS NULL AND {condition}", *values)  # noqa: S608
    return _Voided(frozenset(concerned), added(before, undone(await batches.stored(concerned))))


async def _void_given(connection: Connection, report_id: UUID, lines: pl.DataFrame, settled: pl.DataFrame) -> _Voided:
    nameless = settled.filter(pl.col("by_amount") & pl.col("refund_id").is_not_null()).select("refund_id").unique()
    if nameless.is_empty():  # so is what most reports have
        return _Voided(frozenset(), {})
    own = own_lines.of(lines).filter(pl.col("effect") == Effect.REFUND.value).join(nameless, on="refund_id", how="semi")
    if own.is_empty():
        return _Voided(frozenset(), {})
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
