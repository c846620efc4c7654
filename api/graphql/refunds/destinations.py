"""Where a refund goes when there is no way back: how it is named, shown and approved."""

from typing import Annotated

import strawberry

from api.graphql.access import require
from api.graphql.context import Info
from api.graphql.refunds.types import Refund
from api.graphql.transport import ids
from api.graphql.transport.errors import DecisionError, DestinationLinkCreateError, DestinationProvideError, errors_of
from api.graphql.transport.scalars import DateTime
from domain.access.tokens import Permission
from domain.models import Destination as Row
from domain.problems import InvalidInput, Problem
from domain.pse.vocabulary import DestinationKind
from domain.refunds import approvals
from domain.refunds.destination import destinations, links
from domain.refunds.destination.destinations import Given

DestinationKindEnum = strawberry.enum(DestinationKind, name="DestinationKind", description="What names an account.")
_PATH = ["input", "destination"]


@strawberry.input(
    description="An account to pay to. PIX_KEY: pixKey. BR_BANK_ACCOUNT: bankCode, branch, account, accountType. "
    "MX_CLABE: clabe. CO_BANK_ACCOUNT: bankCode, account, accountType. EMAIL: email. All but EMAIL: holderName and "
    "holderTaxId. accountType is CHECKING, SAVINGS or PAYMENT."
)
class DestinationInput:
    kind: Annotated[DestinationKind, DestinationKindEnum]
    pix_key: str | None = None
    clabe: str | None = None
    bank_code: str | None = None
    branch: str | None = None
    account: str | None = None
    account_type: str | None = None
    email: str | None = None
    holder_name: str | None = None
    holder_tax_id: str | None = None

    def given(self) -> Given:
        """The values that were typed in."""
        names = ("pix_key", "clabe", "bank_code", "branch", "account", "account_type", "email")
        values = {name: getattr(self, name) for name in (*names, "holder_name", "holder_tax_id")}
        return Given(self.kind, {name: value for name, value in values.items() if value is not None})


@strawberry.type(description="Where the money goes, masked.")
class Destination:
    kind: Annotated[DestinationKind, DestinationKindEnum]
    masked: str
    fingerprint: str = strawberry.field(description="Names these very values; refundApprove wants it.")
    payer_matches: bool = strawberry.field(description="The holder's tax ID is the payer's.")
    provided_by: str
    provided_at: DateTime

    @classmethod
    def of(cls, row: Row) -> "Destination":
        return cls(
            kind=row.kind,
            masked=row.masked,
            fingerprint=row.fingerprint,
            payer_matches=row.payer_matches,
            provided_by=row.provided_by,
            provided_at=DateTime(row.provided_at),
        )


@strawberry.type(description="A field of the account that a person pays to.")
class InstructionField:
    name: str
    value: str


@strawberry.input
class DestinationProvideInput:
    refund_id: strawberry.ID
    destination: DestinationInput
    idempotency_key: str


@strawberry.type
class DestinationProvidePayload:
    refund: Refund | None
    errors: list[DestinationProvideError]
    request_id: str
    replayed: bool


@strawberry.input
class DestinationLinkCreateInput:
    refund_id: strawberry.ID


@strawberry.type(description="`url` is told this once; a new link closes the one before.")
class DestinationLinkCreatePayload:
    url: str | None
    expires_at: DateTime | None
    errors: list[DestinationLinkCreateError]
    request_id: str


@strawberry.input
class RefundApproveInput:
    refund_id: strawberry.ID
    destination_fingerprint: str = strawberry.field(description="Of the destination that you saw.")
    note: str | None = None


@strawberry.input
class RefundRejectInput:
    refund_id: strawberry.ID
    note: str = strawberry.field(description="Why, for the one who asked.")


@strawberry.type
class RefundDecisionPayload:
    refund: Refund | None
    errors: list[DecisionError]
    request_id: str


async def destination_provide(info: Info, input: DestinationProvideInput) -> DestinationProvidePayload:
    context = info.context
    try:
        principal = require(info, Permission.PROVIDE_DESTINATION)
        refund_id = ids.decode(input.refund_id, "Refund", ["input", "refundId"])
        row, replayed = await destinations.provide(
            principal.merchant_id,
            refund_id,
            input.destination.given(),
            input.idempotency_key,
            context.cause,
            context.settings.secret_key,
        )
    except Problem as problem:
        return DestinationProvidePayload(
            refund=None, errors=errors_of(problem), request_id=context.request_id, replayed=False
        )
    return DestinationProvidePayload(refund=Refund.of(row), errors=[], request_id=context.request_id, replayed=replayed)


async def destination_link_create(info: Info, input: DestinationLinkCreateInput) -> DestinationLinkCreatePayload:
    context = info.context
    try:
        principal = require(info, Permission.PROVIDE_DESTINATION)
        if not context.settings.public_url:
            raise InvalidInput("No customer can reach this API: set ESTORNO_PUBLIC_URL to its public address.")
        refund_id = ids.decode(input.refund_id, "Refund", ["input", "refundId"])
        made = await links.create(principal.merchant_id, refund_id, context.cause)
    except Problem as problem:
        return DestinationLinkCreatePayload(
            url=None, expires_at=None, errors=errors_of(problem), request_id=context.request_id
        )
    return DestinationLinkCreatePayload(
        url=f"{context.settings.public_url.rstrip('/')}/refund-destination/{made.token}",
        expires_at=DateTime(made.expires_at),
        errors=[],
        request_id=context.request_id,
    )


async def refund_approve(info: Info, input: RefundApproveInput) -> RefundDecisionPayload:
    context = info.context
    try:
        refund_id = ids.decode(input.refund_id, "Refund", ["input", "refundId"])
        row = await approvals.approve(
            context.principal, refund_id, input.destination_fingerprint, input.note, context.cause
        )
    except Problem as problem:
        return RefundDecisionPayload(refund=None, errors=errors_of(problem), request_id=context.request_id)
    return RefundDecisionPayload(refund=Refund.of(row), errors=[], request_id=context.request_id)


async def refund_reject(info: Info, input: RefundRejectInput) -> RefundDecisionPayload:
    context = info.context
    try:
        refund_id = ids.decode(input.refund_id, "Refund", ["input", "refundId"])
        row = await approvals.reject(context.principal, refund_id, input.note, context.cause)
    except Problem as problem:
        return RefundDecisionPayload(refund=None, errors=errors_of(problem), request_id=context.request_id)
    return RefundDecisionPayload(refund=Refund.of(row), errors=[], request_id=context.request_id)
