"""The sweep: what is due is rung for again, so that losing Valkey costs a little time and nothing else."""

from collections.abc import Mapping
from typing import Final

from domain.commerce import patience
from domain.platform import bell
from domain.platform.database import for_all, rows

AT_ONCE_MAX: Final = 500
# What is done by the batch worker, one after the other, beside nights that take hours: rung for rarely.
_BATCH: Final = frozenset({bell.HANDED_IN, bell.SOURCE, bell.EXPORT, bell.DECISIONS, bell.BATCH})
_BATCH_ONCE_IN_SECONDS: Final = 300.0
# What is due stays due until a worker takes it. Ringing for it at every sweep would bury a worker that is behind.
_ONCE_IN_SECONDS: Final = 10.0


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


@for_all("what is due is rung for, whosever it is")
async def sweep() -> int:
    """Ring for every due refund, notice, preflight and certification, the oldest first; how many.

    Of workers that are behind, no more waits in the queue than they can be given at once: each ring for what is rung
    for already would put them further behind. What is left out is due still, and comes at a later sweep.
    """
    room = max(0, AT_ONCE_MAX - await bell.waiting())
    rung = 0
    for job, statement in DUE.items():
        due = await rows(statement, room)
        for row in due:
            if job in _BATCH:
                await bell.ring(job, row["id"], queue=bell.BATCH_QUEUE, once_in=_BATCH_ONCE_IN_SECONDS)
            else:
                await bell.ring(job, row["id"], once_in=_ONCE_IN_SECONDS)
        rung += len(due)
    return rung
