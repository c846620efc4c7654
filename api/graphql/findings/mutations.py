"""Working on findings: who has one, what was seen, until when it waits, what became of it."""

import strawberry

from api.graphql.context import Info
from api.graphql.findings.inputs import (
    FindingAssignInput,
    FindingAttachInput,
    FindingCommentInput,
    FindingReopenInput,
    FindingResolveConfirmInput,
    FindingResolveDeclineInput,
    FindingResolveInput,
    FindingsResolveInput,
    FindingWaitInput,
)
from api.graphql.findings.types import Finding
from api.graphql.transport import ids
from api.graphql.transport.answering import answering
from api.graphql.transport.errors import FindingError
from api.graphql.transport.problems import errors_of
from domain.findings import bulk, tasks, work
from domain.findings.bulk import BulkOutcome, SeenFindings
from domain.models import Finding as Row
from domain.platform import bell

_PATH = ["input", "findingId"]


@strawberry.type(description="`finding` is null exactly when `errors` is not empty.")
class FindingPayload:
    finding: Finding | None
    errors: list[FindingError]
    request_id: str


@strawberry.type(description="`finding` is null exactly when `errors` is not empty.")
class FindingResolvePayload:
    finding: Finding | None
    errors: list[FindingError]
    request_id: str
    confirmed: bool = strawberry.field(description="False: another person with WORK_FINDINGS must confirm it.")


@strawberry.type(description="What became of one of many.")
class FindingOutcome:
    finding: Finding
    confirmed: bool = strawberry.field(description="It is resolved; false without an error: it waits for another.")
    error: FindingError | None


@strawberry.type(description="Each outcome is told; one that was refused holds up no other.")
class FindingsResolvePayload:
    outcomes: list[FindingOutcome] | None = strawberry.field(description="At most 1,000.")
    resolved: int | None
    waiting: int | None = strawberry.field(description="For a second person.")
    refused: int | None
    errors: list[FindingError]
    request_id: str


@answering(FindingPayload)
async def finding_assign(info: Info, input: FindingAssignInput) -> FindingPayload:
    context, finding_id = info.context, ids.decode(input.finding_id, "Finding", _PATH)
    person = ids.uuid_of(input.person_id, ["input", "personId"]) if input.person_id is not None else None
    return await _done(info, await tasks.assign(context.principal, finding_id, person, context.cause))


@answering(FindingPayload)
async def finding_comment(info: Info, input: FindingCommentInput) -> FindingPayload:
    context, finding_id = info.context, ids.decode(input.finding_id, "Finding", _PATH)
    done = await tasks.comment(context.principal, finding_id, input.text, input.idempotency_key, context.cause)
    return await _done(info, done)


@answering(FindingPayload)
async def finding_attach(info: Info, input: FindingAttachInput) -> FindingPayload:
    context, finding_id = info.context, ids.decode(input.finding_id, "Finding", _PATH)
    file_id = ids.uuid_of(input.file_id, ["input", "fileId"])
    return await _done(info, await tasks.attach(context.principal, finding_id, file_id, context.cause))


@answering(FindingPayload)
async def finding_wait(info: Info, input: FindingWaitInput) -> FindingPayload:
    context, finding_id = info.context, ids.decode(input.finding_id, "Finding", _PATH)
    return await _done(info, await tasks.wait(context.principal, finding_id, input.until, input.why, context.cause))


@answering(FindingResolvePayload)
async def finding_resolve(info: Info, input: FindingResolveInput) -> FindingResolvePayload:
    context, finding_id = info.context, ids.decode(input.finding_id, "Finding", _PATH)
    done = await work.resolve(
        context.principal, finding_id, input.resolution.parsed(), context.cause, input.idempotency_key
    )
    await _tell(info)
    return FindingResolvePayload(
        finding=Finding.of(done.finding), errors=[], request_id=context.request_id, confirmed=done.confirmed
    )


@answering(FindingPayload)
async def finding_resolve_confirm(info: Info, input: FindingResolveConfirmInput) -> FindingPayload:
    finding_id = ids.decode(input.finding_id, "Finding", _PATH)
    seen = ids.uuid_of(input.resolution_id, ["input", "resolutionId"]) if input.resolution_id is not None else None
    done = await work.confirm(info.context.principal, finding_id, info.context.cause, seen)
    return await _done(info, done.finding)


@answering(FindingPayload)
async def finding_resolve_decline(info: Info, input: FindingResolveDeclineInput) -> FindingPayload:
    finding_id = ids.decode(input.finding_id, "Finding", _PATH)
    return await _done(info, await work.decline(info.context.principal, finding_id, input.why, info.context.cause))


@answering(FindingPayload)
async def finding_reopen(info: Info, input: FindingReopenInput) -> FindingPayload:
    finding_id = ids.decode(input.finding_id, "Finding", _PATH)
    return await _done(info, await work.reopen(info.context.principal, finding_id, input.why, info.context.cause))


@answering(FindingsResolvePayload)
async def findings_resolve(info: Info, input: FindingsResolveInput) -> FindingsResolvePayload:
    context = info.context
    told = await bulk.resolve(
        context.principal,
        input.filter.parsed(context.principal),
        input.resolution.parsed(),
        SeenFindings(input.count, input.seen),
        input.idempotency_key,
        context.cause,
    )
    outcomes = [_outcome(one) for one in told]
    resolved = sum(one.confirmed for one in outcomes)
    refused = sum(one.error is not None for one in outcomes)
    await _tell(info)
    return FindingsResolvePayload(
        outcomes=outcomes,
        resolved=resolved,
        waiting=len(outcomes) - resolved - refused,
        refused=refused,
        errors=[],
        request_id=context.request_id,
    )


def _outcome(one: BulkOutcome) -> FindingOutcome:
    error = errors_of(one.problem)[0] if one.problem is not None else None
    return FindingOutcome(finding=Finding.of(one.finding), confirmed=one.confirmed, error=error)


async def _done(info: Info, row: Row) -> FindingPayload:
    await _tell(info)
    return FindingPayload(finding=Finding.of(row), errors=[], request_id=info.context.request_id)


async def _tell(info: Info) -> None:
    """Whoever follows findings reads them again."""
    await bell.wake(bell.findings_channel(info.context.principal.merchant_id))
