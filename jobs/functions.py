"""The functions that arq calls, by a job's name: a door each to the room that does it.

arq may run a job twice, late or never: PostgreSQL decides what is due (a job carries an id and nothing else).
"""

from datetime import date
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import structlog

from domain.platform import bell
from domain.platform.settings import Settings
from domain.reconciliation.nights import FutureDate
from jobs import batches as batch_jobs
from jobs import beside
from jobs import certification as certification_jobs
from jobs import exports as export_jobs
from jobs import handed_in as handed_in_jobs
from jobs import inbox as inbox_jobs
from jobs import notices as notice_jobs
from jobs import onboarding as onboarding_jobs
from jobs import reconciliation as reconciliation_jobs
from jobs import refunds as refund_jobs
from jobs import shops as shop_jobs
from jobs import sources as source_jobs
from jobs.beside import ArqContext

# What takes longer than a step of a refund: a PSE is asked a dozen things, each within the limit of one send.
# A certification mostly waits, for refunds that jobs of this very queue send.
_PREFLIGHT_SECONDS_MAX: Final = 240.0
_CERTIFY_SECONDS_MAX: Final = 1_800.0
_SHOP_SECONDS_MAX: Final = 540.0  # a sweep reads page by page; its lease is longer
_log = structlog.get_logger()


async def refund(ctx: ArqContext, subject: str) -> None:
    """One step of a refund, by its id."""
    with structlog.contextvars.bound_contextvars(refund=subject):
        await refund_jobs.step(UUID(subject), ctx["sender"], ctx["settings"])


async def notice(ctx: ArqContext, subject: str) -> None:
    """Apply a stored webhook, by its id."""
    await notice_jobs.apply(UUID(subject), ctx["sender"])


async def preflight(ctx: ArqContext, subject: str) -> None:
    """The preflight of a connection, by its run's id."""
    made = onboarding_jobs.run_preflight(UUID(subject), ctx["sender"], ctx["settings"])
    beside.by_itself(ctx, made, _PREFLIGHT_SECONDS_MAX)


async def shop_notice(ctx: ArqContext, subject: str) -> None:
    """Work out what a shop said, by its message's id: beside the jobs, for a shop may be asked many things."""
    await beside.of_shop(ctx, bell.SHOP_NOTICE, subject, shop_jobs.apply, _SHOP_SECONDS_MAX)


async def shop_refund(ctx: ArqContext, subject: str) -> None:
    """Work out a shop's refund, or tell the shop what became of it, by its id."""
    await beside.of_shop(ctx, bell.SHOP_REFUND, subject, shop_jobs.step, _SHOP_SECONDS_MAX)


async def shop(ctx: ArqContext, subject: str) -> None:
    """Look for what a shop has not told, by its id."""
    await beside.of_shop(ctx, bell.SHOP, subject, shop_jobs.look_at, _SHOP_SECONDS_MAX)


async def shop_check(ctx: ArqContext, subject: str) -> None:
    """The preflight of a shop, by its run's id."""
    await beside.of_shop(ctx, bell.SHOP_CHECK, subject, shop_jobs.run_check, _PREFLIGHT_SECONDS_MAX)


async def certify(ctx: ArqContext, subject: str) -> None:
    """The certification of a connection, by its run's id."""
    made = certification_jobs.run_certification(UUID(subject), ctx["sender"], ctx["settings"])
    beside.by_itself(ctx, made, _CERTIFY_SECONDS_MAX)


async def deliver(ctx: ArqContext, subject: str) -> None:
    """What is due on an endpoint, by its id: beside the jobs, for it may wait for a stranger's server."""
    ctx["deliverer"].begin(UUID(subject))


async def reconcile(ctx: ArqContext, subject: str) -> None:
    """The night of a connection's business date, by `connection/date`."""
    connection, _, day = subject.partition("/")
    try:
        await reconciliation_jobs.run(UUID(connection), date.fromisoformat(day), ctx["sender"])
    except FutureDate as error:
        _log.warning("reconciliation.refused", connection=connection, error=str(error))


async def handed_in(ctx: ArqContext, subject: str) -> None:
    """Enter a report that somebody has uploaded, by its id."""
    await handed_in_jobs.take(UUID(subject), ctx["sender"], ctx["settings"])


async def source(ctx: ArqContext, subject: str) -> None:
    """Look for reports at a server of a PSE, by the source's id."""
    await source_jobs.visit(UUID(subject), ctx["sender"], ctx["settings"])


async def inbox(ctx: ArqContext, subject: str) -> None:
    """Look for reports in the watched folder."""
    settings: Settings = ctx["settings"]
    if settings.report_inbox:
        try:
            await inbox_jobs.visit(Path(settings.report_inbox), ctx["sender"])
        except OSError as error:
            _log.error("inbox.away", folder=settings.report_inbox, error=str(error))


async def export(ctx: ArqContext, subject: str) -> None:
    """Make an export, by its id."""
    await export_jobs.export(UUID(subject), ctx["settings"])


async def decisions(ctx: ArqContext, subject: str) -> None:
    """Apply a sheet of decisions, by its batch's id."""
    await export_jobs.decisions(UUID(subject), ctx["settings"])


async def batch(ctx: ArqContext, subject: str) -> None:
    """Judge a sheet of refunds or payments, or work it off, by its id."""
    await batch_jobs.batch(UUID(subject), ctx["settings"])


JOBS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "refunds": (
        bell.REFUNDS_QUEUE,
        {
            bell.REFUND: refund,
            bell.NOTICE: notice,
            bell.PREFLIGHT: preflight,
            bell.CERTIFY: certify,
            bell.DELIVER: deliver,
            bell.SHOP: shop,
            bell.SHOP_NOTICE: shop_notice,
            bell.SHOP_REFUND: shop_refund,
            bell.SHOP_CHECK: shop_check,
        },
    ),
    "batch": (
        bell.BATCH_QUEUE,
        {
            bell.RECONCILE: reconcile,
            bell.HANDED_IN: handed_in,
            bell.SOURCE: source,
            bell.INBOX: inbox,
            bell.EXPORT: export,
            bell.DECISIONS: decisions,
            bell.BATCH: batch,
        },
    ),
}
