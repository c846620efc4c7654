"""What a shop had said and nobody had worked out when it was retired: nothing is asked there any more, a person says.

It was taken with a 2xx, so nobody says it again.
"""

from dataclasses import replace
from typing import Final

from domain.commerce import settle
from domain.commerce.vocabulary import LookAt, SaidRefund, Told, Why
from domain.models import Shop, ShopRefund

_BECAUSE: Final = "The shop was retired before this was worked out: look there what it is."


async def leave(shop: Shop, told: Told, request_id: str) -> str:
    """Keep it for a person, unless it is known; in words."""
    said = _said(told)
    if said is None:
        return "The shop is retired."
    if said.canceled or await ShopRefund.exists(shop_id=shop.id, name=said.name):
        row = await settle.take_in(shop, said, request_id)
    else:
        row = await settle.take_in(shop, replace(said, why=Why.ORDER_UNREADABLE, because=_BECAUSE), request_id)
    return f"Refund {said.name}: {row.state.value if row else 'our own'}; the shop is retired."


def _said(told: Told) -> SaidRefund | None:
    if isinstance(told, LookAt):
        if told.bare:
            return None
        return told.seen or SaidRefund(f"order:{told.order}", told.order)
    return told if isinstance(told, SaidRefund) else None
