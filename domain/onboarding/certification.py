"""Certification: the refunds that a connection must have made before its money is real, and what came of them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from domain.access.principal import Whose
from domain.cause import Cause
from domain.connections.connections import SENDING
from domain.models import Answer, Attempt, Call, CertificationCase, CertificationRun, Connection, Refund
from domain.models.connections import ConnectionState
from domain.onboarding import applications, runs
from domain.platform import pace
from domain.platform.database import execute, transaction
from domain.problems import InvalidInput, InvalidState

LEASE_SECONDS: Final = 300.0
PAYMENTS_MAX: Final = 10
_SAID_MAX: Final = 2_000


class CaseName(StrEnum):
    """What is proven, in the order in which it is played."""

    FULL = "FULL"
    PARTIAL = "PARTIAL"
    ABOVE_THE_REMAINDER = "ABOVE_THE_REMAINDER"
    DUPLICATE = "DUPLICATE"
    REFUSED = "REFUSED"
    TIMEOUT = "TIMEOUT"
    SIGNATURE = "SIGNATURE"
    LATE_RETURN = "LATE_RETURN"
    REPORT = "REPORT"


class CaseOutcome(StrEnum):
    """SKIPPED: it cannot be provoked there; the same series in Estorno's own sandbox proves it."""

    PASSED = "PASSED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"


# Without these a connection is not certified: a PSE's own test environment lets all of them be played.
NEEDED: Final = frozenset({CaseName.FULL, CaseName.PARTIAL, CaseName.ABOVE_THE_REMAINDER, CaseName.DUPLICATE})
PAID: Final = (CaseName.FULL, CaseName.PARTIAL, CaseName.DUPLICATE)  # a payment each, which a person has made there


@dataclass(frozen=True, slots=True)
class Case:
    """What came of one. `evidence`: ids of requests, here and at the PSE, by which anybody can look it up."""

    name: CaseName
    outcome: CaseOutcome
    said: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


async def ask_for(
    whose: Whose, connection_id: UUID, payments: Sequence[str], cause: Cause, *, test_environment: bool
) -> CertificationRun:
    """Have the series played now; one that is being played is given.

    Raises NotFound, InvalidInput, InvalidState, RateLimited.

    `payments`: the PSE's references of captured payments, one for each of PAID; of Estorno's own sandbox none. It is a
    person who says that the connection is of the PSE's `test_environment`: money of customers must not be moved.
    """
    connection = await runs.managed(whose, connection_id)
    check_state(connection, payments)
    if payments and not test_environment:
        said = "Say testEnvironment: the series refunds these payments, so they must be of the PSE's test environment."
        raise InvalidInput(said, path=["input", "testEnvironment"])
    if payments and not len(PAID) <= len(set(payments)) <= PAYMENTS_MAX:
        raise InvalidInput(f"Name {len(PAID)} captured payments that nobody needs.", path=["input", "payments"])
    named = {case.value: {"reference": name[:200]} for case, name in zip(PAID, payments, strict=False)}
    async with transaction():
        await pace.keep({f"certification/{connection.id}": pace.CERTIFICATIONS_OF_CONNECTION}, "certifications")
        return await runs.begin(CertificationRun, connection, cause, payments=json.dumps(named))


def check_state(connection: Connection, payments: Sequence[str]) -> None:
    """Raises InvalidState where the series cannot be played, or would move money of customers.

    A connection that is live is never tried with payments of its PSE, whatever a person says of them: an account at
    Estorno's own sandbox names none.
    """
    playable = (ConnectionState.SANDBOX, ConnectionState.CERTIFIED)
    if connection.state in playable or (connection.state in SENDING and not payments):
        return
    raise InvalidState(
        f"A connection is certified once its review is done and before it goes live; this one is {connection.state}.",
        path=["input", "connectionId"],
        current_state=connection.state,
    )


async def keep_payments(run: CertificationRun, payments: Mapping[str, Any]) -> None:
    """What the series is played with, by case: the same ones when its worker dies and another goes on."""
    run.payments = dict(payments)
    await CertificationRun.filter(id=run.id).update(payments=run.payments)


async def keep(run: CertificationRun, case: Case) -> None:
    """What came of a case, once."""
    await execute(
        "INSERT INTO certification_cases (run_id, name, outcome, said, evidence, at) "
        "VALUES ($1, $2, $3, $4, $5::jsonb, now()) ON CONFLICT DO NOTHING",
        run.id,
        case.name.value,
        case.outcome.value,
        case.said.replace("\x00", "")[:_SAID_MAX],
        json.dumps(dict(case.evidence), default=str),
    )


async def cases_of(run_ids: Sequence[UUID]) -> dict[UUID, list[CertificationCase]]:
    """The cases of each run that are played, in their order."""
    order = {name.value: place for place, name in enumerate(CaseName)}
    found: dict[UUID, list[CertificationCase]] = {}
    for row in await CertificationCase.filter(run_id__in=list(run_ids)):
        found.setdefault(row.run_id, []).append(row)
    return {run: sorted(cases, key=lambda one: order.get(one.name, len(order))) for run, cases in found.items()}


def outcome_of(cases: Sequence[CertificationCase]) -> CaseOutcome:
    """PASSED where no case failed and those that are NEEDED passed."""
    outcomes = {case.name: case.outcome for case in cases}
    needed = all(outcomes.get(name.value) == CaseOutcome.PASSED for name in NEEDED)
    return CaseOutcome.PASSED if needed and CaseOutcome.FAILED not in outcomes.values() else CaseOutcome.FAILED


async def report_of(run: CertificationRun, connection: Connection) -> dict[str, Any]:
    """What is signed: which connection, by whom, when, and each case with its evidence."""
    cases = (await cases_of([run.id])).get(run.id, [])
    return {
        "format": "estorno-certification/1",
        "run": str(run.id),
        "request_id": run.request_id,
        "asked_by": run.asked_by,
        "connection": {"id": str(connection.id), "pse": connection.pse, "name": connection.name},
        "merchant": str(connection.merchant_id),
        "address": connection.base_url,
        "began_at": run.created_at.astimezone(UTC).isoformat(timespec="seconds"),
        "ended_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "outcome": outcome_of(cases).value,
        "cases": [
            {"name": case.name, "outcome": case.outcome, "said": case.said, "evidence": case.evidence} for case in cases
        ],
    }


async def finish(run: CertificationRun, report: Mapping[str, Any], signature: str) -> None:
    """The series is played; a connection that was waiting for it to pass is certified by it, and by nothing else."""
    async with transaction():
        connection = await Connection.filter(id=run.connection_id).select_for_update(no_key=True).get()
        if not await runs.end(CertificationRun, run.id, str(report["outcome"])):
            return
        await CertificationRun.filter(id=run.id).update(report=dict(report), signature=signature)
        if report["outcome"] == CaseOutcome.PASSED:
            await applications.certified(connection, Cause(run.request_id, run.asked_by))


async def fail(run: CertificationRun, why: str) -> None:
    """The series could not be played to its end; `why` is a sentence."""
    await runs.end(CertificationRun, run.id, CaseOutcome.FAILED.value, why[:_SAID_MAX])


async def newest_of(connection_ids: Sequence[UUID]) -> dict[UUID, CertificationRun]:
    """Each connection's newest certification that has ended: a connection goes live if that one PASSED."""
    return await runs.newest_of(CertificationRun, connection_ids)


async def evidence_of(refund_id: UUID) -> dict[str, Any]:
    """By what anybody can look a refund up, here and at the PSE."""
    refund = await Refund.get(id=refund_id)
    calls = await Call.filter(refund_id=refund_id).order_by("sent_at", "id").limit(20)
    answers = {one.call_id: one for one in await Answer.filter(call_id__in=[call.id for call in calls])}
    return {
        "refund": str(refund.id),
        "reference": refund.reference,
        "request_id": refund.request_id,
        "pse_reference": refund.pse_refund_reference,
        "state": refund.state.value,
        "attempts": await Attempt.filter(refund_id=refund_id).count(),
        "calls": [_call(call, answers.get(call.id)) for call in calls],
    }


def _call(call: Call, answer: Answer | None) -> dict[str, Any]:
    return {
        "id": str(call.id),
        "purpose": call.purpose,
        "status": answer.status if answer else None,
        "pse_request_id": answer.pse_request_id if answer else None,
        "error": answer.error if answer else None,
    }
