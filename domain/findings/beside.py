"""What resolutions of several findings are judged by, asked for all of them at once and not of each."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.findings import findings, limits, money, postings
from domain.findings.limits import Earlier
from domain.findings.money import Suspended
from domain.findings.postings import Cleared
from domain.models import Finding, Payment


@dataclass(frozen=True, slots=True)
class Beside:
    """The findings that somebody may work on, each with its money, and what was before. Nothing is locked."""

    findings: Mapping[UUID, Finding]
    suspended: Mapping[UUID, Suspended]
    payments: Mapping[UUID, Payment]
    cleared: Cleared
    before: Earlier


async def beside(principal: Principal, finding_ids: Collection[UUID]) -> Beside:
    """Of these findings. Raises Forbidden."""
    query = findings.within(principal.scope(Permission.WORK_FINDINGS))
    found = {one.id: one for one in await query.filter(id__in=list(finding_ids))} if finding_ids else {}
    suspended = await money.of_several(list(found.values()))
    ids = list({one.payment_id for one in found.values() if one.payment_id is not None})
    payments = {one.id: one for one in await Payment.filter(id__in=ids)} if ids else {}
    currencies = {one.currency for one in found.values()} | {one.currency for one in suspended.values()}
    return Beside(
        findings=found,
        suspended=suspended,
        payments=payments,
        cleared=await postings.cleared(ids) if ids else {},
        before=await limits.before(principal, ids, currencies),
    )
