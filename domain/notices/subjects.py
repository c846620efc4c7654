"""What a notice speaks of: the refund of ours, the payment, whether of the same amount; and which spoke of a refund."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from domain.models import Connection, Notice, NoticeRefund, Payment, Refund
from domain.money import Money
from domain.platform.children import first_of_each
from domain.platform.lengths import equal
from domain.pse.vocabulary import ChargedBack, InDoubt, Outcome, TellsOfRefund
from domain.refunds.request import REFERENCE_LENGTH


async def refund_of(connection: Connection, told: TellsOfRefund) -> Refund | None:
    """Our refund that a notice speaks of: by our reference, then by the PSE's."""
    if may_be_ours(told.reference):
        refund = await Refund.get_or_none(reference=told.reference, connection_id=connection.id)
        if refund is not None:
            return refund
    if told.pse_refund_reference is None:
        return None
    mine = Refund.filter(connection_id=connection.id)
    return await equal(mine, pse_refund_reference=told.pse_refund_reference).first()


def may_be_ours(reference: str | None) -> bool:
    """Whether we could have made it: the database is asked for nothing that its column cannot hold."""
    return reference is not None and len(reference) <= REFERENCE_LENGTH


def checked(refund: Refund, outcome: Outcome, amount: Money | None, what: str) -> Outcome:
    """The outcome that is told of a refund; in doubt where it is told of another amount. `what` begins the words."""
    ours = Money(refund.amount, refund.currency)
    if amount is None or amount == ours:
        return outcome
    said = f"{what} {amount} for a refund of {ours}."
    return InDoubt("ECHO_MISMATCH", said, needs_person=True)


async def payment_of(connection: Connection, told: TellsOfRefund | ChargedBack) -> Payment | None:
    """The payment that a notice speaks of, if it is registered."""
    for name in (told.payment_reference, told.payment_alias):
        if name is not None:
            mine = Payment.filter(connection_id=connection.id, withdrawn_at=None)
            payment = await equal(mine, pse_reference=name).get_or_none()
            if payment is not None:
                return payment
    return None


async def of_refunds(refund_ids: Sequence[UUID], limit: int) -> Mapping[UUID, list[Notice]]:
    """The newest `limit` webhooks that spoke of each refund, oldest first."""
    named = await first_of_each(NoticeRefund, refund_ids, key="refund_id", order="id DESC", limit=limit)
    of_notice: dict[UUID, list[UUID]] = {}
    for one in (one for found in named.values() for one in found):
        of_notice.setdefault(one.notice_id, []).append(one.refund_id)
    told: dict[UUID, list[Notice]] = {}
    for notice in await Notice.filter(id__in=list(of_notice)).order_by("received_at", "id") if of_notice else ():
        for refund_id in of_notice[notice.id]:
            told.setdefault(refund_id, []).append(notice)
    return told
