"""How many findings are open, by their age."""

import strawberry

from api.graphql.context import Info
from domain.findings.figures import AGES, COUNTED_MAX, figures

_MORE = f"There are more than were counted, which are {COUNTED_MAX}."


@strawberry.type(description="How many open findings were found so many days ago.")
class FindingAge:
    from_days: int = strawberry.field(description="So many days ago or more; 0 is today, where the merchant is.")
    until_days: int | None = strawberry.field(description="So many days ago or fewer; null: however long ago.")
    count: int
    is_more: bool = strawberry.field(description=_MORE)


@strawberry.type(description="How many findings are open: those that are due soon, and all of them by age.")
class FindingFigures:
    due: int = strawberry.field(description="Due within a day, or overdue.")
    due_is_more: bool = strawberry.field(description=_MORE)
    ages: list[FindingAge]


async def finding_figures(info: Info) -> FindingFigures:
    """Of the findings that one may see."""
    found = await figures(info.context.principal, (await info.context.merchant()).zone)
    return FindingFigures(
        due=found.due.count,
        due_is_more=found.due.is_more,
        ages=[
            FindingAge(from_days=first, until_days=last, count=one.count, is_more=one.is_more)
            for (first, last), one in zip(AGES, found.ages, strict=True)
        ],
    )
