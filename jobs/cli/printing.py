"""How commands print: as was asked for, in lines of at most 80 columns, without what a terminal would obey."""

import textwrap
from typing import Annotated, Final

import typer

from jobs.cli.commands import CommandError

TEXT, JSON = "text", "json"
Format = Annotated[str, typer.Option("--format", help="text, or json: one object a line.")]
DocumentFormat = Annotated[str, typer.Option("--format", help="text, or json: one document.")]
WIDTH: Final = 80


def wrapped(text: str) -> None:
    """Print it, indented, in lines of 80 columns."""
    for line in folded(text):
        typer.echo(line)


def folded(text: str) -> list[str]:
    """Its lines, indented, of at most 80 columns; without what a terminal would obey."""
    plain = printable(text)
    further = " " * (len(plain) - len(plain.lstrip()))
    found = textwrap.wrap(plain, WIDTH - 4, subsequent_indent=further, break_on_hyphens=False)
    return [f"    {line}" for line in found or [""]]


def printable(text: str) -> str:
    """What a PSE or a person wrote, as a terminal may show it."""
    return "".join(character if character.isprintable() else " " for character in text)


def is_json(form: str) -> bool:
    """Whether it is for a program. Raises CommandError."""
    if form not in (TEXT, JSON):
        raise CommandError("--format takes text or json.")
    return form == JSON
