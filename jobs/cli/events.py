"""`estorno events`: what can be told, and what it looks like. It asks nobody: the catalogue is in the program."""

import json
from typing import Annotated

import typer

from domain.deliveries import catalogue, samples
from jobs.cli.commands import CommandError
from jobs.cli.printing import Format, is_json, wrapped

app = typer.Typer(help="The events that webhooks are told.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The type, such as refund.success.")]


@app.command("list")
def listed(form: Format = "text") -> None:
    """Every type, and when it is told."""
    for one in catalogue.TYPES:
        if is_json(form):
            typer.echo(json.dumps({"name": one.name, "object": one.object, "description": one.said}))
        else:
            wrapped(f"{one.name:<28} {one.said}")


@app.command()
def sample(name: Name) -> None:
    """A body as it is sent, in JSON.

    Example: estorno events sample refund.success
    """
    typer.echo(json.dumps(samples.sample(_known(name)), indent=2))


@app.command()
def schema(name: Name) -> None:
    """The JSON Schema of a body, thin or fat.

    Example: estorno events schema refund.success
    """
    typer.echo(json.dumps(catalogue.schema(catalogue.BY_NAME[_known(name)]), indent=2))


def _known(name: str) -> str:
    if name not in catalogue.BY_NAME:
        raise CommandError(f"There is no event {name[:64]}; `estorno events list` tells all.")
    return name
