"""`estorno findings apply`: a filled-in export of findings, looked at or applied, through the API."""

import json
import textwrap
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from domain.platform.settings import Settings
from jobs.cli import client, printing
from jobs.cli.commands import CommandError
from jobs.cli.printing import TEXT, WIDTH, DocumentFormat

_ASK_AGAIN_SECONDS: Final = 1.0
_ROW: Final = "row findingId outcome code said"
_PREVIEW: Final = f"""query Preview($file: ID!, $after: Int!) {{ decisionsPreview(fileId: $file, afterRow: $after) {{
  total more seen replaces rows {{ {_ROW} }} }} }}"""
_APPLY: Final = f"""mutation Apply($input: DecisionsApplyInput!) {{ decisionsApply(input: $input) {{
  batch {{ id }} {client.ERRORS} }} }}"""
_BATCH: Final = f"""query Batch($id: ID!, $after: Int!) {{ decisionBatch(id: $id) {{ id state rowsDone rowsTotal problem
  rows(afterRow: $after) {{ {_ROW} }} }} }}"""


def apply(
    file: Annotated[Path, typer.Argument(help="A filled-in export of FINDINGS, xlsx or csv.")],
    preview: Annotated[bool, typer.Option("--preview", help="What would happen; nothing is written.")] = False,
    key: Annotated[str | None, typer.Option(help="Idempotency key. Left out: of this upload.")] = None,
    seen: Annotated[str | None, typer.Option(help="As a --preview told it, to replace what others have said.")] = None,
    form: DocumentFormat = TEXT,
) -> None:
    """Do what a filled-in export of findings says, row by row."""
    as_json, settings = printing.is_json(form), Settings.read()
    file_id = client.hand_in(settings, file, "DECISIONS")
    about_all: dict[str, Any] = {}
    found = list(_foreseen(settings, file_id, about_all) if preview else _done(settings, file_id, key, seen))
    if as_json:
        typer.echo(json.dumps({"preview": preview, **about_all, "rows": found}, ensure_ascii=False))
        return
    _show(found, preview, about_all)


def _show(found: Sequence[Mapping[str, Any]], preview: bool, about_all: Mapping[str, Any]) -> None:
    for one in found:
        typer.echo(f"{one['row']:>7}  {one['outcome']} {one['code'] or ''}".rstrip())
        for line in textwrap.wrap(one["said"], WIDTH - 9):
            typer.echo(f"         {line}")
    refused = sum(one["outcome"] == "REFUSED" for one in found)
    typer.echo(f"{len(found) - refused} of {len(found)} rows{' would be' if preview else ''} done.")
    if about_all.get("replaces"):
        typer.echo(
            f"Of {about_all['replaces']:,}, others have said what became of it, which waits for a second person:"
        )
        typer.echo(f"this would replace that. To do so: --seen {about_all['seen']}")


def _foreseen(settings: Settings, file_id: str, about_all: dict[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Its rows, a page after another; what is told of all of them goes into `about_all`."""
    after, more = 0, True
    while more:
        told = client.ask(settings, _PREVIEW, file=file_id, after=after)["decisionsPreview"]
        about_all |= {"seen": told["seen"], "replaces": told["replaces"]}
        yield from told["rows"]
        more = told["more"]
        after = told["rows"][-1]["row"] if told["rows"] else after


def _done(settings: Settings, file_id: str, key: str | None, seen: str | None) -> Iterator[Mapping[str, Any]]:
    given = {"fileId": file_id, "idempotencyKey": key or f"file-{file_id}", "seen": seen}
    batch_id = client.ask(settings, _APPLY, input=given)["decisionsApply"]["batch"]["id"]
    after = 0
    while True:
        batch = client.ask(settings, _BATCH, id=batch_id, after=after)["decisionBatch"]
        yield from batch["rows"]
        after = batch["rows"][-1]["row"] if batch["rows"] else after
        if batch["state"] == "FAILED":
            raise CommandError(batch["problem"] or "It has failed.")
        if batch["state"] == "DONE" and not batch["rows"]:
            return
        if not batch["rows"]:
            time.sleep(_ASK_AGAIN_SECONDS)
