"""Withdrawing a refund that was never sent."""

from typing import Final
from uuid import UUID

from domain.access.permissions import Permission
from domain.access.principal import Principal, Whose, scope_of
from domain.cause import Cause
from domain.models import Refund
from domain.models.refunds import State
from domain.platform import bell, idempotency
from domain.platform.database import rows, transaction
from domain.problems import InvalidState
from domain.refunds import in_hand
from domain.refunds.find import find
from domain.refunds.moves import Note, lock, move
from domain.refunds.request import Requested
from domain.refunds.states import CANCELABLE

CANCEL: Final = "refundCancel"


async def cancel(
    whose: Whose,
    refund_id: UUID,
    expected_sequence: int | None,
    key: str,
    cause: Cause,
    *,
    settles_manually: bool = False,
) -> Requested:
    """Withdraw a refund that was not sent. Raises Forbidden, NotFound, InvalidState, IdempotencyConflict, InvalidInput.

    `settles_manually`: whether we ourselves may withdraw what a person has taken to pay by hand; a principal may who
    has the permission.
    """
    scope = scope_of(whose, Permission.REFUND)
    facts = {"refund": refund_id, "sequence": expected_sequence}
    async with transaction():
        stored = await idempotency.claim(scope.merchant_id, CANCEL, key, facts, refund_id, cause)
        if stored is not None:
            return Requested(await find(scope, stored), replayed=True)
        await find(scope, refund_id)
        refund = await lock(refund_id)
        if refund.state not in CANCELABLE or await was_sent(refund):
            raise InvalidState(
                "Only a refund that was never sent to the PSE can be canceled.",
                path=["input", "refundId"],
                current_state=refund.state,
            )
        if refund.state is State.MANUAL:
            await in_hand.check_cancelable(refund, settles_manually or await _settles(whose, refund_id))
        if expected_sequence is not None and expected_sequence != refund.sequence:
            raise InvalidState(
                f"The refund has moved on (sequence {refund.sequence}); read it again and decide anew.",
                path=["input", "expectedSequence"],
                current_state=refund.state,
            )
        await move(refund, State.CANCELED, cause, Note("CANCELED"), due_in=None)
    await bell.wake(bell.refund_channel(refund_id))
    return Requested(await Refund.get(id=refund_id), replayed=False)


async def _settles(whose: Whose, refund_id: UUID) -> bool:
    """Whether somebody pays refunds by hand where this one is."""
    if not isinstance(whose, Principal) or not whose.may(Permission.SETTLE_MANUALLY):
        return False
    return await Refund.exists(whose.scope(Permission.SETTLE_MANUALLY).refunds(), id=refund_id)


async def was_sent(refund: Refund) -> bool:
    """Whether any attempt of the refund may have reached its PSE."""
    # A request that was taken for lost can arrive late: after a doubt the money may still leave.
    return bool(
        await rows(
            "SELECT 1 AS one FROM attempts WHERE refund_id = $1 AND outcome IS DISTINCT FROM 'UNSENT' LIMIT 1",
            refund.id,
        )
    )
