"""What a night opens and closes: what its lines say that the books do not, and what no line says that should."""

from collections.abc import Sequence, Set
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

import polars as pl

from domain.findings import findings
from domain.findings import names as names_of
from domain.findings.findings import FindingKind, Found
from domain.models import Connection, ReconciliationRun
from domain.models.settlements import Effect
from domain.money import Money
from domain.payments import taken_otherwise
from domain.platform.database import execute, rows
from domain.platform.in_columns import is_empty, says
from domain.pse.expected import Covers
from domain.reconciliation import (
    back_no_longer,
    compare,
    corrections,
    currencies,
    near,
    no_longer,
    proven,
    suspended,
    unknown,
    unproven,
)
from domain.reconciliation.expected import Awaited
from domain.reconciliation.known import Known
from domain.reconciliation.parts import LineParts
from domain.refunds import returned
from domain.settlements import differences
from domain.settlements.frames import Frames
from domain.taxes import reversals

_LET_IT_BE_TOLD: Final = (
    "The return of this refund is missing in the reports: ask the PSE which one has it, and claim the money if none "
    "has; then repeat that night, or resolve this with evidence."
)
_AWAITED_DAYS_MAX: Final = 200
_ROWS: Final = (FindingKind.DUPLICATE_LINE, FindingKind.DUPLICATE_REFUND, FindingKind.UNCLEAR_LINE)
_CLOSED: Final = (
    *(FindingKind.AMOUNT_MISMATCH, FindingKind.MISSING_IN_LEDGER, FindingKind.MISSING_IN_REPORT, *_ROWS),
    *(FindingKind.CURRENCY_MISMATCH, FindingKind.ADJUSTMENT_UNEXPLAINED, FindingKind.RETURNED),
    FindingKind.UNKNOWN_LINE,
)
_AT_ONCE_MAX: Final = 20_000  # findings in memory
# Of a refund `r`: whether a line in force proves that it left, and whether one proves that it came back.
_LEFT: Final = (
    "EXISTS (SELECT 1 FROM settlement_lines l WHERE l.refund_id = r.id AND l.effect = 'REFUND' AND l.voided_at IS NULL)"
)
_BACK: Final = _LEFT.replace("'REFUND'", "'RETURN'")


async def flag(connection: Connection, run: ReconciliationRun, name: str, effects: Frames, parts: LineParts) -> None:
    """Open what the lines of the report of that name say that the books do not, and close what they agree about.

    `parts`: what the books have of the payments that each frame of lines names.
    """
    still, found, named = set[str](), list[Found](), list[Known]()
    otherwise_told, unknown_told, corrected = list[pl.DataFrame](), list[pl.DataFrame](), list[pl.DataFrame]()
    for some, known in zip(effects, parts.known(), strict=True):
        if currencies.are_told(some):
            named.append(currencies.concerned(some, known))
            otherwise_told.append(currencies.telling(some))
        if some["payment_id"].has_nulls():
            unknown_told.append(unknown.telling(some))
        if says(some, "type", "CORRECTION"):
            corrected.append(corrections.telling(some))
        amounts = compare.of_amounts(connection, run, some)
        await findings.renew(amounts)
        found += [
            *amounts,
            *await reversals.needed(compare.vat_reversals(connection, run, some)),
            *_registered_twice(connection, run, some, known.payments),
            *compare.duplicates(connection, run, some),
            *compare.repeated(connection, run, some),
            *compare.unclear(connection, run, some),
            *await taken_otherwise.of_lines(connection, run, some),
        ]
        if len(found) > _AT_ONCE_MAX:
            still |= await _open(found)
            found = []
    otherwise = currencies.of_lines(connection, run, name, otherwise_told, named)
    found += [*unknown.of_lines(connection, run, name, unknown_told), *otherwise]
    unexplained = corrections.of_lines(connection, run, name, corrected)
    await findings.renew(unexplained)
    found += unexplained
    still |= await _open(found)
    await _resolve_what_agrees(connection, name, effects, still)
    await currencies.not_missing(connection, otherwise)
    await close(connection, name)


async def _open(found: Sequence[Found]) -> set[str]:
    """What they are called."""
    await findings.open_findings(found)
    await findings.open_again_what_agreed(found)
    for closed_by in no_longer.CLOSED_BY:
        await findings.open_again(found, closed_by)
    return {one.fingerprint for one in found}


async def close(connection: Connection, name: str) -> None:
    """Close what holds no longer, by what is stored and booked now, whatever the lines of this reading say."""
    opened = await findings.that_may_end(connection.merchant_id, connection.id, _CLOSED)  # of most connections none
    if FindingKind.AMOUNT_MISMATCH in opened:
        await taken_otherwise.agreed(connection)
    if opened & {FindingKind.AMOUNT_MISMATCH, FindingKind.MISSING_IN_LEDGER}:
        await no_longer.close(connection, name)
    if opened & {*_ROWS}:
        await no_longer.close_rows(connection)
    if FindingKind.MISSING_IN_LEDGER in opened:
        await back_no_longer.came_back_again(connection)
    if FindingKind.MISSING_IN_REPORT in opened:
        await _resolve_returns(connection)
        await proven.found_again(connection)
        await unproven.close(connection)
    if await currencies.proven_since(connection) or FindingKind.CURRENCY_MISMATCH in opened:
        await currencies.close(connection)
    if FindingKind.ADJUSTMENT_UNEXPLAINED in opened:
        await corrections.close(connection)
    await returned.flag(connection)
    if FindingKind.RETURNED in opened:
        await returned.close(connection)
    await suspended.flag(connection, any_open=FindingKind.UNKNOWN_LINE in opened)
    await differences.paid_out(connection)


def _registered_twice(
    connection: Connection, run: ReconciliationRun, effects: pl.DataFrame, payments: pl.DataFrame
) -> Sequence[Found]:
    """One payment of the PSE that has two names there (Stripe's pi_ and ch_) and is registered under both."""
    if is_empty(effects["payment_alias"]) or near.are_apart(payments["known_reference"], effects["payment_alias"]):
        return []
    other = payments.select(
        other="known_reference", id="payment_id", captured="payment_captured", currency="payment_currency"
    )
    named = effects.lazy().select(one="payment_reference", other="payment_alias").drop_nulls()
    found = (
        named.join(other.lazy(), on="other")
        .join(payments.lazy().select(one="known_reference", of_one="payment_id"), on="one")
        .filter(pl.col("id") != pl.col("of_one"))
        .unique()
        .sort("id", "one")
        .collect(engine="in-memory")
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
            payment_id=UUID(row["id"]),
            detail={"one": row["one"], "other": row["other"]},
        )
        for row in found.iter_rows(named=True)
    ]


async def flag_missing(
    connection: Connection, run: ReconciliationRun, awaited: Awaited, fetched_at: datetime, *, report: bool = True
) -> None:
    """Open what no report proves that should, by `fetched_at` (UTC); the night's findings get their run.

    Only what is overdue by the PSE's own calendar and lag: expected is not missing. `report`: whether the run has one;
    without, what a report that is still awaited may tell is not missing either.
    """
    told = _told_until(run, awaited, fetched_at, report=report)
    if told is not None:
        await findings.open_findings(await _missing_in_report(connection, run, fetched_at, told))
        returns = await _missing_returns(connection, run, fetched_at, told)
        await findings.open_findings(returns)
        await findings.open_again_what_agreed(returns)
    await unproven.flag(connection)
    await execute(
        "UPDATE findings SET run_id = $1 WHERE connection_id = $2 AND run_id IS NULL AND created_at >= $3",
        run.id,
        connection.id,
        run.created_at,
    )


def _told_until(run: ReconciliationRun, awaited: Awaited, fetched_at: datetime, *, report: bool) -> date | None:
    """The last day of which every line should have been read by now; None: there is none, or nothing is known."""
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
        "SELECT r.id, r.reference, r.payment_id, r.amount, r.currency, "  # noqa: S608 - ours
        "  (r.succeeded_at AT TIME ZONE m.zone)::date AS day "
        "FROM refunds r JOIN merchants m ON m.id = r.merchant_id "
        "WHERE r.connection_id = $1 AND r.state = 'SUCCEEDED' AND r.succeeded_at < $4 "
        "  AND NOT r.paid_by_bank_transfer "
        "  AND (r.succeeded_at AT TIME ZONE m.zone)::date IN (SELECT business_date FROM reconciliation_runs "
        "    WHERE connection_id = $1 AND (id = $3 OR state IN ('COMPLETED', 'NO_REPORT')) "
        "      AND business_date <= $2) "
        "  AND NOT EXISTS (SELECT 1 FROM settlement_lines l WHERE l.refund_id = r.id AND l.effect = 'REFUND' "
        f"    AND l.voided_at IS NULL) AND NOT {currencies.TOLD_OF_REFUND} ORDER BY r.created_at, r.id",
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
            fingerprint=names_of.missing(row["id"]),
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
            fingerprint=names_of.missing_return(row["id"]),
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
        findings.closing(
            "SELECT f.id, $2::text AS said FROM findings f JOIN refunds r ON r.id = f.refund_id "  # noqa: S608 - ours
            f"WHERE f.merchant_id = $3 AND f.connection_id = $1 AND {findings.MAY_END} "
            f"  AND f.fingerprint = 'missing-return/' || r.id AND ({_BACK} OR NOT {_LEFT})"
        ),
        connection.id,
        findings.AGREED,
        connection.merchant_id,
    )


async def _resolve_what_agrees(connection: Connection, name: str, effects: Frames, still: Set[str]) -> None:
    """Close what the lines agree about now. Few findings may end, and most lines of a report agree: only those lines
    are looked at that tell of a payment or refund with such a one.
    """
    opened = await rows(
        "SELECT f.fingerprint, f.payment_id::text AS payment_id, f.refund_id::text AS refund_id "  # noqa: S608 - ours
        f"FROM findings f WHERE f.merchant_id = $1 AND f.connection_id = $2 AND {findings.MAY_END} "
        "  AND f.kind IN ('AMOUNT_MISMATCH', 'UNCLEAR_LINE', 'DUPLICATE_LINE', 'MISSING_IN_REPORT', "
        "    'MISSING_IN_LEDGER', 'CURRENCY_MISMATCH')",
        connection.merchant_id,
        connection.id,
    )
    if not opened:
        return
    names = {row["fingerprint"] for row in opened}
    payments, refunds = ({row[one] for row in opened} - {None} for one in ("payment_id", "refund_id"))
    opened_of = pl.col("payment_id").is_in(payments) | pl.col("refund_id").is_in(refunds)
    told = effects.together(lambda some: some.filter(opened_of), compare.AGREEING)
    found_again = told.filter(pl.col("effect") == Effect.REFUND.value)["refund_id"].to_list()
    files = (*unknown.of_file(connection, name), *currencies.of_file(connection, name))
    several = [findings.bounded(one) for one in files if one not in still]
    for agreed, said in (
        ([names_of.missing(refund_id) for refund_id in found_again], "A report proves the refund."),
        (compare.agreed(told), findings.AGREED),
        (several, no_longer.GONE),
    ):
        if closed := sorted(names.intersection(agreed)):
            await _resolve(connection, closed, said)


async def _resolve(connection: Connection, fingerprints: Sequence[str], resolution: str) -> None:
    await findings.resolve_all(connection.merchant_id, fingerprints, resolution)
