"""What saying something of a finding would come to, told before it is said."""

import strawberry

from api.graphql.context import Info
from api.graphql.findings.inputs import FindingResolvePreviewInput
from api.graphql.transport import ids
from api.graphql.transport.answering import foretelling
from api.graphql.transport.errors import FindingError
from api.graphql.transport.scalars import Money
from domain.findings import foreseen
from domain.findings.foreseen import Foreseen
from domain.money import Money as Amount


@strawberry.type(description="A row that the ledger would get.")
class FindingBooking:
    debit: str
    credit: str
    amount: Money


@strawberry.type(description="What a resolution would do, as things stand.")
class FindingResolvePreview:
    moved: Money = strawberry.field(description="What would leave SUSPENSE.")
    tax: Money = strawberry.field(description="VAT within that.")
    bookings: list[FindingBooking] = strawberry.field(description="At most four; none: nothing is booked.")
    needs_two: bool = strawberry.field(description="Another person would have to confirm it.")

    @classmethod
    def of(cls, told: Foreseen) -> "FindingResolvePreview":
        currency = told.finding.currency
        return cls(
            moved=Money.of(Amount(abs(told.moved.amount), currency)),
            tax=Money.of(Amount(told.moved.tax, currency)),
            bookings=[
                FindingBooking(debit=debit.value, credit=credit.value, amount=Money.of(Amount(amount, currency)))
                for debit, credit, amount in told.rows
            ],
            needs_two=told.needs_two,
        )


@strawberry.type(description="`preview` is null exactly when `errors` is not empty: findingResolve would refuse it.")
class FindingResolvePreviewPayload:
    preview: FindingResolvePreview | None
    errors: list[FindingError]
    request_id: str


@foretelling(FindingResolvePreviewPayload)
async def finding_resolve_preview(info: Info, input: FindingResolvePreviewInput) -> FindingResolvePreviewPayload:
    """What findingResolve would book; why it would refuse is a typed error. Raises Forbidden."""
    finding_id = ids.decode(input.finding_id, "Finding", ["input", "findingId"])
    told = await foreseen.resolution(info.context.principal, finding_id, input.parsed())
    preview = FindingResolvePreview.of(told)
    return FindingResolvePreviewPayload(preview=preview, errors=[], request_id=info.context.request_id)
