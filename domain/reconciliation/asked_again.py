"""Nights that people ask for once more, while they wait for the worker that everybody's nights have.

What was asked is in the deeds, and a run that has begun since is its end: no row of its own is needed.
"""

from datetime import date, datetime
from typing import Final

from domain.models import Connection
from domain.platform.database import execute, rows
from domain.problems import InvalidState

REPEAT: Final = "nightRepeat"
WAITING_MAX: Final = 5  # of one connection
# A ring may be lost with Valkey: who asked so long ago asks again.
_FORGOTTEN_SECONDS: Final = 3600.0
_WAITING: Final = """SELECT d.changes -> 'date' ->> 1 AS day, max(d.occurred_at) AS since FROM deeds d
WHERE d.merchant_id = $1 AND d.object_kind = 'connection' AND d.object_id = $2::text AND d.kind = 'CHANGE'
  AND d.operation = $3 AND d.occurred_at > now() - make_interval(secs => $4::float8)
  AND NOT EXISTS (SELECT 1 FROM reconciliation_runs r WHERE r.connection_id = $2::uuid
    AND r.business_date = (d.changes -> 'date' ->> 1)::date AND r.begun_at >= d.occurred_at)
GROUP BY 1"""


async def check(connection: Connection, day: date) -> None:
    """Whether one more may wait; until the caller's transaction ends nobody else asks for a night of the connection.

    Raises InvalidState.
    """
    await execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"night-repeat/{connection.id}")
    found = await rows(_WAITING, connection.merchant_id, str(connection.id), REPEAT, _FORGOTTEN_SECONDS)
    waiting: dict[str, datetime] = {row["day"]: row["since"] for row in found}
    if (since := waiting.get(str(day))) is not None:
        said = (
            f"The night of {day} waits already, since {since:%H:%M} UTC, to be run again: follow it by its run. If "
            "nothing has come of it within the hour, ask again."
        )
        raise InvalidState(said, path=["input", "businessDate"], current_state="WAITING")
    if len(waiting) >= WAITING_MAX:
        said = (
            f"{WAITING_MAX} nights of this connection wait already to be run again, and others' behind them: ask for "
            "further ones when these have begun. A night that failed is repeated by itself."
        )
        raise InvalidState(said, path=["input", "connectionId"], current_state="WAITING")
