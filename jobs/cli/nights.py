"""`estorno nights`: how each connection's nights stand, what came in, and handing a report in, through the API."""

import asyncio
import hashlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import UUID, uuid4

import typer

from domain.platform.settings import Settings
from jobs.cli import client, connect
from jobs.cli.commands import CommandError

app = typer.Typer(
    help="Nights: what is awaited, late, running, done; and reports that are handed in.", no_args_is_help=True
)
_Format = Annotated[str, typer.Option("--format", help="text, or json: one object a line.")]
_Connection = Annotated[str, typer.Argument(help="The connection's name, or its id.")]
_Date = Annotated[str, typer.Argument(help="The business date, YYYY-MM-DD.")]
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
_ANNOUNCE: Final = """mutation Announce($input: FileAnnounceInput!) { fileAnnounce(input: $input) {
  file { id } uploadPath errors { ... on Error { code message path } } } }"""
_UPLOAD: Final = """mutation Upload($input: SettlementReportUploadInput!) { settlementReportUpload(input: $input) {
  report { id } errors { ... on Error { code message path } } } }"""
_HANDED: Final = "query Handed($id: ID!) { handedReport(id: $id) { id name businessDate state said } }"
_PAGES_MAX: Final = 200
_LOOK_SECONDS: Final = 2.0
_LOOKS_MAX: Final = 1_800
_WIDTH: Final = 80


@app.command("list")
def list_all(
    connection: Annotated[str | None, typer.Option(help="The connection's name, or its id.")] = None,
    first_date: Annotated[str | None, typer.Option("--from", help="The first business date, YYYY-MM-DD.")] = None,
    last_date: Annotated[str | None, typer.Option("--to", help="The last business date.")] = None,
    state: Annotated[list[str] | None, typer.Option(help="Only these states; once or more.")] = None,
    form: _Format = "text",
) -> None:
    """Every night, the newest date first; of the last 30 days unless told otherwise."""
    settings = Settings.read()
    found = _nights(settings, connection, first_date, last_date, state)
    for one in found:
        typer.echo(json.dumps(one) if _as_json(form) else _line(one))
    if not found and not _as_json(form):
        typer.echo("There are no such nights.")


@app.command()
def show(connection: _Connection, date: _Date, form: _Format = "text") -> None:
    """One night: how it stands, its files and what proves them."""
    settings = Settings.read()
    asked = {"connection": _id_of(settings, connection), "date": date}
    one = client.ask(settings, _SHOW, **asked)["night"]
    if one is None:
        raise CommandError(f"{connection} has no night of {date}.")
    if _as_json(form):
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
            _wrapped(f"{label}: {value}")


def _file(file: Mapping[str, Any]) -> None:
    _wrapped(f"file {file['name']} (run {file['run']})")
    if file["failed"]:
        _wrapped(f"  not used: {file['failed']}")
        return
    refunds = f"{file['matchedRefunds']} refunds matched, {file['unmatchedRefunds']} not"
    _wrapped(f"  {file['proof']}: {file['provenBy']}")
    _wrapped(f"  {file['rows']} rows, {file['bytes']} bytes; {refunds}")
    _wrapped(f"  sha256 {file['sha256']}")


@app.command()
def repeat(connection: _Connection, date: _Date, form: _Format = "text") -> None:
    """Have a night run once more; that is safe."""
    settings = Settings.read()
    given = {"idempotencyKey": str(uuid4()), "connectionId": _id_of(settings, connection), "businessDate": date}
    done = client.ask(settings, _REPEAT, input=given)["nightRepeat"]
    typer.echo(
        json.dumps(done["night"]) if _as_json(form) else f"The night of {date} is run again; see `nights watch`."
    )


@app.command()
def upload(
    connection: _Connection,
    file: Annotated[Path, typer.Argument(help="The report as the PSE gave it; at most 32 MiB, gzip is unpacked.")],
    date: Annotated[str | None, typer.Option(help="Its business date; left out: what the file says.")] = None,
    wait: Annotated[bool, typer.Option(help="Wait until it is entered or refused.")] = True,
    form: _Format = "text",
) -> None:
    """Hand a report in. Exit 1 when it is refused; nothing is changed then."""
    settings = Settings.read()
    if not file.is_file():
        raise CommandError(f"There is no file {file}.")
    given = {
        "idempotencyKey": str(uuid4()),
        "connectionId": _id_of(settings, connection),
        "fileId": _sent(settings, file),
        "businessDate": date,
    }
    report_id = client.ask(settings, _UPLOAD, input=given)["settlementReportUpload"]["report"]["id"]
    told = _waited(settings, report_id) if wait else client.ask(settings, _HANDED, id=report_id)["handedReport"]
    typer.echo(json.dumps(told) if _as_json(form) else f"{told['state']}: {told['said'] or 'It waits for its turn.'}")
    raise typer.Exit(1 if told["state"] == "REFUSED" else 0)


def _sent(settings: Settings, file: Path) -> str:
    content = file.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    announced = {"purpose": "SETTLEMENT_REPORT", "name": file.name, "size": len(content), "sha256": sha256}
    ticket = client.ask(settings, _ANNOUNCE, input=announced)["fileAnnounce"]
    asyncio.run(client.upload(settings, ticket["uploadPath"], content))
    sent: str = ticket["file"]["id"]
    return sent


def _waited(settings: Settings, report_id: str) -> dict[str, Any]:
    for _ in range(_LOOKS_MAX):
        told: dict[str, Any] = client.ask(settings, _HANDED, id=report_id)["handedReport"]
        if told["state"] != "WAITING":
            break
        time.sleep(_LOOK_SECONDS / 4)
    return told


@app.command()
def watch(
    connection: Annotated[str | None, typer.Option(help="The connection's name, or its id.")] = None,
    forever: Annotated[bool, typer.Option(help="Go on when nothing runs.")] = False,
    form: _Format = "text",
) -> None:
    """Follow the nights that run: phase, rows, rate and time left, until none runs any more."""
    settings, told = Settings.read(), ""
    while True:
        running = _nights(settings, connection, None, None, ["RUNNING"])
        said = "\n".join(json.dumps(one) if _as_json(form) else _line(one) for one in running)
        if said and said != told:
            typer.echo(said)
        told = said
        if not running and not forever:
            if not _as_json(form):
                typer.echo("No night runs.")
            return
        time.sleep(_LOOK_SECONDS)


def _nights(
    settings: Settings, connection: str | None, first: str | None, last: str | None, states: list[str] | None
) -> list[dict[str, Any]]:
    chosen: dict[str, Any] = {"from": first, "to": last, "states": [one.upper() for one in states] if states else None}
    if connection is not None:
        chosen["connectionId"] = _id_of(settings, connection)
    found: list[dict[str, Any]] = []
    after = None
    for _ in range(_PAGES_MAX):
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
    lines = [head[:_WIDTH].rstrip()]
    if one["reason"] and one["state"] in ("FAILED", "LATE", "WAITING_FOR_PSE"):
        lines += _folded(one["reason"])
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


def _wrapped(text: str) -> None:
    for line in _folded(text):
        typer.echo(line)


def _folded(text: str) -> list[str]:
    plain = "".join(character if character.isprintable() else " " for character in text)
    width = _WIDTH - 4
    return ["    " + plain[at : at + width] for at in range(0, max(len(plain), 1), width)]


def _as_json(form: str) -> bool:
    if form not in ("text", "json"):
        raise CommandError("--format takes text or json.")
    return form == "json"


def _id_of(settings: Settings, connection: str) -> str:
    try:
        return str(UUID(connection))
    except ValueError:
        found = [one["id"] for one in connect.listed(settings) if one["name"] == connection]
    if len(found) != 1:
        raise CommandError(f"There is no connection {connection!r}; `estorno connection list` shows them.")
    named: str = found[0]
    return named
