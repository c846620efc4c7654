"""`estorno init`: the first merchant of an empty database, and its administrator."""

import asyncio
from typing import Annotated

import typer

from domain.access import first_merchant
from domain.access.first_merchant import FirstSteps
from domain.access.merchants import NewMerchant
from domain.platform.database import OPERATOR, connected
from domain.platform.settings import Settings
from jobs.cli import commands


def init(
    merchant: Annotated[str, typer.Option(prompt="Your company's name", help="Whose refunds they are.")],
    country: Annotated[str, typer.Option(prompt="Its country (ISO 3166, as BR)", help="ISO 3166, as BR.")],
    zone: Annotated[
        str,
        typer.Option(prompt="The zone of its books (as America/Sao_Paulo)", help="IANA; of the accounting date."),
    ],
    name: Annotated[str, typer.Option(prompt="Your name", help="The first administrator.")],
    email: Annotated[str, typer.Option(prompt="Your e-mail address", help="Who they are, for life.")],
) -> None:
    """Begin: the first merchant of an empty database, and its administrator, who gets a sign-in link."""
    settings = commands.ready(Settings.read(), need_redis=False)
    begun = asyncio.run(_begin(settings, NewMerchant(merchant, country, zone), name, email))
    typer.echo(
        f"{begun.merchant.name} is there, and {begun.person.name} is its administrator. Sign in once, within a day:"
    )
    typer.echo(f"  {settings.address}/sign-in/link/{begun.link.secret}")
    typer.echo("Next, for the commands that ask the API:")
    typer.echo(f'  export ESTORNO_TOKEN=$(estorno token create --role PLATFORM_ADMIN --holder "{begun.person.name}" \\')
    typer.echo(f'    --merchant "{begun.merchant.name}")')
    typer.echo("  estorno store create main --name 'Main shop'")
    typer.echo("  estorno connect pix --store main    # or another of `estorno pse list`")


async def _begin(settings: Settings, new: NewMerchant, name: str, email: str) -> FirstSteps:
    async with connected(settings.database_url, pool_max=1, all_because=OPERATOR):
        return await first_merchant.begin(new, name, email)
