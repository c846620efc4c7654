"""A refund that a person has taken to pay by hand was never sent: there is no doubt to vote on."""

import pytest

from domain.access.tokens import Role
from domain.models import Refund
from domain.models.refunds import State
from domain.problems import InvalidState
from domain.pse.vocabulary import Unsent
from domain.refunds import by_hand
from domain.refunds.doubt import Verdict, resolve
from tests.kit.factories import CAUSE, a_payment, a_person, a_refund, a_shop, an_answer


@pytest.mark.usefixtures("books")
@pytest.mark.parametrize("verdict", Verdict)
async def test_what_a_person_may_be_paying_is_not_ended_by_a_vote(verdict: Verdict) -> None:
    shop = await a_shop()
    refund = await a_refund(shop, await a_payment(shop))
    await an_answer(refund, Unsent("TOO_MANY_REQUESTS", "The PSE wants us to slow down."))
    await by_hand.take(a_person(shop, "eva", Role.ACCOUNTING), refund.id, "The PSE is down.", CAUSE)
    with pytest.raises(InvalidState):
        await resolve(
            a_person(shop, "ana", Role.ADMINISTRATOR), refund.id, verdict, "The back office lists nothing.", CAUSE
        )
    assert (await Refund.get(id=refund.id)).state is State.MANUAL
