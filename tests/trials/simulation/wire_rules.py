"""Wide histories of the wire: what real PSEs do to requests and webhooks. Which of them may happen, a theme decides."""

import dataclasses
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any, Final

import asyncpg
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from domain.models import Payment, Refund
from domain.models.refunds import State
from domain.refunds.doubt import Verdict
from tests.trials.simulation import promises, quiet
from tests.trials.simulation.features import Feature
from tests.trials.simulation.focus import DEFAULT, Playing
from tests.trials.simulation.held import Held, Mood, Status
from tests.trials.simulation.life import Life
from tests.trials.simulation.machine import Seen
from tests.trials.simulation.news_rules import NewsRules
from tests.trials.simulation.processes import Start
from tests.trials.simulation.races import DECISION, PICK, Fate
from tests.trials.simulation.stage import Stage
from tests.trials.simulation.themes import THEMES, Theme
from tests.trials.simulation.truth import Violation
from tests.trials.simulation.wide_life import WideLife
from tests.trials.simulation.wire import KINDS, Call

# How often the PSE's broken word may cost a second payment of one refund: as many sends as there can be in one doubt.
RISKS_MAX: Final = 4
_DAYS_ROUNDS: Final = 14
_ASKED_MAX: Final = 6
_PAST_GRACE_SECONDS: Final = 31
_LATER_SECONDS: Final = 300
# An answer 0, a retry 3, a step 5, a person 6, a webhook 7, a report 8: any two, and retries more often.
_RACES: Final = st.sampled_from(
    [*[(3, 0)] * 6, (0, 3), (3, 8), (8, 3), (5, 3), (3, 7), (0, 7), (0, 8), (7, 8), (6, 7), (6, 0), (5, 6), (5, 8)]
)


def _only_in_theme(name: str) -> Callable[[Any], bool]:
    return lambda machine: name in machine.theme.rules


class WireRules(NewsRules):
    """One example: a theme, a kind of PSE, a manner, and what happens there."""

    life: WideLife
    theme: Theme

    @classmethod
    def setup_state(cls) -> Any:
        """Every rule, also those of the plain machine, only where the theme has it."""
        first = cls not in cls._setup_state_per_class
        state: Any = super().setup_state()
        if first:
            state.rules[:] = [
                dataclasses.replace(one, preconditions=(_only_in_theme(one.function.__name__), *one.preconditions))
                for one in state.rules
            ]
        return state

    def __init__(self, stage: Stage, seen: Seen, playing: Playing = DEFAULT) -> None:
        super().__init__(stage, seen, playing)
        self.theme = next(iter(THEMES.values()))

    @initialize(
        theme=st.integers(0, len(THEMES) - 1),
        kind=PICK,
        manner=PICK,
        captured=st.sampled_from([10_000, 7_000]),
        amount=st.sampled_from([None, 2_500, 4_000]),
        quiets=st.integers(0, 3),
    )
    def open(self, theme: int, kind: int, manner: int, captured: int, amount: int | None, quiets: int) -> None:
        """A theme, two payments, and a first request."""
        self.theme = THEMES[self.playing.themes[theme % len(self.playing.themes)]]
        self._quiets = quiets < self.theme.quiets
        self._manner = self.theme.manners[manner % len(self.theme.manners)]
        place = [one.name for one in KINDS].index(self.theme.kinds[kind % len(self.theme.kinds)])
        self.stage.run(self._open(place, captured, 0, self.theme.features))
        self._do(self._start(self.life.request(self.life.payments[0], amount), None))

    def _new_life(self, kind: int, features: frozenset[Feature]) -> Life:
        return WideLife(self.stage, self.stage.shops[kind], features, self._manner)

    async def _checked(self, step: Awaitable[Any]) -> None:
        try:
            await super()._checked(step)
        except Exception as error:
            if _deadlock(error):
                raise Violation("A deadlock: two processes waited for each other.") from error
            raise
        under_way = any(one.call is not None and not one.call.left for one in self.life.processes.waiting)
        await promises.check(self.stage, self.life.pse, self.life.promises, under_way=under_way)
        for reference, times in self.life.pse.risks.items():
            if times > RISKS_MAX:
                raise Violation(f"Refund {reference} was paid {times} times more where nobody could know.")

    # Workers.

    @rule(pick=PICK, mood=PICK, decide=PICK)
    def wide_work(self, pick: int, mood: int, decide: int) -> None:
        """What is due first is done, after as much time as that takes."""
        moods, decisions = self.theme.moods, self.theme.decisions
        fate = (moods[mood % len(moods)], decisions[decide % len(decisions)], False)
        self._do(self._wide_work(pick, fate))

    def _fate_of(self, call: Call, fate: Fate) -> Fate:
        # A question and the order that it was asked for are calls of one process.
        return fate if call.is_order or self.theme.questions_fail else (Mood.OK, *fate[1:])

    @rule(pick=PICK)
    def wide_work_slowly(self, pick: int) -> None:
        self._do(self._wide_work(pick, (Mood.OK, Status.DONE, False), hold=True))

    @precondition(lambda self: self.life.processes.waiting)
    @rule(pick=PICK, leave=st.booleans(), decision=DECISION)
    def go_on_well(self, pick: int, leave: bool, decision: Status) -> None:
        """A process that waits: its request leaves, or its answer arrives too."""
        process, fate = self._waiting(pick), (Mood.OK, decision, False)
        self._do(self._leave(process, fate) if leave else self._through(process, fate, None))

    @rule(pick=PICK)
    def wide_wait(self, pick: int) -> None:
        self._do(self._wait(self.theme.seconds[pick % len(self.theme.seconds)]))

    @rule()
    def refresh_all(self) -> None:
        """Clients ask what became of everything."""
        self._do(self._refresh_all())

    @rule()
    def days_pass(self) -> None:
        """What is due is done as it falls due, for days, and nothing else happens."""
        self._do(self._days_pass())

    async def _days_pass(self) -> None:
        for _ in range(_DAYS_ROUNDS):
            due_at = await self.stage.hand.fetchval("SELECT min(due_at) FROM notices WHERE due_at IS NOT NULL")
            if due_at is None:
                return
            await quiet.pass_to(self.life, max((due_at - self.life.clock.now).total_seconds(), 0.01))
            await quiet.hear(self.life)

    @precondition(lambda self: self.life.pse.denied())
    @rule()
    def late_after_all(self) -> None:
        """A request arrives of which the PSE had said, after its grace, that it does not know it."""
        self._do(self._call(partial(self.life.pse.arrive_late, self.life.pse.denied()[0])))

    @rule()
    def overtaken(self) -> None:
        """The PSE knows nothing of a request after its grace; before anybody goes on, much later, it arrives."""
        self._do(self._wide_work(0, (Mood.VERY_LATE, Status.DONE, False)))
        for _ in range(_ASKED_MAX):
            if not self.life.pse.denied():
                self._do(self._wait(_PAST_GRACE_SECONDS))
                self._do(self._wide_work(0, (Mood.TOO_MANY, Status.DONE, False)))
        if denied := self.life.pse.denied():
            self._do(self._wait(_LATER_SECONDS))
            if denied[0] in self.life.pse.late:
                self._do(self._call(partial(self.life.pse.arrive_late, denied[0])))
            self._do(self._wide_work(0, (Mood.OK, Status.DONE, False)))

    # What the PSE does.

    def _held(self, pick: int, status: Status) -> Held:
        held = self.life.pse.held_in(status)
        return held[pick % len(held)]

    @precondition(lambda self: self.life.pse.held_in(Status.DONE))
    @rule(pick=PICK)
    def pse_recalls(self, pick: int) -> None:
        self._do(self._call(partial(self.life.pse.recall, self._held(pick, Status.DONE))))

    @precondition(lambda self: self.life.pse.held_in(Status.DONE))
    @rule(pick=PICK)
    def recall_is_heard(self, pick: int) -> None:
        """What was done fails after all, and its webhook comes at once."""
        self._do(self._call(partial(self.life.pse.recall, self._held(pick, Status.DONE))))
        self._do(self._news_comes(self.life.pse.news.pop()))

    @precondition(lambda self: self.life.pse.held_in(Status.REFUSED))
    @rule(pick=PICK)
    def pse_unsays(self, pick: int) -> None:
        self._do(self._call(partial(self.life.pse.unsay, self._held(pick, Status.REFUSED))))

    @precondition(lambda self: self.life.pse.held_in(Status.DONE))
    @rule(pick=PICK)
    def pse_tells_other_amount(self, pick: int) -> None:
        self._do(self._call(partial(self.life.pse.tell_other_amount, self._held(pick, Status.DONE))))

    @precondition(lambda self: self.life.pse.held_in(Status.QUEUED))
    @rule(pick=PICK)
    def pse_pays_other(self, pick: int) -> None:
        self._do(self._call(partial(self.life.pse.pay_other, self._held(pick, Status.QUEUED))))

    @precondition(lambda self: not self.life.pse.bank_took(self.life.captured[0].reference))
    @rule(amount=st.sampled_from([1, 2_500]))
    def bank_is_told(self, amount: int) -> None:
        """The bank takes money, and a webhook tells of it."""
        self._do(self._call(partial(self._bank_is_told, amount)))

    def _bank_is_told(self, amount: int) -> None:
        self.life.pse.take_back(self.life.captured[0].reference, amount)
        self.life.pse.tell_of_strange(self.life.pse.held[-1])

    @precondition(lambda self: not self.life.pse.late)
    @rule(amount=st.sampled_from([None, None, 2_500]))
    def refund_by_hand(self, amount: int | None) -> None:
        """Somebody refunds in the panel, unless one of ours could not be told from it by anybody."""
        self._do(self._refund_by_hand(self.life.payments[0], amount))

    async def _refund_by_hand(self, payment: Payment, amount: int | None) -> None:
        if amount is None:  # as much as we were asked for: somebody does not want to wait for us
            amount = (await self.life.refunds())[0].amount
        in_doubt = await Refund.exists(payment_id=payment.id, state=State.SUBMITTED)
        fresh = self.life.pse.listed_lately(payment.pse_reference)
        if not (in_doubt or fresh or self.life.pse.bank_took(payment.pse_reference)):
            self.life.pse.refund_by_hand(payment.pse_reference, amount)

    @precondition(lambda self: not self.life.pse.late)
    @rule()
    def panel_is_used_while_an_order_waits(self) -> None:
        """The PSE turns the order away, somebody refunds as much by hand, and the next order is lost."""
        self._do(self._wide_work(0, (Mood.TOO_MANY, Status.DONE, False)))
        self._do(self._wait(_LATER_SECONDS))
        self._do(self._refund_by_hand(self.life.payments[0], None))
        for mood in (Mood.LOST_REQUEST, Mood.OK):
            self._do(self._wide_work(0, (mood, Status.DONE, False)))
            self._do(self._wait(_PAST_GRACE_SECONDS))

    # People, nights, and two at once.

    @rule(pick=PICK)
    def support_looks(self, pick: int) -> None:
        """Two people of support look into the back office and say what they see."""
        self._do(self._support_looks(pick))

    async def _support_looks(self, pick: int) -> None:
        for person in (1, 2):
            if (refund := await self._refund(pick)) is not None:
                await self._start(self.life.support_says(refund, person), None)

    @precondition(lambda self: not self.life.pse.late)
    @rule(pick=PICK)
    def votes_apart(self, pick: int) -> None:
        """Two people look before the order is sent again; one of them says what was there when it has been."""
        self._do(self._votes_apart(pick))

    async def _votes_apart(self, pick: int) -> None:
        refund = await self._refund(pick)
        await self._wide_work(0, (Mood.LOST_REQUEST, Status.DONE, False))
        await self._wait(_PAST_GRACE_SECONDS)
        if refund is None or self.life.pse.seen(refund.reference) is not Status.REFUSED:
            return
        await self._start(self.life.says(refund, Verdict.NOT_PAID, 1), None)
        for _ in range(2):
            await self._wide_work(0, (Mood.LOST_ANSWER, Status.DONE, False))
        await self._wait(_PAST_GRACE_SECONDS)
        await self._start(self.life.says(refund, Verdict.NOT_PAID, 2), None)

    @precondition(lambda self: len(self.life.days) > 1)
    @rule()
    def reconcile_past(self) -> None:
        """The night of the date that has just ended."""
        self._do(self._start(self.life.reconcile(max(self.life.days) - timedelta(days=1)), None))

    @precondition(lambda self: self.life.pse.excused)
    @rule(two=_RACES, pick=PICK, pause=st.integers(3, 6))
    def wide_race(self, two: tuple[int, int], pick: int, pause: int) -> None:
        self._do(self._race(*two, pick, pause, (Mood.OK, Status.DONE, False)))

    async def _racer(self, what: int, pick: int, fate: Fate) -> Start | None:
        if what == 0 and not self.life.processes.waiting:
            await self._refresh_all()
            await self._wide_work(pick, fate, hold=True)
        return await super()._racer(what, pick, fate)

    async def _end(self) -> None:
        while self._sound and self.life.slow:
            await self._go_on_slow()
        # Where another amount was paid a person has to find out with the PSE, and that has no end here.
        self._sound = self._sound and self._quiets and not self.life.pse.odd
        await super()._end()


def _deadlock(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, asyncpg.DeadlockDetectedError) or "deadlock detected" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False
