"""A shop's refund as it was told, kept once, and why none of ours is made of it by itself."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from domain.commerce.registry import dialect_of
from domain.commerce.vocabulary import SaidRefund, Why
from domain.models import Shop, ShopRefund
from domain.models.shops import ShopRefundOrigin, ShopRefundState
from domain.platform import ids
from domain.platform.database import rows

BECAUSE_MAX: Final = 500
_LEASE_SECONDS: Final = 60.0
_NOTE_MAX: Final = 140
_CLOCKS: Final = timedelta(minutes=5)  # how far a shop's clock may be from ours


async def keep(shop: Shop, said: SaidRefund, request_id: str, heard_at: datetime | None = None) -> ShopRefund:
    """The row, made once however often it is told at the same moment."""
    dialect = dialect_of(shop.kind)
    await ShopRefund.bulk_create(
        [
            ShopRefund(
                id=ids.time_ordered(),
                merchant_id=shop.merchant_id,
                shop_id=shop.id,
                origin=ShopRefundOrigin.ASKED if dialect.asks else ShopRefundOrigin.TOLD,
                name=said.name,
                order_reference=said.order,
                order_number=said.number,
                payment_names=list(said.payments),
                amount=said.amount.minor_units if said.amount else None,
                currency=said.amount.currency if said.amount else None,
                reason=_line(said.reason),
                state=ShopRefundState.RECEIVED,
                why=_why(shop, said),
                because=_because(shop, said),
                due_at=await _soon(),
                request_id=request_id[:64],
                **({"created_at": heard_at} if heard_at and dialect.gives_up_seconds is not None else {}),
            )
        ],
        ignore_conflicts=True,
    )
    return await ShopRefund.get(shop_id=shop.id, name=said.name)


async def _soon() -> Any:
    """When another one may go on with what was left: by the database's clock."""
    (row,) = await rows("SELECT now() + make_interval(secs => $1::float8) AS at", _LEASE_SECONDS)
    return row["at"]


def is_young(shop: Shop, said: SaidRefund) -> bool:
    """Whether the shop's own gateway may be at work on it yet, which the shop says afterwards.

    By clocks that agree: where the shop's is ahead of ours, nothing is waited for.
    """
    seconds, now = dialect_of(shop.kind).gateway_seconds, datetime.now(UTC)
    if seconds is None or said.made_at is None or said.why is not None or said.ours is not None:
        return False
    return now - timedelta(seconds=seconds) < said.made_at <= now + _CLOCKS


def _is_older(shop: Shop, said: SaidRefund) -> bool:
    """Whether it may have been made before the shop was connected, and been paid by whoever paid it then.

    An order that changes today brings all of its refunds along.
    """
    if dialect_of(shop.kind).poll_seconds is None:
        return False  # it is handed in, each by itself
    return said.made_at is None or said.made_at < shop.created_at - _CLOCKS


def _why(shop: Shop, said: SaidRefund) -> str | None:
    if said.canceled:
        return Why.CANCELED_TOO_LATE.value
    if said.ours is not None:
        return Why.CLAIMS_OURS.value
    if said.why is None and _is_older(shop, said):
        return Why.BEFORE_CONNECTED.value
    return said.why.value if said.why else None


def _because(shop: Shop, said: SaidRefund) -> str | None:
    if said.canceled:
        return "It was canceled in the shop before we heard of it."
    if said.ours is not None:
        return f"It bears our reference {said.ours}, which stands for another refund, or for none."
    if said.why is None and _is_older(shop, said):
        when = f"on {said.made_at:%Y-%m-%d %H:%M} UTC" if said.made_at else "nobody says when"
        return f"It was made in the shop {when}, before the shop was connected: it may be paid already."
    return said.because[:BECAUSE_MAX] if said.why else None


def _line(text: str | None) -> str | None:
    if text is None:
        return None
    return "".join(one if one.isprintable() else " " for one in text)[:_NOTE_MAX].strip() or None
