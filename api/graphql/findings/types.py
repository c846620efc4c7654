"""Findings as accounting reads them: both sides, why, what to do, who has one, and all that was done with it."""

import json
from datetime import UTC, datetime
from enum import IntEnum
from typing import Annotated

import strawberry
from strawberry import relay
from strawberry.relay import to_base64

from api.graphql.context import Info
from api.graphql.nodes import Scoped
from api.graphql.refunds.types import Refund
from api.graphql.spoken.languages import locale_of
from api.graphql.spoken.told import told
from api.graphql.transport.enums import described
from api.graphql.transport.paging import PAGE_MAX, bounded
from api.graphql.transport.scalars import DateTime, Money
from domain.access.permissions import Permission
from domain.findings import facts, findings, kinds, money, noted, said, search
from domain.findings.kinds import FindingKind
from domain.findings.search import FindingStanding
from domain.models import Finding as FindingRow
from domain.models import FindingEvent as EventRow
from domain.models import FindingResolution as ResolutionRow
from domain.models import Refund as RefundRow
from domain.models.findings import ClosingReason
from domain.models.ledger import Account
from domain.money import Money as Amount
from domain.platform.spoken.book import told_in
from domain.problems import InvalidInput
from domain.refunds import find

FindingKindEnum = strawberry.enum(FindingKind, name="FindingKind", description="What is wrong. Members may be added.")
FindingState = described(
    FindingStanding,
    "FindingState",
    "Where a finding stands.",
    {
        FindingStanding.OPEN: "Nobody has said what became of it.",
        FindingStanding.WAITING: "It rests until a date; after that it is open by itself.",
        FindingStanding.RESOLVED: "A person has said what became of it, or the program has seen that it is over.",
        FindingStanding.REOPENED: "Open again: a person wants it so, or new facts contradict what was said.",
    },
)
FindingReason = described(
    ClosingReason,
    "FindingReason",
    "Why a finding is done with; it says where its money in SUSPENSE goes.",
    {
        ClosingReason.WRITE_OFF: "To WRITE_OFFS.",
        ClosingReason.CORRECTED: "By an entry to the account that is named, where something is in SUSPENSE.",
        ClosingReason.CLAIMED_FROM_PSE: "What came goes to PSE_ADJUSTMENTS, the rest to WRITE_OFFS.",
        ClosingReason.DUPLICATE_OF: "The money stays with the other finding.",
        ClosingReason.EXPLAINED: "Nothing of it may be in SUSPENSE.",
        ClosingReason.REFUND_OF_OURS: "To SALES_RETURNS, with its share of the VAT, which is then to be taken back.",
        ClosingReason.CHARGEBACK: "To CHARGEBACKS.",
        ClosingReason.FEE: "To FEES.",
    },
)


class FindingSeverity(IntEnum):
    """How grave it is."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4


SeverityEnum = described(
    FindingSeverity,
    "FindingSeverity",
    "How grave a finding is: by its kind and amount, and each night by its age.",
    {
        FindingSeverity.LOW: "It can wait.",
        FindingSeverity.MEDIUM: "It is to be done in its time.",
        FindingSeverity.HIGH: "It is to be done soon.",
        FindingSeverity.CRITICAL: "Today.",
    },
)


@strawberry.type(description="What the books say and what the other side says; null where there is but one word.")
class FindingSides:
    ours: str = strawberry.field(description="JSON.")
    theirs: str = strawberry.field(description="JSON.")
    differs: list[str] = strawberry.field(description="The names of what differs.")


@strawberry.type(description="What was said of a finding: it stands, waits for a second person, or has ended.")
class FindingResolution:
    id: strawberry.ID = strawberry.field(description="Names it, for findingResolveConfirm.")
    reason: Annotated[ClosingReason, FindingReason]
    note: str
    moved: Money = strawberry.field(description="What leaves SUSPENSE by it.")
    tax: Money = strawberry.field(description="VAT within that.")
    came: Money | None = strawberry.field(description="What the PSE gave of what was claimed.")
    account: str | None = strawberry.field(description="Where CORRECTED takes it.")
    duplicate_of_id: strawberry.ID | None
    needs_two: bool = strawberry.field(description="Another person must confirm it, or had to.")
    proposed_by: str
    proposed_at: DateTime
    confirmed_by: str | None
    started_at: DateTime | None = strawberry.field(description="Since when it stands; null: nobody has confirmed it.")
    ended_at: DateTime | None
    ended_by: str | None
    ended_why: str | None = told()

    @classmethod
    def of(cls, row: ResolutionRow) -> "FindingResolution":
        return cls(
            id=strawberry.ID(str(row.id)),
            reason=ClosingReason(row.reason),
            note=row.note,
            moved=Money.of(Amount(abs(row.amount), row.currency)),
            tax=Money.of(Amount(row.tax, row.currency)),
            came=Money.of(Amount(row.came, row.currency)) if row.came is not None else None,
            account=row.account,
            duplicate_of_id=_finding_id(row.duplicate_of_id) if row.duplicate_of_id else None,
            needs_two=row.needs_two,
            proposed_by=row.proposed_by,
            proposed_at=DateTime(row.proposed_at),
            confirmed_by=row.confirmed_by,
            started_at=_moment(row.started_at),
            ended_at=_moment(row.ended_at),
            ended_by=row.ended_by,
            ended_why=row.ended_why,
        )


@strawberry.type(description="What was done with a finding.")
class FindingEvent:
    kind: str = strawberry.field(
        description="ASSIGNED, COMMENTED, ATTACHED, WAITING, PROPOSED, RESOLVED, CONFIRMED, DECLINED or REOPENED. "
        "Kinds may be added."
    )
    text: str | None
    file_id: strawberry.ID | None = strawberry.field(description="Of an attached file; /files/ID gives it.")
    detail: str = strawberry.field(description="JSON.")
    actor: str
    at: DateTime

    @classmethod
    def of(cls, row: EventRow) -> "FindingEvent":
        return cls(
            kind=row.kind,
            text=row.text,
            file_id=strawberry.ID(str(row.file_id)) if row.file_id else None,
            detail=json.dumps(row.detail, sort_keys=True),
            actor=row.actor,
            at=DateTime(row.at),
        )


@strawberry.type(description="Something a person must look at: what differs, and what to do.")
class Finding(Scoped, relay.Node):
    readable = findings.readable

    id: relay.NodeID[str]
    kind: Annotated[FindingKind, FindingKindEnum]
    state: Annotated[FindingStanding, FindingState]
    severity: Annotated[FindingSeverity, SeverityEnum]
    connection_id: strawberry.ID
    payment_id: strawberry.ID | None
    amount: Money = strawberry.field(description="What is at stake.")
    explanation: str = told("What differs, in one sentence, as it was found.")
    action: str = strawberry.field(description="What to do, as it was found, in English; `advice` is in your language.")
    created_at: DateTime
    age_days: int = strawberry.field(description="Whole days since it was found, until it was resolved.")
    due_at: DateTime | None
    overdue: bool
    assignee: str | None
    assignee_id: strawberry.ID | None = strawberry.field(description="Of the person, or of the token that took it.")
    waiting_until: DateTime | None
    waiting_why: str | None
    reopened_at: DateTime | None
    resolved_at: DateTime | None
    resolution: str | None = told()
    reason: Annotated[ClosingReason, FindingReason] | None = strawberry.field(
        description="A person's; null on what is resolved: the program saw that it is over (`resolution`)."
    )
    resolved_by: str | None
    row: strawberry.Private[FindingRow]
    spoken: strawberry.Private[str | None] = None  # which languages its reader wants, where that is no request's

    @classmethod
    def of(cls, row: FindingRow) -> "Finding":
        now = datetime.now(UTC)
        state = search.state_of(row, now)
        return cls(
            id=str(row.id),
            kind=FindingKind(row.kind),
            state=state,
            severity=FindingSeverity(row.severity),
            connection_id=strawberry.ID(str(row.connection_id)),
            payment_id=strawberry.ID(to_base64("Payment", str(row.payment_id))) if row.payment_id else None,
            amount=Money.of(Amount(row.amount, row.currency)),
            explanation=row.explanation,
            action=row.action,
            created_at=DateTime(row.created_at),
            age_days=((row.resolved_at or now) - row.created_at).days,
            due_at=_moment(row.due_at),
            overdue=row.resolved_at is None and row.due_at is not None and row.due_at < now,
            assignee=row.assignee,
            assignee_id=strawberry.ID(str(row.assignee_id)) if row.assignee_id else None,
            waiting_until=_moment(row.waiting_until) if state is FindingStanding.WAITING else None,
            waiting_why=row.waiting_why if state is FindingStanding.WAITING else None,
            reopened_at=_moment(row.reopened_at),
            resolved_at=_moment(row.resolved_at),
            resolution=row.resolution,
            reason=ClosingReason(row.reason) if row.reason else None,
            resolved_by=row.resolved_by,
            row=row,
        )

    @strawberry.field(description="What its kind is called, in `locale` (en, zh-CN, es, pt-BR), else Accept-Language.")
    def title(self, locale: str | None = None) -> str:
        return kinds.known(self.kind).title[locale_of(locale, self.spoken)]

    @strawberry.field(description="Why such a thing comes up, in one sentence; `locale` as of `title`.")
    def because(self, locale: str | None = None) -> str:
        return kinds.known(self.kind).because[locale_of(locale, self.spoken)]

    @strawberry.field(description="What to do; `locale` as of `title`. Where it has an action of its own: that.")
    def advice(self, locale: str | None = None) -> str:
        usual = kinds.known(self.kind).action
        language = locale_of(locale, self.spoken)
        return usual[language] if self.row.action == usual["en"] else told_in(self.row.action, language)

    @strawberry.field(description="Both sides, and what differs.")
    def sides(self) -> FindingSides:
        told = facts.sides_of(self.row.detail)
        return FindingSides(ours=_json(told.ours), theirs=_json(told.theirs), differs=list(told.differs))

    @strawberry.field(
        description="What of it is in SUSPENSE, of a payout on its way to the bank, or in PSE_CLEARING of a claim that "
        "no report settles: what a resolution has to move."
    )
    async def in_suspense(self, info: Info) -> Money:
        found = await info.context.loaders.one(money.of_each, self.row.id)
        units, currency = found or (0, self.row.currency)
        return Money.of(Amount(abs(units), currency))

    @strawberry.field(description="What waits for a second person (findingResolveConfirm).")
    async def proposal(self, info: Info) -> FindingResolution | None:
        if self.row.resolved_at is not None:
            return None
        found = await info.context.loaders.one(said.waiting, self.row.id)
        return FindingResolution.of(found) if found else None

    @strawberry.field(description="All that was said of it, the latest first; `first` is 1-100.")
    async def resolutions(self, info: Info, first: int = PAGE_MAX) -> list[FindingResolution]:
        found = await info.context.loaders.children(said.of_findings, self.row.id, bounded(first))
        return [FindingResolution.of(row) for row in found]

    @strawberry.field(description="All that was done with it, the oldest first; `first` is 1-100.")
    async def events(self, info: Info, first: int = PAGE_MAX) -> list[FindingEvent]:
        found = await info.context.loaders.children(noted.of_findings, self.row.id, bounded(first))
        return [FindingEvent.of(row) for row in found]

    @strawberry.field
    async def refund(self, info: Info) -> Refund | None:
        about = self.row.refund_id
        if about is None:
            return None
        await find.check_also(info.context.principal, about, Permission.READ, had=Permission.READ_LEDGER)
        return Refund.of(await info.context.loaders.row(RefundRow, about))


def account_of(name: str | None) -> Account | None:
    """An account of the ledger. Raises InvalidInput."""
    if name is not None and name not in Account.__members__:
        raise InvalidInput(f"{name[:40]} is no account of the ledger.", path=["input", "account"])
    return Account(name) if name is not None else None


def _finding_id(found: object) -> strawberry.ID:
    return strawberry.ID(to_base64("Finding", str(found)))


def _moment(moment: datetime | None) -> DateTime | None:
    return DateTime(moment) if moment is not None else None


def _json(told: object) -> str:
    return json.dumps(told, sort_keys=True, ensure_ascii=False)
