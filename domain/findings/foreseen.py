"""What `work.resolve` would do, as things stand: nothing is locked and nothing is written."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from domain.access.principal import Principal
from domain.findings import limits, postings, sayable, work
from domain.findings.beside import Beside, beside
from domain.findings.postings import Moved
from domain.findings.work import Resolution
from domain.models import Finding
from domain.models.ledger import Account


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What would be moved, the rows of the ledger (debit, credit, minor units of `currency`), and who confirms."""

    finding: Finding
    moved: Moved
    currency: str
    rows: Sequence[tuple[Account, Account, int]]
    needs_two: bool


async def resolution(principal: Principal, finding_id: UUID, wanted: Resolution) -> Foreseen:
    """What saying this of a finding would come to. Its note counts when it is said, and not before.

    Raises Forbidden, NotFound, InvalidInput, InvalidState as `work.resolve`.
    """
    finding = await sayable.find(principal, finding_id)
    sayable.check_open(finding)
    known = await beside(principal, {finding.id})
    moved, currency = await _moved(principal, finding, wanted, known)
    came = wanted.came.minor_units if wanted.came else 0
    payout = known.suspended[finding.id].is_payout
    rows = postings.rows_of(wanted.reason, wanted.account, moved, came, is_payout=payout)
    two = await _needs_two(principal, finding, wanted, moved, currency, {}, known)
    return Foreseen(finding, moved, currency, rows, two)


async def needs_second_person(
    principal: Principal,
    finding: Finding,
    wanted: Resolution,
    before: dict[str, int] | None = None,
    known: Beside | None = None,
) -> bool:
    """Whether it would wait for another person. Raises what `work.resolve` would.

    `before`: what would be given up before it, minor units by currency; this one is added. `known`: of this finding
    and of others that it may be a duplicate of, instead of asking.
    """
    sayable.checked_note(wanted.note)
    sayable.check_open(finding)
    known = known or await beside(principal, {finding.id})
    moved, currency = await _moved(principal, finding, wanted, known)
    return await _needs_two(principal, finding, wanted, moved, currency, before if before is not None else {}, known)


async def _moved(principal: Principal, finding: Finding, wanted: Resolution, known: Beside) -> tuple[Moved, str]:
    suspended = known.suspended[finding.id]
    await work.check(principal, finding, wanted, suspended, known)
    payment = known.payments.get(finding.payment_id) if finding.payment_id is not None else None
    moved = await postings.moved(wanted.reason, wanted.account, suspended, payment, known.cleared)
    return moved, suspended.currency


async def _needs_two(
    principal: Principal,
    finding: Finding,
    wanted: Resolution,
    moved: Moved,
    currency: str,
    so_far: dict[str, int],
    known: Beside,
) -> bool:
    if not limits.gives_up(wanted.reason, wanted.account):
        return await limits.needs_two(principal, finding, moved.amount, currency, {}, known.before)
    given = limits.given_up(finding, moved.amount, currency)
    whole = {one: amount + so_far.get(one, 0) for one, amount in given.items()}
    two = await limits.needs_two(principal, finding, moved.amount, currency, whole, known.before)
    if not two:
        so_far.update(whole)
    return two
