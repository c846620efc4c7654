"""Asking a PSE now and again: at a pace per refund, per connection and per token, also for many at once."""

import asyncio
from uuid import UUID, uuid4

import pytest

from domain.models import Refund
from domain.platform import pace
from domain.platform.database import rows
from domain.platform.pace import Pace
from domain.problems import InvalidInput, RateLimited
from domain.pse.vocabulary import InDoubt
from domain.refunds import withdraw
from domain.refunds.destination import destinations
from domain.refunds.refresh import refresh
from tests.domain.refunds.destination.test_destinations import OTHER, given, no_way_back, paid
from tests.kit.factories import CAUSE, KEY, Shop, a_key, a_payment, a_refund, a_shop, an_answer

pytestmark = pytest.mark.usefixtures("books", "ringing")
__all__ = ["no_way_back"]  # a fixture


async def _in_doubt(shop: Shop) -> Refund:
    refund = await a_refund(shop, await a_payment(shop))
    await an_answer(refund, InDoubt("TIMEOUT", "no answer"))
    return refund


async def _passed(*asked: "asyncio.Future[Refund]") -> int:
    done = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(one, Refund | RateLimited) for one in done), done
    return sum(isinstance(one, Refund) for one in done)


async def test_one_refund_is_asked_about_a_few_times_and_then_at_its_pace() -> None:
    shop = await a_shop()
    refund = await _in_doubt(shop)
    count = 12
    passed = await _passed(*(asyncio.ensure_future(refresh(shop.id, refund.id)) for _ in range(count)))
    assert passed == pace.REFRESHES_OF_REFUND.burst
    with pytest.raises(RateLimited) as refused:
        await refresh(shop.id, refund.id)
    assert 0 < refused.value.retry_after <= pace.REFRESHES_OF_REFUND.seconds


@pytest.mark.parametrize(("token", "most"), [(None, 40), (uuid4(), 20)], ids=["of a connection", "of a token"])
async def test_refunds_of_one_connection_and_of_one_token_are_asked_about_so_often_together(
    token: UUID | None, most: int
) -> None:
    shop = await a_shop()
    refunds = [await _in_doubt(shop) for _ in range(24)]
    asked = [asyncio.ensure_future(refresh(shop.id, one.id, token)) for one in refunds for _ in range(3)]
    assert most <= await _passed(*asked) <= most + 6  # some more while they fill up again


async def test_what_was_refused_for_one_reason_is_not_counted_for_another() -> None:
    shop = await a_shop()
    refund = await _in_doubt(shop)
    token = uuid4()
    for _ in range(pace.REFRESHES_OF_REFUND.burst):
        await refresh(shop.id, refund.id, token)
    before = await rows("SELECT key, until FROM paces ORDER BY key")
    with pytest.raises(RateLimited):
        await refresh(shop.id, refund.id, token)
    assert await rows("SELECT key, until FROM paces ORDER BY key") == before
    assert {row["key"].split("/")[1] for row in before} == {"refund", "connection", "token"}


async def test_a_bucket_fills_by_the_second() -> None:
    bucket = {"k": Pace(burst=2, seconds=3600)}
    await pace.keep(bucket, "tries")
    await pace.keep(bucket, "tries")
    with pytest.raises(RateLimited) as refused:
        await pace.keep(bucket, "tries")
    assert 3590 < refused.value.retry_after <= 3600
    await rows("UPDATE paces SET until = until - interval '1 hour' RETURNING key")
    await pace.keep(bucket, "tries")


@pytest.mark.usefixtures("no_way_back")
async def test_a_payers_tax_id_cannot_be_guessed_without_end() -> None:
    shop, payment = await paid()
    refund = await a_refund(shop, payment, 4_000)
    wrong = ["529.982.247-25", "168.995.350-09", "987.654.321-00", "123.456.789-09", OTHER]
    for tax_id in wrong:
        await destinations.provide(shop.id, refund.id, given(tax_id), a_key(), CAUSE, KEY)
    with pytest.raises(InvalidInput, match="holders"):
        await destinations.provide(shop.id, refund.id, given(), a_key(), CAUSE, KEY)
    # What was named before tells nothing new: a person may correct the key of that account.
    known, _ = await destinations.provide(shop.id, refund.id, given(OTHER, "new@example.com"), a_key(), CAUSE, KEY)
    await withdraw.cancel(shop.id, known.id, None, a_key(), CAUSE)
    with pytest.raises(InvalidInput, match="holders"):  # nor by a new refund for each guess
        await a_refund(shop, payment, 4_000, given=given())
