"""`estorno pse`: the PSEs, what each can do, and what their codes mean."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from jobs.cli import facts

pse = typer.Typer(help="Payment institutions: what they can do and what they say.", no_args_is_help=True)


@pse.command("list")
def list_pses() -> None:
    """The PSEs that Estorno speaks to."""
    table = Table("PSE", "Methods", "Report")
    for row in facts.pses():
        table.add_row(*row)
    Console(soft_wrap=False).print(table)


@pse.command("capabilities")
def show_capabilities(
    name: Annotated[str | None, typer.Argument(help="One PSE; left out: all, and what is published of others.")] = None,
) -> None:
    """What each PSE can do for each method, with source and date."""
    for who, method, able in facts.capabilities_of(name):
        typer.secho(f"{who} {method}: {able.route}", bold=True)
        for line in facts.told(able):
            typer.echo(f"    {line}")


@pse.command("explain")
def explain_code(
    code: Annotated[str, typer.Argument(help="The code as the PSE or Estorno wrote it.")],
    name: Annotated[str | None, typer.Option("--pse", help="Whose code it is; left out: everybody's.")] = None,
    locale: Annotated[str, typer.Option(help="en, zh-CN, es or pt-BR.")] = "en",
) -> None:
    """What a code means, whether asking again helps, and what to do."""
    for line in facts.explained(code, name, locale):
        typer.echo(line)
