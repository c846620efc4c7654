"""What was said of findings, read for many at once."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from domain.models import FindingResolution
from domain.platform.children import first_of_each


async def of_findings(finding_ids: Sequence[UUID], limit: int) -> Mapping[UUID, list[FindingResolution]]:
    """The last `limit` of each finding, the latest first."""
    order = "proposed_at DESC, id"
    return await first_of_each(FindingResolution, finding_ids, key="finding_id", order=order, limit=limit)


async def waiting(finding_ids: Sequence[UUID]) -> Mapping[UUID, FindingResolution]:
    """What waits for a second person, by finding."""
    found = await FindingResolution.filter(finding_id__in=list(finding_ids), started_at=None, ended_at=None)
    return {one.finding_id: one for one in found}
