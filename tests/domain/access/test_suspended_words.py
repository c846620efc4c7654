"""What somebody has said who is suspended by now is no first of two words: somebody active says it again."""

import pytest

from domain.access import people
from domain.access.people import PersonState
from domain.access.permissions import Role
from domain.access.principal import Principal
from domain.findings import work
from domain.models.findings import ClosingReason
from domain.models.refunds import Reason, State
from domain.models.taxes import ReversalState
from domain.periods import closing
from domain.problems import InvalidInput, InvalidState
from domain.pse.vocabulary import InDoubt
from domain.refunds import by_hand, doubt
from domain.refunds.approvals import decide, propose
from domain.refunds.approvals.propose import Proposal
from domain.refunds.approvals.rules import Step, When
from domain.refunds.approvals.standing import SETTLEMENT
from domain.refunds.doubt import Verdict
from domain.refunds.waiting import waiting
from domain.taxes import work as vat
from tests.domain.findings.conftest import Desk, by
from tests.domain.periods.test_closing import _closed
from tests.domain.refunds.test_approvals import _bare, _large, _transfer, a_rule
from tests.domain.refunds.test_parties import a_signed_in
from tests.domain.taxes.test_reversals import _sold
from tests.domain.taxes.world import a_sale_refunded
from tests.kit.factories import CAUSE, Shop, a_key, a_payment, a_person, a_refund, a_shop, an_answer

pytestmark = pytest.mark.usefixtures("books")
SUSPENDED = "suspended"


async def _three(shop: Shop) -> tuple[Principal, Principal, Principal]:
    """Ana, who says the first word and is suspended then; and two who are not."""
    ana, bia, caio = [await a_signed_in(shop, name, Role.ADMINISTRATOR) for name in ("Ana", "Bia", "Caio")]
    return ana, bia, caio


async def _suspend(shop: Shop, who: Principal, state: PersonState = PersonState.SUSPENDED) -> None:
    assert who.person_id is not None
    await people.update(a_person(shop, "boss", Role.ADMINISTRATOR), who.person_id, None, state, CAUSE)


@pytest.fixture(name="desk")
async def a_desk(books: object) -> Desk:
    shop = await a_shop()
    return Desk(shop, a_person(shop, "Um", Role.ACCOUNTANT), a_person(shop, "Dois", Role.ACCOUNTANT))


async def test_what_they_said_of_a_finding_is_said_anew_and_waits_for_nobody_until_then(desk: Desk) -> None:
    ana, bia, caio = await _three(desk.shop)
    large = await desk.taken(5_000_000, "MED")
    await desk.say(large, ClosingReason.WRITE_OFF, ana)
    await _suspend(desk.shop, ana)
    with pytest.raises(InvalidState, match=SUSPENDED) as refused:
        await work.confirm(bia, large.id, by(bia))
    assert (refused.value.current_state, (await waiting(bia)).confirmations) == ("SUSPENDED", 0)
    assert not (await desk.say(large, ClosingReason.WRITE_OFF, bia)).confirmed
    assert (await waiting(caio)).confirmations == 1
    assert (await work.confirm(caio, large.id, by(caio))).confirmed


async def test_of_somebody_who_is_back_the_word_counts_again(desk: Desk) -> None:
    ana, bia, _ = await _three(desk.shop)
    large = await desk.taken(5_000_000, "MED")
    await desk.say(large, ClosingReason.WRITE_OFF, ana)
    await _suspend(desk.shop, ana)
    await _suspend(desk.shop, ana, PersonState.ACTIVE)
    assert (await work.confirm(bia, large.id, by(bia))).confirmed


async def test_whoever_says_the_same_of_a_doubt_is_the_first_of_two() -> None:
    shop = await a_shop()
    ana, bia, caio = await _three(shop)
    refund = await a_refund(shop, await a_payment(shop), 1_000)
    await an_answer(refund, InDoubt("TIMEOUT", "no answer", needs_person=True))
    said = (refund.id, Verdict.PAID, "The back office shows it.")
    await doubt.resolve(ana, *said, by(ana))
    await _suspend(shop, ana)
    assert not (await doubt.resolve(bia, *said, by(bia))).confirmed
    assert (await doubt.resolve(caio, *said, by(caio))).confirmed


async def test_whoever_settles_the_same_by_hand_is_the_first_of_two_and_brings_the_file() -> None:
    shop = await a_shop()
    ana, bia, caio = await _three(shop)
    refund = await a_refund(shop, await a_payment(shop, amount=100_000), 100_000)
    await by_hand.take(ana, refund.id, "The PSE is down.", CAUSE)
    await by_hand.settle(ana, refund.id, _transfer(), by(ana))
    await _suspend(shop, ana)
    with pytest.raises(InvalidInput, match="a file"):
        await by_hand.settle(bia, refund.id, _bare(), by(bia))
    assert not (await by_hand.settle(bia, refund.id, _transfer(), by(bia))).confirmed
    assert (await by_hand.settle(caio, refund.id, _bare(), by(caio))).confirmed


async def test_a_rule_that_they_proposed_is_proposed_anew() -> None:
    shop = await a_shop()
    ana, bia, caio = await _three(shop)
    looser = Proposal(SETTLEMENT, SETTLEMENT, by_two={"BRL": 90_000_000})
    row = await propose.propose(ana, looser, by(ana))
    await _suspend(shop, ana)
    with pytest.raises(InvalidState, match=SUSPENDED):
        await propose.confirm(bia, row.id, by(bia))
    again = await propose.propose(bia, looser, by(bia))
    assert (await propose.confirm(caio, again.id, by(caio))).started_at is not None


async def test_a_month_that_they_proposed_to_close_is_proposed_anew() -> None:
    shop = await a_shop()
    ana, bia, caio = await _three(shop)
    row = await closing.propose(ana, _closed(), "Nights before we began.", a_key(), by(ana))
    await _suspend(shop, ana)
    with pytest.raises(InvalidState, match=SUSPENDED):
        await closing.confirm(bia, row.id, by(bia))
    again = await closing.propose(bia, _closed(), "Nights before we began.", a_key(), by(bia))
    assert (await closing.confirm(caio, again.id, by(caio))).confirmed_at is not None


async def test_vat_that_they_gave_up_is_given_up_anew() -> None:
    shop, payment = await _sold(tax=300_000, amount=2_000_000)
    ana, bia, caio = await _three(shop)
    _, row = await a_sale_refunded(shop, payment, 900_000, Reason.NOT_DELIVERED)
    await vat.write_off(ana, row.id, "The goods were not delivered.", by(ana))
    await _suspend(shop, ana)
    with pytest.raises(InvalidState, match=SUSPENDED):
        await vat.confirm_write_off(bia, row.id, by(bia))
    await vat.write_off(bia, row.id, "The goods were not delivered.", by(bia))
    assert (await vat.confirm_write_off(caio, row.id, by(caio))).state is ReversalState.NOT_RECOVERABLE


async def test_a_yes_to_a_refund_that_takes_two_is_said_by_another() -> None:
    shop = await a_shop()
    ana, bia, caio = await _three(shop)
    await a_rule(shop, When(), Step("APPROVE", 2))
    refund = await _large(shop)
    await decide.approve(ana, refund.id, None, None, by(ana))
    await _suspend(shop, ana)
    assert (await decide.approve(bia, refund.id, None, None, by(bia))).state is State.AWAITING_APPROVAL
    assert (await decide.approve(caio, refund.id, None, None, by(caio))).state is State.REQUESTED
