"""Saying what became of a finding: by one person, or by two above the merchant's limit; and opening it again.

What it moves out of SUSPENSE is added up from the ledger under the payment's lock, and booked in the same transaction.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

from domain.access import second, vouching
from domain.access.holders import same_person
from domain.access.principal import Principal
from domain.cause import Cause
from domain.findings import allowed, limits, money, noted, postings, replaced, sayable, vat_needed
from domain.findings import reopen as opening
from domain.findings.beside import Beside
from domain.findings.money import Suspended
from domain.findings.sayable import PATH
from domain.models import Finding, FindingResolution, Payment
from domain.models.findings import ClosingReason
from domain.models.ledger import Account
from domain.money import Money
from domain.platform import idempotency
from domain.platform.database import execute, transaction
from domain.problems import Forbidden, InvalidInput, InvalidState

_SEEN: Final = ["input", "resolutionId"]
_DUPLICATE_PATH: Final = ["input", "duplicateOf"]
_CLOSE: Final = """UPDATE findings SET resolved_at = now(), resolution = left($2, 500), reason = $3, resolved_by = $4,
  waiting_until = NULL, waiting_why = NULL WHERE id = $1 AND resolved_at IS NULL"""
_START: Final = """UPDATE finding_resolutions SET started_at = now(), confirmed_by = $2, confirmed_by_id = $3
WHERE id = $1 AND started_at IS NULL AND ended_at IS NULL"""


@dataclass(frozen=True, slots=True)
class Resolution:
    """What is said: `account` with CORRECTED, `came` with CLAIMED_FROM_PSE, `duplicate_of` with DUPLICATE_OF."""

    reason: ClosingReason
    note: str
    account: Account | None = None
    came: Money | None = None
    duplicate_of: UUID | None = None


@dataclass(frozen=True, slots=True)
class Resolved:
    """The finding afterwards, and what was said; `confirmed` False: another person must confirm it."""

    finding: Finding
    said: FindingResolution
    confirmed: bool


async def resolve(
    principal: Principal,
    finding_id: UUID,
    wanted: Resolution,
    cause: Cause,
    key: str | None = None,
    operation: str = "findingResolve",
    looked_at: datetime | None = None,
) -> Resolved:
    """Say what became of a finding: it is resolved, and its money leaves SUSPENSE, or it waits for a second person.

    The same `key` and input again gives what is there. `looked_at`: what others have said of it since stays
    (domain/findings/replaced). Raises Forbidden, NotFound, InvalidInput, InvalidState,
    IdempotencyConflict.
    """
    await sayable.find(principal, finding_id)
    note = sayable.checked_note(wanted.note)
    async with transaction():
        if key is not None and await _known(principal, finding_id, wanted, cause, key, operation):
            return await _as_it_is(finding_id)
        finding, payment = await opening.lock(finding_id)
        sayable.check_open(finding)
        suspended = await money.of(finding)
        await check(principal, finding, wanted, suspended)
        if (before := await opening.standing(finding_id)) is not None:
            replaced.check_not_since(principal, before, looked_at)
        said = await _propose(principal, finding, payment, wanted, note, suspended, cause)
        if said.needs_two:
            await noted.note(finding, noted.PROPOSED, cause, text=f"{said.reason}: {note}", detail=_told(said))
        else:
            await _start(said, finding, payment, None, cause)
        await noted.done(
            operation, finding, cause, _changes(finding, said, "PROPOSED" if said.needs_two else "RESOLVED")
        )
    return Resolved(await Finding.get(id=finding_id), said, not said.needs_two)


async def confirm(principal: Principal, finding_id: UUID, cause: Cause, seen: UUID | None = None) -> Resolved:
    """A second person's yes to what waits. `seen`: what they were shown, if that is known; nothing else is confirmed.
    Raises Forbidden, NotFound, InvalidState.
    """
    await sayable.find(principal, finding_id)
    async with transaction():
        finding, payment = await opening.lock(finding_id)
        said = await _waiting(finding)
        await _check_other(principal, said)
        await second.check_first_counts(said.proposed_by_id, PATH)
        second.check_seen(said.id, seen, _SEEN)
        suspended = await money.of(finding)
        reason = ClosingReason(said.reason)
        account = Account(said.account) if said.account else None
        now = await postings.moved(reason, account, suspended, payment)
        if (now.amount, now.tax, now.claim) != (said.amount, said.tax, said.claim or 0) or sayable.facts_of(
            finding
        ) != said.facts:
            raise InvalidState("It has changed since: say anew what became of it.", path=PATH, current_state="CHANGED")
        allowed.check_declared(account, suspended)
        await _start(said, finding, payment, principal, cause)
        await noted.done("findingResolveConfirm", finding, cause, _changes(finding, said, "RESOLVED"))
    return Resolved(await Finding.get(id=finding_id), await FindingResolution.get(id=said.id), True)


async def decline(principal: Principal, finding_id: UUID, why: str, cause: Cause) -> Finding:
    """Refuse, or take back, what waits for a second person. Raises Forbidden, NotFound, InvalidInput, InvalidState."""
    await sayable.find(principal, finding_id)
    note = sayable.checked_note(why, ["input", "why"])
    async with transaction():
        finding, _ = await opening.lock(finding_id)
        said = await _waiting(finding)
        await execute(opening.END_RESOLUTION, said.id, cause.actor[:200], note)
        await noted.note(finding, noted.DECLINED, cause, text=note, detail=_told(said))
        await noted.done("findingResolveDecline", finding, cause, {"reason": [said.reason, None], "why": [None, note]})
    return await Finding.get(id=finding_id)


async def reopen(principal: Principal, finding_id: UUID, why: str, cause: Cause) -> Finding:
    """Open it again; what was booked is taken back. Raises Forbidden, NotFound, InvalidInput, InvalidState."""
    await sayable.find(principal, finding_id)
    note = sayable.checked_note(why, ["input", "why"])
    async with transaction():
        finding, payment = await opening.lock(finding_id)
        if finding.resolved_at is None:
            raise InvalidState("It is open.", path=PATH, current_state="OPEN")
        sayable.check_ours(finding)
        await opening.reopen(finding, payment, note, cause)
        await noted.done("findingReopen", finding, cause, {"state": ["RESOLVED", "REOPENED"], "why": [None, note]})
    return await Finding.get(id=finding_id)


async def _known(
    principal: Principal, finding_id: UUID, wanted: Resolution, cause: Cause, key: str, operation: str
) -> bool:
    values = {
        "finding": finding_id,
        "reason": wanted.reason,
        "note": wanted.note,
        "account": wanted.account,
        "came": str(wanted.came),
        "duplicate_of": wanted.duplicate_of,
    }
    return await idempotency.claim(principal.merchant_id, operation, key, values, finding_id, cause) is not None


async def _as_it_is(finding_id: UUID) -> Resolved:
    """What a repeated request is answered. Raises InvalidState where what was said has ended meanwhile."""
    said = await opening.standing(finding_id)
    if said is None:
        raise InvalidState("What was said has ended meanwhile.", path=PATH, current_state="ENDED")
    return Resolved(await Finding.get(id=finding_id), said, said.started_at is not None)


async def check(
    principal: Principal,
    finding: Finding,
    wanted: Resolution,
    suspended: Suspended,
    known: Beside | None = None,
) -> None:
    """Whether this can be said of it. `known`: of other findings, instead of asking.

    Raises InvalidInput, InvalidState, NotFound.
    """
    allowed.check(wanted.reason, wanted.account, wanted.came, suspended, Money(finding.amount, finding.currency))
    if (wanted.duplicate_of is not None) != (wanted.reason is ClosingReason.DUPLICATE_OF):
        raise InvalidInput("duplicateOf goes with DUPLICATE_OF.", path=["input", "duplicateOf"])
    if wanted.duplicate_of is not None:
        if wanted.duplicate_of == finding.id:
            raise InvalidInput("A finding is no duplicate of itself.", path=_DUPLICATE_PATH)
        other = known.findings.get(wanted.duplicate_of) if known else None
        other = other or await sayable.find(principal, wanted.duplicate_of, _DUPLICATE_PATH)
        await _check_duplicate(finding, other, suspended, known)


async def _check_duplicate(finding: Finding, other: Finding, suspended: Suspended, known: Beside | None) -> None:
    """The other one is about the same money, which stays its own: it is open, and is no duplicate of this."""
    path = _DUPLICATE_PATH
    if suspended.own == 0 or suspended.is_payout or suspended.may_come:
        if other.resolved_at is not None and other.reason == ClosingReason.DUPLICATE_OF:
            raise InvalidState("That one is a duplicate itself: name the first.", path=path, current_state="RESOLVED")
        return
    # Under the payment's lock nobody resolves the other one meanwhile: it has the same payment.
    its = known.suspended.get(other.id) if known else None
    if other.payment_id != finding.payment_id:
        its = None
    elif its is None:
        its = await money.of(other)
    if its is None or its.name is None or its.name != suspended.name or other.resolved_at is not None:
        raise InvalidState(
            f"{Money(abs(suspended.own), suspended.currency)} of it is in SUSPENSE, and the other finding is not open "
            "and about the same money: say where it belongs.",
            path=path,
            current_state="IN_SUSPENSE",
        )


async def _propose(
    principal: Principal,
    finding: Finding,
    payment: Payment | None,
    wanted: Resolution,
    note: str,
    suspended: Suspended,
    cause: Cause,
) -> FindingResolution:
    if (before := await opening.standing(finding.id)) is not None:  # nobody has confirmed it: this takes its place
        await execute(opening.END_RESOLUTION, before.id, cause.actor[:200], "Something else was said.")
    moved = await postings.moved(wanted.reason, wanted.account, suspended, payment)
    given: Mapping[str, int] = {}
    if limits.gives_up(wanted.reason, wanted.account):
        await limits.one_at_a_time(principal)
        given = limits.given_up(finding, moved.amount, suspended.currency)
    return await FindingResolution.create(
        id=uuid4(),
        merchant_id=finding.merchant_id,
        finding_id=finding.id,
        reason=wanted.reason.value,
        note=note,
        account=wanted.account.value if wanted.account else None,
        amount=moved.amount,
        tax=moved.tax,
        claim=moved.claim or None,
        came=wanted.came.minor_units if wanted.came else None,
        currency=suspended.currency,
        money_of=suspended.name,
        duplicate_of_id=wanted.duplicate_of,
        facts=sayable.facts_of(finding),
        needs_two=await limits.needs_two(principal, finding, moved.amount, suspended.currency, given),
        proposed_by=principal.holder[:200],
        proposed_by_id=principal.party,
    )


async def _start(
    said: FindingResolution, finding: Finding, payment: Payment | None, second: Principal | None, cause: Cause
) -> None:
    await postings.post(said, finding, payment, cause)
    by = (second.holder[:200], second.party) if second else (None, None)
    closed = f"{said.reason}: {said.note}"
    done = (
        await execute(_START, said.id, *by),
        await execute(_CLOSE, finding.id, closed, said.reason, said.proposed_by),
    )
    if done != (1, 1):
        raise RuntimeError("The finding was not resolved: it is behind the wall, or not open.")
    await noted.note(finding, noted.CONFIRMED if second else noted.RESOLVED, cause, text=closed, detail=_told(said))
    if said.tax > 0 and payment is not None:
        await vat_needed.flag(finding, payment, said)


async def _waiting(finding: Finding) -> FindingResolution:
    said = await opening.standing(finding.id)
    if finding.resolved_at is not None or said is None or said.started_at is not None:
        state = "RESOLVED" if finding.resolved_at is not None else "OPEN"
        raise InvalidState("Nothing of it waits for a second person.", path=PATH, current_state=state)
    return said


async def _check_other(principal: Principal, said: FindingResolution) -> None:
    if await vouching.is_same(principal, said.proposed_by_id, said.proposed_at) or same_person(
        said.proposed_by, principal.holder
    ):
        raise Forbidden(
            "You said it yourself; at this amount another person with WORK_FINDINGS must confirm it. If there is "
            f"nobody else, invite a second person (personInvite); {vouching.ADVICE}.",
            path=PATH,
        )


def _told(said: FindingResolution) -> dict[str, Any]:
    return {"resolution": str(said.id), "reason": said.reason, "amount": said.amount, "currency": said.currency}


def _changes(finding: Finding, said: FindingResolution, state: str) -> dict[str, list[Any]]:
    return {
        "state": [None, state],
        "kind": [None, finding.kind],
        "reason": [None, said.reason],
        "note": [None, said.note],
        "amount": [None, f"{said.amount} {said.currency}"],
        "account": [None, said.account],
        "proposed_by": [None, said.proposed_by],
    }
