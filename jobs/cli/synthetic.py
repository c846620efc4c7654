"""`estorno synth`: a made-up year in an empty database, or a folder of reports whose every discrepancy is labelled."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from domain.platform.settings import Settings
from jobs.cli import commands
from jobs.cli.commands import CommandError
from jobs.synth.labelled.shape import PLACES
from jobs.synth.labelled.write import WantedBooks, write


def synth(
    refunds: Annotated[
        int | None, typer.Option(help="Fill the database: with so many refunds.", min=12, max=50_000_000)
    ] = None,
    merchants: Annotated[int, typer.Option(help="Whose they are, in equal shares.", min=1, max=1_000)] = 1,
    lines: Annotated[
        int | None, typer.Option(help="Write a folder: reports of so many lines in all.", min=0, max=100_000_000)
    ] = None,
    pse: Annotated[list[str] | None, typer.Option(help="With --lines: of this PSE; left out: of all.")] = None,
    days: Annotated[int, typer.Option(help="With --lines: over so many days.", min=1, max=366)] = 4,
    out: Annotated[Path, typer.Option(help="With --lines: the folder; it must not be there.")] = Path("synthetic"),
    seed: Annotated[int, typer.Option(help="The same seed makes the same data.", min=0)] = 1,
) -> None:
    """Make data up. --refunds fills an empty database with a year, to see how Estorno behaves when it has grown; never
    a real one. --lines writes what the books know, each PSE's own reports, bank statements and tax documents, and
    labels: what a night must find in them (docs/synthetic.md).
    """
    if (refunds is None) == (lines is None):
        raise CommandError("Say either --refunds, to fill the database, or --lines, to write a folder.")
    if refunds is not None:
        _fill(refunds, merchants, seed)
    elif lines is not None:
        _write(out, WantedBooks(lines, seed, _known(pse), days))


def _known(pses: list[str] | None) -> tuple[str, ...]:
    if unknown := sorted(set(pses or ()) - PLACES.keys()):
        raise CommandError(f"There is no PSE {unknown[0]!r}; there are {', '.join(PLACES)}.")
    return tuple(name for name in PLACES if not pses or name in pses)


def _fill(refunds: int, merchants: int, seed: int) -> None:
    settings = commands.ready(Settings.read(), need_redis=False)
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("Copying; then indexes, keys and seals", total=refunds)
        commands.synth(settings, refunds, merchants, seed, lambda made: progress.update(task, completed=made))
    typer.echo(f"{refunds} refunds are there. `estorno token create --merchant 'Synthetic 1'` lets you read them.")


def _write(out: Path, wanted: WantedBooks) -> None:
    if out.exists():
        raise CommandError(f"{out} is there already; name another folder (--out).")
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("Writing", total=wanted.lines)
        made = write(out, wanted, lambda written: progress.update(task, completed=written))
    typer.echo(f"{made['lines']} lines, {len(made['nights'])} nights: {out}. What must be found: {out}/labels.jsonl.")
