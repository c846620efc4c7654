"""Which business dates of a connection wait for their night: ended, and not done since they have ended."""

from datetime import date, datetime, timedelta
from typing import Final

from domain.connections.connections import zone_of
from domain.models import Connection, ReconciliationRun
from domain.platform.database import rows
from domain.reconciliation import nights, standing, to_repeat

_AT_ONCE_MAX: Final = 14  # dates of a connection, in one round
_SEEN_AFTER_DAYS: Final = 2
# A run during the day has not seen all of it.
_DONE: Final = """SELECT business_date FROM reconciliation_runs WHERE connection_id = $1 AND state = ANY($3)
  AND (finished_at AT TIME ZONE $2)::date > business_date"""
_NOT_YET: Final = """SELECT business_date FROM reconciliation_runs WHERE connection_id = $1 AND state <> ALL($2)
  AND due_at > now()"""


async def due(connection: Connection, now: datetime) -> set[date]:
    """The dates to reconcile now: the newest that are undone and whose last run does not rest, and those whose reports
    told of refunds that turned out to be ours. A person is called about what is undone for long, or late.
    """
    zone = await zone_of(connection)
    today, first = now.astimezone(zone).date(), connection.created_at.astimezone(zone).date()
    ended = {first + timedelta(days=days) for days in range((today - first).days)}
    undone = ended - await _dates(_DONE, connection, zone.key, list(nights.DONE))
    old = {day for day in undone - await _waiting(connection) if (today - day).days > _SEEN_AFTER_DAYS}
    await nights.open_missing(connection, sorted(old))
    await standing.call_about_late(connection, now)
    resting = await _dates(_NOT_YET, connection, list(nights.DONE))
    return set(sorted(undone - resting)[-_AT_ONCE_MAX:]) | await to_repeat.dates(connection.id)


async def _dates(statement: str, connection: Connection, *values: object) -> set[date]:
    return {row["business_date"] for row in await rows(statement, connection.id, *values)}


async def _waiting(connection: Connection) -> set[date]:
    """The dates whose report the PSE has not made yet: when it is late, its run says so."""
    runs = await ReconciliationRun.filter(connection_id=connection.id, state="WAITING").only("id", "business_date")
    return {run.business_date for run in runs}
