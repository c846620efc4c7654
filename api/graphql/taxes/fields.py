"""The fields of VAT: schema.py has them beside the others."""

from datetime import date
from typing import Annotated, Final
from uuid import UUID

import strawberry
from tortoise.queryset import QuerySet

from api.graphql.context import Info
from api.graphql.taxes import mutations
from api.graphql.taxes.mutations import (
    TaxDocumentImportInput,
    TaxDocumentImportPayload,
    TaxPlaceSetInput,
    TaxPlaceSetPayload,
    VatReversalDeclareInput,
    VatReversalDeclarePayload,
    VatReversalDocumentInput,
    VatReversalPayload,
    VatReversalReviewInput,
    VatReversalWriteOffConfirmInput,
    VatReversalWriteOffDeclineInput,
    VatReversalWriteOffInput,
)
from api.graphql.taxes.types import Reversal, StateEnum, TaxDocument, TaxPlace, TaxRule
from api.graphql.transport import ids
from api.graphql.transport.narrowed import amounts, days, texts
from api.graphql.transport.paging import PAGE_MAX, Connection, bounded, page
from api.graphql.transport.scalars import CurrencyCode, Date, Money, MoneyInput
from domain.access.principal import Principal
from domain.models import VatReversal
from domain.models.taxes import ReversalState
from domain.platform.lengths import equal
from domain.problems import InvalidInput
from domain.taxes import importing, places, report, rulebook, work

_LENGTHS: Final = {"country": 2, "period": 7, "reason": 32}


@strawberry.input(description="Each narrows the list; null filters nothing.")
class VatReversalFilter:
    states: list[Annotated[ReversalState, StateEnum]] | None = None
    country: str | None = None
    store_id: strawberry.ID | None = None
    connection_id: strawberry.ID | None = None
    pses: list[str] | None = strawberry.field(
        default=None, description="Of a connection to one of these PSEs, as `pseCapabilities` spells them; at most 50."
    )
    since: Date | None = strawberry.field(
        default=None, description="The refund's money left on this day or later: the merchant's."
    )
    until: Date | None = strawberry.field(default=None, description="It left on this day or before.")
    amount_from: MoneyInput | None = strawberry.field(
        default=None, description="The VAT, in this currency, is so much or more."
    )
    amount_until: MoneyInput | None = strawberry.field(
        default=None, description="The VAT, in this currency, is so much or less."
    )
    due_until: Date | None = strawberry.field(default=None, description="Up to and including this day.")
    period: str | None = strawberry.field(default=None, description="YYYY-MM of the return that declares it.")
    reason: str | None = None
    refund_id: strawberry.ID | None = None
    waits_for_second: bool | None = strawberry.field(
        default=None, description="True: those alone that are given up, which waits for another person."
    )


@strawberry.type(description="A month's VAT of refunds of one country, store, currency and rule.")
class VatReportLine:
    country: str
    store_id: strawberry.ID
    store: str = strawberry.field(description="Its code.")
    currency: CurrencyCode
    rule_name: str | None
    documented: Money = strawberry.field(
        description="Taken back by documents of the month, or of one that was closed before they were booked."
    )
    undocumented: Money = strawberry.field(
        description="What documents no longer take back: by a counter-document of the month, or because one of a month "
        "that was closed before is canceled or revised."
    )
    declared: Money = strawberry.field(description="Declared in the month's return.")
    lost: Money = strawberry.field(description="Booked as lost in the month; whatever comes of it later, it stays.")
    found_again: Money = strawberry.field(
        description="Lost in an earlier month, and found again in this one. `lost` less this is what the ledger's "
        "VAT_LOST has moved by."
    )
    pending: Money = strawberry.field(description="Of refunds that had left by then: waits for a document, as of now.")
    review: Money = strawberry.field(description="Of refunds that had left by then: waits for a person, as of now.")
    reversals: int
    overdue: int = strawberry.field(description="How many of those that wait are late.")
    rules_versions: list[str] = strawberry.field(description="By which state of the rules they were decided.")

    @classmethod
    def of(cls, line: report.TaxLine) -> "VatReportLine":
        sums = ("documented", "undocumented", "declared", "lost", "found_again", "pending", "review")
        return cls(
            country=line.country,
            store_id=strawberry.ID(str(line.store_id)),
            store=line.store,
            currency=CurrencyCode(line.currency),
            rule_name=line.rule_id,
            reversals=line.reversals,
            overdue=line.overdue,
            rules_versions=line.versions,
            **{name: Money.of_sum(getattr(line, name), line.currency) for name in sums},
        )


@strawberry.type
class TaxQuery:
    @strawberry.field(description="VAT of refunds, newest first. `first` is 1-100. Needs READ_LEDGER.")
    async def vat_reversals(
        self, info: Info, first: int, after: str | None = None, filter: VatReversalFilter | None = None
    ) -> Connection[Reversal]:
        return await page(_query(info.context.principal, filter), first, after, Reversal.of)

    @strawberry.field(description="One of them; null when there is none. Needs READ_LEDGER.")
    async def vat_reversal(self, info: Info, id: strawberry.ID) -> Reversal | None:
        row = await work.readable(info.context.principal).get_or_none(id=ids.uuid_of(id, ["id"]))
        return Reversal.of(row) if row else None

    @strawberry.field(
        description="Tax documents that were handed in, newest first; `unmatched`: those alone that hold and take "
        "nothing back. `first` is 1-100. Needs READ_LEDGER."
    )
    async def tax_documents(
        self,
        info: Info,
        first: int,
        after: str | None = None,
        unmatched: bool = False,
        since: Date | None = None,
        until: Date | None = None,
        country: str | None = None,
    ) -> Connection[TaxDocument]:
        query = importing.readable(info.context.principal).filter(**days(since, until, "issued_on"))
        if country is not None:
            query = equal(query, country=country)
        if unmatched:
            query = query.filter(problem__isnull=False, ended_at=None)
        return await page(query, first, after, TaxDocument.of)

    @strawberry.field(description="The rules of a country on a day, whatever their status. Needs READ_LEDGER.")
    async def tax_rules(self, info: Info, country: str, on: Date, first: int = PAGE_MAX) -> list[TaxRule]:
        return [TaxRule.of(rule) for rule in rulebook.rules_of(country, on)[: bounded(first)]]

    @strawberry.field(description="Where sales are taxed, as it was said. Needs READ_LEDGER.")
    async def tax_places(self, info: Info, first: int = PAGE_MAX) -> list[TaxPlace]:
        found = places.readable(info.context.principal).order_by("set_at", "id").limit(bounded(first))
        return [TaxPlace.of(row) for row in await found]

    @strawberry.field(
        description="The month's VAT of refunds by country, store, currency and rule. Never a part of it: where it has "
        "more lines than `first` (1-100), name a country or a store. Needs READ_LEDGER."
    )
    async def vat_report(
        self,
        info: Info,
        period: str,
        country: str | None = None,
        store_id: strawberry.ID | None = None,
        first: int = PAGE_MAX,
    ) -> list[VatReportLine]:
        store = ids.uuid_of(store_id, ["storeId"]) if store_id else None
        found = await report.of_month(info.context.principal, period, bounded(first), country=country, store_id=store)
        return [VatReportLine.of(line) for line in found]


def _query(principal: Principal, wanted: VatReversalFilter | None) -> QuerySet[VatReversal]:
    query = work.readable(principal)
    if wanted is None:
        return query
    if wanted.waits_for_second:
        query = query.filter(write_offs__started_at__isnull=True, write_offs__ended_at__isnull=True)
        query = query.filter(write_offs__id__isnull=False)
    for name, most in _LENGTHS.items():
        if len(getattr(wanted, name) or "") > most:
            raise InvalidInput(f"{name} takes at most {most} characters.", path=["filter", name])
    query = query.filter(
        **amounts(wanted.amount_from, wanted.amount_until), **days(wanted.since, wanted.until, "paid_on")
    )
    if wanted.pses:
        query = query.filter(**texts(VatReversal, "connection__pse", wanted.pses, "pses"))
    if wanted.states:
        query = query.filter(state__in=wanted.states)
    named: dict[str, str | UUID | date | None] = {
        "country": wanted.country,
        "store_id": ids.uuid_of(wanted.store_id, ["filter", "storeId"]) if wanted.store_id else None,
        "connection_id": ids.uuid_of(wanted.connection_id, ["filter", "connectionId"])
        if wanted.connection_id
        else None,
        "due_on__lte": wanted.due_until,
        "period": wanted.period,
        "reason": wanted.reason,
        "refund_id": ids.decode(wanted.refund_id, "Refund", ["filter", "refundId"]) if wanted.refund_id else None,
    }
    return query.filter(**{name: value for name, value in named.items() if value is not None})


@strawberry.type
class TaxMutation:
    @strawberry.mutation(description="Say which tax document takes the VAT of a refund back. Needs KEEP_BOOKS.")
    async def vat_reversal_document(self, info: Info, input: VatReversalDocumentInput) -> VatReversalPayload:
        return await mutations.document(info, input)

    @strawberry.mutation(description="Say which documented reversals stand in a month's return. Needs KEEP_BOOKS.")
    async def vat_reversal_declare(self, info: Info, input: VatReversalDeclareInput) -> VatReversalDeclarePayload:
        return await mutations.declare(info, input)

    @strawberry.mutation(
        description="Say that VAT is lost, and why. At or above the merchant's limit (findingLimits), together with "
        "what you gave up in 24 hours, another person must confirm (`writeOff`). Needs KEEP_BOOKS."
    )
    async def vat_reversal_write_off(self, info: Info, input: VatReversalWriteOffInput) -> VatReversalPayload:
        return await mutations.write_off(info, input)

    @strawberry.mutation(description="A second person's yes to VAT that is given up. Needs KEEP_BOOKS.")
    async def vat_reversal_write_off_confirm(
        self, info: Info, input: VatReversalWriteOffConfirmInput
    ) -> VatReversalPayload:
        return await mutations.write_off_confirm(info, input)

    @strawberry.mutation(description="A no to it, or take it back. Needs KEEP_BOOKS.")
    async def vat_reversal_write_off_decline(
        self, info: Info, input: VatReversalWriteOffDeclineInput
    ) -> VatReversalPayload:
        return await mutations.write_off_decline(info, input)

    @strawberry.mutation(
        description="Say what the rules need to know, answer for a rule that is not sure, or enter the "
        "counter-document of a refund that came back. Needs KEEP_BOOKS."
    )
    async def vat_reversal_review(self, info: Info, input: VatReversalReviewInput) -> VatReversalPayload:
        return await mutations.review(info, input)

    @strawberry.mutation(
        description="Take in a file of tax documents (fiscal XML, a ZIP of them, or a table) and match them with "
        "refunds. Needs KEEP_BOOKS in all stores."
    )
    async def tax_document_import(self, info: Info, input: TaxDocumentImportInput) -> TaxDocumentImportPayload:
        return await mutations.document_import(info, input)

    @strawberry.mutation(description="Say where sales are taxed, and by whom. Needs KEEP_BOOKS in all stores.")
    async def tax_place_set(self, info: Info, input: TaxPlaceSetInput) -> TaxPlaceSetPayload:
        return await mutations.place_set(info, input)
