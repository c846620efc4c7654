"""The programs that the command line starts. Rooms that it may not import are started by their module's name."""

import os
import sys
from typing import Annotated, NoReturn

import typer

from domain.platform.settings import Settings
from jobs.cli import commands
from jobs.cli.commands import CommandError
from jobs.machine.ports import check_port
from jobs.machine.up import serving


def up(
    demo: Annotated[bool, typer.Option(help="Play one demo day against the sandbox.")] = False,
    once: Annotated[bool, typer.Option(help="End after the demo day.")] = False,
    tamper: Annotated[
        bool, typer.Option(help="Change one number in the sandbox's log: the demo must then fail.")
    ] = False,
) -> None:
    """Start everything on this machine and serve until Ctrl-C."""
    if (once or tamper) and not demo:
        raise CommandError("--once and --tamper go with --demo.")
    settings = Settings.read()
    if demo and settings.trusted_documents:
        raise CommandError(
            "The demo sends documents of its own, which ESTORNO_TRUSTED_DOCUMENTS would refuse: run it without, and "
            "beside it, in a second terminal with the same ESTORNO_HOME, `ESTORNO_PORT=8001 "
            f"ESTORNO_TRUSTED_DOCUMENTS={','.join(settings.trusted_documents)} estorno api`."
        )
    from jobs.machine import serve

    raise typer.Exit(0 if serve.run(settings, demo=demo, once=once, tamper=tamper) else 1)


def api() -> None:
    """Serve GraphQL and webhooks."""
    settings = commands.ready(Settings.read())
    check_port(settings.host, settings.port)
    _become("api.server", settings=settings)


def worker(
    queue: Annotated[str, typer.Option(help="refunds: PSE calls and webhooks; batch: reconciliation.")] = "refunds",
) -> None:
    """Work off one queue."""
    if queue not in ("refunds", "batch"):
        raise CommandError(f"There is no queue {queue!r}; there are refunds and batch.")
    settings = commands.ready(Settings.read())
    _become("jobs.worker", queue, settings=settings)


def timetable() -> None:
    """Run what happens by the clock; of several, one leads."""
    settings = commands.ready(Settings.read())
    _become("jobs.timetable", settings=settings)


def sandbox(
    port: Annotated[int, typer.Option(help="Where it listens on 127.0.0.1.", min=1, max=65535)] = 8900,
    host: Annotated[str, typer.Option(help="The address it listens on.")] = "127.0.0.1",
) -> None:
    """Play the PSEs' side of the wire."""
    commands.need_checkout("sandbox")
    check_port(host, port)
    _become("tests.sandbox", "--port", str(port), "--host", host)


def _become(module: str, *arguments: str, settings: Settings | None = None) -> NoReturn:
    """This process becomes the program, with those settings: signals reach it directly."""
    environment = {**os.environ, **(serving(settings) if settings else {})}
    os.execve(sys.executable, [sys.executable, "-m", module, *arguments], environment)  # noqa: S606 - our own programs
