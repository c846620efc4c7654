"""The fields of findings: schema.py has them beside the others."""

from typing import Annotated

import strawberry

from api.graphql.context import Info
from api.graphql.findings import mutations
from api.graphql.findings.figures import FindingFigures, finding_figures
from api.graphql.findings.inputs import (
    FindingAssignInput,
    FindingAttachInput,
    FindingCommentInput,
    FindingFilter,
    FindingReopenInput,
    FindingResolveConfirmInput,
    FindingResolveDeclineInput,
    FindingResolveInput,
    FindingResolvePreviewInput,
    FindingsResolveInput,
    FindingWaitInput,
    wanted_by,
)
from api.graphql.findings.mutations import FindingPayload, FindingResolvePayload, FindingsResolvePayload
from api.graphql.findings.pages import Order, OrderEnum, ordered
from api.graphql.findings.preview import FindingResolvePreviewPayload, finding_resolve_preview
from api.graphql.findings.types import Finding, FindingKindEnum
from api.graphql.spoken.languages import locale_of
from api.graphql.transport import ids
from api.graphql.transport.paging import PAGE_MAX, Connection, bounded
from api.graphql.transport.scalars import Money
from domain.findings import bulk, findings, kinds, search
from domain.findings.kinds import FindingKind


@strawberry.type(description="How many findings of a kind and currency, and what they add up to.")
class FindingGroup:
    kind: Annotated[FindingKind, FindingKindEnum]
    count: int
    amount: Money

    @strawberry.field(description="What the kind is called, in `locale` (en, zh-CN, es, pt-BR), else Accept-Language.")
    def title(self, locale: str | None = None) -> str:
        return kinds.known(self.kind).title[locale_of(locale)]


@strawberry.type(description="What findingsResolve would be about.")
class FindingsPreview:
    count: int = strawberry.field(description="At most 1,000, the oldest first.")
    amounts: list[Money] = strawberry.field(description="What they add up to, a sum for each currency.")
    more: bool = strawberry.field(description="There are more than are taken at once.")
    seen: str = strawberry.field(
        description="A digest of which they are, and of what waits for a second person: give it to findingsResolve."
    )
    replaces: int = strawberry.field(
        description="Of how many of them others have said what became of it, which waits for a second person and would "
        "be replaced."
    )


@strawberry.type
class FindingQuery:
    @strawberry.field(
        description="What people must look at, newest first unless told. What is resolved is left out unless "
        "`unresolved` is null or false, or the filter names states. `first` is 1-100. Needs READ_LEDGER."
    )
    async def findings(
        self,
        info: Info,
        first: int,
        after: str | None = None,
        kinds: list[Annotated[FindingKind, FindingKindEnum]] | None = None,
        unresolved: bool | None = True,
        filter: FindingFilter | None = None,
        order: Annotated[Order, OrderEnum] = Order.NEWEST,
    ) -> Connection[Finding]:
        principal = info.context.principal
        wanted = wanted_by(filter, principal)
        query = await search.query(principal, wanted)
        if kinds:
            query = query.filter(kind__in=[kind.value for kind in kinds])
        if unresolved is not None and wanted.states is None:
            query = query.filter(resolved_at__isnull=unresolved)
        return await ordered(query, order, first, after)

    @strawberry.field(description="One finding; null when there is none. Needs READ_LEDGER.")
    async def finding(self, info: Info, id: strawberry.ID) -> Finding | None:
        found = await findings.readable(info.context.principal).get_or_none(id=ids.decode(id, "Finding", ["id"]))
        return Finding.of(found) if found else None

    @strawberry.field(
        description="Counts and sums by kind and currency, at most `first` (1-100) of them. What is resolved counts "
        "only where the filter names states. Needs READ_LEDGER."
    )
    async def findings_summary(
        self, info: Info, filter: FindingFilter | None = None, first: int = PAGE_MAX
    ) -> list[FindingGroup]:
        principal = info.context.principal
        wanted = wanted_by(filter, principal)
        query = await search.query(principal, wanted)
        if wanted.states is None:
            query = query.filter(resolved_at__isnull=True)
        return [
            FindingGroup(kind=one.kind, count=one.count, amount=Money.of_sum(one.amount, one.currency))
            for one in await search.summary(query, bounded(first))
        ]

    @strawberry.field(
        description="How many findings are open, by age, and how many are due: each counted up to 10000, so that the "
        "answer takes as long among millions. Needs READ_LEDGER."
    )
    async def finding_figures(self, info: Info) -> FindingFigures:
        return await finding_figures(info)

    @strawberry.field(
        description="How many findings findingsResolve would be about, and how much. Nothing is written. Needs "
        "WORK_FINDINGS."
    )
    async def findings_preview(self, info: Info, filter: FindingFilter) -> FindingsPreview:
        principal = info.context.principal
        told = await bulk.preview(principal, filter.parsed(principal))
        amounts = [Money.of_sum(amount, currency) for currency, amount in sorted(told.amounts.items())]
        return FindingsPreview(
            count=told.count, amounts=amounts, more=told.more, seen=told.seen, replaces=told.replaces
        )

    @strawberry.field(
        description="What findingResolve would book of one finding, and whether another person would have to confirm "
        "it, as things stand. Nothing is written. Needs WORK_FINDINGS."
    )
    async def finding_resolve_preview(
        self, info: Info, input: FindingResolvePreviewInput
    ) -> FindingResolvePreviewPayload:
        return await finding_resolve_preview(info, input)


@strawberry.type
class FindingMutation:
    @strawberry.mutation(description="Give a finding to a person, or take it. Needs WORK_FINDINGS.")
    async def finding_assign(self, info: Info, input: FindingAssignInput) -> FindingPayload:
        return await mutations.finding_assign(info, input)

    @strawberry.mutation(description="Write something down with a finding. Needs WORK_FINDINGS.")
    async def finding_comment(self, info: Info, input: FindingCommentInput) -> FindingPayload:
        return await mutations.finding_comment(info, input)

    @strawberry.mutation(description="Attach a file to a finding. Needs WORK_FINDINGS.")
    async def finding_attach(self, info: Info, input: FindingAttachInput) -> FindingPayload:
        return await mutations.finding_attach(info, input)

    @strawberry.mutation(description="Let a finding rest until a date. Needs WORK_FINDINGS.")
    async def finding_wait(self, info: Info, input: FindingWaitInput) -> FindingPayload:
        return await mutations.finding_wait(info, input)

    @strawberry.mutation(
        description="Say what became of a finding: its money leaves SUSPENSE. At or above the merchant's limit "
        "(findingLimits), and where a refund is held because of it, another person must confirm. Needs WORK_FINDINGS."
    )
    async def finding_resolve(self, info: Info, input: FindingResolveInput) -> FindingResolvePayload:
        return await mutations.finding_resolve(info, input)

    @strawberry.mutation(description="A second person's yes to what was said of a finding. Needs WORK_FINDINGS.")
    async def finding_resolve_confirm(self, info: Info, input: FindingResolveConfirmInput) -> FindingPayload:
        return await mutations.finding_resolve_confirm(info, input)

    @strawberry.mutation(description="A no to it, or take it back. Needs WORK_FINDINGS.")
    async def finding_resolve_decline(self, info: Info, input: FindingResolveDeclineInput) -> FindingPayload:
        return await mutations.finding_resolve_decline(info, input)

    @strawberry.mutation(description="Open a finding again; what was booked is taken back. Needs WORK_FINDINGS.")
    async def finding_reopen(self, info: Info, input: FindingReopenInput) -> FindingPayload:
        return await mutations.finding_reopen(info, input)

    @strawberry.mutation(
        description="Say the same of many findings, each by itself; look first (findingsPreview). Needs WORK_FINDINGS."
    )
    async def findings_resolve(self, info: Info, input: FindingsResolveInput) -> FindingsResolvePayload:
        return await mutations.findings_resolve(info, input)
