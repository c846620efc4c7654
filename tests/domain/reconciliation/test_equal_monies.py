"""Equal monies of one payment, ours and somebody's, of which one came back or was told twice: each is counted once."""

import asyncio

import pytest

from domain import invariants
from domain.models import Finding, Payment, Refund
from domain.models.ledger import Account
from domain.money import Money
from domain.payments import unnamed
from domain.pse import registry
from domain.pse.capabilities import LookUp
from domain.pse.vocabulary import Accepted, Declined, InDoubt, KnownRefund, Outcome, Succeeded
from domain.refunds import intervals
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from tests.kit.factories import CAUSE, Shop, a_look_up, a_payment, a_refund, a_shop, an_answer
from tests.kit.lines import Telling, a_line, a_night, balance

pytestmark = pytest.mark.usefixtures("books")


async def _shop(look_up: LookUp = LookUp.BY_REFERENCE) -> tuple[Shop, Payment]:
    registry.register(Telling(look_up=look_up))
    shop = await a_shop(pse="lab")
    return shop, await a_payment(shop, amount=10_000, days_ago=0)


async def _ours(shop: Shop, payment: Payment, outcome: Outcome) -> Refund:
    refund = await a_refund(shop, payment, 3_000)
    await an_answer(refund, outcome)
    return refund


async def _taken(payment: Payment) -> int:
    return int((await Payment.get(id=payment.id)).taken_by_bank)


def _listed(name: str) -> KnownRefund:
    return KnownRefund(name, name, Money(3_000, "BRL"), Succeeded(name), False, "panel", None, None)


@pytest.mark.parametrize("look_up", [LookUp.NONE, LookUp.BY_REFERENCE])
@pytest.mark.parametrize("both", [False, True])
async def test_an_old_refusal_in_a_report_frees_nothing_that_was_paid_after_all(look_up: LookUp, both: bool) -> None:
    shop, payment = await _shop(look_up)
    refund = await _ours(shop, payment, Declined("NO", "no"))
    await record(refund.id, Succeeded("one"), Source(Door.LOOK_UP), CAUSE)
    failed = a_line(payment, "REFUND", 3_000, "FAILED", reference=refund.reference)
    left = a_line(payment, "REFUND", 3_000, reference=refund.reference)
    for lines in ([failed, left], [failed]) if both else ([failed], [failed, left]):
        await a_night(shop, *lines)
        assert await _taken(payment) == 3_000
    told = await Finding.filter(kind="STATUS_MISMATCH", fingerprint__startswith="after-end/").count()
    asked = (await Refund.get(id=refund.id)).due_at is not None
    assert (told, asked) == ((1, False) if look_up is LookUp.NONE else (0, True))
    assert await invariants.check() == []


async def test_an_old_refusal_that_is_read_again_while_nobody_answers_for_a_day_frees_nothing_and_calls_a_person() -> (
    None
):
    shop, payment = await _shop()
    refund = await _ours(shop, payment, Declined("NO", "no"))
    await record(refund.id, Succeeded("one"), Source(Door.LOOK_UP), CAUSE)
    failed = a_line(payment, "REFUND", 3_000, "FAILED", reference=refund.reference)
    await a_night(shop, failed)
    for turn, _ in enumerate(intervals.IN_DOUBT.delays):
        await a_look_up(refund, InDoubt("HTTP_503", "trouble"))
        if turn == 3:
            await a_night(shop, failed)  # the night is repeated meanwhile
        assert await _taken(payment) == 3_000
    assert (await Refund.get(id=refund.id)).due_at is None
    assert await Finding.exists(kind="STATUS_MISMATCH", fingerprint__startswith="after-end/", resolved_at=None)
    assert await invariants.check() == []


async def test_two_nights_at_once_that_no_longer_tell_of_the_same_money_give_it_back_once() -> None:
    shop, payment = await _shop()
    line = a_line(payment, "REFUND", 3_000)
    other = a_line(payment, "REFUND", 1_000, pse_refund_reference="other")
    for day in (0, 1):
        await a_night(shop, line, other, days=day)
    assert await _taken(payment) == 4_000
    await asyncio.gather(*(a_night(shop, other, days=day) for day in (0, 1)))
    assert (await _taken(payment), await balance(shop, Account.SUSPENSE)) == (1_000, 1_000)
    assert await invariants.check() == []


async def test_a_nameless_line_that_came_back_hides_no_refund_that_the_pse_lists_afterwards() -> None:
    shop, payment = await _shop()
    await a_night(shop, a_line(payment, "REFUND", 3_000))
    await unnamed.from_listing(payment, [_listed("X")], CAUSE)
    assert await _taken(payment) == 3_000
    await a_night(shop, a_line(payment, "REFUND", 3_000, "RETURNED"), days=1)
    assert await _taken(payment) == 0
    for listed in (["Y"], ["X", "Y"]):
        await unnamed.from_listing(payment, [_listed(name) for name in listed], CAUSE)
        assert await _taken(payment) == 3_000


async def test_what_came_and_went_before_ours_in_one_growing_report_leaves_ours_its_line() -> None:
    shop, payment = await _shop()
    left, back = a_line(payment, "REFUND", 3_000), a_line(payment, "REFUND", 3_000, "RETURNED")
    await a_night(shop, left)
    await a_night(shop, left, back)
    await _ours(shop, payment, Succeeded("ours"))
    own = a_line(payment, "REFUND", 3_000)
    for _ in range(2):
        await a_night(shop, left, back, own)
        assert (await _taken(payment), await balance(shop, Account.PSE_BALANCE)) == (0, -3_000)
    assert await invariants.check() == []


@pytest.mark.parametrize("look_up", [LookUp.NONE, LookUp.BY_REFERENCE])
@pytest.mark.parametrize("named", [False, True])
async def test_what_came_back_of_somebodys_is_no_return_of_ours_when_its_night_is_repeated(
    look_up: LookUp, named: bool
) -> None:
    shop, payment = await _shop(look_up)
    left, back = a_line(payment, "REFUND", 3_000), a_line(payment, "REFUND", 3_000, "RETURNED")
    await a_night(shop, left)
    await a_night(shop, back, days=1)
    refund = await _ours(shop, payment, Succeeded("ours"))
    own = {"pse_refund_reference": "ours"} if named else {}
    await a_night(shop, a_line(payment, "REFUND", 3_000, **own), days=2)
    for _ in range(2):
        await a_night(shop, back, days=1)
        assert ((await Refund.get(id=refund.id)).state, await _taken(payment)) == ("SUCCEEDED", 0)
    assert (await balance(shop, Account.PSE_BALANCE), await invariants.check()) == (-3_000, [])


@pytest.mark.parametrize("told", [Accepted("one"), Succeeded("one")])
async def test_a_report_that_tells_of_a_refund_and_its_return_without_a_name_is_entered_in_one_night(
    told: Outcome,
) -> None:
    shop, payment = await _shop(LookUp.NONE)
    refund = await _ours(shop, payment, told)
    lines = [a_line(payment, "REFUND", 3_000), a_line(payment, "REFUND", 3_000, "RETURNED")]
    for _ in range(2):
        await a_night(shop, *lines)
        assert ((await Refund.get(id=refund.id)).state, await _taken(payment)) == ("RETURNED", 0)
    assert (await balance(shop, Account.PSE_BALANCE), await invariants.check()) == (0, [])


async def test_a_refund_that_was_paid_after_its_end_is_known_by_the_name_that_its_news_gave() -> None:
    shop, payment = await _shop()
    refund = await _ours(shop, payment, Declined("NO", "no"))
    await record(refund.id, Succeeded("re_1"), Source(Door.LOOK_UP), CAUSE)
    line = a_line(payment, "REFUND", 3_000, pse_refund_reference="re_1")
    await a_night(shop, line)
    assert (await _taken(payment), await balance(shop, Account.PSE_CLEARING)) == (3_000, 10_000)
    await a_night(shop, {**line, "state": "RETURNED"}, days=1)
    assert (await _taken(payment), await invariants.check()) == (0, [])


async def test_what_came_back_before_the_own_line_of_a_refund_frees_nothing_in_any_order_of_nights() -> None:
    shop, payment = await _shop(LookUp.NONE)
    refund = await _ours(shop, payment, Accepted("one"))
    days = [a_line(payment, "REFUND", 3_000), a_line(payment, "REFUND", 3_000, "RETURNED")]
    await record(refund.id, Succeeded("one"), Source(Door.NOTICE), CAUSE)
    days.append(a_line(payment, "REFUND", 3_000, pse_refund_reference="one"))
    for turn in ((0, 1, 2), (2, 1, 0), (1,)):
        for day in turn:
            await a_night(shop, days[day], days=day)
            assert await invariants.check() == []
    # The first night cannot know it, and what came back stays so: the money is blocked, and a person told.
    now = await Payment.get(id=payment.id)
    assert now.refunded + now.taken_by_bank == 3_000
    assert await Finding.filter(resolved_at=None).exclude(kind="VAT_REVERSAL_NEEDED").count() > 0


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("look_up", [LookUp.NONE, LookUp.BY_REFERENCE])
async def test_a_report_that_tells_of_a_failed_refund_that_it_left_and_came_back_books_both_in_one_night(
    look_up: LookUp, turned: bool
) -> None:
    shop, payment = await _shop(look_up)
    refund = await _ours(shop, payment, Declined("reversed", "It is reversed.", "one"))
    lines = [a_line(payment, "REFUND", 3_000, state, reference=refund.reference) for state in ("SUCCEEDED", "RETURNED")]
    for _ in range(2):
        await a_night(shop, *(reversed(lines) if turned else lines))
        assert (await _taken(payment), await balance(shop, Account.SUSPENSE)) == (0, 0)
        assert await invariants.check() == []
