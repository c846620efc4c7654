"""The state machine: what Hypothesis may let happen, one rule each."""

from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from domain.models import Refund
from domain.models.refunds import State
from tests.trials.simulation import bank_rules, month_rules, quiet, truth
from tests.trials.simulation.bank_rules import BankRules
from tests.trials.simulation.features import DRAWS, Feature
from tests.trials.simulation.finding_rules import FindingRules
from tests.trials.simulation.focus import DEFAULT, Playing
from tests.trials.simulation.held import Mood, Status
from tests.trials.simulation.life import Life
from tests.trials.simulation.month_rules import MonthRules
from tests.trials.simulation.processes import Job, Process
from tests.trials.simulation.races import AMOUNTS, DECISION, FATE, PICK, Fate, RaceRules
from tests.trials.simulation.report_rules import ReportRules
from tests.trials.simulation.stage import Stage
from tests.trials.simulation.wire import Call

_KILL: Final = st.sampled_from([*[None] * 48, *range(1, 17)])  # after how many statements, if at all
_KILL_OFTEN: Final = st.sampled_from([*[None] * 6, *range(1, 7)])
_SECONDS: Final = st.sampled_from([None, None, 1, 5, 15, 29, 31, 45, 61, 300, 3_600, 82_000, 90_000])
_WISHES: Final = ("again", "retry", "cancel", "refresh", "take_by_hand", "settle_by_hand", "give_back")
_TICK_SECONDS: Final = 0.01


class Seen:
    """What a run has seen so far."""

    def __init__(self) -> None:
        self.examples = 0
        self.closed = 0  # of them, with a month that was closed
        self.steps = 0
        self.moves: Counter[tuple[State | None, State]] = Counter()


class RefundMachine(RaceRules, ReportRules, MonthRules, FindingRules, BankRules):
    """One example: a PSE of some kind, two payments, and what happens to them; at its end all comes to quiet."""

    life: Life

    def __init__(self, stage: Stage, seen: Seen, playing: Playing = DEFAULT) -> None:
        super().__init__()
        self.playing = playing
        self.stage = stage
        self.seen = seen
        self._sound = False  # whether the last step ended well

    @initialize(
        kind=st.integers(0, 4),
        captured=st.sampled_from([10_000, 7_000, 1]),
        tax=st.sampled_from([0, 1, 1_800]),
        amount=AMOUNTS,
        kill=_KILL_OFTEN,
        drawn=DRAWS,
    )
    def open(
        self, kind: int, captured: int, tax: int, amount: int | None, kill: int | None, drawn: set[Feature]
    ) -> None:
        """Two payments, and a first request; a client that got no answer asks again with the same key."""
        self.stage.run(self._open(kind, captured, min(tax, captured), self.playing.drawn(drawn)))
        part = None if amount is None else min(amount, captured)
        self._do(self._start(self.life.request(self.life.payments[0], part), kill))
        if kill is not None:
            self._do(self._request_again(0))

    async def _open(self, kind: int, amount: int, tax: int, features: frozenset[Feature]) -> None:
        await self.stage.clear()
        self.life = self._new_life(kind, features)
        await self.life.capture(amount, tax)
        await self.life.capture(10_000, 0)
        if features & {Feature.LATER, Feature.SHARED_ORDER}:
            self.life.capture_unregistered(10_000)
        self._sound = True

    def _new_life(self, kind: int, features: frozenset[Feature]) -> Life:
        return Life(self.stage, self.stage.shops[kind], features)

    def _do(self, step: Awaitable[Any]) -> None:
        """Make one step, and look whether everything that must hold still does."""
        self._sound = False
        self.seen.steps += 1
        self.stage.run(self._checked(step))
        self._sound = True

    async def _checked(self, step: Awaitable[Any]) -> None:
        await quiet.pass_to(self.life, _TICK_SECONDS)
        await step
        await truth.check(self.life)

    async def _through(self, process: Process, fate: Fate, kill: int | None) -> None:
        """Let its calls leave and their answers come in until it has ended."""
        while process in self.life.processes.waiting:
            call = process.call
            assert call is not None
            if not call.left:
                call.leave(self.life.pse, *self._fate_of(call, fate))
            await self.life.processes.rest(self.life.processes.resume(process, kill_after=kill))

    def _fate_of(self, call: Call, fate: Fate) -> Fate:
        return fate

    async def _start(self, job: Job | None, kill: int | None) -> Process | None:
        if job is None:
            return None
        return await self.life.processes.rest(self.life.processes.begin(job, kill_after=kill))

    async def _refund(self, pick: int) -> Refund | None:
        found = await self.life.refunds()
        return found[pick % len(found)] if found else None

    # What clients do.

    @rule(pick=PICK, amount=AMOUNTS, kill=_KILL_OFTEN)
    def request(self, pick: int, amount: int | None, kill: int | None) -> None:
        payment = self.life.payments[pick % 2]
        self._do(self._start(self.life.request(payment, amount), kill))

    async def _request_again(self, pick: int) -> None:
        asked = self.life.asked[pick % len(self.life.asked)]
        again = await self._start(self.life.request_again(asked), None)
        once_more = await self._start(self.life.request_again(asked), None)
        assert again is not None
        assert once_more is not None
        truth.same_answer(again.result, once_more.result)

    @rule(what=st.sampled_from(_WISHES), pick=PICK, kill=_KILL)
    def ask(self, what: str, pick: int, kill: int | None) -> None:
        """A client wants something of a refund that is there, or a person pays it by hand."""
        self._do(self._request_again(pick) if what == "again" else self._ask(what, pick, kill))

    async def _ask(self, what: str, pick: int, kill: int | None) -> None:
        refund = await self._refund(pick)
        if refund is not None:
            await self._start(getattr(self.life, what)(refund), kill)

    @rule(pick=PICK, people=st.sampled_from([(1, 2), (1, 2), (1,), (2,)]), kill=_KILL)
    def resolve(self, pick: int, people: tuple[int, ...], kill: int | None) -> None:
        self._do(self._resolve(pick, people, kill))

    async def _resolve(self, pick: int, people: tuple[int, ...], kill: int | None) -> None:
        for person in people:
            if (refund := await self._refund(pick)) is not None:
                await self._start(self.life.resolve(refund, person, named=pick % 2 == 1), kill)

    # What workers do.

    @rule(pick=PICK, decision=DECISION)
    def work(self, pick: int, decision: Status) -> None:
        """A worker hears the bell, else the sweep rings, else time passes until something is due; all goes well."""
        self._do(self._work(pick, (Mood.OK, decision, False), None, None, hold=False))

    @rule(pick=PICK, fate=FATE, kill=_KILL, kill_late=_KILL)
    def work_in_trouble(self, pick: int, fate: Fate, kill: int | None, kill_late: int | None) -> None:
        self._do(self._work(pick, fate, kill, kill_late, hold=False))

    @rule(pick=PICK)
    def work_slowly(self, pick: int) -> None:
        """The call has not left when something else happens, and the bell rings a second time."""
        self._do(self._work(pick, (Mood.OK, Status.DONE, False), None, None, hold=True))

    async def _work(self, pick: int, fate: Fate, kill: int | None, kill_late: int | None, *, hold: bool) -> None:
        rung = self.stage.bell.rung
        if not rung:
            await self.life.sweep()
        if not rung:
            await quiet.pass_to(self.life, await quiet.seconds_to_next(self.life))
            await self.life.sweep()
        if rung:
            job = rung.pop(pick % len(rung))
            process = await self._start(self.life.work(job), kill)
            if hold:
                rung.append(job)
            elif process is not None:
                await self._through(process, fate, kill_late)

    @precondition(lambda self: self.life.processes.waiting)
    @rule(what=st.sampled_from(["leave", "arrive", "arrive", "crash"]), pick=PICK, fate=FATE, kill=_KILL)
    def go_on(self, what: str, pick: int, fate: Fate, kill: int | None) -> None:
        """A process that waits: its request leaves, or its answer arrives, or it is killed."""
        process = self._waiting(pick)
        match what:
            case "leave":
                self._do(self._leave(process, fate))
            case "arrive":
                self._do(self._through(process, fate, kill))
            case _:
                self._do(self.life.processes.kill(process))

    async def _leave(self, process: Process, fate: Fate) -> None:
        call = process.call
        if call is not None and not call.left:
            call.leave(self.life.pse, *fate)

    def _waiting(self, pick: int) -> Process:
        return self.life.processes.waiting[pick % len(self.life.processes.waiting)]

    # What happens by itself.

    @rule(seconds=_SECONDS)
    def wait(self, seconds: float | None) -> None:
        """Time passes; None: until the next thing is due."""
        self._do(self._wait(seconds))

    async def _wait(self, seconds: float | None) -> None:
        await quiet.pass_to(self.life, await quiet.seconds_to_next(self.life) if seconds is None else seconds)

    @precondition(lambda self: self.life.pse.news)
    @rule(pick=PICK, copy=st.integers(0, 1), keep=st.booleans(), kill=_KILL)
    def webhook(self, pick: int, copy: int, keep: bool, kill: int | None) -> None:
        """One of the webhooks on their way comes in; `keep`: it will come again."""
        news = self.life.pse.news
        told = news[pick % len(news)] if keep else news.pop(pick % len(news))
        self._do(self._start(self.life.deliver(told, copy), kill))

    @precondition(lambda self: self.life.pse.news or self.stage.bell.rung)
    @rule(pick=PICK)
    def lose(self, pick: int) -> None:
        """A webhook is lost, else the bell is flushed."""
        news = self.life.pse.news
        lost = partial(news.remove, news[pick % len(news)]) if news else self.stage.bell.rung.clear
        self._do(self._call(lost))

    @precondition(lambda self: self.life.pse.late)
    @rule(pick=PICK)
    def late_request(self, pick: int) -> None:
        late = self.life.pse.late
        self._do(self._call(partial(self.life.pse.arrive_late, late[pick % len(late)])))

    async def _call(self, act: Callable[[], Any]) -> None:
        act()

    @precondition(lambda self: self.life.pse.turns())
    @rule(pick=PICK, refuse=st.booleans())
    def pse_turns(self, pick: int, refuse: bool) -> None:
        """The PSE decides about what it had accepted, or the money of a refund comes back."""
        turns = self.life.pse.turns()
        held = turns[pick % len(turns)]
        queued = Status.REFUSED if refuse else Status.DONE
        status = queued if held.status is Status.QUEUED else Status.RETURNED
        if status is Status.RETURNED and not self.life.form.tells_returns:
            return
        self._do(self._call(partial(self.life.pse.turn, held, status)))

    @precondition(lambda self: not self.life.pse.unique_amounts)
    @precondition(lambda self: not self.life.pse.bank_took(self.life.captured[0].reference))
    @rule(amount=st.sampled_from([1, 5_000]))
    def bank_takes(self, amount: int) -> None:
        self._do(self._call(partial(self.life.pse.take_back, self.life.captured[0].reference, amount)))

    @precondition(lambda self: self.life.pse.held)
    @rule(pick=PICK, kill=_KILL)
    def reconcile(self, pick: int, kill: int | None) -> None:
        days = sorted(self.life.days)
        self._do(self._start(self.life.reconcile(days[pick % len(days)]), kill))

    def teardown(self) -> None:
        """All comes to quiet, and the books are compared with the oracle."""
        if hasattr(self, "life"):
            self.stage.run(self._end())

    async def _end(self) -> None:
        try:
            if self._sound:
                await quiet.come_to_quiet(self.life)
                await truth.check_quiet(self.life)
                await bank_rules.check_bank(self.life)
                await bank_rules.check_export(self.life)
                await month_rules.check_closed(self.life)
                await month_rules.check_told(self.life)
                self.seen.examples += 1
                self.seen.closed += bool(self.life.closed)
        finally:
            await self.life.processes.kill_all()
            self.seen.moves.update(truth.moves_of(await self.stage.hand.fetch(truth.EVENTS)))
