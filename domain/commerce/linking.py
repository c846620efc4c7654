"""What a shop's refund is by now, in its row: one of ours, waiting for a person, or nobody's."""

from typing import Any, Final

from domain.cause import Cause
from domain.commerce import recording, shops
from domain.commerce.keeping import BECAUSE_MAX
from domain.commerce.matching import Unmatched
from domain.commerce.registry import dialect_of
from domain.commerce.vocabulary import SaidRefund, Why
from domain.models import Refund, Shop, ShopRefund
from domain.money import Money
from domain.platform import bell
from domain.platform.database import execute

TRIED_AGAIN: Final = frozenset({Why.NO_PAYMENT.value, Why.REFUSED.value, Why.QUOTA.value})


async def cause_of(shop: Shop, request_id: str) -> Cause:
    """Who wants it: the shop, by its name. Who gave it its secrets answers for it, as for a token that they made."""
    return Cause(request_id[:64], f"shop {shop.name}"[:200], await shops.answering(shop))


def said_of(row: ShopRefund) -> SaidRefund:
    """What the shop had said."""
    amount = Money(row.amount, row.currency) if row.amount is not None and row.currency is not None else None
    names = tuple(row.payment_names)
    return SaidRefund(row.name or "", row.order_reference, row.order_number, names, amount, reason=row.reason)


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
        what.why.value in TRIED_AGAIN,
        row.why,
    )
    return await ShopRefund.get(id=row.id)


async def dismissed(shop: Shop, row: ShopRefund, why: str) -> ShopRefund:
    """The shop itself wants nothing of it any more, and nothing has come of it."""
    await execute(
        "UPDATE shop_refunds SET state = 'DISMISSED', waits_since = NULL, due_at = NULL, decided_by = 'shop', "
        "  decided_at = now(), decision = $2 WHERE id = $1 AND refund_id IS NULL AND state <> 'DISMISSED'",
        row.id,
        why,
    )
    await recording.release(shop, row)
    return await ShopRefund.get(id=row.id)


async def call(shop: Shop, row: ShopRefund, what: Unmatched) -> ShopRefund:
    """Call a person, unless one has decided about the very same: a sweep tells it again and again."""
    decided = row.decided_at is not None and row.waits_since is None
    if decided and (row.why, row.because) == (what.why.value, what.because):
        return row
    return await wait(shop, row, what)
