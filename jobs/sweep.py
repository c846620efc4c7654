"""The sweep: what is due is rung for again, so that losing Valkey costs a little time and nothing else."""

from typing import Final

from domain import due
from domain.platform import bell
from domain.platform.database import for_all

AT_ONCE_MAX: Final = 500
# What is done by the batch worker, one after the other, beside nights that take hours: rung for rarely.
_BATCH: Final = frozenset({bell.HANDED_IN, bell.SOURCE, bell.EXPORT, bell.DECISIONS, bell.BATCH})
_BATCH_ONCE_IN_SECONDS: Final = 300.0
# What is due stays due until a worker takes it. Ringing for it at every sweep would bury a worker that is behind.
_ONCE_IN_SECONDS: Final = 10.0


@for_all("what is due is rung for, whosever it is")
async def sweep() -> int:
    """Ring for every due refund, notice, preflight and certification, the oldest first; how many.

    Of workers that are behind, no more waits in the queue than they can be given at once: each ring for what is rung
    for already would put them further behind. What is left out is due still, and comes at a later sweep.
    """
    room = max(0, AT_ONCE_MAX - await bell.waiting())
    rung = 0
    for job in due.DUE:
        wanted = await due.ids(job, room)
        for subject in wanted:
            if job in _BATCH:
                await bell.ring(job, subject, queue=bell.BATCH_QUEUE, once_in=_BATCH_ONCE_IN_SECONDS)
            else:
                await bell.ring(job, subject, once_in=_ONCE_IN_SECONDS)
        rung += len(wanted)
    return rung
