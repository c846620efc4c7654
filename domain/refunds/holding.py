"""An order that must not go out now: it waits, its history says why, and a person is told where it may last."""

from domain.models import Refund
from domain.models.refunds import State
from domain.refunds import call_person, held, intervals, put_off, schedule
from domain.refunds.claim import Claim
from domain.refunds.schedule import Sends


async def held_back(claim: Claim, sends: Sends) -> bool:
    """Whether the order must not go out now: it is looked at again soon, and a person is told when it may last."""
    found = await held.why(claim.refund, claim.payment)
    if found is None:
        return False
    if sends.count and found.lasting:
        await call_person.call_person(claim.refund, claim.cause, found.said)
        return True
    await schedule.postpone(claim.refund.id, intervals.HELD_SECONDS if found.lasting else intervals.TURN_SECONDS)
    await _note_held(claim, held.CODE, found.said)
    if found.lasting:
        await call_person.open_held(claim.refund, found.said)
    return True


async def wait_for_the_other(claim: Claim) -> None:
    """Another refund of the payment may be at the PSE unnamed. The history says so, unless that takes a moment only."""
    others = Refund.filter(payment_id=claim.payment.id, state__in=(State.REQUESTED, State.SUBMITTED))
    others = others.exclude(id=claim.refund.id)
    if await others.filter(state=State.SUBMITTED, needs_person_since__isnull=False).exists():
        await schedule.postpone(claim.refund.id, intervals.MINUTE)
        said = "Another refund of this payment is in doubt, which only people can end; this one waits for it."
        await _note_held(claim, "OTHER_IN_DOUBT", said)
        return
    await schedule.postpone(claim.refund.id, intervals.TURN_SECONDS)
    if await others.filter(doubt_since__isnull=False).exists():
        said = "Another refund of this payment is in doubt, and the PSE is asked about it; this one waits for it."
        await _note_held(claim, "OTHER_IN_DOUBT", said)


async def _note_held(claim: Claim, code: str, said: str) -> None:
    await put_off.note_held(claim.refund, claim.cause, code, said)
