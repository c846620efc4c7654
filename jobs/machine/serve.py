"""`estorno up` from the first server to the last: servers, migrations, processes, and the demo day if wanted."""

import asyncio
from collections.abc import Sequence
from typing import Final

from domain.addresses import names
from domain.platform import data_keys, database, migrate
from domain.platform.log import configure
from domain.platform.settings import Settings
from jobs.demo import run as demo_run
from jobs.demo import stage
from jobs.machine import up
from jobs.machine.children import ChildError
from jobs.machine.ports import check_port, free_port
from jobs.machine.supervisor import Supervisor

_WRITER: Final = "Estorno <alerts@estorno.example>"  # of the demo's mail, which goes to the sandbox's relay alone


def run(settings: Settings, *, demo: bool, once: bool, tamper: bool) -> bool:
    """Serve until a signal (or, with `once`, until the demo day is over); False when the demo day failed."""
    if demo:
        settings = settings.with_(
            host="127.0.0.1", port=_demo_port(settings), log_format="console", introspection=True, sweep_seconds=1.0
        )
        settings = settings.with_(public_url=settings.public_url or f"http://{settings.host}:{settings.port}")
    configure(settings)
    check_port(settings.host, settings.port)
    with up.only_one(settings.home):
        return asyncio.run(_run(settings, demo=demo, once=once, tamper=tamper))


def _demo_port(settings: Settings) -> int:
    """The port of the settings, else a free one: a demo should not fail because something else listens on 8000."""
    try:
        check_port("127.0.0.1", settings.port)
    except ChildError:
        return free_port()
    return settings.port


async def _run(settings: Settings, *, demo: bool, once: bool, tamper: bool) -> bool:
    # Children are started in the main thread, which lives as long as we do: their lives are tied to it.
    family = up.family(settings)
    supervisor = Supervisor()
    results: list[bool] = []
    try:
        supervisor.start(family.servers)
        settings = family.settings
        if demo:
            await stage.clear(settings.owner_url)
        app = database.user_of(settings.database_url)
        await migrate.run(settings.owner_url, app, provider=bool(settings.oidc_issuer))
        data_keys.configure(settings)
        await up.try_key(settings)  # before any process that would end over it
        with up.card_of(settings):
            await _serve(supervisor, settings, results, demo=demo, once=once, tamper=tamper)
    finally:
        supervisor.stop_all()
    return came_out(results, once=once)


def came_out(results: Sequence[bool], *, once: bool) -> bool:
    """Whether what was wanted was done well: a demo day that a signal has ended has no result."""
    return all(results) and (bool(results) or not once)


async def _serve(
    supervisor: Supervisor, settings: Settings, results: list[bool], *, demo: bool, once: bool, tamper: bool
) -> None:
    port = free_port()
    if demo:
        settings = settings.with_(private_hosts=(*settings.private_hosts, f"127.0.0.1:{port}"))
        settings = settings.with_(
            smtp_host="127.0.0.1", smtp_port=free_port(), smtp_tls="none", smtp_from=_WRITER, smtp_user=""
        )
        names.open_places(settings.private_hosts)
    supervisor.start(up.workers(settings, quiet=demo))
    if demo:
        supervisor.start([up.sandbox(settings, port)])
    else:
        print(f"Estorno serves at http://{settings.host}:{settings.port}/graphql; Ctrl-C ends it.", flush=True)

    async def play() -> None:
        results.append(await demo_run.run(settings, port, tamper=tamper, once=once))
        if not once:
            await asyncio.Event().wait()

    await supervisor.run(play if demo else None)
