"""The nightly run: one per (connection, business date), repeatable. It books what is proven and flags the rest."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import structlog

from domain.cause import RECONCILIATION, Cause
from domain.connections.connections import zone_of
from domain.findings import reopen
from domain.models import Connection, ReconciliationRun, Report
from domain.payments import chargebacks, external, told_before
from domain.platform.crash import crash_here
from domain.platform.database import execute, transaction, unavailable
from domain.platform.outages import disk_full
from domain.pse.registry import connector
from domain.pse.reporting import ReadReport, ReportFile
from domain.pse.vocabulary import (
    BadAnswer,
    Period,
)
from domain.reconciliation import (
    balanced,
    charged,
    contradicted,
    expected,
    exponents,
    flag,
    manifest,
    nights,
    progress,
    proven,
    readings,
    revised,
    shortfall,
    still_gone,
    unreturned,
)
from domain.reconciliation.books_state import BooksState, state_of
from domain.reconciliation.currencies import currency_of
from domain.reconciliation.enter import enter
from domain.reconciliation.matched import MatchedLines, Standing, is_entered, of_parts, settling
from domain.reconciliation.nights import Failed
from domain.reconciliation.parts import LineParts, parts_of
from domain.reconciliation.progress import Phase
from domain.settlements import frames, pieces, repeats, reports
from domain.settlements.frames import Frames
from domain.settlements.storable import named

ACTOR: Final = RECONCILIATION
_log = structlog.get_logger()
begin, fail = nights.begin, nights.fail


async def period_of(connection: Connection, business_date: date, run: ReconciliationRun | None = None) -> Period:
    """The business date from local midnight to midnight in the merchant's zone, in UTC, and what its reports need.

    `run`: the one that asks; what another has failed to fetch a moment ago is not its business.
    """
    wanted = await nights.wanted_reports(connection.id, run)
    day = await _read_in(connection, business_date)
    return replace(day, announced=wanted.announced, fetched=wanted.known)


async def _read_in(connection: Connection, business_date: date) -> Period:
    """`period_of`, for what is there to be read: no report is wanted."""
    zone = await zone_of(connection)
    start = datetime.combine(business_date, time.min, zone)
    end = datetime.combine(business_date + timedelta(days=1), time.min, zone)
    return Period(
        base_url=connection.base_url,
        start=start.astimezone(UTC),
        end=end.astimezone(UTC),
        zone=zone.key,
        client_id=connection.client_id,
        report_url=connection.report_url,
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
        outcomes += [
            await _outcome_of(connection, run, file, None) for file in kept if await _is_in_force(connection, file)
        ]
        wrong = [*([listing] if listing else []), *nights.failed_of(outcomes)]
        if not wrong and not (wrong := await nights.entered_in_part(run)):
            await revised.give_back_unstored(run, _cause(run))
            await unreturned.agree_unstored(run, _cause(run))
        # Another run of the date, of a report that came by another way, writes its manifest before this one or after.
        await _end(connection, run, outcomes, wrong, at)


async def _is_in_force(connection: Connection, file: ReportFile) -> bool:
    """Whether a kept report is in force still: another run may have entered a newer form of it since it was read."""
    old = await reports.valid_report(connection, file.name)
    return old is not None and old.digest == pieces.digest_of(file)


async def _end(
    connection: Connection,
    run: ReconciliationRun,
    outcomes: Sequence[dict[str, Any]],
    wrong: Sequence[Failed],
    at: datetime,
) -> None:
    awaited = await expected.of(connection)
    told = await manifest.of_run(connection, run, outcomes, awaited, at)
    if wrong:
        said = "; ".join(f"{one.name}: {one.why}" for one in wrong)
        await nights.fail(run, said, told, called=all(one.unreadable for one in wrong))
        return
    await contradicted.look(connection, run)
    await flag.flag_missing(connection, run, awaited, at, report=manifest.has_report(told))
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
        period = await _read_in(connection, run.business_date)
        report = connector(connection.pse).read_report(file, period)
        report, lines = frames.of_report(file, report)
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
    """Why the file could not be used. Raises `error` again where it is not the file's: nothing can be written down, or
    there is no room to work it, which is no try of its own.
    """
    if unavailable(error) or disk_full(error):
        raise error
    if isinstance(error, BadAnswer):
        return Failed(file.name, str(error), unreadable)
    _log.exception("reconciliation.report_failed", connection=connection.name, report=file.name)
    return Failed(file.name, nights.unexpected(error), unreadable)


async def _reconcile(
    connection: Connection, run: ReconciliationRun, file: ReportFile, told: ReadReport, lines: Frames
) -> manifest.Lines:
    """Match the lines, enter what the books do not know, and store them as they match after it."""
    cause = _cause(run)
    entered: list[Standing] = []
    effects: Frames | None = None
    progress.at(Phase.MATCHING, lines.height)
    while effects is None:
        async with transaction():
            parts, state = await _known(connection, file, lines)
            old = await reports.valid_report(connection, file.name)
            if old is not None and _may_be_as_before(old, file):
                for part in parts:
                    state.add(*part)
                if old.known == state.told():
                    break
                matched = of_parts(parts, lines.folder)
            else:
                matched = of_parts(parts, lines.folder, state=state)
            if exponents.suspected(matched.standing.sums) is None and is_entered(matched.standing, entered):
                crash_here("reconcile.entered")
                progress.at(Phase.STORING, lines.height)
                effects = await _keep(connection, run, file, told, matched, old, cause)
                crash_here("reconcile.before_commit")
        if effects is None or not entered:  # outside, for what it opens must stay where it refuses the file
            await exponents.check(connection, run, file.name, matched.standing.sums)
        if effects is None:
            progress.at(Phase.ENTERING, lines.height)
            for some in matched.lines:
                await enter(connection, run, file, some, cause)
            entered.append(matched.standing)
        matched.lines.forget()
    crash_here("reconcile.committed")
    progress.at(Phase.COMPARING, lines.height)
    # Outside of the transaction above, whose findings would lock refunds and payments until all its lines are written.
    await unreturned.agree(connection, file.name, cause)
    await shortfall.book(connection, file.name, cause)
    await still_gone.agree(connection, file.name, cause)
    await charged.fee_findings(connection, run, file.name, lines)  # also of the same report: schedules may be others
    if effects is None:
        assert old is not None, "What is as before was there before."
        await flag.close(connection, file.name)
        await balanced.flag_balances(connection, run)
        return await manifest.lines_of(old)
    await flag.flag(connection, run, file.name, effects, parts)
    await balanced.flag(connection, run, file.name, told, effects)
    await reports.matched(connection, file.name, state.told())  # last: a night that died before says all of it again
    return manifest.counted(effects)


def _may_be_as_before(old: Report, file: ReportFile) -> bool:
    """Whether the stored report has these bytes and was matched: with books that knew the same it settles the same."""
    return old.known is not None and old.repeat_since is None and old.digest == pieces.digest_of(file)


async def _known(connection: Connection, file: ReportFile, lines: Frames) -> tuple[LineParts, BooksState]:
    """What is known of the lines' payments, and what will say all of it in a few numbers. Nobody else stores a report
    of the connection, or registers a payment that one has told of, until the transaction ends. It writes nothing yet:
    nobody waits for it.
    """
    await execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", str(connection.id))
    return await parts_of(connection, file.name, lines), await state_of(connection, file.name)


async def _keep(
    connection: Connection,
    run: ReconciliationRun,
    file: ReportFile,
    told: ReadReport,
    matched: MatchedLines,
    old: Report | None,
    cause: Cause,
) -> Frames:
    """Store the lines with their effects. Inside the transaction in which they were matched."""
    made = await settling(connection, file.name, matched)
    matched.lines.forget()  # they are in `made`, and a large night has room for one of both
    new = None
    if old is None or not await reports.same_as_stored(connection, old, file, made.lines, told):
        day, request_id = run.business_date, cause.request_id
        new = await reports.store(
            connection, day, file, made.lines, made.giving, told, request_id, old, matched.given_up
        )
    else:
        await reports.matched(connection, file.name, None)
    if new is not None:  # last, because it locks payments
        await repeats.mark_others(connection.id, old.id if old is not None else None, new.id, made.lines)
        await repeats.mark_of_lines(matched.read_again)
        await revised.agree_about(matched.given_up, cause)
        await _follow(connection, old, made.lines, cause)
    elif old is not None and old.repeat_since is not None:
        await told_before.repeated(connection.id, file.name, old.repeat_since)
    return made.lines


async def _follow(connection: Connection, old: Report | None, lines: Frames, cause: Cause) -> None:
    """What a report changes beyond its own lines, and what the one that it supersedes had said."""
    concerned = chargebacks.of_lines(lines.together(chargebacks.telling, chargebacks.TOLD_BY))
    if old is not None:
        await revised.reopen_missing(old.id)
        await revised.give_back(old.id, cause)
        await proven.lost(connection, old)
        concerned += await chargebacks.of_report(old.id)
    await chargebacks.agree(concerned, cause)
    await reopen.lines_moved(connection.id)
