"""The nightly run: one per (connection, business date), repeatable. It books what is proven and flags the rest."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import polars as pl

from domain import chargebacks, findings, learned, mismatches, revised, seals, settlements, taken, told_before
from domain.connections import zone_of
from domain.crash import crash_here
from domain.database import rows, transaction
from domain.findings import FindingKind, Found
from domain.idempotency import Cause
from domain.matching import Effect, cancelled, match, with_effects
from domain.models import Connection, Payment, ReconciliationRun, Report
from domain.money import Money
from domain.pse.registry import connector
from domain.pse.reporting import ReportFile
from domain.pse.vocabulary import (
    Accepted,
    Declined,
    KnownRefund,
    Outcome,
    Period,
    Returned,
    Succeeded,
)
from domain.record import Door, Source, record

ACTOR: Final = "reconciliation"
JOB: Final = "reconcile"
_FETCHED_MAX: Final = 100
_UNDER_WAY: Final = ("REQUESTED", "SUBMITTED", "PENDING", "MANUAL")
_ENDED_UNPAID: Final = ("FAILED", "REJECTED", "CANCELED", "EXPIRED", "AWAITING_APPROVAL", "AWAITING_DESTINATION")


async def period_of(connection: Connection, business_date: date) -> Period:
    """The business date from local midnight to midnight in the merchant's zone, in UTC, and what its reports need."""
    zone = await zone_of(connection)
    start = datetime.combine(business_date, time.min, zone)
    end = datetime.combine(business_date + timedelta(days=1), time.min, zone)
    fetched = await rows(
        "SELECT name FROM reports WHERE connection_id = $1 AND superseded_at IS NULL ORDER BY created_at DESC LIMIT $2",
        connection.id,
        _FETCHED_MAX,
    )
    announced = await rows(
        "SELECT a.name FROM announced_reports a WHERE a.connection_id = $1 AND NOT EXISTS (SELECT 1 FROM reports r "
        "  WHERE r.connection_id = $1 AND r.name = a.name AND r.created_at >= a.announced_at) ORDER BY a.id",
        connection.id,
    )
    return Period(
        base_url=connection.base_url,
        start=start.astimezone(UTC),
        end=end.astimezone(UTC),
        zone=zone.key,
        client_id=connection.client_id,
        report_url=connection.report_url,
        announced=tuple(row["name"] for row in announced),
        fetched=tuple(row["name"] for row in fetched),
    )


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
    connection: Connection, run: ReconciliationRun, files: Sequence[ReportFile], fetched_at: datetime | None = None
) -> None:
    """Match a date's reports with the books. Safe to repeat: the same report changes nothing the second time.

    Every file is read before anything is entered, so one that cannot be used leaves nothing half-imported.
    `fetched_at` (UTC): from when the reports are; what succeeded after it cannot be in them. Raises BadReport.
    """
    period = await period_of(connection, run.business_date)
    wire = connector(connection.pse)
    read = [(file, wire.read_report(file, period)) for file in files]
    whole = [(file, report.lines.collect(), report.completeness) for file, report in read]
    manifests = [await _reconcile(connection, run, file, lines, proof) for file, lines, proof in whole]
    async with transaction():
        await _flag_missing(connection, run, fetched_at or datetime.now(UTC))
        await _complete(run, await _manifest(connection, manifests))
        crash_here("reconcile.before_completed")


async def _reconcile(
    connection: Connection, run: ReconciliationRun, file: ReportFile, lines: pl.DataFrame, proof: str | None
) -> dict[str, Any]:
    cause = Cause(f"{taken.BY_REPORT}{run.id}", ACTOR)
    entered = await _match(connection, file, lines)
    await _enter(connection, run, file, entered, cause)
    crash_here("reconcile.entered")
    async with transaction():
        effects = await _keep(connection, run, file, lines, entered, cause)
        crash_here("reconcile.before_commit")
    if effects is None:
        return await _reconcile(connection, run, file, lines, proof)
    crash_here("reconcile.committed")
    return _manifest_of(file, effects, proof)


async def _keep(
    connection: Connection,
    run: ReconciliationRun,
    file: ReportFile,
    lines: pl.DataFrame,
    entered: pl.DataFrame,
    cause: Cause,
) -> pl.DataFrame | None:
    """Store the lines with their effects. None: a payment was registered meanwhile, and its lines must be entered."""
    await rows("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", str(connection.id))
    old = await settlements.valid_report(connection, file.name)
    # Matched again, because what was entered has moved states.
    matched, settled = await _match_and_settled(connection, file, lines)
    if matched["payment_id"].null_count() < entered["payment_id"].null_count():
        return None
    elsewhere = await chargebacks.proven_elsewhere(connection, file.name, matched)
    effects = chargebacks.with_effects(with_effects(matched, settled), elsewhere)
    new = None
    if old is None or not await settlements.same_as_stored(old, file, effects):
        new = await settlements.store(connection, run.business_date, file, effects, cause.request_id)
    await _flag(connection, run, effects)
    if new is not None:  # last, because it locks payments
        await _follow(old, new, cause)
    elif old is not None and old.repeat_since is not None:
        await told_before.repeated(connection.id, file.name, old.repeat_since)
    return effects


async def _follow(old: Report | None, new: Report, cause: Cause) -> None:
    """What a report changes beyond its own lines, and what the one that it supersedes had said."""
    concerned = await chargebacks.of_report(new.id)
    if old is not None:
        await revised.reopen_missing(old.id)
        await revised.give_back(old.id, cause)
        concerned += await chargebacks.of_report(old.id)
    await chargebacks.agree(concerned, cause)


async def _match(connection: Connection, file: ReportFile, lines: pl.DataFrame) -> pl.DataFrame:
    return (await _match_and_settled(connection, file, lines))[0]


async def _match_and_settled(
    connection: Connection, file: ReportFile, lines: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    ours, refunds = await settlements.books_for(connection, lines)
    settled = await settlements.settled_elsewhere(connection, file.name, ours)
    return match(lines, ours, refunds, settled), settled


async def _enter(
    connection: Connection, run: ReconciliationRun, file: ReportFile, matched: pl.DataFrame, cause: Cause
) -> None:
    """What the books do not know goes through the one door, line by line: only what differs, not the report."""
    refund_lines = matched.filter((pl.col("type") == "REFUND") & pl.col("payment_id").is_not_null())
    turn = pl.int_range(1, pl.len() + 1).over("by_amount", "state", "payment_id", "amount").alias("turn")
    for row in refund_lines.filter(cancelled() & (pl.col("state") == "SUCCEEDED")).iter_rows(named=True):
        # An earlier form of the report may have told only that it left.
        gone = replace(_known(row), outcome=Declined("RETURNED", "The report says that the money came back."))
        await taken.book(await Payment.get(id=row["payment_id"]), gone, FindingKind.MISSING_IN_LEDGER, cause)
    await _learn_names(refund_lines, cause)
    unknown = refund_lines.filter(pl.col("refund_id").is_null() & ~cancelled())
    for row in unknown.with_columns(turn).iter_rows(named=True):
        payment = await Payment.get(id=row["payment_id"])
        if row["by_amount"]:
            await taken.from_line(payment, _known(row), file.name, row["turn"], cause)
        else:
            await taken.book(payment, _known(row), FindingKind.MISSING_IN_LEDGER, cause)
    for row in refund_lines.filter(_differs()).iter_rows(named=True):
        if row["refund_state"] not in _UNDER_WAY and not _both_unpaid(row):
            await findings.open_finding(mismatches.of_status(connection, run, row))
        await record(UUID(row["refund_id"]), _outcome(row), Source(Door.REPORT), cause)


async def _learn_names(refund_lines: pl.DataFrame, cause: Cause) -> None:
    named = ~pl.col("by_amount") & pl.col("reference").is_null() & pl.col("refund_id").is_null()
    told = refund_lines.filter(named & (pl.col("state") == "SUCCEEDED"))
    for (payment_id,), lines in told.group_by("payment_id", maintain_order=True):
        payment = await Payment.get(id=payment_id)
        await learned.names(payment, [_known(row) for row in lines.iter_rows(named=True)], cause)


def _differs() -> pl.Expr:
    state, ours = pl.col("state"), pl.col("refund_state")
    # A refund that came back was paid before: a report that tells so late says nothing new.
    paid = (state == "SUCCEEDED") & ~ours.is_in(["SUCCEEDED", "RETURNED"])
    failed = state.is_in(["FAILED", "RETURNED"]) & ours.is_in([*_UNDER_WAY, "SUCCEEDED"])
    # PENDING is only news for a refund that we believe is still in doubt.
    pending = (state == "PENDING") & ours.is_in(["SUBMITTED"])
    # What was booked as taken for a refund that had ended is given back.
    back = state.is_in(["FAILED", "RETURNED"]) & ours.is_in(_ENDED_UNPAID) & pl.col("payment_taken")
    return pl.col("refund_id").is_not_null() & (paid | failed | pending | back)


def _both_unpaid(row: dict[str, Any]) -> bool:
    return row["state"] in ("FAILED", "RETURNED") and row["refund_state"] in _ENDED_UNPAID


def _outcome(row: dict[str, Any]) -> Outcome:
    if row["state"] == "SUCCEEDED":
        return Succeeded(row["pse_refund_reference"], row["booked_at"])
    if row["state"] == "PENDING":
        return Accepted(row["pse_refund_reference"])
    if row["refund_state"] == "SUCCEEDED" or row["state"] == "RETURNED":
        return Returned("REPORTED_FAILED", "The report says that the money came back.", row["pse_refund_reference"])
    return Declined("REPORTED_FAILED", "The report says that the refund failed.", row["pse_refund_reference"])


def _known(row: dict[str, Any]) -> KnownRefund:
    outcome = _outcome({**row, "refund_state": None, "state": "FAILED" if row["state"] == "RETURNED" else row["state"]})
    assert isinstance(outcome, Accepted | Succeeded | Declined), "Without a state of ours nothing can come back."
    return KnownRefund(
        reference=(taken.BY_AMOUNT if row["by_amount"] else "") + (row["reference"] or row["pse_refund_reference"]),
        pse_refund_reference=row["pse_refund_reference"],
        amount=Money(row["amount"], row["currency"]),
        outcome=outcome,
        by_bank=row["by_bank"],
        kind=row["kind"] or "",
        requested_at=None,
        settled_at=row["booked_at"],
    )


async def _flag(connection: Connection, run: ReconciliationRun, effects: pl.DataFrame) -> None:
    found = [
        *mismatches.of_amounts(connection, run, effects),
        *mismatches.unknown_payments(connection, run, effects),
        *mismatches.vat_reversals(connection, run, effects),
    ]
    for finding in found:
        await findings.open_finding(finding)
    await _resolve_found_again(connection, effects)


async def _flag_missing(connection: Connection, run: ReconciliationRun, fetched_at: datetime) -> None:
    lag = connector(connection.pse).report_lag_days
    if lag is not None:
        for finding in await _missing_in_report(connection, run, fetched_at, lag):
            await findings.open_finding(finding)
    await rows(
        "UPDATE findings SET run_id = $1 WHERE connection_id = $2 AND run_id IS NULL AND created_at >= $3 RETURNING id",
        run.id,
        connection.id,
        run.created_at,
    )


async def _missing_in_report(
    connection: Connection, run: ReconciliationRun, fetched_at: datetime, lag: int
) -> Sequence[Found]:
    """Refunds that succeeded on this date, or on an earlier one that was reconciled, and that no report proves.

    `lag`: in how many days after it a refund's line may come.
    """
    missing = await rows(
        "SELECT r.id, r.reference, r.payment_id, r.amount, r.currency, "
        "  (r.succeeded_at AT TIME ZONE m.zone)::date AS day "
        "FROM refunds r JOIN merchants m ON m.id = r.merchant_id "
        "WHERE r.connection_id = $1 AND r.state = 'SUCCEEDED' AND r.succeeded_at < $4 "
        "  AND NOT r.paid_by_bank_transfer "
        "  AND (r.succeeded_at AT TIME ZONE m.zone)::date IN (SELECT business_date FROM reconciliation_runs "
        "    WHERE connection_id = $1 AND (id = $3 OR state = 'COMPLETED') AND business_date <= $2::date - $5::int) "
        "  AND NOT EXISTS (SELECT 1 FROM settlement_lines l WHERE l.refund_id = r.id AND l.effect = 'REFUND' "
        "    AND l.voided_at IS NULL) ORDER BY r.created_at, r.id",
        connection.id,
        run.business_date,
        run.id,
        fetched_at,
        lag,
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


def _manifest_of(file: ReportFile, effects: pl.DataFrame, proof: str | None) -> dict[str, Any]:
    refund_lines = effects.filter(pl.col("type") == "REFUND")
    return {
        "name": file.name,
        "sha256": settlements.digest_of(file),
        "bytes": file.path.stat().st_size,
        "completeness": proof or "completeness unproven",
        "totals": settlements.totals_of(effects),
        "matched_refunds": refund_lines.filter(pl.col("effect") == Effect.REFUND.value).height,
        "unmatched_refunds": refund_lines.filter(pl.col("refund_id").is_null()).height,
    }


async def _manifest(connection: Connection, files: Sequence[dict[str, Any]]) -> dict[str, Any]:
    wire = connector(connection.pse)
    nothing = "nothing to fetch" if wire.report_lag_days is not None else "the PSE publishes no report"
    return {
        "files": list(files),
        "completeness": nothing if not files else "; ".join(sorted({file["completeness"] for file in files})),
        "matched_refunds": sum(file["matched_refunds"] for file in files),
        "unmatched_refunds": sum(file["unmatched_refunds"] for file in files),
        # Kept with the night's files, the chain's head shows a chain that is cut afterwards.
        "chain": (await seals.head(connection.merchant_id)).told(),
        "rules": {method: f"{able.source}, {able.as_of}" for method, able in wire.capabilities.items()},
    }


async def _complete(run: ReconciliationRun, manifest: dict[str, Any]) -> None:
    run.state, run.manifest, run.finished_at = "COMPLETED", manifest, datetime.now(UTC)
    await run.save(update_fields=["state", "manifest", "finished_at"])
