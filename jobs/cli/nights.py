"""`estorno nights`: how each connection's nights stand, and following those that run, through the API."""

import json
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, Final
from uuid import UUID, uuid4

import typer

from domain.platform.settings import Settings
from jobs.cli import client, connect, printing
from jobs.cli.commands import CommandError
from jobs.cli.printing import WIDTH, Format

app = typer.Typer(
    help="Nights: what is awaited, late, running, done; and reports that are handed in.", no_args_is_help=True
)
Connection = Annotated[str, typer.Argument(help="The connection's name, or its id.")]
Date = Annotated[str, typer.Argument(help="The business date, YYYY-MM-DD.")]
_NIGHT: Final = """connectionId connectionName businessDate state until since reason fileCount
  progress { runId phase rowsDone rowsTotal rowsPerSecond secondsLeft }"""
_LIST: Final = f"""query List($first: Int!, $after: String, $filter: NightFilter) {{
  nights(first: $first, after: $after, filter: $filter) {{
    edges {{ node {{ {_NIGHT} }} }} pageInfo {{ hasNextPage endCursor }} }} }}"""
_SHOW: Final = f"""query Show($connection: ID!, $date: Date!) {{
  night(connectionId: $connection, businessDate: $date) {{ {_NIGHT} chainHead expectedBy
    run {{ state times error createdAt finishedAt }}
    files {{ name sha256 bytes proof provenBy rows matchedRefunds unmatchedRefunds unknownWords failed run }} }} }}"""
_REPEAT: Final = """mutation Repeat($input: NightRepeatInput!) { nightRepeat(input: $input) {
  night { state } errors { ... on Error { code message path } } } }"""
_FOLLOW: Final = """subscription Follow($id: ID!) { reconciliationRunProgress(runId: $id) { __typename
  ... on RunProgressMessage { progress { runId state phase rowsDone rowsTotal rowsPerSecond secondsLeft error } } } }"""
_AT_ONCE_MAX: Final = 20  # runs that are followed together
PAGES_MAX: Final = 200
_LOOK_SECONDS: Final = 2.0


@app.command("list")
def list_all(
    connection: Annotated[str | None, typer.Option(help="The connection's name, or its id.")] = None,
    first_date: Annotated[str | None, typer.Option("--from", help="The first business date, YYYY-MM-DD.")] = None,
    last_date: Annotated[str | None, typer.Option("--to", help="The last business date.")] = None,
    state: Annotated[list[str] | None, typer.Option(help="Only these states; once or more.")] = None,
    form: Format = "text",
) -> None:
    """Every night, the newest date first; of the last 30 days unless told otherwise."""
    settings = Settings.read()
    found = _nights(settings, connection, first_date, last_date, state)
    for one in found:
        typer.echo(json.dumps(one) if printing.is_json(form) else _line(one))
    if not found and not printing.is_json(form):
        typer.echo("There are no such nights.")


@app.command()
def show(connection: Connection, date: Date, form: Format = "text") -> None:
    """One night: how it stands, its files and what proves them."""
    settings = Settings.read()
    asked = {"connection": id_of(settings, connection), "date": date}
    one = client.ask(settings, _SHOW, **asked)["night"]
    if one is None:
        raise CommandError(f"{connection} has no night of {date}.")
    if printing.is_json(form):
        typer.echo(json.dumps(one))
        return
    typer.echo(_line(one))
    run = one["run"]
    if run:
        ended = f", ended {run['finishedAt'][:16]}" if run["finishedAt"] else ""
        typer.echo(f"  run {run['times']}: {run['state']}{ended}")
    for file in one["files"]:
        _file(file)
    for label, value in (("expected by", "; ".join(one["expectedBy"])), ("chain", one["chainHead"])):
        if value:
            printing.wrapped(f"{label}: {value}")


def _file(file: Mapping[str, Any]) -> None:
    printing.wrapped(f"file {file['name']} (run {file['run']})")
    if file["failed"]:
        printing.wrapped(f"  not used: {file['failed']}")
        return
    refunds = f"{file['matchedRefunds']} refunds matched, {file['unmatchedRefunds']} not"
    printing.wrapped(f"  {file['proof']}: {file['provenBy']}")
    printing.wrapped(f"  {file['rows']} rows, {file['bytes']} bytes; {refunds}")
    printing.wrapped(f"  sha256 {file['sha256']}")


@app.command()
def repeat(connection: Connection, date: Date, form: Format = "text") -> None:
    """Have a night run once more; that is safe."""
    settings = Settings.read()
    given = {"idempotencyKey": str(uuid4()), "connectionId": id_of(settings, connection), "businessDate": date}
    done = client.ask(settings, _REPEAT, input=given)["nightRepeat"]
    typer.echo(
        json.dumps(done["night"])
        if printing.is_json(form)
        else f"The night of {date} is run again; see `nights watch`."
    )


@app.command()
def watch(
    connection: Annotated[str | None, typer.Option(help="The connection's name, or its id.")] = None,
    forever: Annotated[bool, typer.Option(help="Go on when nothing runs.")] = False,
    form: Format = "text",
) -> None:
    """Follow the nights that run, live: phase, rows, rate and time left, until none runs any more.

    Example: estorno nights watch --connection dlocal-main --format json
    """
    settings, as_json, followed = Settings.read(), printing.is_json(form), set[str]()
    while True:
        running = _nights(settings, connection, None, None, ["RUNNING"])
        fresh = [one for one in running if one["progress"] and one["progress"]["runId"] not in followed]
        followed |= {one["progress"]["runId"] for one in fresh}
        if fresh:
            with ThreadPoolExecutor(min(len(fresh), _AT_ONCE_MAX)) as pool:
                list(pool.map(lambda one: _follow(settings, one, as_json), fresh))
        elif not forever:
            if not as_json:
                typer.echo("No night runs." if not followed else "No night runs any more.")
            return
        else:
            time.sleep(_LOOK_SECONDS)
            followed &= {one["progress"]["runId"] for one in running if one["progress"]}


def _follow(settings: Settings, night: Mapping[str, Any], as_json: bool) -> None:
    """Print what a run says of itself until it has ended; each word once."""
    told = ""
    for message in client.follow(settings, _FOLLOW, id=night["progress"]["runId"]):
        progress = message["reconciliationRunProgress"].get("progress")
        if progress is None:
            continue
        one = {**night, "state": progress["state"], "progress": progress, "reason": progress["error"]}
        said = json.dumps(one) if as_json else _line(one)
        if said != told:
            typer.echo(said)
        told = said


def _nights(
    settings: Settings, connection: str | None, first: str | None, last: str | None, states: list[str] | None
) -> list[dict[str, Any]]:
    chosen: dict[str, Any] = {"from": first, "to": last, "states": [one.upper() for one in states] if states else None}
    if connection is not None:
        chosen["connectionId"] = id_of(settings, connection)
    found: list[dict[str, Any]] = []
    after = None
    for _ in range(PAGES_MAX):
        page = client.ask(settings, _LIST, first=100, after=after, filter=chosen)["nights"]
        found += [edge["node"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    return found


def _line(one: Mapping[str, Any]) -> str:
    """A night in a line of 80 columns, and its reason in the next."""
    files = f" {one['fileCount']} files" if one["fileCount"] else ""
    more = _when(one) or files.strip()
    head = f"{one['businessDate']} {one['connectionName'][:26]:<26} {one['state']:<15} {more}"
    lines = [head[:WIDTH].rstrip()]
    if one["reason"] and one["state"] in ("FAILED", "LATE", "WAITING_FOR_PSE"):
        lines += printing.folded(one["reason"])
    return "\n".join(lines)


def _when(one: Mapping[str, Any]) -> str:
    if one["until"]:
        return f"until {one['until'][:16]}"
    if one["since"]:
        return f"since {one['since'][:16]}"
    told = one["progress"]
    if not told:
        return ""
    rows = f" {told['rowsTotal']} rows" if told["rowsTotal"] else ""
    left = f", {told['secondsLeft']} s" if told["secondsLeft"] is not None else ""
    return f"{told['phase'] or ''}{rows}{left}"


def id_of(settings: Settings, connection: str) -> str:
    """The id of a connection that is named by it, or by its name. Raises CommandError."""
    try:
        return str(UUID(connection))
    except ValueError:
        found = [one["id"] for one in connect.listed(settings) if one["name"] == connection]
    if len(found) != 1:
        raise CommandError(f"There is no connection {connection!r}; `estorno connection list` shows them.")
    named: str = found[0]
    return named
