"""What a refund needs, what was said to it, and who could say the rest."""

from collections.abc import Sequence

import strawberry

from api.graphql.spoken.told import told
from api.graphql.transport.scalars import DateTime, Money
from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.models import Approval as ApprovalRow
from domain.models import ApprovalNeeds as Row
from domain.money import Money as Amount
from domain.refunds.approvals import needs, weigh, who
from domain.refunds.approvals.rules import Need
from domain.refunds.approvals.shown import NeedsShown
from domain.refunds.approvals.weigh import Yes
from domain.refunds.approvals.who import Approver


@strawberry.type(description="So many people, of whom each holds this role or permission.")
class ApprovalStep:
    of: str = strawberry.field(description="A permission, or the name of a role.")
    count: int = strawberry.field(description="How many people.")


@strawberry.type(description="What one rule wants of a refund.")
class ApprovalNeed:
    rule: str = strawberry.field(description="The rule's or the cap's name.")
    why: str = told("In one sentence.")
    steps: list[ApprovalStep] = strawberry.field(description="Whose yes it takes.")
    in_sequence: bool = strawberry.field(description="Whether they say it one step after the other.")
    missing: int = strawberry.field(description="How many people are still wanted.")

    @classmethod
    def of_need(cls, need: Need, given: Sequence[Yes]) -> "ApprovalNeed":
        """One need, of which `given` have said yes to some already."""
        return cls(
            rule=need.rule,
            why=need.why,
            steps=[ApprovalStep(of=step.of, count=step.count) for step in need.steps],
            in_sequence=need.in_sequence,
            missing=weigh.missing(need, given),
        )


@strawberry.type(description="A person who could say yes.")
class ApprovalCandidate:
    person: str = strawberry.field(description="Their name; with their address to whom manages people.")
    holds: list[str] = strawberry.field(description="Which of the wanted roles and permissions they hold.")

    @classmethod
    def of(cls, found: Approver, wanted: Sequence[Need], viewer: Principal) -> "ApprovalCandidate":
        words = {step.of for need in wanted for step in need.steps}
        person = found.name if viewer.may(Permission.MANAGE_PEOPLE) else found.name.rpartition(" <")[0]
        return cls(person=person, holds=sorted(found.words & words))


@strawberry.type(description="What must be said before a refund goes. All needs hold at once.")
class RefundNeeds:
    needs: list[ApprovalNeed] = strawberry.field(description="Of each rule that is met.")
    next_by: list[str] = strawberry.field(description="The roles and permissions whose holder's yes counts now.")
    until: DateTime = strawberry.field(description="Until when; then it expires.")
    candidates: list[ApprovalCandidate] = strawberry.field(
        description="People who could say it and have no part in it; at most 20."
    )
    advice: str | None = told("Where there are too few such people: what to do. Null: there are enough.")

    @classmethod
    def of(cls, found: NeedsShown, viewer: Principal) -> "RefundNeeds":
        return cls(
            needs=[ApprovalNeed.of_need(need, found.given) for need in found.wanted],
            next_by=sorted(weigh.open_words(found.wanted, found.given)),
            until=DateTime(needs.deadline_of(found.row)),
            candidates=[ApprovalCandidate.of(one, found.wanted, viewer) for one in found.able[: who.SHOWN_MAX]],
            advice=found.advice,
        )


@strawberry.type(description="What somebody said to a refund.")
class RefundApproval:
    decision: str = strawberry.field(description="YES or NO.")
    decided_by: str = strawberry.field(description="Who said it.")
    under_the_right_of: str | None = strawberry.field(description="Who had lent them the right; null: it is their own.")
    note: str | None = strawberry.field(description="In their words.")
    decided_at: DateTime = strawberry.field(description="When.")
    amount: Money | None = strawberry.field(description="What it was said to; null: it is older.")
    destination_fingerprint: str | None = strawberry.field(description="The destination that it was said to.")
    counts: bool = strawberry.field(description="False: the destination was changed afterwards.")

    @classmethod
    def of(cls, row: ApprovalRow, current: Row | None) -> "RefundApproval":
        amount = Amount(row.amount, row.currency) if row.amount is not None and row.currency else None
        return cls(
            decision=row.decision,
            decided_by=row.decided_by,
            under_the_right_of=row.delegated_by,
            note=row.note,
            decided_at=DateTime(row.decided_at),
            amount=Money.of(amount) if amount is not None else None,
            destination_fingerprint=row.fingerprint,
            counts=current is None or row.needs_id in (None, current.id),
        )
