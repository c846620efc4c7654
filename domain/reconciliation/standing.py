"""How the night of a connection's business date stands, as an operator sees it: one state, with until, since or why.

Nothing is stored of it: it is the run's row and its manifest beside what is expected (expected.py) at that moment.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from domain.connections.connections import SENDING, nothing_at_stake
from domain.findings import findings
from domain.findings.findings import FindingKind, Found
from domain.models import Connection, HandedReport, ReconciliationRun
from domain.platform.database import execute, rows
from domain.pse.expected import Covers
from domain.reconciliation import expected, manifest
from domain.reconciliation.expected import Awaited

LOOKED_BACK_DAYS: Final = 60  # for reports that are late
_IN_TIME: Final = "The report came, or is expected no longer."
_DIED: Final = "Its process ended before the night was done; it is begun again by itself."
_NOT_RUN: Final = "No run of this date was completed yet."
_HAND_IT_IN: Final = "Ask the PSE where the report is; hand it in (`estorno nights upload`), or set what is agreed."


class NightState(StrEnum):
    """Where a night stands."""

    WAITING_FOR_PSE = "WAITING_FOR_PSE"  # the report may come until `until`: nothing is wrong
    LATE = "LATE"  # it should have been there by `since`
    RUNNING = "RUNNING"
    COMPLETE = "COMPLETE"  # entered, and proven to be whole
    UNPROVEN = "UNPROVEN"  # entered, and nothing proves that it is whole
    CONTRADICTED = "CONTRADICTED"  # entered, and it does not agree with itself
    FAILED = "FAILED"  # it is tried again by itself; `reason` says why
    TO_CONFIRM = "TO_CONFIRM"  # a report was handed in, and waits for another person's yes
    NO_REPORT = "NO_REPORT"  # none is published, or nothing is awaited of that date


@dataclass(frozen=True, slots=True)
class Night:
    """One business date of one connection."""

    connection_id: UUID
    business_date: date
    state: NightState
    run: ReconciliationRun | None
    until: datetime | None = None  # UTC: by when the report is to be there
    since: datetime | None = None  # UTC: since when it is late
    reason: str | None = None
    unconfirmed: Sequence[UUID] = ()  # reports that were handed in and wait for another person


_NOTHING_THERE: Final = (NightState.WAITING_FOR_PSE, NightState.LATE, NightState.NO_REPORT)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What tells the state of a date beside its run."""

    awaited: Awaited
    now: datetime
    covered: bool  # a later date's report has told since
    moved: bool  # something was captured on it


async def of_dates(chosen: Sequence[Connection], start: date, end: date, now: datetime) -> list[Night]:
    """The nights of these connections from `start` to `end`, the newest date first, then in the order given."""
    ids = [one.id for one in chosen]
    runs = await ReconciliationRun.filter(connection_id__in=ids, business_date__gte=start, business_date__lte=end)
    by_date = {(run.connection_id, run.business_date): run for run in runs}
    awaited = await expected.of_all(chosen)
    proposed = await _proposed(ids, start, end)
    nights = [
        (one, day)
        for day in _days_down(start, end)
        for one in chosen
        if (one.id, day) in by_date or (one.id, day) in proposed or _has_nights(one, awaited[one.id], day, now)
    ]
    last = await _last_reports(ids)
    open_ones = [
        (one, day)
        for one, day in nights
        if _may_be_late(awaited[one.id], by_date.get((one.id, day)), day, now) and not _covered(last, one.id, day)
    ]
    moved = await _moved({one.id: awaited[one.id] for one, _ in open_ones}, open_ones)
    stand = [
        _stands(
            one.id,
            day,
            by_date.get((one.id, day)),
            _Seen(awaited[one.id], now, _covered(last, one.id, day), (one.id, day) in moved),
        )
        for one, day in nights
    ]
    return [_beside(night, proposed.get((night.connection_id, night.business_date), ())) for night in stand]


async def _proposed(
    connection_ids: Sequence[UUID], start: date, end: date
) -> Mapping[tuple[UUID, date], list[HandedReport]]:
    """Reports of these dates that wait for another person, as they came."""
    found: dict[tuple[UUID, date], list[HandedReport]] = {}
    waiting = HandedReport.filter(connection_id__in=list(connection_ids), state="PROPOSED")
    waiting = waiting.filter(business_date__gte=start, business_date__lte=end).order_by("created_at", "id")
    for row in await waiting.only("id", "connection_id", "business_date", "name", "handed_in_by"):
        assert row.business_date is not None, "What is proposed is of a date (handed_reports_proposed)."
        found.setdefault((row.connection_id, row.business_date), []).append(row)
    return found


def _beside(night: Night, proposed: Sequence[HandedReport]) -> Night:
    """The night with what waits for a yes; where nothing else is there, that is where it stands."""
    if not proposed:
        return night
    told = replace(night, unconfirmed=[one.id for one in proposed])
    if night.state not in _NOTHING_THERE:
        return told
    by = ", ".join(f"{one.name} by {one.handed_in_by}" for one in proposed[:3])
    reason = f"Handed in, and not confirmed by another person yet: {by}."
    return replace(told, state=NightState.TO_CONFIRM, until=None, since=None, reason=reason)


def _days_down(start: date, end: date) -> list[date]:
    return [end - timedelta(days=back) for back in range((end - start).days + 1)]


def _has_nights(connection: Connection, awaited: Awaited, day: date, now: datetime) -> bool:
    first = connection.created_at.astimezone(awaited.zone).date()
    today = now.astimezone(awaited.zone).date()
    return connection.enabled and connection.state in SENDING and first <= day <= today


def _may_be_late(awaited: Awaited, run: ReconciliationRun | None, day: date, now: datetime) -> bool:
    return _nothing_came(awaited, run) and awaited.covers is not Covers.NOTHING and now >= awaited.due(day)


def _nothing_came(awaited: Awaited, run: ReconciliationRun | None) -> bool:
    """Whether there was nothing to be had, which is no wonder of a date on which nothing happened."""
    return awaited.covers is Covers.PERIOD if run is None else run.state == "NO_REPORT"


def _covered(last: Mapping[UUID, date], connection_id: UUID, day: date) -> bool:
    return connection_id in last and last[connection_id] >= day


async def _last_reports(connection_ids: Sequence[UUID]) -> Mapping[UUID, date]:
    """The newest date of each connection that has a report in force."""
    found = await rows(
        "SELECT connection_id, max(business_date) AS day FROM reports "
        "WHERE connection_id = ANY($1) AND superseded_at IS NULL GROUP BY connection_id",
        list(connection_ids),
    )
    return {row["connection_id"]: row["day"] for row in found}


# Whether anything was captured on each of those days: from midnight to midnight where the merchant is.
_MOVED: Final = """SELECT d.connection_id, d.day
  FROM unnest($1::uuid[], $2::date[], $3::timestamptz[], $4::timestamptz[]) AS d(connection_id, day, begins, ends)
  WHERE EXISTS (SELECT 1 FROM payments p WHERE p.connection_id = d.connection_id AND p.withdrawn_at IS NULL
    AND p.captured_at >= d.begins AND p.captured_at < d.ends)"""


async def _moved(awaited: Mapping[UUID, Awaited], chosen: Sequence[tuple[Connection, date]]) -> set[tuple[UUID, date]]:
    if not chosen:
        return set()
    ids, days = [one.id for one, _ in chosen], [day for _, day in chosen]
    begins = [_midnight(awaited[one.id], day) for one, day in chosen]
    ends = [_midnight(awaited[one.id], day + timedelta(days=1)) for one, day in chosen]
    found = await rows(_MOVED, ids, days, begins, ends)
    return {(row["connection_id"], row["day"]) for row in found}


def _midnight(awaited: Awaited, day: date) -> datetime:
    return datetime.combine(day, time.min, awaited.zone).astimezone(UTC)


def _stands(connection_id: UUID, day: date, run: ReconciliationRun | None, seen: _Seen) -> Night:
    def night(state: NightState, **more: Any) -> Night:
        return Night(connection_id, day, state, run, **more)

    if run is not None and run.state == "RUNNING":
        alive = run.due_at is not None and run.due_at > seen.now
        return night(NightState.RUNNING) if alive else night(NightState.FAILED, reason=_DIED)
    if run is not None and run.state == "FAILED" and "waiting" not in run.manifest:
        return night(NightState.FAILED, reason=run.error)
    if run is not None and run.state == "COMPLETED" and not run.manifest.get("not_ended"):
        return night(_proof(run.manifest))
    if seen.awaited.covers is Covers.NOTHING:
        return night(NightState.NO_REPORT)
    due, why = seen.awaited.due(day), _why(run)
    if seen.now < due:
        return night(NightState.WAITING_FOR_PSE, until=due, reason=why)
    if run is not None and run.state == "COMPLETED":
        return night(_proof(run.manifest))  # read before the date had ended, and never again
    if _nothing_came(seen.awaited, run) and (seen.covered or not seen.moved):
        return night(NightState.NO_REPORT)
    return night(NightState.LATE, since=due, reason=why or _NOT_RUN)


def _why(run: ReconciliationRun | None) -> str | None:
    if run is None:
        return None
    said: str | None = run.manifest.get("waiting") or run.manifest.get("completeness")
    return said


def _proof(told: Mapping[str, Any]) -> NightState:
    proofs = {file["proof"] for file in manifest.entered_of(told.get("files", ()))}
    if "CONTRADICTED" in proofs:
        return NightState.CONTRADICTED
    return NightState.UNPROVEN if "UNPROVEN" in proofs else NightState.COMPLETE


async def call_about_late(connection: Connection, now: datetime) -> None:
    """Call a person about the dates whose report is late, and close what is late no longer."""
    today = now.astimezone((await expected.of(connection)).zone).date()
    nights = await of_dates([connection], today - timedelta(days=LOOKED_BACK_DAYS), today, now)
    # What waits or was not run is told by the run itself, or by what is missing.
    late = [one for one in nights if one.state is NightState.LATE and one.run and one.run.state == "NO_REPORT"]
    await findings.open_findings([await _late(connection, one) for one in late])
    await execute(
        findings.closing(
            "SELECT f.id, $4::text AS said FROM findings f WHERE f.merchant_id = $1 AND f.connection_id = $2 "  # noqa: S608
            f"  AND f.kind = 'NIGHT_FAILED' AND {findings.MAY_END} AND starts_with(f.fingerprint, $5) "
            "  AND NOT f.fingerprint = ANY($3)"
        ),
        connection.merchant_id,
        connection.id,
        [_name(connection.id, one.business_date) for one in late],
        _IN_TIME,
        _name(connection.id, None),
    )


def _name(connection_id: UUID, day: date | None) -> str:
    return f"late/{connection_id}/{day or ''}"


async def _late(connection: Connection, night: Night) -> Found:
    return Found(
        kind=FindingKind.NIGHT_FAILED,
        merchant_id=connection.merchant_id,
        connection_id=connection.id,
        fingerprint=_name(connection.id, night.business_date),
        amount=await nothing_at_stake(connection),
        explanation=(
            f"The report of {night.business_date} of {connection.name} is late: it should have been there by "
            f"{night.since:%Y-%m-%d %H:%M} UTC."
        ),
        run_id=night.run.id if night.run else None,
        detail={"date": str(night.business_date), "since": f"{night.since:%Y-%m-%dT%H:%MZ}"},
        action=_HAND_IT_IN,
        again=True,
    )
