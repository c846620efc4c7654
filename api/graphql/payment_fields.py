"""The fields of payments: schema.py has them beside the others."""

import strawberry

from api.graphql import payments
from api.graphql.context import Info
from api.graphql.payment_filter import PaymentFilter, narrowed
from api.graphql.payments import (
    Payment,
    PaymentAskAgainInput,
    PaymentAskAgainPayload,
    PaymentRegisterInput,
    PaymentRegisterPayload,
    PaymentWithdrawInput,
    PaymentWithdrawPayload,
)
from api.graphql.transport.paging import Connection, page


@strawberry.type
class PaymentQuery:
    @strawberry.field(description="One payment by its id or, on one of your connections, by the PSE's reference.")
    async def payment(
        self, info: Info, id: strawberry.ID | None = None, pse_reference: str | None = None
    ) -> Payment | None:
        return await payments.payment(info, id, pse_reference)

    @strawberry.field(description="The last registered first. `first` is 1-100.")
    async def payments(
        self,
        info: Info,
        first: int,
        after: str | None = None,
        pse_reference: str | None = None,
        order_reference: str | None = None,
        filter: PaymentFilter | None = None,
    ) -> Connection[Payment]:
        principal = info.context.principal
        query = await payments.payments_query(principal, pse_reference, order_reference)
        if filter is not None:
            query = await narrowed(principal, query, filter)
        return await page(query, first, after, Payment.of)


@strawberry.type
class PaymentMutation:
    @strawberry.mutation(description="Make a captured payment known, so that it can be refunded.")
    async def payment_register(self, info: Info, input: PaymentRegisterInput) -> PaymentRegisterPayload:
        return await payments.payment_register(info, input)

    @strawberry.mutation(description="Take back a payment that was registered in error. Needs WITHDRAW_PAYMENT.")
    async def payment_withdraw(self, info: Info, input: PaymentWithdrawInput) -> PaymentWithdrawPayload:
        return await payments.payment_withdraw(info, input)

    @strawberry.mutation(
        description="Have the PSE asked once more about a payment that it contradicted, or of which it had shown less "
        "than was registered, before the next refund of it leaves. Needs WITHDRAW_PAYMENT."
    )
    async def payment_ask_again(self, info: Info, input: PaymentAskAgainInput) -> PaymentAskAgainPayload:
        return await payments.payment_ask_again(info, input)
