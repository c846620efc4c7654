"""How rules, caps and limits are said: the inputs, and what they come to."""

from datetime import time
from typing import Annotated, Any

import strawberry

from api.graphql.payments import PaymentMethod
from api.graphql.refunds.destination import DestinationKindEnum, WhoseWord
from api.graphql.refunds.filters import RefundReason
from api.graphql.transport import ids
from api.graphql.transport.enums import described
from api.graphql.transport.scalars import MoneyInput
from domain.models.refunds import Reason
from domain.problems import InvalidInput
from domain.pse.vocabulary import DestinationKind, Method
from domain.refunds.approvals.caps import Over, Per
from domain.refunds.approvals.rules import Before, Hours, When, Word

CapPer = described(
    Per,
    "CapPer",
    "Whose refunds are counted together.",
    {
        Per.PARTY: "Of a person, with all tokens that they made; of a token that nobody made.",
        Per.STORE: "Of a store.",
        Per.MERCHANT: "Of the merchant.",
        Per.CUSTOMER: "Of a customer, by the payer's tax ID.",
    },
)
CapOver = described(
    Over,
    "CapOver",
    "What becomes of what is over a cap.",
    {Over.REFUSE: "It is refused, with a CapExceededError.", Over.HOLD: "It waits for a second person."},
)


@strawberry.input(description="When people are at work, in the merchant's zone.")
class HoursInput:
    begin: str = strawberry.field(description="As 09:00; included.")
    end: str = strawberry.field(description="As 18:00; excluded.")
    weekdays: list[int] = strawberry.field(description="1 is Monday, 7 is Sunday.")

    def parsed(self) -> Hours:
        """The hours. Raises InvalidInput."""
        try:
            return Hours(_time(self.begin), _time(self.end), frozenset(self.weekdays))
        except ValueError as error:
            raise InvalidInput("Hours are written as 09:00.", path=["input", "when", "outside"]) from error


def _time(text: str) -> time:
    """Hours and minutes, in the merchant's zone and no other. Raises ValueError."""
    if len(text) != len("09:00"):
        raise ValueError(text)
    return time.fromisoformat(text)


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
        description="A refund of a payment that a client registered, its PSE cannot be asked about, and nobody has "
        "confirmed.",
    )

    def parsed(self) -> When:
        """The conditions. Raises InvalidInput."""
        path = ["input", "when"]
        before = self.refunded_before
        return When(
            amounts=amounts_of(self.amounts, [*path, "amounts"]),
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


def amounts_of(given: list[MoneyInput] | None, path: list[str]) -> dict[str, int] | None:
    """Minor units by currency. Raises InvalidInput."""
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


@strawberry.input(description="From which amount on another person confirms how a finding was resolved.")
class FindingLimitProposeInput:
    amounts: list[MoneyInput] = strawberry.field(description="One for each currency; any other is above the limit.")


@strawberry.input(description="From which size on another person confirms a whole sheet of refunds or payments.")
class BatchLimitProposeInput:
    rows: int = strawberry.field(description="From so many rows on that will be done, whatever they come to; 1-10001.")
    amounts: list[MoneyInput] = strawberry.field(
        description="In all, one for each currency; any other is above the limit."
    )


@strawberry.input(description="What the merchant has said under this name ends; a default of that name stands again.")
class ApprovalRuleEndInput:
    kind: str = strawberry.field(description="APPROVAL, SETTLEMENT, FINDING, BATCH or CAP.")
    name: str = strawberry.field(description="The rule's or the cap's name.")


@strawberry.input(description="Of what waits for a second person.")
class ApprovalRuleConfirmInput:
    rule_id: strawberry.ID = strawberry.field(description="Of the proposal.")


@strawberry.input(description="Of what waits for a second person.")
class ApprovalRuleWithdrawInput:
    rule_id: strawberry.ID = strawberry.field(description="Of the proposal.")
