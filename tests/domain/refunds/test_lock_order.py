"""Rows are locked in one order: retries and contradictions of the same refunds never wait for each other in a ring."""

import asyncio

import pytest

from domain import invariants
from domain.models import Refund
from domain.models.refunds import State
from domain.problems import Problem
from domain.pse.vocabulary import Declined, Succeeded
from domain.refunds import request
from domain.refunds.news import Door, Source
from domain.refunds.record import record
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
