"""A merchant's sealed history for who may see a part of it: some stores', one customer's.

It keeps the positions of the whole. Where the last event that was read is not theirs, its position alone is given, so
that nobody reads the same foreign events again.
"""

from collections.abc import Sequence
from typing import Final

from domain.access.principal import Scope
from domain.history.events import TOLD, Happened, happened
from domain.platform.database import rows

Portion = tuple[int, Happened | None]
_AFTER: Final = (
    "SELECT asked.n, e.* FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::uuid[], $5::text[]) "  # noqa: S608
    "  WITH ORDINALITY AS asked (merchant, position, stores, payment, customer, n), "
    f"LATERAL (SELECT s.position, {TOLD}, (asked.stores IS NULL OR p.store_id = ANY(asked.stores::uuid[])) "
    "    AND (asked.payment IS NULL OR p.id = asked.payment) "
    "    AND (asked.customer IS NULL OR p.customer_digest IS NOT DISTINCT FROM asked.customer) AS theirs "
    "  FROM (SELECT position, event_id FROM event_seals WHERE merchant_id = asked.merchant "
    "    AND position > asked.position ORDER BY position LIMIT $6) s "
    "  JOIN events e ON e.id = s.event_id JOIN refunds r ON r.id = e.refund_id JOIN payments p ON p.id = r.payment_id "
    "  ORDER BY s.position) AS e "
    "ORDER BY asked.n, e.position"
)


async def after_each(pairs: Sequence[tuple[Scope, int]], limit: int) -> list[list[Portion]]:
    """For each scope and position, in one statement: what lies behind the position, of at most `limit` events."""
    scopes = [scope for scope, _ in pairs]
    found = await rows(
        _AFTER,
        [scope.merchant_id for scope in scopes],
        [position for _, position in pairs],
        [_array(scope) for scope in scopes],
        [scope.payment_id for scope in scopes],
        [scope.customer for scope in scopes],
        limit,
    )
    given: list[list[Portion]] = [[] for _ in pairs]
    for row in found:
        batch = given[row["n"] - 1]
        if batch and batch[-1][1] is None:
            batch.pop()
        batch.append((row["position"], happened(row) if row["theirs"] else None))
    return given


def _array(scope: Scope) -> str | None:
    return None if scope.stores is None else "{" + ",".join(sorted(map(str, scope.stores))) + "}"
