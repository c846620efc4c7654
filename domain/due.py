"""What is due, by the job that is rung for it: each noun's rows whose `due_at` has come, the oldest first."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from domain.commerce import patience
from domain.platform import bell
from domain.platform.database import rows


def _in_turn(due: str) -> str:
    """Of each merchant the first, then of each the second: one whose shop floods us holds up no other's."""
    return (
        f"SELECT id FROM (SELECT d.*, row_number() OVER (PARTITION BY merchant_id ORDER BY due_at) AS turn "  # noqa: S608
        f"FROM ({due}) d) t ORDER BY turn, due_at LIMIT $1"
    )


# Each is answered by the partial index on `due_at`, however many rows have long been done.
DUE: Final[Mapping[str, str]] = {
    bell.REFUND: "SELECT id FROM refunds WHERE due_at <= now() ORDER BY due_at LIMIT $1",
    bell.PREFLIGHT: "SELECT id FROM preflight_runs WHERE due_at <= now() ORDER BY due_at LIMIT $1",
    bell.CERTIFY: "SELECT id FROM certification_runs WHERE due_at <= now() ORDER BY due_at LIMIT $1",
    bell.HANDED_IN: "SELECT id FROM handed_reports WHERE due_at <= now() AND way = 'UPLOAD' ORDER BY due_at LIMIT $1",
    bell.SOURCE: "SELECT id FROM report_sources WHERE due_at <= now() AND enabled ORDER BY due_at LIMIT $1",
    bell.EXPORT: "SELECT id FROM exports WHERE due_at <= now() ORDER BY due_at LIMIT $1",
    bell.DECISIONS: "SELECT id FROM decision_batches WHERE due_at <= now() ORDER BY due_at LIMIT $1",
    bell.SHOP: _in_turn("SELECT id, merchant_id, due_at FROM shops WHERE due_at <= now()"),
    bell.SHOP_CHECK: _in_turn("SELECT id, merchant_id, due_at FROM shop_checks WHERE due_at <= now()"),
    bell.SHOP_REFUND: _in_turn(
        "SELECT r.id, r.merchant_id, r.due_at FROM shop_refunds r JOIN shops s ON s.id = r.shop_id "  # noqa: S608 - ours
        f"WHERE r.due_at <= now() AND {patience.TURN}"
    ),
    bell.SHOP_NOTICE: _in_turn(
        "SELECT n.id, n.merchant_id, n.due_at FROM shop_notices n JOIN shops s ON s.id = n.shop_id "
        "WHERE n.due_at <= now() AND s.state <> 'PAUSED'"
    ),
    bell.BATCH: "SELECT id FROM batches WHERE due_at <= now() ORDER BY due_at LIMIT $1",
    bell.NOTICE: "SELECT id FROM notices WHERE due_at <= now() ORDER BY due_at LIMIT $1",
}


async def ids(job: str, limit: int) -> list[UUID]:
    """What this job is rung for, at most `limit`. Raises KeyError for a job that nothing is due of."""
    return [row["id"] for row in await rows(DUE[job], limit)]
