"""Lending one's right to approve, and taking it back."""

import strawberry

from api.graphql.context import Info
from api.graphql.transport import ids
from api.graphql.transport.answering import answering
from api.graphql.transport.errors import DecisionError
from api.graphql.transport.scalars import DateTime
from domain.models import Delegation as Row
from domain.refunds.approvals import delegate


@strawberry.type(description="A right to approve that one person has lent to another.")
class ApprovalDelegation:
    id: strawberry.ID = strawberry.field(description="Names it, for approvalDelegationRevoke.")
    lent_by: str = strawberry.field(description="Whose right it is.")
    lent_to: str = strawberry.field(description="Who says yes under it.")
    starts_at: DateTime = strawberry.field(description="From when.")
    ends_at: DateTime = strawberry.field(description="Until when.")
    revoked_at: DateTime | None = strawberry.field(description="When it was taken back.")

    @classmethod
    def of(cls, row: Row) -> "ApprovalDelegation":
        return cls(
            id=strawberry.ID(str(row.id)),
            lent_by=row.from_name,
            lent_to=row.to_name,
            starts_at=DateTime(row.starts_at),
            ends_at=DateTime(row.ends_at),
            revoked_at=DateTime(row.revoked_at) if row.revoked_at else None,
        )


@strawberry.input(description="To whom, and for how long.")
class ApprovalDelegateInput:
    to_person_id: strawberry.ID = strawberry.field(description="Of a person who does not approve themselves.")
    starts_at: DateTime = strawberry.field(description="From when.")
    ends_at: DateTime = strawberry.field(description="Until when; at most 90 days later.")


@strawberry.input(description="Which one is taken back.")
class ApprovalDelegationRevokeInput:
    delegation_id: strawberry.ID = strawberry.field(description="Of approvalDelegations.")


@strawberry.type(description="`delegation` is null exactly when `errors` is not empty.")
class ApprovalDelegationPayload:
    delegation: ApprovalDelegation | None
    errors: list[DecisionError]
    request_id: str


@answering(ApprovalDelegationPayload)
async def approval_delegate(info: Info, input: ApprovalDelegateInput) -> ApprovalDelegationPayload:
    to_person = ids.uuid_of(input.to_person_id, ["input", "toPersonId"])
    context = info.context
    row = await delegate.delegate(context.principal, to_person, input.starts_at, input.ends_at, context.cause)
    return _done(info, row)


@answering(ApprovalDelegationPayload)
async def approval_delegation_revoke(info: Info, input: ApprovalDelegationRevokeInput) -> ApprovalDelegationPayload:
    delegation_id = ids.uuid_of(input.delegation_id, ["input", "delegationId"])
    return _done(info, await delegate.revoke(info.context.principal, delegation_id, info.context.cause))


def _done(info: Info, row: Row) -> ApprovalDelegationPayload:
    return ApprovalDelegationPayload(
        delegation=ApprovalDelegation.of(row), errors=[], request_id=info.context.request_id
    )
