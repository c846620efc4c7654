"""The merchant's rules, caps and limit: as they are read, proposed and confirmed."""

from collections.abc import Mapping
from typing import Annotated

import strawberry

from api.graphql.approvals.rule_inputs import (
    ApprovalRuleConfirmInput,
    ApprovalRuleEndInput,
    ApprovalRuleProposeInput,
    ApprovalRuleWithdrawInput,
    BatchLimitProposeInput,
    CapOver,
    CapPer,
    FindingLimitProposeInput,
    SettlementLimitProposeInput,
    VelocityCapProposeInput,
    amounts_of,
)
from api.graphql.context import Info
from api.graphql.refunds.needs import ApprovalStep
from api.graphql.spoken.told import told
from api.graphql.transport import ids
from api.graphql.transport.answering import answering
from api.graphql.transport.errors import DecisionError
from api.graphql.transport.scalars import DateTime, Money
from domain.findings import limits
from domain.models import ApprovalRule as Row
from domain.money import Money as Amount
from domain.problems import InvalidInput
from domain.refunds.approvals import defaults, propose, standing, stored
from domain.refunds.approvals.batch_limits import NAME as BATCHES
from domain.refunds.approvals.batch_limits import ROWS_ANY
from domain.refunds.approvals.caps import Cap, Over, Per
from domain.refunds.approvals.propose import Proposal
from domain.refunds.approvals.rules import ANY_OTHER, Need, Rule, Step

_ROWS_MAX = 10_001  # more than any sheet has: their number alone wants nobody


@strawberry.type(description="A change of the rules. What only tightens stands at once.")
class RuleChange:
    id: strawberry.ID = strawberry.field(description="Names it, for approvalRuleConfirm.")
    kind: str = strawberry.field(description="APPROVAL, SETTLEMENT, FINDING, BATCH or CAP.")
    name: str = strawberry.field(description="What it stands for.")
    body: str | None = strawberry.field(description="What is to hold, as JSON; null: the merchant's own ends.")
    loosens: bool = strawberry.field(description="It lets more through, so another person must confirm it.")
    proposed_by: str = strawberry.field(description="Who proposed it.")
    proposed_at: DateTime = strawberry.field(description="When.")
    confirmed_by: str | None = strawberry.field(description="Who confirmed it.")
    started_at: DateTime | None = strawberry.field(description="Since when it stands; null: not yet.")
    ended_at: DateTime | None = strawberry.field(description="Until when it stood.")

    @classmethod
    def of(cls, row: Row) -> "RuleChange":
        return cls(
            id=strawberry.ID(str(row.id)),
            kind=row.kind,
            name=row.name,
            body=propose.in_words(row.body),
            loosens=row.loosens,
            proposed_by=row.proposed_by,
            proposed_at=DateTime(row.proposed_at),
            confirmed_by=row.confirmed_by,
            started_at=DateTime(row.started_at) if row.started_at else None,
            ended_at=DateTime(row.ended_at) if row.ended_at else None,
        )


@strawberry.type(description="`change` is null exactly when `errors` is not empty.")
class RuleChangePayload:
    change: RuleChange | None
    errors: list[DecisionError]
    request_id: str


@strawberry.type(description="A rule that holds.")
class ApprovalRule:
    name: str = strawberry.field(description="Under which the merchant can say otherwise.")
    why: str = told("In one sentence.")
    is_default: bool = strawberry.field(description="The product's own; the merchant has said nothing else.")
    when: str = strawberry.field(description="The conditions as JSON; all hold at once.")
    steps: list[ApprovalStep] = strawberry.field(description="Whose yes it takes.")
    in_sequence: bool = strawberry.field(description="One step after the other.")
    hours: int | None = strawberry.field(description="Until when, from the asking.")


@strawberry.type(description="A cap that holds.")
class VelocityCap:
    name: str = strawberry.field(description="Its name.")
    per: Annotated[Per, CapPer] = strawberry.field(description="Whose refunds are counted together.")
    over: Annotated[Over, CapOver] = strawberry.field(description="What becomes of what is over.")
    amount: Money | None = strawberry.field(description="At most so much in a day.")
    count: int | None = strawberry.field(description="At most so many in a day.")
    only: str | None = strawberry.field(description="Of one alone.")

    @classmethod
    def of(cls, cap: Cap) -> "VelocityCap":
        amount = Money.of(Amount(cap.amount, cap.currency)) if cap.amount is not None and cap.currency else None
        return cls(name=cap.name, per=cap.per, over=cap.over, amount=amount, count=cap.count, only=cap.only)


async def rules(info: Info, first: int) -> list[ApprovalRule]:
    """What holds for the merchant, defaults included."""
    held = await standing.read(info.context.principal.merchant_id)
    return [_shown(rule, (standing.APPROVAL, rule.name) not in held.own) for rule in held.rules][:first]


def _shown(rule: Rule, is_default: bool) -> ApprovalRule:
    return ApprovalRule(
        name=rule.name,
        why=rule.need.why,
        is_default=is_default,
        when=propose.in_words(stored.of_when(rule.when)) or "{}",
        steps=[ApprovalStep(of=step.of, count=step.count) for step in rule.need.steps],
        in_sequence=rule.need.in_sequence,
        hours=rule.need.hours,
    )


async def velocity_caps(info: Info, first: int) -> list[VelocityCap]:
    """The caps that hold for the merchant."""
    held = await standing.read(info.context.principal.merchant_id)
    return [VelocityCap.of(cap) for cap in held.caps][:first]


async def settlement_limits(info: Info) -> list[Money]:
    """From which amounts on two people settle, by currency."""
    return _limits((await standing.read(info.context.principal.merchant_id)).settled_by_two)


async def finding_limits(info: Info) -> list[Money]:
    """From which amounts on another person confirms how a finding was resolved, by currency."""
    return _limits((await standing.read(info.context.principal.merchant_id)).findings_by_two)


def _limits(held: Mapping[str, int]) -> list[Money]:
    others = (ANY_OTHER, ROWS_ANY)
    return [Money.of(Amount(amount, currency)) for currency, amount in sorted(held.items()) if currency not in others]


@strawberry.type(description="From which size on another person confirms a whole sheet.")
class BatchLimits:
    rows: int | None = strawberry.field(description="From so many rows on; null: their number alone wants nobody.")
    amounts: list[Money] = strawberry.field(description="In all, by currency; any other currency wants another person.")


async def batch_limits(info: Info) -> BatchLimits:
    """From which size on another person confirms a whole sheet."""
    held = (await standing.read(info.context.principal.merchant_id)).batches_by_two
    return BatchLimits(rows=held.get(ROWS_ANY), amounts=_limits(held))


@answering(RuleChangePayload)
async def rule_propose(info: Info, input: ApprovalRuleProposeInput) -> RuleChangePayload:
    steps = tuple(Step(step.of, step.count) for step in input.steps)
    if not 0 < len(input.why) <= 200:
        raise InvalidInput("why takes 1 to 200 characters.", path=["input", "why"])
    need = Need(input.name, input.why, steps, input.in_sequence, input.hours)
    rule = Rule(input.when.parsed(), need)
    return await _proposed(info, Proposal(standing.APPROVAL, input.name, rule=rule))


@answering(RuleChangePayload)
async def cap_propose(info: Info, input: VelocityCapProposeInput) -> RuleChangePayload:
    amount = input.amount.parsed(["input", "amount"]) if input.amount else None
    currency = amount.currency if amount else None
    units = amount.minor_units if amount else None
    cap = Cap(input.name, input.per, input.over, currency, units, input.count, input.only)
    return await _proposed(info, Proposal(standing.CAP, input.name, cap=cap))


@answering(RuleChangePayload)
async def limit_propose(info: Info, input: SettlementLimitProposeInput) -> RuleChangePayload:
    amounts = {**(amounts_of(input.amounts, ["input", "amounts"]) or {}), ANY_OTHER: 0}
    return await _proposed(info, Proposal(standing.SETTLEMENT, defaults.SETTLE_BY_HAND, by_two=amounts))


@answering(RuleChangePayload)
async def finding_limit_propose(info: Info, input: FindingLimitProposeInput) -> RuleChangePayload:
    amounts = {**(amounts_of(input.amounts, ["input", "amounts"]) or {}), ANY_OTHER: 0}
    return await _proposed(info, Proposal(standing.FINDING, limits.NAME, by_two=amounts))


@answering(RuleChangePayload)
async def batch_limit_propose(info: Info, input: BatchLimitProposeInput) -> RuleChangePayload:
    if not 1 <= input.rows <= _ROWS_MAX:
        raise InvalidInput(f"rows is 1 to {_ROWS_MAX}.", path=["input", "rows"])
    given = amounts_of(input.amounts, ["input", "amounts"]) or {}
    amounts = {**given, ANY_OTHER: 0, ROWS_ANY: input.rows}
    return await _proposed(info, Proposal(standing.BATCH, BATCHES, by_two=amounts))


@answering(RuleChangePayload)
async def rule_end(info: Info, input: ApprovalRuleEndInput) -> RuleChangePayload:
    if input.kind not in (standing.APPROVAL, standing.SETTLEMENT, standing.FINDING, standing.BATCH, standing.CAP):
        raise InvalidInput("kind is APPROVAL, SETTLEMENT, FINDING, BATCH or CAP.", path=["input", "kind"])
    return await _proposed(info, Proposal(input.kind, input.name))


@answering(RuleChangePayload)
async def rule_confirm(info: Info, input: ApprovalRuleConfirmInput) -> RuleChangePayload:
    rule_id = ids.uuid_of(input.rule_id, ["input", "ruleId"])
    return _changed(info, await propose.confirm(info.context.principal, rule_id, info.context.cause))


@answering(RuleChangePayload)
async def rule_withdraw(info: Info, input: ApprovalRuleWithdrawInput) -> RuleChangePayload:
    rule_id = ids.uuid_of(input.rule_id, ["input", "ruleId"])
    return _changed(info, await propose.withdraw(info.context.principal, rule_id, info.context.cause))


async def _proposed(info: Info, new: Proposal) -> RuleChangePayload:
    return _changed(info, await propose.propose(info.context.principal, new, info.context.cause))


def _changed(info: Info, row: Row) -> RuleChangePayload:
    return RuleChangePayload(change=RuleChange.of(row), errors=[], request_id=info.context.request_id)
