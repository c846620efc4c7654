"""`estorno sign-in`: how a person signs in, and a link of which nobody at the merchant knows."""

import asyncio
from typing import Annotated

import typer

from domain.access import people
from domain.access.people import Link
from domain.models import Merchant, Person
from domain.platform.database import OPERATOR, connected
from domain.platform.settings import Settings
from jobs.cli import commands
from jobs.cli.commands import CommandError

app = typer.Typer(help="Signing in, and a token of one's own.")


@app.callback(invoke_without_command=True)
def how(context: typer.Context) -> None:
    """How a person signs in, and has a token of their own."""
    if context.invoked_subcommand is not None:
        return
    typer.echo(f"Open {Settings.read().address}/sign-in and sign in: with your company account, or by your link.")
    typer.echo("Make a token of your own there. It works for 12 hours at most, or until you sign out:")
    typer.echo("  export ESTORNO_TOKEN=est_...")
    typer.echo("  estorno approvals list")


@app.command("link")
def link(
    email: Annotated[str, typer.Argument(help="Of one of the merchant's people.")],
    merchant: Annotated[str, typer.Option(help="The merchant's id, or its name where that is unique.")],
) -> None:
    """A link that signs somebody in once, made as the database's owner: nobody at the merchant stands behind it."""
    settings = commands.ready(Settings.read(), need_redis=False)
    made = asyncio.run(_make(settings, merchant, email))
    typer.echo(f"Until {made.expires_at:%Y-%m-%d %H:%M} UTC; give it to that person only:")
    typer.echo(f"  {settings.address}/sign-in/link/{made.secret}")


async def _make(settings: Settings, merchant: str, email: str) -> Link:
    async with connected(settings.owner_url, pool_max=2, all_because=OPERATOR):
        found: Merchant = await commands.one(Merchant, merchant, "merchant")
        person = await Person.get_or_none(merchant_id=found.id, email__iexact=email, state="ACTIVE")
        if person is None:
            raise CommandError(f"{found.name} has nobody with the address {email!r}; `estorno people list` shows them.")
        return await people.vouched_link(person, commands.operator())
