"""A shop takes its refund back, or moves it: ours is withdrawn, where that can still be."""

from typing import Final
from uuid import UUID

from domain.commerce import linking
from domain.commerce.matching import Unmatched
from domain.commerce.vocabulary import SaidRefund, Why
from domain.models import Refund, Shop, ShopRefund
from domain.models.shops import ShopRefundOrigin, ShopRefundState
from domain.platform import idempotency
from domain.platform.database import transaction
from domain.problems import InvalidState
from domain.refunds import withdraw

_ENDS: Final = frozenset({"REJECTED", "CANCELED", "EXPIRED", "FAILED", "RETURNED"})


async def canceled(shop: Shop, row: ShopRefund, request_id: str) -> ShopRefund:
    """Taken back in the shop: what was not sent is withdrawn, what was is a person's."""
    if row.state is ShopRefundState.DISMISSED or row.origin is ShopRefundOrigin.OURS:
        return row
    if row.refund_id is None:
        row = await linking.dismissed(shop, row, "Canceled in the shop.")
    if row.refund_id is None:
        return row
    return await _withdrawn(shop, row, row.refund_id, request_id, Why.CANCELED_TOO_LATE, "It was canceled in the shop")


async def moved(shop: Shop, row: ShopRefund, said: SaidRefund, request_id: str) -> ShopRefund:
    """Its shop says only now that its own gateway moves it: as if it were taken back, unless a person has decided."""
    if row.decided_at is not None or row.why == Why.MOVED_BY_SHOP.value:
        return row
    if row.refund_id is None:
        return await linking.call(shop, row, Unmatched(Why.MOVED_BY_SHOP, said.because))
    told = "The shop's own gateway has moved it"
    return await _withdrawn(shop, row, row.refund_id, request_id, Why.MOVED_BY_SHOP, told)


async def _withdrawn(shop: Shop, row: ShopRefund, refund_id: UUID, request_id: str, why: Why, said: str) -> ShopRefund:
    """Withdraw what was not sent; what was, or was asked for again here since, is a person's, for this reason."""
    refund = await _newest(refund_id)  # another worker may have asked for it meanwhile, or a person again
    if refund.state in _ENDS:
        return row
    key = _cancel_key(row)
    if refund.retry_of_id is not None and await idempotency.is_known(shop.merchant_id, withdraw.CANCEL, key):
        # It was withdrawn for the shop, and a person has asked for it since: the same news again is none.
        return await linking.call(
            shop, row, Unmatched(why, f"{said}, and it was asked for again here, as {refund.reference}.")
        )
    try:
        await withdraw.cancel(shop.merchant_id, refund.id, None, key, await linking.cause_of(shop, request_id))
    except InvalidState:
        told = f"{said}, and the refund was sent before: it is {refund.state.value}."
        return await linking.call(shop, row, Unmatched(why, told))
    return await ShopRefund.get(id=row.id)


def _cancel_key(row: ShopRefund) -> str:
    """The idempotency key of withdrawing it for its shop: once, however often it is told."""
    return f"shop-cancel/{row.id}"


async def _newest(refund_id: UUID) -> Refund:
    """The refund, or what was asked again for it."""
    refund = await Refund.get(id=refund_id)
    while (again := await Refund.get_or_none(retry_of_id=refund.id)) is not None:
        refund = again
    return refund


async def give_up(shop: Shop, row: ShopRefund) -> bool:
    """The shop asks no more: whether nothing of it has left, nor will, so that it can be paid by hand."""
    async with transaction():
        if row.refund_id is None:
            row = await linking.dismissed(shop, row, "The shop waits no longer: it is to be paid by hand.")
        if row.refund_id is not None:
            try:
                cause = await linking.cause_of(shop, row.request_id)
                await withdraw.cancel(shop.merchant_id, row.refund_id, None, _cancel_key(row), cause)
            except InvalidState:
                return (await Refund.get(id=row.refund_id)).state.value in _ENDS
    return True
