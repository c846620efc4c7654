"""Processes of ours under the simulation's hand: started, stopped at the gate of the wire, killed, interleaved."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from typing import Any, Final

from domain.problems import Problem
from tests.trials.simulation.pace import Killed, Pace, pace
from tests.trials.simulation.stage import Stage
from tests.trials.simulation.wire import Call, SimulatedSender

_LOOK_SECONDS: Final = 0.004  # how often a process that does not end is looked at: it may wait for a lock
_STUCK_SECONDS: Final = 120.0  # more than any machine under load needs

Job = Callable[[], Awaitable[Any]]
Start = Callable[[int | None], "Process"]  # begins or resumes a process that pauses after so many statements


class Process:
    """One process that does one job, until it ends or stands at the gate of the wire with a call."""

    def __init__(self, job: Job, sender: SimulatedSender, own: Pace) -> None:
        self.pace = own
        self.result: Any = None
        self._sender = sender
        context = copy_context()
        context.run(pace.set, own)
        self.task = asyncio.get_running_loop().create_task(self._do(job), context=context)
        self.task.add_done_callback(lambda _: own.still.set())

    async def _do(self, job: Job) -> None:
        try:
            self.result = await job()
        except (Killed, Problem) as error:
            self.result = error

    @property
    def call(self) -> Call | None:
        return next((call for call in self._sender.calls if call.owner is self.pace), None)


class Processes:
    """All that run. Which of them moves is decided here, and at most two do at once."""

    def __init__(self, stage: Stage) -> None:
        self.sender = SimulatedSender(stage.clock)
        self.waiting: list[Process] = []  # at the gate of the wire
        self._begun: list[Process] = []
        self._stage = stage

    def begin(self, job: Job, *, pause_after: int | None = None, kill_after: int | None = None) -> Process:
        """A process that begins a job; it moves as soon as somebody waits."""
        process = Process(job, self.sender, Pace(pause_after=pause_after, kill_after=kill_after))
        self._begun.append(process)
        return process

    def resume(self, process: Process, *, pause_after: int | None = None, kill_after: int | None = None) -> Process:
        """Let the answer of its call come in."""
        call = process.call
        assert call is not None
        self.waiting.remove(process)
        process.pace.go_on(pause_after, kill_after)
        call.arrive()
        return process

    async def race(self, first: Start, second: Start, pause_after: int) -> tuple[Process, Process]:
        """Stop the first after so many statements, run the second as far as it comes, then go on with the first."""
        one = first(pause_after)
        await self._still(one)
        two = second(None)
        if not await self._comes_to_rest(two):
            two.pace.may_go.clear()  # when the lock comes free, the first ends before the second goes on
        if not one.pace.may_go.is_set():
            one.pace.still.clear()
            one.pace.may_go.set()
        await self._comes_to_rest(one)
        two.pace.may_go.set()
        return await self.rest(one), await self.rest(two)

    async def kill(self, process: Process) -> None:
        """It is gone while it waits for its answer."""
        assert process.call is not None
        self.waiting.remove(process)
        process.call.die(Killed())
        await process.task

    async def kill_all(self) -> None:
        for process in [one for one in self._begun if not one.task.done()]:
            process.pace.die()
            if process.call is not None and not process.call.answered.done():
                process.call.die(Killed())
            await asyncio.wait([process.task])
        self.waiting.clear()
        self._begun.clear()

    async def rest(self, process: Process) -> Process:
        """Wait until it ends or stands at the gate. Raises what it raised, unless it was refused or killed."""
        await self._still(process)
        if process.task.done():
            process.task.result()
        elif process.call is not None:
            self.waiting.append(process)
        return process

    async def _still(self, process: Process) -> None:
        async with asyncio.timeout(_STUCK_SECONDS):
            await process.pace.still.wait()

    async def _comes_to_rest(self, process: Process) -> bool:
        """False: it waits for a lock that another process holds."""
        async with asyncio.timeout(_STUCK_SECONDS):
            while not process.pace.still.is_set():
                if await self._stage.waits_for_a_lock(process.pace.backend):
                    return False
                await asyncio.sleep(_LOOK_SECONDS)
        return True
