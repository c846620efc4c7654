"""`estorno keys`: the keys that seal, and new ones."""

import asyncio
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Column, Table

from domain.keys import rotate, trial
from domain.models import Merchant
from domain.platform.database import OPERATOR, connected
from domain.platform.settings import Settings
from jobs.cli import commands

app = typer.Typer(help="The keys that seal secrets and personal data.", no_args_is_help=True)
_Merchant = Annotated[str | None, typer.Option(help="One merchant, by id or name; left out: all.")]


@app.command("list")
def show(merchant: _Merchant = None) -> None:
    """Whose keys there are, and who has wrapped them."""
    settings = commands.ready(Settings.read(), need_redis=False, need_key=False)
    table = Table("Merchant", "Version", Column("Wrapped by", overflow="fold"), "Since", "Retired")
    for row in asyncio.run(_listed(settings, merchant)):
        until = f"{row['retired_at']:%Y-%m-%d %H:%M}" if row["retired_at"] else ""
        since = f"{row['created_at']:%Y-%m-%d %H:%M}"
        table.add_row(str(row["merchant"] or "(digests)"), str(row["version"]), str(row["kek"]), since, until)
    Console(soft_wrap=False).print(table)


async def _listed(settings: Settings, merchant: str | None) -> list[dict[str, object]]:
    async with connected(settings.database_url, pool_max=1, all_because=OPERATOR):
        return list(await trial.listed(await _id_of(merchant)))


@app.command("rotate")
def renew(
    merchant: _Merchant = None,
    only_wrap: Annotated[
        bool,
        typer.Option(help="No new keys: today's ESTORNO_SECRET_KEY or ESTORNO_KMS_KEY wraps those that there are."),
    ] = False,
) -> None:
    """New keys, and all is sealed under them, while everything runs. Stopped, it goes on where it was."""
    settings = commands.ready(Settings.read(), need_redis=False)
    with Progress(console=Console(stderr=True)) as progress:
        done = asyncio.run(_rotate(settings, merchant, only_wrap, progress))
    typer.echo(
        f"{done.made} new keys; {done.wrapped} keys wrapped anew; {done.sealed} values sealed anew; "
        f"{done.retired} old keys retired."
    )
    if done.in_use:
        raise commands.CommandError(f"{done.in_use} merchants' old keys are still in use; run it again.")


async def _rotate(settings: Settings, merchant: str | None, only_wrap: bool, progress: Progress) -> rotate.Rotated:
    async with connected(settings.database_url, pool_max=2, all_because=OPERATOR):
        merchant_id = await _id_of(merchant)
        task = progress.add_task("Sealing anew", total=None if only_wrap else await rotate.to_seal(merchant_id))

        def told(what: str, more: int) -> None:
            progress.update(task, description=what, advance=more)

        return await rotate.rotate(
            settings.secret_key, merchant_id, only_wrap=only_wrap, told=told, cause=commands.operator()
        )


async def _id_of(merchant: str | None) -> UUID | None:
    if merchant is None:
        return None
    found: Merchant = await commands.one(Merchant, merchant, "merchant")
    return found.id
