"""Playing a certification: the product's own way, from a registered payment to a report, with a PSE on the other side.

It asks, as any client does, and waits: the workers send, the PSE's webhooks come in at the door that is made for them.
"""

from uuid import UUID

import structlog

from domain.models import CertificationRun, Connection
from domain.onboarding import certificate, certification, runs
from domain.onboarding.certification import Case, CaseName, CaseOutcome
from domain.platform.database import door, for_merchant, unavailable
from domain.platform.settings import Settings
from domain.problems import Problem
from domain.pse.vocabulary import BadAnswer
from jobs.certification_cases import CASES, CasePlay
from jobs.certification_play import CannotPlay, Play, prepare
from jobs.wire.sandbox import hand_of
from jobs.wire.sender import Sender

_log = structlog.get_logger()


@door
async def run_certification(run_id: UUID, sender: Sender, settings: Settings) -> None:
    """Play the series, if it is due; cases that were played before a worker died stay as they are."""
    run = await runs.take(CertificationRun, run_id, certification.LEASE_SECONDS)
    if run is None:
        return
    with for_merchant(run.merchant_id):
        await _run_certification(run, sender, settings)


async def _run_certification(run: CertificationRun, sender: Sender, settings: Settings) -> None:
    if run.tries > runs.TRIES_MAX:
        await certification.fail(run, "Its worker ended before it could be finished, more than once.")
        return
    try:
        await _play(run, sender, settings)
    except CannotPlay as error:
        await certification.fail(run, str(error))
    except Exception as error:
        if unavailable(error):
            raise  # nothing can be written down; it is due again when its lease is over
        _log.exception("certification.failed", run=str(run.id))
        await certification.fail(run, f"{type(error).__name__}: see the log of the worker for {run.request_id}.")


async def _play(run: CertificationRun, sender: Sender, settings: Settings) -> None:
    connection = await Connection.get(id=run.connection_id)
    play = Play(run, connection, sender, settings, await hand_of(connection))
    await prepare(play)
    played = {case.name for case in (await certification.cases_of([run.id])).get(run.id, [])}
    for name, what in CASES.items():
        if name.value not in played:
            await certification.keep(run, await _case(play, name, what))
            await runs.hold(CertificationRun, run.id, certification.LEASE_SECONDS)
    report = await certification.report_of(run, connection)
    await certification.finish(run, report, certificate.sign(report, settings.secret_key))
    _log.info("certification.run", connection=connection.name, outcome=report["outcome"])


async def _case(play: Play, name: CaseName, what: CasePlay) -> Case:
    """A case that breaks has failed; the others are played all the same."""
    try:
        return await what(play, name)
    except CannotPlay as error:
        return Case(name, CaseOutcome.SKIPPED, str(error))
    except (Problem, BadAnswer, TimeoutError) as error:
        return Case(name, CaseOutcome.FAILED, f"{type(error).__name__}: {error}")
