"""What a night opens and closes: what its lines say that the books do not, and what no line says that should."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final

import polars as pl

from domain.findings import findings, names
from domain.findings.findings import FindingKind, Found
from domain.models import Connection, ReconciliationRun
from domain.models.settlements import Effect
from domain.money import Money
from domain.payments import taken_otherwise
from domain.platform.database import execute, rows
from domain.pse.expected import Covers
from domain.reconciliation import back_no_longer, compare, expected, no_longer, proven, unknown
from domain.taxes import reversals

_LET_IT_BE_TOLD: Final = (
    "The return of this refund is missing in the reports: ask the PSE which one has it, and claim the money if none "
    "has; then repeat that night, or resolve this with evidence."
)
_AWAITED_DAYS_MAX: Final = 200
# Of a refund `r`: whether a line in force proves that it left, and whether one proves that it came back.
_LEFT: Final = (
    "EXISTS (SELECT 1 FROM settlement_lines l WHERE l.refund_id = r.id AND l.effect = 'REFUND' AND l.voided_at IS NULL)"
)
_BACK: Final = _LEFT.replace("'REFUND'", "'RETURN'")


async def flag(connection: Connection, run: ReconciliationRun, name: str, effects: pl.DataFrame) -> None:
    """Open what the lines of the report of that name say that the books do not, and close what they agree about."""
    found = [
        *compare.of_amounts(connection, run, effects),
        *unknown.of_lines(connection, run, name, effects),
        *await reversals.needed(compare.vat_reversals(connection, run, effects)),
        *await _registered_twice(connection, run, effects),
        *compare.duplicates(connection, run, effects),
        *compare.unclear(connection, run, effects),
        *await taken_otherwise.of_lines(connection, run, effects),
    ]
    await findings.open_findings(found)
    await findings.open_again_what_agreed(found)
    for closed_by in no_longer.CLOSED_BY:
        await findings.open_again(found, closed_by)
    await _resolve_found_again(connection, effects)
    await _resolve(connection, compare.agreed(effects), findings.AGREED)
    await taken_otherwise.agreed(connection)
    await _resolve_returns(connection)
    await no_longer.close(connection, name)
    still = {one.fingerprint for one in found}
    several = [findings.bounded(one) for one in unknown.of_file(connection, name) if one not in still]
    await _resolve(connection, several, no_longer.GONE)
    await proven.found_again(connection)
    await back_no_longer.came_back_again(connection)


async def _registered_twice(connection: Connection, run: ReconciliationRun, effects: pl.DataFrame) -> Sequence[Found]:
    """One payment of the PSE that has two names there (Stripe's pi_ and ch_) and is registered under both."""
    named = effects.select("payment_reference", "payment_alias").drop_nulls().unique()
    found = await rows(
        "SELECT DISTINCT b.id, a.pse_reference AS one, b.pse_reference AS other, b.captured, b.currency "
        "FROM unnest($2::text[], $3::text[]) AS t(one, other) "
        "JOIN payments a ON a.connection_id = $1 AND a.pse_reference = t.one AND a.withdrawn_at IS NULL "
        "JOIN payments b ON b.connection_id = $1 AND b.pse_reference = t.other AND b.id <> a.id "
        "  AND b.withdrawn_at IS NULL",
        connection.id,
        named["payment_reference"].to_list(),
        named["payment_alias"].to_list(),
    )
    return [
        Found(
            kind=FindingKind.AMOUNT_MISMATCH,
            merchant_id=connection.merchant_id,
            connection_id=connection.id,
            run_id=run.id,
            fingerprint=f"twice/{row['id']}",
            amount=Money(row["captured"], row["currency"]),
            explanation=f"{row['one']} and {row['other']} are one payment at the PSE, and both are registered.",
            payment_id=row["id"],
            detail={"one": row["one"], "other": row["other"]},
        )
        for row in found
    ]


async def flag_missing(
    connection: Connection, run: ReconciliationRun, fetched_at: datetime, *, report: bool = True
) -> None:
    """Open what no report proves that should, by `fetched_at` (UTC); the night's findings get their run.

    Only what is overdue by the PSE's own calendar and lag: expected is not missing. `report`: whether the run has one;
    without, what a report that is still awaited may tell is not missing either.
    """
    told = await _told_until(connection, run, fetched_at, report=report)
    if told is not None:
        await findings.open_findings(await _missing_in_report(connection, run, fetched_at, told))
        returns = await _missing_returns(connection, run, fetched_at, told)
        await findings.open_findings(returns)
        await findings.open_again_what_agreed(returns)
    await execute(
        "UPDATE findings SET run_id = $1 WHERE connection_id = $2 AND run_id IS NULL AND created_at >= $3",
        run.id,
        connection.id,
        run.created_at,
    )


async def _told_until(
    connection: Connection, run: ReconciliationRun, fetched_at: datetime, *, report: bool
) -> date | None:
    """The last day of which every line should have been read by now; None: there is none, or nothing is known."""
    awaited = await expected.of(connection)
    last = run.business_date
    if not report and awaited.covers is Covers.PERIOD:
        # It brings what was settled since the one before: those of which no report is due yet may tell of anything.
        for _ in range(_AWAITED_DAYS_MAX):
            if awaited.due(last) <= fetched_at:
                break
            last -= timedelta(days=1)
    return awaited.told_until(last)


async def _missing_in_report(
    connection: Connection, run: ReconciliationRun, fetched_at: datetime, told: date
) -> Sequence[Found]:
    """Refunds that succeeded on this date, or on an earlier one that was reconciled, and that no report proves.

    `told`: the last day of which all lines should be there.
    """
    missing = await rows(
        "SELECT r.id, r.reference, r.payment_id, r.amount, r.currency, "
        "  (r.succeeded_at AT TIME ZONE m.zone)::date AS day "
        "FROM refunds r JOIN merchants m ON m.id = r.merchant_id "
        "WHERE r.connection_id = $1 AND r.state = 'SUCCEEDED' AND r.succeeded_at < $4 "
        "  AND NOT r.paid_by_bank_transfer "
        "  AND (r.succeeded_at AT TIME ZONE m.zone)::date IN (SELECT business_date FROM reconciliation_runs "
        "    WHERE connection_id = $1 AND (id = $3 OR state IN ('COMPLETED', 'NO_REPORT')) "
        "      AND business_date <= $2) "
        "  AND NOT EXISTS (SELECT 1 FROM settlement_lines l WHERE l.refund_id = r.id AND l.effect = 'REFUND' "
        "    AND l.voided_at IS NULL) ORDER BY r.created_at, r.id",
        connection.id,
        told,
        run.id,
        fetched_at,
    )
    return [
        Found(
            kind=FindingKind.MISSING_IN_REPORT,
            merchant_id=connection.merchant_id,
            connection_id=connection.id,
            run_id=run.id,
            fingerprint=names.missing(row["id"]),
            amount=Money(row["amount"], row["currency"]),
            explanation=f"Refund {row['reference']} succeeded on {row['day']}; no report of that date has it.",
            refund_id=row["id"],
            payment_id=row["payment_id"],
        )
        for row in missing
    ]


async def _missing_returns(
    connection: Connection, run: ReconciliationRun, fetched_at: datetime, told: date
) -> Sequence[Found]:
    """Refunds that the PSE itself said came back, as long ago as in `_missing_in_report`: a report proves that they
    left, and none that they came back.

    What only reports told of (unreturned) has left after all where they tell it no longer.
    """
    missing = await rows(
        "SELECT r.id, r.reference, r.payment_id, r.amount, r.currency, "  # noqa: S608 - the conditions are ours
        "  (e.occurred_at AT TIME ZONE m.zone)::date AS day "
        "FROM refunds r JOIN merchants m ON m.id = r.merchant_id JOIN events e ON e.refund_id = r.id "
        "WHERE r.connection_id = $1 AND r.state = 'RETURNED' AND NOT r.paid_by_bank_transfer "
        "  AND e.state = 'RETURNED' AND e.previous_state <> e.state AND e.occurred_at < $4 "
        "  AND e.detail ->> 'door' IS DISTINCT FROM 'REPORT' "
        "  AND (e.occurred_at AT TIME ZONE m.zone)::date IN (SELECT business_date FROM reconciliation_runs "
        "    WHERE connection_id = $1 AND (id = $3 OR state IN ('COMPLETED', 'NO_REPORT')) "
        "      AND business_date <= $2) "
        f"  AND {_LEFT} AND NOT {_BACK} ORDER BY r.created_at, r.id",
        connection.id,
        told,
        run.id,
        fetched_at,
    )
    return [
        Found(
            kind=FindingKind.MISSING_IN_REPORT,
            merchant_id=connection.merchant_id,
            connection_id=connection.id,
            run_id=run.id,
            fingerprint=names.missing_return(row["id"]),
            amount=Money(row["amount"], row["currency"]),
            explanation=(
                f"Refund {row['reference']} came back on {row['day']}; a report tells that it left, and none that it "
                "came back."
            ),
            refund_id=row["id"],
            payment_id=row["payment_id"],
            action=_LET_IT_BE_TOLD,
        )
        for row in missing
    ]


async def _resolve_returns(connection: Connection) -> None:
    """Close the returns that are missing no longer: a report tells them, or none tells any more that they left."""
    await execute(
        "UPDATE findings f SET resolved_at = now(), resolution = $2 FROM refunds r "  # noqa: S608
        "WHERE f.merchant_id = $3 AND f.connection_id = $1 AND f.resolved_at IS NULL AND r.id = f.refund_id "
        f"  AND f.fingerprint = 'missing-return/' || r.id AND ({_BACK} OR NOT {_LEFT}) RETURNING f.id",
        connection.id,
        findings.AGREED,
        connection.merchant_id,
    )


async def _resolve_found_again(connection: Connection, effects: pl.DataFrame) -> None:
    proven = effects.filter(pl.col("effect") == Effect.REFUND.value)["refund_id"].to_list()
    await _resolve(connection, [names.missing(refund_id) for refund_id in proven], "A report proves the refund.")


async def _resolve(connection: Connection, fingerprints: Sequence[str], resolution: str) -> None:
    await findings.resolve_all(connection.merchant_id, fingerprints, resolution)
