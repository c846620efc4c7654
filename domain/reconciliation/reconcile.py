"""The nightly run: one per (connection, business date), repeatable. It books what is proven and flags the rest."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

import polars as pl
import structlog

from domain.cause import Cause
from domain.connections.connections import zone_of
from domain.findings import findings
from domain.findings.findings import FindingKind
from domain.models import Connection, Payment, ReconciliationRun, Report
from domain.models.settlements import Effect
from domain.money import Money
from domain.payments import chargebacks, external, told_before, unnamed
from domain.platform import bell
from domain.platform.crash import crash_here
from domain.platform.database import execute, transaction, unavailable
from domain.pse.registry import connector
from domain.pse.reporting import ReportFile
from domain.pse.vocabulary import (
    Accepted,
    BadAnswer,
    Declined,
    KnownRefund,
    Outcome,
    Period,
    Returned,
    Succeeded,
)
from domain.reconciliation import compare, flag, manifest, nights, readings, revised, shortfall, unreturned
from domain.reconciliation.known import books_for, settled_elsewhere, suspense_of
from domain.reconciliation.match import match, with_effects
from domain.reconciliation.nights import Failed
from domain.refunds import learned, schedule
from domain.refunds.record import Door, Source, record
from domain.settlements import repeats, reports
from domain.settlements.storable import storable

ACTOR: Final = "reconciliation"
_UNDER_WAY: Final = ("REQUESTED", "SUBMITTED", "PENDING", "MANUAL")
_ENDED_UNPAID: Final = ("FAILED", "REJECTED", "CANCELED", "EXPIRED", "AWAITING_APPROVAL", "AWAITING_DESTINATION")
_log = structlog.get_logger()
begin, fail = nights.begin, nights.fail


async def period_of(connection: Connection, business_date: date, run: ReconciliationRun | None = None) -> Period:
    """The business date from local midnight to midnight in the merchant's zone, in UTC, and what its reports need.

    `run`: the one that asks; what another has failed to fetch a moment ago is not its business.
    """
    zone = await zone_of(connection)
    start = datetime.combine(business_date, time.min, zone)
    end = datetime.combine(business_date + timedelta(days=1), time.min, zone)
    wanted = await nights.wanted_reports(connection.id, run)
    return Period(
        base_url=connection.base_url,
        start=start.astimezone(UTC),
        end=end.astimezone(UTC),
        zone=zone.key,
        client_id=connection.client_id,
        report_url=connection.report_url,
        announced=wanted.announced,
        fetched=wanted.known,
    )


async def reconcile(
    connection: Connection,
    run: ReconciliationRun,
    files: Sequence[ReportFile],
    fetched_at: datetime | None = None,
    failed: Sequence[Failed] = (),
    kept: Sequence[ReportFile] = (),
    listing: Failed | None = None,
) -> None:
    """Match a date's reports with the books. Safe to repeat: the same report changes nothing the second time.

    Each report is entered whole or not at all, and one that cannot be used holds up no other: then the run ends as
    FAILED and says why, and is repeated. That of a date which has no report ends as NO_REPORT.
    `failed`: those that could not be fetched. `kept`: those of before that are read again (repeats). `listing`: why the
    date's payments could not be listed.
    `fetched_at` (UTC): from when the reports are; what succeeded after it cannot be in them.
    """
    at = fetched_at or datetime.now(UTC)
    outcomes = [await nights.report_failed(run, one, at) for one in failed]
    async with nights.one_at_a_time(connection):
        outcomes += [await _outcome_of(connection, run, file, at) for file in files]
        outcomes += [await _outcome_of(connection, run, file, None) for file in kept]
        wrong = [*([listing] if listing else []), *nights.failed_of(outcomes)]
        if not wrong:
            await revised.give_back_unstored(run, _cause(run))
            await unreturned.agree_unstored(run, _cause(run))
            wrong = await nights.entered_in_part(run)
    told = await manifest.of_run(connection, run, outcomes, await period_of(connection, run.business_date, run), at)
    if wrong:
        said = "; ".join(f"{one.name}: {one.why}" for one in wrong)
        await nights.fail(run, said, told, called=all(one.unreadable for one in wrong))
        return
    await flag.flag_missing(connection, run, at)
    async with transaction():
        await nights.complete(run, told, report=manifest.has_report(told))
        crash_here("reconcile.before_completed")


def _cause(run: ReconciliationRun) -> Cause:
    return Cause(f"{external.BY_REPORT}{run.id}", ACTOR)


async def _outcome_of(
    connection: Connection, run: ReconciliationRun, file: ReportFile, at: datetime | None
) -> dict[str, Any]:
    """What became of one report, as the manifest has it. `at` (UTC): when it was fetched; None: it is a kept one."""
    try:
        report = connector(connection.pse).read_report(file, await period_of(connection, run.business_date))
        report, lines = storable(file.name, report, report.lines.collect())
    except Exception as error:
        failed = _failed(connection, file, error, unreadable=True)
        await readings.unreadable(connection, run, file, error)
        return await nights.report_failed(run, failed, at)
    try:
        await readings.told(connection, run, file, report)
        if at is not None:
            await nights.report_begun(run, file.name, at)
        effects = await _reconcile(connection, run, file, lines)
    except Exception as error:
        return await nights.report_failed(run, _failed(connection, file, error), at)
    if at is not None:
        await nights.report_fetched(run, file.name, at)
    return manifest.of_file(file, effects, report)


def _failed(connection: Connection, file: ReportFile, error: Exception, *, unreadable: bool = False) -> Failed:
    """Why the file could not be used. Raises `error` again where nothing can be written down at all."""
    if unavailable(error):
        raise error
    if isinstance(error, BadAnswer):
        return Failed(file.name, str(error), unreadable)
    _log.exception("reconciliation.report_failed", connection=connection.name, report=file.name)
    return Failed(file.name, nights.unexpected(error), unreadable)


async def _reconcile(
    connection: Connection, run: ReconciliationRun, file: ReportFile, lines: pl.DataFrame, again: bool = False
) -> pl.DataFrame:
    cause = _cause(run)
    entered = await _match(connection, file, lines)
    await _enter(connection, run, file, entered, cause)
    crash_here("reconcile.entered")
    async with transaction():
        effects = await _keep(connection, run, file, lines, entered, cause, again)
        crash_here("reconcile.before_commit")
    if effects is None:
        return await _reconcile(connection, run, file, lines, again=True)
    crash_here("reconcile.committed")
    # Outside of the transaction above, whose findings would lock refunds and payments until all its lines are written.
    await unreturned.agree(connection, file.name, cause)
    await shortfall.book(connection, file.name, cause)
    await flag.flag(connection, run, effects)
    return effects


async def _keep(
    connection: Connection,
    run: ReconciliationRun,
    file: ReportFile,
    lines: pl.DataFrame,
    entered: pl.DataFrame,
    cause: Cause,
    again: bool,
) -> pl.DataFrame | None:
    """Store the lines with their effects. None: what was entered, or registered meanwhile, gives more to be entered."""
    await execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", str(connection.id))
    old = await reports.valid_report(connection, file.name)
    # Matched again, because what was entered has moved states.
    matched, settled = await _match_and_settled(connection, file, lines)
    # What was entered may give other lines to other refunds: those are entered once, and then by the next night.
    if matched["payment_id"].null_count() < entered["payment_id"].null_count() or (
        not again and _gains(matched, entered)
    ):
        return None
    elsewhere = await chargebacks.proven_elsewhere(connection, file.name, matched)
    effects = chargebacks.with_effects(with_effects(matched, settled), elsewhere)
    new = None
    if old is None or not await reports.same_as_stored(old, file, effects):
        new = await reports.store(connection, run.business_date, file, effects, cause.request_id)
    if new is not None:  # last, because it locks payments
        await repeats.mark_others(connection.id, old.id if old is not None else None, new.id)
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
    ours, refunds = await books_for(connection, lines)
    settled = await settled_elsewhere(connection, file.name, ours)
    suspense = await suspense_of(connection, ours)
    return match(lines, ours, refunds, settled, suspense), settled


async def _enter(
    connection: Connection, run: ReconciliationRun, file: ReportFile, matched: pl.DataFrame, cause: Cause
) -> None:
    """What the books do not know goes through the one door, line by line: only what differs, not the report."""
    refund_lines = matched.filter((pl.col("type") == "REFUND") & pl.col("payment_id").is_not_null())
    await _learn_names(refund_lines, cause)
    unknown = refund_lines.filter(pl.col("refund_id").is_null() & pl.col("nameless").is_null())
    for row in unknown.iter_rows(named=True):
        await external.book(await Payment.get(id=row["payment_id"]), _known(row), FindingKind.MISSING_IN_LEDGER, cause)
    await _enter_nameless(file, refund_lines, cause)
    for row in refund_lines.filter(pl.col("refund_by_bank")).iter_rows(named=True):
        # Our order had arrived after all, and a person has paid the customer from the bank.
        known = replace(_known(row), reference=row["refund_reference"])
        await external.book(await Payment.get(id=row["payment_id"]), known, FindingKind.CONTRADICTION, cause)
    for row in refund_lines.filter(_differs()).iter_rows(named=True):
        if row["refund_state"] not in _UNDER_WAY and not _both_unpaid(row):
            await findings.open_finding(compare.of_status(connection, run, row))
        await record(UUID(row["refund_id"]), _outcome(row), Source(Door.REPORT), cause)


async def _enter_nameless(file: ReportFile, refund_lines: pl.DataFrame, cause: Cause) -> None:
    """Lines that were given to no refund; refunds that may have one are asked about, after it is booked as taken."""
    group, effect = ("payment_id", "amount"), pl.col("nameless")
    out, back = effect == Effect.TAKEN.value, effect == Effect.TAKEN_BACK.value
    ours = pl.col("refund_id").is_not_null() & (pl.col("state") == "SUCCEEDED")
    others = pl.col("refund_id").is_null() & ~pl.col("by_amount") & (pl.col("state") == "SUCCEEDED")
    counted = refund_lines.with_columns(
        turn=out.cum_sum().over(group).cast(pl.Int64) + pl.col("told_before"),
        # What was booked as taken, and is not any more, came back.
        rest=pl.col("told_before") + out.sum().over(group).cast(pl.Int64) - back.sum().over(group).cast(pl.Int64),
        given=pl.col("refund_id").filter(ours).n_unique().over(group),
        named=pl.coalesce("reference", "pse_refund_reference")
        .filter(others)
        .unique()
        .over(group, mapping_strategy="join"),
    )
    gone = pl.col("stays") & (effect == Effect.NONE.value)
    for row in counted.filter(out | back | gone).iter_rows(named=True):
        payment, known = await Payment.get(id=row["payment_id"]), _known(row)
        if row["nameless"] == Effect.TAKEN.value:
            told = unnamed.Told(file.name, row["turn"], row["given"], tuple(row["named"]))
            await unnamed.from_line(payment, known, told, cause)
        elif row["nameless"] == Effect.TAKEN_BACK.value:
            await unnamed.back_from_line(payment, known, cause)
        else:
            await unnamed.gone_from_line(payment, known, row["rest"], cause)
    asked = counted.filter(out | (pl.col("unclear") == "SEVERAL"))["asked"].explode().drop_nulls().unique().to_list()
    await schedule.ask(asked)
    for refund_id in asked:
        await bell.ring(bell.REFUND, refund_id)


async def _learn_names(refund_lines: pl.DataFrame, cause: Cause) -> None:
    named = ~pl.col("by_amount") & pl.col("reference").is_null() & pl.col("refund_id").is_null()
    told = refund_lines.filter(named & (pl.col("state") == "SUCCEEDED"))
    for (payment_id,), lines in told.group_by("payment_id", maintain_order=True):
        payment = await Payment.get(id=payment_id)
        await learned.names(payment, [_known(row) for row in lines.iter_rows(named=True)], cause)
    ours = (pl.col("state") == "SUCCEEDED") & (pl.col("refund_state") == "SUCCEEDED") & ~pl.col("refund_by_bank")
    # Beside our reference: what people called it may be mistyped.
    other = pl.col("refund_pse_reference").is_null() | (
        (pl.col("refund_pse_reference") != pl.col("pse_refund_reference"))
        & (pl.col("refund_reference") == pl.col("reference"))
    )
    unnamed = pl.col("pse_refund_reference").is_not_null() & other
    for row in refund_lines.filter(ours & unnamed & ~pl.col("by_amount")).iter_rows(named=True):
        await learned.own_name(UUID(row["refund_id"]), _known(row), cause)


def _differs() -> pl.Expr:
    state, ours = pl.col("state"), pl.col("refund_state")
    # A refund that came back was paid before: a report that tells so late says nothing new.
    paid = (state == "SUCCEEDED") & ~ours.is_in(["SUCCEEDED", "RETURNED"])
    failed = state.is_in(["FAILED", "RETURNED"]) & ours.is_in([*_UNDER_WAY, "SUCCEEDED"])
    # PENDING is only news for a refund that we believe is still in doubt.
    pending = (state == "PENDING") & ours.is_in(["SUBMITTED"])
    # What was booked as taken for a refund that had ended is given back.
    back = state.is_in(["FAILED", "RETURNED"]) & ours.is_in(_ENDED_UNPAID) & pl.col("payment_taken")
    return pl.col("refund_id").is_not_null() & ~pl.col("refund_by_bank") & (paid | failed | pending | back)


def _gains(matched: pl.DataFrame, entered: pl.DataFrame) -> bool:
    """Whether a refund has a line now that was not entered as its, and that says what the books do not know."""
    known = entered.filter(pl.col("refund_id").is_not_null())
    news = matched.filter((pl.col("type") == "REFUND") & _differs())
    return not news.join(known, on=["line", "refund_id"], how="anti").is_empty()


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
        reference=(external.BY_AMOUNT if row["by_amount"] else "") + (row["reference"] or row["pse_refund_reference"]),
        pse_refund_reference=row["pse_refund_reference"],
        amount=Money(row["amount"], row["currency"]),
        outcome=outcome,
        by_bank=row["by_bank"],
        kind=row["kind"] or "",
        requested_at=None,
        settled_at=row["booked_at"],
    )
