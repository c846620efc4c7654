"""A worker's ear: a job begins when the bell is rung, and not when its queue is next looked at.

Of several workers one takes each ring. If all heard it, all would reach for the same job, and all but one in vain.
"""

import asyncio
import contextlib
from typing import Any, Final, cast

import structlog
from arq.utils import timestamp_ms
from arq.worker import Worker
from redis.exceptions import RedisError

from domain.platform import bell, tls

_BACKOFF_SECONDS: Final = 1.0
_QUIET_SECONDS: Final = 10.0
_log = structlog.get_logger()


class Ear:
    """Takes what was rung for, one job after the other, and has the worker begin it at the moment that it is due.

    What it does not hear (Valkey was away, the worker began later), or has taken and not begun (it died), a worker's
    own look at the queue finds a little later: the ear makes nothing sure, it makes it quick.
    """

    def __init__(self, worker: Worker, redis_url: str) -> None:
        self._worker = worker
        self._url = redis_url
        self._beginning: set[asyncio.Task[None]] = set()
        self._later: set[asyncio.Task[None]] = set()
        self._listening = asyncio.create_task(self._listen())

    async def close(self) -> None:
        """Stop listening."""
        tasks = [self._listening, *self._beginning, *self._later]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _listen(self) -> None:
        while True:
            with contextlib.suppress(RedisError, OSError, TimeoutError):
                async with tls.redis(self._url) as client:
                    while True:
                        await self._free()
                        async with asyncio.timeout(2 * _QUIET_SECONDS):  # a server that hangs says nothing at all
                            found: Any = client.blpop([bell.rung(self._worker.queue_name)], timeout=_QUIET_SECONDS)
                            taken = cast("tuple[bytes, bytes] | None", await found)
                        if taken is not None:
                            self._hear(taken[1])
            await asyncio.sleep(_BACKOFF_SECONDS)

    async def _free(self) -> None:
        """Wait until the worker has room for a job: till then the others may have it."""
        while self._worker.job_counter + len(self._beginning) >= self._worker.max_jobs:
            under_way = [task for task in (*self._worker.tasks.values(), *self._beginning) if not task.done()]
            if under_way:
                await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(0)  # who has ended is counted in the turn that follows

    def _hear(self, ring: bytes) -> None:
        due_ms, _, job_id = ring.partition(b" ")
        if due_ms.isdigit() and job_id:  # else it is not from our bell
            seconds = max(0.0, (int(due_ms[:15]) - timestamp_ms()) / 1000)
            task = asyncio.create_task(self._begin(job_id, seconds))
            waiting = self._later if seconds else self._beginning
            waiting.add(task)
            task.add_done_callback(waiting.discard)

    async def _begin(self, job_id: bytes, seconds: float) -> None:
        if seconds:
            await asyncio.sleep(seconds)
        if not self._worker.allow_pick_jobs:
            return  # it is about to stop
        try:
            await self._worker.start_jobs([job_id])
        except (RedisError, OSError) as error:
            _log.warning("ear.lost", error=str(error))
        except Exception:  # a bug in a job's frame: the job is due in the database still, and the sweep rings again
            _log.exception("ear.failed")
