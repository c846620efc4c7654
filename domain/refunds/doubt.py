"""A person ends a doubt: one proposes what happened with evidence, another confirms, and it enters by the one door."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from domain.access import second, vouching
from domain.access.holders import same_person
from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.cause import Cause
from domain.history.events import append
from domain.models import Connection, Payment, Refund
from domain.models.refunds import State
from domain.platform import bell
from domain.platform.database import execute, rows, transaction
from domain.problems import Forbidden, InvalidInput, InvalidState
from domain.pse.registry import capability, connector
from domain.pse.vocabulary import Declined, Outcome, Succeeded
from domain.refunds import find, pse_names, schedule
from domain.refunds.moves import lock
from domain.refunds.news import Door, Source
from domain.refunds.record import record_locked

EVIDENCE_LENGTH = (10, 1000)
NAME_LENGTH_MAX = 100


class Verdict(StrEnum):
    """What happened to a refund in doubt."""

    PAID = "PAID"
    NOT_PAID = "NOT_PAID"


@dataclass(frozen=True, slots=True)
class DoubtResolved:
    """The refund afterwards; `confirmed` False: another person must still say the same."""

    refund: Refund
    confirmed: bool


async def resolve(
    principal: Principal,
    refund_id: UUID,
    verdict: Verdict,
    evidence: str,
    cause: Cause,
    pse_reference: str | None = None,
) -> DoubtResolved:
    """Propose or confirm a verdict on a refund in doubt (four eyes).

    `pse_reference`: what the PSE calls the refund that is PAID; both people name the same, or neither names any.

    NOT_PAID before the PSE's next report can prove it needs RESOLVE_DOUBT_EARLY.
    Raises Forbidden, NotFound, InvalidState, InvalidInput.
    """
    scope = principal.scope(Permission.RESOLVE_DOUBT)
    low, high = EVIDENCE_LENGTH
    if not low <= len(evidence.strip()) <= high:
        raise InvalidInput(
            f"evidence takes {low} to {high} characters: where you looked and what it said.", path=["input", "evidence"]
        )
    await find.find(scope, refund_id)
    async with transaction():
        refund = await lock(refund_id)
        attempt = await _checked_doubt(refund)
        await _check_name(refund, verdict, pse_reference)
        if verdict is Verdict.NOT_PAID:
            await _check_grace(refund)
        said = _Said(verdict, evidence.strip(), pse_reference)
        confirmed = await _propose_or_confirm(principal, refund, attempt, said, cause)
        if confirmed:
            await record_locked(refund, _outcome(said), Source(Door.PERSON), cause)
    await bell.wake(bell.refund_channel(refund_id))
    return DoubtResolved(await Refund.get(id=refund_id), confirmed)


@dataclass(frozen=True, slots=True)
class _Said:
    """What a person says: the verdict, where it was seen, and the PSE's name of the refund."""

    verdict: Verdict
    evidence: str
    pse_reference: str | None


async def _check_name(refund: Refund, verdict: Verdict, name: str | None) -> None:
    """Raises InvalidInput for a name that cannot be this refund's."""
    if name is None:
        return
    path = ["input", "pseReference"]
    if verdict is not Verdict.PAID:
        raise InvalidInput("Only a refund that is PAID has a pseReference to name.", path=path)
    if not (0 < len(name) <= NAME_LENGTH_MAX and name.isascii() and name.isprintable() and " " not in name):
        said = f"pseReference takes 1 to {NAME_LENGTH_MAX} printable ASCII characters without spaces."
        raise InvalidInput(said, path=path)
    if refund.pse_refund_reference not in (None, name):
        raise InvalidInput(f"The PSE has named this refund {refund.pse_refund_reference} itself.", path=path)
    if (why := await pse_names.why_not(refund, name)) is not None:
        raise InvalidInput(why, path=path)


async def _checked_doubt(refund: Refund) -> int:
    live = await rows(
        "SELECT number, ended_at, claimed_until > now() AS held FROM attempts WHERE refund_id = $1 "
        "ORDER BY number DESC LIMIT 1",
        refund.id,
    )
    in_doubt = refund.state in (State.SUBMITTED, State.PENDING, State.MANUAL)
    if refund.state in (State.REQUESTED, State.MANUAL):  # only one that was sent, is not known, and is sent again
        in_doubt = (await schedule.sends_of(refund.id)).count > 0
    if not in_doubt or not live or (live[0]["ended_at"] is None and live[0]["held"]):
        raise InvalidState(
            "Only a refund whose outcome is not known, and that is not being sent right now, can be resolved.",
            path=["input", "refundId"],
            current_state=refund.state,
        )
    number: int = live[0]["number"]
    return number


async def _check_grace(refund: Refund) -> None:
    """A send that has just ended may arrive yet: what the back office does not show now proves nothing."""
    payment = await Payment.get(id=refund.payment_id)
    connection = await Connection.get(id=refund.connection_id)
    sends = await schedule.sends_of(refund.id)
    known_by = sends.known_by(capability(connection.pse, payment.method))
    if sends.now < known_by:
        raise InvalidState(
            f"The last send may arrive yet; look at the PSE's back office after {known_by.isoformat()}.",
            path=["input", "refundId"],
            current_state=refund.state,
        )


async def _propose_or_confirm(principal: Principal, refund: Refund, attempt: int, said: _Said, cause: Cause) -> bool:
    if said.verdict is Verdict.NOT_PAID and not await _reported_since(refund):
        early, had = Permission.RESOLVE_DOUBT_EARLY, Permission.RESOLVE_DOUBT
        await find.check_also(principal, refund.id, early, had=had)
    found = await rows(
        # A vote counts for the refund as it was: not after another send, nor after a move.
        "SELECT id, verdict, pse_reference, proposed_by, proposed_by_id, proposed_at, attempt = $2 AND NOT EXISTS ("
        "  SELECT 1 FROM events e WHERE e.refund_id = $1 AND e.previous_state <> e.state "
        "  AND e.occurred_at > v.proposed_at) AS counts "
        "FROM doubt_verdicts v WHERE refund_id = $1 AND withdrawn_at IS NULL AND confirmed_at IS NULL",
        refund.id,
        attempt,
    )
    same = found and (found[0]["verdict"], found[0]["pse_reference"]) == (said.verdict, said.pse_reference)
    if not same or not found[0]["counts"] or await second.suspended({found[0]["proposed_by_id"]} - {None}):
        await _propose(principal, refund, attempt, said, found, cause)
        return False
    proposer = found[0]
    same = await vouching.is_same(principal, proposer["proposed_by_id"], proposer["proposed_at"])
    if same or same_person(proposer["proposed_by"], principal.holder):
        raise Forbidden(
            "You proposed this verdict yourself; another person must confirm it.", path=["input", "refundId"]
        )
    await execute(
        "UPDATE doubt_verdicts SET confirmed_by = $2, confirmed_by_id = $3, confirmed_at = now() WHERE id = $1",
        found[0]["id"],
        principal.holder,
        principal.party,
    )
    await _event(refund, "DOUBT_CONFIRMED", said, cause)
    return True


async def _propose(
    principal: Principal,
    refund: Refund,
    attempt: int,
    said: _Said,
    replaced: list[dict[str, Any]],
    cause: Cause,
) -> None:
    for row in replaced:  # People who disagree start again: the older proposal no longer counts.
        await execute("UPDATE doubt_verdicts SET withdrawn_at = now() WHERE id = $1", row["id"])
    await execute(
        "INSERT INTO doubt_verdicts (id, merchant_id, refund_id, attempt, verdict, evidence, pse_reference, "
        "  proposed_by, proposed_by_id, proposed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, now())",
        uuid4(),
        refund.merchant_id,
        refund.id,
        attempt,
        said.verdict.value,
        said.evidence,
        said.pse_reference,
        principal.holder,
        principal.party,
    )
    await _event(refund, "DOUBT_PROPOSED", said, cause)


async def _reported_since(refund: Refund) -> bool:
    """Whether a report of the connection was fetched that would have the refund's line, had the last send paid it.

    A line comes as many days later as the PSE's reports lag; of one that has no such reports (they may be handed in),
    it is the day after.
    """
    connection = await Connection.get(id=refund.connection_id)
    return bool(
        await rows(
            "SELECT 1 AS one FROM reports r WHERE r.connection_id = $2 AND r.superseded_at IS NULL "
            "AND r.business_date > (SELECT max(a.sent_at)::date + $3::int FROM attempts a WHERE a.refund_id = $1) "
            "LIMIT 1",
            refund.id,
            refund.connection_id,
            connector(connection.pse).report_lag_days or 0,
        )
    )


async def _event(refund: Refund, kind: str, said: _Said, cause: Cause) -> None:
    detail = {"pse_reference": said.pse_reference} if said.pse_reference else {}
    if said.pse_reference is not None and said.pse_reference == refund.pse_refund_reference:
        detail["named_by"] = "PSE"  # nothing corrects it later (domain/refunds/corrected)
    await append(
        {"id": refund.id, "merchant_id": refund.merchant_id},
        kind,
        refund.state,
        cause,
        previous=refund.state,
        code=said.verdict,
        message=said.evidence,
        detail=detail or None,
    )


def _outcome(said: _Said) -> Outcome:
    if said.verdict is Verdict.PAID:
        return Succeeded(said.pse_reference, code="RESOLVED_BY_PERSON")
    return Declined("RESOLVED_BY_PERSON", said.evidence)
