"""How all stands, from the database: one statement over all merchants, each part bounded by a partial index.

What it tells is the same in every process that tells it: take the maximum of them, never the sum.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from time import monotonic
from typing import Any, Final

import structlog
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from domain.platform.bell import BATCH, EXPORT, HANDED_IN, NOTICE, REFUND, SHOP_NOTICE, SHOP_REFUND
from domain.platform.database import for_all, rows

KEPT_SECONDS: Final = 15.0
_SEALS_BEHIND: Final = 1_000
_QUEUES: Final[Mapping[str, str]] = {
    REFUND: "refunds",
    NOTICE: "notices",
    SHOP_NOTICE: "shop_notices",
    SHOP_REFUND: "shop_refunds",
    EXPORT: "exports",
    BATCH: "batches",
    HANDED_IN: "handed_reports",
    "delivery": "deliveries",
}
# Of each: what it says, and its labels.
FAMILIES: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "estorno_refunds_open": ("Refunds that somebody or something still has to do with.", ("state", "pse")),
    "estorno_refunds_in_doubt": ("Refunds that were sent and not answered.", ("pse",)),
    "estorno_refunds_oldest_timestamp_seconds": ("When the oldest open refund was asked for.", ("state", "pse")),
    "estorno_queue_due": ("Rows that are due now.", ("kind",)),
    "estorno_queue_oldest_due_timestamp_seconds": ("Since when the oldest of them is due.", ("kind",)),
    "estorno_connections": ("Connections that send: up, down (nobody is answered) or refused.", ("pse", "health")),
    "estorno_unsealed_entries": (f"Unsealed entries of the history, counted up to {_SEALS_BEHIND}.", ("kind",)),
    "estorno_unsealed_oldest_timestamp_seconds": ("When the oldest of them was written.", ("kind",)),
    "estorno_nights_oldest_success_timestamp_seconds": (
        "Of the connections of a PSE, when the one came to an end that was reconciled longest ago.",
        ("pse",),
    ),
    "estorno_findings_open": ("Findings that nobody has settled, by severity (4: critical).", ("severity",)),
    "estorno_alerts_open": ("Alerts that are not over.", ("severity",)),
    "estorno_endpoints": ("Endpoints that news and alerts go to.", ("channel", "state")),
}
_UP: Final = "estorno_standing_up"


def _queue(kind: str, table: str) -> str:
    return (
        f"SELECT 'estorno_queue_due', '{kind}', '', count(*)::float8 FROM {table} WHERE due_at <= now() UNION ALL "  # noqa: S608
        f"SELECT 'estorno_queue_oldest_due_timestamp_seconds', '{kind}', '', extract(epoch FROM min(due_at))::float8 "
        f"FROM {table} WHERE due_at <= now()"
    )


def unsealed(kind: str, table: str, limit: int = _SEALS_BEHIND) -> str:
    """How many entries are unsealed, up to the limit, and since when: past it, since the newest one that is sealed.

    So it costs the same however far behind the seals are, and the age that it tells is never less than it is.
    """
    last = f"SELECT id, occurred_at FROM {table} ORDER BY id DESC LIMIT {limit}"  # noqa: S608 - ours
    newest = f"""(SELECT x.occurred_at FROM ({last}) x
      WHERE NOT EXISTS (SELECT 1 FROM event_seals s WHERE s.{kind}_id = x.id)) AS {kind}_behind"""  # noqa: S608 - ours
    sealed = f"""(SELECT x.occurred_at FROM event_seals s JOIN {table} x ON x.id = s.{kind}_id
      WHERE s.{kind}_id IS NOT NULL ORDER BY s.{kind}_id DESC LIMIT 1)"""  # noqa: S608 - ours
    oldest = f"CASE WHEN count(*) < {limit} THEN min(occurred_at) ELSE least(min(occurred_at), {sealed}) END"
    return (
        f"SELECT 'estorno_unsealed_entries', '{kind}', '', count(*)::float8 FROM {newest} UNION ALL "  # noqa: S608
        f"SELECT 'estorno_unsealed_oldest_timestamp_seconds', '{kind}', '', extract(epoch FROM {oldest})::float8 "
        f"FROM {newest}"
    )


# Rows of name, label, label, value; a value that is null is left out.
STANDING: Final = " UNION ALL ".join(
    [
        """(WITH open AS (SELECT r.state::text AS state, c.pse::text AS pse, r.created_at, r.doubt_since
    FROM refunds r JOIN connections c ON c.id = r.connection_id WHERE r.due_at IS NOT NULL)
  SELECT 'estorno_refunds_open' AS name, state AS one, pse AS other, count(*)::float8 AS value FROM open GROUP BY 2, 3
  UNION ALL SELECT 'estorno_refunds_in_doubt', pse, '', (count(*) FILTER (WHERE doubt_since IS NOT NULL))::float8
    FROM open GROUP BY 2
  UNION ALL SELECT 'estorno_refunds_oldest_timestamp_seconds', state, pse, extract(epoch FROM min(created_at))::float8
    FROM open GROUP BY 2, 3)""",
        *(_queue(kind, table) for kind, table in _QUEUES.items()),
        """SELECT 'estorno_connections', pse::text, CASE WHEN refused_since IS NOT NULL THEN 'refused'
    WHEN down_since IS NOT NULL THEN 'down' ELSE 'up' END, count(*)::float8
  FROM connections WHERE enabled AND state IN ('ACTIVE', 'SANDBOX', 'CERTIFIED') GROUP BY 2, 3""",
        unsealed("event", "events"),
        unsealed("deed", "deeds"),
        unsealed("news", "news"),
        """SELECT 'estorno_nights_oldest_success_timestamp_seconds', c.pse::text, '',
    extract(epoch FROM min(coalesce(n.finished_at, c.created_at)))::float8
  FROM connections c LEFT JOIN LATERAL (SELECT r.finished_at FROM reconciliation_runs r WHERE r.connection_id = c.id
    AND r.state IN ('COMPLETED', 'NO_REPORT') ORDER BY r.business_date DESC LIMIT 1) n ON true
  WHERE c.enabled AND c.state = 'ACTIVE' GROUP BY 2""",
        """SELECT 'estorno_findings_open', severity::text, '', count(*)::float8 FROM findings
  WHERE resolved_at IS NULL GROUP BY 2""",
        """SELECT 'estorno_alerts_open', severity::text, '', count(*)::float8 FROM alerts
  WHERE resolved_at IS NULL GROUP BY 2""",
        "SELECT 'estorno_endpoints', kind::text, state::text, count(*)::float8 FROM endpoints WHERE state <> 'OFF' "
        "GROUP BY 2, 3",
    ]
)
_log = structlog.get_logger()


@for_all("how all stands is summed up, whosever it is")
async def _read() -> list[dict[str, Any]]:
    return await rows(STANDING)


class Census(Collector):
    """What was read last, for whoever collects: one question at a time, and none before the last answer is old."""

    def __init__(
        self, read: Callable[[], Awaitable[list[dict[str, Any]]]] = _read, kept_seconds: float = KEPT_SECONDS
    ) -> None:
        self._ask, self._kept_seconds = read, kept_seconds
        self._turn = asyncio.Lock()
        self._old_at = 0.0
        self._found: list[dict[str, Any]] = []
        self._is_up = False

    async def refresh(self) -> None:
        """Ask anew, if the answer is old. Where the database does not answer, nothing is told of it but that."""
        async with self._turn:
            if monotonic() < self._old_at:
                return
            try:
                self._found, self._is_up = await self._ask(), True
            except Exception as error:
                _log.warning("standing.unread", error=type(error).__name__)
                self._found, self._is_up = [], False
            self._old_at = monotonic() + self._kept_seconds

    async def run(self) -> None:
        """In the background, for who is asked by another thread."""
        while True:
            await self.refresh()
            await asyncio.sleep(self._kept_seconds)

    def describe(self) -> Iterable[Metric]:
        """The names alone."""
        return (GaugeMetricFamily(name, says, labels=labels) for name, (says, labels) in FAMILIES.items())

    def collect(self) -> Iterable[Metric]:
        """As it was read last."""
        yield GaugeMetricFamily(_UP, "Whether the database told how all stands.", value=float(self._is_up))
        told: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in self._found:
            told[row["name"]].append(row)
        for name, (says, labels) in FAMILIES.items():
            family = GaugeMetricFamily(name, says, labels=labels)
            for row in told[name]:
                if row["value"] is not None:
                    family.add_metric([row["one"], row["other"]][: len(labels)], row["value"])
            yield family
