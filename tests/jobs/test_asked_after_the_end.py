"""News of a refund that has ended makes us ask: a question without a clear answer is asked again, not forgotten."""

import pytest

from domain import invariants
from domain.access.tokens import Role
from domain.findings.findings import FindingKind
from domain.models import Finding, Payment, Refund
from domain.models.refunds import State
from domain.pse.capabilities import LookUp
from domain.pse.vocabulary import Declined, InDoubt, Outcome, Returned, Succeeded, Unsent
from domain.refunds import intervals
from domain.refunds.doubt import Verdict, resolve
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from tests.kit.factories import CAUSE, a_look_up, a_person, a_refund, an_answer
from tests.kit.lab_connector import Lab
from tests.kit.world import Lay, World

TROUBLE = InDoubt("HTTP_503", "trouble")


async def _ended(world: World, mood: str) -> Refund:
    return await world.step(await a_refund(world.shop, await world.payment(mood), 3_000))


@pytest.mark.parametrize(
    ("mood", "news", "truth", "ends"),
    [
        ("ok", Declined("REFUSED", "no"), Returned("RETURNED", "It came back."), State.RETURNED),
        ("refused", Succeeded("L9"), Succeeded("L9"), State.FAILED),
    ],
    ids=["came back", "left after a refusal"],
)
async def test_a_question_that_fails_is_asked_again(
    lay: Lay, mood: str, news: Outcome, truth: Outcome, ends: State
) -> None:
    refund = await _ended(await lay(Lab()), mood)
    await record(refund.id, news, Source(Door.NOTICE), CAUSE)
    for _ in range(2):
        recorded = await a_look_up(refund, TROUBLE)
        assert recorded.due_in is not None
        assert (await Refund.get(id=refund.id)).due_at is not None
    recorded = await a_look_up(refund, truth)
    assert (recorded.state, recorded.due_in, (await Refund.get(id=refund.id)).due_at) == (ends, None, None)
    payment = await Payment.get(id=refund.payment_id)
    assert (payment.refunded, payment.taken_by_bank) == (0, 3_000 if ends is State.FAILED else 0)
    assert await invariants.check() == []


async def test_a_refusal_that_may_be_older_than_the_money_gives_nothing_back_where_nobody_can_be_asked(
    lay: Lay,
) -> None:
    world = await lay(Lab(look_up=LookUp.NONE))
    refund = await _ended(world, "refused")
    for news, taken in (
        (Succeeded("L9"), 3_000),
        (Declined("REFUSED", "no"), 3_000),
        (Returned("BACK", "It came."), 0),
    ):
        await record(refund.id, news, Source(Door.NOTICE), CAUSE)
        assert (await Payment.get(id=refund.payment_id)).taken_by_bank == taken
    assert await Finding.filter(refund_id=refund.id, kind=FindingKind.STATUS_MISMATCH).count() == 1
    assert await invariants.check() == []


async def test_when_no_question_is_answered_for_a_day_a_person_must_look(lay: Lay) -> None:
    refund = await _ended(await lay(Lab()), "ok")
    await record(refund.id, Declined("REFUSED", "no"), Source(Door.NOTICE), CAUSE)
    for _ in intervals.IN_DOUBT.delays:
        recorded = await a_look_up(refund, TROUBLE)
    refund = await Refund.get(id=refund.id)
    assert (recorded.due_in, refund.state, refund.due_at) == (None, State.SUCCEEDED, None)
    assert await Finding.filter(refund_id=refund.id, kind=FindingKind.STATUS_MISMATCH).count() == 1


async def test_a_refund_that_people_ended_as_paid_is_not_asked_about_for_ever(lay: Lay) -> None:
    world = await lay(Lab(key_lifetime=None))
    refund = await a_refund(world.shop, await world.payment(), 3_000)
    await an_answer(refund, InDoubt("REFUSED", "no", refusal=True))
    for name in ("ana", "bia"):
        person = a_person(world.shop, name, Role.ADMINISTRATOR)
        await resolve(person, refund.id, Verdict.PAID, "The back office lists it.", CAUSE)
    recorded = await a_look_up(refund, Unsent("UNKNOWN", "The PSE does not know it."))
    assert (recorded.state, recorded.due_in) == (State.SUCCEEDED, None)
