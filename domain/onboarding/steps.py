"""The history of an application: each step, and what was changed between two, is a row that stays."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from domain.access import vouching
from domain.access.holders import same_person
from domain.access.principal import Principal
from domain.cause import Cause
from domain.models import Connection, OnboardingDocument, OnboardingStep
from domain.models.connections import ConnectionState
from domain.onboarding.states import STEPS
from domain.platform.children import first_of_each


async def append(connection: Connection, before: ConnectionState, actor: str, said: str | None, cause: Cause) -> None:
    """Write that the locked connection has come from `before` to where it is."""
    last = await OnboardingStep.filter(connection_id=connection.id).order_by("-sequence").first()
    await OnboardingStep.create(
        connection_id=connection.id,
        sequence=last.sequence + 1 if last else 1,
        from_state=before,
        to_state=connection.state,
        actor=actor[:200],
        party_id=cause.party,
        comment=said,
        request_id=cause.request_id,
    )


async def note(connection: Connection, actor: str, said: str, cause: Cause) -> None:
    """Write what was done to the locked connection, which stays where it is."""
    await append(connection, connection.state, actor, said, cause)


async def is_a_maker(principal: Principal, connection: Connection) -> bool:
    """Whether they have made the application what it is: applied, typed keys, handed in what stands, submitted.

    By who answers for each, and whoever may be behind them; by their names, too, of which older ones have nothing else.
    """
    if await is_a_maker_themselves(principal, connection):
        return True
    for party in {party for party, _ in await _made(connection)}:
        if await vouching.is_same(principal, party, connection.created_at):
            return True
    return False


async def is_a_maker_themselves(principal: Principal, connection: Connection) -> bool:
    """Whether it was they, and not only somebody who may be behind them."""
    made = await _made(connection)
    return any(party == principal.party or same_person(name, principal.holder) for party, name in made)


async def _made(connection: Connection) -> list[tuple[UUID | None, str]]:
    """Who has made the application what it is, and their names."""
    steps = [one for one in await OnboardingStep.filter(connection_id=connection.id) if _makes(one)]
    standing = OnboardingDocument.filter(connection_id=connection.id, superseded_at=None)
    return [(one.party_id, one.actor) for one in steps] + [(one.party_id, one.created_by) for one in await standing]


def _makes(step: OnboardingStep) -> bool:
    rule = STEPS.get((step.from_state, step.to_state))
    return rule is None or not rule.reviews and step.to_state is not ConnectionState.CERTIFIED


async def of_all(connections: Sequence[UUID], first: int) -> Mapping[UUID, list[OnboardingStep]]:
    """The steps of each connection, newest first, at most `first` of each."""
    return await first_of_each(OnboardingStep, connections, key="connection_id", order="sequence DESC", limit=first)
