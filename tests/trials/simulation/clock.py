"""The simulated clock: the database's `now()` is a row that the simulation moves, and time passes in no other way."""

from datetime import UTC, datetime, timedelta
from typing import Final

import asyncpg

# Noon in the merchant's zone, in the past: the product refuses payments that were captured after the real clock's now.
# On the last day of a month, which can be closed the day after the next.
START: Final = datetime(2025, 3, 31, 15, tzinfo=UTC)
# Found before pg_catalog, so every now() of the product is ours.
SEARCH_PATH: Final = "sim, pg_catalog, public"
_SCHEMA: Final = """
CREATE SCHEMA sim;
CREATE TABLE sim.clock (moment timestamptz NOT NULL);
INSERT INTO sim.clock VALUES ('{start}');
CREATE FUNCTION sim.now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT moment FROM sim.clock';
GRANT USAGE ON SCHEMA sim TO {role};
GRANT SELECT ON sim.clock TO {role};
"""


async def install(owner: asyncpg.Connection, role: str) -> None:
    """Put the clock into the database and let the application's role read it."""
    await owner.execute(_SCHEMA.format(start=START.isoformat(), role=role))


class Clock:
    """What time it is, on both sides of the wire."""

    def __init__(self, hand: asyncpg.Connection) -> None:
        self.now = START
        self._hand = hand

    async def set(self, moment: datetime) -> None:
        self.now = moment
        await self._hand.execute("UPDATE sim.clock SET moment = $1", moment)

    async def pass_by(self, seconds: float) -> None:
        await self.set(self.now + timedelta(seconds=seconds))
