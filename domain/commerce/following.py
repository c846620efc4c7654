"""What becomes of refunds is read from the merchant's sealed history: each shop has its position there."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from domain.commerce import linking, recording
from domain.commerce.matching import Unmatched
from domain.commerce.registry import dialect_of
from domain.commerce.vocabulary import Why
from domain.models import Shop, ShopRefund
from domain.platform import bell
from domain.platform.database import execute, rows, transaction

_AT_ONCE: Final = 1_000
# Shops that something lies beyond, of which they have not heard.
_BEHIND: Final = """
SELECT s.id FROM shops s WHERE s.state = 'ACTIVE' AND s.history_position <
  (SELECT e.position FROM event_seals e WHERE e.merchant_id = s.merchant_id ORDER BY e.position DESC LIMIT 1)"""
_PART: Final = """
SELECT e.position, v.refund_id, v.state FROM event_seals e LEFT JOIN events v ON v.id = e.event_id
WHERE e.merchant_id = $1 AND e.position > $2 ORDER BY e.position LIMIT $3"""
# Each refund of the shop that has moved is due to be told, whatever it was told before.
_MOVED: Final = """
UPDATE shop_refunds SET due_at = now(), tries = 0
WHERE shop_id = $1 AND state = 'LINKED' AND refund_id = ANY($2::uuid[]) RETURNING id"""
# What is asked again stands for what the shop had asked: it hears of it, and no other refund is written there. Not
# where the answer that it failed was final.
_RETRIED: Final = """
UPDATE shop_refunds s SET refund_id = r.id FROM refunds r
WHERE r.id = ANY($2::uuid[]) AND s.shop_id = $1 AND s.state = 'LINKED' AND s.refund_id = r.retry_of_id
  AND NOT ($3 AND s.told_state IS NOT NULL)
  AND NOT EXISTS (SELECT 1 FROM shop_refunds o WHERE o.shop_id = $1 AND o.refund_id = r.id)"""
# What was told as failed (or to be paid by hand) for good, and was paid when it was tried again: that cannot be told.
# Nor that it came back, where a person was called for the one.
_PAID_AFTER: Final = """
WITH RECURSIVE paid AS (
  SELECT r.retry_of_id AS of, r.reference, r.state FROM refunds r
    WHERE r.id = ANY($2::uuid[]) AND r.state IN ('SUCCEEDED', 'RETURNED') AND r.retry_of_id IS NOT NULL
  UNION SELECT r.retry_of_id, p.reference, p.state FROM paid p JOIN refunds r ON r.id = p.of
    WHERE r.retry_of_id IS NOT NULL)
SELECT s.id, s.told_state, p.reference, p.state = 'RETURNED' AS is_back
FROM paid p JOIN shop_refunds s ON s.refund_id = p.of
WHERE s.shop_id = $1 AND s.state = 'LINKED' AND s.told_state <> 'SUCCEEDED'
  AND (p.state = 'SUCCEEDED' OR s.why = 'PAID_AFTER_TOLD')"""


async def behind() -> Sequence[UUID]:
    """The shops that have not been told all of their history."""
    return [row["id"] for row in await rows(_BEHIND)]


async def follow(shop_id: UUID) -> int:
    """Make due what has moved since the shop's position, and move that on; how many refunds. Rings for each."""
    due: list[UUID] = []
    async with transaction():
        shop = await Shop.filter(id=shop_id).select_for_update(no_key=True).get()
        part = await rows(_PART, shop.merchant_id, shop.history_position, _AT_ONCE)
        if not part:
            return 0
        moved = list({row["refund_id"] for row in part if row["refund_id"] is not None})
        while await execute(_RETRIED, shop.id, moved, dialect_of(shop.kind).asks):
            pass  # once for each time that it was asked again
        if dialect_of(shop.kind).asks:
            await _paid_after_told(shop, moved)
        due += [row["id"] for row in await rows(_MOVED, shop.id, moved)]
        due += await recording.ours(shop, moved)
        await Shop.filter(id=shop.id).update(history_position=part[-1]["position"])
    for one in due:
        await bell.ring(bell.SHOP_REFUND, one)
    return len(due)


async def _paid_after_told(shop: Shop, moved: Sequence[UUID]) -> None:
    """Call a person where a shop that asks has had its final answer, and the money has left after all."""
    for row in await rows(_PAID_AFTER, shop.id, moved):
        if row["is_back"]:
            said = f"{row['reference']}, which had paid it, came back: what was written in the shop by hand is not so."
            await linking.call(shop, await ShopRefund.get(id=row["id"]), Unmatched(Why.RETURNED_AFTER_TOLD, said))
            continue
        said = (
            f"The shop was told {row['told_state']}, and hears nothing more of it; {row['reference']}, which was made "
            "in its place, has paid it since. Correct it in the shop by hand, so that nobody pays it again."
        )
        await linking.call(shop, await ShopRefund.get(id=row["id"]), Unmatched(Why.PAID_AFTER_TOLD, said))
