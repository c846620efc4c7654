"""`estorno connect`: asks for what a PSE wants, makes the draft, and shows what its preflight says."""

import csv
import textwrap
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import uuid4

import typer

from domain.platform.settings import Settings
from domain.pse.credentials import PLAIN
from jobs.cli import client
from jobs.cli.commands import CommandError
from jobs.cli.printing import WIDTH

_LOOK_SECONDS: Final = 0.5
_WAIT_SECONDS: Final = 60.0
_FIELDS: Final = (
    "query Fields($pse: String!) { connectionFields(pse: $pse) { name label where secret optional test live } }"
)
_CREATE: Final = f"""mutation Create($input: ConnectionCreateInput!) {{ connectionCreate(input: $input) {{
  application {{ id name state }} {client.ERRORS} }} }}"""
_REPLACE: Final = f"""mutation Replace($input: ConnectionSecretsInput!) {{ connectionSecretsReplace(input: $input) {{
  application {{ name }} {client.ERRORS} }} }}"""
_PREFLIGHT: Final = f"""mutation Preflight($input: ConnectionPreflightInput!) {{ connectionPreflight(input: $input) {{
  run {{ id }} {client.ERRORS} }} }}"""
_RUN: Final = """query Run($id: ID!) { node(id: $id) { ... on PreflightRun {
  outcome error checks { code outcome saw whatToDo } } } }"""
_CERTIFY: Final = f"""mutation Certify($input: ConnectionCertifyInput!) {{ connectionCertify(input: $input) {{
  run {{ id }} {client.ERRORS} }} }}"""
_PLAYED: Final = """query Played($id: ID!) { node(id: $id) { ... on CertificationRun {
  outcome error total cases { name outcome said } report page } } }"""
_CERTIFY_SECONDS: Final = 1_800.0
_HAND_IN: Final = f"""mutation HandIn($input: ConnectionDocumentInput!) {{ connectionDocumentHandIn(input: $input) {{
  application {{ missingDocuments }} {client.ERRORS} }} }}"""
_LIST: Final = """query List($first: Int!, $after: String) { connectionApplications(first: $first, after: $after) {
  edges { node { id pse name state missingDocuments submittedBy reviewedBy } } pageInfo { hasNextPage endCursor } } }"""


def connect(
    pse: Annotated[str, typer.Argument(help="One of `estorno pse list`.")],
    store: Annotated[str, typer.Option(help="The code of the store of payments that name none.")],
    name: Annotated[str | None, typer.Option(help="Yours, unique among your connections; left out: PSE-STORE.")] = None,
    values: Annotated[
        Path | None,
        typer.Option("--from", help="A file of lines NAME=VALUE; what it lacks and is needed is asked for."),
    ] = None,
    test: Annotated[bool, typer.Option(help="The PSE's test environment: its addresses are filled in.")] = False,
) -> None:
    """Apply for a connection: asks for what the PSE wants, hidden where it is secret, and shows its preflight."""
    settings = Settings.read()
    wanted = client.ask(settings, _FIELDS, pse=pse)["connectionFields"]
    given = read_values(values) if values else {}
    refuse_unknown(given, wanted)
    known = {one["name"]: one["test" if test else "live"] for one in wanted}
    answers = answered(wanted, {**known, **given}, all_of=values is None)
    made = _create(settings, pse, name or f"{pse}-{store}", store, answers)
    typer.echo(f"{made['name']} is a {made['state'].lower()}: {made['id']}")
    outcome = preflight(settings, made["id"])
    typer.echo(f"Wrong keys? `estorno connection keys {made['name']}` asks again.")
    typer.echo("Next: `estorno connection document`, then `estorno connection submit`.")
    raise typer.Exit(1 if outcome == "FAILED" else 0)


def replace(settings: Settings, connection: str, pse: str, values: Path | None, until: str | None) -> None:
    """Ask for the connection's keys, and replace them; the old ones verify webhooks until that moment (ISO 8601)."""
    wanted = client.ask(settings, _FIELDS, pse=pse)["connectionFields"]
    given = read_values(values) if values else {}
    refuse_unknown(given, wanted)
    sealed = [one for one in wanted if one["name"] not in PLAIN]
    answers = {**given, **{one["name"]: given.get(one["name"]) or asked(one) for one in sealed}}
    fields = [{"name": key, "value": value} for key, value in answers.items() if value]
    client.ask(settings, _REPLACE, input={"connectionId": connection, "fields": fields, "oldValidUntil": until})


def answered(wanted: Sequence[Mapping[str, Any]], given: Mapping[str, str], *, all_of: bool) -> dict[str, str]:
    """A value of each field: the given one, else what a person types. Not `all_of`: what may be left out, is."""
    ask = [one["name"] for one in wanted if all_of or not one["optional"]]
    return {one["name"]: given.get(one["name"]) or (asked(one) if one["name"] in ask else "") for one in wanted}


def asked(field: Mapping[str, Any]) -> str:
    """What a person types for a field, hidden where it is secret."""
    typer.echo(f"\n{field['label']}{' (may be left out)' if field['optional'] else ''}")
    typer.echo(textwrap.fill(field["where"], WIDTH, initial_indent="  ", subsequent_indent="  "))
    default = "" if field["optional"] else None
    answer: str = typer.prompt(f"  {field['name']}", default=default, hide_input=field["secret"], show_default=False)
    return answer


def _create(settings: Settings, pse: str, name: str, store: str, answers: Mapping[str, str]) -> Mapping[str, Any]:
    fields = [{"name": key, "value": value} for key, value in answers.items() if value]
    given = {"pse": pse, "name": name, "storeCode": store, "fields": fields, "idempotencyKey": str(uuid4())}
    made: Mapping[str, Any] = client.ask(settings, _CREATE, input=given)["connectionCreate"]["application"]
    return made


def preflight(settings: Settings, connection: str) -> str | None:
    """Have a connection's preflight made and print each check; its outcome, None where no worker has made it yet."""
    asked = client.ask(settings, _PREFLIGHT, input={"connectionId": connection})["connectionPreflight"]["run"]
    until = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < until:
        run = client.ask(settings, _RUN, id=asked["id"])["node"]
        if run["outcome"] is not None:
            for check in run["checks"]:
                typer.echo(check_lines(check))
            typer.echo(f"\nThe preflight: {run['outcome']}. {run['error'] or ''}".rstrip())
            return str(run["outcome"])
        time.sleep(_LOOK_SECONDS)
    typer.echo("No worker has made the preflight yet; start `estorno worker`, then `estorno preflight`.")
    return None


def certify(settings: Settings, connection: str, payments: Sequence[str], out: Path, *, test: bool) -> str | None:
    """Have the series played, print each case as it is, and write the signed report; the outcome."""
    if not out.is_dir():
        raise CommandError(f"There is no folder {out} for the signed report.")
    given = {"connectionId": connection, "payments": list(payments), "testEnvironment": test}
    asked = client.ask(settings, _CERTIFY, input=given)["connectionCertify"]["run"]
    told, until = 0, time.monotonic() + _CERTIFY_SECONDS
    while time.monotonic() < until:
        run = client.ask(settings, _PLAYED, id=asked["id"])["node"]
        for case in run["cases"][told:]:
            told += 1
            said = f"{case['outcome']:<8} {told}/{run['total']} {case['name']}: {case['said']}"
            typer.echo(textwrap.fill(said, WIDTH, subsequent_indent=" " * 9))
        if run["outcome"] is not None:
            typer.echo(f"\nThe certification: {run['outcome']}. {run['error'] or ''}".rstrip())
            for name, content in (("json", run["report"]), ("html", run["page"])):
                if content:
                    path = out / f"certification-{connection}.{name}"
                    path.write_text(content)
                    typer.echo(f"Written: {path}")
            return str(run["outcome"])
        time.sleep(_LOOK_SECONDS)
    typer.echo("It has not ended; look for it again later.")
    return None


def check_lines(check: Mapping[str, Any]) -> str:
    """A check of a preflight, and what to do, within 80 columns."""
    indent = " " * 13
    lines = [textwrap.fill(f"{check['outcome']:<12} {check['code']}: {check['saw']}", WIDTH, subsequent_indent=indent)]
    if check["whatToDo"]:
        todo = f"To do: {check['whatToDo']}"
        lines.append(textwrap.fill(todo, WIDTH, initial_indent=indent, subsequent_indent=indent))
    return "\n".join(lines)


def read_values(path: Path) -> dict[str, str]:
    """The lines NAME=VALUE of a file. Raises CommandError."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} cannot be read ({type(error).__name__}).") from error
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        name, equals, value = line.partition("=")
        if line.strip() and not line.startswith("#"):
            if not equals:
                raise CommandError(f"{path}, line {number}: write NAME=VALUE.")
            found[name.strip()] = value.strip().replace("\\n", "\n")
    return found


def refuse_unknown(given: Mapping[str, str], wanted: Sequence[Mapping[str, Any]]) -> None:
    """Raises CommandError for names that nobody asks for."""
    known = [one["name"] for one in wanted]
    if unknown := sorted(given.keys() - set(known)):
        raise CommandError(f"Not asked for: {', '.join(unknown)}. This PSE wants {', '.join(known)}.")


def hand_in(settings: Settings, connection: str, kind: str, path: Path) -> Sequence[str]:
    """Upload a document and hand it in; the kinds that are still missing. Raises CommandError."""
    file_id = client.hand_in(settings, path, "ONBOARDING_DOCUMENT")
    given = {"connectionId": connection, "kind": kind, "fileId": file_id}
    missing: Sequence[str] = client.ask(settings, _HAND_IN, input=given)["connectionDocumentHandIn"]["application"][
        "missingDocuments"
    ]
    return missing


def listed(settings: Settings) -> Iterator[Mapping[str, Any]]:
    """All connections of the merchant, newest first, page by page."""
    after: str | None = None
    while True:
        told = client.ask(settings, _LIST, first=100, after=after)["connectionApplications"]
        yield from (edge["node"] for edge in told["edges"])
        after = told["pageInfo"]["endCursor"]
        if not told["pageInfo"]["hasNextPage"]:
            return


def import_sheet(settings: Settings, sheet: Path) -> Iterator[tuple[str, str]]:
    """One connection for each row of a CSV (pse, name, store, and the PSE's fields): its name, and what came of it.

    A row that is refused holds up no other one. Names that are there already are left as they are.
    """
    there = {one["name"] for one in listed(settings)}
    with sheet.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        if lacking := {"pse", "name", "store"} - set(reader.fieldnames or ()):
            raise CommandError(
                f"{sheet} has no column {', '.join(sorted(lacking))}; its first line names them, with commas between."
            )
        for row in reader:
            name = (row.pop("name", "") or "").strip()
            if name in there:
                yield name, "is there already"
                continue
            pse, store = (row.pop("pse", "") or "").strip(), (row.pop("store", "") or "").strip()
            values = {key: value for key, value in row.items() if key and value}
            try:
                yield name, _create(settings, pse, name, store, values)["state"]
            except CommandError as error:
                yield name, f"refused: {error}"
