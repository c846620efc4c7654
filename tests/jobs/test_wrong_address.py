"""A page that no PSE wrote: it decides nothing about a refund, and whoever sends there rests."""

from datetime import timedelta

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from domain.models import Answer, Event, Finding, Refund
from domain.models.refunds import State
from domain.money import Money
from domain.platform.database import rows
from domain.pse.registry import connector
from domain.pse.vocabulary import InDoubt, Method, RefundOrder
from domain.refunds import intervals
from jobs import refunds
from jobs.wire import breaker
from jobs.wire.breaker import FAILURES_MAX
from tests.kit.factories import OwnerRows, a_refund
from tests.kit.world import World, served

PAGE = b"<html><body>Not Found</body></html>"
PSES = {
    "stripe": Method.CARD,
    "conekta": Method.CARD,
    "pix": Method.PIX,
    "mercadopago": Method.PIX,
    "adyen": Method.CARD,
    "ebanx": Method.CARD,
    "dlocal": Method.CARD,
}


@pytest.mark.parametrize("body", [PAGE, b"", b"[]"])
@pytest.mark.parametrize("status", [400, 404, 422])
@pytest.mark.parametrize("pse", PSES)
def test_a_refusal_that_no_pse_explains_is_a_doubt_that_no_look_up_turns_into_a_refusal(
    pse: str, status: int, body: bytes
) -> None:
    order = RefundOrder("https://pse", "r" * 20, "P1", None, PSES[pse], Money(100, "BRL"), Money(100, "BRL"), 1, False)
    for attempt in (1, 2):
        outcome = connector(pse).read_refund(order, httpx.Response(status, content=body))
        assert isinstance(outcome, InDoubt), attempt
        assert not outcome.refusal


async def _page(request: Request) -> HTMLResponse:
    return HTMLResponse(PAGE, 404)


async def test_a_wrong_address_fails_nothing_opens_the_breaker_and_calls_a_person(
    world: World, owner_rows: OwnerRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker, "REST_SECONDS", 30.0)
    await world.step(await a_refund(world.shop, await world.payment()))  # the token is there
    async with served(Starlette(routes=[Route("/{any:path}", _page, methods=["GET", "PUT"])])) as url:
        await owner_rows("UPDATE connections SET base_url = $1", url)
        for _ in range(FAILURES_MAX):
            refund = await world.step(await a_refund(world.shop, await world.payment()))
            assert refund.state is State.SUBMITTED
        assert world.sender.rest(world.shop.connection.id) > 0
        waiting = await a_refund(world.shop, await world.payment())
        await _wait(world, waiting)
        assert not await Finding.filter(kind="NOT_SENT").exists()
        monkeypatch.setattr(intervals, "RESTING_FINDING", timedelta(0))
        await _wait(world, waiting)
    assert await Event.filter(refund_id=waiting.id, kind="RESTING", code="PSE_RESTING").count() == 1
    assert await Finding.filter(kind="NOT_SENT", refund_id=waiting.id).count() == 1


async def _wait(world: World, refund: Refund) -> None:
    await rows("UPDATE refunds SET due_at = now() WHERE id = $1 RETURNING id", refund.id)
    await refunds.step(refund.id, world.sender, world.settings)
    assert (await Refund.get(id=refund.id)).state is State.REQUESTED


async def test_a_call_that_takes_too_long_is_called_a_timeout(world: World) -> None:
    payment = await world.payment("hang", seconds=3)
    await world.step(await a_refund(world.shop, payment))
    said = [one.error for one in await Answer.filter(status=None)]
    assert said == ["Timeout: no answer within the total limit."]
