"""Which refunds are wanted: by where they are, whose they are, when and how much; and what those come to."""

from typing import Annotated, Any

import strawberry
from tortoise.queryset import QuerySet

from api.graphql.access.second import SecondPersonEnum
from api.graphql.context import Info
from api.graphql.refunds.events import RefundStatus
from api.graphql.transport import ids
from api.graphql.transport.narrowed import amounts, few, moments, uuids
from api.graphql.transport.scalars import Date, DateTime, Money, MoneyInput
from api.graphql.transport.selected import asks_for
from domain.access import merchants
from domain.access.principal import Principal, merchant_of
from domain.access.second import SecondPerson
from domain.connections import connections
from domain.history import seals
from domain.models import Connection as ConnectionRow
from domain.models import Refund as Row
from domain.models.refunds import Reason, State
from domain.money import Money as Amount
from domain.platform.lengths import equal, fits
from domain.problems import InvalidInput
from domain.pse.vocabulary import Method
from domain.refunds import find, said, summed

RefundReason = strawberry.enum(Reason, name="RefundReason", description="Why the money is given back.")
PaymentMethod = strawberry.enum(Method, name="PaymentMethod", description="How the customer paid.")


@strawberry.input(description="All given conditions hold at once. A list takes at most 50 values.")
class RefundFilter:
    statuses: list[Annotated[State, RefundStatus]] | None = None
    payment_id: strawberry.ID | None = None
    created_from: DateTime | None = None
    created_until: DateTime | None = strawberry.field(default=None, description="Excluded.")
    since: Date | None = strawberry.field(default=None, description="Asked for on this day or later: the merchant's.")
    until: Date | None = strawberry.field(default=None, description="On this day, or before.")
    needs_person: bool | None = None
    second_person: Annotated[SecondPerson, SecondPersonEnum] | None = strawberry.field(
        default=None,
        description="In doubt, and one person has said what happened: another one must say the same "
        "(refundResolveDoubt). Of the 1,000 that wait longest.",
    )
    reasons: list[Annotated[Reason, RefundReason]] | None = None
    methods: list[Annotated[Method, PaymentMethod]] | None = strawberry.field(
        default=None, description="Of the payment."
    )
    pses: list[str] | None = strawberry.field(default=None, description="Of the payment's connection: `adyen` …")
    connection_ids: list[strawberry.ID] | None = None
    store_ids: list[strawberry.ID] | None = None
    order_reference: str | None = None
    amount_from: MoneyInput | None = strawberry.field(default=None, description="In this currency, so much or more.")
    amount_until: MoneyInput | None = strawberry.field(default=None, description="In this currency, so much or less.")


async def refunds_query(principal: Principal, given: RefundFilter | None) -> QuerySet[Row]:
    """The filtered refunds that one may see, to be paged. Raises Forbidden, InvalidInput."""
    query = find.readable(principal)
    if given is None:
        return query
    of_others = (
        given.connection_ids or given.pses or given.order_reference is not None or given.second_person is not None
    )
    if principal.is_customer and (of_others or _of_payment(given)):
        # Which store or connection took their payment is nothing that a customer is told, not even by trying.
        raise InvalidInput("A customer's refunds are filtered by payment, state and time alone.", path=["filter"])
    conditions = {**_of_refund(given), **_of_payment(given), **amounts(given.amount_from, given.amount_until)}
    query = query.filter(**conditions) if conditions else query
    if given.pses:
        # Their connections first, which are few: joined to them, all refunds are read where a PSE has hardly any.
        pses = [one for one in few(given.pses, "pses") if fits(ConnectionRow, "pse", one)]
        at = await connections.ids_of(merchant_of(principal), pses)
        query = query.filter(connection_id__in=at)
    if given.second_person is not None:
        query = query.filter(id__in=await said.of_second(principal, given.second_person))
    if given.order_reference is not None:
        query = equal(query, payment__order_reference=given.order_reference)
    if given.since is None and given.until is None:
        return query
    zone = (await merchants.own(principal)).zone
    return query.filter(**moments(given.since, given.until, "created_at", zone))


def _of_refund(given: RefundFilter) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if given.statuses:
        found["state__in"] = given.statuses
    if given.reasons:
        found["reason__in"] = given.reasons
    if given.payment_id is not None:
        found["payment_id"] = ids.decode(given.payment_id, "Payment", ["filter", "paymentId"])
    if given.created_from is not None:
        found["created_at__gte"] = given.created_from
    if given.created_until is not None:
        found["created_at__lt"] = given.created_until
    if given.needs_person is not None:
        found["needs_person_since__isnull"] = not given.needs_person
    if given.connection_ids:
        found["connection_id__in"] = uuids(given.connection_ids, "connectionIds")
    return found


def _of_payment(given: RefundFilter) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if given.methods:
        found["method__in"] = given.methods
    if given.store_ids:
        found["store_id__in"] = uuids(given.store_ids, "storeIds")
    return found


@strawberry.type(description="What refunds of one currency come to.")
class RefundTotal:
    amount: Money
    count: int


@strawberry.type(description="What a filter's refunds come to, of the newest 10000.")
class RefundsSummary:
    count: int
    is_more: bool = strawberry.field(description="There are older ones, which were not counted.")
    sums: list[RefundTotal] = strawberry.field(description="By currency.")
    cursor: str = strawberry.field(description="Pass it as `after` of refundsChanged to hear what comes after this.")


async def refunds_summary(info: Info, given: RefundFilter | None) -> RefundsSummary:
    """The filter's count and sums."""
    principal = info.context.principal
    # Before what is counted: nothing falls between.
    head = await seals.head(principal.merchant_id) if asks_for(info, "cursor") else None
    found = await summed.newest(await refunds_query(principal, given), added_up=asks_for(info, "sums"))
    sums = [RefundTotal(amount=Money.of(Amount(one.amount, one.currency)), count=one.count) for one in found.totals]
    return RefundsSummary(count=found.count, is_more=found.is_more, sums=sums, cursor=str(head.position if head else 0))
