"""Decisions of a sheet, row by row: what would become of each, and what did. One bad row holds up no good one."""

import asyncio
import threading
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.cause import Cause
from domain.exports import sheet
from domain.exports.sheet import Line
from domain.exports.tables import shown
from domain.files import content
from domain.findings import foreseen, reopen, tasks, work
from domain.findings.work import Resolution
from domain.models import File, Finding, Person
from domain.models.files import Purpose
from domain.models.findings import Reason
from domain.models.ledger import Account
from domain.money import Money, MoneyError
from domain.platform.settings import Settings
from domain.problems import InvalidInput, InvalidState, NotFound, Problem

APPLY: Final = "decisionsApply"
_PATH: Final = ["fileId"]
_ONE_AT_A_TIME: Final = threading.Lock()  # a large one fills a few hundred MiB while it is read


class Became(StrEnum):
    """What becomes, or became, of a row."""

    RESOLVED = "RESOLVED"
    WAITS = "WAITS"  # for a second person
    ASSIGNED = "ASSIGNED"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True)
class Told:
    """Of one row. `code`: why it is refused."""

    row: int
    finding_id: UUID | None
    became: Became
    said: str
    code: str | None = None


class BadRow(Problem):
    """The row itself cannot be used."""


class Stale(Problem):
    """The facts are others than the sheet shows."""

    code = "FACTS_CHANGED"


class Twice(Problem):
    """Two rows speak of one finding."""

    code = "DUPLICATE_ROW"


class Formula(Problem):
    """A cell that is calculated: what it says is not what somebody wrote."""

    code = "FORMULA"


async def lines(principal: Principal, file_id: UUID, settings: Settings) -> list[Line]:
    """What a sheet that was handed in says. Raises Forbidden, NotFound, InvalidInput, ContentAway, Unsealable."""
    principal.require_everywhere(Permission.WORK_FINDINGS)  # as the file's: it may speak of any store
    file = await File.get_or_none(id=file_id, merchant_id=principal.merchant_id, purpose=Purpose.DECISIONS)
    if file is None or file.stored_at is None or file.sealed_key is None:
        raise NotFound("There is no such file of the purpose DECISIONS that has come.", path=_PATH)
    return await asyncio.to_thread(_read, await content.get(settings, file))


def _read(given: bytes) -> list[Line]:
    with _ONE_AT_A_TIME:
        return sheet.read(given)


def twice(found: Sequence[Line]) -> Collection[UUID]:
    """Findings of which more than one row speaks: none of these is taken."""
    counted = Counter(sheet.id_of(one.finding) for one in found)
    return {known for known, times in counted.items() if known is not None and times > 1}


async def foresee(principal: Principal, line: Line, several: Collection[UUID]) -> Told:
    """What would become of a row as things stand. Nothing is written."""
    known = sheet.id_of(line.finding)
    try:
        finding, wanted = await _checked(principal, line, several)
        person = await _person(principal, line)
        if wanted is None:
            return Told(line.row, finding.id, Became.ASSIGNED, f"It is given to {person.name if person else ''}.")
        if await foreseen.needs_second_person(principal, finding, wanted):
            return Told(line.row, finding.id, Became.WAITS, "Another person must confirm it.")
        return Told(line.row, finding.id, Became.RESOLVED, f"It is resolved: {wanted.reason}.")
    except Problem as problem:
        return _refused(line, known, problem)


async def apply(principal: Principal, line: Line, several: Collection[UUID], cause: Cause) -> Told:
    """Do what a row says, inside the caller's transaction: all of it or nothing. Raises Problem."""
    finding, wanted = await _checked(principal, line, several)
    person = await _person(principal, line)
    if person is not None:
        await tasks.assign(principal, finding.id, person.id, cause)
    if wanted is None:
        return Told(line.row, finding.id, Became.ASSIGNED, f"It was given to {person.name if person else ''}.")
    locked, _ = await reopen.lock(finding.id)
    _check_facts(locked, line)
    done = await work.resolve(principal, finding.id, wanted, cause, operation=APPLY)
    if done.confirmed:
        return Told(line.row, finding.id, Became.RESOLVED, f"It was resolved: {wanted.reason}.")
    return Told(line.row, finding.id, Became.WAITS, "It waits for a second person.")


def refused(line: Line, problem: Problem) -> Told:
    """What a row's problem comes to."""
    return _refused(line, sheet.id_of(line.finding), problem)


def _refused(line: Line, known: UUID | None, problem: Problem) -> Told:
    code = problem.current_state if isinstance(problem, InvalidState) else problem.code
    # Of what is not the asker's nothing is told, nor kept: it is unknown.
    shown_id = None if isinstance(problem, NotFound) else known
    return Told(line.row, shown_id, Became.REFUSED, problem.message[:500], str(code)[:32])


async def _checked(principal: Principal, line: Line, several: Collection[UUID]) -> tuple[Finding, Resolution | None]:
    """The finding and what is said of it; None: it is only given to somebody. Raises Problem."""
    if line.formulas:
        raise Formula(f"{', '.join(line.formulas)} is calculated: write what it comes to.")
    known = sheet.id_of(line.finding)
    if known is None:
        raise NotFound("No finding has this id: leave the hidden columns as they were exported.")
    if known in several:
        raise Twice("Several rows of this file speak of this finding: leave one.")
    finding = await work.find(principal, known, ["finding"])
    _check_facts(finding, line)
    wanted = await _wanted(line, finding)
    if wanted is None and not line.assign_to:
        raise BadRow("There is no decision: write a reason in the column Decision, or leave all of them empty.")
    return finding, wanted


def _check_facts(finding: Finding, line: Line) -> None:
    # What is resolved says so first: that is what its reader wants to know.
    if finding.resolved_at is None and shown(finding) != line.facts:
        raise Stale("The facts have changed since this was exported: export it again, and look.")


async def _wanted(line: Line, finding: Finding) -> Resolution | None:
    if not line.decision:
        return None
    named = line.decision.upper().replace(" ", "_")
    if named not in Reason.__members__:
        raise BadRow(f"{line.decision[:40]!r} is no decision: there are {', '.join(Reason)}.")
    account = line.account.upper().replace(" ", "_") or None
    if account is not None and account not in Account.__members__:
        raise BadRow(f"{line.account[:40]!r} is no account of the ledger.")
    other = sheet.id_of(line.duplicate_of) if line.duplicate_of else None
    if line.duplicate_of and other is None:
        raise BadRow("Duplicate of takes the id of a finding: of the hidden column, or as the API has it.")
    return Resolution(Reason(named), line.note, Account(account) if account else None, _came(line, finding), other)


def _came(line: Line, finding: Finding) -> Money | None:
    if not line.came:
        return None
    try:
        return Money.parse(line.came, finding.currency)
    except MoneyError as error:
        raise BadRow(f"Came: {error}") from None


async def _person(principal: Principal, line: Line) -> Person | None:
    if not line.assign_to:
        return None
    found = await Person.get_or_none(merchant_id=principal.merchant_id, email__iexact=line.assign_to)
    if found is None or found.state != "ACTIVE":
        raise InvalidInput(f"Nobody of yours has the address {line.assign_to[:80]}.", path=["Assign to"])
    return found
