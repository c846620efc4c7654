"""How the commands of fees and rates print what the API gave: lines of at most 80 columns, or JSON."""

import base64
import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from jobs.cli.commands import CommandError
from jobs.cli.printing import WIDTH

_BYTES_MAX: Final = 512 * 1024


class Form(StrEnum):
    """How a command prints."""

    TEXT = "text"
    JSON = "json"


FormOption = Annotated[Form, typer.Option("--format", help="text, or json for programs.")]


def nodes(connection: dict[str, Any]) -> list[dict[str, Any]]:
    """Those of a page."""
    return [edge["node"] for edge in connection["edges"]]


def as_json(found: Any) -> None:
    """Print it for a program."""
    typer.echo(json.dumps(found, ensure_ascii=False))


def shown(text: str) -> None:
    """Print a line, cut to the width."""
    typer.echo(text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}…")


def base64_of(path: Path) -> str:
    """A file for the API. Raises CommandError."""
    try:
        size = path.stat().st_size
        if size > _BYTES_MAX:
            raise CommandError(f"{path} is larger than {_BYTES_MAX} bytes: split it.")
        return base64.b64encode(path.read_bytes()).decode()
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
