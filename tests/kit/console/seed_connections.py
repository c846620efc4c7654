"""Connections on the way in: a draft with documents, what was looked at and tried, and one that its PSE refuses."""

from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import uuid4

from domain.connections import connections
from domain.connections.connections import NewConnection
from domain.models import CertificationRun, Connection
from domain.models.connections import ConnectionState
from domain.onboarding import certification, preflight, runs, steps
from domain.onboarding.certification import Case, CaseName, CaseOutcome
from domain.pse.checking import CheckCode, Checked, CheckOutcome
from tests.kit.console.world import CAUSE, Seeded
from tests.kit.factories import SECRETS

_STATES = (ConnectionState.DRAFT, ConnectionState.SANDBOX, ConnectionState.SUSPENDED)

QUERIES = {
    "connections/new": ["pse=pix"],
    "connections/codes": ["pse=stripe&code=insufficient_funds"],
}


async def seed(world: Seeded, copies: int) -> Mapping[str, str]:
    """Of each copy one draft, one to be certified that was looked at and tried, one that is suspended and refused."""
    found = ""
    for number in range(copies):
        for state in _STATES:
            made = await _one(world, f"{state.value.lower()}-{number}", state)
            if state is ConnectionState.SANDBOX:
                found = found or str(made.id)
                await _looked_at(world, made)
            elif state is ConnectionState.SUSPENDED:
                said = world.said("401 invalid_client")
                await Connection.filter(id=made.id).update(refused_since=datetime.now(UTC), refused_because=said)
    return {"connection": found}


async def _one(world: Seeded, name: str, state: ConnectionState) -> Connection:
    new = NewConnection(
        pse="pix",
        name=f"{name} {world.said('', 40)}".strip(),
        base_url="https://pix.example.com/api/v2",
        client_id=world.said("estorno-app"),
        secrets=SECRETS,
        default_store_id=world.shop.store.id,
        token_url="https://pix.example.com/oauth/token",
    )
    made = await connections.create(world.shop.id, new, world.settings.secret_key, state=state, connection_id=uuid4())
    await steps.note(made, "Bruno Lima <bruno@example.com>", world.said("Applied for."), CAUSE)
    return made


async def _looked_at(world: Seeded, made: Connection) -> None:
    looked = await preflight.ask_for(world.shop.id, made.id, CAUSE)
    checks = [
        Checked(CheckCode.CREDENTIALS, CheckOutcome.PASSED, "The PSE knows our key.", ""),
        Checked(
            CheckCode.CALLBACK_REGISTERED,
            CheckOutcome.FAILED,
            world.said("No webhook is registered for the key."),
            world.said("Register the webhook's address in the developer area."),
        ),
        Checked(CheckCode.REPORT_COLUMNS, CheckOutcome.NOT_ASKABLE, "", ""),
    ]
    await preflight.finish(looked, made, checks)
    tried = await certification.ask_for(world.shop.id, made.id, [], CAUSE, test_environment=False)
    for case, outcome in ((CaseName.FULL, CaseOutcome.PASSED), (CaseName.PARTIAL, CaseOutcome.FAILED)):
        await certification.keep(tried, Case(case, outcome, world.said("Refunded 10.00."), {}))
    await runs.end(CertificationRun, tried.id, "FAILED", world.said("A case has failed."))
