"""Before money depends on a connection: its preflight, by itself every day and whenever somebody asks."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import structlog

from domain.cause import WORKER, Cause
from domain.connections.calls import About
from domain.connections.connections import credentials_of
from domain.models import Connection, PreflightRun
from domain.onboarding import certificates, preflight, runs
from domain.platform import bell
from domain.platform.database import door, for_all, for_merchant, unavailable
from domain.platform.secrets import Unsealable
from domain.platform.settings import Settings
from domain.platform.wrapping import KeyServiceAway
from domain.pse.checking import CheckCode, Checked, CheckOutcome
from domain.pse.registry import connector
from jobs.wire.ask import ask
from jobs.wire.sender import PREFLIGHT, Sender

_log = structlog.get_logger()


@door
async def run_preflight(run_id: UUID, sender: Sender, settings: Settings) -> None:
    """Make the run, if it is due: ask the PSE, keep what it says. After its lease a run that was left is due again."""
    run = await runs.take(PreflightRun, run_id, preflight.LEASE_SECONDS)
    if run is None:
        return
    with for_merchant(run.merchant_id):
        await _run_preflight(run, sender, settings)


async def _run_preflight(run: PreflightRun, sender: Sender, settings: Settings) -> None:
    if run.tries > runs.TRIES_MAX:
        await preflight.fail(run, "Its worker ended before it could be finished, more than once.")
        return
    try:
        await _preflight(run, sender, settings)
    except Exception as error:
        if unavailable(error):
            raise  # nothing can be written down; it is due again when its lease is over
        _log.exception("preflight.failed", run=str(run.id))
        await preflight.fail(run, f"{type(error).__name__}: see the log of the worker for {run.request_id}.")


async def _preflight(run: PreflightRun, sender: Sender, settings: Settings) -> None:
    connection = await Connection.get(id=run.connection_id)
    account = await preflight.account_of(connection, settings.webhook_url(connection.id))
    about = About(connection.merchant_id, connection.id, run.request_id, PREFLIGHT)
    asked = await ask(connector(connection.pse).setup(account), connection, about, sender)
    checks = [*asked.result, preflight.clock(asked.clocks), await _certificates(connection, settings)]
    await preflight.finish(run, connection, checks)
    _log.info("preflight.run", connection=connection.name, outcome=preflight.outcome_of(checks))


async def _certificates(connection: Connection, settings: Settings) -> Checked:
    try:
        secrets = (await credentials_of(connection, settings.secret_key)).secrets
    except (Unsealable, KeyServiceAway):
        said = "The connection's secrets do not open with this ESTORNO_SECRET_KEY."
        return Checked(
            CheckCode.CERTIFICATE, CheckOutcome.UNKNOWN, said, "Start Estorno with the key that sealed them."
        )
    found, now = certificates.certificates_in(secrets), datetime.now(UTC)
    await preflight.announce(connection, found, now)
    return certificates.check(found, now)


@door
async def ring_the_preflights() -> int:
    """Ask for the preflight of every connection whose turn it is; how many."""
    with for_all("the timetable's turn of every connection"):
        wanting = await preflight.wanting()
    for connection in wanting:
        cause = Cause(f"preflight-{uuid4()}", WORKER)
        with for_merchant(connection.merchant_id):
            run = await runs.begin(PreflightRun, connection, cause)
        await bell.ring(bell.PREFLIGHT, run.id)
    return len(wanting)
