"""VAT of a sale that is declared after parts of it were refunded: each refund gets its share, by added entries."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from domain.books import ledger
from domain.books.ledger import Posting
from domain.cause import Cause
from domain.history import events
from domain.models import Payment, Refund
from domain.models.ledger import Entry
from domain.models.refunds import Holding, State, holding_of
from domain.payments import vat
from domain.payments.refundable import shares

_NOT_RECOGNISED = frozenset({State.AWAITING_DESTINATION, State.AWAITING_APPROVAL})


class Joined(Exception):
    """Another refund of the payment came in between: its lock would be taken after the payment's. Begin again."""


async def lock_refunds(payment_id: UUID) -> list[Refund]:
    """The payment's refunds, locked in one order until the caller's transaction ends. Before the payment's own lock."""
    return await Refund.filter(payment_id=payment_id).order_by("id").select_for_update(no_key=True)


async def give_shares(payment: Payment, locked: Sequence[Refund], tax: int, cause: Cause) -> None:
    """Give each refund that holds some of the payment its share of `tax` (minor units), which is new to the payment.

    Inside the caller's transaction, which holds the refunds' locks and the payment's. Raises Joined.
    """
    if await Refund.filter(payment_id=payment.id).count() != len(locked):
        raise Joined
    holding = [refund for refund in locked if holding_of(refund.state) is not Holding.RELEASED]
    holding.sort(key=lambda refund: (refund.created_at, refund.id))
    parts = shares(tax, payment.captured, [refund.amount for refund in holding])
    given = [(refund, share) for refund, share in zip(holding, parts, strict=True) if share > 0]
    await Payment.filter(id=payment.id).update(tax_allocated=sum(parts))
    today = await ledger.today(payment.merchant_id)
    for refund, share in given:
        await Refund.filter(id=refund.id).update(tax_amount=share)
        said = "The sale's VAT was declared after this refund was asked for; this is its share."
        if refund.state is State.SUCCEEDED:
            await vat.flag_late(refund, share)
        await events.note(refund, "TAX_DECLARED", cause, message=said, detail={"tax": share})
    await ledger.post(
        [
            _posting(payment, refund, share, today, cause)
            for refund, share in given
            if refund.state not in _NOT_RECOGNISED  # those are recognised later, with their VAT
        ]
    )


def _posting(payment: Payment, refund: Refund, share: int, today: date, cause: Cause) -> Posting:
    return Posting(
        merchant_id=payment.merchant_id,
        store_id=payment.store_id,
        connection_id=payment.connection_id,
        entry=Entry.DECLARE_REFUND_TAX,
        amount=refund.amount,
        tax=share,
        currency=refund.currency,
        accounting_date=today,
        cause=f"refund/{refund.id}/tax",
        request_id=cause.request_id,
        payment_id=payment.id,
        refund_id=refund.id,
    )
