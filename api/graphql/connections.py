"""A connection before and while money depends on it: preflights, as they are asked for and read."""

from typing import Annotated, Any
from uuid import UUID

import strawberry
from strawberry import relay

from api.graphql.access import require
from api.graphql.context import Info
from api.graphql.nodes import Scoped
from api.graphql.transport import ids
from api.graphql.transport.answering import answering
from api.graphql.transport.errors import ConnectionPreflightError
from api.graphql.transport.scalars import DateTime
from domain.access.tokens import Permission
from domain.models import PreflightCheck as CheckRow
from domain.models import PreflightRun as Row
from domain.onboarding import preflight
from domain.platform import bell
from domain.pse.checking import CheckCode, CheckOutcome

CheckCodeEnum = strawberry.enum(CheckCode, name="PreflightCheckCode", description="What is looked at.")
CheckOutcomeEnum = strawberry.enum(
    CheckOutcome,
    name="PreflightOutcome",
    description="UNKNOWN: it could not be told this time. NOT_ASKABLE: this PSE tells it to no program.",
)


@strawberry.type(description="One thing that was looked at.")
class PreflightCheck:
    code: Annotated[CheckCode, CheckCodeEnum]
    outcome: Annotated[CheckOutcome, CheckOutcomeEnum]
    saw: str
    what_to_do: str = strawberry.field(description="On which page of the PSE's back office; empty when it passed.")

    @classmethod
    def of(cls, row: CheckRow) -> "PreflightCheck":
        code, outcome = CheckCode(row.code), CheckOutcome(row.outcome)
        return cls(code=code, outcome=outcome, saw=row.saw, what_to_do=row.what_to_do)


@strawberry.type(description="What a PSE was asked about the account, once. Nothing is changed there, no money moves.")
class PreflightRun(Scoped, relay.Node):
    model = Row
    permission = Permission.READ_CALLS

    id: relay.NodeID[str]
    connection_id: strawberry.ID
    request_id: str
    asked_by: str
    outcome: Annotated[CheckOutcome, CheckOutcomeEnum] | None = strawberry.field(description="Null: it is under way.")
    error: str | None
    created_at: DateTime
    finished_at: DateTime | None
    row: strawberry.Private[Row]

    @classmethod
    def of(cls, row: Row) -> "PreflightRun":
        return cls(
            id=str(row.id),
            connection_id=strawberry.ID(str(row.connection_id)),
            request_id=row.request_id,
            asked_by=row.asked_by,
            outcome=CheckOutcome(row.outcome) if row.outcome else None,
            error=row.error,
            created_at=DateTime(row.created_at),
            finished_at=DateTime(row.finished_at) if row.finished_at else None,
            row=row,
        )

    @strawberry.field(description="In the order in which a person reads them.")
    async def checks(self, info: Info) -> list[PreflightCheck]:
        found = await info.context.loaders.one(preflight.checks_of, self.row.id)
        return [PreflightCheck.of(row) for row in found or []]


@strawberry.input
class ConnectionPreflightInput:
    connection_id: strawberry.ID


@strawberry.type
class ConnectionPreflightPayload:
    run: PreflightRun | None
    errors: list[ConnectionPreflightError]
    request_id: str


@answering(ConnectionPreflightPayload)
async def connection_preflight(info: Info, input: ConnectionPreflightInput) -> ConnectionPreflightPayload:
    """Ask for a preflight; one that is under way is given instead of a second one."""
    context = info.context
    principal = require(info, Permission.MANAGE_CONNECTIONS)
    connection_id = ids.uuid_of(input.connection_id, ["input", "connectionId"])
    run = await preflight.ask_for(principal.merchant_id, connection_id, context.cause)
    await bell.ring(bell.PREFLIGHT, run.id)
    return ConnectionPreflightPayload(run=PreflightRun.of(run), errors=[], request_id=context.request_id)


def preflights_query(merchant: UUID, connection_id: str) -> Any:
    """The preflights of one of the merchant's connections, to be paged."""
    return Row.filter(merchant_id=merchant, connection_id=ids.uuid_of(connection_id, ["connectionId"]))
