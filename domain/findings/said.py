"""What was said of findings, read for many at once; and what of it waits for a second person."""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from tortoise.expressions import Q, Subquery

from domain.access import second
from domain.access.principal import Principal
from domain.access.second import FirstWord, SecondPerson
from domain.models import FindingResolution
from domain.platform.children import first_of_each
from domain.platform.database import rows

_AT_ONCE_MAX: Final = 1_000  # findings that one statement names
_FIRST: Final = """SELECT proposed_by_id AS party, proposed_by AS holder, min(proposed_at) AS since
FROM finding_resolutions WHERE merchant_id = $1 AND started_at IS NULL AND ended_at IS NULL GROUP BY 1, 2"""


async def of_findings(finding_ids: Sequence[UUID], limit: int) -> Mapping[UUID, list[FindingResolution]]:
    """The last `limit` of each finding, the latest first."""
    order = "proposed_at DESC, id"
    return await first_of_each(FindingResolution, finding_ids, key="finding_id", order=order, limit=limit)


async def waiting(finding_ids: Sequence[UUID]) -> Mapping[UUID, FindingResolution]:
    """What waits for a second person, by finding; of any number of them, as a sheet may have."""
    found: dict[UUID, FindingResolution] = {}
    for start in range(0, len(finding_ids), _AT_ONCE_MAX):
        some = list(finding_ids[start : start + _AT_ONCE_MAX])
        waits = await FindingResolution.filter(finding_id__in=some, started_at=None, ended_at=None)
        found |= {one.finding_id: one for one in waits}
    return found


def of_anybody(merchant_id: UUID, own: Sequence[UUID] = ()) -> Q:
    """Findings that wait for a second person; without those of which one of `own` said the first word."""
    waits = FindingResolution.filter(merchant_id=merchant_id, started_at=None, ended_at=None)
    if own:
        waits = waits.exclude(proposed_by_id__in=list(own))
    return Q(resolved_at__isnull=True, id__in=Subquery(waits.values("finding_id")))


async def of_second(principal: Principal, wanted: SecondPerson) -> Q:
    """Findings that wait for anybody's word, or for that of whoever asks."""
    if wanted is SecondPerson.ANYBODY:
        return of_anybody(principal.merchant_id)
    first = [FirstWord.of(row) for row in await rows(_FIRST, principal.merchant_id)]
    return of_anybody(principal.merchant_id, await second.own(principal, first))
