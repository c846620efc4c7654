"""Above a limit a refund that a person paid is settled by two: one says so with a file, another says the same.

The limit is a rule of the merchant's (SETTLE_BY_HAND); below it one person is enough, and a file may be left out.
"""

import hashlib
from typing import Final
from uuid import UUID, uuid4

from domain.access import second, vouching
from domain.access.holders import same_person
from domain.access.principal import Principal
from domain.cause import Cause
from domain.history import events
from domain.models import Event, Merchant, Refund, SettlementProposal
from domain.models.refunds import State
from domain.money import Money
from domain.platform.database import execute
from domain.problems import Forbidden, InvalidInput
from domain.refunds.approvals import rules, standing
from domain.refunds.evidence import Evidence

PROPOSED: Final = "SETTLEMENT_PROPOSED"


async def is_wanted(refund: Refund) -> bool:
    """Whether the refund's amount is at or above the merchant's limit."""
    version = (await Merchant.get(id=refund.merchant_id)).rules_version
    held = await standing.of(refund.merchant_id, version)
    return rules.reached(held.settled_by_two, Money(refund.amount, refund.currency))


async def propose_or_confirm(
    principal: Principal, refund: Refund, evidence: Evidence, kind: str | None, cause: Cause
) -> SettlementProposal | None:
    """Of a locked refund: what another person has said the same of before; None: it was said for the first time.

    Who says something else begins anew, and so does who says the same as somebody who is suspended by now. Raises
    Forbidden, InvalidInput.
    """
    taken = await _taken_at(refund.id)
    found = await SettlementProposal.get_or_none(refund_id=refund.id, withdrawn_at=None)
    counts = found is not None and found.taken_at_sequence == taken and _says_the_same(found, evidence)
    if found is None or not counts or await second.suspended([found.proposed_by_id]):
        await _propose(principal, refund, evidence, kind, taken, cause)
        return None
    if await vouching.is_same(principal, found.proposed_by_id, found.proposed_at) or same_person(
        found.proposed_by, principal.holder
    ):
        raise Forbidden(
            "You settled it yourself; at this amount another person with SETTLE_MANUALLY must say the same. If there "
            "is nobody else, invite a second person (personInvite).",
            path=["input", "refundId"],
        )
    return found


def _says_the_same(found: SettlementProposal, evidence: Evidence) -> bool:
    said = (found.way, found.reference, found.paid_on)
    if said != (evidence.way, evidence.reference, evidence.paid_on):
        return False
    # A file that comes along again is the same file.
    return evidence.file_content is None or _digest(evidence.file_content) == found.file_digest


async def _propose(
    principal: Principal, refund: Refund, evidence: Evidence, kind: str | None, taken: int, cause: Cause
) -> None:
    if evidence.file_content is None or kind is None or evidence.file_name is None:
        raise InvalidInput(
            "At this amount the evidence is a file (PDF, PNG or JPEG): the bank's or the PSE's own document.",
            path=["input", "fileContent"],
        )
    await execute(
        "UPDATE settlement_proposals SET withdrawn_at = now() WHERE refund_id = $1 AND withdrawn_at IS NULL", refund.id
    )
    await SettlementProposal.create(
        id=uuid4(),
        merchant_id=refund.merchant_id,
        refund_id=refund.id,
        taken_at_sequence=taken,
        way=evidence.way,
        reference=evidence.reference,
        paid_on=evidence.paid_on,
        file_name=evidence.file_name,
        file_type=kind,
        file_digest=_digest(evidence.file_content),
        file_content=evidence.file_content,
        proposed_by=principal.holder[:200],
        proposed_by_id=principal.party,
    )
    said = f"{evidence.way} {evidence.reference}: another person must say the same."
    await events.note(refund, PROPOSED, cause, message=said)


async def _taken_at(refund_id: UUID) -> int:
    """The sequence of the event with which a person took it last."""
    events_ = Event.filter(refund_id=refund_id, state=State.MANUAL).exclude(previous_state=State.MANUAL)
    taken = await events_.order_by("-sequence").first()
    return taken.sequence if taken is not None else 0


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
