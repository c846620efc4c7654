"""What is done to the machines, each on its own beat, and how often it was."""

import asyncio
import itertools
import os
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import asyncpg
from redis.exceptions import RedisError

from domain.platform import bell
from jobs.machine.children import Child
from jobs.machine.servers import OWNER
from tests.kit.family import send
from tests.trials.chaos.stage import Stage, today


@dataclass(frozen=True, slots=True)
class Plan:
    """How long, and every how many seconds what."""

    seconds: float = 60
    flush_valkey: float = 1
    restart_valkey: float = 7
    restart_postgres: float = 10
    kill_worker: float = 5
    kill_leader: float = 15
    reconcile: float = 6
    payments: int = 300
    clients: int = 24
    pause_seconds: float = 1.0


class Faults:
    """The hands on the machines. `done` counts what they did."""

    def __init__(self, stage: Stage, family: Sequence[Child], dice: random.Random) -> None:
        self.done: Counter[str] = Counter()
        self._stage = stage
        self._family = {child.name: child for child in family}
        self._victims = itertools.cycle(["worker-1", "worker-2"])
        self._dice = dice

    async def run(self, plan: Plan) -> None:
        """All of them together, until the plan's time is over and what was begun is finished."""
        stop = asyncio.Event()
        beats = [
            (plan.flush_valkey, "Valkey flushed", self._flush_valkey),
            (plan.restart_valkey, "Valkey killed and restarted", self._restart_valkey),
            (plan.restart_postgres, "PostgreSQL restarted with -m immediate", self._restart_postgres),
            (plan.kill_worker, "worker killed", self._kill_worker),
            (plan.kill_leader, "leading timetable killed", self._kill_leader),
            (plan.reconcile, "reconciliation asked for", self._reconcile),
        ]
        running = [asyncio.create_task(self._every(*beat, stop)) for beat in beats]
        await asyncio.sleep(plan.seconds)
        stop.set()
        await asyncio.gather(*running)

    async def _every(self, seconds: float, name: str, do: Callable[[], Awaitable[bool]], stop: asyncio.Event) -> None:
        wait = seconds * self._dice.uniform(0.5, 1.0)  # so that they do not all begin together
        while True:
            try:
                async with asyncio.timeout(wait):
                    await stop.wait()
                return
            except TimeoutError:
                self.done[name] += await do()
            wait = seconds

    async def _flush_valkey(self) -> bool:
        try:
            await self._stage.machine.flush_valkey()
        except (RedisError, OSError):
            return False  # it is being restarted, which is worse
        return True

    async def _restart_valkey(self) -> bool:
        await self._stage.machine.restart_valkey()
        return True

    async def _restart_postgres(self) -> bool:
        await self._stage.machine.restart_postgres()
        return True

    async def _kill_worker(self) -> bool:
        victim = self._family[next(self._victims)]
        alive = victim.exit_code() is None
        send(victim, signal.SIGKILL)
        return alive

    async def _kill_leader(self) -> bool:
        """Kill the timetable that holds the lock, by its own account of who it is."""
        pids = {child.process.pid for child in self._family.values() if child.process}
        for _ in range(100):
            pid = await self._leader()
            if pid in pids:
                os.kill(pid, signal.SIGKILL)
                return True
            await asyncio.sleep(0.1)
        return False

    async def _leader(self) -> int | None:
        try:
            owner = await asyncpg.connect(self._stage.machine.postgres.url(OWNER))
        except (OSError, asyncpg.PostgresError):
            return None
        try:
            name = await owner.fetchval(
                "SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid) "
                "WHERE locktype = 'advisory' AND granted AND application_name LIKE 'estorno timetable %'"
            )
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return None
        finally:
            owner.terminate()
        return int(name.rsplit(" ", 1)[1]) if name else None

    async def _reconcile(self) -> bool:
        shop = self._stage.shop
        await bell.ring(bell.RECONCILE, f"{shop.connection.id}/{today(shop)}", queue=bell.BATCH_QUEUE)
        return True
