"""Working on a finding before anybody says what became of it: who has it, what was seen, until when it waits."""

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from domain.access.principal import Principal
from domain.cause import Cause
from domain.findings import noted
from domain.findings import reopen as opening
from domain.findings.sayable import checked_note, find
from domain.models import File, Finding, FindingEvent, Person
from domain.models.files import Purpose
from domain.platform import idempotency
from domain.platform.database import execute, transaction
from domain.problems import InvalidInput, InvalidState, NotFound

COMMENT_MAX: Final = 2_000
FILES_MAX: Final = 50  # attached to one finding
WAIT_DAYS_MAX: Final = 366
_ASSIGN: Final = "UPDATE findings SET assignee = $2, assignee_id = $3 WHERE id = $1"
_WAIT: Final = "UPDATE findings SET waiting_until = $2, waiting_why = $3 WHERE id = $1 AND resolved_at IS NULL"


async def assign(principal: Principal, finding_id: UUID, person_id: UUID | None, cause: Cause) -> Finding:
    """Give it to a person of the merchant's, or (None) take it oneself. Raises Forbidden, NotFound, InvalidInput."""
    await find(principal, finding_id)
    name, whose = principal.holder, principal.party
    if person_id is not None:
        person = await Person.get_or_none(id=person_id, merchant_id=principal.merchant_id)
        if person is None or person.state != "ACTIVE":
            raise InvalidInput("There is no such person; colleagues lists yours.", path=["input", "personId"])
        name, whose = person.name, person.id
    async with transaction():
        finding, _ = await opening.lock(finding_id)
        await _changed(await execute(_ASSIGN, finding_id, name[:200], whose))
        await noted.note(finding, noted.ASSIGNED, cause, text=name, detail={"to": str(whose)})
        await noted.done("findingAssign", finding, cause, {"assignee": [finding.assignee, name]})
    return await Finding.get(id=finding_id)


async def comment(principal: Principal, finding_id: UUID, text: str, key: str, cause: Cause) -> Finding:
    """Write something down. Raises Forbidden, NotFound, InvalidInput, IdempotencyConflict."""
    await find(principal, finding_id)
    told = text.strip()
    if not 0 < len(told) <= COMMENT_MAX or "\x00" in told:
        raise InvalidInput(f"text takes 1 to {COMMENT_MAX} characters.", path=["input", "text"])
    async with transaction():
        values = {"finding": finding_id, "text": told}
        if await idempotency.claim(principal.merchant_id, "findingComment", key, values, finding_id, cause) is None:
            finding = await Finding.get(id=finding_id)
            await noted.note(finding, noted.COMMENTED, cause, text=told)
            await noted.done("findingComment", finding, cause, {"text": [None, told]})
    return await Finding.get(id=finding_id)


async def attach(principal: Principal, finding_id: UUID, file_id: UUID, cause: Cause) -> Finding:
    """Attach a file that was handed in for this (fileAnnounce). Twice the same is once.

    Raises Forbidden, NotFound, InvalidInput, InvalidState.
    """
    await find(principal, finding_id)
    path = ["input", "fileId"]
    file = await File.get_or_none(
        id=file_id, merchant_id=principal.merchant_id, purpose=Purpose.FINDING_ATTACHMENT, stored_at__isnull=False
    )
    if file is None:
        raise NotFound("There is no such file of the purpose FINDING_ATTACHMENT that has come.", path=path)
    async with transaction():
        finding, _ = await opening.lock(finding_id)
        attached = await FindingEvent.filter(finding_id=finding_id, kind=noted.ATTACHED).values_list(
            "file_id", flat=True
        )
        if file_id not in attached:
            if len(attached) >= FILES_MAX:
                raise InvalidState(f"{FILES_MAX} files are attached already.", path=path, current_state="FULL")
            await noted.note(finding, noted.ATTACHED, cause, text=file.name, file_id=file_id)
            await noted.done("findingAttach", finding, cause, {"file": [None, str(file_id)]})
    return await Finding.get(id=finding_id)


async def wait(principal: Principal, finding_id: UUID, until: datetime, why: str, cause: Cause) -> Finding:
    """Let it rest until then (UTC): after that it is open by itself. Raises as `attach`."""
    await find(principal, finding_id)
    note = checked_note(why, ["input", "why"])
    now = datetime.now(UTC)
    if not now < until <= now + timedelta(days=WAIT_DAYS_MAX):
        raise InvalidInput(f"until lies within the next {WAIT_DAYS_MAX} days.", path=["input", "until"])
    async with transaction():
        finding, _ = await opening.lock(finding_id)
        if finding.resolved_at is not None:
            raise InvalidState("It is resolved.", path=["input", "findingId"], current_state="RESOLVED")
        await _changed(await execute(_WAIT, finding_id, until, note))
        await noted.note(finding, noted.WAITING, cause, text=note, detail={"until": until.isoformat()})
        before = finding.waiting_until.isoformat() if finding.waiting_until else None
        await noted.done("findingWait", finding, cause, {"until": [before, until.isoformat()], "why": [None, note]})
    return await Finding.get(id=finding_id)


async def _changed(many: int) -> None:
    if many != 1:
        raise RuntimeError("The finding was not changed: it is behind the wall, or was resolved.")
