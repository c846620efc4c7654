"""How a shop's refund stands: what its shop is told of it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from domain.commerce.vocabulary import SaidRefund, ShopNews, Told
from domain.models import Payment, Refund, Shop, ShopRefund
from domain.models.shops import ShopRefundState
from domain.money import Money
from domain.platform.database import rows

NAME_MAX: Final = 120
GIVEN_UP: Final = "GIVEN_UP"  # in place of a state: the shop was told to have it paid by hand
DISMISSED: Final = "DISMISSED"  # the same: nobody will pay it

_PAID_SINCE: Final = """
WITH RECURSIVE again AS (
  SELECT r.id, r.state FROM refunds r WHERE r.retry_of_id = $1
  UNION SELECT r.id, r.state FROM again a JOIN refunds r ON r.retry_of_id = a.id)
SELECT id FROM again WHERE state = 'SUCCEEDED' LIMIT 1"""


async def of_told(shop: Shop, told: Sequence[Told]) -> ShopNews | None:
    """Of the refund that a message names, if there is one yet."""
    names = [one.name for one in told if isinstance(one, SaidRefund)]
    row = await ShopRefund.get_or_none(shop_id=shop.id, name=names[0]) if len(names) == 1 else None
    return await news_of(row, await _paid_since(row)) if row is not None else None


async def _paid_since(row: ShopRefund) -> Refund | None:
    """What has paid it since it had failed: a shop that asks once more is told the truth."""
    found = await rows(_PAID_SINCE, row.refund_id) if row.refund_id is not None else []
    return await Refund.get(id=found[0]["id"]) if found else None


async def news_of(row: ShopRefund, instead: Refund | None = None) -> ShopNews:
    """As it stands now. `instead`: of the refund that was made in the place of the one that stands for it."""
    refund = instead
    if refund is None and row.refund_id is not None:
        refund = await Refund.get(id=row.refund_id)
    order, number = row.order_reference, row.order_number
    if order is None and refund is not None:
        order = (await Payment.get(id=refund.payment_id)).order_reference
    amount = Money(refund.amount, refund.currency) if refund is not None else _asked(row)
    why = (refund.failure_message or refund.failure_code or "") if refund is not None else ""
    if row.state in (ShopRefundState.WAITING, ShopRefundState.DISMISSED):
        why = row.decision or row.because or ""
    return ShopNews(
        id=row.id,
        name=row.name,
        order=order,
        number=number,
        payments=tuple(row.payment_names),
        reference=refund.reference if refund is not None else None,
        refund_id=row.refund_id,
        state=refund.state if refund is not None else None,
        amount=amount,
        why=why[:500],
        at=datetime.now(UTC),
        given_up=row.told_state == GIVEN_UP or row.state is ShopRefundState.DISMISSED,
    )


def _asked(row: ShopRefund) -> Money | None:
    return Money(row.amount, row.currency) if row.amount is not None and row.currency is not None else None
