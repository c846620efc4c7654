"""A worker that dies at each point of a delivery, and another that goes on: none lost, the order of a key kept.

`make crash` kills real processes at the same points; here only the last act, the SIGKILL, is an exception.
"""

import asyncio
import os
from typing import NoReturn

import pytest

from domain.models import Delivery, DeliveryTry, Endpoint
from domain.models.deliveries import DeliveryState
from domain.platform import crash
from domain.platform.crash import POINTS
from domain.platform.database import execute
from domain.pse.vocabulary import Succeeded
from jobs import deliveries
from jobs.deliveries import Tools
from jobs.wire.abroad import Abroad
from tests.domain.deliveries.places import all_due
from tests.kit.factories import KEY, Shop, a_payment, a_refund, a_shop, an_answer
from tests.kit.receiver import receiving
from tests.kit.sealing import sealed
from tests.trials.told import listening, wrong_of

pytestmark = pytest.mark.usefixtures("books")
MINE = [point for point in POINTS if point.startswith("deliver")]


class Killed(BaseException):
    """The worker's process is gone."""


def _die(*_: object) -> NoReturn:
    raise Killed


async def _a_life(endpoint: Endpoint) -> bool:
    """One worker's, until there is nothing to do or it is killed; whether it was."""
    abroad = Abroad()
    try:
        await deliveries.deliver(endpoint.id, Tools(abroad, KEY))
        return False
    except Killed:
        for task in asyncio.all_tasks():
            if getattr(task.get_coro(), "__name__", "") == "_lane":  # what died with it
                task.cancel()
        await asyncio.sleep(0)
        return True
    finally:
        await abroad.close()


async def _its_lease_is_over(endpoint: Endpoint) -> None:
    over = (
        "UPDATE deliveries SET claimed_until = now(), due_at = now() WHERE endpoint_id = $1 AND claimed_until > now()"
    )
    await execute(over, endpoint.id)
    await all_due(endpoint.id)


async def _more(shop: Shop) -> None:
    await an_answer(await a_refund(shop, await a_payment(shop), 1_000), Succeeded("D1"))
    await sealed(shop)


async def test_killed_at_every_point_of_a_delivery_nothing_is_lost_and_each_refunds_order_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "kill", _die)
    shop = await a_shop()
    await _more(shop)
    async with receiving() as server:
        endpoint = await listening(shop, server)
        for number, point in enumerate([*MINE, *MINE]):
            await _more(shop)
            monkeypatch.setattr(crash, "_name", point)
            monkeypatch.setattr(crash, "_left", 1 + number // len(MINE) * (not point.startswith("deliveries.")))
            assert await _a_life(endpoint), f"Nobody passes {point}."
            await _its_lease_is_over(endpoint)
        monkeypatch.setattr(crash, "_name", "")
        for _ in range(10):
            await _a_life(endpoint)
            if not await Delivery.filter(endpoint_id=endpoint.id, state=DeliveryState.PENDING).exists():
                break
            await _its_lease_is_over(endpoint)
        assert await wrong_of(endpoint, server) == []
    unanswered = await DeliveryTry.filter(answered_at=None).count()
    assert unanswered > 0, "A try that nobody brought to its end is seen."
