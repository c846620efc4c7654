"""`estorno retention`, `hold`, `evidence`, `restore-test`: what whoever runs the installation does for an auditor."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from domain.audit import evidence
from domain.audit import retention as runs
from domain.audit.evidence import UtcMonth
from domain.audit.retention import Plan
from domain.files import content
from domain.models import LegalHold, Merchant
from domain.platform.database import OPERATOR, connected
from domain.platform.settings import Settings
from jobs.cli import commands
from jobs.cli.commands import CommandError

hold = typer.Typer(help="Legal holds: what retention must leave.", no_args_is_help=True)
restore = typer.Typer(help="Tests of backups.", no_args_is_help=True)
_MERCHANT: Final = "The merchant's id, or its name where that is unique."


def retention(
    apply: Annotated[bool, typer.Option("--apply/--dry-run", help="Take it away; or say what would go.")] = False,
    keep: Annotated[list[str] | None, typer.Option(help="KIND=MONTHS, where you keep it longer or shorter.")] = None,
) -> None:
    """Take away what is older than it may be kept, as the database's owner; never the ledger, never the log."""
    settings = commands.ready(Settings.read(), need_redis=False)
    planned, taken = asyncio.run(_retain(settings, _kept(keep or []), apply=apply))
    table = Table("Kind", "Months", "Before", "Gone" if apply else "Would go")
    for one in planned:
        count = taken.get(one.kind.name, 0) if apply else one.count
        table.add_row(f"{one.kind.name}: {one.kind.what}", str(one.months), one.before.strftime("%Y-%m-%d"), str(count))
    Console(soft_wrap=False, width=80).print(table)
    if not apply:
        typer.echo("Nothing was changed; --apply takes it away.")


def _kept(given: list[str]) -> dict[str, int]:
    pairs = [one.partition("=") for one in given]
    if wrong := [name for name, _, months in pairs if not (months.isascii() and months.isdigit())]:
        raise CommandError(f"--keep takes KIND=MONTHS; {', '.join(wrong)} has no number of months.")
    return {name: int(months) for name, _, months in pairs}


async def _retain(settings: Settings, keep: dict[str, int], *, apply: bool) -> tuple[list[Plan], dict[str, int]]:
    cause, taken = commands.operator(), dict[str, int]()
    async with connected(settings.owner_url, pool_max=2, all_because=OPERATOR):
        planned = await runs.plan(keep, datetime.now(UTC))
        for one in planned if apply else ():
            async for batch in runs.apply(one, cause):
                taken[one.kind.name] = taken.get(one.kind.name, 0) + len(batch.ids)
                if one.kind.name == "files":
                    for file_id in batch.ids:  # without its key it opens no more, wherever a copy is
                        await content.remove(settings, UUID(str(file_id)))
    return planned, taken


@hold.command("place")
def place(
    merchant: Annotated[str, typer.Argument(help=_MERCHANT)],
    reason: Annotated[str, typer.Option(help="Whose order it is.")],
    refund: Annotated[str | None, typer.Option(help="One refund's id; left out: all of the merchant's.")] = None,
) -> None:
    """Keep a merchant's data, or one refund's, from retention."""
    settings = commands.ready(Settings.read(), need_redis=False)

    async def work() -> LegalHold:
        async with connected(settings.owner_url, pool_max=1, all_because=OPERATOR):
            found: Merchant = await commands.one(Merchant, merchant, "merchant")
            return await runs.hold(found.id, _uuid(refund) if refund else None, reason, commands.operator())

    typer.echo(f"Held: {asyncio.run(work()).id}")


@hold.command("lift")
def lift(hold_id: Annotated[str, typer.Argument(help="Of `estorno hold list`.")]) -> None:
    """End a legal hold."""
    settings = commands.ready(Settings.read(), need_redis=False)

    async def work() -> None:
        async with connected(settings.owner_url, pool_max=1, all_because=OPERATOR):
            await runs.lift(_uuid(hold_id), commands.operator())

    asyncio.run(work())
    typer.echo("Lifted: the next run of retention does not see it.")


@hold.command("list")
def show() -> None:
    """The legal holds in force."""
    settings = commands.ready(Settings.read(), need_redis=False)

    async def work() -> list[LegalHold]:
        async with connected(settings.database_url, pool_max=1, all_because=OPERATOR):
            return await LegalHold.filter(lifted_at=None).order_by("placed_at", "id").limit(1_000)

    for one in asyncio.run(work()):
        typer.echo(f"{one.id}  {one.placed_at:%Y-%m-%d}  merchant {one.merchant_id}  refund {one.refund_id or 'all'}")
        typer.echo(f"    {one.reason} ({one.placed_by})")


@restore.command("record")
def record(
    result: Annotated[str, typer.Argument(help="PASSED or FAILED.")],
    backup: Annotated[str, typer.Option(help="When the backup was taken, YYYY-MM-DD.")],
    note: Annotated[str, typer.Option(help="What was restored where, and what `estorno check --chain` said.")],
) -> None:
    """Write down that a backup was restored and checked, for `estorno evidence`."""
    settings = commands.ready(Settings.read(), need_redis=False, need_key=False)
    try:
        day = datetime.strptime(backup, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise CommandError(f"{backup!r} is no day; write YYYY-MM-DD.") from None

    async def work() -> int:
        async with connected(settings.database_url, pool_max=1, all_because=OPERATOR):
            return await evidence.record_restore_test(result, note, day, commands.operator())

    typer.echo(f"Written in the log of {asyncio.run(work())} merchants.")


def evidence_of(
    month: Annotated[str, typer.Option(help="YYYY-MM, UTC.")],
    out: Annotated[Path, typer.Option(help="A folder that is empty, or not there yet.")],
    merchant: Annotated[str | None, typer.Option(help=_MERCHANT + " Left out: all.")] = None,
    attach: Annotated[list[Path] | None, typer.Option(help="A file to put beside, as an SBOM.")] = None,
) -> None:
    """Bundle what an auditor asks for of one month: tables, the proven chain, versions; a README names the controls."""
    settings = commands.ready(Settings.read(), need_redis=False, need_key=False)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise CommandError(f"{out} is there already; name a folder that is empty.")
    if missing := [str(one) for one in attach or [] if not one.is_file()]:
        raise CommandError(f"There is no file {', '.join(missing)}.")
    attached = {one.name: one.read_bytes() for one in attach or []}
    files = asyncio.run(_bundle(settings, month, merchant, attached))
    for name, given in files.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as into:
            into.write(given)
    typer.echo(f"{len(files)} files are in {out}; begin with README.md.")


async def _bundle(settings: Settings, month: str, merchant: str | None, attached: dict[str, bytes]) -> dict[str, bytes]:
    async with connected(settings.database_url, pool_max=2, all_because=OPERATOR):
        named = None if merchant is None else await commands.one(Merchant, merchant, "merchant")
        merchants = [named.id] if named else [one.id for one in await Merchant.all().order_by("id")]
        wanted = UtcMonth.of(month, datetime.now(UTC))
        return await evidence.bundle(merchants, wanted, settings, attached, commands.operator())


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise CommandError(f"{text[:80]!r} is no id.") from None
