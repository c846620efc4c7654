"""Reading what is shown of shops: their calls, and for a page of them what each of them has."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from tortoise.queryset import QuerySet

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.models import Shop, ShopCall, ShopCheck, ShopNotice, ShopRefund
from domain.platform import bell
from domain.platform.database import rows

_RUNG_FOR: Final[Mapping[str, type[Shop | ShopNotice | ShopRefund | ShopCheck]]] = {
    bell.SHOP: Shop,
    bell.SHOP_NOTICE: ShopNotice,
    bell.SHOP_REFUND: ShopRefund,
    bell.SHOP_CHECK: ShopCheck,
}
_WAITING: Final = """SELECT shop_id, count(*) AS count FROM shop_refunds
WHERE waits_since IS NOT NULL AND shop_id = ANY($1::uuid[]) GROUP BY shop_id"""
_CALLED: Final = """SELECT s.id, (SELECT c.sent_at FROM shop_calls c WHERE c.shop_id = s.id
  ORDER BY c.sent_at DESC, c.id DESC LIMIT 1) AS sent_at FROM unnest($1::uuid[]) AS s (id)"""


def calls(principal: Principal) -> QuerySet[ShopCall]:
    """What shops were asked and told, for who reads calls in all stores: a body may name anybody. Raises Forbidden."""
    principal.require_everywhere(Permission.READ_CALLS)
    return ShopCall.filter(merchant_id=principal.merchant_id)


async def names_of(shop_ids: Sequence[UUID]) -> Mapping[UUID, str]:
    """What the shops are called."""
    return {one.id: one.name for one in await Shop.filter(id__in=list(shop_ids)).only("id", "name")}


async def waiting_of(shop_ids: Sequence[UUID]) -> Mapping[UUID, int]:
    """How many refunds of each shop wait for a person; those of which none does are left out."""
    return {row["shop_id"]: row["count"] for row in await rows(_WAITING, list(shop_ids))}


async def called_of(shop_ids: Sequence[UUID]) -> Mapping[UUID, datetime]:
    """When each shop was called last; those that never were are left out."""
    return {row["id"]: row["sent_at"] for row in await rows(_CALLED, list(shop_ids)) if row["sent_at"] is not None}


async def merchant_of(job: str, subject: UUID) -> UUID | None:
    """Whose it is that was rung for; None: nobody's. Raises KeyError for a job that is no shop's."""
    found = await _RUNG_FOR[job].get_or_none(id=subject).only("id", "merchant_id")
    return found.merchant_id if found is not None else None
