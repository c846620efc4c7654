"""Deliveries from the sealed history: an endpoint goes through it, page by page, and each piece is made into one row.

Whoever does it, and however often it dies: of an endpoint and a position there is one delivery. An endpoint whose
position was set back goes through it again, and what was delivered then is due once more.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import structlog

from domain.deliveries.bodies import PAGE, HistoryItem, is_for, item_of, message_id, message_of
from domain.deliveries.channels.channel import packed
from domain.platform.crash import crash_here
from domain.platform.database import execute, rows, transaction

PAGE_ROWS: Final = 500
_log = structlog.get_logger()
_LOCK: Final = """SELECT id, merchant_id, store_id, types, thin, position FROM endpoints
WHERE id = $1 AND state = 'ACTIVE' AND cardinality(types) > 0 FOR NO KEY UPDATE"""
# A row that is there already was made before the position was set back: it is sent again, in another round.
_MAKE: Final = """INSERT INTO deliveries (merchant_id, endpoint_id, position, message_id, type, ordering_key, sequence,
  body, state, due_at, tries, round, number, made_at)
SELECT $1, $2, made.position, made.message_id, made.type, made.key, made.sequence, made.body, 'PENDING', NULL, 0, 0, 0,
  now()
FROM unnest($3::bigint[], $4::varchar[], $5::varchar[], $6::varchar[], $7::int[], $8::bytea[]) WITH ORDINALITY
  AS made (position, message_id, type, key, sequence, body, place) ORDER BY made.place
ON CONFLICT (endpoint_id, message_id) DO UPDATE SET state = 'PENDING', tries = 0, round = deliveries.round + 1,
  said = NULL, ended_at = NULL
WHERE deliveries.state <> 'PENDING' AND deliveries.body IS NOT NULL"""
# Of each key the first that is pending is due, and the others wait for it without a moment of their own.
ARRANGE: Final = """WITH heads AS (SELECT DISTINCT ON (ordering_key) id, ordering_key FROM deliveries
  WHERE endpoint_id = $1 AND state = 'PENDING' AND ordering_key = ANY($2::varchar[]) ORDER BY ordering_key, id)
UPDATE deliveries d SET due_at = CASE WHEN d.id = h.id THEN now() END FROM heads h
WHERE d.endpoint_id = $1 AND d.state = 'PENDING' AND d.ordering_key = h.ordering_key AND d.claimed_until IS NULL
  AND (d.id = h.id) = (d.due_at IS NULL)"""


async def make(endpoint_id: UUID) -> int:
    """Make the deliveries of the next page of the history; how many positions were looked at, 0: there are no more."""
    async with transaction():
        locked = await rows(_LOCK, endpoint_id)
        if not locked:
            return 0
        (endpoint,) = locked
        found = await rows(PAGE, endpoint["merchant_id"], endpoint["position"], PAGE_ROWS)
        if not found:
            return 0
        told = [item for row in found if (item := _told(row)) is not None]
        mine = [item for item in told if _is_for(item, endpoint_id, endpoint["types"], endpoint["store_id"])]
        await _store(endpoint["merchant_id"], endpoint_id, mine, thin=endpoint["thin"])
        await execute("UPDATE endpoints SET position = $2 WHERE id = $1", endpoint_id, found[-1]["position"])
        crash_here("deliveries.before_commit")
    crash_here("deliveries.made")
    return len(found)


def _told(row: Mapping[str, Any]) -> HistoryItem | None:
    """What a row tells. One that nobody can read is stepped around, and said: it must not hold up what lies behind."""
    try:
        return item_of(row)
    except Exception as error:
        _log.error("deliveries.unreadable", position=row["position"], error=type(error).__name__)
        return None


def _is_for(item: HistoryItem, endpoint_id: UUID, types: Sequence[str], store_id: UUID | None) -> bool:
    # An endpoint is not told of its own trouble: it would hear of it last.
    return is_for(item, types, store_id) and not (item.object == "endpoint" and item.id == str(endpoint_id))


async def _store(merchant_id: UUID, endpoint_id: UUID, items: Sequence[HistoryItem], *, thin: bool) -> None:
    if not items:
        return
    await execute(
        _MAKE,
        merchant_id,
        endpoint_id,
        [item.position for item in items],
        [message_id(merchant_id, item.position) for item in items],
        [item.type for item in items],
        [item.key for item in items],
        [item.sequence for item in items],
        [packed(message_of(item, merchant_id, thin=thin)) for item in items],
    )
    await execute(ARRANGE, endpoint_id, sorted({item.key for item in items}))


# Endpoints that have something to do: news beyond their position, or a delivery that is due. The last and the
# first are looked up: asked whether there is any, PostgreSQL believes that there are many, and reads all to find one.
BUSY: Final = """SELECT e.id FROM endpoints e
WHERE e.state = 'ACTIVE' AND (e.rests_until IS NULL OR e.rests_until <= now())
  AND (cardinality(e.types) > 0 AND e.position < (SELECT s.position FROM event_seals s
      WHERE s.merchant_id = e.merchant_id ORDER BY s.position DESC LIMIT 1)
    OR (SELECT d.due_at FROM deliveries d WHERE d.endpoint_id = e.id AND d.due_at IS NOT NULL
      ORDER BY d.due_at, d.id LIMIT 1) <= now())
ORDER BY e.failures >= 5, e.sent_at NULLS FIRST LIMIT $1"""


async def busy(limit: int) -> list[UUID]:
    """At most so many that have something to do: those that fail last, else who was told nothing for longest."""
    return [row["id"] for row in await rows(BUSY, limit)]


async def head_of(merchant_id: UUID) -> int:
    """The last position of the merchant's sealed history."""
    (found,) = await rows("SELECT max(position) AS last FROM event_seals WHERE merchant_id = $1", merchant_id)
    last: int = found["last"] or 0
    return last
