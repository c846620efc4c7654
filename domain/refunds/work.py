"""What a worker is told to do about a refund: send it, or ask about it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.cause import Cause
from domain.models import Connection, Payment, Refund
from domain.models.refunds import State
from domain.money import Money
from domain.pse.capabilities import Capability
from domain.pse.vocabulary import RefundOrder


@dataclass(frozen=True, slots=True)
class Work:
    """What the worker must do now, without any transaction open."""

    order: RefundOrder
    connection: Connection
    refund_id: UUID
    attempt: int
    cause: Cause
    able: Capability


@dataclass(frozen=True, slots=True)
class Send(Work):
    """Send the order as attempt `attempt`, unless `time.monotonic()` has passed `send_before`."""

    send_before: float


@dataclass(frozen=True, slots=True)
class Ask(Work):
    """Ask the PSE about the order. `asked_at` (the database's clock) fences what it says."""

    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Snapshot(Work):
    """Ask which refunds of the payment the PSE has already, and `keep_snapshot`: only then the order may be sent.

    `asked_at` is of the database's clock.
    """

    asked_at: datetime


@dataclass(frozen=True, slots=True)
class AskPayment(Work):
    """Ask the PSE whether the payment is one, and `confirming.take_in`: only then the refund may leave.

    `asked_at` is of the database's clock.
    """

    payment: Payment
    asked_at: datetime


def parts_of(
    refund: Refund, payment: Payment, connection: Connection, able: Capability, attempt: int, cause: Cause
) -> dict[str, Any]:
    """The fields that every kind of work has."""
    return {
        "order": order_of(refund, payment, connection, attempt),
        "connection": connection,
        "refund_id": refund.id,
        "attempt": attempt,
        "cause": cause,
        "able": able,
    }


def order_of(
    refund: Refund, payment: Payment, connection: Connection, attempt: int, *, succeeded: bool | None = None
) -> RefundOrder:
    """The order as its connector needs it."""
    return RefundOrder(
        base_url=connection.base_url,
        reference=refund.reference,
        payment_reference=payment.pse_reference,
        pse_refund_reference=refund.pse_refund_reference,
        method=payment.method,
        amount=Money(refund.amount, refund.currency),
        captured=Money(payment.captured, payment.currency),
        attempt=attempt,
        succeeded=refund.state in (State.SUCCEEDED, State.RETURNED) if succeeded is None else succeeded,
        description=refund.note,
        client_id=connection.client_id,
    )
