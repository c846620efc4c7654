"""Refunds that did not begin in a shop and are to be written there: each once, and none that may be there already."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from domain.commerce.registry import dialect_of
from domain.connections import connections
from domain.models import Shop, ShopRefund
from domain.models.shops import ShopState
from domain.platform import bell
from domain.platform.database import rows, transaction

NO_ORDER: Final = "NO_ORDER"  # in place of a state that was told: it is of an order of another place
_YES: Final = frozenset({"yes", "true", "1"})
# Whether a refund of the shop (w) may be of the payment (p), by any name that it gives.
_MAY_BE_OF: Final = """(p.order_reference IN (w.order_reference, w.order_number, ltrim(w.order_number, '#'))
  OR w.payment_names @> to_jsonb(p.order_reference::text) OR w.payment_names @> to_jsonb(p.pse_reference::text))"""
# A refund that did not begin in any shop, of a payment of the shop's store that names an order. As much that waits
# there for a person may be the very same: it is held until they have said what that is.
_OURS: Final = f"""
INSERT INTO shop_refunds (id, merchant_id, shop_id, origin, order_reference, payment_names, amount, currency,
  payment_id, refund_id, state, due_at, tries, request_id, created_at)
SELECT gen_random_uuid(), r.merchant_id, $1, 'OURS', p.order_reference, '[]'::jsonb, r.amount, r.currency, p.id, r.id,
  'LINKED', now(), 0, r.request_id, now()
FROM refunds r JOIN payments p ON p.id = r.payment_id
WHERE r.id = ANY($2::uuid[]) AND r.state = 'SUCCEEDED' AND p.store_id = $3 AND p.order_reference IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM shop_refunds s WHERE s.refund_id = r.id AND s.told_state IS DISTINCT FROM '{NO_ORDER}')
  AND NOT EXISTS (SELECT 1 FROM shop_refunds w WHERE w.merchant_id = r.merchant_id AND w.waits_since IS NOT NULL
    AND w.shop_id = $1 AND w.refund_id IS NULL AND (w.amount IS NULL OR w.amount = r.amount) AND {_MAY_BE_OF})
ON CONFLICT DO NOTHING RETURNING id"""  # noqa: S608 - ours
# Those that were held for one: of the payments that bear a name that it gives, paid since the shop is connected, and
# passed by in the history; what lies beyond comes by itself.
_HELD: Final = """
SELECT r.id FROM (SELECT id FROM payments WHERE merchant_id = $1 AND order_reference = ANY($2::varchar[])
  UNION SELECT id FROM payments WHERE connection_id = ANY($3::uuid[]) AND pse_reference = ANY($2::varchar[])) p
JOIN refunds r ON r.payment_id = p.id AND r.state = 'SUCCEEDED' AND ($4::bigint IS NULL OR r.amount = $4)
JOIN shops s ON s.id = $5
WHERE EXISTS (SELECT 1 FROM events e JOIN event_seals l ON l.event_id = e.id AND l.position <= s.history_position
  WHERE e.refund_id = r.id AND e.state = 'SUCCEEDED' AND e.occurred_at >= s.created_at)"""
_ALONE: Final = "SELECT 1 AS one FROM shops WHERE id = $1 FOR NO KEY UPDATE"  # as who follows the history


def wants(shop: Shop) -> bool:
    """Whether refunds that were made elsewhere are to be written there."""
    return dialect_of(shop.kind).records and shop.options.get("records", "").lower() in _YES


async def ours(shop: Shop, refund_ids: Sequence[UUID]) -> list[UUID]:
    """Have those of these refunds that did not begin in a shop written there; their rows, for each of which to ring."""
    if not (wants(shop) and refund_ids):
        return []
    return [row["id"] for row in await rows(_OURS, shop.id, list(refund_ids), shop.store_id)]


async def rest(shop: Shop, row: ShopRefund) -> None:
    """Put one to rest whose order the shop does not have: it is told nothing of it, now or later, and nobody is called.

    So is what is asked again in its place. Not where another one has its turn, or the shop has named it since. Another
    shop of the store may have the order: it is written there then.
    """
    put = await ShopRefund.filter(id=row.id, due_at=row.due_at, name=None).update(
        told_state=NO_ORDER, told_detail="The shop has no such order.", tries=0, due_at=None
    )
    others = Shop.filter(store_id=shop.store_id, created_at__lte=row.created_at).exclude(id=shop.id)
    for other in await others.exclude(state=ShopState.RETIRED).order_by("created_at", "id") if put else []:
        for made in await ours(other, [row.refund_id] if row.refund_id else []):
            await bell.ring(bell.SHOP_REFUND, made)
            return


async def release(shop: Shop, row: ShopRefund) -> None:
    """Have written what was held for a refund of the shop of which none of ours was made, and which waits no longer."""
    if not wants(shop):
        return
    number = row.order_number or ""
    names = [one for one in (row.order_reference, number, number.lstrip("#"), *row.payment_names) if one]
    places = list(await connections.ids_of(shop.merchant_id))
    async with transaction():
        await rows(_ALONE, shop.id)
        held = await rows(_HELD, shop.merchant_id, names, places, row.amount, shop.id)
        made = await ours(shop, [refund["id"] for refund in held])
    for one in made:
        await bell.ring(bell.SHOP_REFUND, one)
