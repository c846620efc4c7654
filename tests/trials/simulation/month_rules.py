"""Accounting closes the month while all goes on: a mixin of RefundMachine. What is closed never changes."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, time
from functools import partial
from typing import Any, Final
from uuid import uuid4

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from domain.books.trial_balance import By, trial_balance
from domain.periods import after_closing, closing
from domain.periods.months import Month
from domain.platform.database import rows
from domain.problems import InvalidState
from tests.trials.simulation import quiet
from tests.trials.simulation.clock import START
from tests.trials.simulation.life import Life
from tests.trials.simulation.processes import Job, Process, Processes, Start
from tests.trials.simulation.truth import Violation

MONTH: Final = Month.of(START.date())
_PICK: Final = st.integers(0, 11)
_KILL: Final = st.sampled_from([None, None, None, *range(1, 25)])
_MOMENT_SECONDS: Final = 0.02  # of patience: who stands still here will not end by waiting
_FIGURES: Final = (
    "SELECT c.digest, b.account, b.currency, b.opening, b.debits, b.credits FROM closed_balances b "
    "JOIN period_closings c ON c.id = b.closing_id WHERE c.confirmed_at IS NOT NULL ORDER BY 2, 3"
)


class MonthRules(RuleBasedStateMachine):
    """The month is over, whatever is still on its way, and late reports of it come in afterwards."""

    life: Life
    _do: Callable[[Awaitable[Any]], None]
    _start: Callable[[Job | None, int | None], Awaitable[Process | None]]
    _begin: Callable[[Job], Start]

    @rule(kill=_KILL)
    def close_month(self, kill: int | None) -> None:
        """Time passes until it can be closed, and two people close it, or die over it."""
        self._do(self._close_month(kill))

    async def _close_month(self, kill: int | None) -> None:
        await self._pass_to_its_end()
        await self._start(partial(close, self.life), kill)

    @rule(pick=_PICK, pause=st.integers(1, 20), closes_first=st.booleans())
    def close_while_a_night_books(self, pick: int, pause: int, closes_first: bool) -> None:
        """A night and the closing at the same moment, interleaved at a statement."""
        self._do(self._close_while_a_night_books(pick, pause, closes_first))

    async def _close_while_a_night_books(self, pick: int, pause: int, closes_first: bool) -> None:
        await self._pass_to_its_end()
        days = sorted(self.life.days)
        night, closes = self.life.reconcile(days[pick % len(days)]), partial(close, self.life)
        one, two = (closes, night) if closes_first else (night, closes)
        processes: Processes = self.life.processes
        await processes.race(self._begin(one), self._begin(two), pause)

    async def _pass_to_its_end(self) -> None:
        end = datetime.combine(MONTH.closable_from, time(1), UTC)
        if self.life.clock.now < end:
            await quiet.pass_to(self.life, (end - self.life.clock.now).total_seconds())


async def close(life: Life) -> None:
    """Two people close the month; somebody who books just now is left to end."""
    life.closes = True
    people = (life._person(1), life._person(2))
    try:
        proposed = await closing.propose(people[0], MONTH, "All goes on.", uuid4().hex, life.cause("person-1"))
        await closing.confirm(people[1], proposed.id, life.cause("person-2"), patience_seconds=_MOMENT_SECONDS)
    except InvalidState:
        return
    life.closed = await _figures()


async def _figures() -> list[tuple[Any, ...]]:
    return [tuple(one.values()) for one in await rows(_FIGURES)]


async def check_closed(life: Life) -> None:
    """What was closed is what it was, by what was kept and by the ledger. Raises Violation."""
    kept = await _figures() if life.closes else []
    if not kept:
        return
    life.closed = life.closed or kept
    told = await trial_balance(life.shop.id, MONTH.first_day, MONTH.last_day, [By.STORE])
    booked = sorted((str(one.account), one.currency, one.opening, one.debits, one.credits) for one in told.rows)
    if not [one[1:] for one in kept] == booked == [one[1:] for one in life.closed] or kept[0][0] != life.closed[0][0]:
        raise Violation(f"The closed month {MONTH} has changed: {kept}, booked {booked}, at first {life.closed}.")


async def check_told(life: Life) -> None:
    """At the end: what came after the month was closed is told in sum. Raises Violation."""
    await after_closing.tell()
    moved, told = await life.stage.hand.fetchrow(
        "SELECT (SELECT coalesce(sum(amount), 0) FROM ledger_entries WHERE belongs_to IS NOT NULL), "
        "(SELECT coalesce(sum(amount), 0) FROM findings WHERE kind = 'AFTER_CLOSING')"
    )
    if moved != told:
        raise Violation(f"{moved} was booked after its month was closed, and {told} of it was told.")
