"""How a refund is asked for and read."""

from typing import TYPE_CHECKING, Annotated

import strawberry
import structlog
from strawberry import relay

from api.graphql import nodes
from api.graphql.calls import Call, Webhook
from api.graphql.context import Info
from api.graphql.ledger import LedgerEntry
from api.graphql.nodes import Scoped
from api.graphql.refunds.costs import RefundActualCost, RefundQuote
from api.graphql.refunds.destination import Destination, InstructionField
from api.graphql.refunds.events import RefundEvent, RefundStatus
from api.graphql.refunds.filters import RefundReason
from api.graphql.refunds.needs import RefundApproval, RefundNeeds
from api.graphql.spoken.languages import locale_of
from api.graphql.spoken.told import told
from api.graphql.transport import ids, noted
from api.graphql.transport.paging import PAGE_MAX, bounded
from api.graphql.transport.scalars import DateTime, Money
from domain.access.permissions import Permission
from domain.books import ledger
from domain.connections import calls
from domain.history import events
from domain.models import Connection as ConnectionRow
from domain.models import Payment as PaymentRow
from domain.models import Refund as Row
from domain.models.refunds import Reason, State
from domain.money import Money as Amount
from domain.notices import subjects
from domain.pse import explanations
from domain.quotes import actual, quotes
from domain.refunds import by_hand, current_destination, find, refused
from domain.refunds.approvals import needs as approval_needs
from domain.refunds.approvals import shown

if TYPE_CHECKING:
    from api.graphql.payments import Payment  # the two types name each other, and one of them must be the lower

_log = structlog.get_logger()


@strawberry.type(description="Why a refund that is not at its end does not go on.")
class RefundWait:
    code: str | None
    message: str = told()
    since: DateTime


@strawberry.type(description="A refund. `status` SUBMITTED means that the PSE may or may not have it.")
class Refund(Scoped, relay.Node):
    readable = find.readable

    id: relay.NodeID[str]
    request_id: str = strawberry.field(description="Of the request that created it; support asks for it.")
    status: Annotated[State, RefundStatus]
    amount: Money
    tax_amount: Money = strawberry.field(description="The VAT within the amount.")
    reason: Annotated[Reason, RefundReason]
    note: str | None
    reference: str = strawberry.field(description="Our reference, and the idempotency key at the PSE.")
    pse_reference: str | None
    failure_code: str | None
    failure_message: str | None
    sequence: int = strawberry.field(description="Of its last event.")
    created_at: DateTime
    updated_at: DateTime
    succeeded_at: DateTime | None
    needs_person_since: DateTime | None = strawberry.field(description="Since when only a person can end the doubt.")
    row: strawberry.Private[Row]

    @classmethod
    def of(cls, row: Row) -> "Refund":
        return cls(
            id=str(row.id),
            request_id=row.request_id,
            status=row.state,
            amount=Money.of(Amount(row.amount, row.currency)),
            tax_amount=Money.of(Amount(row.tax_amount, row.currency)),
            reason=row.reason,
            note=row.note,
            reference=row.reference,
            pse_reference=row.pse_refund_reference,
            failure_code=row.failure_code,
            failure_message=row.failure_message,
            sequence=row.sequence,
            created_at=DateTime(row.created_at),
            updated_at=DateTime(row.updated_at),
            succeeded_at=DateTime(row.succeeded_at) if row.succeeded_at else None,
            needs_person_since=DateTime(row.needs_person_since) if row.needs_person_since else None,
            row=row,
        )

    @strawberry.field
    async def payment(self, info: Info) -> Annotated["Payment", strawberry.lazy("api.graphql.payments")]:
        payment: Payment = nodes.type_named(info, "Payment").of(
            await info.context.loaders.row(PaymentRow, self.row.payment_id)
        )
        return payment

    @strawberry.field(description="The failed refund that this one tries again.")
    async def retry_of(self, info: Info) -> "Refund | None":
        first = self.row.retry_of_id
        return Refund.of(await info.context.loaders.row(Row, first)) if first else None

    @strawberry.field(
        description="What the PSE's failure code means and what to do about it; `locale` is en, zh-CN, es or pt-BR, "
        "else what Accept-Language asks for."
    )
    async def failure_explanation(self, info: Info, locale: str | None = None) -> str | None:
        if self.row.failure_code is None:
            return None
        connection = await info.context.loaders.row(ConnectionRow, self.row.connection_id)
        language = locale_of(locale, info.context.spoken)
        return explanations.in_words(connection.pse, self.row.failure_code, language)

    @strawberry.field(
        description="Why it does not go on, for support: the PSE does not answer since then, it refuses our key since "
        "then, the customer may have the money already; null: it goes on, or has ended."
    )
    async def waits_for(self, info: Info) -> RefundWait | None:
        found = await info.context.loaders.one(refused.of_refunds, self.row.id)
        return RefundWait(code=found.code, message=found.message, since=DateTime(found.since)) if found else None

    @strawberry.field(description="What happened, in order, behind a `sequence`; at most 100.")
    async def events(self, info: Info, first: int = PAGE_MAX, after_sequence: int = 0) -> list[RefundEvent]:
        if after_sequence > 0:  # asked for one refund at a time, as somebody pages on
            behind = await events.after(self.row.id, after_sequence, limit=bounded(first))
            return [RefundEvent.of(row) for row in behind]
        found = await info.context.loaders.children(events.of_refunds, self.row.id, bounded(first))
        return [RefundEvent.of(row) for row in found]

    @strawberry.field(description="Requests to the PSE and its answers, oldest first. Needs READ_CALLS.")
    async def calls(self, info: Info, first: int = PAGE_MAX) -> list[Call]:
        await find.check_also(info.context.principal, self.row.id, Permission.READ_CALLS)
        found = await info.context.loaders.children(calls.of_refunds, self.row.id, bounded(first))
        await noted.read(info, "Refund.calls", "refund", self.row.id)
        return [Call.of(call, answer) for call, answer in found]

    @strawberry.field(description="Webhooks that spoke of it, oldest first. Needs READ_CALLS.")
    async def webhooks(self, info: Info, first: int = PAGE_MAX) -> list[Webhook]:
        await find.check_also(info.context.principal, self.row.id, Permission.READ_CALLS)
        connection = await info.context.loaders.row(ConnectionRow, self.row.connection_id)
        found = await info.context.loaders.children(subjects.of_refunds, self.row.id, bounded(first))
        await noted.read(info, "Refund.webhooks", "refund", self.row.id)
        return [Webhook.of(row, connection) for row in found]

    @strawberry.field(description="Where the money goes, where the method has no way back.")
    async def destination(self, info: Info) -> Destination | None:
        row = await info.context.loaders.one(current_destination.of_all, self.row.id)
        return Destination.of(row) if row else None

    @strawberry.field(
        description="The whole account that a person pays to, while the refund is MANUAL. Needs SETTLE_MANUALLY; who "
        "has read it is an event of the refund, which then cannot be canceled; each reading stands in the audit log."
    )
    async def payment_instruction(self, info: Info) -> list[InstructionField] | None:
        context = info.context
        opened = await by_hand.instruction(context.principal, self.row.id, context.settings.secret_key, context.cause)
        if opened is None:
            return None
        await noted.read(info, "Refund.paymentInstruction", "refund", self.row.id)
        _log.info("destination.read", refund=self.id, holder=context.principal.holder)
        return [InstructionField(name=name, value=value) for name, value in sorted(opened.values.items())]

    @strawberry.field(description="Until when somebody must have decided; null where nobody need.")
    def expires_at(self) -> DateTime | None:
        return DateTime(self.row.expires_at) if self.row.expires_at else None

    @strawberry.field(description="What must be said before it goes, while it waits for approval; else null.")
    async def needs(self, info: Info) -> RefundNeeds | None:
        if self.row.state is not State.AWAITING_APPROVAL:
            return None
        found = await info.context.loaders.one(shown.of_refunds, self.row.id)
        return RefundNeeds.of(found, info.context.principal) if found else None

    @strawberry.field(description="What people said to it, in order; at most 100.")
    async def approvals(self, info: Info, first: int = PAGE_MAX) -> list[RefundApproval]:
        given = await info.context.loaders.one(approval_needs.given_of, self.row.id) or []
        current = await info.context.loaders.one(approval_needs.current_of, self.row.id)
        return [RefundApproval.of(one, current) for one in given[: bounded(first)]]

    @strawberry.field(
        description="What was last said that it would cost, before it was asked for. Needs READ_LEDGER or REFUND."
    )
    async def quote(self, info: Info) -> RefundQuote | None:
        principal = info.context.principal
        books = principal.may(Permission.READ_LEDGER)
        await find.check_also(principal, self.row.id, Permission.READ_LEDGER if books else Permission.REFUND)
        row = await info.context.loaders.one(quotes.of_refunds, self.row.id)
        return RefundQuote.of(row) if row else None

    @strawberry.field(
        description="What it has cost, by the report that proves it; null: none does yet. Needs READ_LEDGER."
    )
    async def actual_cost(self, info: Info) -> RefundActualCost | None:
        await find.check_also(info.context.principal, self.row.id, Permission.READ_LEDGER)
        found = await info.context.loaders.one(actual.of_refunds, self.row.id)
        return RefundActualCost.of(found) if found else None

    @strawberry.field(description="Its postings. Needs READ_LEDGER.")
    async def ledger_entries(self, info: Info, first: int = PAGE_MAX) -> list[LedgerEntry]:
        await find.check_also(info.context.principal, self.row.id, Permission.READ_LEDGER)
        found = await info.context.loaders.children(ledger.entries_of, self.row.id, bounded(first))
        return [LedgerEntry.of(row) for row in found]


@strawberry.input(one_of=True, description="Exactly one of these finds the refund.")
class RefundBy:
    id: strawberry.Maybe[strawberry.ID]
    request_id: strawberry.Maybe[str]
    idempotency_key: strawberry.Maybe[str]
    pse_reference: strawberry.Maybe[str]


async def refund(info: Info, by: RefundBy) -> Refund | None:
    """One refund that the caller may see, by any of its handles; null when there is none."""
    principal = info.context.principal
    row: Row | None = None
    if by.id is not None:
        row = await find.by_id(principal, ids.decode(by.id.value, "Refund", ["by", "id"]))
    elif by.request_id is not None:
        row = await find.by_request_id(principal, by.request_id.value)
    elif by.idempotency_key is not None:
        row = await find.by_idempotency_key(principal, by.idempotency_key.value)
    elif by.pse_reference is not None:
        row = await find.by_pse_reference(principal, by.pse_reference.value)
    return Refund.of(row) if row else None
