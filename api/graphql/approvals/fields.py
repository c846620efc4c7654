"""The fields of approvals: schema.py has them beside the others."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import strawberry
from strawberry.relay import PageInfo

from api.graphql.approvals import delegations, preview, rules
from api.graphql.approvals.delegations import (
    ApprovalDelegateInput,
    ApprovalDelegation,
    ApprovalDelegationPayload,
    ApprovalDelegationRevokeInput,
)
from api.graphql.approvals.preview import ApprovalPreview
from api.graphql.approvals.rule_inputs import (
    ApprovalRuleConfirmInput,
    ApprovalRuleEndInput,
    ApprovalRuleProposeInput,
    ApprovalRuleWithdrawInput,
    BatchLimitProposeInput,
    FindingLimitProposeInput,
    SettlementLimitProposeInput,
    VelocityCapProposeInput,
)
from api.graphql.approvals.rules import ApprovalRule, BatchLimits, RuleChange, RuleChangePayload, VelocityCap
from api.graphql.context import Info
from api.graphql.refunds.mutations import RefundCreateInput
from api.graphql.refunds.types import Refund
from api.graphql.transport.paging import PAGE_MAX, Connection, Counting, bounded, page, position_of
from api.graphql.transport.scalars import Money
from api.graphql.transport.selected import asks_for
from domain.refunds.approvals import awaiting, delegate, propose

_NO_PAGE: Final = PageInfo(has_next_page=False, has_previous_page=False, start_cursor=None, end_cursor=None)


def _behind(found: Sequence[awaiting.WaitsForYes], after: str | None) -> Sequence[UUID]:
    """The refunds behind a cursor; of another list's, which is refused, all."""
    place = position_of(after) if after is not None else None
    if place is None or not isinstance(place.id, UUID):
        return [one.id for one in found]
    return [one.id for one in found if one > (place.moment, place.id)]


@strawberry.type
class ApprovalQuery:
    @strawberry.field(
        description="Refunds that wait for your yes, the longest waiting first: it counts now, and you have no part in "
        "them. Of the 1,000 oldest. `first` is 1-100."
    )
    async def refunds_awaiting_me(self, info: Info, first: int, after: str | None = None) -> Connection[Refund]:
        principal = info.context.principal
        found = await awaiting.awaiting(principal)
        total, chosen = Counting.known(len(found)), _behind(found, after)
        if not any(asks_for(info, one) for one in ("edges", "nodes", "pageInfo")):
            return Connection(edges=[], page_info=_NO_PAGE, total=total)
        # A page's alone: of all that wait it would be a statement with a thousand values.
        query = awaiting.these(principal, chosen[: bounded(first) + 1])
        shown = await page(query, first, after, Refund.of, newest_first=False)
        shown.total = total
        return shown

    @strawberry.field(
        description="What a refund would need if it were asked for now, and who could say the yes. Nothing is written."
    )
    async def approval_preview(self, info: Info, input: RefundCreateInput) -> ApprovalPreview:
        return await preview.approval_preview(info, input)

    @strawberry.field(description="What holds: the merchant's own rules, and the defaults that it has not replaced.")
    async def approval_rules(self, info: Info, first: int = PAGE_MAX) -> list[ApprovalRule]:
        return await rules.rules(info, bounded(first))

    @strawberry.field(description="Every change of rules and caps, newest first. `first` is 1-100.")
    async def approval_rule_changes(
        self, info: Info, first: int, after: str | None = None, waiting: bool = False
    ) -> Connection[RuleChange]:
        principal = info.context.principal
        query = propose.waiting(principal) if waiting else propose.readable(principal)
        return await page(query, first, after, RuleChange.of, moment="proposed_at")

    @strawberry.field(description="How much, and how often, may be refunded in a day. None is set by default.")
    async def velocity_caps(self, info: Info, first: int = PAGE_MAX) -> list[VelocityCap]:
        return await rules.velocity_caps(info, bounded(first))

    @strawberry.field(description="From which amounts on a refund that a person paid is settled by two, with a file.")
    async def settlement_limits(self, info: Info) -> list[Money]:
        return await rules.settlement_limits(info)

    @strawberry.field(description="From which amounts on another person confirms how a finding was resolved.")
    async def finding_limits(self, info: Info) -> list[Money]:
        return await rules.finding_limits(info)

    @strawberry.field(description="From which size on another person confirms a whole sheet of refunds or payments.")
    async def batch_limits(self, info: Info) -> BatchLimits:
        return await rules.batch_limits(info)

    @strawberry.field(
        description="Rights to approve that were lent, newest first: yours, or all to who manages people."
    )
    async def approval_delegations(
        self, info: Info, first: int, after: str | None = None
    ) -> Connection[ApprovalDelegation]:
        query = delegate.readable(info.context.principal)
        return await page(query, first, after, ApprovalDelegation.of, moment="made_at")


@strawberry.type
class ApprovalMutation:
    @strawberry.mutation(
        description="Have a rule stand under a name: at once where it only tightens, else when another person confirms "
        "it (approvalRuleConfirm). Needs MANAGE_RULES."
    )
    async def approval_rule_propose(self, info: Info, input: ApprovalRuleProposeInput) -> RuleChangePayload:
        return await rules.rule_propose(info, input)

    @strawberry.mutation(description="Have a cap stand under a name, as approvalRulePropose. Needs MANAGE_RULES.")
    async def velocity_cap_propose(self, info: Info, input: VelocityCapProposeInput) -> RuleChangePayload:
        return await rules.cap_propose(info, input)

    @strawberry.mutation(
        description="Say from which amount on two people settle by hand, as approvalRulePropose. Needs MANAGE_RULES."
    )
    async def settlement_limit_propose(self, info: Info, input: SettlementLimitProposeInput) -> RuleChangePayload:
        return await rules.limit_propose(info, input)

    @strawberry.mutation(
        description="Say from which amount on another person confirms how a finding was resolved, as "
        "approvalRulePropose. Needs MANAGE_RULES."
    )
    async def finding_limit_propose(self, info: Info, input: FindingLimitProposeInput) -> RuleChangePayload:
        return await rules.finding_limit_propose(info, input)

    @strawberry.mutation(
        description="Say from which size on another person confirms a whole sheet, as approvalRulePropose. Needs "
        "MANAGE_RULES."
    )
    async def batch_limit_propose(self, info: Info, input: BatchLimitProposeInput) -> RuleChangePayload:
        return await rules.batch_limit_propose(info, input)

    @strawberry.mutation(
        description="End what the merchant has said under a name, as approvalRulePropose. Needs MANAGE_RULES."
    )
    async def approval_rule_end(self, info: Info, input: ApprovalRuleEndInput) -> RuleChangePayload:
        return await rules.rule_end(info, input)

    @strawberry.mutation(description="A second person's yes to a change that loosens. Needs MANAGE_RULES.")
    async def approval_rule_confirm(self, info: Info, input: ApprovalRuleConfirmInput) -> RuleChangePayload:
        return await rules.rule_confirm(info, input)

    @strawberry.mutation(description="Take back, or refuse, a change that waits. Needs MANAGE_RULES.")
    async def approval_rule_withdraw(self, info: Info, input: ApprovalRuleWithdrawInput) -> RuleChangePayload:
        return await rules.rule_withdraw(info, input)

    @strawberry.mutation(
        description="Lend your right to approve to a person who does not hold it, for at most 90 days. What they say "
        "yes to stands under both names. Needs APPROVE."
    )
    async def approval_delegate(self, info: Info, input: ApprovalDelegateInput) -> ApprovalDelegationPayload:
        return await delegations.approval_delegate(info, input)

    @strawberry.mutation(description="Take back a right that was lent. Yours; anybody's with MANAGE_PEOPLE.")
    async def approval_delegation_revoke(
        self, info: Info, input: ApprovalDelegationRevokeInput
    ) -> ApprovalDelegationPayload:
        return await delegations.approval_delegation_revoke(info, input)
