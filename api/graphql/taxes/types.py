"""What the API shows of VAT: reversals, the rules they go by, tax documents, places."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from uuid import UUID

import strawberry
from strawberry.relay import to_base64

from api.graphql.context import Info
from api.graphql.spoken.languages import locale_of
from api.graphql.spoken.told import told
from api.graphql.transport.scalars import Date, DateTime, Money
from domain.models import TaxDocument as DocumentRow
from domain.models import TaxDocumentShare, VatReversal
from domain.models import TaxPlace as PlaceRow
from domain.models import VatWriteOff as WriteOffRow
from domain.models.taxes import RefundCause, ReversalState, TaxRegime
from domain.money import Money as Amount
from domain.taxes import giving_up, rulebook, words
from domain.taxes.rulebook import Inclusion, LegalRule, RuleKind

StateEnum = strawberry.enum(
    ReversalState,
    name="VatReversalState",
    description="NEEDED, DOCUMENTED by a tax document, DECLARED in a return; NOT_RECOVERABLE; NEEDS_REVIEW: somebody "
    "says what is unknown; UNDONE: the refund came back.",
)
CauseEnum = strawberry.enum(RefundCause, name="RefundCause", description="Why money goes back, as tax law divides it.")
RegimeEnum = strawberry.enum(TaxRegime, name="TaxRegime", description="Who declared the tax of a sale.")
RuleKindEnum = strawberry.enum(RuleKind, name="TaxRuleKind", description="What a rule is about.")
InclusionEnum = strawberry.enum(
    Inclusion, name="TaxInclusion", description="Whether the tax is added to the price, or lies within its own base."
)


@strawberry.type(description="A rule as we understand it: a hint, and no legal advice.")
class TaxRule:
    name: str
    country: str = strawberry.field(description="ISO 3166; `*`: every one.")
    kind: Annotated[RuleKind, RuleKindEnum]
    tax: str = told()
    says: str = told()
    rate: str | None = strawberry.field(description="Percent; of a THRESHOLD, US dollars.")
    inclusion: Annotated[Inclusion, InclusionEnum]
    instrument: str | None = told("The document that takes the tax back.")
    deadline: str
    deadline_number: int
    on_miss: str | None = told()
    effective_from: Date | None
    effective_to: Date | None
    status: str
    confidence: str
    is_sure: bool = strawberry.field(description="In force, and sure enough to be gone by without a person.")
    source: str
    version: str

    @classmethod
    def of(cls, rule: LegalRule) -> "TaxRule":
        return cls(
            name=rule.id,
            country=rule.country,
            kind=rule.kind,
            tax=rule.tax,
            says=rule.says,
            rate=rule.rate,
            inclusion=rule.inclusion,
            instrument=rule.instrument,
            deadline=rule.deadline.value,
            deadline_number=rule.number,
            on_miss=rule.on_miss,
            effective_from=Date(rule.effective_from) if rule.effective_from else None,
            effective_to=Date(rule.effective_to) if rule.effective_to else None,
            status=rule.status,
            confidence=rule.confidence,
            is_sure=rule.is_sure,
            source=rule.source,
            version=rule.version,
        )


@strawberry.type(description="A tax document that was handed in: one version of it.")
class TaxDocument:
    id: strawberry.ID
    country: str
    kind: str = strawberry.field(description="Its layout: NFE, CFDI, UBL, DTE, SRI or CSV. Members may be added.")
    name: str = strawberry.field(description="What makes it one in its country, in one spelling.")
    number: str
    issued_on: Date
    issuer: str | None
    total: Money = strawberry.field(description="Above zero: the type gives the sign.")
    tax: Money
    originals: list[str] = strawberry.field(
        description="The sales' documents that it names, in one spelling; at most 100."
    )
    cause: Annotated[RefundCause, CauseEnum] | None
    checked: str = strawberry.field(description="JSON: what of it was checked here, and what was not.")
    problem: str | None = told("Why it takes no VAT back (yet).")
    file_id: strawberry.ID | None
    imported_by: str
    created_at: DateTime
    ended_at: DateTime | None = strawberry.field(description="Since when it holds no more.")
    ended_because: str | None = told("CANCELED or REVISED.")

    @classmethod
    def of(cls, row: DocumentRow) -> "TaxDocument":
        return cls(
            id=strawberry.ID(str(row.id)),
            country=row.country,
            kind=row.kind,
            name=row.name,
            number=row.number,
            issued_on=Date(row.issued_on),
            issuer=row.issuer,
            total=Money.of(Amount(row.total, row.currency)),
            tax=Money.of(Amount(row.tax, row.currency)),
            originals=row.originals[:100],
            cause=row.cause,
            checked=json.dumps(row.checked, sort_keys=True),
            problem=row.problem,
            file_id=strawberry.ID(str(row.file_id)) if row.file_id else None,
            imported_by=row.imported_by,
            created_at=DateTime(row.created_at),
            ended_at=DateTime(row.ended_at) if row.ended_at else None,
            ended_because=row.ended_because,
        )


async def _documents_of(reversals: Sequence[UUID], first: int) -> Mapping[UUID, Sequence[DocumentRow]]:
    found: dict[UUID, list[DocumentRow]] = {}
    shares = TaxDocumentShare.filter(reversal_id__in=list(reversals), voided_at=None)
    for share in await shares.order_by("made_at", "id").prefetch_related("document"):
        found.setdefault(share.reversal_id, []).append(share.document)
    return {key: rows[:first] for key, rows in found.items()}


@strawberry.type(description="That VAT is given up: it waits for a second person's yes.")
class VatWriteOff:
    id: strawberry.ID
    note: str
    proposed_by: str
    proposed_at: DateTime

    @classmethod
    def of(cls, row: WriteOffRow) -> "VatWriteOff":
        who, when = row.proposed_by, DateTime(row.proposed_at)
        return cls(id=strawberry.ID(str(row.id)), note=row.note, proposed_by=who, proposed_at=when)


@strawberry.type(name="VatReversal", description="The VAT of one refund that has left.")
class Reversal:
    id: strawberry.ID
    refund_id: strawberry.ID
    payment_id: strawberry.ID
    store_id: strawberry.ID
    connection_id: strawberry.ID
    amount: Money = strawberry.field(description="The VAT.")
    country: str
    regime: Annotated[TaxRegime, RegimeEnum]
    state: Annotated[ReversalState, StateEnum]
    reason: str | None = strawberry.field(description="Of a review: what is unknown. `explanation` says it in words.")
    cause: Annotated[RefundCause, CauseEnum] | None
    rule_name: str | None
    rules_version: str
    sold_on: Date
    asked_on: Date
    paid_on: Date
    event_on: Date | None = strawberry.field(description="When the goods came back, or the sale was annulled: as said.")
    delivered_on: Date | None
    buyer_identified: bool | None
    due_on: Date | None = strawberry.field(description="The last day to take it back; null: there is none.")
    document_number: str | None
    document_on: Date | None
    period: str | None = strawberry.field(description="YYYY-MM of the return that declares it.")
    note: str | None
    decided_by: str | None
    created_at: DateTime
    updated_at: DateTime
    row: strawberry.Private[VatReversal]

    @classmethod
    def of(cls, row: VatReversal) -> "Reversal":
        days: dict[str, Any] = {
            name: Date(day) if (day := getattr(row, name)) is not None else None
            for name in ("event_on", "delivered_on", "due_on", "document_on")
        }
        same = ("country", "regime", "state", "reason", "cause", "rules_version", "buyer_identified", "document_number")
        return cls(
            id=strawberry.ID(str(row.id)),
            refund_id=strawberry.ID(to_base64("Refund", str(row.refund_id))),
            payment_id=strawberry.ID(to_base64("Payment", str(row.payment_id))),
            store_id=strawberry.ID(str(row.store_id)),
            connection_id=strawberry.ID(str(row.connection_id)),
            amount=Money.of(Amount(row.amount, row.currency)),
            rule_name=row.rule_id,
            sold_on=Date(row.sold_on),
            asked_on=Date(row.asked_on),
            paid_on=Date(row.paid_on),
            created_at=DateTime(row.created_at),
            updated_at=DateTime(row.updated_at),
            row=row,
            **days,
            **{name: getattr(row, name) for name in (*same, "period", "note", "decided_by")},
        )

    @strawberry.field(description="The rule that it goes by, as the book has it now.")
    def rule(self) -> TaxRule | None:
        found = rulebook.rule_of(self.row.rule_id)
        return TaxRule.of(found) if found else None

    @strawberry.field(
        description="Why it waits, and what to do; `locale` is en, zh-CN, es or pt-BR, else what Accept-Language asks "
        "for."
    )
    def explanation(self, locale: str | None = None) -> str | None:
        return words.explained(self.row.reason, locale_of(locale))

    @strawberry.field(description="That it is given up, where that waits for another person; else null.")
    async def write_off(self, info: Info) -> VatWriteOff | None:
        found = await info.context.loaders.one(giving_up.of_reversals, self.row.id)
        return VatWriteOff.of(found) if found else None

    @strawberry.field(description="The documents that were handed in for it, and hold. At most 100.")
    async def tax_documents(self, info: Info) -> list[TaxDocument]:
        found = await info.context.loaders.children(_documents_of, self.row.id, 100)
        return [TaxDocument.of(row) for row in found]


@strawberry.type(description="Where sales are taxed: of a store, of a connection, or of all that neither names.")
class TaxPlace:
    id: strawberry.ID
    country: str
    regime: Annotated[TaxRegime, RegimeEnum]
    store_id: strawberry.ID | None
    connection_id: strawberry.ID | None
    set_by: str
    set_at: DateTime

    @classmethod
    def of(cls, row: PlaceRow) -> "TaxPlace":
        return cls(
            id=strawberry.ID(str(row.id)),
            country=row.country,
            regime=row.regime,
            store_id=strawberry.ID(str(row.store_id)) if row.store_id else None,
            connection_id=strawberry.ID(str(row.connection_id)) if row.connection_id else None,
            set_by=row.set_by,
            set_at=DateTime(row.set_at),
        )
