"""How findings are looked up, and what is said of them: the inputs, and what they come to."""

from typing import Annotated, Final
from uuid import UUID

import strawberry

from api.graphql.access.second import SecondPersonEnum
from api.graphql.findings.types import (
    FindingKindEnum,
    FindingReason,
    FindingSeverity,
    FindingState,
    SeverityEnum,
    account_of,
)
from api.graphql.transport import ids
from api.graphql.transport.scalars import BigInt, CurrencyCode, Date, DateTime, MoneyInput
from domain.access.principal import Principal
from domain.access.second import SecondPerson
from domain.findings.kinds import FindingKind
from domain.findings.search import FindingStanding, WantedFindings
from domain.findings.work import Resolution
from domain.models.findings import ClosingReason
from domain.problems import InvalidInput

_MANY: Final = 100
_PSE_MAX: Final = 32  # characters of a PSE's code


@strawberry.input(description="Amounts of one currency, both included.")
class FindingAmountRange:
    currency: CurrencyCode
    at_least: BigInt | None = strawberry.field(default=None, description="Minor units.")
    at_most: BigInt | None = strawberry.field(default=None, description="Minor units.")


@strawberry.input(description="Who has it in hand: exactly one of these.")
class FindingAssigneeInput:
    me: bool = strawberry.field(default=False, description="You.")
    nobody: bool = strawberry.field(default=False, description="Nobody.")
    person_id: strawberry.ID | None = strawberry.field(default=None, description="This person.")


@strawberry.input(description="All that are given hold at once; of a list, one of it.")
class FindingFilter:
    kinds: list[Annotated[FindingKind, FindingKindEnum]] | None = None
    states: list[Annotated[FindingStanding, FindingState]] | None = None
    connection_ids: list[strawberry.ID] | None = None
    pses: list[str] | None = None
    store_ids: list[strawberry.ID] | None = None
    found_from: Date | None = strawberry.field(default=None, description="In the merchant's zone; included.")
    found_until: Date | None = strawberry.field(default=None, description="In the merchant's zone; included.")
    amount: FindingAmountRange | None = None
    assignee: FindingAssigneeInput | None = None
    severity: Annotated[FindingSeverity, SeverityEnum] | None = strawberry.field(
        default=None, description="At least this."
    )
    due_before: DateTime | None = None
    payment_id: strawberry.ID | None = None
    refund_id: strawberry.ID | None = None
    second_person: Annotated[SecondPerson, SecondPersonEnum] | None = strawberry.field(
        default=None,
        description="Of which somebody has said what became of it, and which wait for another person's yes "
        "(findingResolveConfirm). Not of a subscription.",
    )

    def parsed(self, principal: Principal) -> WantedFindings:
        """What is wanted. Raises InvalidInput."""
        amount, who = self.amount, self.assignee
        for given in (self.kinds, self.states, self.connection_ids, self.pses, self.store_ids):
            if given is not None and len(given) > _MANY:
                raise InvalidInput(f"A filter names at most {_MANY} of a kind.", path=["filter"])
        if any(len(pse) > _PSE_MAX for pse in self.pses or ()):
            raise InvalidInput("No PSE has such a name.", path=["filter", "pses"])
        if who is not None and [who.me, who.nobody, who.person_id is not None].count(True) != 1:
            raise InvalidInput("assignee is exactly one of me, nobody and personId.", path=["filter", "assignee"])
        person = ids.uuid_of(who.person_id, ["filter", "assignee"]) if who and who.person_id is not None else None
        return WantedFindings(
            kinds=self.kinds,
            states=self.states,
            connections=_uuids(self.connection_ids, "connectionIds"),
            pses=self.pses,
            stores=_uuids(self.store_ids, "storeIds"),
            found_from=self.found_from,
            found_until=self.found_until,
            currency=amount.currency if amount else None,
            amount_from=amount.at_least if amount else None,
            amount_to=amount.at_most if amount else None,
            assignee=principal.party if who and who.me else person,
            unassigned=bool(who and who.nobody),
            severity=self.severity.value if self.severity else None,
            due_before=self.due_before,
            payment=ids.decode(self.payment_id, "Payment", ["filter", "paymentId"]) if self.payment_id else None,
            refund=ids.decode(self.refund_id, "Refund", ["filter", "refundId"]) if self.refund_id else None,
            second_person=self.second_person,
        )


def wanted_by(given: FindingFilter | None, principal: Principal) -> WantedFindings:
    """What is wanted; no filter wants all. Raises InvalidInput."""
    return given.parsed(principal) if given is not None else WantedFindings()


def _uuids(given: list[strawberry.ID] | None, name: str) -> list[UUID] | None:
    return [ids.uuid_of(one, ["filter", name]) for one in given] if given is not None else None


@strawberry.input(description="What became of a finding.")
class FindingResolutionInput:
    reason: Annotated[ClosingReason, FindingReason]
    note: str = strawberry.field(description="3-500 characters: how you know.")
    account: str | None = strawberry.field(
        default=None,
        description="With CORRECTED, where something is in SUSPENSE: SALES_RETURNS, CHARGEBACKS, FEES, "
        "PSE_ADJUSTMENTS, FX_DIFFERENCES or ROUNDING; of a payout on its way to the bank, or of what is left of a "
        "claim, one of the last four. Where it is VAT of what turned out to be a refund: OUTPUT_VAT (a tax document "
        "takes it back; its number is in the note), or VAT_LOST.",
    )
    came: MoneyInput | None = strawberry.field(
        default=None, description="With CLAIMED_FROM_PSE: what the PSE gave. Left out: nothing."
    )
    duplicate_of: strawberry.ID | None = strawberry.field(default=None, description="With DUPLICATE_OF: the other one.")

    def parsed(self) -> Resolution:
        """What is said. Raises InvalidInput."""
        at = ["input", "resolution"]
        return _resolution(self.reason, self.note, self.account, self.came, self.duplicate_of, at)


def _resolution(
    reason: ClosingReason,
    note: str,
    account: str | None,
    came: MoneyInput | None,
    other: strawberry.ID | None,
    at: list[str],
) -> Resolution:
    return Resolution(
        reason=reason,
        note=note,
        account=account_of(account),
        came=came.parsed([*at, "came"]) if came else None,
        duplicate_of=ids.decode(other, "Finding", [*at, "duplicateOf"]) if other else None,
    )


@strawberry.input
class FindingAssignInput:
    finding_id: strawberry.ID
    person_id: strawberry.ID | None = strawberry.field(default=None, description="To whom; left out: to yourself.")


@strawberry.input
class FindingCommentInput:
    finding_id: strawberry.ID
    text: str = strawberry.field(description="1-2,000 characters.")
    idempotency_key: str


@strawberry.input
class FindingAttachInput:
    finding_id: strawberry.ID
    file_id: strawberry.ID = strawberry.field(description="Of fileAnnounce, with the purpose FINDING_ATTACHMENT.")


@strawberry.input
class FindingWaitInput:
    finding_id: strawberry.ID
    until: DateTime = strawberry.field(description="Within a year; after that it is open by itself.")
    why: str = strawberry.field(description="3-500 characters.")


@strawberry.input
class FindingResolveInput:
    finding_id: strawberry.ID
    resolution: FindingResolutionInput
    idempotency_key: str


@strawberry.input(description="What somebody is about to say of a finding; the fields as of FindingResolutionInput.")
class FindingResolvePreviewInput:
    finding_id: strawberry.ID
    reason: Annotated[ClosingReason, FindingReason]
    account: str | None = None
    came: MoneyInput | None = None
    duplicate_of: strawberry.ID | None = None

    def parsed(self) -> Resolution:
        """What would be said. Raises InvalidInput."""
        return _resolution(self.reason, "", self.account, self.came, self.duplicate_of, ["input"])


@strawberry.input
class FindingResolveConfirmInput:
    finding_id: strawberry.ID
    resolution_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="The `id` of the `proposal` that you saw: where something else is said by now, nothing is done. "
        "Left out, whatever is said of the finding then is confirmed.",
    )


@strawberry.input
class FindingResolveDeclineInput:
    finding_id: strawberry.ID
    why: str = strawberry.field(description="3-500 characters.")


@strawberry.input
class FindingReopenInput:
    finding_id: strawberry.ID
    why: str = strawberry.field(description="3-500 characters.")


@strawberry.input(description="The same of all that a filter finds and that are not resolved, at most 1,000.")
class FindingsResolveInput:
    filter: FindingFilter
    resolution: FindingResolutionInput
    count: int = strawberry.field(description="How many findingsPreview told: are there others now, nothing is done.")
    idempotency_key: str = strawberry.field(description="16-200 characters; sent again, none is resolved twice.")
    seen: str | None = strawberry.field(
        default=None,
        description="As findingsPreview told it: are there others now, though as many, or is something else said of "
        "one, nothing is done. Left out, the count alone rules, a finding that nobody looked at may be resolved, and "
        "where what others have said would be replaced nothing is done.",
    )
