"""Which payments are wanted: by when, where, how and how much."""

from typing import Annotated

import strawberry
from tortoise.queryset import QuerySet

from api.graphql.refunds.filters import PaymentMethod
from api.graphql.transport.narrowed import amounts, few, own_days, uuids
from api.graphql.transport.scalars import Date, MoneyInput
from domain.access.principal import Principal, merchant_of
from domain.connections import connections
from domain.models import Connection as ConnectionRow
from domain.models import Payment as Row
from domain.platform.lengths import fits
from domain.problems import InvalidInput
from domain.pse.vocabulary import Method


@strawberry.input(description="All given conditions hold at once. A list takes at most 50 values.")
class PaymentFilter:
    since: Date | None = strawberry.field(default=None, description="Captured on this day or later: the merchant's.")
    until: Date | None = strawberry.field(default=None, description="Captured on this day or before.")
    store_ids: list[strawberry.ID] | None = None
    connection_ids: list[strawberry.ID] | None = None
    pses: list[str] | None = strawberry.field(
        default=None, description="Of a connection to one of these PSEs, as `pseCapabilities` spells them."
    )
    methods: list[Annotated[Method, PaymentMethod]] | None = strawberry.field(
        default=None, description="Paid by one of these methods."
    )
    amount_from: MoneyInput | None = strawberry.field(default=None, description="In this currency, so much or more.")
    amount_until: MoneyInput | None = strawberry.field(default=None, description="In this currency, so much or less.")
    withdrawn: bool | None = strawberry.field(
        default=None, description="True: those alone that were registered in error; false: the others."
    )


async def narrowed(principal: Principal, query: QuerySet[Row], given: PaymentFilter) -> QuerySet[Row]:
    """Those of the payments that the filter names. Raises InvalidInput."""
    if principal.is_customer and (given.store_ids or given.connection_ids or given.pses):
        # Which store or connection took their payment is nothing that a customer is told, not even by trying.
        raise InvalidInput("A customer's payments are filtered by day, method and amount alone.", path=["filter"])
    conditions = amounts(given.amount_from, given.amount_until, amount="captured")
    if given.store_ids:
        conditions["store_id__in"] = uuids(given.store_ids, "storeIds")
    if given.connection_ids:
        conditions["connection_id__in"] = uuids(given.connection_ids, "connectionIds")
    if given.methods:
        conditions["method__in"] = few(given.methods, "methods")
    if given.withdrawn is not None:
        conditions["withdrawn_at__isnull"] = not given.withdrawn
    conditions |= await own_days(principal, given.since, given.until, "captured_at")
    query = query.filter(**conditions)
    if given.pses:
        pses = [one for one in few(given.pses, "pses") if fits(ConnectionRow, "pse", one)]
        query = query.filter(connection_id__in=await connections.ids_of(merchant_of(principal), pses))
    return query
