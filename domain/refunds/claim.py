"""A refund that was claimed for its next step, with all that the step is decided by."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from domain.cause import WORKER, Cause
from domain.models import Connection, Payment, Refund
from domain.pse.capabilities import Capability, LookUp
from domain.pse.registry import capability
from domain.refunds import attempts, listing
from domain.refunds.work import parts_of


@dataclass(frozen=True, slots=True)
class Claim:
    """A refund that was claimed, and all that is decided by."""

    refund: Refund
    payment: Payment
    connection: Connection
    able: Capability
    last: dict[str, Any] | None  # the newest attempt
    now: datetime  # by the database's clock
    lease_seconds: float
    send_before: float  # of time.monotonic()

    @property
    def cause(self) -> Cause:
        """The worker's, under the request that made the refund."""
        return Cause(self.refund.request_id, WORKER)

    @property
    def number(self) -> int:
        """Of the newest attempt; 0: there is none."""
        return self.last["number"] if self.last else 0

    @property
    def can_ask(self) -> bool:
        """Whether the PSE can be asked about it."""
        return self.able.can_ask(self.refund.pse_refund_reference)

    @classmethod
    async def of(cls, refund: Refund, now: datetime, lease_seconds: float, send_before: float) -> "Claim":
        """Of a refund that is locked."""
        payment = await Payment.get(id=refund.payment_id)
        connection = await Connection.get(id=refund.connection_id)
        able = capability(connection.pse, payment.method)
        last = await attempts.last_of(refund.id)
        return cls(refund, payment, connection, able, last, now, lease_seconds, send_before)

    def is_fresh(self, asked_at: datetime | None) -> bool:
        """Whether what was asked for then may still be acted on."""
        # A question and the send that it was asked for are one lease apart at most: what came later, it does not know.
        return asked_at is not None and (self.now - asked_at).total_seconds() <= self.lease_seconds

    async def work(self, number: int) -> dict[str, Any]:
        """What each kind of work on it is made of; `number`: of the attempt."""
        parts = parts_of(self.refund, self.payment, self.connection, self.able, number, self.cause)
        if self.able.look_up is LookUp.BY_LISTING:
            parts["order"] = replace(parts["order"], not_ours=await listing.not_ours(self.refund))
        return parts
