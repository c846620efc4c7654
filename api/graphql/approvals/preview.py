"""What a refund would need, before it is asked for."""

import strawberry

from api.graphql.context import Info
from api.graphql.refunds.mutations import RefundCreateInput
from api.graphql.refunds.needs import ApprovalCandidate, ApprovalNeed
from api.graphql.spoken.told import told
from api.graphql.transport.errors import CapExceededError
from api.graphql.transport.problems import errors_of
from api.graphql.transport.scalars import Money
from domain.access.principal import Principal
from domain.refunds import preview as domain_preview
from domain.refunds.approvals import who


@strawberry.type(description="What a refund would need if it were asked for now.")
class ApprovalPreview:
    amount: Money = strawberry.field(description="What would be refunded.")
    waits_for_destination: bool = strawberry.field(
        description="The account is asked for first; where it comes from decides what more is needed."
    )
    needs: list[ApprovalNeed] = strawberry.field(description="Of each rule that is met; none: it goes alone.")
    candidates: list[ApprovalCandidate] = strawberry.field(description="People who could say the yes; at most 20.")
    advice: str | None = told("Where there are too few such people: what to do.")
    cap_exceeded: CapExceededError | None = strawberry.field(description="The cap that would refuse it.")


async def approval_preview(info: Info, input: RefundCreateInput) -> ApprovalPreview:
    """The preview of a refund that is not asked for."""
    found = await domain_preview.preview(info.context.principal, input.parsed(), info.context.cause)
    return shown(found, info.context.principal)


def shown(found: domain_preview.Preview, principal: Principal) -> ApprovalPreview:
    """What was found, to whoever asks."""
    return ApprovalPreview(
        amount=Money.of(found.amount),
        waits_for_destination=found.waits_for_destination,
        needs=[ApprovalNeed.of_need(need, []) for need in found.needs],
        candidates=[ApprovalCandidate.of(one, found.needs, principal) for one in found.candidates[: who.SHOWN_MAX]],
        advice=found.advice,
        cap_exceeded=errors_of(found.over)[0] if found.over is not None else None,
    )
