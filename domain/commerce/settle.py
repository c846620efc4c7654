"""A shop's refund becomes one of ours, by the same door as everybody's; or it waits for a person."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from domain.commerce import keeping, linking, matching, patience, withdrawing
from domain.commerce.dialect import TooYoung
from domain.commerce.keeping import BECAUSE_MAX
from domain.commerce.linking import TRIED_AGAIN
from domain.commerce.matching import Unmatched
from domain.commerce.registry import dialect_of
from domain.commerce.vocabulary import SaidRefund, Why
from domain.models import Payment, Refund, Shop, ShopRefund
from domain.models.refunds import Reason
from domain.models.shops import ShopRefundOrigin, ShopRefundState
from domain.payments.refundable import checked_amount
from domain.platform import bell
from domain.platform.alone import lock_name
from domain.platform.database import execute, transaction
from domain.problems import CapExceeded, IdempotencyConflict, NotFound, Problem
from domain.refunds import find, insert, intervals
from domain.refunds.request import NewRefund, request
from domain.usage import quotas
from domain.usage.plans import Metered

# A payment that is registered later than its refund is told: looked for again, ever more rarely, until a person comes.
_UNREGISTERED: Final = intervals.NOTICE
_OPEN: Final = (ShopRefundState.RECEIVED, ShopRefundState.WAITING)
_QUOTA_SECONDS: Final = 3_600.0  # a larger plan may be given any day


async def take_in(shop: Shop, said: SaidRefund, request_id: str, heard_at: datetime | None = None) -> ShopRefund | None:
    """Keep a refund that the shop speaks of, and make one of ours of it. None: it is our own echo.

    Told again it does nothing; told otherwise it does nothing, and a person is called. `heard_at` (UTC): when it was
    said, where that is not now: a shop that asks does not for ever.
    """
    if said.ours is not None and await _is_echo(shop, said):
        return None
    known = await ShopRefund.get_or_none(shop_id=shop.id, name=said.name)
    if known is not None:
        return await _again(shop, known, said, request_id)
    row = await keeping.keep(shop, said, request_id, heard_at)
    return await settle(shop, row)


async def _is_echo(shop: Shop, said: SaidRefund) -> bool:
    """Whether it is what we have written there, which may be heard before the answer to our own write."""
    refund = await Refund.get_or_none(merchant_id=shop.merchant_id, reference=said.ours)
    if refund is None:
        return False
    joined = await execute(
        "UPDATE shop_refunds SET name = $3 WHERE shop_id = $1 AND refund_id = $2 AND name IS NULL "
        "AND NOT EXISTS (SELECT 1 FROM shop_refunds o WHERE o.shop_id = $1 AND o.name = $3)",
        shop.id,
        refund.id,
        said.name,
    )
    if joined:
        return True
    return await ShopRefund.exists(shop_id=shop.id, refund_id=refund.id, name=said.name)


async def settle(shop: Shop, row: ShopRefund) -> ShopRefund:
    """Match what was received, or what waits for a payment that nobody had registered, and have it refunded."""
    if row.state not in (ShopRefundState.RECEIVED, ShopRefundState.WAITING) or row.refund_id is not None:
        return row
    if await patience.is_over(shop, row):
        return row  # it is given back at its turn
    if row.why == Why.CANCELED_TOO_LATE and row.state is ShopRefundState.RECEIVED:
        return await linking.dismissed(shop, row, "Canceled in the shop.")
    if row.why is not None and row.why not in TRIED_AGAIN:
        return await linking.wait(shop, row, Unmatched(Why(row.why), row.because or ""))
    if (done := await _asked_before(shop, row)) is not None:
        return await linking.link(row, done)
    payment = await matching.payment_of(shop, linking.said_of(row))
    if isinstance(payment, Unmatched):
        return await linking.wait(shop, row, payment, again=_later(row) if payment.why is Why.NO_PAYMENT else None)
    return await refund_of(shop, row, payment)


def _later(row: ShopRefund) -> float | None:
    return None if _UNREGISTERED.ended(row.tries) else _UNREGISTERED.delay(row.tries)


async def _asked_before(shop: Shop, row: ShopRefund) -> Refund | None:
    """The refund that was made of it by one who could not write it down."""
    return await find.by_idempotency_key(shop.merchant_id, linking.key_of(row), [find.FOR_SHOP])


async def refund_of(shop: Shop, row: ShopRefund, payment: Payment, *, agreed: bool = False) -> ShopRefund:
    """Ask for the refund. `agreed`: a person has looked at what else has left of the payment."""
    said = linking.said_of(row)
    if said.amount is not None and said.amount.currency != payment.currency:
        told = f"It is {said.amount}, of a payment in {payment.currency}."
        return await linking.wait(shop, row, Unmatched(Why.OTHER_CURRENCY, told))
    if (above := await quotas.reached(shop.merchant_id, Metered.REFUNDS)) is not None:
        told = f"The plan's {above.limit} refunds of this month are used up; it goes on when there is room again."
        return await linking.wait(shop, row, Unmatched(Why.QUOTA, told), again=_QUOTA_SECONDS)
    try:
        made = await _asked_for(shop, row, payment, agreed=agreed)
    except CapExceeded as error:
        return await linking.wait(shop, row, Unmatched(Why.REFUSED, error.message), at=error.renews_at)
    except IdempotencyConflict:
        # It was made by one who had matched another payment.
        if (done := await _asked_before(shop, row)) is not None:
            return await linking.link(row, done)
        raise
    except Problem as error:
        return await linking.wait(shop, row, await _refused(shop, payment, said, error))
    if isinstance(made, Unmatched):
        return await linking.wait(shop, row, made)
    if made is not None:
        await bell.ring(bell.REFUND, made.id)
        await bell.ring(bell.SHOP_REFUND, row.id)
    return await ShopRefund.get(id=row.id)


async def _asked_for(shop: Shop, row: ShopRefund, payment: Payment, *, agreed: bool) -> Refund | Unmatched | None:
    """Make the refund and link it, both or neither. None: it was linked, dismissed, or told otherwise meanwhile.

    `row` is as it was judged: what a person is called for since then is not known to whoever judged it. Whoever cancels
    or dismisses it takes the same row, so nobody says "nothing is paid" beside a refund that goes; and who looks what
    else has left of the payment, looks alone.
    """
    said = linking.said_of(row)
    async with transaction():
        open_yet = ShopRefund.filter(id=row.id, refund_id=None, state__in=_OPEN).select_for_update(no_key=True)
        held = await open_yet.get_or_none()
        if held is None or (held.why, held.because) != (row.why, row.because):
            return None
        await lock_name(f"asking/{payment.id}")
        amount = checked_amount(await _facts(payment), said.amount)
        if not agreed and (other := await matching.already(shop, payment, amount.minor_units, said.name)) is not None:
            return other
        new = NewRefund(payment.id, amount, _reason(said.reason), said.reason)
        cause = await linking.cause_of(shop, row.request_id)
        made = await request(shop.merchant_id, new, linking.key_of(row), cause, for_shop=True)
        await linking.link(row, made.refund)
    return made.refund


async def _refused(shop: Shop, payment: Payment, said: SaidRefund, error: Problem) -> Unmatched:
    """Why our rules refuse it; where the money left by hand before, that is the reason."""
    wanted = said.amount.minor_units if said.amount else payment.captured
    other = await matching.already(shop, payment, wanted, said.name)
    return other or Unmatched(Why.REFUSED, f"{error.code}: {error.message}"[:BECAUSE_MAX])


async def _facts(payment: Payment) -> dict[str, Any]:
    """The payment's row, as `checked_amount` wants it."""
    row = await insert.locked(payment.merchant_id, payment.id)
    if row is None:
        raise NotFound("The payment was withdrawn.")
    return row


def _reason(text: str | None) -> Reason:
    return Reason.__members__.get((text or "").strip().upper(), Reason.CUSTOMER_REQUEST)


async def _again(shop: Shop, row: ShopRefund, said: SaidRefund, request_id: str) -> ShopRefund:
    """It is told once more: canceled, or otherwise than before, or the same."""
    if said.canceled:
        return await withdrawing.canceled(shop, row, request_id)
    if said.why is Why.MOVED_BY_SHOP and dialect_of(shop.kind).gateway_seconds is not None:
        return await withdrawing.moved(shop, row, said, request_id)
    amount = said.amount.minor_units if said.amount else None
    currency = said.amount.currency if said.amount else None
    other = (amount, currency) != (row.amount, row.currency) or (said.order or None) != row.order_reference
    if (
        other
        and not await _is_made(row, said)
        and row.origin is not ShopRefundOrigin.OURS
        and said.why is not Why.ORDER_UNREADABLE
    ):
        told = f"It is told again as {said.amount or 'all that is left'} of order {said.order}."
        return await linking.call(shop, row, Unmatched(Why.TOLD_OTHERWISE, told))
    return await settle(shop, row) if row.state is ShopRefundState.RECEIVED else row


async def _is_made(row: ShopRefund, said: SaidRefund) -> bool:
    """Whether this is what a person has said that counts: the refund that was made is of as much."""
    if row.refund_id is None or said.amount is None or (said.order or None) != row.order_reference:
        return False
    return await Refund.exists(id=row.refund_id, amount=said.amount.minor_units, currency=said.amount.currency)


async def take_in_all(shop: Shop, order: str, listed: Sequence[SaidRefund], request_id: str) -> int:
    """The refunds of an order as the shop lists them now; how many are new or changed. One bad one stops no other.

    Raises TooYoung where one of them is too young to be paid, when the others are taken in.
    """
    count, young = 0, 0
    for said in listed:
        if keeping.is_young(shop, said) and not await ShopRefund.exists(shop_id=shop.id, name=said.name):
            young += 1
            continue
        count += await take_in(shop, said, request_id) is not None
    if dialect_of(shop.kind).deletes:
        names = [one.name for one in listed]
        gone = ShopRefund.filter(shop_id=shop.id, order_reference=order, origin=ShopRefundOrigin.TOLD)
        for row in await gone.exclude(name__in=names or [""]):
            await withdrawing.canceled(shop, row, request_id)
    if young:
        raise TooYoung(
            f"Order {order} has a refund that its gateway may be paying this moment."
            if young == 1
            else f"Order {order} has {young} refunds that its gateway may be paying this moment."
        )
    return count
