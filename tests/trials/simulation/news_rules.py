"""Webhooks that come at every moment: a part of the wide histories of the wire."""

from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.trials.simulation import promises
from tests.trials.simulation.held import Mood, Status
from tests.trials.simulation.machine import RefundMachine
from tests.trials.simulation.promises import Kind, Promise
from tests.trials.simulation.races import PICK, Fate
from tests.trials.simulation.truth import Violation
from tests.trials.simulation.wide_life import WideLife

_KEEP: Final = st.sampled_from([True, True, False])


class NewsRules(RefundMachine):
    """What comes in, and when."""

    life: WideLife

    async def _wide_work(self, pick: int, fate: Fate, *, hold: bool = False) -> None:
        # What was rung for and is not due would be heard for nothing.
        self.stage.bell.rung.clear()
        await self._work(pick, fate, None, None, hold=hold)

    async def _refresh_all(self) -> None:
        for refund in await self.life.refunds():
            await self._start(self.life.refresh(refund), None)

    @precondition(lambda self: self.life.pse.news)
    @rule(pick=PICK, keep=_KEEP)
    def news_comes(self, pick: int, keep: bool) -> None:
        """A webhook comes in and is applied; `keep`: the same bytes will come again."""
        news = self.life.pse.news
        told = news[pick % len(news)] if keep else news.pop(pick % len(news))
        self._do(self._news_comes(told))

    async def _news_comes(self, told: dict[str, Any]) -> None:
        digest = Promise(Kind.HINT, "", self.life.clock.now, self.life.body(told, 0)).digest
        dead = await promises.dead(self.stage, digest)
        await self.life.owe(told)
        process = await self._start(self.life.deliver(told, 0), None)
        assert process is not None
        await self._through(process, (Mood.OK, Status.DONE, False), None)
        if dead and await promises.dead(self.stage, digest):
            raise Violation("A webhook that had been given up came again, and nobody will look at it.")

    @precondition(lambda self: self.life.pse.news)
    @rule(pick=PICK, pause=st.sampled_from([7, 8, 8, 9]), keep=_KEEP)
    def news_comes_slowly(self, pick: int, pause: int, keep: bool) -> None:
        """A webhook comes in, and the worker that applies it stands still in the middle."""
        news = self.life.pse.news
        told = news[pick % len(news)] if keep else news.pop(pick % len(news))
        self._do(self._news_comes_slowly(told, pause))

    async def _news_comes_slowly(self, told: dict[str, Any], pause: int) -> None:
        await self.life.owe(told)
        process = self.life.processes.begin(self.life.deliver(told, 0), pause_after=pause)
        await process.pace.still.wait()
        if process.task.done():
            process.task.result()
        else:
            self.life.slow.append(process)

    @precondition(lambda self: self.life.slow)
    @rule()
    def news_goes_on(self) -> None:
        self._do(self._go_on_slow())

    async def _go_on_slow(self) -> None:
        process = self.life.slow.pop(0)
        process.pace.go_on(None, None)
        process.pace.may_go.set()
        await self.life.processes.rest(process)

    @precondition(lambda self: self.life.pse.news)
    @rule(pick=PICK)
    def news_while_asking(self, pick: int) -> None:
        """A webhook comes between a question's leaving and its answer."""
        self._do(self._refresh_all())
        self._do(self._wide_work(pick, (Mood.OK, Status.QUEUED, False), hold=True))
        for process in list(self.life.processes.waiting):
            self._do(self._leave(process, (Mood.OK, Status.QUEUED, False)))
        self._do(self._news_comes(self.life.pse.news[pick % len(self.life.pse.news)]))
        for process in list(self.life.processes.waiting):
            self._do(self._through(process, (Mood.OK, Status.QUEUED, False), None))

    @precondition(lambda self: self.life.pse.news and not self.life.slow)
    @rule(pick=PICK, pause=st.integers(6, 9))
    def same_bytes_meanwhile(self, pick: int, pause: int) -> None:
        """The same bytes come again while they are being applied, and the PSE was asked in between."""
        told = self.life.pse.news[pick % len(self.life.pse.news)]
        self._do(self._news_comes_slowly(told, pause))
        self._do(self._wide_work(pick, (Mood.OK, Status.QUEUED, False)))
        self._do(self._news_comes(told))
        if self.life.slow:
            self._do(self._go_on_slow())
