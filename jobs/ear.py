"""A worker's ear: a job begins when the bell is rung, and not when its queue is next looked at."""

import asyncio
import contextlib
from typing import Final

import structlog
from arq.utils import timestamp_ms
from arq.worker import Worker
from redis.asyncio import Redis
from redis.exceptions import RedisError

from domain.platform import bell

_BACKOFF_SECONDS: Final = 1.0
_QUIET_SECONDS: Final = 10.0
_log = structlog.get_logger()


class Ear:
    """Listens to the worker's queue and has it look at it at the moment that each job is due.

    What it does not hear (Valkey was away, the worker began later) the worker's own look at the queue finds a little
    later: the ear makes nothing sure, it makes it quick.
    """

    def __init__(self, worker: Worker, redis_url: str) -> None:
        self._worker = worker
        self._url = redis_url
        self._rung = asyncio.Event()
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._look())]

    async def close(self) -> None:
        """Stop listening."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _look(self) -> None:
        while True:
            await self._rung.wait()
            self._rung.clear()  # what is rung for from now on is looked at once more
            try:
                await self._worker._poll_iteration()
            except (RedisError, OSError) as error:
                _log.warning("ear.lost", error=str(error))
            except Exception:  # a bug in a job's frame: the job is due in the database still, and the sweep rings again
                _log.exception("ear.failed")

    async def _listen(self) -> None:
        while True:
            with contextlib.suppress(RedisError, OSError):
                async with Redis.from_url(self._url) as client, client.pubsub() as pubsub:
                    await pubsub.subscribe(bell.queue_channel(self._worker.queue_name))
                    while True:
                        message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=_QUIET_SECONDS)
                        if message is None:
                            await pubsub.ping()
                        elif message["type"] == "message":
                            self._hear(message["data"])
            await asyncio.sleep(_BACKOFF_SECONDS)

    def _hear(self, due_ms: bytes) -> None:
        if not due_ms.isdigit():
            return  # not from our bell
        seconds = max(0.0, (int(due_ms[:15]) - timestamp_ms()) / 1000)
        asyncio.get_running_loop().call_later(seconds, self._rung.set)
