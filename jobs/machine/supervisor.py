"""Runs children in order, restarts the ones that die, and stops them in reverse order when told to."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import structlog

from jobs.machine.children import Child, ChildError

_WATCH_SECONDS: Final = 0.2
_BACKOFF_SECONDS: Final = (0.2, 10.0)
_STEADY_SECONDS: Final = 30.0
_log = structlog.get_logger()


class Supervisor:
    """The parent of a family of children. Start it from the main thread."""

    def __init__(self) -> None:
        self._children: list[Child] = []
        self._next_try: dict[str, float] = {}
        self._backoff: dict[str, float] = {}
        self._started_at: dict[str, float] = {}
        self._coming_up: set[str] = set()
        self._stop = asyncio.Event()

    def start(self, children: Sequence[Child]) -> None:
        """Start these too, each when the one before is ready. Raises ChildError, with everything stopped again."""
        try:
            for child in children:
                self._children.append(child)
                child.start()
                self._started_at[child.name] = time.monotonic()
        except BaseException:
            self.stop_all()
            raise

    async def run(self, work: Callable[[], Awaitable[None]] | None = None) -> None:
        """Watch over the children until SIGINT, SIGTERM, or the end of `work`; then stop them all."""
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, self._stop.set)
        watch = asyncio.create_task(self._watch())
        working = asyncio.ensure_future(work()) if work is not None else None
        stopping = asyncio.create_task(self._stop.wait())
        waiting: set[asyncio.Future[Any]] = {watch, stopping, *([working] if working else [])}
        try:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            self.stop_all()

    @property
    def stopped(self) -> bool:
        """Whether a signal ended it."""
        return self._stop.is_set()

    def stop_all(self) -> None:
        """Stop the children, the last one first, and wait for each."""
        for child in reversed(self._children):
            child.stop()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            for child in self._children:
                if child.exit_code() is not None:
                    self._restart(child)
                elif child.name in self._coming_up:
                    await self._look_after(child)

    def _restart(self, child: Child) -> None:
        now = time.monotonic()
        shortest, longest = _BACKOFF_SECONDS
        if child.name not in self._next_try:
            steady = now - self._started_at[child.name] > _STEADY_SECONDS
            backoff = shortest if steady else min(2 * self._backoff.get(child.name, shortest / 2), longest)
            self._backoff[child.name] = backoff
            self._next_try[child.name] = now + backoff
            _log.warning("child.died", child=child.name, code=child.exit_code(), restart_seconds=backoff)
        if now < self._next_try[child.name]:
            return
        del self._next_try[child.name]
        self._started_at[child.name] = now
        # Nobody waits here until it is ready: the one that it needs to be ready may be the next that has died.
        self._coming_up.add(child.name)
        child.spawn()

    async def _look_after(self, child: Child) -> None:
        """One look at a child that was started again: ready, or taking too long."""
        if await asyncio.to_thread(child.ready):
            self._coming_up.discard(child.name)
            try:
                await asyncio.to_thread(child.once_ready)
            except ChildError as error:
                _log.error("child.failed", child=child.name, error=str(error))
        elif time.monotonic() > self._started_at[child.name] + child.ready_seconds_max:
            _log.error("child.failed", child=child.name, error=f"not ready after {child.ready_seconds_max:.0f} s")
            await asyncio.to_thread(child.stop)
