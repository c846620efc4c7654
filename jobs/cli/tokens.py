"""`estorno token`: a token of a merchant's, made where the database is."""

from typing import Annotated

import typer

from domain.platform.settings import Settings
from jobs.cli import commands

token = typer.Typer(help="Bearer tokens.", no_args_is_help=True)


@token.command()
def create(
    merchant: Annotated[str, typer.Option(help="The merchant's id, or its name where that is unique.")],
    role: Annotated[
        str, typer.Option(help="REQUESTER, APPROVER, ACCOUNTANT, SUPPORT, DEVELOPER, AUDITOR, ADMIN or PLATFORM_ADMIN.")
    ],
    holder: Annotated[str, typer.Option(help="The person or program it is for; four eyes compare holders.")],
    hours: Annotated[int, typer.Option(help="How long it works.", min=1, max=24 * 366)] = 24,
) -> None:
    """Make a bearer token. It is shown once."""
    typer.echo(commands.create_token(commands.ready(Settings.read(), need_redis=False), merchant, role, holder, hours))
