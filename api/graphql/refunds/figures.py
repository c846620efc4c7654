"""How refunds go: by state, and by the way that the money takes."""

from typing import Annotated

import strawberry

from api.graphql.context import Info
from api.graphql.refunds.events import RefundStatus
from api.graphql.refunds.filters import PaymentMethod
from api.graphql.transport.scalars import DateTime
from domain.models.refunds import State
from domain.pse.vocabulary import Method
from domain.refunds.figures import figures


@strawberry.type(
    description="How many refunds are in a state: under way in it, or within the time come to an end in it."
)
class RefundStateFigure:
    status: Annotated[State, RefundStatus]
    count: int


@strawberry.type(description="What became of refunds by one method at one PSE.")
class RefundWayFigure:
    pse: str
    method: Annotated[Method, PaymentMethod]
    count: int
    succeeded: int = strawberry.field(description="The money has arrived, be it that it came back later.")
    failed: int
    seconds_p50: int | None = strawberry.field(
        name="secondsP50",
        description="In how many seconds from the asking half of what succeeded had succeeded, up to a tenth more; "
        "null: none did.",
    )
    seconds_p90: int | None = strawberry.field(name="secondsP90", description="The same of nine tenths.")


@strawberry.type(description="How refunds go: those that came to their end in the last 30 days, and those under way.")
class RefundFigures:
    since: DateTime
    is_more: bool = strawberry.field(description="More are under way than were counted, which are 10000.")
    states: list[RefundStateFigure]
    ways: list[RefundWayFigure]


async def refund_figures(info: Info) -> RefundFigures:
    """Of the refunds that one may see."""
    found = await figures(info.context.principal)
    return RefundFigures(
        since=DateTime(found.since),
        is_more=found.is_more,
        states=[RefundStateFigure(status=state, count=count) for state, count in found.states],
        ways=[
            RefundWayFigure(
                pse=one.pse,
                method=Method(one.method),
                count=one.count,
                succeeded=one.succeeded,
                failed=one.failed,
                seconds_p50=one.seconds(50),
                seconds_p90=one.seconds(90),
            )
            for one in found.ways
        ],
    )
