"""The nightly run: one per (connection, business date), repeatable. It books what is proven and flags the rest."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import polars as pl

from domain import findings, mismatches, payments, settlements
from domain.database import rows, transaction
from domain.findings import FindingKind, Found
from domain.idempotency import Cause
from domain.matching import Effect, match, with_effects
from domain.models import Connection, Merchant, Payment, ReconciliationRun
from domain.money import Money
from domain.pse.registry import connector
from domain.pse.vocabulary import (
    Accepted,
    Declined,
    KnownRefund,
    Outcome,
    Period,
    ReportFile,
    Returned,
    Succeeded,
)
from domain.record import Door, Source, record

ACTOR: Final = "reconciliation"
JOB: Final = "reconcile"
_UNDER_WAY: Final = ("REQUESTED", "SUBMITTED", "PENDING", "MANUAL")
_ENDED_UNPAID: Final = ("FAILED", "REJECTED", "CANCELED", "EXPIRED", "AWAITING_APPROVAL", "AWAITING_DESTINATION")


async def period_of(connection: Connection, business_date: date) -> Period:
    """The business date from local midnight to midnight in the merchant's zone, in UTC."""
    zone = (await Merchant.get(id=connection.merchant_id)).zone
    start = datetime.combine(business_date, time.min, ZoneInfo(zone))
    end = datetime.combine(business_date + timedelta(days=1), time.min, ZoneInfo(zone))
    return Period(connection.base_url, start.astimezone(UTC), end.astimezone(UTC), zone)


async def begin(connection: Connection, business_date: date) -> ReconciliationRun:
    """The run of that date, marked as running; its row is there even if nothing else comes of it."""
    await rows(
        "INSERT INTO reconciliation_runs (id, merchant_id, connection_id, business_date, state, manifest, times, "
        "  created_at) VALUES ($1, $2, $3, $4, 'RUNNING', '{}'::jsonb, 1, now()) "
        "ON CONFLICT (connection_id, business_date) DO UPDATE SET state = 'RUNNING', error = NULL, "
        "  finished_at = NULL, times = reconciliation_runs.times + 1 RETURNING id",
        uuid4(),
        connection.merchant_id,
        connection.id,
        business_date,
    )
    return await ReconciliationRun.get(connection_id=connection.id, business_date=business_date)


async def fail(run: ReconciliationRun, error: str) -> None:
    """The run could not be done; it says why and can be repeated."""
    await rows(
        "UPDATE reconciliation_runs SET state = 'FAILED', error = $2, finished_at = now() WHERE id = $1 RETURNING id",
        run.id,
        error[:500],
    )


async def reconcile(
    connection: Connection, run: ReconciliationRun, file: ReportFile, fetched_at: datetime | None = None
) -> None:
    """Match one report with the books. Safe to repeat: the same report changes nothing the second time.

    `fetched_at` (UTC): from when the report is; what succeeded after it cannot be in it.
    """
    period = await period_of(connection, run.business_date)
    lines = connector(connection.pse).read_report(file, period).collect()
    request_id = f"reconciliation-{run.id}"
    cause = Cause(request_id, ACTOR)
    matched = await _match(connection, lines)
    await _enter(connection, run, matched, cause)
    matched = await _match(connection, lines)  # again, because what was entered has moved states
    async with transaction():
        await rows("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", str(connection.id))
        settled = await settlements.settled_elsewhere(connection, run.business_date, lines)
        effects = with_effects(matched, settled)
        report = await settlements.valid_report(connection, run.business_date)
        if report is None or not await settlements.same_as_stored(report, file, effects):
            report = await settlements.store(connection, run.business_date, file, effects, request_id)
        await _flag(connection, run, effects, fetched_at or datetime.now(UTC))
        await _complete(run, report.id, await _manifest(file, effects, connection))


async def _match(connection: Connection, lines: pl.DataFrame) -> pl.DataFrame:
    ours, refunds = await settlements.books_for(connection, lines)
    return match(lines, ours, refunds)


async def _enter(connection: Connection, run: ReconciliationRun, matched: pl.DataFrame, cause: Cause) -> None:
    """What the books do not know goes through the one door, line by line: only what differs, not the report."""
    refund_lines = matched.filter((pl.col("type") == "REFUND") & pl.col("payment_id").is_not_null())
    for row in refund_lines.filter(pl.col("refund_id").is_null()).iter_rows(named=True):
        payment = await Payment.get(id=row["payment_id"])
        await payments.book_taken(payment, _known(row), FindingKind.MISSING_IN_LEDGER, cause)
    for row in refund_lines.filter(_differs()).iter_rows(named=True):
        if row["refund_state"] not in _UNDER_WAY:
            await findings.open_finding(mismatches.of_status(connection, run, row))
        await record(UUID(row["refund_id"]), _outcome(row), Source(Door.REPORT), cause)


def _differs() -> pl.Expr:
    state, ours = pl.col("state"), pl.col("refund_state")
    paid = (state == "SUCCEEDED") & ~ours.is_in(["SUCCEEDED"])
    failed = (state == "FAILED") & ours.is_in([*_UNDER_WAY, "SUCCEEDED"])
    # PENDING is only news for a refund that we believe is still in doubt.
    pending = (state == "PENDING") & ours.is_in(["SUBMITTED"])
    return pl.col("refund_id").is_not_null() & (paid | failed | pending)


def _outcome(row: dict[str, Any]) -> Outcome:
    if row["state"] == "SUCCEEDED":
        return Succeeded(row["pse_refund_reference"], row["booked_at"])
    if row["state"] == "PENDING":
        return Accepted(row["pse_refund_reference"])
    if row["refund_state"] == "SUCCEEDED":
        return Returned("REPORTED_FAILED", "The report says that the money came back.", row["pse_refund_reference"])
    return Declined("REPORTED_FAILED", "The report says that the refund failed.", row["pse_refund_reference"])


def _known(row: dict[str, Any]) -> KnownRefund:
    outcome = _outcome({**row, "refund_state": None})
    assert isinstance(outcome, Accepted | Succeeded | Declined), "Without a state of ours nothing can come back."
    return KnownRefund(
        reference=row["reference"],
        pse_refund_reference=row["pse_refund_reference"],
        amount=Money(row["amount"], row["currency"]),
        outcome=outcome,
        by_bank=row["by_bank"],
        kind=row["kind"] or "",
        requested_at=None,
        settled_at=row["booked_at"],
    )


async def _flag(connection: Connection, run: ReconciliationRun, effects: pl.DataFrame, fetched_at: datetime) -> None:
    found = [
        *mismatches.of_amounts(connection, run, effects),
        *mismatches.unknown_payments(connection, run, effects),
        *mismatches.vat_reversals(connection, run, effects),
        *await _missing_in_report(connection, run, fetched_at),
    ]
    for finding in found:
        await findings.open_finding(finding)
    await _resolve_found_again(connection, effects)
    await rows(
        "UPDATE findings SET run_id = $1 WHERE connection_id = $2 AND run_id IS NULL AND created_at >= $3 RETURNING id",
        run.id,
        connection.id,
        run.created_at,
    )


async def _missing_in_report(connection: Connection, run: ReconciliationRun, fetched_at: datetime) -> Sequence[Found]:
    """Refunds that succeeded on this date, or on an earlier one that was reconciled, and that no report proves."""
    missing = await rows(
        "SELECT r.id, r.reference, r.payment_id, r.amount, r.currency, "
        "  (r.succeeded_at AT TIME ZONE m.zone)::date AS day "
        "FROM refunds r JOIN merchants m ON m.id = r.merchant_id "
        "WHERE r.connection_id = $1 AND r.state = 'SUCCEEDED' AND r.succeeded_at < $4 "
        "  AND (r.succeeded_at AT TIME ZONE m.zone)::date IN (SELECT business_date FROM reconciliation_runs "
        "    WHERE connection_id = $1 AND (id = $3 OR state = 'COMPLETED') AND business_date <= $2) "
        "  AND NOT EXISTS (SELECT 1 FROM settlement_lines l WHERE l.refund_id = r.id AND l.effect = 'REFUND' "
        "    AND l.voided_at IS NULL) ORDER BY r.created_at, r.id",
        connection.id,
        run.business_date,
        run.id,
        fetched_at,
    )
    return [
        Found(
            kind=FindingKind.MISSING_IN_REPORT,
            merchant_id=connection.merchant_id,
            connection_id=connection.id,
            run_id=run.id,
            fingerprint=f"missing/{row['id']}",
            amount=Money(row["amount"], row["currency"]),
            explanation=f"Refund {row['reference']} succeeded on {row['day']}; no report of that date has it.",
            refund_id=row["id"],
            payment_id=row["payment_id"],
        )
        for row in missing
    ]


async def _resolve_found_again(connection: Connection, effects: pl.DataFrame) -> None:
    proven = effects.filter(pl.col("effect") == Effect.REFUND.value)["refund_id"].to_list()
    await rows(
        "UPDATE findings SET resolved_at = now(), resolution = 'A report proves the refund.' "
        "WHERE merchant_id = $1 AND fingerprint = ANY($2) AND resolved_at IS NULL RETURNING id",
        connection.merchant_id,
        [f"missing/{refund_id}" for refund_id in proven],
    )


async def _manifest(file: ReportFile, effects: pl.DataFrame, connection: Connection) -> dict[str, Any]:
    refund_lines = effects.filter(pl.col("type") == "REFUND")
    able = connector(connection.pse).capabilities
    return {
        "file": {"name": file.name, "sha256": settlements.digest_of(file), "bytes": len(file.content)},
        "totals": settlements.totals_of(effects),
        "matched_refunds": refund_lines.filter(pl.col("effect") == Effect.REFUND.value).height,
        "unmatched_refunds": refund_lines.filter(pl.col("refund_id").is_null()).height,
        "rules": {method: capability.source for method, capability in able.items()},
    }


async def _complete(run: ReconciliationRun, report_id: UUID, manifest: dict[str, Any]) -> None:
    run.state, run.manifest, run.finished_at = "COMPLETED", manifest, datetime.now(UTC)
    run.report_id = report_id
    await run.save(update_fields=["state", "manifest", "finished_at", "report_id"])
