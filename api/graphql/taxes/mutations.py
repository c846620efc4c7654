"""What accounting does with VAT. Each is safe to repeat: the same again changes nothing."""

from datetime import date
from typing import Annotated

import strawberry

from api.graphql.context import Info
from api.graphql.spoken.told import told
from api.graphql.taxes.types import CauseEnum, RegimeEnum, Reversal, TaxPlace
from api.graphql.transport import ids
from api.graphql.transport.answering import answering
from api.graphql.transport.errors import DecisionError
from api.graphql.transport.scalars import Date, Money
from domain.models import VatReversal
from domain.models.taxes import RefundCause, TaxRegime
from domain.money import Money as Amount
from domain.problems import InvalidInput
from domain.taxes import importing, places, previewing, work
from domain.taxes.moves import Paper
from domain.taxes.places import NewPlace
from domain.taxes.previewing import Outcome, Previewed
from domain.taxes.work import Said

_ID = ["input", "reversalId"]


@strawberry.input(description="Which tax document takes it back.")
class VatReversalDocumentInput:
    reversal_id: strawberry.ID
    number: str = strawberry.field(description="1-100 characters.")
    issued_on: Date


@strawberry.input(description="Which stand in the return of which month.")
class VatReversalDeclareInput:
    reversal_ids: list[strawberry.ID] = strawberry.field(description="1-100; all of them, or none.")
    period: str = strawberry.field(description="YYYY-MM.")


@strawberry.input(description="What is lost, and why.")
class VatReversalWriteOffInput:
    reversal_id: strawberry.ID
    note: str = strawberry.field(description="5-500 characters.")


@strawberry.input
class VatReversalWriteOffConfirmInput:
    reversal_id: strawberry.ID
    write_off_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="The `id` of the `writeOff` that you saw: where something else is said by now, nothing is done. "
        "Left out, whatever is said of the reversal then is confirmed.",
    )


@strawberry.input
class VatReversalWriteOffDeclineInput:
    reversal_id: strawberry.ID
    why: str = strawberry.field(description="5-500 characters.")


@strawberry.input(description="What is known by now; what is left out stays as it is.")
class VatReversalReviewInput:
    reversal_id: strawberry.ID
    note: str = strawberry.field(description="5-500 characters.")
    cause: Annotated[RefundCause, CauseEnum] | None = None
    delivered_on: Date | None = None
    event_on: Date | None = strawberry.field(default=None, description="The goods came back, or the sale was annulled.")
    buyer_identified: bool | None = strawberry.field(default=None, description="Whether the invoice names its buyer.")
    country: str | None = strawberry.field(default=None, description="Where the sale was taxed, as BR.")
    regime: Annotated[TaxRegime, RegimeEnum] | None = None
    accept: bool = strawberry.field(default=False, description="You answer for it where the rules are not sure.")
    counter_number: str | None = strawberry.field(
        default=None, description="Of the document that undoes the one of a refund that came back."
    )
    counter_on: Date | None = None


@strawberry.input(description="Where sales are taxed from now on; a store or a connection, or neither: all the others.")
class TaxPlaceSetInput:
    country: str = strawberry.field(description="ISO 3166, as BR.")
    regime: Annotated[TaxRegime, RegimeEnum]
    store_id: strawberry.ID | None = None
    connection_id: strawberry.ID | None = None


@strawberry.input(description="A file that was handed in for TAX_DOCUMENT.")
class TaxDocumentImportInput:
    file_id: strawberry.ID
    only_preview: bool = strawberry.field(
        default=False, description="Keep nothing; say in `preview` what would become of each document."
    )


OutcomeEnum = strawberry.enum(
    Outcome,
    name="TaxDocumentOutcome",
    description="NEW; SAME: known already; REVISES what an earlier table said; CANCELS a document; REFUSED; UNREAD.",
)


@strawberry.type(description="What would become of one document of a file.")
class TaxDocumentSeen:
    outcome: Annotated[Outcome, OutcomeEnum]
    where: str = strawberry.field(description="In the file, or its number.")
    why: str | None = told("Of REFUSED and UNREAD.")
    number: str | None
    kind: str | None
    country: str | None
    issued_on: Date | None
    total: Money | None
    tax: Money | None
    originals: list[str] = strawberry.field(description="The sales' documents that it names; at most 100.")
    refunds: int = strawberry.field(description="How many refunds those sales have; 0: no such sale is known.")
    differs: str | None = told("What keeps it from taking VAT back, as things stand; null: nothing that is known.")
    expected_total: Money | None = strawberry.field(description="With `differs`: the money of the refunds it is of.")
    expected_tax: Money | None = strawberry.field(description="With `differs`: the VAT of so much of that money.")

    @classmethod
    def of(cls, seen: Previewed) -> "TaxDocumentSeen":
        """As it was read."""
        said = seen.document
        return cls(
            outcome=seen.outcome,
            where=seen.where[:500],
            why=seen.why[:500] or None,
            number=said.number if said else None,
            kind=said.kind if said else None,
            country=said.country if said else None,
            issued_on=Date(said.issued_on) if said else None,
            total=Money.of(Amount(said.total, said.currency)) if said else None,
            tax=Money.of(Amount(said.tax, said.currency)) if said else None,
            originals=list(said.originals[:100]) if said else [],
            refunds=seen.refunds,
            differs=seen.differs.problem if seen.differs else None,
            expected_total=Money.of(seen.differs.total) if seen.differs else None,
            expected_tax=Money.of(seen.differs.tax) if seen.differs else None,
        )


@strawberry.type(description="What taking a file in would do. `documents`: the first 100 of `count`.")
class TaxDocumentPreview:
    count: int
    documents: list[TaxDocumentSeen]


@strawberry.type(description="`reversal` is null exactly when `errors` is not empty.")
class VatReversalPayload:
    reversal: Reversal | None
    errors: list[DecisionError]
    request_id: str


@strawberry.type(description="`reversals` is null exactly when `errors` is not empty; at most 100.")
class VatReversalDeclarePayload:
    reversals: list[Reversal] | None
    errors: list[DecisionError]
    request_id: str


@strawberry.type(description="`place` is null exactly when `errors` is not empty.")
class TaxPlaceSetPayload:
    place: TaxPlace | None
    errors: list[DecisionError]
    request_id: str


@strawberry.type(description="Something of a file that takes no VAT back: where it stands, and why.")
class TaxDocumentUnread:
    where: str
    why: str = told()


@strawberry.type(description="What came of a file. `unread`: the first 100 of what could not be read or matched.")
class TaxDocumentImported:
    new: int
    same: int = strawberry.field(description="Known already: nothing was changed.")
    revised: int
    canceled: int
    matched: int = strawberry.field(description="Take VAT back now.")
    unread_count: int
    unread: list[TaxDocumentUnread]


@strawberry.type(description="Of what was taken in `imported`, of a preview `preview`; neither with `errors`.")
class TaxDocumentImportPayload:
    imported: TaxDocumentImported | None
    errors: list[DecisionError]
    request_id: str
    preview: TaxDocumentPreview | None = None


@answering(VatReversalPayload)
async def document(info: Info, input: VatReversalDocumentInput) -> VatReversalPayload:
    context, reversal = info.context, ids.uuid_of(input.reversal_id, _ID)
    return _done(info, await work.document(context.principal, reversal, input.number, input.issued_on, context.cause))


@answering(VatReversalDeclarePayload)
async def declare(info: Info, input: VatReversalDeclareInput) -> VatReversalDeclarePayload:
    context = info.context
    named = [ids.uuid_of(one, ["input", "reversalIds"]) for one in input.reversal_ids]
    found = await work.declare(context.principal, named, input.period, context.cause)
    return VatReversalDeclarePayload(
        reversals=[Reversal.of(row) for row in found], errors=[], request_id=context.request_id
    )


@answering(VatReversalPayload)
async def write_off(info: Info, input: VatReversalWriteOffInput) -> VatReversalPayload:
    context, reversal = info.context, ids.uuid_of(input.reversal_id, _ID)
    return _done(info, await work.write_off(context.principal, reversal, input.note, context.cause))


@answering(VatReversalPayload)
async def write_off_confirm(info: Info, input: VatReversalWriteOffConfirmInput) -> VatReversalPayload:
    context, reversal = info.context, ids.uuid_of(input.reversal_id, _ID)
    seen = ids.uuid_of(input.write_off_id, ["input", "writeOffId"]) if input.write_off_id is not None else None
    return _done(info, await work.confirm_write_off(context.principal, reversal, context.cause, seen))


@answering(VatReversalPayload)
async def write_off_decline(info: Info, input: VatReversalWriteOffDeclineInput) -> VatReversalPayload:
    context, reversal = info.context, ids.uuid_of(input.reversal_id, _ID)
    return _done(info, await work.decline_write_off(context.principal, reversal, input.why, context.cause))


@answering(VatReversalPayload)
async def review(info: Info, input: VatReversalReviewInput) -> VatReversalPayload:
    context, reversal = info.context, ids.uuid_of(input.reversal_id, _ID)
    said = Said(
        note=input.note,
        cause=input.cause,
        delivered_on=input.delivered_on,
        event_on=input.event_on,
        buyer_identified=input.buyer_identified,
        country=input.country,
        regime=input.regime,
        accept=input.accept,
        counter=_counter(input.counter_number, input.counter_on),
    )
    return _done(info, await work.review(context.principal, reversal, said, context.cause))


def _counter(number: str | None, on: date | None) -> Paper | None:
    if (number is None) is not (on is None):
        raise InvalidInput("counterNumber and counterOn are given together.", path=["input", "counterOn"])
    return Paper(number, on) if number is not None and on is not None else None


def _done(info: Info, row: VatReversal) -> VatReversalPayload:
    return VatReversalPayload(reversal=Reversal.of(row), errors=[], request_id=info.context.request_id)


@answering(TaxPlaceSetPayload)
async def place_set(info: Info, input: TaxPlaceSetInput) -> TaxPlaceSetPayload:
    context = info.context
    new = NewPlace(
        input.country,
        input.regime,
        ids.uuid_of(input.store_id, ["input", "storeId"]) if input.store_id else None,
        ids.uuid_of(input.connection_id, ["input", "connectionId"]) if input.connection_id else None,
    )
    row = await places.set_place(context.principal, new, context.cause)
    return TaxPlaceSetPayload(place=TaxPlace.of(row), errors=[], request_id=context.request_id)


@answering(TaxDocumentImportPayload)
async def document_import(info: Info, input: TaxDocumentImportInput) -> TaxDocumentImportPayload:
    context = info.context
    file_id = ids.uuid_of(input.file_id, ["input", "fileId"])
    if input.only_preview:
        count, seen = await previewing.preview(context.principal, file_id, context.settings)
        shown = TaxDocumentPreview(count=count, documents=[TaxDocumentSeen.of(one) for one in seen])
        return TaxDocumentImportPayload(imported=None, preview=shown, errors=[], request_id=context.request_id)
    done = await importing.take_in(context.principal, file_id, context.settings, context.cause)
    told = TaxDocumentImported(
        new=done.new,
        same=done.same,
        revised=done.revised,
        canceled=done.canceled,
        matched=done.matched,
        unread_count=done.unread,
        unread=[TaxDocumentUnread(where=one.where, why=one.why) for one in done.why],
    )
    return TaxDocumentImportPayload(imported=told, errors=[], request_id=context.request_id)
