"""A payment of which nobody's money leaves and comes back, as reports tell it: rows, and where the books stand."""

from datetime import UTC, datetime, timedelta
from typing import Any

from domain import invariants
from domain.models import Payment
from domain.models.ledger import Account
from domain.pse import registry
from tests.kit.factories import Shop, a_payment, a_shop
from tests.kit.lines import Telling, a_line, balance, settled


async def shop_and_payment() -> tuple[Shop, Payment]:
    """With a payment of BRL 200.00 that no report has told yet."""
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    return shop, await a_payment(shop, amount=20_000, days_ago=0)


def a_row(payment: Payment, amount: int, hours: int = 0, state: str = "SUCCEEDED", **more: Any) -> dict[str, Any]:
    """A row of so much (minor units) under the name X1, so many hours from noon."""
    at = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(hours=hours)
    net = settled(f"{(-1 if state == 'SUCCEEDED' else 1) * amount / 100:.2f}")
    named = {"pse_refund_reference": "X1", "kind": "a", "booked_at": at.isoformat(), **net}
    return a_line(payment, "REFUND", amount, state, **{**named, **more})


async def where_it_stands(shop: Shop, payment: Payment) -> tuple[int, int, int, int]:
    """What is claimed, what is unexplained, what the PSE holds, and what lowers what is refundable."""
    assert await invariants.check() == []
    clearing, suspense, held = [
        await balance(shop, one) for one in (Account.PSE_CLEARING, Account.SUSPENSE, Account.PSE_BALANCE)
    ]
    return clearing - 20_000, suspense, held, (await Payment.get(id=payment.id)).taken_by_bank


def all_gone(amount: int) -> tuple[int, int, int, int]:
    """Where it stands when so much has left and nothing of it came back."""
    return 0, amount, -amount, amount
