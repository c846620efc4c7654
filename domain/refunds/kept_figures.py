"""How many refunds came to their end by day, kept up so that nobody reads a month's refunds to say how they go.

What is kept counts all events up to a mark; whoever asks adds the events behind it, in one statement and so in one
snapshot: it is the same as if all were counted, wherever the mark lies.
"""

from typing import Final

from domain.models.refunds import RELEASED, State
from domain.platform import marks
from domain.platform.database import execute, rows, transaction

_LOCK: Final = 0x66696775
_PATIENCE_SECONDS: Final = 5.0
_STEP: Final = 1.1  # a step of the times is a tenth: of ten million seconds there are 170
_COLUMNS: Final = "merchant_id, connection_id, store_id, method, day, state, took"
LAST: Final = "(SELECT coalesce(max(until_event), 0) FROM refund_figure_marks)"
_ENDED: Final = ", ".join(f"'{state}'" for state in sorted({*RELEASED, State.SUCCEEDED}))
# Where the PSE's clock is behind ours it took no time at all.
_SECONDS: Final = "extract(epoch FROM coalesce(r.succeeded_at, e.occurred_at) - r.created_at)"
_TOOK: Final = f"""CASE WHEN e.state <> 'SUCCEEDED' THEN -1
    ELSE least(ceil(log({_STEP}, greatest(1, {_SECONDS}))), 999) END::int2"""
_REFUND: Final = "JOIN refunds r ON r.id = e.refund_id"
# A refund at a time, of the few: PostgreSQL cannot know that little lies behind the mark, and would read all refunds.
_ONE_REFUND: Final = (
    "CROSS JOIN LATERAL (SELECT o.connection_id, o.store_id, o.method, o.created_at, o.succeeded_at FROM refunds o "
    "WHERE o.id = e.refund_id OFFSET 0) AS r"
)
_ENDS: Final = f"""
SELECT e.merchant_id, r.connection_id, r.store_id, r.method, (e.occurred_at AT TIME ZONE 'UTC')::date AS day,
    e.state, {_TOOK} AS took, 1 AS n
FROM (SELECT * FROM events WHERE {{which}} OFFSET 0) AS e {{refund}}
WHERE e.state IN ({_ENDED}) AND e.previous_state IS DISTINCT FROM e.state {{more}}
UNION ALL
SELECT e.merchant_id, r.connection_id, r.store_id, r.method, (b.occurred_at AT TIME ZONE 'UTC')::date,
    e.previous_state, -1::int2, -1
FROM (SELECT * FROM events WHERE {{which}} OFFSET 0) AS e {{refund}}
CROSS JOIN LATERAL (SELECT occurred_at FROM events b WHERE b.refund_id = e.refund_id AND b.sequence < e.sequence
    AND b.state = e.previous_state AND b.previous_state IS DISTINCT FROM b.state ORDER BY b.sequence DESC LIMIT 1) AS b
WHERE e.previous_state IN ({_ENDED}) AND e.previous_state <> e.state {{more}}"""  # noqa: S608 - ours
# What the events behind the mark say, of one merchant ($1): one more in the state that each has reached, on its day.
# What had succeeded and came back is one less of that day in which it succeeded, but its time stays counted.
BEHIND: Final = _ENDS.format(which=f"id > {LAST}", refund=_ONE_REFUND, more="AND e.merchant_id = $1")
_BETWEEN: Final = _ENDS.format(which="id > $1 AND id <= $2", refund=_ONE_REFUND, more="")
_UP_TO: Final = _ENDS.format(which=f"id <= {LAST}", refund=_REFUND, more="")
_CUT: Final = f"""
WITH kept AS (INSERT INTO refund_figures AS f ({_COLUMNS}, count)
  SELECT {_COLUMNS}, sum(n) FROM ({_BETWEEN}) AS ends GROUP BY {_COLUMNS}
  ON CONFLICT (merchant_id, day, state, connection_id, method, store_id, took)
    DO UPDATE SET count = f.count + excluded.count
  RETURNING 1)
SELECT count(*) AS n FROM kept"""  # noqa: S608 - ours
_MARK: Final = "INSERT INTO refund_figure_marks (until_event, made_at) VALUES ($1, now())"


def seconds_of(took: int) -> int:
    """The time of a step, at most a tenth more than what is counted in it."""
    return round(_STEP**took)


async def cut(*, patience_seconds: float = _PATIENCE_SECONDS) -> int:
    """Bring what is kept up to now, of all merchants; how many figures changed. Outside of any transaction.

    Where a transaction that writes an event does not end for `patience_seconds` nothing is done: what is kept serves
    as well.
    """
    found = await marks.settled(["events"], patience_seconds=patience_seconds)
    if found is None:
        return 0
    async with transaction():
        await execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        (last,) = await rows(f"SELECT {LAST} AS id")
        if found["events"] <= last["id"]:
            return 0
        (kept,) = await rows(_CUT, last["id"], found["events"])
        await execute(_MARK, found["events"])
        return int(kept["n"])


# For domain/invariants: what is kept is what the events up to the mark say.
KEPT_FIGURES: Final = f"""
SELECT format('%s of connection %s, %s in store %s on %s: kept %s, events %s', state, connection_id, method, store_id,
    day, coalesce(f.count, 0), coalesce(e.count, 0)) AS detail
FROM (SELECT {_COLUMNS}, count FROM refund_figures) f
FULL JOIN (SELECT {_COLUMNS}, sum(n) AS count FROM ({_UP_TO}) AS ends GROUP BY {_COLUMNS}) e
  USING ({_COLUMNS})
WHERE coalesce(f.count, 0) <> coalesce(e.count, 0)"""  # noqa: S608 - ours
