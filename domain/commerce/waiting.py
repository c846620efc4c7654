"""What waits for a person: they name the payment or the refund that it is, or say that nothing will be paid."""

from typing import Final
from uuid import UUID

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.cause import Cause
from domain.commerce import linking, recording, settle
from domain.commerce.vocabulary import Why
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.models import Payment, Refund, Shop, ShopNotice, ShopRefund
from domain.models.shops import ShopRefundState
from domain.money import Money
from domain.platform.database import execute, transaction
from domain.problems import InvalidInput, InvalidState, NotFound
from domain.usage import quotas
from domain.usage.plans import Metered

MATCH: Final = "shopRefundMatch"
DISMISS: Final = "shopRefundDismiss"
_NOTE: Final = (5, 500)
_KIND: Final = "shop_refund"


def readable(principal: Principal) -> QuerySet[ShopRefund]:
    """The shops' refunds of the stores that somebody may read. Raises Forbidden."""
    scope = principal.scope(Permission.READ)
    query = ShopRefund.filter(merchant_id=scope.merchant_id)
    return query if scope.stores is None else query.filter(shop__store_id__in=list(scope.stores))


def notices(principal: Principal) -> QuerySet[ShopNotice]:
    """What shops said, for who reads calls in all stores: a body may name anybody. Raises Forbidden."""
    principal.require_everywhere(Permission.READ_CALLS)
    return ShopNotice.filter(merchant_id=principal.merchant_id)


def waiting() -> Q:
    """The condition on what waits for a person."""
    return Q(waits_since__isnull=False)


async def _locked(principal: Principal, row_id: UUID) -> tuple[ShopRefund, Shop]:
    scope = principal.scope(Permission.REFUND)
    query = ShopRefund.filter(id=row_id, merchant_id=scope.merchant_id)
    if scope.stores is not None:
        query = query.filter(shop__store_id__in=list(scope.stores))
    found = await query.get_or_none()
    if found is None:
        raise NotFound("There is no such refund of a shop.", path=["input", "shopRefundId"])
    row = await ShopRefund.filter(id=row_id).select_for_update(no_key=True).get()
    return row, await Shop.get(id=row.shop_id)


def _check(row: ShopRefund, note: str) -> None:
    low, high = _NOTE
    if not (low <= len(note.strip()) <= high and note.isprintable()):
        raise InvalidInput(f"note takes {low} to {high} printable characters.", path=["input", "note"])
    if row.waits_since is None:
        raise InvalidState(
            "It does not wait for a person (any more).",
            path=["input", "shopRefundId"],
            current_state=row.state.value,
        )


def _check_free(row: ShopRefund) -> None:
    if row.refund_id is not None:
        raise InvalidState(
            "A refund stands for it already; dismiss what was said about it.",
            path=["input", "shopRefundId"],
            current_state=row.state.value,
        )


async def match(
    principal: Principal,
    row_id: UUID,
    payment_id: UUID | None,
    refund_id: UUID | None,
    amount: Money | None,
    note: str,
    cause: Cause,
) -> ShopRefund:
    """Say which payment it is of, so that it is refunded by all the same rules; or which refund of ours it is already.

    `amount`: where the shop's own is unclear, or was told twice; never another than the shop named.
    Raises Forbidden, NotFound, InvalidInput, InvalidState, QuotaExceeded.
    """
    if (payment_id is None) == (refund_id is None):
        raise InvalidInput("Name a payment, or a refund that is there already: one of them.", path=["input"])
    above = await quotas.reached(principal.merchant_id, Metered.REFUNDS) if payment_id is not None else None
    async with transaction():
        row, shop = await _locked(principal, row_id)
        _check(row, note)
        if above is not None:
            raise quotas.exceeded(above)  # what is decided would be forgotten
        _check_free(row)
        await _decided(row, cause, note)
        changes = {"payment": [None, _text(payment_id)], "refund": [None, _text(refund_id)], "note": [None, note]}
        await deeds.note(shop.merchant_id, MATCH, Of(_KIND, row.id), cause, changes)
        if refund_id is not None:
            linked = await linking.link(row, await _refund(shop, row, refund_id))
            await recording.release(shop, row)
            return linked
        assert payment_id is not None, "It is the one that was named."
        payment = await _payment(shop, payment_id)
        amount = _amount(row, amount)
    if amount is not None:
        row.amount, row.currency = amount.minor_units, amount.currency  # of this call alone: what it said stays
    made = await settle.refund_of(shop, row, payment, agreed=True)
    await recording.release(shop, row)
    return made


def _has_changed(row: ShopRefund) -> bool:
    """Whether the shop has named another amount since the one that is kept."""
    return row.why == Why.TOLD_OTHERWISE.value


def _amount(row: ShopRefund, given: Money | None) -> Money | None:
    said = linking.said_of(row).amount
    if said is not None and given is not None and said != given and not _has_changed(row):
        raise InvalidInput(f"The shop says {said}; leave amount out.", path=["input", "amount"])
    if said is None and given is None and row.why == "AMOUNT_UNCLEAR":
        raise InvalidInput("The shop's amount is unclear: say how much.", path=["input", "amount"])
    return given


async def _payment(shop: Shop, payment_id: UUID) -> Payment:
    """A payment of the shop's own store. Raises NotFound."""
    found = await Payment.get_or_none(id=payment_id, merchant_id=shop.merchant_id, store_id=shop.store_id)
    if found is None:
        raise NotFound("No such payment in the shop's store.", path=["input", "paymentId"])
    return found


async def _refund(shop: Shop, row: ShopRefund, refund_id: UUID) -> Refund:
    """A refund of the shop's own store that stands for no other one of this shop. Raises NotFound, InvalidInput."""
    found = await Refund.get_or_none(id=refund_id, merchant_id=shop.merchant_id, payment__store_id=shop.store_id)
    if found is None:
        raise NotFound("No such refund in the shop's store.", path=["input", "refundId"])
    if await ShopRefund.exists(shop_id=shop.id, refund_id=found.id):
        raise InvalidInput("That refund is another refund of the shop already.", path=["input", "refundId"])
    said = linking.said_of(row).amount
    if said is not None and said != Money(found.amount, found.currency) and not _has_changed(row):
        raise InvalidInput(f"The shop says {said}, the refund is of another amount.", path=["input", "refundId"])
    return found


async def dismiss(principal: Principal, row_id: UUID, note: str, cause: Cause) -> ShopRefund:
    """Nothing (more) is done about it, and why. A refund that was made of it goes on.

    Raises Forbidden, NotFound, InvalidInput, InvalidState.
    """
    async with transaction():
        row, shop = await _locked(principal, row_id)
        _check(row, note)
        await _decided(row, cause, note)
        ends = row.refund_id is None
        await execute(
            "UPDATE shop_refunds SET state = CASE WHEN $2 THEN 'DISMISSED' ELSE state END, waits_since = NULL, "
            "  due_at = CASE WHEN $2 THEN now() ELSE due_at END, tries = 0 WHERE id = $1",
            row.id,
            ends,
        )
        changes = {"why": [row.why, None], "note": [None, note]}
        if ends:
            changes["state"] = [row.state.value, ShopRefundState.DISMISSED.value]
        await deeds.note(shop.merchant_id, DISMISS, Of(_KIND, row.id), cause, changes)
        if ends:
            await recording.release(shop, row)
    return await ShopRefund.get(id=row.id)


async def _decided(row: ShopRefund, cause: Cause, note: str) -> None:
    await execute(
        "UPDATE shop_refunds SET decided_by = $2, decided_by_id = $3, decided_at = now(), decision = $4 WHERE id = $1",
        row.id,
        cause.actor[:200],
        cause.party,
        note.strip(),
    )


def _text(one: UUID | None) -> str | None:
    return str(one) if one is not None else None
