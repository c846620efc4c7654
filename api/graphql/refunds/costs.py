"""What a refund will cost, and what it has cost, as types."""

from typing import Annotated

import strawberry

from api.graphql.spoken.told import told
from api.graphql.transport.enums import described
from api.graphql.transport.scalars import Date, DateTime, Money
from domain.models import RefundQuote as Row
from domain.money import Money as Amount
from domain.quotes import figures
from domain.quotes.actual import Actual
from domain.quotes.figures import Basis, Cost, CostName, Instead, RefundWay

CostNameEnum = described(
    CostName,
    "RefundCostName",
    "What a refund costs the merchant beside its amount. Members may be added.",
    {
        CostName.REFUND_FEE: "What the PSE takes for refunding.",
        CostName.ORIGINAL_FEE: "What it does not give back of the payment's own fee, for what is refunded.",
        CostName.FX_DIFFERENCE: "What the money is worth more today than it came in at.",
    },
)
RefundWayEnum = described(
    RefundWay,
    "RefundWay",
    "Which way the money goes.",
    {
        RefundWay.ORIGINAL: "Back as it came.",
        RefundWay.TO_DESTINATION: "The PSE pays an account that must be named.",
        RefundWay.PSE_COLLECTS: "The PSE asks the customer for an account.",
        RefundWay.BY_HAND: "A person pays an account that must be named.",
    },
)
InsteadEnum = described(
    Instead,
    "RefundInstead",
    "What else could be done. Members may be added.",
    {
        Instead.BY_HAND: "A person pays it.",
        Instead.WAIT_FOR_BALANCE: "Wait until the PSE has enough of your money.",
        Instead.AS_PUBLISHED: "What the PSE's documents say.",
    },
)


@strawberry.type(description="By what a number was found.")
class RefundCostBasis:
    rule: str = told("In words.")
    schedule_id: strawberry.ID | None = strawberry.field(description="Of feeSchedules.")
    schedule_from: Date | None
    rate_id: strawberry.ID | None = strawberry.field(description="Of fxRates.")
    rate: str | None
    rate_date: Date | None
    rate_carried: bool = strawberry.field(description="There was none of today: it is the last one before.")
    source: str | None = strawberry.field(description="Who says so.")

    @classmethod
    def of(cls, basis: Basis) -> "RefundCostBasis":
        return cls(
            rule=basis.rule,
            schedule_id=strawberry.ID(str(basis.schedule_id)) if basis.schedule_id is not None else None,
            schedule_from=Date(basis.schedule_from) if basis.schedule_from else None,
            rate_id=strawberry.ID(str(basis.rate_id)) if basis.rate_id is not None else None,
            rate=basis.rate,
            rate_date=Date(basis.rate_date) if basis.rate_date else None,
            rate_carried=basis.carried,
            source=basis.source,
        )


@strawberry.type(description="One cost. `amount` is null exactly when `unknownBecause` is not.")
class RefundCost:
    name: Annotated[CostName, CostNameEnum]
    amount: Money | None
    is_gain: bool = strawberry.field(description="It comes to you.")
    basis: RefundCostBasis | None
    unknown_because: str | None = told()

    @classmethod
    def of(cls, cost: Cost) -> "RefundCost":
        return cls(
            name=cost.name,
            amount=_money(cost.amount),
            is_gain=cost.is_gain,
            basis=RefundCostBasis.of(cost.basis) if cost.basis else None,
            unknown_because=cost.unknown,
        )


def _money(amount: Amount | None) -> Money | None:
    return Money.of(amount) if amount is not None else None


@strawberry.type(description="Days from the sending until the money has reached the customer.")
class RefundTakes:
    typical_days: int | None
    at_most_days: int | None
    source: str | None
    unknown_because: str | None = told()


@strawberry.type(description="What else could be done.")
class RefundAlternative:
    kind: Annotated[Instead, InsteadEnum]
    says: str = told()


@strawberry.type(description="What a refund was said to cost at a moment. Nothing was reserved by it.")
class RefundQuote:
    id: strawberry.ID
    amount: Money = strawberry.field(description="What would be refunded.")
    tax_amount: Money | None = strawberry.field(description="The VAT within it; null: unknown.")
    tax_basis: str = told("How the VAT was found, or why it is unknown.")
    costs: list[RefundCost]
    total_cost: Money | None = strawberry.field(
        description="Null where one of the costs is unknown, or they are of several currencies."
    )
    total_is_gain: bool
    way: Annotated[RefundWay, RefundWayEnum]
    takes: RefundTakes
    refundable_until: DateTime | None = strawberry.field(description="Null: no end is known.")
    refundable_until_basis: str = told()
    alternatives: list[RefundAlternative]
    created_at: DateTime

    @classmethod
    def of(cls, row: Row) -> "RefundQuote":
        told = figures.from_json(row.figures)
        total = told.total
        return cls(
            id=strawberry.ID(str(row.id)),
            amount=Money.of(Amount(row.amount, row.currency)),
            tax_amount=_money(told.tax),
            tax_basis=told.tax_says,
            costs=[RefundCost.of(one) for one in told.costs],
            total_cost=_money(total[0]) if total else None,
            total_is_gain=bool(total and total[1]),
            way=told.way,
            takes=RefundTakes(
                typical_days=told.takes.typical_days,
                at_most_days=told.takes.at_most_days,
                source=told.takes.source,
                unknown_because=told.takes.unknown,
            ),
            refundable_until=DateTime(told.until) if told.until else None,
            refundable_until_basis=told.until_says,
            alternatives=[RefundAlternative(kind=one.kind, says=one.says) for one in told.alternatives],
            created_at=DateTime(row.created_at),
        )


@strawberry.type(description="What a refund has cost, by the report that proves it. Null: the report does not say it.")
class RefundActualCost:
    fee: Money | None = strawberry.field(description="What its line took, less what it gave back.")
    fee_is_gain: bool
    fx_difference: Money | None = strawberry.field(description="What it took more than the same share of the payment.")
    fx_is_gain: bool
    report: str
    line: int = strawberry.field(description="Of the report, from 1; a header is a line.")

    @classmethod
    def of(cls, actual: Actual) -> "RefundActualCost":
        return cls(
            fee=_money(actual.money(actual.fee)),
            fee_is_gain=(actual.fee or 0) < 0,
            fx_difference=_money(actual.money(actual.fx)),
            fx_is_gain=(actual.fx or 0) < 0,
            report=actual.report,
            line=actual.line,
        )
