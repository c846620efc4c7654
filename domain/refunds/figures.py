"""How refunds go: what came to its end within a month, and what is under way; it costs days, and not refunds."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from domain.access.permissions import Permission
from domain.access.principal import Principal, Scope
from domain.models.refunds import Holding, State, holding_of
from domain.platform.database import rows
from domain.refunds import kept_figures

DAYS: Final = 30
UNDER_WAY_MAX: Final = 10_000
_STORES: Final = "($3::uuid[] IS NULL OR {0}store_id = ANY($3))"
# $1 the merchant, $2 the first day, $3 stores or null for all, $4 how many are counted at most.
# Behind the last cut there are few events.
_FIGURES: Final = f"""
WITH ended AS (
  SELECT connection_id, method, state, took, count FROM refund_figures
  WHERE merchant_id = $1 AND day >= $2 AND {_STORES.format("")}
  UNION ALL SELECT connection_id, method, state, took, n FROM (
    {kept_figures.BEHIND}) AS ends
  WHERE day >= $2 AND {_STORES.format("")}),
under_way AS (SELECT connection_id, method, state FROM refunds WHERE merchant_id = $1
    AND state IN ('AWAITING_DESTINATION', 'AWAITING_APPROVAL', 'REQUESTED', 'SUBMITTED', 'PENDING', 'MANUAL')
    AND {_STORES.format("")} LIMIT $4)
SELECT c.pse, told.method, told.state, told.took, told.count FROM (
  SELECT connection_id, method, state, took, sum(count)::int8 AS count FROM ended GROUP BY 1, 2, 3, 4
  UNION ALL SELECT connection_id, method, state, -1, count(*) FROM under_way GROUP BY 1, 2, 3) AS told
JOIN connections c ON c.id = told.connection_id WHERE told.count <> 0"""  # noqa: S608 - ours


@dataclass(slots=True)
class WayFigures:
    """What became of refunds by one method at one PSE; `times`: how many succeeded in which step of time."""

    pse: str
    method: str
    count: int = 0
    failed: int = 0
    times: Counter[int] = field(default_factory=Counter)

    @property
    def succeeded(self) -> int:
        """Whose money has arrived, be it that it came back later."""
        return self.times.total()

    def seconds(self, percent: int) -> int | None:
        """In which so many percent of what succeeded had succeeded; None: none did."""
        wanted, seen = self.succeeded * percent, 0
        for took in sorted(self.times):
            seen += self.times[took] * 100
            if seen >= wanted:
                return kept_figures.seconds_of(took)
        return None


@dataclass(frozen=True, slots=True)
class RefundFigures:
    """`is_more`: more are under way than were counted."""

    since: datetime
    is_more: bool
    states: Sequence[tuple[State, int]]
    ways: Sequence[WayFigures]


async def figures(principal: Principal) -> RefundFigures:
    """Of what ended in the last DAYS days (UTC) and what is under way, as far as one may read. Raises Forbidden."""
    since = datetime.now(UTC).date() - timedelta(days=DAYS)
    return _told(datetime.combine(since, time(), UTC), await _asked(principal.scope(Permission.READ), since))


async def _asked(scope: Scope, since: date) -> Sequence[Mapping[str, Any]]:
    stores = None if scope.stores is None else list(scope.stores)
    return await rows(_FIGURES, scope.merchant_id, since, stores, UNDER_WAY_MAX + 1)


def _told(since: datetime, found: Sequence[Mapping[str, Any]]) -> RefundFigures:
    states: Counter[State] = Counter()
    ways: dict[tuple[str, str], WayFigures] = {}
    for one in found:
        state, key = State(one["state"]), (one["pse"], one["method"])
        way = ways.setdefault(key, WayFigures(*key))
        states[state] += one["count"]
        way.count += one["count"]
        if state is State.FAILED:
            way.failed += one["count"]
        if one["took"] >= 0:
            way.times[one["took"]] += one["count"]
    under_way = sum(count for state, count in states.items() if holding_of(state) is Holding.RESERVED)
    told = [(state, states[state]) for state in State if states[state]]
    return RefundFigures(since, under_way > UNDER_WAY_MAX, told, [ways[key] for key in sorted(ways)])
