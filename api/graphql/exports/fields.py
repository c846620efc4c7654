"""The fields of exports and decisions: schema.py has them beside the others."""

from dataclasses import replace
from typing import Annotated, Any

import strawberry

from api.graphql.audit import AuditFilter, wanted_entries
from api.graphql.context import Info
from api.graphql.exports.types import DecisionBatch, DecisionRow, DecisionsPreview, Export, ExportFormat, ExportKind
from api.graphql.findings.inputs import FindingFilter
from api.graphql.refunds.events import RefundStatus
from api.graphql.refunds.filters import PaymentMethod, RefundReason
from api.graphql.spoken.languages import locale_of
from api.graphql.transport import ids
from api.graphql.transport.answering import answering
from api.graphql.transport.errors import ExportError
from api.graphql.transport.paging import PAGE_MAX, Connection, bounded, page
from api.graphql.transport.scalars import CurrencyCode, Date, MoneyInput
from domain.access.principal import Principal
from domain.exports import asked, batches, decisions
from domain.exports.asked import Format, Kind, WantedRows
from domain.languages import ENGLISH
from domain.models.refunds import Reason, State
from domain.problems import InvalidInput
from domain.pse.vocabulary import Method


@strawberry.input(description="Of which rows; all that are given hold at once. Days are the merchant's, both included.")
class ExportFilter:
    since: Date | None = strawberry.field(
        default=None, description="Of captures, refunds asked for, accounting dates, or refunds' VAT."
    )
    until: Date | None = None
    connection_id: strawberry.ID | None = None
    store_id: strawberry.ID | None = None
    currency: CurrencyCode | None = None
    findings: FindingFilter | None = strawberry.field(default=None, description="FINDINGS are narrowed by this alone.")
    statuses: list[Annotated[State, RefundStatus]] | None = strawberry.field(default=None, description="Of REFUNDS.")
    methods: list[Annotated[Method, PaymentMethod]] | None = strawberry.field(default=None, description="Of REFUNDS.")
    reasons: list[Annotated[Reason, RefundReason]] | None = strawberry.field(default=None, description="Of REFUNDS.")
    order_reference: str | None = strawberry.field(default=None, description="Of REFUNDS: of this order.")
    needs_person: bool = strawberry.field(default=False, description="Of REFUNDS: those that need one.")
    amount_from: MoneyInput | None = strawberry.field(
        default=None, description="Of REFUNDS: in this currency, so much or more."
    )
    amount_until: MoneyInput | None = strawberry.field(
        default=None, description="Of REFUNDS: in this currency, so much or less."
    )
    audit: AuditFilter | None = strawberry.field(default=None, description="AUDIT is narrowed by this alone.")

    def parsed(self, principal: Principal) -> WantedRows:
        """What is wanted. Raises InvalidInput."""
        path = ["input", "filter"]
        return WantedRows(
            since=self.since,
            until=self.until,
            connection=ids.uuid_of(self.connection_id, [*path, "connectionId"]) if self.connection_id else None,
            store=ids.uuid_of(self.store_id, [*path, "storeId"]) if self.store_id else None,
            **self._amounts(path),
            order=self.order_reference,
            needs_person=self.needs_person,
            audit=wanted_entries(self.audit) if self.audit else None,
            findings=self.findings.parsed(principal) if self.findings else None,
            states=tuple(one.value for one in self.statuses or ()),
            methods=tuple(one.value for one in self.methods or ()),
            reasons=tuple(one.value for one in self.reasons or ()),
        )

    def _amounts(self, path: list[str]) -> dict[str, Any]:
        found: dict[str, Any] = {"currency": self.currency}
        for name, field, limit in (
            ("amount_from", "amountFrom", self.amount_from),
            ("amount_until", "amountUntil", self.amount_until),
        ):
            if limit is not None:
                amount = limit.parsed([*path, field])
                if (found["currency"] or amount.currency) != amount.currency:
                    raise InvalidInput("currency, amountFrom and amountUntil have one currency.", path=[*path, field])
                found |= {"currency": amount.currency, name: amount.minor_units}
        return found


@strawberry.input
class ExportCreateInput:
    kind: Annotated[Kind, ExportKind]
    format: Annotated[Format, ExportFormat]
    filter: ExportFilter | None = None
    locale: str | None = strawberry.field(
        default=None,
        description="What columns are called: en, zh-CN, es or pt-BR; left out: English, whatever the header "
        "Accept-Language asks for, so that programs find their columns.",
    )
    idempotency_key: str


@strawberry.type(description="`export` is null exactly when `errors` is not empty. It has its turn as a job.")
class ExportCreatePayload:
    export: Export | None
    errors: list[ExportError]
    request_id: str


@strawberry.input
class DecisionsApplyInput:
    file_id: strawberry.ID = strawberry.field(description="Of fileAnnounce, with the purpose DECISIONS.")
    idempotency_key: str
    seen: str | None = strawberry.field(
        default=None,
        description="As decisionsPreview told it: is something else said by now, nothing is done. Left out, nothing is "
        "done either where it would replace what others have said, which waits for a second person.",
    )


@strawberry.type(description="`batch` is null exactly when `errors` is not empty.")
class DecisionsApplyPayload:
    batch: DecisionBatch | None
    errors: list[ExportError]
    request_id: str


@strawberry.type
class ExportQuery:
    @strawberry.field(
        description="Exports, newest first: all, to who reads all stores, else one's own; AUDIT to who has "
        "READ_AUDIT. Needs READ_LEDGER or READ_AUDIT."
    )
    async def exports(self, info: Info, first: int, after: str | None = None) -> Connection[Export]:
        return await page(asked.readable(info.context.principal), first, after, Export.of)

    @strawberry.field(description="One export; null when there is none. Needs READ_LEDGER or READ_AUDIT.")
    async def export(self, info: Info, id: strawberry.ID) -> Export | None:
        found = await asked.readable(info.context.principal).get_or_none(id=ids.uuid_of(id, ["id"]))
        return Export.of(found) if found else None

    @strawberry.field(
        description="What would become of a filled-in export of FINDINGS (xlsx or csv, uploaded as DECISIONS), row by "
        "row; `first` is 1-100. Nothing is written. Needs WORK_FINDINGS in all stores."
    )
    async def decisions_preview(
        self, info: Info, file_id: strawberry.ID, first: int = PAGE_MAX, after_row: int = 0
    ) -> DecisionsPreview:
        principal = info.context.principal
        found = await decisions.lines(principal, ids.uuid_of(file_id, ["fileId"]), info.context.settings)
        several = decisions.twice(found)
        left = [one for one in found if one.row > after_row]
        told = await decisions.foresee(principal, left[: bounded(first)], several, {})
        rows = [DecisionRow.of(one) for one in told]
        seen, replaces = await batches.seen_of(principal, found)
        return DecisionsPreview(total=len(found), rows=rows, more=len(left) > first, seen=seen, replaces=replaces)

    @strawberry.field(
        description="A sheet of decisions that is applied; null when there is none. Needs WORK_FINDINGS in all stores."
    )
    async def decision_batch(self, info: Info, id: strawberry.ID) -> DecisionBatch | None:
        found = await batches.readable(info.context.principal).get_or_none(id=ids.uuid_of(id, ["id"]))
        return DecisionBatch.of(found) if found else None


@strawberry.type
class ExportMutation:
    @strawberry.mutation(
        description="Have rows that you may read written to a file, which is there for a week. Needs READ_LEDGER, for "
        "AUDIT READ_AUDIT."
    )
    async def export_create(self, info: Info, input: ExportCreateInput) -> ExportCreatePayload:
        return await _export_create(info, input)

    @strawberry.mutation(
        description="Do what a filled-in export of FINDINGS says, row by row: one bad row holds up no good one. Up to "
        "200 rows at once, more as a job. The same key again changes nothing. Needs WORK_FINDINGS in all stores."
    )
    async def decisions_apply(self, info: Info, input: DecisionsApplyInput) -> DecisionsApplyPayload:
        return await _decisions_apply(info, input)


@answering(ExportCreatePayload)
async def _export_create(info: Info, input: ExportCreateInput) -> ExportCreatePayload:
    context = info.context
    wanted = input.filter.parsed(context.principal) if input.filter else WantedRows()
    wanted = replace(wanted, locale=locale_of(input.locale or ENGLISH))
    made = await asked.create(context.principal, input.kind, input.format, wanted, input.idempotency_key, context.cause)
    return ExportCreatePayload(export=Export.of(made), errors=[], request_id=context.request_id)


@answering(DecisionsApplyPayload)
async def _decisions_apply(info: Info, input: DecisionsApplyInput) -> DecisionsApplyPayload:
    context = info.context
    file_id = ids.uuid_of(input.file_id, ["input", "fileId"])
    asker, settings = context.principal, context.settings
    made = await batches.apply(asker, file_id, input.idempotency_key, settings, context.cause, input.seen)
    return DecisionsApplyPayload(batch=DecisionBatch.of(made), errors=[], request_id=context.request_id)
