"""Two processes at once, interleaved at a statement: a mixin of RefundMachine."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from domain.models import Refund
from tests.trials.simulation.held import PLAIN_MOODS, Mood, Status
from tests.trials.simulation.life import Life
from tests.trials.simulation.processes import Job, Start

PICK: Final = st.integers(0, 11)
AMOUNTS: Final = st.sampled_from([None, 1, 2_500, 4_000, 6_000, 10_000])
DECISION: Final = st.sampled_from([Status.DONE, Status.DONE, Status.QUEUED, Status.REFUSED])
FATE: Final = st.tuples(st.sampled_from(PLAIN_MOODS), DECISION, st.booleans())  # at last: whether the look-up lags

Fate = tuple[Mood, Status, bool]


class RaceRules(RuleBasedStateMachine):
    """What one of two processes does while the other stands still."""

    life: Life
    _do: Callable[[Awaitable[Any]], None]
    _refund: Callable[[int], Awaitable[Refund | None]]

    @rule(pick=PICK, pause=st.integers(1, 8), amounts=st.tuples(AMOUNTS, AMOUNTS))
    def request_twice(self, pick: int, pause: int, amounts: tuple[int | None, int | None]) -> None:
        """Two requests for one payment at the same moment."""
        payment, processes = self.life.payments[pick % 2], self.life.processes
        one, two = (self._begin(self.life.request(payment, amount)) for amount in amounts)
        self._do(processes.race(one, two, pause))

    def _begin(self, job: Job) -> Start:
        return lambda pause: self.life.processes.begin(job, pause_after=pause)

    @rule(first=st.integers(0, 8), second=st.integers(0, 8), pick=PICK, pause=st.integers(1, 15), fate=FATE)
    def race(self, first: int, second: int, pick: int, pause: int, fate: Fate) -> None:
        self._do(self._race(first, second, pick, pause, fate))

    async def _race(self, first: int, second: int, pick: int, pause: int, fate: Fate) -> None:
        one = await self._racer(first, pick, fate)
        two = await self._racer(second if (first, second) != (0, 0) else 1, pick, fate)
        if one is not None and two is not None:
            await self.life.processes.race(one, two, pause)

    async def _racer(self, what: int, pick: int, fate: Fate) -> Start | None:
        waiting = self.life.processes.waiting
        if what == 0 and waiting:
            process = waiting[pick % len(waiting)]
            call = process.call
            assert call is not None
            if not call.left:
                call.leave(self.life.pse, *fate)
            return lambda pause: self.life.processes.resume(process, pause_after=pause)
        job = await self._job(what, pick)
        return None if job is None else self._begin(job)

    async def _job(self, what: int, pick: int) -> Job | None:
        life, refund = self.life, await self._refund(pick)
        if what <= 1 or refund is None:
            return life.request(life.payments[pick % 2], (None, 4_000, 6_000)[pick % 3])
        match what:
            case 2:
                return life.request_again(life.asked[pick % len(life.asked)])
            case 3:
                return life.retry(refund)
            case 4:
                return life.cancel(refund)
            case 5:
                return life.step(refund)
            case 6:
                return life.resolve(refund, 1 + pick % 2)
            case 7 if life.pse.news:
                return life.deliver(life.pse.news[pick % len(life.pse.news)], pick % 2)
            case 8 if life.pse.held:
                return life.reconcile(max(life.days))
        return life.refresh(refund)
