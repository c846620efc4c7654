"""Rows are locked in one order: retries and contradictions of the same refunds never wait for each other in a ring."""

import asyncio

import pytest

from domain import invariants
from domain.models import Payment, Refund
from domain.models.refunds import Reason, State
from domain.money import Money
from domain.payments import vat_declared
from domain.platform.database import transaction
from domain.problems import IdempotencyConflict, Problem
from domain.pse.vocabulary import Declined, Succeeded
from domain.refunds import request, schedule
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from domain.refunds.request import NewRefund
from tests.kit.factories import CAUSE, Shop, a_key, a_payment, a_refund, a_shop, an_answer

pytestmark = pytest.mark.usefixtures("books")
RACES = 16


async def _failed(shop: Shop) -> Refund:
    refund = await a_refund(shop, await a_payment(shop), 4_000)
    await an_answer(refund, Declined("NO", "no"))
    return refund


async def test_retries_race_contradictions_without_a_deadlock() -> None:
    shop = await a_shop()
    failed = [await _failed(shop) for _ in range(RACES)]
    told = [record(one.id, Succeeded(f"D{one.reference}"), Source(Door.REPORT), CAUSE) for one in failed]
    asked = [request.retry(shop.id, one.id, a_key(), CAUSE) for one in failed]
    ended = await asyncio.gather(
        *(each for pair in zip(asked, told, strict=True) for each in pair), return_exceptions=True
    )
    assert [one for one in ended if isinstance(one, BaseException) and not isinstance(one, Problem)] == []
    assert await invariants.check() == []


async def test_of_many_retries_of_one_refund_at_once_one_passes() -> None:
    shop = await a_shop()
    failed = await _failed(shop)
    ended = await asyncio.gather(
        *(request.retry(shop.id, failed.id, a_key(), CAUSE) for _ in range(8)), return_exceptions=True
    )
    assert sum(isinstance(one, request.Requested) for one in ended) == 1
    assert await Refund.filter(retry_of_id=failed.id, state=State.REQUESTED).count() == 1


async def test_clients_with_the_same_keys_crowd_on_one_payment_without_a_deadlock() -> None:
    shop = await a_shop()
    payment = await a_payment(shop, amount=10_000)
    keys = [a_key() for _ in range(5)]
    asked = NewRefund(payment.id, Money(1_000, "BRL"), Reason.OTHER)
    ended = await asyncio.gather(*(request.request(shop.id, asked, key, CAUSE) for key in keys * 8))
    # Some of them look three times in vain and take the lock, while others write without it.
    assert len({one.refund.id for one in ended}) == sum(not one.replayed for one in ended) == len(keys)
    assert await invariants.check() == []


async def test_a_key_that_another_payments_request_takes_this_very_moment_is_a_conflict_and_nothing_is_left() -> None:
    shop = await a_shop()
    payments = [await a_payment(shop, amount=10_000) for _ in range(6)]
    key = a_key()
    ended = await asyncio.gather(
        *(request.request(shop.id, NewRefund(one.id, None, Reason.OTHER), key, CAUSE) for one in payments),
        return_exceptions=True,
    )
    assert sum(isinstance(one, request.Requested) for one in ended) == 1
    assert sum(isinstance(one, IdempotencyConflict) for one in ended) == len(payments) - 1
    assert await Refund.all().count() == 1
    assert await invariants.check() == []


async def test_a_client_that_hangs_up_at_any_moment_and_asks_again_with_its_key_has_one_refund() -> None:
    shop = await a_shop()
    payment = await a_payment(shop, amount=10_000)
    asked = NewRefund(payment.id, Money(100, "BRL"), Reason.OTHER)
    await request.request(shop.id, asked, a_key(), CAUSE)  # the pool has a connection
    for turns in range(40):
        key = a_key()
        first = asyncio.create_task(request.request(shop.id, asked, key, CAUSE))
        await asyncio.sleep(turns / 5_000)  # before the look, between it and the write, during it, after it
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        one = await request.request(shop.id, asked, key, CAUSE)
        assert (await request.request(shop.id, asked, key, CAUSE)).refund.id == one.refund.id
    assert await Refund.all().count() == 41
    assert (await Payment.get(id=payment.id)).reserved == 4_100
    assert await invariants.check() == []


async def test_refunds_that_are_asked_about_together_are_locked_in_the_order_of_all_others() -> None:
    shop = await a_shop()
    payment = await a_payment(shop, amount=10_000)
    asked = [str((await a_refund(shop, payment, 500)).id) for _ in range(16)]

    async def locked() -> None:
        async with transaction():
            await vat_declared.lock_refunds(payment.id)

    for _ in range(10):
        await asyncio.gather(*(each for _ in range(4) for each in (schedule.ask(asked), locked())))
