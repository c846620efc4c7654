"""The end of an example: faults stop, webhooks and reports come in, people answer, and workers work until all rest."""

from datetime import timedelta
from typing import Final

from domain.models import Refund
from domain.models.refunds import State
from domain.pse.capabilities import LookUp
from domain.reconciliation import to_repeat
from domain.refunds.states import SETTLED_FOR_NOW
from tests.trials.simulation.held import Mood, Status
from tests.trials.simulation.life import Life
from tests.trials.simulation.processes import Process
from tests.trials.simulation.truth import Violation, check

_NIGHTS_MAX: Final = 4
_ROUNDS_MAX: Final = 400  # refunds of one payment may take turns every few seconds for hours
# A webhook that knows only the PSE's name waits, like what is pending, for the report that knows ours too.
_DUE: Final = """SELECT min(due_at) FROM (SELECT due_at FROM refunds WHERE due_at IS NOT NULL AND state <> $1
  UNION ALL SELECT due_at FROM notices WHERE due_at IS NOT NULL AND ($1 = '' OR tries = 0)) AS waiting"""

_WAITING: Final = "SELECT tries, due_at::text, result FROM notices WHERE due_at IS NOT NULL"
_HELD: Final = "SELECT 1 FROM findings WHERE fingerprint = 'held/' || $1::text AND resolved_at IS NULL"
_NEXT: Final = "SELECT min(due_at) FROM refunds WHERE due_at > $1"


async def pass_to(life: Life, seconds: float) -> None:
    """Let time pass; late requests arrive when the PSE's word says that they must."""
    target = life.clock.now + timedelta(seconds=seconds)
    while (known_by := life.pse.known_by()) is not None and known_by <= target:
        await life.clock.set(max(known_by, life.clock.now))
        for order in life.pse.overdue():
            life.pse.arrive_late(order)
        life.today()
    await life.clock.set(target)
    life.today()


async def seconds_to_next(life: Life) -> float:
    """Seconds until something is due that is not due yet."""
    due_at = await life.stage.hand.fetchval(_NEXT, life.clock.now)
    return 0.0 if due_at is None else (due_at - life.clock.now).total_seconds()


async def come_to_quiet(life: Life) -> None:
    """Raises Violation when something is stuck."""
    # Where nobody can be asked and the webhook was lost, only the report tells, and it comes last.
    waits_for_report = State.PENDING if life.pse.able.look_up is LookUp.NONE else None
    await _work_all(life, waits_for_report)
    for number, process in enumerate(list(life.processes.waiting)):
        # Processes that stood still wake up when all was settled without them, or never.
        await (_done(life, process) if number % 2 == 0 else life.processes.kill(process))
    await check(life)
    while life.later:
        await life.processes.rest(life.processes.begin(life.register_later()))
    life.outside.revise()
    await _work_all(life, waits_for_report)
    await _all_nights(life)
    await _work_all(life)


async def _all_nights(life: Life) -> None:
    """Every date whose reports tell something new, and every date that the product itself wants again."""
    for _ in range(_NIGHTS_MAX):
        changed = {day for day in life.days if b"".join((await life.reported(day)).values()) != life.told.get(day)}
        wanted = changed | await to_repeat.dates(life.shop.connection.id)
        for day in sorted(wanted):
            await _done(life, await life.processes.rest(life.processes.begin(life.reconcile(day))))
        await _work_all(life)
        if not wanted:
            return


async def _work_all(life: Life, waits_for_report: State | None = None) -> None:
    ended = SETTLED_FOR_NOW | {waits_for_report}
    for _ in range(_ROUNDS_MAX):
        _decide(life)
        while life.pse.news:  # the newest first: the worst order
            await _done(life, await life.processes.rest(life.processes.begin(life.deliver(life.pse.news.pop(), 0))))
        await hear(life)
        open_ones = [refund for refund in await life.refunds() if refund.state not in ended]
        for refund in open_ones:
            await _resolve(life, refund)
        due_at = await life.stage.hand.fetchval(_DUE, waits_for_report or "")
        undecided = any(held.status is Status.QUEUED for held in life.pse.held)
        if due_at is None and not (open_ones or life.pse.late or life.pse.news or undecided):
            return
        waits = [moment for moment in (due_at, life.pse.known_by()) if moment is not None]
        await pass_to(life, max((min(waits, default=life.clock.now) - life.clock.now).total_seconds(), 0.01))
    left = [f"{refund.reference} {refund.state} due {refund.due_at}" for refund in await life.refunds()]
    waiting = [dict(row) for row in await life.stage.hand.fetch(_WAITING)]
    raise Violation(f"After {_ROUNDS_MAX} rounds without a fault something is still open: {left}, webhooks {waiting}")


def _decide(life: Life) -> None:
    for held in life.pse.held:
        if held.status is Status.QUEUED:
            life.pse.turn(held, Status.DONE if len(life.pse.held) % 2 else Status.REFUSED)


async def hear(life: Life) -> None:
    """Workers hear the bell, and all goes well."""
    await life.sweep()
    while life.stage.bell.rung:
        job = life.work(life.stage.bell.rung.pop(0))
        await _done(life, await life.processes.rest(life.processes.begin(job)))


async def _done(life: Life, process: Process) -> None:
    while process in life.processes.waiting:
        call = process.call
        assert call is not None
        if not call.left:
            decision = Status.DONE if len(life.pse.held) % 2 else Status.QUEUED
            call.leave(life.pse, Mood.OK, decision, lags=False)
        await life.processes.rest(life.processes.resume(process))


async def _resolve(life: Life, refund: Refund) -> None:
    """Two honest people answer what waits for a person, and end what one of them has taken by hand."""
    if refund.state is State.MANUAL:
        by_hand = life.settle_by_hand(refund) if len(life.asked) % 2 else life.give_back(refund)
        await life.processes.rest(life.processes.begin(by_hand))
    if refund.state is State.REQUESTED and await life.stage.hand.fetchval(_HELD, str(refund.id)):
        # An honest person who sees that the customer may have the money asks anew, if it is due, and not twice.
        await life.processes.rest(life.processes.begin(life.cancel(refund)))
    for person in (1, 2):
        fresh = await Refund.get(id=refund.id)
        if fresh.needs_person_since is not None and (job := life.resolve(fresh, person)) is not None:
            await life.processes.rest(life.processes.begin(job))
