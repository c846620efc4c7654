"""How a captured payment is registered and read."""

from enum import Enum
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import relay
from tortoise.queryset import QuerySet

from api.graphql.context import Info
from api.graphql.nodes import Scoped
from api.graphql.refunds.filters import PaymentMethod as PaymentMethod
from api.graphql.refunds.types import Refund
from api.graphql.spoken.told import told
from api.graphql.transport import ids
from api.graphql.transport.answering import answering
from api.graphql.transport.errors import PaymentAskAgainError, PaymentRegisterError, PaymentWithdrawError
from api.graphql.transport.paging import PAGE_MAX, bounded
from api.graphql.transport.scalars import DateTime, Money, MoneyInput
from domain.access.principal import Principal
from domain.models import Connection as ConnectionRow
from domain.models import Payment as Row
from domain.models import Store as StoreRow
from domain.money import Money as Amount
from domain.payments import confirmations, register, withdrawals
from domain.payments import find as find_payments
from domain.payments.refundable import deadline_of
from domain.payments.register import NewPayment, Tax
from domain.problems import CurrencyMismatch, InvalidInput
from domain.pse.registry import capability
from domain.pse.vocabulary import Method
from domain.refunds import find

if TYPE_CHECKING:
    from api.graphql.access.viewer import PseConnection


@strawberry.enum(description="Who confirmed that it is a payment.")
class PaymentConfirmation(Enum):
    PSE = strawberry.enum_value("PSE", description="The PSE, when it was asked for the payment.")
    LISTING = strawberry.enum_value("LISTING", description="The PSE's own list of payments.")
    WEBHOOK = strawberry.enum_value("WEBHOOK", description="A verified webhook that told of the capture.")
    REPORT = strawberry.enum_value("REPORT", description="A line of a report that proves the capture.")


@strawberry.type(description="VAT declared on the sale.")
class PaymentTax:
    amount: Money
    rate: str | None = strawberry.field(description="Percent as declared.")
    document: str | None
    period: str | None = strawberry.field(description="YYYY-MM.")


@strawberry.type(description="A captured payment, and what of it can still be refunded.")
class Payment(Scoped, relay.Node):
    readable = find_payments.readable

    id: relay.NodeID[str]
    pse_reference: str
    order_reference: str | None
    method: Annotated[Method, PaymentMethod]
    captured: Money
    reserved: Money = strawberry.field(description="Asked for by refunds that are under way.")
    refunded: Money
    taken_by_bank: Money = strawberry.field(description="Left without us: a Pix MED, or a refund made at the PSE.")
    charged_back: Money = strawberry.field(
        description="Taken back by the customer's bank, less what was won again: it is not refundable."
    )
    refundable: Money
    tax: PaymentTax
    captured_at: DateTime
    created_at: DateTime
    withdrawn_at: DateTime | None = strawberry.field(description="It was registered in error; nothing is refundable.")
    withdrawn_by: str | None
    withdrawal_reason: str | None
    confirmed_at: DateTime | None = strawberry.field(
        description="When its PSE said so too. Null: not yet; where the PSE can be asked, it is, before the first "
        "refund leaves."
    )
    confirmed_by: PaymentConfirmation | None = strawberry.field(description="Which of its words said so.")
    contradicted_at: DateTime | None = strawberry.field(
        description="When its PSE said that there is no such payment, or another: nothing of it is refundable."
    )
    contradiction: str | None = told("What the PSE said against it.")
    row: strawberry.Private[Row]

    @classmethod
    def of(cls, row: Row) -> "Payment":
        def money(amount: int) -> Money:
            return Money.of(Amount(amount, row.currency))

        return cls(
            id=str(row.id),
            pse_reference=row.pse_reference,
            order_reference=row.order_reference,
            method=row.method,
            captured=money(row.captured),
            reserved=money(row.reserved),
            refunded=money(row.refunded),
            taken_by_bank=money(row.taken_by_bank),
            charged_back=money(max(row.charged_back, 0)),
            refundable=Money.of(register.refundable(row)),
            tax=PaymentTax(
                amount=money(row.tax_amount), rate=row.tax_rate, document=row.tax_document, period=row.tax_period
            ),
            captured_at=DateTime(row.captured_at),
            created_at=DateTime(row.created_at),
            withdrawn_at=DateTime(row.withdrawn_at) if row.withdrawn_at else None,
            withdrawn_by=row.withdrawn_by,
            withdrawal_reason=row.withdrawal_reason,
            confirmed_at=DateTime(row.confirmed_at) if row.confirmed_at else None,
            confirmed_by=PaymentConfirmation(row.confirmed_by) if row.confirmed_by else None,
            contradicted_at=DateTime(row.contradicted_at) if row.contradicted_at else None,
            contradiction=row.contradiction,
            row=row,
        )

    @strawberry.field
    async def store_code(self, info: Info) -> str:
        return (await info.context.loaders.row(StoreRow, self.row.store_id)).code

    @strawberry.field(description="The account at the PSE that took it.")
    async def connection(self, info: Info) -> Annotated["PseConnection", strawberry.lazy("api.graphql.access.viewer")]:
        from api.graphql.access.viewer import PseConnection as ConnectionType  # what it stands on names payments

        return ConnectionType.of(await info.context.loaders.row(ConnectionRow, self.row.connection_id))

    @strawberry.field(description="Until when it can be refunded; null: no limit.")
    async def refundable_until(self, info: Info) -> DateTime | None:
        connection = await info.context.loaders.row(ConnectionRow, self.row.connection_id)
        deadline = deadline_of(capability(connection.pse, self.row.method), self.row.captured_at)
        return DateTime(deadline) if deadline else None

    @strawberry.field(description="Oldest first. `first` is 1-100.")
    async def refunds(self, info: Info, first: int = PAGE_MAX) -> list[Refund]:
        found = await info.context.loaders.children(find.of_payments, self.row.id, bounded(first))
        return [Refund.of(row) for row in found]


@strawberry.input(description="VAT declared on the sale.")
class PaymentTaxInput:
    amount: MoneyInput
    rate: str | None = None
    document: str | None = None
    period: str | None = strawberry.field(default=None, description="YYYY-MM.")


@strawberry.input
class PaymentRegisterInput:
    connection_id: strawberry.ID
    store_code: str
    pse_reference: str = strawberry.field(description="The PSE's reference of the capture; for Pix the endToEndId.")
    method: Annotated[Method, PaymentMethod]
    amount: MoneyInput
    captured_at: DateTime
    order_reference: str | None = None
    customer_reference: str | None = None
    customer_tax_id: str | None = strawberry.field(default=None, description="Kept encrypted.")
    tax: PaymentTaxInput | None = None
    idempotency_key: str = strawberry.field(description="16-255 printable characters; a UUID is a good key.")


@strawberry.input
class PaymentWithdrawInput:
    payment_id: strawberry.ID
    reason: str = strawberry.field(description="What was wrong; 5-500 characters.")
    idempotency_key: str


@strawberry.type
class PaymentWithdrawPayload:
    payment: Payment | None
    errors: list[PaymentWithdrawError]
    request_id: str
    replayed: bool


@strawberry.input(description="A payment that the PSE has contradicted, and that is right by now.")
class PaymentAskAgainInput:
    payment_id: strawberry.ID = strawberry.field(description="Whose contradiction is to be forgotten.")


@strawberry.type(description="The payment as it stands now.")
class PaymentAskAgainPayload:
    payment: Payment | None = strawberry.field(description="Null: see `errors`.")
    errors: list[PaymentAskAgainError] = strawberry.field(description="Why nothing was done; empty: it was.")
    request_id: str = strawberry.field(description="Of this very request, for support.")
    replayed: bool = strawberry.field(description="Always false: asked again, it changes nothing.")


@strawberry.type
class PaymentRegisterPayload:
    payment: Payment | None
    errors: list[PaymentRegisterError]
    request_id: str
    replayed: bool


@answering(PaymentRegisterPayload)
async def payment_register(info: Info, input: PaymentRegisterInput) -> PaymentRegisterPayload:
    context = info.context
    new = _new_payment(input)
    key = context.settings.secret_key
    done = await register.register(context.principal, new, input.idempotency_key, context.cause, key)
    return PaymentRegisterPayload(
        payment=Payment.of(done.payment), errors=[], request_id=context.request_id, replayed=done.replayed
    )


@answering(PaymentWithdrawPayload)
async def payment_withdraw(info: Info, input: PaymentWithdrawInput) -> PaymentWithdrawPayload:
    context = info.context
    payment_id = ids.decode(input.payment_id, "Payment", ["input", "paymentId"])
    done = await withdrawals.withdraw(context.principal, payment_id, input.reason, input.idempotency_key, context.cause)
    return PaymentWithdrawPayload(
        payment=Payment.of(done.payment), errors=[], request_id=context.request_id, replayed=done.replayed
    )


@answering(PaymentAskAgainPayload)
async def payment_ask_again(info: Info, input: PaymentAskAgainInput) -> PaymentAskAgainPayload:
    context = info.context
    payment_id = ids.decode(input.payment_id, "Payment", ["input", "paymentId"])
    payment = await confirmations.ask_again(context.principal, payment_id, context.cause)
    return PaymentAskAgainPayload(payment=Payment.of(payment), errors=[], request_id=context.request_id, replayed=False)


def _new_payment(given: PaymentRegisterInput) -> NewPayment:
    amount = given.amount.parsed(["input", "amount"])
    tax = None
    if given.tax is not None:
        declared = given.tax.amount.parsed(["input", "tax", "amount"])
        if declared.currency != amount.currency:
            raise CurrencyMismatch(
                "The tax is declared in the currency of the payment.",
                path=["input", "tax", "amount"],
                expected=amount.currency,
                given=declared.currency,
            )
        tax = Tax(declared.minor_units, given.tax.rate, given.tax.document, given.tax.period)
    return NewPayment(
        connection_id=ids.uuid_of(given.connection_id, ["input", "connectionId"]),
        store_code=given.store_code,
        pse_reference=given.pse_reference,
        method=given.method,
        amount=amount,
        captured_at=given.captured_at,
        order_reference=given.order_reference,
        customer_reference=given.customer_reference,
        customer_tax_id=given.customer_tax_id,
        tax=tax,
    )


async def payments_query(
    principal: Principal, pse_reference: str | None, order_reference: str | None = None
) -> QuerySet[Row]:
    """The payments that one may see, those of a name or of an order, to be paged."""
    named = pse_reference is not None
    query = await find_payments.named(principal, pse_reference or "") if named else find_payments.readable(principal)
    return query if order_reference is None else find_payments.of_order(query, order_reference)


async def payment(info: Info, payment_id: str | None, pse_reference: str | None) -> Payment | None:
    """One payment that the caller may see. Raises InvalidInput unless exactly one handle is given."""
    principal = info.context.principal
    if (payment_id is None) == (pse_reference is None):
        raise InvalidInput("Give either `id` or `pseReference`.", path=["id"])
    if payment_id is not None:
        row = await find_payments.readable(principal).get_or_none(id=ids.decode(payment_id, "Payment", ["id"]))
    else:
        found = (await payments_query(principal, pse_reference)).order_by("created_at")
        row = await found.filter(withdrawn_at=None).first() or await found.first()
    return Payment.of(row) if row else None
