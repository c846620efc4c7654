"""A shop's refund becomes one of ours, by the same door as everybody's; or it waits for a person."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from domain.cause import Cause
from domain.commerce import keeping, matching, patience, recording, shops
from domain.commerce.dialect import TooYoung
from domain.commerce.keeping import BECAUSE_MAX
from domain.commerce.matching import Unmatched
from domain.commerce.registry import dialect_of
from domain.commerce.vocabulary import SaidRefund, Why
from domain.models import Payment, Refund, Shop, ShopRefund
from domain.models.refunds import Reason
from domain.models.shops import ShopRefundOrigin, ShopRefundState
from domain.money import Money
from domain.payments.refundable import checked_amount
from domain.platform import bell, idempotency
from domain.platform.database import execute, transaction
from domain.problems import CapExceeded, IdempotencyConflict, InvalidState, NotFound, Problem
from domain.refunds import find, insert, intervals, withdraw
from domain.refunds.request import NewRefund, request
from domain.usage import quotas
from domain.usage.plans import Metered

# A payment that is registered later than its refund is told: looked for again, ever more rarely, until a person comes.
_UNREGISTERED: Final = intervals.NOTICE
_OPEN: Final = (ShopRefundState.RECEIVED, ShopRefundState.WAITING)
_TRIED_AGAIN: Final = frozenset({Why.NO_PAYMENT.value, Why.REFUSED.value, Why.QUOTA.value})
_QUOTA_SECONDS: Final = 3_600.0  # a larger plan may be given any day
_ALONE: Final = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"
_ENDS: Final = frozenset({"REJECTED", "CANCELED", "EXPIRED", "FAILED", "RETURNED"})


async def cause_of(shop: Shop, request_id: str) -> Cause:
    """Who wants it: the shop, by its name. Who gave it its secrets answers for it, as for a token that they made."""
    return Cause(request_id[:64], f"shop {shop.name}"[:200], await shops.answering(shop))


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
        return await _dismissed(shop, row, "Canceled in the shop.")
    if row.why is not None and row.why not in _TRIED_AGAIN:
        return await wait(shop, row, Unmatched(Why(row.why), row.because or ""))
    if (done := await _asked_before(shop, row)) is not None:
        return await link(row, done)
    payment = await matching.payment_of(shop, said_of(row))
    if isinstance(payment, Unmatched):
        return await wait(shop, row, payment, again=_later(row) if payment.why is Why.NO_PAYMENT else None)
    return await refund_of(shop, row, payment)


def said_of(row: ShopRefund) -> SaidRefund:
    """What the shop had said."""
    amount = Money(row.amount, row.currency) if row.amount is not None and row.currency is not None else None
    names = tuple(row.payment_names)
    return SaidRefund(row.name or "", row.order_reference, row.order_number, names, amount, reason=row.reason)


def _later(row: ShopRefund) -> float | None:
    return None if _UNREGISTERED.ended(row.tries) else _UNREGISTERED.delay(row.tries)


async def _asked_before(shop: Shop, row: ShopRefund) -> Refund | None:
    """The refund that was made of it by one who could not write it down."""
    return await find.by_idempotency_key(shop.merchant_id, key_of(row), [find.FOR_SHOP])


async def refund_of(shop: Shop, row: ShopRefund, payment: Payment, *, agreed: bool = False) -> ShopRefund:
    """Ask for the refund. `agreed`: a person has looked at what else has left of the payment."""
    said = said_of(row)
    if said.amount is not None and said.amount.currency != payment.currency:
        told = f"It is {said.amount}, of a payment in {payment.currency}."
        return await wait(shop, row, Unmatched(Why.OTHER_CURRENCY, told))
    if (above := await quotas.reached(shop.merchant_id, Metered.REFUNDS)) is not None:
        told = f"The plan's {above.limit} refunds of this month are used up; it goes on when there is room again."
        return await wait(shop, row, Unmatched(Why.QUOTA, told), again=_QUOTA_SECONDS)
    try:
        made = await _asked_for(shop, row, payment, agreed=agreed)
    except CapExceeded as error:
        return await wait(shop, row, Unmatched(Why.REFUSED, error.message), at=error.renews_at)
    except IdempotencyConflict:
        # It was made by one who had matched another payment.
        if (done := await _asked_before(shop, row)) is not None:
            return await link(row, done)
        raise
    except Problem as error:
        return await wait(shop, row, await _refused(shop, payment, said, error))
    if isinstance(made, Unmatched):
        return await wait(shop, row, made)
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
    said = said_of(row)
    async with transaction():
        open_yet = ShopRefund.filter(id=row.id, refund_id=None, state__in=_OPEN).select_for_update(no_key=True)
        held = await open_yet.get_or_none()
        if held is None or (held.why, held.because) != (row.why, row.because):
            return None
        await execute(_ALONE, f"asking/{payment.id}")
        amount = checked_amount(await _facts(payment), said.amount)
        if not agreed and (other := await matching.already(shop, payment, amount.minor_units)) is not None:
            return other
        new = NewRefund(payment.id, amount, _reason(said.reason), said.reason)
        cause = await cause_of(shop, row.request_id)
        made = await request(shop.merchant_id, new, key_of(row), cause, for_shop=True)
        await link(row, made.refund)
    return made.refund


async def _refused(shop: Shop, payment: Payment, said: SaidRefund, error: Problem) -> Unmatched:
    """Why our rules refuse it; where the money left by hand before, that is the reason."""
    wanted = said.amount.minor_units if said.amount else payment.captured
    other = await matching.already(shop, payment, wanted)
    return other or Unmatched(Why.REFUSED, f"{error.code}: {error.message}"[:BECAUSE_MAX])


async def _facts(payment: Payment) -> dict[str, Any]:
    """The payment's row, as `checked_amount` wants it."""
    row = await insert.locked(payment.merchant_id, payment.id)
    if row is None:
        raise NotFound("The payment was withdrawn.")
    return row


def _reason(text: str | None) -> Reason:
    return Reason.__members__.get((text or "").strip().upper(), Reason.CUSTOMER_REQUEST)


def key_of(row: ShopRefund) -> str:
    """The idempotency key of a shop's refund: one row, one refund."""
    return f"shop-refund/{row.id}"


async def link(row: ShopRefund, refund: Refund) -> ShopRefund:
    """The refund stands for it from now on, and its shop is told what becomes of it."""
    await execute(
        "UPDATE shop_refunds SET state = 'LINKED', refund_id = $2, payment_id = $3, why = NULL, because = NULL, "
        "  waits_since = NULL, tries = 0, due_at = now() WHERE id = $1 AND state IN ('RECEIVED', 'WAITING')",
        row.id,
        refund.id,
        refund.payment_id,
    )
    await bell.ring(bell.SHOP_REFUND, row.id)
    return await ShopRefund.get(id=row.id)


async def wait(
    shop: Shop, row: ShopRefund, what: Unmatched, *, again: float | None = None, at: Any = None
) -> ShopRefund:
    """A person must look. `again`: seconds until it is tried once more by itself; `at`: the moment.

    Of a shop that waits with us, what is not decided in time is given back to it.
    """
    await execute(
        "UPDATE shop_refunds SET state = CASE WHEN refund_id IS NULL THEN 'WAITING' ELSE state END, why = $2, "
        "  because = $3, waits_since = coalesce(waits_since, now()), "
        # What is to be told of a refund has its own turns.
        "  tries = CASE WHEN refund_id IS NULL THEN tries + 1 ELSE tries END, "
        "  due_at = CASE WHEN refund_id IS NOT NULL THEN due_at ELSE "
        "    least(coalesce($5::timestamptz, now() + make_interval(secs => $4::float8)), "
        "    CASE WHEN told_state IS NULL THEN created_at + make_interval(secs => $6::float8) END) END "
        # What another worker has made of it meanwhile stands.
        "WHERE id = $1 AND state <> 'DISMISSED' AND refund_id IS NOT DISTINCT FROM $7 "
        # By itself it is tried again for nothing that a person was called for since it was judged.
        "AND (NOT $8 OR why IS NOT DISTINCT FROM $9)",
        row.id,
        what.why.value,
        what.because.replace("\x00", "")[:BECAUSE_MAX],
        again,
        at,
        dialect_of(shop.kind).gives_up_seconds,
        row.refund_id,
        what.why.value in _TRIED_AGAIN,
        row.why,
    )
    return await ShopRefund.get(id=row.id)


async def _dismissed(shop: Shop, row: ShopRefund, why: str) -> ShopRefund:
    """The shop itself wants nothing of it any more, and nothing has come of it."""
    await execute(
        "UPDATE shop_refunds SET state = 'DISMISSED', waits_since = NULL, due_at = NULL, decided_by = 'shop', "
        "  decided_at = now(), decision = $2 WHERE id = $1 AND refund_id IS NULL AND state <> 'DISMISSED'",
        row.id,
        why,
    )
    await recording.release(shop, row)
    return await ShopRefund.get(id=row.id)


async def _again(shop: Shop, row: ShopRefund, said: SaidRefund, request_id: str) -> ShopRefund:
    """It is told once more: canceled, or otherwise than before, or the same."""
    if said.canceled:
        return await _canceled(shop, row, request_id)
    if said.why is Why.MOVED_BY_SHOP and dialect_of(shop.kind).gateway_seconds is not None:
        return await _moved(shop, row, said, request_id)
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
        return await call(shop, row, Unmatched(Why.TOLD_OTHERWISE, told))
    return await settle(shop, row) if row.state is ShopRefundState.RECEIVED else row


async def _is_made(row: ShopRefund, said: SaidRefund) -> bool:
    """Whether this is what a person has said that counts: the refund that was made is of as much."""
    if row.refund_id is None or said.amount is None or (said.order or None) != row.order_reference:
        return False
    return await Refund.exists(id=row.refund_id, amount=said.amount.minor_units, currency=said.amount.currency)


async def call(shop: Shop, row: ShopRefund, what: Unmatched) -> ShopRefund:
    """Call a person, unless one has decided about the very same: a sweep tells it again and again."""
    decided = row.decided_at is not None and row.waits_since is None
    if decided and (row.why, row.because) == (what.why.value, what.because):
        return row
    return await wait(shop, row, what)


async def _canceled(shop: Shop, row: ShopRefund, request_id: str) -> ShopRefund:
    """Taken back in the shop: what was not sent is withdrawn, what was is a person's."""
    if row.state is ShopRefundState.DISMISSED or row.origin is ShopRefundOrigin.OURS:
        return row
    if row.refund_id is None:
        row = await _dismissed(shop, row, "Canceled in the shop.")
    if row.refund_id is None:
        return row
    return await _withdrawn(shop, row, row.refund_id, request_id, Why.CANCELED_TOO_LATE, "It was canceled in the shop")


async def _moved(shop: Shop, row: ShopRefund, said: SaidRefund, request_id: str) -> ShopRefund:
    """Its shop says only now that its own gateway moves it: as if it were taken back, unless a person has decided."""
    if row.decided_at is not None or row.why == Why.MOVED_BY_SHOP.value:
        return row
    if row.refund_id is None:
        return await call(shop, row, Unmatched(Why.MOVED_BY_SHOP, said.because))
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
        return await call(shop, row, Unmatched(why, f"{said}, and it was asked for again here, as {refund.reference}."))
    try:
        await withdraw.cancel(shop.merchant_id, refund.id, None, key, await cause_of(shop, request_id))
    except InvalidState:
        told = f"{said}, and the refund was sent before: it is {refund.state.value}."
        return await call(shop, row, Unmatched(why, told))
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
            await _canceled(shop, row, request_id)
    if young:
        raise TooYoung(
            f"Order {order} has a refund that its gateway may be paying this moment."
            if young == 1
            else f"Order {order} has {young} refunds that its gateway may be paying this moment."
        )
    return count


async def give_up(shop: Shop, row: ShopRefund) -> bool:
    """The shop asks no more: whether nothing of it has left, nor will, so that it can be paid by hand."""
    async with transaction():
        if row.refund_id is None:
            row = await _dismissed(shop, row, "The shop waits no longer: it is to be paid by hand.")
        if row.refund_id is not None:
            try:
                cause = await cause_of(shop, row.request_id)
                await withdraw.cancel(shop.merchant_id, row.refund_id, None, _cancel_key(row), cause)
            except InvalidState:
                return (await Refund.get(id=row.refund_id)).state.value in _ENDS
    return True
