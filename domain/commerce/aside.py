"""What a sweep has found and not worked out in its turn: each order is kept, due by itself, and holds up no other."""

import hashlib
import json
from collections.abc import Sequence
from typing import Final

from domain.commerce.vocabulary import LookAt
from domain.models import Shop, ShopNotice
from domain.platform.database import execute

PATH: Final = "sweep"  # in place of the one that a message came by, which begins with a slash
# An order that waits already keeps its turn.
_PUT: Final = """
INSERT INTO shop_notices (id, merchant_id, shop_id, key, digest, path, body, headers, request_id, received_at,
  times_received, due_at, tries)
SELECT gen_random_uuid(), $1, $2, o.key, o.digest, $3, o.body, '{}'::jsonb, $4, now(), 1, now(), 0
FROM unnest($5::varchar[], $6::varchar[], $7::bytea[]) AS o(key, digest, body)
ON CONFLICT (shop_id, key) DO UPDATE SET times_received = shop_notices.times_received + 1, applied_at = NULL,
  due_at = coalesce(shop_notices.due_at, now()),
  tries = CASE WHEN shop_notices.applied_at IS NULL THEN shop_notices.tries ELSE 0 END"""


async def put(shop: Shop, orders: Sequence[LookAt], request_id: str) -> None:
    """Have each of these looked at by itself, until the shop answers."""
    if not orders:
        return
    named = {one.order: one for one in orders}
    bodies = [json.dumps({"order": one.order, "bare": one.bare}).encode() for one in named.values()]
    await execute(
        _PUT,
        shop.merchant_id,
        shop.id,
        PATH,
        request_id[:64],
        [f"{PATH}/{name}" for name in named],
        [hashlib.sha256(body).hexdigest() for body in bodies],
        bodies,
    )


def found(notice: ShopNotice) -> LookAt | None:
    """The order that was put aside; None: it is a message that came."""
    if notice.path != PATH:
        return None
    body = json.loads(bytes(notice.body))
    return LookAt(str(body["order"]), bare=bool(body["bare"]))
