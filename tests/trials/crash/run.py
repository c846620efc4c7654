"""Our programs in lanes: in each, one process after the other is started with its point and dies there under load.

The next one of the lane is the restarted one: it and the other lanes mend what the dead one left.
"""

import asyncio
import itertools
import random
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from domain.platform import bell
from domain.platform.crash import VARIABLE
from jobs.machine.children import Child
from jobs.machine.ports import free_port
from tests.kit.family import end, program, until
from tests.trials.crash.load import Load, Seen
from tests.trials.crash.plan import AT_RANDOM, Kill
from tests.trials.crash.stage import Stage, stage
from tests.trials.crash.verdict import Judge, today
from tests.trials.told import untold

KILL_SECONDS_MAX = 90.0
_START_SECONDS_MAX = 60.0
_OFFER_SECONDS = 1.0
_AGAIN_SECONDS = 2.0
_LONGER = 1.4  # each time: what was offered last may be under way yet, and all of it has to come to rest
_OFFERS_MAX = 12
# What waits already makes a worker pass its point: more of it only has to come to rest. Where it does not make it pass
# for so long, it is work of other kinds.
_ENOUGH = 40
_PATIENCE_SECONDS = 5.0  # of pause
# Workers that die every few seconds do a seventh of what living ones do. A queue that grows for minutes on end would be
# judged as refunds that were forgotten: above so many jobs a lane's next life is one without a point.
_WAITING_MAX = 150
_DRAIN_SECONDS_MAX = 120.0
_LANES = ("api", "worker", "worker", "batch", "timetable")
_MODULES = {
    "api": ("uvicorn", "api.app:app", "--no-access-log", "--port"),
    "worker": ("jobs.worker", "refunds"),
    "batch": ("jobs.worker", "batch"),
    "timetable": ("jobs.timetable",),
}
_READY = {"worker": "worker.ready", "batch": "worker.ready", "timetable": "timetable.leads"}


@dataclass(slots=True)
class Outcome:
    """What came of it all: each kill, and what is wrong in the whole."""

    kills: Sequence[Kill]
    seen: Seen
    broken: list[str] = field(default_factory=list)

    @property
    def violations(self) -> list[str]:
        """Empty when every promise held and every process died where it was to die."""
        return [*(said for kill in self.kills for said in kill.violations), *self.broken]


@dataclass(slots=True)
class _Lane:
    """One place for a process of `role`; an API keeps its port, whoever lives there."""

    role: str
    stage: Stage
    log: Path
    port: int | None = None
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def program(self, crash: str = "") -> Child:
        argv = (*_MODULES[self.role], *([str(self.port)] if self.port else []))
        log = self.log.with_name(f"{self.log.name}-{next(self.numbers):03}.log")
        child = program(log.stem, self.stage.settings, *argv, log=log)
        child.env = {**child.env, **({VARIABLE: crash} if crash else {})}
        return child

    async def serves(self, child: Child) -> bool:
        """Whether it has come up, or has already died again."""
        if child.exit_code() is not None:
            return True
        if self.port is None:
            return child.log is not None and _READY[self.role] in child.log.read_text(errors="replace")
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.close()
            return True
        return False


class _Play:
    def __init__(self, stage: Stage, load: Load, judge: Judge, dice: random.Random) -> None:
        self._stage = stage
        self._load = load
        self._judge = judge
        self._dice = dice
        self._judging: list[asyncio.Task[None]] = []
        self.alive: list[Child] = []

    async def run(self, kills: Sequence[Kill]) -> None:
        """All lanes at once, each through its own kills; then wait for the verdict on each."""
        lanes = [self._lane(number, role) for number, role in enumerate(_LANES)]
        steady = self._lane(len(_LANES), "api")  # with one API alive, clients always get an answer in the end
        self._stage.front.ports = [lane.port for lane in (*lanes, steady) if lane.port is not None]
        await self._start(steady, steady.program())
        waiting = {role: [kill for kill in kills if kill.role == role] for role in set(_LANES)}
        await asyncio.gather(*(self._through(lane, waiting[lane.role]) for lane in lanes))
        await asyncio.gather(*self._judging)

    def _lane(self, number: int, role: str) -> _Lane:
        port = free_port() if role == "api" else None
        return _Lane(role, self._stage, self._stage.home / "logs" / f"{role}-{number}", port)

    async def _start(self, lane: _Lane, child: Child) -> None:
        self.alive.append(child)
        child.spawn()  # from this thread, to which its life is tied
        await until(lambda: lane.serves(child), f"{child.name} serves", _START_SECONDS_MAX)

    async def _through(self, lane: _Lane, waiting: list[Kill]) -> None:
        while waiting:
            if await bell.waiting() > _WAITING_MAX:
                await self._drain(lane)
            if not waiting:  # meanwhile another lane of the role has taken the last one
                break
            kill = waiting.pop(0)
            child = lane.program("" if kill.point == AT_RANDOM else f"{kill.point}:{kill.passes}")
            await self._start(lane, child)
            clients = await self._until_dead(kill, child)
            kill.in_flight = await self._judge.in_flight(kill)
            await self._load.make_known(kill)
            self._judging.append(asyncio.create_task(self._judge.judge(kill, clients)))
            self.alive.remove(child)
        await self._start(lane, lane.program())

    async def _drain(self, lane: _Lane) -> None:
        child = lane.program()
        await self._start(lane, child)
        await until(_drained, "the queue is worked off", _DRAIN_SECONDS_MAX)
        self.alive.remove(child)
        await asyncio.to_thread(child.stop)

    async def _until_dead(self, kill: Kill, child: Child) -> list[asyncio.Task[None]]:
        """Load until the process has died at its point, or by our hand where it is to die at random."""
        clients: list[asyncio.Task[None]] = []
        give_up = asyncio.get_running_loop().time() + KILL_SECONDS_MAX
        pause = _AGAIN_SECONDS
        while child.exit_code() is None and asyncio.get_running_loop().time() < give_up:
            if len(clients) < _OFFERS_MAX and (not clients or await _is_wanted(kill, pause)):
                clients.append(asyncio.create_task(self._offer(kill)))
            if kill.role == "batch":
                await self._reconcile(kill)
            if kill.point == AT_RANDOM:
                await asyncio.sleep(self._dice.uniform(0, _OFFER_SECONDS))
                break
            with suppress(AssertionError):
                await until(lambda: child.exit_code() is not None, "it dies", pause)
            pause *= _LONGER
        if child.exit_code() is None:
            kill.reached = kill.point == AT_RANDOM
            await end(child, signal.SIGKILL)
        else:
            kill.reached = child.exit_code() == -signal.SIGKILL
        return clients

    async def _offer(self, kill: Kill) -> None:
        await (self._load.unknown(kill) if kill.point == "notice.waits" else self._load.refunds(kill))

    async def _reconcile(self, kill: Kill) -> None:
        shop = self._stage.accounts[kill.pse].shop
        subject = f"{shop.connection.id}/{today(shop.merchant.zone)}"
        await bell.ring(bell.RECONCILE, subject, queue=bell.BATCH_QUEUE)


async def _is_wanted(kill: Kill, pause: float) -> bool:
    return kill.role == "api" or pause > _PATIENCE_SECONDS or await bell.waiting() < _ENOUGH


async def _drained() -> bool:
    return await bell.waiting() <= _WAITING_MAX // 3


async def play(seed: int, home: Path, kills: Sequence[Kill], *, quiet_seconds_max: float) -> Outcome:
    """All these kills. Call it from the main thread; what the processes say is in `home`/logs."""
    dice = random.Random(seed)
    async with stage(home) as set_up:
        load = Load(set_up, dice)
        judge = Judge(set_up, quiet_seconds_max)
        outcome = Outcome(kills, load.seen)
        async with _playing(_Play(set_up, load, judge, dice)) as playing:
            await playing.run(kills)
            outcome.broken += await judge.finish(load.seen)
            outcome.broken += await untold(set_up.told, set_up.receiver, quiet_seconds_max)
    return outcome


@asynccontextmanager
async def _playing(made: _Play) -> AsyncIterator[_Play]:
    try:
        yield made
    finally:
        for child in made.alive:
            await asyncio.to_thread(child.stop)
