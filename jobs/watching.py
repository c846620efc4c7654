"""The metrics of a worker or a timetable, at a port of their own: for the network inside, which is who reaches it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog
from prometheus_client import CollectorRegistry, start_http_server

from domain.platform import metrics
from domain.platform.settings import Settings
from domain.watching.standing import Census

_log = structlog.get_logger()


@asynccontextmanager
async def watched(settings: Settings, *, standing: bool = False) -> AsyncIterator[None]:
    """Tell the process's metrics while it works; `standing`: how all stands by the database, too.

    A port that is taken costs the metrics and nothing else: money goes on.
    """
    if not settings.metrics_port:
        yield
        return
    whole = CollectorRegistry(auto_describe=True)
    whole.register(_Process())
    reading = asyncio.create_task(_read(whole)) if standing else None
    server = None
    try:
        server, _ = start_http_server(settings.metrics_port, settings.host, whole)
    except OSError as error:
        _log.error("metrics.untold", port=settings.metrics_port, error=str(error))
    try:
        yield
    finally:
        if reading:
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading
        if server:
            await asyncio.to_thread(server.shutdown)
            server.server_close()


async def _read(whole: CollectorRegistry) -> None:
    stands = Census()
    whole.register(stands)
    await stands.run()


class _Process(metrics.Collector):
    """What the process counts of itself."""

    def collect(self) -> metrics.Collected:
        return metrics.REGISTRY.collect()
