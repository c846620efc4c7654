"""`estorno connection`: accounts at PSEs, on their way from draft to active; many at once from a sheet."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Column, Table

from domain.models.applications import DocumentKind
from domain.platform.settings import Settings
from jobs.cli import client, connect
from jobs.cli.commands import CommandError

app = typer.Typer(help="Accounts at PSEs: documents, review, go-live.", no_args_is_help=True)
_Id = Annotated[str, typer.Argument(help="The connection's name, or its id.")]
_Why = Annotated[str | None, typer.Option("--comment", help="Why; whoever comes after you reads it.")]
_DECISIONS: Final = ("START", "ASK_FOR_MORE", "APPROVE", "REJECT")
_NEXT: Final = {
    "SUBMITTED": "another person reviews it",
    "SANDBOX": "`estorno connection certify`",
    "CERTIFIED": "`estorno connection keys` with the live ones, then another person activates it",
}
_SHOW: Final = """query Show($id: ID!) { connectionApplication(id: $id) {
  id name pse state clientId baseUrl tokenUrl reportUrl missingDocuments documents { kind file { name size } createdBy }
  steps(first: 100) { fromState toState actor comment at } }
  preflightRuns(connectionId: $id, first: 1) { edges { node { outcome createdAt checks { code outcome saw } } } } }"""
_STEP: Final = """mutation Step($input: {type}!) {{ {field}(input: $input) {{
  application {{ name state nextStates missingDocuments }} errors {{ ... on Error {{ code message path }} }} }} }}"""


@app.command("list")
def list_all() -> None:
    """All connections, and what each lacks."""
    table = Table("Name", "PSE", "State", Column("Missing", overflow="fold"), "Submitted by", "Reviewed by")
    found = list(connect.listed(Settings.read()))
    for one in found:
        missing = ", ".join(one["missingDocuments"]) if one["state"] == "DRAFT" else ""
        table.add_row(one["name"], one["pse"], one["state"], missing, one["submittedBy"] or "", one["reviewedBy"] or "")
    Console(soft_wrap=False).print(table)
    for one in found:
        typer.echo(f"{one['id']}  {one['name'][:40]}")  # as other commands take it


@app.command()
def show(connection: _Id) -> None:
    """All of one connection: account, addresses, documents, what the PSE said last, and who did what."""
    settings = Settings.read()
    told = client.ask(settings, _SHOW, id=_id_of(settings, connection))
    one = told["connectionApplication"]
    typer.echo(f"{one['name']} ({one['pse']}) is {one['state']}: {one['id']}")
    for label, value in (
        ("Account", one["clientId"]),
        ("API", one["baseUrl"]),
        ("Token", one["tokenUrl"]),
        ("Reports", one["reportUrl"]),
    ):
        if value:
            typer.echo(f"  {label}: {value}")
    for handed in one["documents"]:
        typer.echo(f"  {handed['kind']}: {handed['file']['name']}, by {handed['createdBy']}")
    if one["missingDocuments"]:
        typer.echo(f"  Missing: {', '.join(one['missingDocuments'])}")
    for edge in told["preflightRuns"]["edges"]:
        typer.echo(f"Preflight of {edge['node']['createdAt'][:16]}: {edge['node']['outcome']}")
        for check in edge["node"]["checks"]:
            typer.echo(f"  {check['outcome']} {check['code']}: {check['saw']}")
    typer.echo("Steps, newest first:")
    for step in one["steps"]:
        moved = f"{step['fromState']} to {step['toState']}" if step["fromState"] != step["toState"] else step["toState"]
        typer.echo(f"  {step['at'][:16]} {step['actor']}: {moved}. {step['comment'] or ''}".rstrip())


@app.command()
def document(
    connection: _Id,
    documents: Annotated[list[str], typer.Argument(help="KIND=FILE, once or more; PDF, PNG or JPEG, at most 10 MiB.")],
) -> None:
    """Upload documents of a draft; a newer one of its kind takes its place."""
    settings, handed_in = Settings.read(), [_document(one) for one in documents]
    wanted = _id_of(settings, connection)
    for kind, file in handed_in:
        missing = connect.hand_in(settings, wanted, kind, file)
    typer.echo(f"Handed in. Missing: {', '.join(missing) or 'nothing'}.")


def _document(text: str) -> tuple[str, Path]:
    kind, equals, file = text.partition("=")
    if not equals or kind.upper() not in DocumentKind.__members__:
        raise CommandError(f"{text!r} is not KIND=FILE with one of these kinds: {', '.join(DocumentKind)}.")
    if not Path(file).is_file():
        raise CommandError(f"There is no file {file}.")
    return kind.upper(), Path(file)


@app.command()
def keys(
    connection: _Id,
    values: Annotated[Path | None, typer.Option("--from", help="A file of lines NAME=VALUE.")] = None,
    old_until: Annotated[
        str | None, typer.Option(help="Until when webhooks are believed with the old ones, as 2026-12-01T00:00:00Z.")
    ] = None,
) -> None:
    """Replace the keys of a connection, and look whether the PSE takes the new ones."""
    settings = Settings.read()
    one = _named(settings, connection)
    connect.replace(settings, one["id"], one["pse"], values, old_until)
    outcome = connect.preflight(settings, one["id"])
    raise typer.Exit(1 if outcome in (None, "FAILED") else 0)


@app.command()
def submit(connection: _Id, comment: _Why = None) -> None:
    """Submit a draft whose documents are whole, for another person to review."""
    _step("connectionSubmit", connection, comment)


@app.command()
def reopen(connection: _Id, comment: _Why = None) -> None:
    """Make what was submitted, or rejected, a draft again."""
    _step("connectionReopen", connection, comment)


@app.command()
def review(
    connection: _Id,
    decision: Annotated[str, typer.Argument(help="START, ASK_FOR_MORE, APPROVE or REJECT.")],
    comment: _Why = None,
) -> None:
    """Review what another person submitted."""
    if decision.upper() not in _DECISIONS:
        raise CommandError(f"{decision!r} is no decision; there are {', '.join(_DECISIONS)}.")
    _step("connectionReview", connection, comment, "ConnectionReviewInput", decision=decision.upper())


@app.command()
def activate(connection: _Id, comment: _Why = None) -> None:
    """Let a certified connection go live, or a suspended one go on."""
    _step("connectionActivate", connection, comment)


@app.command()
def suspend(connection: _Id, comment: _Why = None) -> None:
    """Stop all calls to the PSE at once; refunds wait."""
    _step("connectionSuspend", connection, comment)


@app.command()
def preflight(connection: _Id) -> None:
    """Have the PSE asked whether all is in order; exit 1 when something is not."""
    settings = Settings.read()
    outcome = connect.preflight(settings, _id_of(settings, connection))
    raise typer.Exit(1 if outcome in (None, "FAILED") else 0)


@app.command()
def certify(
    connection: _Id,
    payment: Annotated[
        list[str] | None,
        typer.Option(help="A captured payment of the PSE's test environment; give three. None at Estorno's sandbox."),
    ] = None,
    test_environment: Annotated[
        bool, typer.Option("--test-environment", help="These payments are no customers'.")
    ] = False,
    out: Annotated[Path, typer.Option(help="The folder for the signed report.")] = Path(),
) -> None:
    """Have a connection to a test environment prove itself by a series of refunds; exit 1 unless it passes."""
    settings = Settings.read()
    wanted = _id_of(settings, connection)
    outcome = connect.certify(settings, wanted, payment or [], out, test=test_environment)
    raise typer.Exit(0 if outcome == "PASSED" else 1)


@app.command("import")
def import_sheet(
    sheet: Annotated[Path, typer.Argument(help="A CSV with the columns pse, name, store, and the PSEs' fields.")],
) -> None:
    """Apply for a connection for each row; a row that is refused holds up no other. Repeating it is safe."""
    if not sheet.is_file():
        raise CommandError(f"There is no file {sheet}.")
    refused = 0
    for name, came in connect.import_sheet(Settings.read(), sheet):
        typer.echo(f"{name}: {came}")
        refused += came.startswith("refused")
    raise typer.Exit(1 if refused else 0)


def _step(field: str, connection: str, comment: str | None, type_: str = "ConnectionStepInput", **more: str) -> None:
    settings = Settings.read()
    given = {"connectionId": _id_of(settings, connection), "comment": comment, **more}
    told = client.ask(settings, _STEP.format(type=type_, field=field), input=given)[field]["application"]
    after = _NEXT.get(told["state"]) or ", ".join(told["nextStates"]) or "nothing"
    typer.echo(f"{told['name']} is {told['state']}. Next: {after}.")


def _id_of(settings: Settings, named: str) -> str:
    return str(_named(settings, named)["id"])


def _named(settings: Settings, named: str) -> Mapping[str, Any]:
    found = [one for one in connect.listed(settings) if named in (one["name"], one["id"])]
    if len(found) != 1:
        raise CommandError(f"There is no connection {named!r}; `estorno connection list` shows yours.")
    return found[0]
