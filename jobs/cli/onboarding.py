"""`estorno preflight`, `estorno certify`, `estorno certificate verify`: what a connection's PSE says, at 80 columns."""

import asyncio
import logging
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final
from uuid import uuid4

import structlog

from domain.cause import Cause
from domain.models import CertificationCase, CertificationRun, Connection, PreflightCheck, PreflightRun
from domain.onboarding import certificate, certification, preflight
from domain.onboarding.certificate import NotGenuine
from domain.onboarding.certification import CaseName
from domain.platform import bell
from domain.platform.database import OPERATOR, connected
from domain.platform.settings import Settings
from jobs import onboarding
from jobs.cli.commands import CommandError, one
from jobs.cli.printing import WIDTH
from jobs.wire.sender import Sender

_ACTOR: Final = "the command line"
_LOOK_SECONDS: Final = 0.5
_NOBODY_SECONDS: Final = 10.0
Tell = Callable[[str], None]


def run_preflight(settings: Settings, name: str) -> tuple[PreflightRun, Sequence[PreflightCheck]]:
    """The preflight of the connection of that id or name, made now. Raises CommandError."""
    return asyncio.run(_preflight(settings, name))


async def _preflight(settings: Settings, name: str) -> tuple[PreflightRun, Sequence[PreflightCheck]]:
    # What a worker logs is told here in words.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    sender = Sender(settings.secret_key, settings.send_limit_seconds)
    async with connected(settings.database_url, pool_max=2, all_because=OPERATOR):
        try:
            connection: Connection = await one(Connection, name, "connection")
            asked = await preflight.ask_for(connection.merchant_id, connection.id, _cause("preflight"))
            await onboarding.run_preflight(asked.id, sender, settings)
            run = await _ended(asked)
        finally:
            await sender.close()
        return run, (await preflight.checks_of([run.id])).get(run.id, [])


async def _ended(asked: PreflightRun) -> PreflightRun:
    """The run at its end, which another worker may have been quicker to take."""
    for _ in range(round(preflight.LEASE_SECONDS / _LOOK_SECONDS)):
        run = await PreflightRun.get(id=asked.id)
        if run.outcome is not None:
            return run
        await asyncio.sleep(_LOOK_SECONDS)
    raise CommandError("The preflight has not ended; look for it again later.")


def run_certification(
    settings: Settings, name: str, payments: Sequence[str], *, test: bool, tell: Tell
) -> CertificationRun:
    """Have the workers play the series, and `tell` of each case as it is played. Raises CommandError."""
    return asyncio.run(_certification(settings, name, payments, test, tell))


async def _certification(
    settings: Settings, name: str, payments: Sequence[str], test: bool, tell: Tell
) -> CertificationRun:
    async with connected(settings.database_url, pool_max=2, all_because=OPERATOR):
        await bell.connect(settings.redis_url)
        try:
            connection: Connection = await one(Connection, name, "connection")
            asked = await certification.ask_for(
                connection.merchant_id, connection.id, payments, _cause("certify"), test_environment=test
            )
            await bell.ring(bell.CERTIFY, asked.id)
            return await _followed(asked, tell)
        finally:
            await bell.close()


async def _followed(asked: CertificationRun, tell: Tell) -> CertificationRun:
    told, waited = 0, 0.0
    while True:
        run = await CertificationRun.get(id=asked.id)
        cases = (await certification.cases_of([run.id])).get(run.id, [])
        for case in cases[told:]:
            told += 1
            tell(case_lines(case, told))
        if run.outcome is not None:
            return run
        waited += _LOOK_SECONDS
        if run.tries == 0 and waited == _NOBODY_SECONDS:
            tell("No worker has begun. Start `estorno worker` (and `estorno api` for webhooks).")
        await asyncio.sleep(_LOOK_SECONDS)


def check_lines(check: PreflightCheck) -> str:
    """A check in lines of at most 80 columns."""
    text = _entry(check.outcome, check.code, check.saw)
    return text if not check.what_to_do else "\n".join([text, _hanging(f"To do: {check.what_to_do}")])


def case_lines(case: CertificationCase, number: int) -> str:
    """A case in lines of at most 80 columns."""
    return _entry(case.outcome, f"{number}/{len(CaseName)} {case.name}", case.said)


def _entry(outcome: str, name: str, said: str) -> str:
    return "\n".join([f"{outcome:<12}{name}", _hanging(said)])


def _hanging(text: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent=" " * 12, subsequent_indent=" " * 12)


def write_report(settings: Settings, run: CertificationRun, folder: Path) -> Sequence[Path]:
    """The signed report as JSON and as a page in the folder. Raises CommandError."""
    if run.report is None or run.signature is None:
        return []
    stem = f"certification-{run.report['connection']['pse']}-{run.created_at:%Y-%m-%d}-{run.id.hex[-6:]}"
    written = {
        folder / f"{stem}.json": certificate.document(run.report, run.signature, settings.secret_key),
        folder / f"{stem}.html": certificate.page(run.report, run.signature, settings.secret_key),
    }
    try:
        for path, content in written.items():
            path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{folder} cannot be written to ({error.strerror}); name another folder by --out.") from None
    return list(written)


def verify(settings: Settings, path: Path) -> str:
    """What the file proves, in a sentence. Raises CommandError where it proves nothing."""
    try:
        verified = certificate.verify(path.read_text(encoding="utf-8"), settings.secret_key)
    except (OSError, UnicodeDecodeError):
        raise CommandError(f"{path} cannot be read.") from None
    except NotGenuine as error:
        raise CommandError(str(error)) from None
    if not verified.ours:
        raise CommandError("The signature fits, but another installation's key made it: ask who has that key.")
    report = verified.report
    about = f"{report['connection']['name']} at {report['connection']['pse']}"
    return f"Genuine: {about} {report['outcome']} on {report['ended_at']}, asked by {report['asked_by']}."


def _cause(what: str) -> Cause:
    return Cause(f"{what}-{uuid4()}", _ACTOR)
