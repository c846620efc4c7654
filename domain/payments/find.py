"""Finding payments, within what may be reached."""

from uuid import UUID

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from domain.access.permissions import Permission
from domain.access.principal import Scope, Whose, merchant_of, scope_of
from domain.connections.connections import ids_of
from domain.models import Payment
from domain.platform.lengths import equal
from domain.problems import NotFound


def readable(whose: Whose) -> QuerySet[Payment]:
    """The payments that somebody may see. Raises Forbidden."""
    return Payment.filter(scope_of(whose, Permission.READ, Permission.SEE).payments())


async def find(scope: Scope, payment_id: UUID) -> Payment:
    """The payment within a scope. Raises NotFound."""
    payment = await Payment.get_or_none(scope.payments(), id=payment_id)
    if payment is None:
        raise NotFound("No such payment.", path=["input", "paymentId"])
    return payment


async def named(whose: Whose, pse_reference: str) -> QuerySet[Payment]:
    """The payments with this name at their PSE that somebody may see, the withdrawn ones too."""
    # Each half has an index by connection and name. Spelled out, PostgreSQL sees both; else it sees none.
    either = Q(withdrawn_at__isnull=True) | Q(withdrawn_at__isnull=False)
    connections = await ids_of(merchant_of(whose))
    return equal(readable(whose).filter(either, connection_id__in=connections), pse_reference=pse_reference)


def of_order(query: QuerySet[Payment], order_reference: str) -> QuerySet[Payment]:
    """Those of an order."""
    return equal(query, order_reference=order_reference)
