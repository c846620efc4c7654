"""A PSE's name of a refund that people ended as paid without knowing it, learned from what the PSE tells later."""

from collections.abc import Sequence
from uuid import UUID

from domain.cause import Cause
from domain.history import events
from domain.models import Payment, Refund
from domain.payments import external
from domain.platform.database import rows, transaction
from domain.pse.vocabulary import KnownRefund, Succeeded
from domain.refunds import corrected
from domain.refunds.moves import lock
from domain.refunds.pse_names import holder_of_name


async def names(payment: Payment, told: Sequence[KnownRefund], cause: Cause) -> list[KnownRefund]:
    """Give refunds that people ended as paid the names that the PSE tells; gives back what of `told` is left over.

    `told`: refunds of the payment under names that are none of ours. Of an amount they are given only where as many
    are told as there are refunds without a name: then each is one of ours. Else nothing is guessed.
    """
    fresh = [one for one in told if _by_its_id_alone(one) and not await external.knows(payment, one.reference)]
    given: set[str] = set()
    for amount in sorted({one.amount.minor_units for one in fresh}):
        equal = [one for one in fresh if one.amount.minor_units == amount]
        nameless = await _nameless(payment, amount)
        if len(equal) == len(nameless):
            for refund_id, one in zip(nameless, equal, strict=True):
                await _give(refund_id, one, cause)
            given |= {one.reference for one in equal}
    return [one for one in told if one.reference not in given]


async def own_name(refund_id: UUID, one: KnownRefund, cause: Cause) -> None:
    """Give a refund that has left the PSE's name that stands beside ours in a report, unless the PSE has named it.

    What was booked as taken under that name turns out to be the refund's. A name of another refund is left alone.
    """
    name = one.pse_refund_reference
    async with transaction():
        refund = await lock(refund_id)
        if name is None or await holder_of_name(refund.connection_id, name, but=refund_id) is not None:
            return
        if refund.pse_refund_reference is None:
            await _give(refund_id, one, cause)
        elif not await corrected.name(refund, name, cause):
            return
        await external.give_to(refund, name, cause)


def _by_its_id_alone(one: KnownRefund) -> bool:
    # What the bank began has a name of the bank's, and what was asked for with a name is not one of ours.
    return isinstance(one.outcome, Succeeded) and one.reference == one.pse_refund_reference and not one.by_bank


async def _nameless(payment: Payment, amount: int) -> list[UUID]:
    """Refunds of that amount that people say have left and that nothing has named or proven, oldest first."""
    found = await rows(
        "SELECT r.id FROM refunds r WHERE r.payment_id = $1 AND r.amount = $2 AND r.state = 'SUCCEEDED' "
        "  AND r.pse_refund_reference IS NULL AND NOT r.paid_by_bank_transfer "
        "  AND EXISTS (SELECT 1 FROM doubt_verdicts v WHERE v.refund_id = r.id AND v.verdict = 'PAID' "
        "    AND v.confirmed_at IS NOT NULL) "
        "  AND NOT EXISTS (SELECT 1 FROM settlement_lines l WHERE l.refund_id = r.id AND l.effect = 'REFUND' "
        "    AND l.voided_at IS NULL) ORDER BY r.succeeded_at, r.id",
        payment.id,
        amount,
    )
    return [row["id"] for row in found]


async def _give(refund_id: UUID, one: KnownRefund, cause: Cause) -> None:
    assert one.pse_refund_reference is not None, "It is told by its name."
    async with transaction():
        await first_name(await lock(refund_id), one.pse_refund_reference, cause)


async def first_name(refund: Refund, name: str, cause: Cause) -> None:
    """Give a refund that has left without a name of the PSE's this one. Inside the caller's transaction, which holds
    the refund's lock, and gives it what was taken under that name (external.give_to).
    """
    if await Refund.filter(id=refund.id, pse_refund_reference=None).update(pse_refund_reference=name):
        refund.pse_refund_reference = name
        said = "The PSE tells of this refund, which had left without a name of the PSE's, under this name."
        await events.note(refund, "NAMED", cause, code=name, message=said)
