"""The first send of a plain order is claimed with one statement, once, and only if nothing has changed meanwhile."""

import asyncio
import contextvars
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from domain import invariants
from domain.cause import Cause
from domain.findings.findings import FindingKind
from domain.history import events
from domain.models import Attempt, Event, Payment, Refund
from domain.models.refunds import State
from domain.money import Money
from domain.payments import chargebacks, external
from domain.platform.database import execute, transaction
from domain.pse.vocabulary import ChargedBack, InDoubt, KnownRefund, Succeeded, Unsent
from domain.refunds import attempts, first_send, next_step, schedule, withdraw
from domain.refunds.first_send import Seen
from domain.refunds.moves import lock
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from domain.refunds.work import Send
from tests.kit.factories import CAUSE, OwnerRows, Shop, a_key, a_payment, a_refund, a_shop, an_answer

pytestmark = pytest.mark.usefixtures("books")


async def _refund(amount: int = 6_000) -> tuple[Shop, Payment, Refund]:
    shop = await a_shop()
    payment = await a_payment(shop, amount=10_000, tax=1_801)
    return shop, payment, await a_refund(shop, payment, amount)


async def _seen(refund: Refund) -> Seen:
    seen = await first_send.look(refund.id)
    assert seen is not None
    return seen


async def _claim(seen: Seen) -> Send | None:
    return await first_send.claim(seen, lease_seconds=60, send_before=time.monotonic() + 40)


async def test_of_many_workers_that_see_it_at_once_one_sends_it() -> None:
    _, _, refund = await _refund()
    claims = await asyncio.gather(*[_claim(seen) for seen in [await _seen(refund) for _ in range(20)]])
    assert sum(isinstance(one, Send) for one in claims) == 1
    assert [one.number for one in await Attempt.filter(refund_id=refund.id)] == [1]
    told = await Event.filter(refund_id=refund.id).order_by("sequence")
    assert [(one.sequence, one.kind) for one in told] == [(1, "REQUESTED"), (2, "SUBMITTED")]
    assert await invariants.check() == []


async def _canceled(shop: Shop, refund: Refund) -> None:
    await withdraw.cancel(shop.id, refund.id, None, a_key(), CAUSE)


async def _noted(_: Shop, refund: Refund) -> None:
    async with transaction():
        await events.note(await lock(refund.id), "RESTING", CAUSE)


async def _put_off(_: Shop, refund: Refund) -> None:
    await schedule.postpone(refund.id, 60)


async def _told_paid(_: Shop, refund: Refund) -> None:
    await record(refund.id, Succeeded("X"), Source(Door.NOTICE), CAUSE)


@pytest.mark.parametrize("change", [_canceled, _noted, _put_off, _told_paid])
async def test_nothing_is_claimed_of_a_refund_that_has_changed_since_it_was_seen(
    change: Callable[[Shop, Refund], Awaitable[None]],
) -> None:
    shop, _, refund = await _refund()
    seen = await _seen(refund)
    await change(shop, refund)
    before = await Refund.get(id=refund.id).values()
    assert await _claim(seen) is None
    assert await Refund.get(id=refund.id).values() == before
    assert await Attempt.filter(refund_id=refund.id).count() == 0
    assert await invariants.check() == []


async def test_a_refund_that_may_be_at_the_pse_already_is_not_claimed_whatever_was_seen(owner_rows: OwnerRows) -> None:
    _, _, refund = await _refund()
    await an_answer(refund, InDoubt("TIMEOUT", "no answer"))
    source = Source(Door.LOOK_UP)
    await record(refund.id, Unsent("UNKNOWN", "unknown"), source, CAUSE)
    await owner_rows("UPDATE refunds SET due_at = now() WHERE id = $1", refund.id)
    seen = await _seen(refund)
    assert (seen.refund.state, seen.arrived) == (State.REQUESTED, 1)
    assert await _claim(seen) is None
    assert await _claim(replace(seen, arrived=0)) is None  # the statement looks by itself
    assert await Attempt.filter(refund_id=refund.id).count() == 1


async def test_after_sends_that_never_left_the_next_number_is_taken(owner_rows: OwnerRows) -> None:
    _, _, refund = await _refund()
    await an_answer(refund, Unsent("CONNECTERROR", "refused"))
    await owner_rows("UPDATE refunds SET due_at = now() WHERE id = $1", refund.id)
    send = await _claim(await _seen(refund))
    assert isinstance(send, Send)
    assert (send.attempt, (await Refund.get(id=refund.id)).unsent) == (2, 1)


async def test_what_has_left_meanwhile_is_seen_and_holds_the_order() -> None:
    _, payment, refund = await _refund(10_000)
    await execute("UPDATE payments SET taken_by_bank = 1 WHERE id = $1", payment.id)
    assert await _claim(await _seen(refund)) is None
    assert await next_step.take(refund.id, lease_seconds=60, send_seconds=20) is None
    assert await Event.filter(refund_id=refund.id, code="PAID_MEANWHILE").count() == 1


async def test_an_answer_that_comes_while_its_attempt_is_given_up_is_refused_and_nobody_waits_in_a_circle() -> None:
    _, _, refund = await _refund()
    send = await _claim(await _seen(refund))
    assert isinstance(send, Send)
    outside = contextvars.copy_context()  # else the answer would come inside of this transaction
    async with transaction():
        held = await lock(refund.id)
        told = record(refund.id, Succeeded("X"), Source(Door.ANSWER, attempt=1), CAUSE)
        answer = asyncio.create_task(told, context=outside)
        await asyncio.sleep(0.2)  # it waits for the refund, and must hold nothing that this transaction needs
        await attempts.lose(held, 1, Cause("r", "worker"))
    assert (await answer).stale
    assert (await Refund.get(id=refund.id)).state is State.SUBMITTED


async def _taken_by_the_bank(payment: Payment) -> None:
    known = KnownRefund("M1", "M1", Money(6_000, "BRL"), Succeeded("M1"), by_bank=True)
    await external.book(payment, known, FindingKind.MISSING_IN_LEDGER, CAUSE)


async def _charged_back(payment: Payment) -> None:
    told = ChargedBack(payment.pse_reference, None, "D", Money(6_000, "BRL"), reversed=False)
    await chargebacks.from_notice(payment, told, CAUSE)


@pytest.mark.parametrize("leaves", [_taken_by_the_bank, _charged_back])
async def test_what_has_left_since_it_was_seen_holds_the_order(leaves: Callable[[Payment], Awaitable[None]]) -> None:
    _, payment, refund = await _refund()
    seen = await _seen(refund)
    await leaves(payment)
    assert await next_step.take_seen(seen, lease_seconds=60, send_seconds=20) is None
    assert await Attempt.filter(refund_id=refund.id).count() == 0
    assert await Event.filter(refund_id=refund.id, code="PAID_MEANWHILE").count() == 1


async def test_a_refund_that_somebody_has_in_hand_is_left_to_him_and_not_waited_for() -> None:
    _, _, refund = await _refund()
    seen, outside = await _seen(refund), contextvars.copy_context()
    async with transaction():
        await lock(refund.id)
        taking = asyncio.create_task(next_step.take_seen(seen, lease_seconds=60, send_seconds=20), context=outside)
        assert await asyncio.wait_for(taking, 20) is None
    assert isinstance(await _claim(seen), Send)


async def test_a_column_that_is_added_while_the_worker_runs_loses_no_answer(owner_rows: OwnerRows) -> None:
    shop = await a_shop()
    for number in range(2):
        refund = await a_refund(shop, await a_payment(shop, amount=10_000), 1_000)
        send = await _claim(await _seen(refund))
        assert isinstance(send, Send)
        if number:
            await owner_rows("ALTER TABLE refunds ADD COLUMN added integer")
        try:
            await record(refund.id, Succeeded(f"X{number}"), Source(Door.ANSWER, attempt=1), CAUSE)
        finally:
            await owner_rows("ALTER TABLE refunds DROP COLUMN IF EXISTS added")
        assert (await Refund.get(id=refund.id)).state is State.SUCCEEDED
