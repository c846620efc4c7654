"""Money that left can come back: by webhook, by look-up, by report, and the amount is refundable again exactly once."""

import itertools
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from domain import invariants
from domain.books import ledger
from domain.models import LedgerEntry, Payment, Refund
from domain.models.ledger import Account
from domain.models.refunds import State
from domain.payments import register
from jobs import reconciliation
from tests.kit.factories import a_refund
from tests.kit.world import World, listening

Way = Callable[[World, Refund], Awaitable[None]]


async def _by_look_up(world: World, refund: Refund) -> None:
    await world.step(refund)


async def _by_webhook(world: World, refund: Refund) -> None:
    await world.apply_notices()
    await world.step(refund)


async def _by_report(world: World, refund: Refund) -> None:
    today = datetime.now(UTC).astimezone(ZoneInfo("America/Sao_Paulo")).date()
    run = await reconciliation.run(world.shop.connection.id, today, world.sender)
    assert run.state == "COMPLETED", run.error


WAYS: dict[str, Way] = {"look-up": _by_look_up, "webhook": _by_webhook, "report": _by_report}


@pytest.mark.parametrize("order", list(itertools.permutations(WAYS)), ids="-".join)
async def test_however_it_is_told_and_however_often_it_comes_back_once(world: World, order: tuple[str, ...]) -> None:
    async with listening(world.sandbox, world.shop, world.settings) as settings:
        heard = World(world.shop, world.sandbox, world.sender, settings)
        payment = await heard.payment(amount=10_000)
        refund = await heard.finish(await a_refund(heard.shop, payment, 6_000))
        assert refund.state is State.SUCCEEDED
        await heard.sandbox.post("give-back", payment=payment.pse_reference, refund=refund.reference)
        for way in (*order, *order):
            await WAYS[way](heard, refund)
            assert (await Refund.get(id=refund.id)).state is State.RETURNED
    payment = await Payment.get(id=payment.id)
    assert (payment.refunded, payment.reserved, register.refundable(payment).minor_units) == (0, 0, 10_000)
    entries = [row.entry.value for row in await LedgerEntry.filter(refund_id=refund.id).order_by("id")]
    assert entries == ["RECOGNISE", "PAY", "RETURN", "UNRECOGNISE"]
    balances = {row.account: row.balance for row in await ledger.balances(world.shop.id)}
    assert balances.get(Account.PSE_CLEARING, 0) + balances.get(Account.PSE_BALANCE, 0) == 10_000
    assert await invariants.check() == []


async def test_the_whole_amount_can_be_refunded_again_after_it_came_back(world: World) -> None:
    payment = await world.payment(amount=10_000)
    first = await world.finish(await a_refund(world.shop, payment, 10_000))
    await world.sandbox.post("give-back", payment=payment.pse_reference, refund=first.reference)
    assert (await world.step(first)).state is State.RETURNED
    second = await world.finish(await a_refund(world.shop, payment, 10_000))
    assert second.state is State.SUCCEEDED
    assert await world.sandbox.paid(payment.pse_reference) == 10_000
    assert await invariants.check() == []
