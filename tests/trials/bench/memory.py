"""The API as it is, whose `refundCreate` answers from memory: what HTTP, GraphQL and our limits cost by themselves."""

from datetime import UTC, datetime
from uuid import uuid4

from starlette.types import ASGIApp

from api import app, server
from domain.access.principal import Whose, merchant_of
from domain.cause import Cause
from domain.models import Refund
from domain.models.refunds import Reason, State
from domain.platform.settings import Settings
from domain.refunds import request
from domain.refunds.request import NewRefund, Requested


async def _from_memory(whose: Whose, new: NewRefund, key: str, cause: Cause, secret: bytes | None = None) -> Requested:
    now = datetime.now(UTC)
    amount = new.amount
    assert amount is not None, "The load names an amount."
    refund = Refund(
        id=uuid4(),
        merchant_id=merchant_of(whose),
        payment_id=new.payment_id,
        connection_id=merchant_of(whose),
        reference=request.new_reference(),
        request_id=cause.request_id,
        state=State.REQUESTED,
        amount=amount.minor_units,
        currency=amount.currency,
        tax_amount=0,
        reason=Reason(new.reason),
        sequence=1,
        requested_by=cause.actor,
        created_at=now,
        updated_at=now,
    )
    return Requested(refund, replayed=False)


def create(settings: Settings) -> ASGIApp:
    """The application, with nothing behind that one mutation. Tokens are looked up as ever."""
    setattr(request, "request", _from_memory)  # noqa: B010 - the one place that is exchanged
    return app.create(settings)


if __name__ == "__main__":
    server.main(create)
