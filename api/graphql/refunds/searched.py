"""One search box for whatever somebody holds."""

from typing import TYPE_CHECKING, Annotated

import strawberry

from api.graphql.context import Info
from api.graphql.refunds.types import Refund
from api.graphql.transport.paging import bounded
from domain.refunds import search as found_by

if TYPE_CHECKING:
    from api.graphql.payments import Payment


@strawberry.type(description="What a text names; newest first.")
class SearchResult:
    refunds: list[Refund] = strawberry.field(description="Those that it names, and those of the payments.")
    payments: list[Annotated["Payment", strawberry.lazy("api.graphql.payments")]]


async def search(info: Info, text: str, first: int) -> SearchResult:
    """All that the text names exactly."""
    from api.graphql.payments import Payment as PaymentType  # the two types name each other

    context = info.context
    found = await found_by.search(context.principal, text, bounded(first), context.settings.secret_key)
    return SearchResult(
        refunds=[Refund.of(one) for one in found.refunds], payments=[PaymentType.of(one) for one in found.payments]
    )
