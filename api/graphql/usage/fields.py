"""What is used in a month, of which plan."""

from typing import Annotated

import strawberry

from api.graphql.context import Info
from api.graphql.spoken.told import told
from api.graphql.transport import ids
from api.graphql.transport.answering import answering
from api.graphql.transport.enums import described
from api.graphql.transport.errors import AccessError
from api.graphql.transport.paging import bounded
from api.graphql.transport.scalars import BigInt, Date, DateTime
from domain.models import UsageMonth as MonthRow
from domain.usage import plans, usage
from domain.usage.plans import Metered, PlanTerms, Quota, Support

UsageCounter = described(
    Metered,
    "UsageCounter",
    "What is counted.",
    {
        Metered.REFUNDS: "Refunds that were asked for.",
        Metered.API_CALLS: "Operations of programs: queries, mutations and subscriptions that were begun.",
        Metered.DELIVERIES: "Webhooks and messages that arrived.",
        Metered.LINES: "Lines of settlement reports that were read.",
    },
)
SupportLevel = described(
    Support,
    "SupportLevel",
    "Which support goes with a plan.",
    {Support.COMMUNITY: "None is promised.", Support.STANDARD: "On working days.", Support.PRIORITY: "At any hour."},
)


@strawberry.type(description="So many in a month of the merchant's.")
class UsageQuota:
    counter: Annotated[Metered, UsageCounter]
    limit: BigInt
    hard: bool = strawberry.field(description="Nothing new is begun above it; else it is said, and nothing else.")

    @classmethod
    def of(cls, counter: Metered, quota: Quota) -> "UsageQuota":
        return cls(counter=counter, limit=BigInt(quota.limit), hard=quota.hard)


@strawberry.type(description="A plan: quotas, and the support that goes with it.")
class UsagePlan:
    name: str
    support: Annotated[Support, SupportLevel]
    said: str = told()
    quotas: list[UsageQuota] = strawberry.field(description="What is not among these is not bounded.")

    @classmethod
    def of(cls, plan: PlanTerms) -> "UsagePlan":
        quotas = [UsageQuota.of(counter, quota) for counter, quota in plan.quotas.items()]
        return cls(name=plan.name, support=plan.support, said=plan.said, quotas=quotas)


@strawberry.type(description="How much of a quota this month has used, as it was counted last.")
class UsageUsed:
    quota: UsageQuota
    used: BigInt
    percent: int = strawberry.field(description="Rounded down.")


@strawberry.type(description="What was used in a calendar month of the merchant's.")
class UsageMonth:
    month: Date = strawberry.field(description="Its first day.")
    refunds: BigInt
    api_calls: BigInt
    deliveries: BigInt
    lines: BigInt
    counted_at: DateTime
    closed_at: DateTime | None = strawberry.field(description="Null: it lasts, and is counted anew every few minutes.")

    @classmethod
    def of(cls, row: MonthRow) -> "UsageMonth":
        return cls(
            month=Date(row.month),
            refunds=BigInt(row.refunds),
            api_calls=BigInt(row.api_calls),
            deliveries=BigInt(row.deliveries),
            lines=BigInt(row.lines),
            counted_at=DateTime(row.counted_at),
            closed_at=DateTime(row.closed_at) if row.closed_at else None,
        )


@strawberry.type(description="What is used, and how much of the plan that is.")
class Usage:
    plan: UsagePlan
    used: list[UsageUsed] = strawberry.field(description="Of this month, one for each quota.")
    renews_at: DateTime = strawberry.field(description="When the merchant's next month begins.")
    months: list[UsageMonth] = strawberry.field(description="Newest first.")

    @strawberry.field(description="All months, oldest first, as CSV.")
    async def csv(self, info: Info) -> str:
        return await usage.as_csv(info.context.principal.merchant_id)


@strawberry.type
class UsageQuery:
    @strawberry.field(
        description="What is used in a month, newest first; `first` is 1-100. Needs READ_LEDGER or READ_CALLS in all "
        "stores."
    )
    async def usage(self, info: Info, first: int = 13) -> Usage:
        found = await usage.of(info.context.principal, bounded(first))
        return Usage(
            plan=UsagePlan.of(found.plan),
            used=[
                UsageUsed(quota=UsageQuota.of(one.counter, one.quota), used=BigInt(one.used), percent=one.percent)
                for one in found.used
            ],
            renews_at=DateTime(found.renews_at),
            months=[UsageMonth.of(one) for one in found.months],
        )

    @strawberry.field(description="The plans that there are. Needs READ_LEDGER or READ_CALLS in all stores.")
    def usage_plans(self, info: Info) -> list[UsagePlan]:
        info.context.principal.require_everywhere(*usage.SEEING)
        return [UsagePlan.of(one) for one in plans.listed()]


@strawberry.input
class UsageQuotaInput:
    counter: Annotated[Metered, UsageCounter]
    limit: BigInt
    hard: bool = False


@strawberry.input
class UsagePlanSetInput:
    merchant_id: strawberry.ID
    plan: str = strawberry.field(description="Of usagePlans.")
    quotas: list[UsageQuotaInput] | None = strawberry.field(
        default=None, description="In the place of the plan's, each for its counter."
    )


@strawberry.type(description="`plan` is null exactly when `errors` is not empty.")
class UsagePlanSetPayload:
    plan: UsagePlan | None
    errors: list[AccessError]
    request_id: str


@strawberry.type
class UsageMutation:
    @strawberry.mutation(
        description="Give a merchant that this one is the platform of (or itself) a plan, from now on. Needs "
        "MANAGE_MERCHANTS."
    )
    async def usage_plan_set(self, info: Info, input: UsagePlanSetInput) -> UsagePlanSetPayload:
        return await _plan_set(info, input)


@answering(UsagePlanSetPayload)
async def _plan_set(info: Info, input: UsagePlanSetInput) -> UsagePlanSetPayload:
    merchant_id = ids.uuid_of(input.merchant_id, ["input", "merchantId"])
    other = {one.counter: Quota(int(one.limit), one.hard) for one in input.quotas or ()}
    made = await plans.give(info.context.principal, merchant_id, input.plan, other, info.context.cause)
    return UsagePlanSetPayload(plan=UsagePlan.of(made), errors=[], request_id=info.context.request_id)
