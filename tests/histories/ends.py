"""How a history must have ended: in our books, and in the PSE's own log."""

import asyncio
from collections.abc import Mapping

from domain import invariants
from domain.models import Finding, LedgerEntry, Notice, Payment, Refund
from domain.models.refunds import State
from domain.payments import register
from tests.kit.accounts import ACCOUNTS
from tests.kit.world import World


async def ended(world: World, refund: Refund, state: State, *, left: int) -> Refund:
    """The refund is in this state, exactly that much has left at the PSE, and our books say the same."""
    refund = await Refund.get(id=refund.id)
    assert refund.state is state, (refund.state, refund.failure_code)
    payment = await Payment.get(id=refund.payment_id)
    assert await world.sandbox.paid(payment.pse_reference) == left
    assert (payment.refunded, payment.reserved) == (left, 0)
    assert register.refundable(payment).minor_units == payment.captured - left - payment.taken_by_bank
    paid = await LedgerEntry.filter(refund_id=refund.id, entry="PAY").count()
    assert paid == (state in (State.SUCCEEDED, State.RETURNED))
    assert await invariants.check() == []
    return refund


async def findings() -> list[str]:
    """The kinds of what a person must still look at."""
    return sorted(row.kind for row in await Finding.filter(resolved_at=None))


async def heard(world: World, count: int) -> None:
    """Wait until so many webhooks are here, and applied."""
    for _ in range(200):
        if await Notice.filter(connection_id=world.shop.connection.id).count() >= count:
            break
        await asyncio.sleep(0.02)
    await world.apply_notices()
    assert await Notice.filter(connection_id=world.shop.connection.id).count() >= count


async def tell(world: World, body: bytes, headers: Mapping[str, str], status: int = 200) -> None:
    """Post a webhook to us and apply it."""
    address = f"{world.settings.webhook_url(world.shop.connection.id)}{ACCOUNTS[world.sandbox.pse].hook}"
    answer = await world.sandbox.http.post(address, content=body, headers=dict(headers))
    assert answer.status_code == status
    await world.apply_notices()
