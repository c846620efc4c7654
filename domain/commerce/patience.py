"""How long a shop asks for a refund: what takes longer it has paid by hand, so that we must not pay it any more."""

from typing import Final

from domain.commerce.registry import dialect_of
from domain.models import Shop, ShopRefund
from domain.platform.database import rows

_LATE: Final = """SELECT 1 AS one FROM shop_refunds
WHERE id = $1 AND created_at <= now() - make_interval(secs => $2::float8)"""


async def is_over(shop: Shop, row: ShopRefund) -> bool:
    """Whether the shop asks no more, counted from when it asked first."""
    limit = dialect_of(shop.kind).gives_up_seconds
    return limit is not None and bool(await rows(_LATE, row.id, limit))
