"""A connection before and while money depends on it: preflights and certifications, as they are asked for and read."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from functools import partial
from typing import Annotated, Any, Final
from uuid import UUID

import strawberry
from strawberry import relay
from strawberry.relay import to_base64

from api.graphql.context import Info
from api.graphql.nodes import Scoped
from api.graphql.spoken.told import told
from api.graphql.transport import ids
from api.graphql.transport.answering import answering
from api.graphql.transport.errors import ConnectionCertifyError, ConnectionPreflightError
from api.graphql.transport.scalars import DateTime
from domain.access.principal import Principal
from domain.models import CertificationCase as CaseRow
from domain.models import CertificationRun as CertificationRow
from domain.models import PreflightCheck as CheckRow
from domain.models import PreflightRun as Row
from domain.onboarding import certificate, certification, preflight, runs
from domain.onboarding.certification import CaseName, CaseOutcome
from domain.platform import bell
from domain.problems import NotFound
from domain.pse.checking import CheckCode, CheckOutcome

_LOOK_SECONDS: Final = 1.0
_LOOKS_MAX: Final = 3_600
_PREFIX: Final = 12  # characters of an opaque id that only its type decides
CheckCodeEnum = strawberry.enum(CheckCode, name="PreflightCheckCode", description="What is looked at.")
CheckOutcomeEnum = strawberry.enum(
    CheckOutcome,
    name="PreflightOutcome",
    description="UNKNOWN: it could not be told this time. NOT_ASKABLE: this PSE tells it to no program.",
)
CaseNameEnum = strawberry.enum(CaseName, name="CertificationCaseName", description="What is proven.")
CaseOutcomeEnum = strawberry.enum(
    CaseOutcome,
    name="CertificationOutcome",
    description="SKIPPED: it cannot be provoked there; the series in Estorno's own sandbox proves it.",
)


@strawberry.type(description="One thing that was looked at.")
class PreflightCheck:
    code: Annotated[CheckCode, CheckCodeEnum]
    outcome: Annotated[CheckOutcome, CheckOutcomeEnum]
    saw: str = told()
    what_to_do: str = told("On which page of the PSE's back office; empty when it passed.")

    @classmethod
    def of(cls, row: CheckRow) -> "PreflightCheck":
        code, outcome = CheckCode(row.code), CheckOutcome(row.outcome)
        return cls(code=code, outcome=outcome, saw=row.saw, what_to_do=row.what_to_do)


@strawberry.type(description="What a PSE was asked about the account, once. Nothing is changed there, no money moves.")
class PreflightRun(Scoped, relay.Node):
    readable = partial(runs.readable, Row)

    id: relay.NodeID[str]
    connection_id: strawberry.ID
    request_id: str
    asked_by: str
    outcome: Annotated[CheckOutcome, CheckOutcomeEnum] | None = strawberry.field(description="Null: it is under way.")
    error: str | None = told()
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
    connection_id = ids.uuid_of(input.connection_id, ["input", "connectionId"])
    run = await preflight.ask_for(context.principal, connection_id, context.cause)
    await bell.ring(bell.PREFLIGHT, run.id)
    return ConnectionPreflightPayload(run=PreflightRun.of(run), errors=[], request_id=context.request_id)


def preflights_query(principal: Principal, connection_id: str) -> Any:
    """The preflights of a connection that one may see, to be paged."""
    return runs.readable(Row, principal).filter(connection_id=ids.uuid_of(connection_id, ["connectionId"]))


@strawberry.type(description="One case of a certification, once it is played.")
class CertificationCase:
    name: Annotated[CaseName, CaseNameEnum]
    outcome: Annotated[CaseOutcome, CaseOutcomeEnum]
    said: str = told()
    evidence: str = strawberry.field(description="JSON: ids of requests, here and at the PSE, to look it up by.")
    at: DateTime

    @classmethod
    def of(cls, row: CaseRow) -> "CertificationCase":
        evidence = json.dumps(row.evidence, sort_keys=True)
        name, outcome = CaseName(row.name), CaseOutcome(row.outcome)
        return cls(name=name, outcome=outcome, said=row.said, evidence=evidence, at=DateTime(row.at))


@strawberry.type(description="The series of refunds that a connection must have made before its money is real.")
class CertificationRun(Scoped, relay.Node):
    readable = partial(runs.readable, CertificationRow)

    id: relay.NodeID[str]
    connection_id: strawberry.ID
    request_id: str
    asked_by: str
    outcome: Annotated[CaseOutcome, CaseOutcomeEnum] | None = strawberry.field(description="Null: it is under way.")
    error: str | None = told()
    total: int = strawberry.field(description="How many cases there are; `cases` are those that are played.")
    created_at: DateTime
    finished_at: DateTime | None
    row: strawberry.Private[CertificationRow]

    @classmethod
    def of(cls, row: CertificationRow) -> "CertificationRun":
        return cls(
            id=str(row.id),
            connection_id=strawberry.ID(str(row.connection_id)),
            request_id=row.request_id,
            asked_by=row.asked_by,
            outcome=CaseOutcome(row.outcome) if row.outcome else None,
            error=row.error,
            total=len(CaseName),
            created_at=DateTime(row.created_at),
            finished_at=DateTime(row.finished_at) if row.finished_at else None,
            row=row,
        )

    @strawberry.field(description="Those that are played, in their order.")
    async def cases(self, info: Info) -> list[CertificationCase]:
        found = await info.context.loaders.one(certification.cases_of, self.row.id)
        return [CertificationCase.of(row) for row in found or []]

    @strawberry.field(description="The signed report as a file of JSON: `estorno certificate verify` reads it.")
    def report(self, info: Info) -> str | None:
        if self.row.report is None or self.row.signature is None:
            return None
        return certificate.document(self.row.report, self.row.signature, info.context.settings.secret_key)

    @strawberry.field(description="The signed report as a page of HTML that needs nothing else.")
    def page(self, info: Info) -> str | None:
        if self.row.report is None or self.row.signature is None:
            return None
        return certificate.page(self.row.report, self.row.signature, info.context.settings.secret_key)


@strawberry.input
class ConnectionCertifyInput:
    connection_id: strawberry.ID
    payments: list[str] = strawberry.field(
        default_factory=list,
        description="The PSE's references of three captured payments of its test environment, which are then refunded; "
        "none at Estorno's own sandbox.",
    )
    test_environment: bool = strawberry.field(
        default=False, description="You say that these payments are no customers'. Needed where payments are named."
    )


@strawberry.type
class ConnectionCertifyPayload:
    run: CertificationRun | None
    errors: list[ConnectionCertifyError]
    request_id: str


@answering(ConnectionCertifyPayload)
async def connection_certify(info: Info, input: ConnectionCertifyInput) -> ConnectionCertifyPayload:
    """Have the series played; one that is under way is given instead of a second one."""
    context = info.context
    connection_id = ids.uuid_of(input.connection_id, ["input", "connectionId"])
    run = await certification.ask_for(
        context.principal,
        connection_id,
        input.payments,
        context.cause,
        test_environment=input.test_environment,
    )
    await bell.ring(bell.CERTIFY, run.id)
    return ConnectionCertifyPayload(run=CertificationRun.of(run), errors=[], request_id=context.request_id)


def certifications_query(principal: Principal, connection_id: str) -> Any:
    """The certifications of a connection that one may see, to be paged."""
    return runs.readable(CertificationRow, principal).filter(connection_id=ids.uuid_of(connection_id, ["connectionId"]))


OnboardingRun = Annotated[PreflightRun | CertificationRun, strawberry.union(name="OnboardingRun")]
_MODELS: Final[Mapping[str, tuple[Any, Any]]] = {
    "PreflightRun": (Row, PreflightRun),
    "CertificationRun": (CertificationRow, CertificationRun),
}


async def follow_run(info: Info, run_id: str) -> AsyncGenerator[OnboardingRun, None]:
    """The stream of `onboardingRun`. Raises InvalidInput, NotFound."""
    principal = info.context.principal
    name = next((one for one in _MODELS if run_id.startswith(to_base64(one, "")[:_PREFIX])), "PreflightRun")
    key = ids.decode(run_id, name, ["id"])
    model, shown = _MODELS[name]
    if not await runs.readable(model, principal).filter(id=key).exists():
        raise NotFound("There is no such run.", path=["id"])
    return _progress(model, shown, key)


async def _progress(model: Any, shown: Any, key: UUID) -> AsyncGenerator[OnboardingRun, None]:
    """The run whenever something of it is new: these are few, last for minutes, and are looked at once a second."""
    told: tuple[object, ...] = ()
    for _ in range(_LOOKS_MAX):
        row = await model.get(id=key)
        played = len((await certification.cases_of([key])).get(key, [])) if model is CertificationRow else 0
        seen = (row.outcome, row.tries, played)
        if seen != told:
            told = seen
            yield shown.of(row)
        if row.outcome is not None:
            return
        await asyncio.sleep(_LOOK_SECONDS)
