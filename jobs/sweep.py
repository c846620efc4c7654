"""The sweep: what is due is rung for again, so that losing Valkey costs a little time and nothing else."""

from typing import Final

from domain import bell, notices, refunds
from domain.database import rows

_AT_ONCE_MAX: Final = 500


async def sweep() -> int:
    """Ring for every due refund and notice, the oldest first; how many."""
    rung = 0
    for job, table in ((refunds.JOB, "refunds"), (notices.JOB, "notices")):
        # `table` is one of the two names above.
        due = await rows(
            f"SELECT id FROM {table} WHERE due_at <= now() ORDER BY due_at LIMIT $1",  # noqa: S608
            _AT_ONCE_MAX,
        )
        for row in due:
            await bell.ring(job, row["id"])
        rung += len(due)
    return rung
