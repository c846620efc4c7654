"""Taking a step: what must be there first, who may, and that another person has looked.

Each step is a row that stays. The database refuses a reviewer who is the submitter, whatever the code believes.
"""

from typing import Final
from uuid import UUID

from domain.access import vouching
from domain.access.holders import identity_of, same_person
from domain.access.principal import Principal
from domain.cause import Cause
from domain.connections import unheard
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.models import Connection, OnboardingStep
from domain.models.connections import ConnectionState
from domain.models.refunds import State
from domain.onboarding import documents, steps
from domain.onboarding.locks import locked
from domain.onboarding.states import STEPS, StateStep, from_here
from domain.platform.database import transaction
from domain.problems import Forbidden, InvalidInput, InvalidState
from domain.refunds import schedule

_COMMENT: Final = (5, 1000)
_S = ConnectionState


async def step(
    principal: Principal, connection_id: UUID, to: ConnectionState, comment: str | None, cause: Cause
) -> Connection:
    """Take the connection to another state. Taken twice by one person, it is taken once.

    Raises Forbidden, NotFound, InvalidInput, InvalidState.
    """
    principal.require_everywhere(*{one.permission for one in STEPS.values() if one.permission is not None})
    said = _comment(comment)
    async with transaction():
        connection = await locked(principal, connection_id)
        last = await OnboardingStep.filter(connection_id=connection_id).order_by("-sequence").first()
        if last and last.from_state is not to and connection.state is to and same_person(last.actor, principal.holder):
            return connection
        rule = STEPS.get((connection.state, to))
        if rule is None or rule.permission is None:
            raise _no_way(connection, to)
        principal.require_everywhere(rule.permission)
        await _check(principal, connection, to, rule, said)
        await _take(connection, to, principal.holder, said, cause)
    return connection


async def certified(connection: Connection, cause: Cause) -> None:
    """Its certification has passed. For the job that ran it, inside its transaction, with the connection locked."""
    if connection.state is _S.SANDBOX:
        await _take(connection, _S.CERTIFIED, cause.actor, None, cause)


def _comment(comment: str | None) -> str | None:
    said = comment.strip() if comment else None
    low, high = _COMMENT
    if said and not (low <= len(said) <= high and said.replace("\n", " ").isprintable()):
        raise InvalidInput(f"comment takes {low} to {high} printable characters.", path=["input", "comment"])
    return said or None


def _no_way(connection: Connection, to: ConnectionState) -> InvalidState:
    ways = ", ".join(from_here(connection.state)) or "nothing"
    return InvalidState(
        f"A connection that is {connection.state} cannot become {to}; it can become {ways}.",
        path=["input", "connectionId"],
        current_state=connection.state,
    )


async def _check(
    principal: Principal, connection: Connection, to: ConnectionState, rule: StateStep, said: str | None
) -> None:
    if rule.says_why and said is None:
        raise InvalidInput("Say why, in `comment`: whoever comes after you reads it.", path=["input", "comment"])
    if rule.reviews and await steps.is_a_maker(principal, connection):
        raise Forbidden(await _why_not(principal, connection), path=["input", "connectionId"])
    standing = await documents.of_all([connection.id], len(documents.REQUIRED))
    if to is _S.SUBMITTED and (lacking := documents.missing(standing.get(connection.id, []))):
        raise InvalidInput(f"Hand in first: {', '.join(lacking)}.", path=["input", "connectionId"])


async def _why_not(principal: Principal, connection: Connection) -> str:
    said = (
        "Who applied for a connection, typed its keys, handed in its documents or submitted it neither reviews it "
        "nor lets it go live; ask another person with REVIEW_CONNECTIONS."
    )
    if await steps.is_a_maker_themselves(principal, connection):
        return said
    return (
        f"{said} You signed in by a link that one of them made, or one of them by a link of yours: {vouching.ADVICE}."
    )


async def _take(connection: Connection, to: ConnectionState, actor: str, said: str | None, cause: Cause) -> None:
    before, connection.state = connection.state, to
    if to is _S.SUBMITTED:
        connection.submitted_by, connection.reviewed_by = identity_of(actor), None
    elif STEPS[(before, to)].reviews:
        connection.reviewed_by = identity_of(actor)
    await connection.save(update_fields=["state", "submitted_by", "reviewed_by"])
    if before is _S.SUSPENDED:
        await schedule.wake(connection.id, State.REQUESTED, State.SUBMITTED, State.PENDING)
        await unheard.try_again(connection.id)
    await steps.append(connection, before, actor, said, cause)
    what = {"state": [before.value, to.value], **({"comment": [None, said]} if said else {})}
    await deeds.note(connection.merchant_id, _operation(before, to), Of("connection", connection.id), cause, what)


def _operation(before: ConnectionState, to: ConnectionState) -> str:
    """The mutation that takes this step; a certification's is nobody's."""
    known = {
        _S.SUBMITTED: "connectionSubmit",
        _S.SUSPENDED: "connectionSuspend",
        _S.ACTIVE: "connectionActivate",
        _S.CERTIFIED: "connectionCertified",
    }
    if to is _S.DRAFT and before is not _S.UNDER_REVIEW:
        return "connectionReopen"
    return known.get(to, "connectionReview")
