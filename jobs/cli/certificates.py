"""`estorno certificate`: whether a report of certification is ours, and whole."""

from pathlib import Path
from typing import Annotated

import typer

from domain.platform.settings import Settings
from jobs.cli import onboarding

certificate = typer.Typer(help="Signed reports of certifications.", no_args_is_help=True)


@certificate.command("verify")
def verify_certificate(file: Annotated[Path, typer.Argument(help="The signed report, as JSON.")]) -> None:
    """Say whether a report is as this installation signed it; exit 1 when it is not."""
    typer.echo(onboarding.verify(Settings.read(), file))
