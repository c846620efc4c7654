"""A night's run as a row: begun, done or failed; when it is due again; which reports are still to be fetched.

A run that fails says why, calls a person and stays due, ever more rarely; one whose report is only awaited is WAITING
and calls nobody. One whose process died is due again when its lease is over. A report that cannot be fetched or used is
tried a bounded number of times, and then stepped around.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID, uuid4

from domain.connections.connections import nothing_at_stake, zone_of
from domain.findings import findings
from domain.findings.findings import FindingKind, Found
from domain.models import Connection, ReconciliationRun
from domain.platform import bell
from domain.platform.database import connection as current
from domain.platform.database import execute, rows, transaction
from domain.platform.outages import disk_full, where_room_is_wanted
from domain.reconciliation import expected
from domain.refunds.intervals import NIGHT

DONE: Final = ("COMPLETED", "NO_REPORT")  # the states of a run that is not repeated by itself
_LEASE_SECONDS: Final = 3600.0  # a run that takes longer than that and lives is waited for by the one after it
_KNOWN_MAX: Final = 100
_TRIES_MAX: Final = 5  # in as many hours: then a report is stepped around until it is announced again
_SAID_CHARACTERS_MAX: Final = 2_000
_IN_PART: Final = (
    "a night died while it entered this report, and the report was not there when the night was repeated. Have the PSE "
    "make it again, or hand it in by its name (reconcile --file)."
)


@dataclass(frozen=True, slots=True)
class Failed:
    """A report that could not be fetched or used, and why. `unreadable`: it was fetched, and a finding says so."""

    name: str
    why: str
    unreadable: bool = False


@dataclass(frozen=True, slots=True)
class WantedReports:
    """Reports to fetch, oldest announcement first; and those known to be there that are not to be fetched now."""

    announced: tuple[str, ...]
    known: tuple[str, ...]


class FutureDate(ValueError):
    """A business date that has not begun where the merchant is; the message is a sentence."""


async def refuse_future(connection: Connection, business_date: date) -> None:
    """Raises FutureDate. Of a date that has not begun nothing can be known, and its run would be taken for done."""
    zone = await zone_of(connection)
    if business_date > datetime.now(zone).date():
        raise FutureDate(f"{business_date} has not begun in {zone.key}: reconcile it when it has ended.")


async def begin(connection: Connection, business_date: date) -> ReconciliationRun:
    """The run of that date, marked as running; its row is there even if nothing else comes of it."""
    await execute(
        "INSERT INTO reconciliation_runs (id, merchant_id, connection_id, business_date, state, manifest, times, "
        "  failures, due_at, created_at, begun_at, changes) "
        "VALUES ($1, $2, $3, $4, 'RUNNING', '{}'::jsonb, 1, 0, now() + make_interval(secs => $5::float8), now(), "
        "  now(), 1) "
        "ON CONFLICT (connection_id, business_date) DO UPDATE SET state = 'RUNNING', error = NULL, "
        "  finished_at = NULL, times = reconciliation_runs.times + 1, due_at = excluded.due_at, begun_at = now(), "
        "  phase = NULL, rows_done = NULL, rows_total = NULL, changes = reconciliation_runs.changes + 1",
        uuid4(),
        connection.merchant_id,
        connection.id,
        business_date,
        _LEASE_SECONDS,
    )
    return await ReconciliationRun.get(connection_id=connection.id, business_date=business_date)


async def complete(run: ReconciliationRun, manifest: Mapping[str, Any], *, report: bool) -> None:
    """The run has done all that there was to do. `report`: the date has one that was entered, be it an empty one."""
    run.state, run.manifest, run.finished_at = "COMPLETED" if report else "NO_REPORT", dict(manifest), datetime.now(UTC)
    run.failures, run.due_at = 0, None
    await run.save(update_fields=["state", "manifest", "finished_at", "failures", "due_at"])
    await _told(run)
    await findings.resolve(run.merchant_id, name_of(run.connection_id, run.business_date), "A run was completed.")


async def fail(
    run: ReconciliationRun, error: str, manifest: Mapping[str, Any] | None = None, *, called: bool = False
) -> None:
    """The run could not be done; it says why, is due again, and calls a person unless one was `called` already."""
    run.state, run.error, run.finished_at = "FAILED", fit(error), datetime.now(UTC)
    run.failures += 1
    told = {name: value for name, value in run.manifest.items() if name != "waiting"}
    run.manifest = told if manifest is None else dict(manifest)
    connection = await Connection.get(id=run.connection_id)
    async with transaction():
        await run.save(update_fields=["state", "error", "finished_at", "failures", "manifest"])
        await execute(
            "UPDATE reconciliation_runs SET due_at = now() + make_interval(secs => $2::float8) WHERE id = $1 ",
            run.id,
            NIGHT.delay(run.failures - 1),
        )
        await _told(run)
        if not called:
            said = f"The night of {run.business_date} of {connection.name} failed: {run.error}"
            await findings.open_finding(await _night_failed(connection, run.business_date, said, run.id))


async def not_yet(run: ReconciliationRun, why: str) -> None:
    """The PSE has not made the report yet. Until it is due by the PSE's own calendar that is no failure and no finding:
    it is asked for again by the hour. From then on it is late, and a person is called.
    """
    awaited = await expected.of(await Connection.get(id=run.connection_id))
    due = awaited.due(run.business_date)
    told = {**(await ReconciliationRun.get(id=run.id)).manifest, "waiting": fit(why), **awaited.told()}
    told.setdefault("files", [])
    if datetime.now(UTC) >= due:
        await fail(run, f"late since {due:%Y-%m-%d %H:%M} UTC: {why}", told)
        return
    run.state, run.manifest, run.finished_at = "WAITING", told, datetime.now(UTC)
    async with transaction():
        await run.save(update_fields=["state", "manifest", "finished_at"])
        seconds = min(NIGHT.delay(0), (due - datetime.now(UTC)).total_seconds())
        await execute(
            "UPDATE reconciliation_runs SET due_at = now() + make_interval(secs => $2::float8) WHERE id = $1",
            run.id,
            max(0.0, seconds),
        )
        await _told(run)


async def _told(run: ReconciliationRun) -> None:
    """Whoever follows the run reads it again."""
    await execute("UPDATE reconciliation_runs SET changes = changes + 1 WHERE id = $1", run.id)
    await bell.wake(bell.run_channel(run.id))


async def open_missing(connection: Connection, missing: Sequence[date]) -> None:
    """Call a person about dates that ended long ago and that no run has completed."""
    found = [
        await _night_failed(connection, day, f"No run of {day} of {connection.name} was completed yet.", None)
        for day in missing
    ]
    await findings.open_findings(found)


def name_of(connection_id: UUID, business_date: date) -> str:
    """What the finding of a night that failed is called."""
    return f"night/{connection_id}/{business_date}"


async def _night_failed(connection: Connection, day: date, said: str, run_id: UUID | None) -> Found:
    return Found(
        kind=FindingKind.NIGHT_FAILED,
        merchant_id=connection.merchant_id,
        connection_id=connection.id,
        fingerprint=name_of(connection.id, day),
        amount=await nothing_at_stake(connection),
        explanation=said,
        run_id=run_id,
        detail={"date": str(day)},
        again=True,
    )


def unexpected(error: Exception) -> str:
    """An error that nobody foresaw, in words for the run; the log has its traceback."""
    if disk_full(error):
        return f"{where_room_is_wanted()} ({error})"
    return f"unexpected {type(error).__name__}: {error}"


def fit(said: str) -> str:
    """Words that are not ours, without what PostgreSQL cannot store: that must not keep anybody from being told."""
    return said.encode("utf-8", "replace").decode().replace("\x00", "")[:_SAID_CHARACTERS_MAX]


# The connection whose nights wait, and the task for which they do: one that this one begins has no turn by that.
_turn: ContextVar[tuple[UUID, object] | None] = ContextVar("turn", default=None)


@asynccontextmanager
async def one_at_a_time(connection: Connection) -> AsyncIterator[None]:
    """Nights of one connection enter one after the other: two would book the same money that has no name.

    The lock belongs to a session that has no transaction, so the sealer does not wait for it; it ends with the process.
    A night is waited for as long as it takes; whoever has its turn already, in this very task, goes on.
    """
    mine = (connection.id, asyncio.current_task())
    if _turn.get() == mine:
        yield
        return
    async with current().acquire_connection() as raw:
        try:
            # In one message, as all that has no parameters; the name is an id's, which says nothing to SQL.
            lock = f"SELECT pg_advisory_lock({_lock_of(connection)})"
            await raw.execute(f"SET lock_timeout = 0; SET statement_timeout = 0; {lock}")
            before = _turn.set(mine)
            try:
                yield
            finally:
                _turn.reset(before)
        finally:
            await _let_go(raw, connection)


def _lock_of(connection: Connection) -> str:
    return f"hashtextextended('{connection.id}', 1)"


async def _let_go(raw: Any, connection: Connection) -> None:
    """Take the lock and the settings off the session before the pool has it back; if that fails, end the session."""
    try:
        lock = f"SELECT pg_advisory_unlock({_lock_of(connection)})"
        await raw.execute(f"{lock}; RESET lock_timeout; RESET statement_timeout")
    except BaseException:
        raw.terminate()
        raise


# Reports


async def report_begun(run: ReconciliationRun, name: str, at: datetime) -> None:
    """A report was read, and is about to be entered."""
    await _note(run, name, "BEGUN", at)


async def entered_in_part(run: ReconciliationRun) -> list[Failed]:
    """The reports that the run has begun to enter and nobody has entered to their end since. A run that has read all
    that was there, and one of them not, is not done: what it had booked of that one nothing proves or takes back.
    """
    found = await rows(
        "SELECT DISTINCT b.name FROM report_news b WHERE b.connection_id = $1 AND b.run_id = $2 AND b.what = 'BEGUN' "
        "  AND NOT EXISTS (SELECT 1 FROM report_news f WHERE f.connection_id = $1 AND f.name = b.name "
        "    AND f.what = 'FETCHED' AND f.id > b.id) ORDER BY b.name",
        run.connection_id,
        run.id,
    )
    return [Failed(row["name"], _IN_PART) for row in found]


def failed_of(outcomes: Sequence[Mapping[str, Any]]) -> list[Failed]:
    """Those of a manifest's entries that say why a report could not be used."""
    return [Failed(one["name"], one["failed"], one["unreadable"]) for one in outcomes if "failed" in one]


async def report_fetched(run: ReconciliationRun, name: str, at: datetime) -> None:
    """A report was fetched and entered; it is from `at` or later (UTC)."""
    await _note(run, name, "FETCHED", at)
    await findings.resolve(run.merchant_id, _report_name(run.connection_id, name), "The report was fetched.")


async def report_failed(run: ReconciliationRun, failed: Failed, at: datetime | None) -> dict[str, Any]:
    """A report could not be fetched or used: the manifest's entry. After so many tries a person is called.

    `at` (UTC): when it was tried; None: it is a kept one, which nobody tries to fetch.
    """
    why = fit(failed.why)
    entry = {"name": failed.name, "failed": why, "unreadable": failed.unreadable}
    if at is None:
        return entry
    await _note(run, failed.name, "UNREADABLE" if failed.unreadable else "FAILED", at, why)
    tries = {row["name"]: row["tries"] for row in await _failing(run.connection_id, None)}
    announced = await rows(
        "SELECT id FROM announced_reports WHERE connection_id = $1 AND name = $2", run.connection_id, failed.name[:200]
    )
    if announced and not failed.unreadable and tries.get(failed.name[:200], 0) >= _TRIES_MAX:
        connection = await Connection.get(id=run.connection_id)
        said = f"Report {failed.name} of {connection.name} could not be fetched in {_TRIES_MAX} tries: {why}"
        await findings.open_finding(
            Found(
                kind=FindingKind.NIGHT_FAILED,
                merchant_id=connection.merchant_id,
                connection_id=connection.id,
                fingerprint=_report_name(connection.id, failed.name),
                amount=await nothing_at_stake(connection),
                explanation=said,
                run_id=run.id,
                detail={"report": failed.name},
                again=True,
            )
        )
    return entry


def _report_name(connection_id: UUID, name: str) -> str:
    return f"report/{connection_id}/{name}"


async def announced_again(connection_id: UUID, name: str) -> None:
    """A report that was announced before is announced once more: it is fetched once more."""
    await execute(
        "INSERT INTO report_news (connection_id, name, what, at) VALUES ($1, $2, 'ANNOUNCED', now())",
        connection_id,
        name[:200],
    )


async def _note(run: ReconciliationRun, name: str, what: str, at: datetime, said: str | None = None) -> None:
    await execute(
        "INSERT INTO report_news (connection_id, name, what, said, run_id, at) VALUES ($1, $2, $3, $4, $5, $6) ",
        run.connection_id,
        name[:200],
        what,
        said,
        run.id,
        at,
    )


async def wanted_reports(connection_id: UUID, run: ReconciliationRun | None) -> WantedReports:
    """The announced reports that are to be fetched by `run`, and others whose names are known."""
    fetched = await rows(
        "SELECT name FROM reports WHERE connection_id = $1 AND superseded_at IS NULL ORDER BY created_at DESC LIMIT $2",
        connection_id,
        _KNOWN_MAX,
    )
    announced = await rows(
        "WITH told AS (SELECT a.id, a.name, greatest(a.announced_at, (SELECT max(n.at) FROM report_news n "
        "    WHERE n.connection_id = $1 AND n.name = a.name AND n.what = 'ANNOUNCED')) AS at "
        "  FROM announced_reports a WHERE a.connection_id = $1) "
        "SELECT t.name FROM told t WHERE NOT EXISTS (SELECT 1 FROM reports r "
        "    WHERE r.connection_id = $1 AND r.name = t.name AND r.created_at >= t.at AND NOT EXISTS (SELECT 1 "
        "      FROM report_news n WHERE n.connection_id = $1 AND n.name = t.name AND n.what = 'FETCHED')) "
        "  AND NOT EXISTS (SELECT 1 FROM report_news n "
        "    WHERE n.connection_id = $1 AND n.name = t.name AND n.what = 'FETCHED' AND n.at >= t.at) ORDER BY t.id",
        connection_id,
    )
    around = {
        row["name"] for row in await _failing(connection_id, run) if row["tries"] >= _TRIES_MAX or row["elsewhere"]
    }
    names = [row["name"] for row in announced]
    return WantedReports(
        tuple(name for name in names if name not in around),
        (*(row["name"] for row in fetched), *sorted(around)),
    )


async def _failing(connection_id: UUID, run: ReconciliationRun | None) -> list[dict[str, Any]]:
    """Reports that failed since they were announced or fetched: in how many hours, and whether it was another run's.

    So a report that Adyen announced and does not have fails one date at a time, not all of them; and one that cannot be
    read fails only the date that had it first, which goes on trying.
    """
    return await rows(
        "SELECT f.name, count(DISTINCT date_trunc('hour', f.at)) AS tries, "
        "  bool_or(f.run_id <> $2::uuid AND (f.what = 'UNREADABLE' OR f.at > now() - interval '1 hour')) IS TRUE "
        "    AS elsewhere "
        "FROM report_news f WHERE f.connection_id = $1 AND f.what IN ('FAILED', 'UNREADABLE') "
        "  AND NOT EXISTS (SELECT 1 FROM report_news o WHERE o.connection_id = $1 AND o.name = f.name "
        "    AND o.what IN ('ANNOUNCED', 'FETCHED') AND o.id > f.id) "
        "GROUP BY f.name",
        connection_id,
        run.id if run is not None else None,
    )
