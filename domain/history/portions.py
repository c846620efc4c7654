"""A merchant's sealed history for who may see some of its stores.

It keeps the positions of the whole. Where the last event that was read is not theirs, its position alone is given, so
that nobody reads the same foreign events again.
"""

from collections.abc import Sequence
from typing import Final

from domain.access.principal import Scope
from domain.history.events import TOLD, Happened, happened
from domain.platform.database import rows

Portion = tuple[int, Happened | None]
AFTER: Final = (
    "SELECT asked.n, e.* FROM unnest($1::uuid[], $2::bigint[], $3::text[]) "  # noqa: S608 - ours, every value is bound
    "  WITH ORDINALITY AS asked (merchant, position, stores, n), "
    f"LATERAL (SELECT s.position, {TOLD}, p.store_id = ANY(asked.stores::uuid[]) AS theirs "
    "  FROM (SELECT position, event_id FROM event_seals WHERE merchant_id = asked.merchant "
    "    AND position > asked.position AND event_id IS NOT NULL ORDER BY position LIMIT $4) s "
    "  JOIN events e ON e.id = s.event_id JOIN refunds r ON r.id = e.refund_id JOIN payments p ON p.id = r.payment_id "
    "  ORDER BY s.position) AS e "
    "ORDER BY asked.n, e.position"
)


async def after_each(pairs: Sequence[tuple[Scope, int]], limit: int) -> list[list[Portion]]:
    """For each scope (some stores) and position, in one statement: what lies behind it, of at most `limit` events."""
    found = await rows(
        AFTER,
        [scope.merchant_id for scope, _ in pairs],
        [position for _, position in pairs],
        ["{" + ",".join(sorted(map(str, scope.stores or ()))) + "}" for scope, _ in pairs],
        limit,
    )
    given: list[list[Portion]] = [[] for _ in pairs]
    for row in found:
        batch = given[row["n"] - 1]
        if batch and batch[-1][1] is None:
            batch.pop()
        batch.append((row["position"], happened(row) if row["theirs"] else None))
    return given
