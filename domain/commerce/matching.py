"""Which payment a shop's refund is of: one of the shop's own store, by a name of the payment, else by its order."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tortoise.expressions import Q

from domain.commerce.registry import dialect_of
from domain.commerce.vocabulary import SaidRefund, Why
from domain.connections import connections
from domain.models import Payment, Shop
from domain.models.refunds import RELEASED
from domain.models.shops import ShopState
from domain.platform.database import rows

_LENGTH_MAX: Final = 100
_IDS_LONGER: Final = 5  # Shopify's ids have 13 digits, its numbers 4 to 7
_ENDED_UNPAID: Final = f"({', '.join(sorted(repr(state.value) for state in RELEASED))})"
# As much of the payment as is asked for is leaving, or has left, and no shop had asked for it: what is only recorded
# there may be the same; nor for what is a retry: its shop was told that it failed, and may ask for it anew.
_BY_HAND: Final = f"""
SELECT 1 AS one FROM refunds r WHERE r.payment_id = $1 AND r.amount = $2 AND r.state NOT IN {_ENDED_UNPAID}
  AND (r.retry_of_id IS NOT NULL
    OR NOT EXISTS (SELECT 1 FROM shop_refunds s WHERE s.refund_id = r.id AND s.origin <> 'OURS')) LIMIT 1"""  # noqa: S608
# A row of a sheet that is being asked for this moment (domain/batches/applying takes the same lock).
_BY_SHEET: Final = """SELECT 1 AS one FROM batch_rows b JOIN batches a ON a.id = b.batch_id AND a.state = 'APPLYING'
WHERE b.payment_id = $1 AND b.amount = $2 AND b.claimed_at IS NOT NULL AND b.outcome IS NULL LIMIT 1"""
# The same of a refund that another shop of the merchant has asked for.
_BY_ANOTHER: Final = f"""
SELECT 1 AS one FROM shop_refunds s JOIN refunds r ON r.id = s.refund_id
WHERE s.payment_id = $1 AND s.shop_id <> $3 AND r.amount = $2 AND r.state NOT IN {_ENDED_UNPAID} LIMIT 1"""  # noqa: S608
# Something of the payment that stands in another list of the same shop: the same, under another name, it may be.
_BY_LIST: Final = f"""
SELECT 1 AS one FROM shop_refunds s JOIN refunds r ON r.id = s.refund_id
WHERE s.payment_id = $1 AND s.shop_id = $2 AND split_part(s.name, ':', 1) <> split_part($3, ':', 1)
  AND r.state NOT IN {_ENDED_UNPAID} LIMIT 1"""  # noqa: S608 - ours


@dataclass(frozen=True, slots=True)
class Unmatched:
    """Why no money moves until a person has looked."""

    why: Why
    because: str


async def payment_of(shop: Shop, said: SaidRefund) -> Payment | Unmatched:
    """The payment, or why it is a person's to say."""
    named = await _by_name(shop, said.payments)
    if len(named) == 1:
        return await _unless_anothers(shop, said, _of_order(named[0], said))
    if len(named) > 1:
        return Unmatched(Why.SEVERAL_PAYMENTS, f"{len(named)} payments bear a name that it gives.")
    found = await _by_order(shop, said)
    if not found:
        return Unmatched(Why.NO_PAYMENT, _nothing(said))
    if len(found) > 1:
        said_of = f"The order has {len(found)} payments in this store, and nothing says which one is meant."
        return Unmatched(Why.SEVERAL_PAYMENTS, said_of)
    if _may_be_another_order(found[0], said):
        said_of = f"The payment is of order {found[0].order_reference}: this one's number, or the id of another order."
        return Unmatched(Why.OTHER_ORDER, said_of)
    return await _unless_anothers(shop, said, found[0])


async def _unless_anothers(shop: Shop, said: SaidRefund, found: Payment | Unmatched) -> Payment | Unmatched:
    """What was found, unless another shop of the store may have an order of this number, whose payment it may be.

    The PSE's reference is one payment's alone, and so is what a platform that asks us calls its payments.
    """
    if isinstance(found, Unmatched) or found.pse_reference in said.payments or dialect_of(shop.kind).asks:
        return found
    beside = Shop.filter(merchant_id=shop.merchant_id, store_id=shop.store_id).exclude(id=shop.id)
    other = await beside.exclude(state=ShopState.RETIRED).order_by("created_at").first()
    if other is None:
        return found
    said_of = (
        f"{other.name} is a shop of this store, too, and may have an order {found.order_reference} of its own: look "
        "whose payment it is. Shops with their own orders belong to stores of their own."
    )
    return Unmatched(Why.ANOTHER_SHOP, said_of)


def _may_be_another_order(payment: Payment, said: SaidRefund) -> bool:
    """Whether what the payment knows the order by is its number here, and might be the id of another order there.

    Where a shop numbers its orders anew (a plugin of WooCommerce's), order 57 is called "1001", and so is the id of
    another. A number that is far shorter than its shop's ids, or begins with a zero, is no id.
    """
    known = payment.order_reference or ""
    if said.order is None or known == said.order or not (known.isascii() and known.isdigit() and said.order.isdigit()):
        return False
    return not known.startswith("0") and len(said.order) - len(known) < _IDS_LONGER


def _nothing(said: SaidRefund) -> str:
    told = ", ".join(dict.fromkeys(one for one in (said.order, said.number, *said.payments) if one))
    return f"No payment of the shop's store is registered for {told or 'it'}."[:500]


async def _by_name(shop: Shop, names: Iterable[str]) -> list[Payment]:
    given = _usable(names)
    if not given:
        return []
    of_pse = Q(connection_id__in=await connections.ids_of(shop.merchant_id), pse_reference__in=given)
    mine = Payment.filter(merchant_id=shop.merchant_id, store_id=shop.store_id, withdrawn_at=None)
    if found := await mine.filter(of_pse).limit(2):
        return found
    return await mine.filter(order_reference__in=given).limit(2)


async def _by_order(shop: Shop, said: SaidRefund) -> list[Payment]:
    given = _usable(orders_of(said))
    if not given:
        return []
    mine = Payment.filter(merchant_id=shop.merchant_id, store_id=shop.store_id, withdrawn_at=None)
    return await mine.filter(order_reference__in=given).limit(3)


def orders_of(said: SaidRefund) -> list[str]:
    """The names that a payment may know the order by: its id, what people call it, and that without its sign."""
    names = [said.order, said.number, said.number.lstrip("#") if said.number else None]
    return [name for name in dict.fromkeys(names) if name]


def _of_order(payment: Payment, said: SaidRefund) -> Payment | Unmatched:
    known = payment.order_reference
    if known is None or not orders_of(said) or known in orders_of(said):
        return payment
    return Unmatched(Why.OTHER_ORDER, f"The payment is of order {known}, the refund of {orders_of(said)[0]}."[:500])


def _usable(names: Iterable[str]) -> list[str]:
    """Those that a column can hold."""
    return [name for name in dict.fromkeys(names) if len(name) <= _LENGTH_MAX and name.isprintable()]


async def already(shop: Shop, payment: Payment, amount: int, name: str) -> Unmatched | None:
    """Whether as much has left otherwise: then it may be this very refund, made by hand, and a person says so."""
    if payment.taken_by_bank > 0:
        said = "Money of the payment left without us: a refund made at the PSE may be this one."
        return Unmatched(Why.ALREADY_REFUNDED, said)
    if await rows(_BY_HAND, payment.id, amount) or await rows(_BY_SHEET, payment.id, amount):
        said = "As much of the payment is refunded already, or about to be: asked for here, or tried again here."
        return Unmatched(Why.ALREADY_REFUNDED, said)
    if dialect_of(shop.kind).lists and await rows(_BY_LIST, payment.id, shop.id, name):
        return Unmatched(
            Why.ALREADY_REFUNDED, "Another list of the shop has a refund of this payment: it may be this one."
        )
    if await rows(_BY_ANOTHER, payment.id, amount, shop.id):
        return Unmatched(Why.ANOTHER_SHOP, "Another shop of yours asked for as much of this payment.")
    return None
