"""What happens to reports, and to money without us, as rules of the state machine: a mixin of RefundMachine."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from domain.models import Refund
from domain.models.refunds import State
from domain.pse.vocabulary import Period
from domain.reconciliation import reconcile
from tests.trials.simulation import quiet
from tests.trials.simulation.features import Feature
from tests.trials.simulation.focus import Playing
from tests.trials.simulation.held import Held, Mood, Status, Way
from tests.trials.simulation.life import Life
from tests.trials.simulation.processes import Job, Process, Start
from tests.trials.simulation.reports import Captured
from tests.trials.simulation.stage import Stage

_PICK: Final = st.integers(0, 11)
_KILL: Final = st.sampled_from([*[None] * 24, *range(1, 17)])
_MORNING: Final = timedelta(hours=1)  # after midnight, when the night runs
_MOMENT: Final = 0.01  # seconds
_PARTS: Final = (1, 500, 2_500, 5_000)
_WAYS: Final = {Feature.BACK_OFFICE: Way.BACK_OFFICE, Feature.BANK: Way.BANK, Feature.CHARGEBACKS: Way.CHARGEBACK}
# What becomes of one of several refunds; None: it is not sent.
_FATES: Final = st.sampled_from(
    [
        None,
        (Mood.OK, Status.QUEUED),
        (Mood.OK, Status.DONE),
        (Mood.OK, Status.DONE),
        (Mood.OK, Status.REFUSED),
        (Mood.LOST_ANSWER, Status.DONE),
        (Mood.LOST_ANSWER, Status.QUEUED),
        (Mood.LOST_REQUEST, Status.DONE),
    ]
)
_Fate = tuple[Mood, Status] | None


class ReportRules(RuleBasedStateMachine):
    """Each rule plays only where the example has drawn its feature."""

    life: Life
    stage: Stage
    playing: Playing
    _do: Callable[[Awaitable[Any]], None]
    _start: Callable[[Job | None, int | None], Awaitable[Process | None]]
    _begin: Callable[[Job], Start]
    _through: Callable[[Process, tuple[Mood, Status, bool], int | None], Awaitable[None]]

    def plays(self, *features: Feature) -> bool:
        """Whether the example plays one of them."""
        return any(self.life.form.has(feature) for feature in features)

    # Refunds.

    @precondition(lambda self: self.plays(Feature.TWINS))
    @rule(pick=st.integers(0, 1), amount=st.sampled_from([1, 2_500]), fates=st.lists(_FATES, min_size=2, max_size=3))
    def twins(self, pick: int, amount: int, fates: list[_Fate]) -> None:
        """Refunds of equal amount on one payment, each with a fate of its own."""
        self._do(self._twins(pick, amount, fates))

    async def _twins(self, pick: int, amount: int, fates: Sequence[_Fate]) -> None:
        for fate in fates:
            await quiet.pass_to(self.life, _MOMENT)
            before = {refund.id for refund in await self.life.refunds()}
            await self._start(self.life.request(self.life.payments[pick], amount), None)
            fresh = [refund for refund in await self.life.refunds() if refund.id not in before]
            if fresh and fate is not None:
                process = await self._start(self.life.step(fresh[0]), None)
                assert process is not None
                await self._through(process, (*fate, False), None)

    async def _refused_is_paid(self, refused: Sequence[Held], pick: int) -> None:
        self.life.pse.unsay(refused[pick % len(refused)])

    @precondition(lambda self: self.plays(Feature.BY_HAND))
    @rule(pick=_PICK)
    def pay_by_bank_transfer(self, pick: int) -> None:
        """A refund that was never sent is taken off the wire and paid from the merchant's bank."""
        self._do(self._pay_by_bank_transfer(pick))

    async def _pay_by_bank_transfer(self, pick: int) -> None:
        waiting = [one for one in await self.life.refunds() if one.state in (State.REQUESTED, State.MANUAL)]
        if waiting:
            refund = waiting[pick % len(waiting)]
            await self._start(self.life.take_by_hand(refund), None)
            await self._start(self.life.settle_by_hand(await Refund.get(id=refund.id)), None)

    # Money that moves without us.

    @precondition(lambda self: self.plays(*_WAYS))
    @rule(pick=_PICK, part=st.sampled_from([*_PARTS, None, None, None]))
    def others_take(self, pick: int, part: int | None) -> None:
        """Back office, bank or card network take `part`; None: as much as one of our refunds, or all that is left."""
        self._do(self._others_take(pick, part))

    async def _others_take(self, pick: int, part: int | None) -> None:
        way = self._way(pick)
        payment = self._payment(pick)
        left = self.life.pse.left(payment.reference, payment.amount)
        ours = [amount for amount in await self._amounts_of(payment) if amount <= left]
        if self.life.pse.unique_amounts and way is not Way.CHARGEBACK:
            amount = min((part or _PARTS[-1]) + 1, left)  # of which we never ask a refund
        else:
            amount = min(part, left) if part is not None else ours[pick % len(ours)] if ours else left
        if amount > 0 and self._may_be_taken(way, payment.reference, amount, ours):
            self.life.outside.take(payment.reference, amount, way)

    async def _amounts_of(self, payment: Captured) -> list[int]:
        known = {one.id for one in self.life.payments if one.pse_reference == payment.reference}
        return [one.amount for one in await self.life.refunds() if one.payment_id in known]

    def _way(self, pick: int) -> Way:
        ways = [way for feature, way in _WAYS.items() if self.plays(feature)]
        return ways[pick % len(ways)]

    def _payment(self, pick: int) -> Captured:
        # The payment that is not registered yet comes up more often: little else happens to it.
        captured = self.life.captured
        return captured[-1] if self.life.later and pick % 2 else captured[pick % len(captured)]

    def _may_be_taken(self, way: Way, payment: str, amount: int, ours: Sequence[int]) -> bool:
        if way is not Way.CHARGEBACK and self.life.pse.unique_amounts:
            return not self.life.pse.has_amount(payment, amount) and amount not in ours
        # A listing that names no reference could not tell a back-office refund from ours of equal amount.
        listed = self.life.pse.able.look_up and way is Way.BACK_OFFICE and not self._asks_by_name()
        return not (listed and amount in ours)

    def _asks_by_name(self) -> bool:
        return self.life.form.nameless_outside and not self.life.pse.unique_amounts

    @precondition(lambda self: self.plays(*_WAYS) and self.life.form.tells_returns and self.life.outside.went())
    @rule(pick=_PICK)
    def others_give_back(self, pick: int) -> None:
        """What others took comes back: it bounces, the bank undoes it, a chargeback is reversed."""
        went = self.life.outside.went()
        self._do(self._others_give_back(went[pick % len(went)]))

    async def _others_give_back(self, held: Held) -> None:
        self.life.outside.give_back(held)

    # Reports.

    @precondition(lambda self: self.life.form.features)
    @rule(days=st.sampled_from([1, 1, 2, 3]), happenings=st.lists(st.tuples(_PICK, _PICK), max_size=4))
    def day(self, days: int, happenings: list[tuple[int, int]]) -> None:
        """A day with what others do in it, as one step, so that few steps lead far; and its night."""
        self._do(self._day(days, happenings))

    async def _day(self, days: int, happenings: Sequence[tuple[int, int]]) -> None:
        for what, pick in happenings:
            await quiet.pass_to(self.life, _MOMENT)
            playable = self._playable(pick)
            if playable:
                await playable[what % len(playable)]()
        await self._night(days)

    def _playable(self, pick: int) -> list[Callable[[], Awaitable[None]]]:
        """What can happen in this example now; `pick` says to whom."""
        life, went, refused = self.life, self.life.outside.went(), self.life.pse.held_in(Status.REFUSED)
        fates = ((Mood.OK, Status.QUEUED), (Mood.OK, Status.DONE), None)
        part = [*_PARTS, None, None][pick % (len(_PARTS) + 2)]
        all_of_them = [
            (self.plays(*_WAYS), partial(self._others_take, pick, part)),
            (self.plays(*_WAYS), partial(self._others_take, pick, None)),
            (self.plays(Feature.TWINS), partial(self._twins, pick % 2, 2_500, fates)),
            (self.plays(Feature.OURS_NAMED), partial(self._twins, pick % 2, 2_500, ((Mood.OK, Status.REFUSED),))),
            (bool(refused) and self.plays(Feature.OURS_NAMED), partial(self._refused_is_paid, refused, pick)),
            (self.plays(Feature.BY_HAND), partial(self._pay_by_bank_transfer, pick)),
            (self.plays(Feature.MISTAKES), partial(self._report_errs, pick, 700, pick % 3 == 0)),
            (self.plays(Feature.MISTAKES), partial(self._report_is_revised, pick % 3 == 0)),
            (self.plays(Feature.DOUBLED) and life.form.tells_doubles, partial(self._line_is_doubled, pick)),
            (bool(life.later), partial(self._register_later, None)),
        ]
        if went and life.form.tells_returns:
            all_of_them.append((True, partial(self._others_give_back, went[pick % len(went)])))
        return [act for can_be, act in all_of_them if can_be]

    async def _night(self, days: int) -> None:
        """The day ends, and the reports of the last `days` days come in, the newest first."""
        life = self.life
        today = life.today()
        start = (await _period(life)).end
        await quiet.pass_to(life, (start + _MORNING - life.clock.now).total_seconds())
        for day in [one for one in sorted(life.days, reverse=True) if one <= today][:days]:
            await self._start(life.reconcile(day), None)

    @precondition(lambda self: self.life.form.features)
    @rule(pick=_PICK, pause=st.integers(1, 15), same=st.booleans())
    def two_nights(self, pick: int, pause: int, same: bool) -> None:
        """Two dates are reconciled at the same moment, or one of them twice."""
        days = sorted(self.life.days)
        one, two = days[pick % len(days)], days[pick % len(days) if same else 0]
        first, second = self._begin(self.life.reconcile(one)), self._begin(self.life.reconcile(two))
        self._do(self.life.processes.race(first, second, pause))

    @precondition(lambda self: self.life.later)
    @rule(kill=_KILL)
    def register_later(self, kill: int | None) -> None:
        """The merchant registers what the PSE has spoken of before."""
        self._do(self._register_later(kill))

    async def _register_later(self, kill: int | None) -> None:
        new = self.life.later[-1]
        before = len(self.life.payments)
        await self._start(self.life.register_later(), kill)
        if len(self.life.payments) == before:
            self.life.later.append(new)  # the process died, so the merchant does it again

    @precondition(lambda self: self.plays(Feature.MISTAKES))
    @rule(pick=_PICK, amount=st.sampled_from([700, 2_500]), other=st.booleans())
    def report_errs(self, pick: int, amount: int, other: bool) -> None:
        """Today's report tells of money that never left; `other`: of another amount than what others took."""
        self._do(self._report_errs(pick, amount, other))

    async def _report_errs(self, pick: int, amount: int, other: bool) -> None:
        went = [one for one in self.life.outside.went() if one.told_as is None and one.amount > 1]
        if other and went:
            held = went[pick % len(went)]
            self.life.outside.mistell(held, held.amount - 1)
        elif not self.life.pse.unique_amounts:
            self.life.outside.mistake(self.life.captured[pick % 2].reference, amount, self.life.clock.now)

    @precondition(lambda self: self.plays(Feature.MISTAKES))
    @rule(order_alone=st.booleans())
    def report_is_revised(self, order_alone: bool) -> None:
        """The PSE makes its reports anew: lines change and are dropped; `order_alone`: they stand in another order."""
        self._do(self._report_is_revised(order_alone))

    async def _report_is_revised(self, order_alone: bool) -> None:
        outside = self.life.outside
        if order_alone:
            outside.last_first = not outside.last_first
        else:
            outside.revise()

    @precondition(lambda self: self.plays(Feature.DOUBLED) and self.life.form.tells_doubles and self.life.pse.held)
    @rule(pick=_PICK)
    def line_is_doubled(self, pick: int) -> None:
        """The report has a line twice, of our refund or of money that others took."""
        self._do(self._line_is_doubled(pick))

    async def _line_is_doubled(self, pick: int) -> None:
        # A chargeback that is told twice under one name was taken in two parts.
        held = [one for one in self.life.pse.held if one.status is Status.DONE and one.way is not Way.CHARGEBACK]
        outside = [one for one in held if one.by_bank] or held
        if outside:
            outside[pick % len(outside)].lines = 2


async def _period(life: Life) -> Period:
    return await reconcile.period_of(life.shop.connection, life.today())
