"""The merchant's rules, caps and limit: as they are read, proposed and confirmed."""

from collections.abc import Mapping
from datetime import time
from typing import Annotated, Any

import strawberry

from api.graphql.approvals.needs import ApprovalStep
from api.graphql.context import Info
from api.graphql.payments import PaymentMethod
from api.graphql.refunds.destination import DestinationKindEnum, WhoseWord
from api.graphql.refunds.types import RefundReason
from api.graphql.transport import ids
from api.graphql.transport.answering import answering
from api.graphql.transport.errors import DecisionError
from api.graphql.transport.scalars import DateTime, Money, MoneyInput
from domain.models import ApprovalRule as Row
from domain.models.refunds import Reason
from domain.money import Money as Amount
from domain.problems import InvalidInput
from domain.pse.vocabulary import DestinationKind, Method
from domain.refunds.approvals import defaults, propose, standing, stored
from domain.refunds.approvals.caps import Cap, Over, Per
from domain.refunds.approvals.propose import Proposal
from domain.refunds.approvals.rules import ANY_OTHER, Before, Hours, Need, Rule, Step, When, Word

CapPer = strawberry.enum(
    Per,
    name="CapPer",
    description="Whose refunds are counted together: PARTY is a person with all tokens that they made.",
)
CapOver = strawberry.enum(Over, name="CapOver", description="REFUSE what is over, or HOLD it for a second person.")


@strawberry.input(description="When people are at work, in the merchant's zone.")
class HoursInput:
    begin: str = strawberry.field(description="As 09:00; included.")
    end: str = strawberry.field(description="As 18:00; excluded.")
    weekdays: list[int] = strawberry.field(description="1 is Monday, 7 is Sunday.")

    def parsed(self) -> Hours:
        """The hours. Raises InvalidInput."""
        try:
            return Hours(time.fromisoformat(self.begin), time.fromisoformat(self.end), frozenset(self.weekdays))
        except ValueError as error:
            raise InvalidInput("Hours are written as 09:00.", path=["input", "when", "outside"]) from error


@strawberry.input(description="That the customer was refunded at least so often within so many days.")
class RefundedBeforeInput:
    count: int = strawberry.field(description="At least so many times.")
    days: int = strawberry.field(description="Within so many days.")


@strawberry.input(description="The conditions of a rule; all that are given hold at once. None given: every refund.")
class ApprovalWhenInput:
    amounts: list[MoneyInput] | None = strawberry.field(
        default=None, description="At or above, one for each currency; a currency that is not named is never met."
    )
    methods: list[Annotated[Method, PaymentMethod]] | None = strawberry.field(default=None, description="One of these.")
    pses: list[str] | None = strawberry.field(default=None, description="One of these.")
    store_ids: list[strawberry.ID] | None = strawberry.field(default=None, description="One of these.")
    older_than_days: int | None = strawberry.field(default=None, description="The payment is older.")
    reasons: list[Annotated[Reason, RefundReason]] | None = strawberry.field(default=None, description="One of these.")
    requester_roles: list[str] | None = strawberry.field(default=None, description="Whoever asks has one of these.")
    requester_is_program: bool | None = strawberry.field(default=None, description="It is asked for by a token.")
    requester_ids: list[strawberry.ID] | None = strawberry.field(
        default=None, description="The people, or tokens, that answer for the asking."
    )
    refunded_before: RefundedBeforeInput | None = strawberry.field(default=None, description="As it says.")
    outside: HoursInput | None = strawberry.field(default=None, description="It is asked for outside of these hours.")
    destination_kinds: list[Annotated[DestinationKind, DestinationKindEnum]] | None = strawberry.field(
        default=None, description="The account is named by one of these."
    )
    whose_word: Annotated[Word, WhoseWord] | None = strawberry.field(default=None, description="Whose word it is.")
    other_holder: bool | None = strawberry.field(
        default=None, description="The account's holder is not known to be the payer."
    )
    unproven: bool | None = strawberry.field(
        default=None,
        description="The first refund of a payment that a client registered and its PSE cannot be asked about.",
    )

    def parsed(self) -> When:
        """The conditions. Raises InvalidInput."""
        path = ["input", "when"]
        before = self.refunded_before
        return When(
            amounts=_amounts(self.amounts, [*path, "amounts"]),
            methods=_set(self.methods),
            pses=_set(self.pses),
            stores=_ids(self.store_ids, [*path, "storeIds"]),
            older_than_days=self.older_than_days,
            reasons=_set(self.reasons),
            requester_roles=_set(self.requester_roles),
            requester_is_program=self.requester_is_program,
            requesters=_ids(self.requester_ids, [*path, "requesterIds"]),
            refunded_before=Before(before.count, before.days) if before else None,
            outside=self.outside.parsed() if self.outside else None,
            destination_kinds=_set(self.destination_kinds),
            whose_word=self.whose_word,
            other_holder=self.other_holder,
            unproven=self.unproven,
        )


def _set(given: list[Any] | None) -> frozenset[Any] | None:
    return frozenset(given) if given is not None else None


def _ids(given: list[strawberry.ID] | None, path: list[str]) -> frozenset[Any] | None:
    return frozenset(ids.uuid_of(one, path) for one in given) if given is not None else None


def _amounts(given: list[MoneyInput] | None, path: list[str]) -> dict[str, int] | None:
    if given is None:
        return None
    parsed = [one.parsed(path) for one in given]
    return {one.currency: one.minor_units for one in parsed}


@strawberry.input(description="So many people, of whom each holds this role or permission.")
class ApprovalStepInput:
    of: str = strawberry.field(description="A permission, or the name of a role.")
    count: int = strawberry.field(default=1, description="How many people.")


@strawberry.input(description="A rule under a name; one under a default's name stands in its place.")
class ApprovalRuleProposeInput:
    name: str = strawberry.field(description="At most 64 characters, as HIGH_VALUE.")
    why: str = strawberry.field(description="What people read who must say yes: one sentence.")
    when: ApprovalWhenInput = strawberry.field(description="Under which conditions.")
    steps: list[ApprovalStepInput] = strawberry.field(description="Whose yes it takes; none: nobody's.")
    in_sequence: bool = strawberry.field(default=False, description="One step after the other.")
    hours: int | None = strawberry.field(default=None, description="Until when, from the asking; left out: 30 days.")


@strawberry.input(description="At most so much, or so often, in a day of the merchant's zone.")
class VelocityCapProposeInput:
    name: str = strawberry.field(description="At most 64 characters, as PER_PERSON.")
    per: Annotated[Per, CapPer] = strawberry.field(description="Whose refunds are counted together.")
    over: Annotated[Over, CapOver] = strawberry.field(description="What becomes of what is over.")
    amount: MoneyInput | None = strawberry.field(default=None, description="At most so much of this currency.")
    count: int | None = strawberry.field(default=None, description="At most so many refunds.")
    only: str | None = strawberry.field(default=None, description="Of this person, token or store alone, by its id.")


@strawberry.input(description="From which amount on a refund that a person paid is settled by two, with a file.")
class SettlementLimitProposeInput:
    amounts: list[MoneyInput] = strawberry.field(description="One for each currency; any other is above the limit.")


@strawberry.input(description="What the merchant has said under this name ends; a default of that name stands again.")
class ApprovalRuleEndInput:
    kind: str = strawberry.field(description="APPROVAL, SETTLEMENT or CAP.")
    name: str = strawberry.field(description="The rule's or the cap's name.")


@strawberry.input(description="Of what waits for a second person.")
class ApprovalRuleConfirmInput:
    rule_id: strawberry.ID = strawberry.field(description="Of the proposal.")


@strawberry.input(description="Of what waits for a second person.")
class ApprovalRuleWithdrawInput:
    rule_id: strawberry.ID = strawberry.field(description="Of the proposal.")


@strawberry.type(description="A change of the rules. What only tightens stands at once.")
class RuleChange:
    id: strawberry.ID = strawberry.field(description="Names it, for approvalRuleConfirm.")
    kind: str = strawberry.field(description="APPROVAL, SETTLEMENT or CAP.")
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
    why: str = strawberry.field(description="In one sentence.")
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
    held: Mapping[str, int] = (await standing.read(info.context.principal.merchant_id)).settled_by_two
    return [Money.of(Amount(amount, currency)) for currency, amount in sorted(held.items()) if currency != ANY_OTHER]


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
    amounts = {**(_amounts(input.amounts, ["input", "amounts"]) or {}), ANY_OTHER: 0}
    return await _proposed(info, Proposal(standing.SETTLEMENT, defaults.SETTLE_BY_HAND, settled_by_two=amounts))


@answering(RuleChangePayload)
async def rule_end(info: Info, input: ApprovalRuleEndInput) -> RuleChangePayload:
    if input.kind not in (standing.APPROVAL, standing.SETTLEMENT, standing.CAP):
        raise InvalidInput("kind is APPROVAL, SETTLEMENT or CAP.", path=["input", "kind"])
    return await _proposed(info, Proposal(input.kind, input.name))


@answering(RuleChangePayload)
async def rule_confirm(info: Info, input: ApprovalRuleConfirmInput) -> RuleChangePayload:
    rule_id = ids.uuid_of(input.rule_id, ["input", "ruleId"])
    return _changed(info, await propose.confirm(info.context.principal, rule_id))


@answering(RuleChangePayload)
async def rule_withdraw(info: Info, input: ApprovalRuleWithdrawInput) -> RuleChangePayload:
    rule_id = ids.uuid_of(input.rule_id, ["input", "ruleId"])
    return _changed(info, await propose.withdraw(info.context.principal, rule_id))


async def _proposed(info: Info, new: Proposal) -> RuleChangePayload:
    return _changed(info, await propose.propose(info.context.principal, new))


def _changed(info: Info, row: Row) -> RuleChangePayload:
    return RuleChangePayload(change=RuleChange.of(row), errors=[], request_id=info.context.request_id)
