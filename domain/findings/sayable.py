"""Of which finding something can be said, by whom, and with which note."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.findings import facts, findings
from domain.findings.findings import FindingKind
from domain.models import Finding
from domain.problems import InvalidInput, InvalidState, NotFound

NOTE_LENGTH: Final = (3, 500)
PATH: Final = ["input", "findingId"]
# What ends by an operation of its own, which decides about money; resolving the finding would hide that.
_ELSEWHERE: Final[Mapping[FindingKind, str]] = {
    FindingKind.DOUBT_UNRESOLVED: "Say what happened to the refund (refundResolveDoubt): that closes it.",
    FindingKind.REPORT_UNCONFIRMED: "Confirm or refuse the report (settlementReportConfirm, settlementReportRefuse).",
}


async def find(principal: Principal, finding_id: UUID, path: list[str] = PATH) -> Finding:
    """A finding that somebody may work on. Raises Forbidden, NotFound."""
    found = await findings.within(principal.scope(Permission.WORK_FINDINGS)).get_or_none(id=finding_id)
    if found is None:
        raise NotFound("No such finding; findings lists yours.", path=path)
    return found


def checked_note(note: str, path: list[str] | None = None) -> str:
    """Raises InvalidInput."""
    low, high = NOTE_LENGTH
    told = note.strip()
    if not low <= len(told) <= high or "\x00" in told:
        at = path or ["input", "note"]
        raise InvalidInput(f"{at[-1]} takes {low} to {high} characters.", path=at)
    return told


def facts_of(finding: Finding) -> str:
    """The digest of both sides as they are."""
    return facts.digest_of(finding.kind, finding.amount, finding.currency, finding.detail)


def check_open(finding: Finding) -> None:
    """Raises InvalidState where nothing can be said of it (any more)."""
    if finding.resolved_at is not None:
        raise InvalidState("It is resolved already; findingReopen opens it again.", path=PATH, current_state="RESOLVED")
    check_ours(finding)


def check_ours(finding: Finding) -> None:
    """Raises InvalidState where something else opens and closes it."""
    if (instead := _ELSEWHERE.get(FindingKind(finding.kind))) is not None:
        raise InvalidState(instead, path=PATH, current_state="OPEN")
