"""Having the PSE asked about a refund now."""

from uuid import UUID

from domain.access.permissions import Permission
from domain.access.principal import Whose, scope_of
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.models import Refund
from domain.models.refunds import State
from domain.platform import bell, pace
from domain.platform.database import transaction
from domain.problems import InvalidState
from domain.refunds import schedule
from domain.refunds.destination import destinations
from domain.refunds.find import find


async def refresh(whose: Whose, refund_id: UUID, token_id: UUID | None = None, cause: Cause | None = None) -> Refund:
    """Have the PSE asked about the refund now, at a pace per refund, connection and token (where one asks).

    Raises Forbidden, NotFound, InvalidState when it has not been sent, RateLimited.
    """
    refund = await find(scope_of(whose, Permission.REFRESH), refund_id)
    if refund.state in destinations.WAITING or refund.state is State.MANUAL:
        raise InvalidState(
            "The PSE does not know this refund yet.", path=["input", "refundId"], current_state=refund.state
        )
    async with transaction():
        wanted = pace.refreshes(refund_id, refund.connection_id, token_id)
        await pace.keep(wanted, "refreshes", "The PSE is asked by itself meanwhile.")
        await schedule.make_due(refund_id)
        if cause is not None:  # somebody asks, and not ourselves
            await deeds.note(refund.merchant_id, "refundRefresh", Of("refund", refund_id), cause)
    await bell.ring(bell.REFUND, refund_id)
    return await Refund.get(id=refund_id)
