"""Decisions of a sheet, row by row: what would become of each, and what did. One bad row holds up no good one."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.cause import Cause
from domain.exports import sheet
from domain.exports.sheet import SheetLine
from domain.exports.tables import shown
from domain.files import content
from domain.findings import foreseen, money, reopen, replaced, sayable, tasks, work
from domain.findings.beside import Beside, beside
from domain.findings.replaced import Words
from domain.findings.said import waiting
from domain.findings.work import Resolution
from domain.models import File, Finding, Person
from domain.models.files import Purpose
from domain.models.findings import ClosingReason
from domain.models.ledger import Account
from domain.money import Money, MoneyError
from domain.platform.apart import apart
from domain.platform.database import rows
from domain.platform.settings import Settings
from domain.problems import InvalidInput, InvalidState, NotFound, Problem

APPLY: Final = "decisionsApply"
_PATH: Final = ["fileId"]
_PEOPLE: Final = """SELECT id FROM people
WHERE merchant_id = $1 AND lower(email) = ANY($2::varchar[]) AND state = 'ACTIVE'"""


class RowState(StrEnum):
    """What becomes, or became, of a row."""

    RESOLVED = "RESOLVED"
    WAITS = "WAITS"  # for a second person
    ASSIGNED = "ASSIGNED"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True)
class ToldRow:
    """Of one row. `code`: why it is refused."""

    row: int
    finding_id: UUID | None
    became: RowState
    said: str
    code: str | None = None


class UnusableRow(Problem):
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


async def lines(principal: Principal, file_id: UUID, settings: Settings) -> list[SheetLine]:
    """What a sheet that was handed in says. Raises Forbidden, NotFound, InvalidInput, ContentAway, Unsealable."""
    principal.require_everywhere(Permission.WORK_FINDINGS)  # as the file's: it may speak of any store
    file = await File.get_or_none(id=file_id, merchant_id=principal.merchant_id, purpose=Purpose.DECISIONS)
    if file is None or file.stored_at is None or file.sealed_key is None:
        raise NotFound("There is no such file of the purpose DECISIONS that has come.", path=_PATH)
    return await apart(file.merchant_id, sheet.read, await content.get(settings, file))


def twice(found: Sequence[SheetLine]) -> Collection[UUID]:
    """Findings of which more than one row speaks: none of these is taken."""
    counted = Counter(sheet.id_of(one.finding) for one in found)
    return {known for known, times in counted.items() if known is not None and times > 1}


async def said_of(found: Sequence[SheetLine]) -> Words:
    """What waits for a second person of the findings that rows with a decision speak of."""
    return await waiting([known for one in found if one.decision and (known := sheet.id_of(one.finding)) is not None])


async def foresee(
    principal: Principal, found: Sequence[SheetLine], several: Collection[UUID], before: dict[str, int]
) -> list[ToldRow]:
    """What would become of each row as things stand, in as many statements for many as for one. Nothing is written.

    `before`: what rows before these would write off, minor units by currency; these rows' is added.
    """
    named = (sheet.id_of(text) for one in found for text in (one.finding, one.duplicate_of) if text)
    known = await beside(principal, {one for one in named if one is not None})
    people = await _people(principal, {one.assign_to for one in found if one.assign_to})
    words = replaced.others(principal, await said_of(found))
    return [_with_word(await _foreseen(principal, one, several, before, known, people), words) for one in found]


def _with_word(told: ToldRow, words: Words) -> ToldRow:
    """The same, telling of what somebody else has said and this would replace."""
    if told.became is RowState.REFUSED or told.finding_id is None or (word := words.get(told.finding_id)) is None:
        return told
    return replace(told, said=f"{told.said} It replaces what {word.proposed_by} has said ({word.reason}).")


async def _foreseen(
    principal: Principal,
    line: SheetLine,
    several: Collection[UUID],
    before: dict[str, int],
    known: Beside,
    people: Mapping[str, Person],
) -> ToldRow:
    try:
        finding, wanted = await _checked(principal, line, several, known)
        person = _person(line, people)
        if wanted is None:
            return ToldRow(line.row, finding.id, RowState.ASSIGNED, f"It is given to {person.name if person else ''}.")
        if await foreseen.needs_second_person(principal, finding, wanted, before, known):
            return ToldRow(line.row, finding.id, RowState.WAITS, "Another person must confirm it.")
        return ToldRow(line.row, finding.id, RowState.RESOLVED, f"It is resolved: {wanted.reason}.")
    except Problem as problem:
        return _refused(line, sheet.id_of(line.finding), problem)


async def apply(
    principal: Principal, line: SheetLine, several: Collection[UUID], cause: Cause, looked_at: datetime
) -> ToldRow:
    """Do what a row says, inside the caller's transaction: all of it or nothing. Raises Problem."""
    finding, wanted = await _checked(principal, line, several)
    person = _person(line, await _people(principal, {line.assign_to} if line.assign_to else set()))
    if person is not None:
        await tasks.assign(principal, finding.id, person.id, cause)
    if wanted is None:
        return ToldRow(line.row, finding.id, RowState.ASSIGNED, f"It was given to {person.name if person else ''}.")
    locked, _ = await reopen.lock(finding.id)
    _check_facts(locked, line)
    done = await work.resolve(principal, finding.id, wanted, cause, operation=APPLY, looked_at=looked_at)
    if done.confirmed:
        return ToldRow(line.row, finding.id, RowState.RESOLVED, f"It was resolved: {wanted.reason}.")
    return ToldRow(line.row, finding.id, RowState.WAITS, "It waits for a second person.")


def refused(line: SheetLine, problem: Problem) -> ToldRow:
    """What a row's problem comes to."""
    return _refused(line, sheet.id_of(line.finding), problem)


def _refused(line: SheetLine, known: UUID | None, problem: Problem) -> ToldRow:
    code = problem.current_state if isinstance(problem, InvalidState) else problem.code
    # Of what is not the asker's nothing is told, nor kept: it is unknown.
    shown_id = None if isinstance(problem, NotFound) else known
    return ToldRow(line.row, shown_id, RowState.REFUSED, _named(line, problem.message)[:500], str(code)[:32])


def _named(line: SheetLine, said: str) -> str:
    """What a refusal says of an argument, of the column that it came from."""
    argument, blank, rest = said.partition(" ")
    return f"{line.head(argument)}{blank}{rest}" if argument in ("account", "came") else said


async def _checked(
    principal: Principal, line: SheetLine, several: Collection[UUID], among: Beside | None = None
) -> tuple[Finding, Resolution | None]:
    """The finding and what is said of it; None: it is only given to somebody. Raises Problem."""
    if line.formulas:
        raise Formula(f"{', '.join(line.formulas)} is calculated: write what it comes to.")
    known = sheet.id_of(line.finding)
    if known is None:
        raise NotFound("No finding has this id: leave the hidden columns as they were exported.")
    if known in several:
        raise Twice("Several rows of this file speak of this finding: leave one.")
    finding = await sayable.find(principal, known, ["finding"]) if among is None else among.findings.get(known)
    if finding is None:
        raise NotFound("No such finding; findings lists yours.", path=["finding"])
    _check_facts(finding, line)
    wanted = await _wanted(line, finding, among)
    if wanted is None and not line.assign_to:
        raise UnusableRow(
            f"There is no decision: write a reason in the column {line.head('decision')}, or leave all of them empty."
        )
    return finding, wanted


def _check_facts(finding: Finding, line: SheetLine) -> None:
    # What is resolved says so first: that is what its reader wants to know.
    if finding.resolved_at is None and shown(finding) != line.facts:
        raise Stale("The facts have changed since this was exported: export it again, and look.")


async def _wanted(line: SheetLine, finding: Finding, among: Beside | None) -> Resolution | None:
    if not line.decision:
        return None
    named = line.decision.upper().replace(" ", "_")
    if named not in ClosingReason.__members__:
        raise UnusableRow(f"{line.decision[:40]!r} is no decision: there are {', '.join(ClosingReason)}.")
    _check_note(line)
    account = line.account.upper().replace(" ", "_") or None
    if account is not None and account not in Account.__members__:
        raise UnusableRow(f"{line.account[:40]!r} is no account of the ledger.")
    other = sheet.id_of(line.duplicate_of) if line.duplicate_of else None
    if line.duplicate_of and other is None:
        raise UnusableRow(
            f"{line.head('duplicate_of')} takes the id of a finding: of the hidden column, or as the API has it."
        )
    if (other is not None) != (named == ClosingReason.DUPLICATE_OF):
        raise UnusableRow(f"{line.head('duplicate_of')} goes with {ClosingReason.DUPLICATE_OF}.")
    return Resolution(
        ClosingReason(named), line.note, Account(account) if account else None, await _came(line, finding, among), other
    )


def _check_note(line: SheetLine) -> None:
    low, high = sayable.NOTE_LENGTH
    if not low <= len(line.note) <= high:
        raise UnusableRow(f"{line.head('note')} takes {low} to {high} characters.")


async def _came(line: SheetLine, finding: Finding, among: Beside | None) -> Money | None:
    """Of the currency of what is in SUSPENSE, which may be another one than the finding's."""
    if not line.came:
        return None
    suspended = among.suspended[finding.id] if among is not None else await money.of(finding)
    try:
        return Money.parse(line.came, suspended.currency)
    except MoneyError as error:
        raise UnusableRow(f"The column {line.head('came')} cannot be read: {error}") from None


async def _people(principal: Principal, addresses: Collection[str]) -> Mapping[str, Person]:
    """Those of the merchant's who can be given something, by their addresses in small letters."""
    if not addresses:
        return {}
    found = await rows(_PEOPLE, principal.merchant_id, [one.lower() for one in addresses])
    return {one.email.lower(): one for one in await Person.filter(id__in=[row["id"] for row in found])}


def _person(line: SheetLine, people: Mapping[str, Person]) -> Person | None:
    if not line.assign_to:
        return None
    if (found := people.get(line.assign_to.lower())) is None:
        raise InvalidInput(f"Nobody of yours has the address {line.assign_to[:80]}.", path=["Assign to"])
    return found
