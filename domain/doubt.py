"""A person ends a doubt: one proposes what happened with evidence, another confirms, and it enters by the one door."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from domain import bell, refunds
from domain.access import Permission, Principal, person_of
from domain.database import rows, transaction
from domain.events import append
from domain.idempotency import Cause
from domain.lifecycle import State
from domain.models import Refund
from domain.moves import lock
from domain.problems import Forbidden, InvalidInput, InvalidState
from domain.pse.vocabulary import Declined, Outcome, Succeeded
from domain.record import Door, Source, record_locked

EVIDENCE_LENGTH = (10, 1000)


class Verdict(StrEnum):
    """What happened to a refund in doubt."""

    PAID = "PAID"
    NOT_PAID = "NOT_PAID"


@dataclass(frozen=True, slots=True)
class Resolved:
    """The refund afterwards; `confirmed` False: another person must still say the same."""

    refund: Refund
    confirmed: bool


async def resolve(principal: Principal, refund_id: UUID, verdict: Verdict, evidence: str, cause: Cause) -> Resolved:
    """Propose or confirm a verdict on a refund in doubt (four eyes).

    NOT_PAID before the PSE's next report can prove it needs RESOLVE_DOUBT_EARLY.
    Raises Forbidden, NotFound, InvalidState, InvalidInput.
    """
    principal.require(Permission.RESOLVE_DOUBT)
    low, high = EVIDENCE_LENGTH
    if not low <= len(evidence.strip()) <= high:
        raise InvalidInput(
            f"evidence takes {low} to {high} characters: where you looked and what it said.", path=["input", "evidence"]
        )
    await refunds.find(principal.merchant_id, refund_id)
    async with transaction():
        refund = await lock(refund_id)
        attempt = await _checked_doubt(refund)
        confirmed = await _propose_or_confirm(principal, refund, attempt, verdict, evidence.strip(), cause)
        if confirmed:
            await record_locked(refund, _outcome(verdict, evidence), Source(Door.PERSON), cause)
    await bell.wake(bell.refund_channel(refund_id))
    return Resolved(await Refund.get(id=refund_id), confirmed)


async def _checked_doubt(refund: Refund) -> int:
    live = await rows(
        "SELECT number, ended_at, claimed_until > now() AS held FROM attempts WHERE refund_id = $1 "
        "ORDER BY number DESC LIMIT 1",
        refund.id,
    )
    in_doubt = refund.state in (State.SUBMITTED, State.PENDING, State.MANUAL)
    if not in_doubt or not live or (live[0]["ended_at"] is None and live[0]["held"]):
        raise InvalidState(
            "Only a refund whose outcome is not known, and that is not being sent right now, can be resolved.",
            path=["input", "refundId"],
            current_state=refund.state,
        )
    number: int = live[0]["number"]
    return number


async def _propose_or_confirm(
    principal: Principal, refund: Refund, attempt: int, verdict: Verdict, evidence: str, cause: Cause
) -> bool:
    if verdict is Verdict.NOT_PAID and not await _reported_since(refund):
        principal.require(Permission.RESOLVE_DOUBT_EARLY)
    found = await rows(
        "SELECT id, verdict, proposed_by FROM doubt_verdicts "
        "WHERE refund_id = $1 AND attempt = $2 AND withdrawn_at IS NULL AND confirmed_at IS NULL",
        refund.id,
        attempt,
    )
    if not found or found[0]["verdict"] != verdict:
        await _propose(principal, refund, attempt, verdict, evidence, found, cause)
        return False
    if person_of(found[0]["proposed_by"]) == principal.person:
        raise Forbidden(
            "You proposed this verdict yourself; another person must confirm it.", path=["input", "refundId"]
        )
    await rows(
        "UPDATE doubt_verdicts SET confirmed_by = $2, confirmed_at = now() WHERE id = $1 RETURNING id",
        found[0]["id"],
        principal.holder,
    )
    await _event(refund, "DOUBT_CONFIRMED", verdict, evidence, cause)
    return True


async def _propose(
    principal: Principal,
    refund: Refund,
    attempt: int,
    verdict: Verdict,
    evidence: str,
    replaced: list[dict[str, Any]],
    cause: Cause,
) -> None:
    for row in replaced:  # People who disagree start again: the older proposal no longer counts.
        await rows("UPDATE doubt_verdicts SET withdrawn_at = now() WHERE id = $1 RETURNING id", row["id"])
    await rows(
        "INSERT INTO doubt_verdicts (id, merchant_id, refund_id, attempt, verdict, evidence, proposed_by, proposed_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, now()) RETURNING id",
        uuid4(),
        refund.merchant_id,
        refund.id,
        attempt,
        verdict.value,
        evidence,
        principal.holder,
    )
    await _event(refund, "DOUBT_PROPOSED", verdict, evidence, cause)


async def _reported_since(refund: Refund) -> bool:
    """Whether a report of the connection was fetched that covers the day of the last send."""
    return bool(
        await rows(
            "SELECT 1 AS one FROM reports r JOIN attempts a ON a.refund_id = $1 WHERE r.connection_id = $2 "
            "AND r.superseded_at IS NULL AND r.business_date > a.sent_at::date LIMIT 1",
            refund.id,
            refund.connection_id,
        )
    )


async def _event(refund: Refund, kind: str, verdict: Verdict, evidence: str, cause: Cause) -> None:
    await append(
        {"id": refund.id, "merchant_id": refund.merchant_id},
        kind,
        refund.state,
        cause,
        previous=refund.state,
        code=verdict,
        message=evidence,
    )


def _outcome(verdict: Verdict, evidence: str) -> Outcome:
    if verdict is Verdict.PAID:
        return Succeeded(code="RESOLVED_BY_PERSON")
    return Declined("RESOLVED_BY_PERSON", evidence)
