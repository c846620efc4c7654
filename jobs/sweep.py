"""The sweep: what is due is rung for again, so that losing Valkey costs a little time and nothing else."""

from collections.abc import Mapping
from typing import Final

from domain.platform import bell
from domain.platform.database import for_all, rows

AT_ONCE_MAX: Final = 500
# What is due stays due until a worker takes it. Ringing for it at every sweep would bury a worker that is behind.
_ONCE_IN_SECONDS: Final = 10.0
# Each is answered by the partial index on `due_at`, however many rows have long been done.
DUE: Final[Mapping[str, str]] = {
    bell.REFUND: "SELECT id FROM refunds WHERE due_at <= now() ORDER BY due_at LIMIT $1",
    bell.PREFLIGHT: "SELECT id FROM preflight_runs WHERE due_at <= now() ORDER BY due_at LIMIT $1",
    bell.CERTIFY: "SELECT id FROM certification_runs WHERE due_at <= now() ORDER BY due_at LIMIT $1",
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
            await bell.ring(job, row["id"], once_in=_ONCE_IN_SECONDS)
        rung += len(due)
    return rung
