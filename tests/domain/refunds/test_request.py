"""Asking for refunds: what is reserved, refused, replayed, withdrawn and tried again."""

import asyncio
from datetime import timedelta

import pytest

from domain import invariants
from domain.models import Event, IdempotencyKey, LedgerEntry, Payment, Refund
from domain.models.refunds import Reason, State
from domain.money import Money
from domain.payments import register
from domain.problems import (
    AmountExceedsRefundable,
    CurrencyMismatch,
    IdempotencyConflict,
    InvalidInput,
    InvalidState,
    NotFound,
    NotRefundable,
    Problem,
    WindowExpired,
)
from domain.pse.vocabulary import Declined, InDoubt, Succeeded
from domain.refunds import find, next_step, refresh, request, withdraw
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from domain.refunds.request import NewRefund
from tests.kit.factories import CAUSE, Shop, a_key, a_payment, a_refund, a_shop, an_answer

pytestmark = pytest.mark.usefixtures("books")


async def _ask(shop: Shop, payment: Payment, amount: Money | None, key: str | None = None) -> request.Requested:
    new = NewRefund(payment.id, amount, Reason.CUSTOMER_REQUEST)
    return await request.request(shop.id, new, key or a_key(), CAUSE)


async def test_a_refund_reserves_its_amount_and_is_due_at_once() -> None:
    shop = await a_shop()
    payment = await a_payment(shop, amount=10_000)
    refund = await a_refund(shop, payment, 4_000)
    await payment.refresh_from_db()
    assert (refund.state, refund.amount, refund.sequence) == (State.REQUESTED, 4_000, 1)
    assert (payment.reserved, register.refundable(payment).minor_units) == (4_000, 6_000)
    assert refund.due_at is not None
    assert len(refund.reference) == 20
    assert await invariants.check() == []


async def test_an_amount_left_out_means_everything_that_is_left() -> None:
    shop = await a_shop()
    payment = await a_payment(shop, amount=10_000)
    await a_refund(shop, payment, 4_000)
    assert (await a_refund(shop, payment)).amount == 6_000


async def test_nothing_left_is_said_instead_of_a_refund_of_nothing() -> None:
    shop = await a_shop()
    payment = await a_payment(shop)
    await a_refund(shop, payment)
    with pytest.raises(NotRefundable, match="Nothing is left"):
        await _ask(shop, payment, None)


async def test_more_than_is_left_is_refused_with_the_facts_and_leaves_nothing_behind() -> None:
    shop = await a_shop()
    payment = await a_payment(shop, amount=10_000)
    await a_refund(shop, payment, 7_000)
    key = a_key()
    with pytest.raises(AmountExceedsRefundable) as refused:
        await _ask(shop, payment, Money(3_001, "BRL"), key)
    assert refused.value.refundable == Money(3_000, "BRL")
    assert not await IdempotencyKey.exists(key=key)
    assert await Refund.filter(payment_id=payment.id).count() == 1


async def test_fifty_at_once_of_sixty_on_a_captured_hundred_give_exactly_one() -> None:
    shop = await a_shop()
    payment = await a_payment(shop, amount=10_000)
    results = await asyncio.gather(
        *(_ask(shop, payment, Money(6_000, "BRL")) for _ in range(50)), return_exceptions=True
    )
    assert sum(isinstance(result, request.Requested) for result in results) == 1
    assert sum(isinstance(result, AmountExceedsRefundable) for result in results) == 49
    await payment.refresh_from_db()
    assert payment.reserved == 6_000
    assert await invariants.check() == []


async def test_twenty_at_once_with_one_key_are_one_refund() -> None:
    shop = await a_shop()
    payment = await a_payment(shop)
    key = a_key()
    results = await asyncio.gather(*(_ask(shop, payment, Money(100, "BRL"), key) for _ in range(20)))
    assert len({result.refund.id for result in results}) == 1
    assert sum(result.replayed for result in results) == 19
    assert await Refund.filter(payment_id=payment.id).count() == 1


async def test_the_same_key_with_another_input_is_a_conflict_that_names_the_first_request() -> None:
    shop = await a_shop()
    payment = await a_payment(shop)
    key = a_key()
    await _ask(shop, payment, Money(100, "BRL"), key)
    with pytest.raises(IdempotencyConflict) as refused:
        await _ask(shop, payment, Money(200, "BRL"), key)
    assert refused.value.original_request_id == CAUSE.request_id


async def test_the_same_key_may_be_used_by_another_merchant() -> None:
    key = a_key()
    for _ in range(2):
        shop = await a_shop()
        payment = await a_payment(shop)
        assert not (await _ask(shop, payment, None, key)).replayed


@pytest.mark.parametrize("key", ["short", "x" * 256, "sixteen chars ok ", "schlüssel-schlüssel"])
async def test_a_key_that_is_no_key_is_refused(key: str) -> None:
    shop = await a_shop()
    with pytest.raises(InvalidInput, match="idempotencyKey"):
        await _ask(shop, await a_payment(shop), None, key)


async def test_another_merchants_payment_looks_like_none() -> None:
    payment = await a_payment(await a_shop())
    with pytest.raises(NotFound):
        await _ask(await a_shop(), payment, None)


async def test_wrong_currency_and_zero_are_refused() -> None:
    shop = await a_shop()
    payment = await a_payment(shop)
    with pytest.raises(CurrencyMismatch):
        await _ask(shop, payment, Money(100, "MXN"))
    with pytest.raises(InvalidInput, match="above zero"):
        await _ask(shop, payment, Money(0, "BRL"))


async def test_a_pix_of_91_days_ago_is_refused_with_the_date_until_when_it_was_possible() -> None:
    shop = await a_shop()
    payment = await a_payment(shop, days_ago=91)
    with pytest.raises(WindowExpired) as refused:
        await _ask(shop, payment, None)
    assert refused.value.deadline_at == payment.captured_at + timedelta(days=90)


async def test_money_that_the_bank_took_can_not_be_refunded_again() -> None:
    shop = await a_shop()
    payment = await a_payment(shop, amount=10_000)
    await Payment.filter(id=payment.id).update(taken_by_bank=9_500)
    assert (await a_refund(shop, payment)).amount == 500


async def test_vat_of_the_parts_closes_to_the_whole() -> None:
    shop = await a_shop()
    payment = await a_payment(shop, amount=10_000, tax=1_801)
    made = [await a_refund(shop, payment, amount) for amount in (3_333, 3_333, 3_334)]
    assert sum(refund.tax_amount for refund in made) == 1_801
    entries = await LedgerEntry.filter(payment_id=payment.id, debit="VAT_REVERSAL_PENDING")
    assert sum(entry.amount for entry in entries) == 1_801


async def test_vat_given_back_by_a_failed_part_is_allocated_again() -> None:
    shop = await a_shop()
    payment = await a_payment(shop, amount=10_000, tax=1_801)
    first = await a_refund(shop, payment, 3_333)
    await an_answer(first, Declined("NO", "no"))
    rest = [await a_refund(shop, payment, amount) for amount in (5_000, 5_000)]
    assert sum(refund.tax_amount for refund in rest) == 1_801
    assert await invariants.check() == []


async def test_a_refund_that_was_never_sent_can_be_canceled_once() -> None:
    shop = await a_shop()
    payment = await a_payment(shop)
    refund = await a_refund(shop, payment)
    key = a_key()
    done = await withdraw.cancel(shop.id, refund.id, None, key, CAUSE)
    again = await withdraw.cancel(shop.id, refund.id, None, key, CAUSE)
    await payment.refresh_from_db()
    assert (done.refund.state, done.replayed, again.replayed) == (State.CANCELED, False, True)
    assert (payment.reserved, await invariants.check()) == (0, [])


async def test_a_refund_in_doubt_can_not_be_canceled() -> None:
    shop = await a_shop()
    refund = await a_refund(shop, await a_payment(shop))
    await an_answer(refund, InDoubt("TIMEOUT", "no answer"))
    with pytest.raises(InvalidState) as refused:
        await withdraw.cancel(shop.id, refund.id, None, a_key(), CAUSE)
    assert refused.value.current_state == State.SUBMITTED


async def test_cancel_refuses_when_the_refund_has_moved_on() -> None:
    shop = await a_shop()
    refund = await a_refund(shop, await a_payment(shop))
    with pytest.raises(InvalidState, match="moved on"):
        await withdraw.cancel(shop.id, refund.id, 7, a_key(), CAUSE)


async def test_a_failed_refund_is_tried_again_as_a_new_refund_and_only_once() -> None:
    shop = await a_shop()
    payment = await a_payment(shop)
    failed = await a_refund(shop, payment, 2_000)
    await an_answer(failed, Declined("NAO_REALIZADO", "no balance"))
    results = await asyncio.gather(
        *(request.retry(shop.id, failed.id, a_key(), CAUSE) for _ in range(5)), return_exceptions=True
    )
    made = [result for result in results if isinstance(result, request.Requested)]
    assert len(made) == 1
    assert made[0].refund.retry_of_id == failed.id
    assert made[0].refund.reference != failed.reference
    assert all(isinstance(result, Problem) for result in results if result not in made)


async def test_a_refund_that_succeeded_is_not_tried_again() -> None:
    shop = await a_shop()
    refund = await a_refund(shop, await a_payment(shop))
    await an_answer(refund, Succeeded("D1"))
    with pytest.raises(InvalidState):
        await request.retry(shop.id, refund.id, a_key(), CAUSE)


async def test_a_refund_is_found_by_each_of_its_handles_within_its_merchant_only() -> None:
    shop, other = await a_shop(), await a_shop()
    key = a_key()
    refund = await a_refund(shop, await a_payment(shop), key=key)
    await record(refund.id, Succeeded("D123"), Source(Door.NOTICE), CAUSE)
    assert (await find.by_request_id(shop.id, CAUSE.request_id) or refund).id == refund.id
    for look, handle in (
        (find.by_idempotency_key, key),
        (find.by_pse_reference, "D123"),
        (find.by_pse_reference, refund.reference),
    ):
        found = await look(shop.id, handle)
        assert found is not None
        assert found.id == refund.id
        assert await look(other.id, handle) is None


async def test_refresh_makes_a_refund_due_now() -> None:
    shop = await a_shop()
    refund = await a_refund(shop, await a_payment(shop))
    await an_answer(refund, Succeeded("D1"))
    assert (await refresh.refresh(shop.id, refund.id)).due_at is not None
    assert await next_step.take(refund.id, lease_seconds=60, send_seconds=20) is not None


async def test_every_event_carries_the_request_that_caused_it() -> None:
    shop = await a_shop()
    refund = await a_refund(shop, await a_payment(shop))
    await an_answer(refund, Succeeded("D1"))
    events = await Event.filter(refund_id=refund.id).order_by("sequence")
    assert [event.sequence for event in events] == [1, 2, 3]
    assert [event.state for event in events] == [State.REQUESTED, State.SUBMITTED, State.SUCCEEDED]
    assert {event.request_id for event in events} == {CAUSE.request_id}
