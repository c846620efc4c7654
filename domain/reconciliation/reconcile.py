"""The nightly run: one per (connection, business date), repeatable. It books what is proven and flags the rest."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import polars as pl
import structlog

from domain.cause import RECONCILIATION, Cause
from domain.connections.connections import zone_of
from domain.findings import reopen
from domain.models import Connection, ReconciliationRun, Report
from domain.payments import chargeback_proofs, chargebacks, external, told_before
from domain.platform.crash import crash_here
from domain.platform.database import execute, transaction, unavailable
from domain.pse.registry import connector
from domain.pse.reporting import Report as Told
from domain.pse.reporting import ReportFile
from domain.pse.vocabulary import (
    BadAnswer,
    Period,
)
from domain.reconciliation import (
    balanced,
    charged,
    exponents,
    flag,
    manifest,
    nights,
    progress,
    proven,
    readings,
    revised,
    shortfall,
    unreturned,
)
from domain.reconciliation.enter import enter, gains, gives_work
from domain.reconciliation.known import Known, currency_of, known_of, state_of
from domain.reconciliation.match import match, with_effects
from domain.reconciliation.nights import Failed
from domain.reconciliation.progress import Phase
from domain.settlements import booked, plain_lines, repeats, reports
from domain.settlements.storable import named, storable

ACTOR: Final = RECONCILIATION
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
        currency=await currency_of(connection),
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
        outcomes += [await _outcome_of(connection, run, named(file), at) for file in files]
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
    await flag.flag_missing(connection, run, at, report=manifest.has_report(told))
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
        progress.at(Phase.READING)
        period = await period_of(connection, run.business_date)
        report = connector(connection.pse).read_report(file, period)
        report, lines = storable(file.name, report, report.lines.collect())
        instead = await proven.stays(connection, file, report, lines, period)
    except Exception as error:
        failed = _failed(connection, file, error, unreadable=True)
        await readings.unreadable(connection, run, file, error)
        return await nights.report_failed(run, failed, at)
    if instead is not None:
        await readings.not_used(connection, run, file, instead)
        return await nights.report_failed(run, Failed(file.name, instead, unreadable=True), at)
    try:
        await readings.told(connection, run, file, report, lines)
        if at is not None:
            await nights.report_begun(run, file.name, at)
        told = await _reconcile(connection, run, file, report, lines)
    except Exception as error:
        suspected = isinstance(error, exponents.Suspected)
        return await nights.report_failed(run, _failed(connection, file, error, unreadable=suspected), at)
    if at is not None:
        await nights.report_fetched(run, file.name, at)
    return manifest.of_file(file, told, report)


def _failed(connection: Connection, file: ReportFile, error: Exception, *, unreadable: bool = False) -> Failed:
    """Why the file could not be used. Raises `error` again where nothing can be written down at all."""
    if unavailable(error):
        raise error
    if isinstance(error, BadAnswer):
        return Failed(file.name, str(error), unreadable)
    _log.exception("reconciliation.report_failed", connection=connection.name, report=file.name)
    return Failed(file.name, nights.unexpected(error), unreadable)


async def _reconcile(
    connection: Connection, run: ReconciliationRun, file: ReportFile, told: Told, lines: pl.DataFrame
) -> manifest.Lines:
    """Match the lines, enter what the books do not know, and store them as they match after it."""
    cause = _cause(run)
    entered: list[pl.DataFrame] = []
    effects: pl.DataFrame | None = None
    progress.at(Phase.MATCHING, lines.height)
    while effects is None:
        async with transaction():
            known, state = await _known(connection, file, lines)
            same = await _as_before(connection, file, state)
            if same is not None:
                break
            matched, known, given_up = _matched(lines, known)
            if exponents.suspected(matched) is None and _is_entered(matched, entered):
                crash_here("reconcile.entered")
                progress.at(Phase.STORING, lines.height)
                effects = await _keep(connection, run, file, told, matched, known.settled, given_up, cause)
                crash_here("reconcile.before_commit")
        if effects is None or not entered:  # outside, for what it opens must stay where it refuses the file
            await exponents.check(connection, run, file.name, matched)
        if effects is None:
            progress.at(Phase.ENTERING, lines.height)
            await enter(connection, run, file, matched, cause)
            entered.append(matched)
    crash_here("reconcile.committed")
    progress.at(Phase.COMPARING, lines.height)
    # Outside of the transaction above, whose findings would lock refunds and payments until all its lines are written.
    await unreturned.agree(connection, file.name, cause)
    await shortfall.book(connection, file.name, cause)
    await charged.fee_findings(connection, run, file.name, lines)  # also of the same report: schedules may be others
    if same is not None:
        await flag.close(connection, file.name)
        await balanced.flag_balances(connection, run)
        return await manifest.lines_of(same)
    assert effects is not None, "Lines that are not as before were stored."
    await flag.flag(connection, run, file.name, effects, known.payments)
    await balanced.flag(connection, run, file.name, told, effects)
    await reports.matched(connection, file.name, state)  # last: a night that died before says all of it again
    return manifest.counted(effects)


def _matched(lines: pl.DataFrame, known: Known) -> tuple[pl.DataFrame, Known, list[int]]:
    """The lines as they match, without the plain lines of other reports whose place they take; the ids of those."""
    matched = match(lines, known.payments, known.refunds, known.settled, known.suspense)
    given_up = plain_lines.given_up(known.settled, matched)
    if given_up.is_empty():
        return matched, known, []
    left = replace(known, settled=known.settled.join(given_up.select("line_id"), on="line_id", how="anti"))
    again = match(lines, left.payments, left.refunds, left.settled, left.suspense)
    return again, left, given_up["line_id"].to_list()


async def _as_before(connection: Connection, file: ReportFile, state: str) -> Report | None:
    """The stored report, if it has these bytes and was matched with books that knew the same: it settles the same."""
    old = await reports.valid_report(connection, file.name)
    if old is None or old.known != state or old.repeat_since is not None or old.digest != reports.digest_of(file):
        return None
    return old


def _is_entered(matched: pl.DataFrame, entered: Sequence[pl.DataFrame]) -> bool:
    """Whether the lines can be stored as they match now, and give nothing more to be entered first.

    What was entered may give other lines to other refunds: those are entered once, and then by the next night.
    """
    if not entered:
        return not gives_work(matched)
    before = entered[-1]
    registered = matched["payment_id"].null_count() < before["payment_id"].null_count()
    return not registered and (len(entered) > 1 or not gains(matched, before))


async def _known(connection: Connection, file: ReportFile, lines: pl.DataFrame) -> tuple[Known, str]:
    """What is known of the lines' payments, and all of it in a few numbers. Nobody else stores a report of the
    connection, or registers a payment that one has told of, until the transaction ends. It writes nothing yet: nobody
    waits for it.
    """
    await execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", str(connection.id))
    known = await known_of(connection, file.name, lines)
    return known, await state_of(connection, file.name, lines, known)


async def _keep(
    connection: Connection,
    run: ReconciliationRun,
    file: ReportFile,
    told: Told,
    matched: pl.DataFrame,
    settled: pl.DataFrame,
    given_up: list[int],
    cause: Cause,
) -> pl.DataFrame:
    """Store the lines with their effects. Inside the transaction in which they were matched."""
    old = await reports.valid_report(connection, file.name)
    elsewhere = await chargeback_proofs.proven_elsewhere(connection, file.name, matched, given_up)
    settling = chargeback_proofs.with_effects(with_effects(matched, settled), elsewhere)
    effects = await booked.of_lines(connection, file.name, settling, settled)
    new = None
    if old is None or not await reports.same_as_stored(old, file, effects):
        day = run.business_date
        new = await reports.store(connection, day, file, effects, settled, told, cause.request_id, given_up)
    else:
        await reports.matched(connection, file.name, None)
    if new is not None:  # last, because it locks payments
        await repeats.mark_others(connection.id, old.id if old is not None else None, new.id)
        await _follow(connection, old, new, cause)
    elif old is not None and old.repeat_since is not None:
        await told_before.repeated(connection.id, file.name, old.repeat_since)
    return effects


async def _follow(connection: Connection, old: Report | None, new: Report, cause: Cause) -> None:
    """What a report changes beyond its own lines, and what the one that it supersedes had said."""
    concerned = await chargebacks.of_report(new.id)
    if old is not None:
        await revised.reopen_missing(old.id)
        await revised.give_back(old.id, cause)
        await proven.lost(connection, old)
        concerned += await chargebacks.of_report(old.id)
    await chargebacks.agree(concerned, cause)
    await reopen.lines_moved(connection.id)
