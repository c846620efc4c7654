"""The history of the work on a finding: a row for each thing done, and a deed of whoever does it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.models import Finding, FindingEvent
from domain.platform.children import first_of_each

ASSIGNED: Final = "ASSIGNED"
COMMENTED: Final = "COMMENTED"
ATTACHED: Final = "ATTACHED"
WAITING: Final = "WAITING"
PROPOSED: Final = "PROPOSED"
RESOLVED: Final = "RESOLVED"
CONFIRMED: Final = "CONFIRMED"
DECLINED: Final = "DECLINED"
REOPENED: Final = "REOPENED"
OBJECT: Final = "finding"


async def note(
    finding: Finding,
    kind: str,
    cause: Cause,
    *,
    text: str | None = None,
    file_id: UUID | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Write what happened, inside the caller's transaction."""
    await FindingEvent.create(
        merchant_id=finding.merchant_id,
        finding_id=finding.id,
        kind=kind,
        text=text[:2000] if text else None,
        file_id=file_id,
        detail=dict(detail or {}),
        actor=cause.actor[:200],
        party=cause.party,
        request_id=cause.request_id[:64],
    )


async def done(operation: str, finding: Finding, cause: Cause, changes: Mapping[str, list[Any]]) -> None:
    """Write the deed of it, as the API's field is called, inside the caller's transaction."""
    await deeds.note(finding.merchant_id, operation, Of(OBJECT, finding.id), cause, changes)


async def of_findings(finding_ids: Sequence[UUID], limit: int) -> Mapping[UUID, list[FindingEvent]]:
    """The first `limit` events of each finding, in their order."""
    return await first_of_each(FindingEvent, finding_ids, key="finding_id", order="id", limit=limit)
