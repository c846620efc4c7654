"""`estorno export`: tables as files that expire, through the API."""

import hashlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from secrets import token_hex
from typing import Annotated, Any, Final

import typer

from domain.platform.settings import Settings
from jobs.cli import client, printing
from jobs.cli.commands import CommandError
from jobs.cli.printing import TEXT, DocumentFormat

app = typer.Typer(help="Tables as files: findings, refunds, payments, ledger.", no_args_is_help=True)
_EXPORT: Final = "id kind format state rowsDone rowsTotal problem sha256 expiresAt file { name downloadPath }"
_CREATE: Final = f"""mutation Create($input: ExportCreateInput!) {{ exportCreate(input: $input) {{
  export {{ {_EXPORT} }} {client.ERRORS} }} }}"""
_SHOW: Final = f"query Show($id: ID!) {{ export(id: $id) {{ {_EXPORT} }} }}"
_LIST: Final = f"query List {{ exports(first: 20) {{ edges {{ node {{ {_EXPORT} }} }} }} }}"
_ASK_AGAIN_SECONDS: Final = 1.0
_ENDED: Final = frozenset({"DONE", "FAILED", "EXPIRED"})
ExportId = Annotated[str, typer.Argument(help="Of `estorno export list`.")]


@app.command("create")
def create(
    kind: Annotated[str, typer.Argument(help="FINDINGS, REFUNDS, PAYMENTS, LEDGER, VAT or TRIAL_BALANCE.")],
    as_: Annotated[str, typer.Option("--as", help="XLSX, CSV or PARQUET.")] = "XLSX",
    since: Annotated[str | None, typer.Option("--from", help="The first day, YYYY-MM-DD.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="The last day.")] = None,
    connection: Annotated[str | None, typer.Option(help="Of this connection alone.")] = None,
    store: Annotated[str | None, typer.Option(help="Of this store alone, by its id.")] = None,
    currency: Annotated[str | None, typer.Option(help="Of this currency alone.")] = None,
    findings: Annotated[str | None, typer.Option(help="Of FINDINGS: a FindingFilter, JSON.")] = None,
    locale: Annotated[str, typer.Option(help="What columns are called: en, zh-CN, es or pt-BR.")] = "en",
    form: DocumentFormat = TEXT,
) -> None:
    """Ask for an export; `estorno export get` waits for its file."""
    is_json = printing.is_json(form)
    given = {"since": since, "until": until, "connectionId": connection, "storeId": store, "currency": currency}
    filter_: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if findings is not None:
        filter_["findings"] = _filter(findings)
    asked = {
        "kind": kind.upper(),
        "format": as_.upper(),
        "filter": filter_ or None,
        "locale": locale,
        "idempotencyKey": token_hex(16),
    }
    _show(client.ask(Settings.read(), _CREATE, input=asked)["exportCreate"]["export"], is_json=is_json)


@app.command("show")
def show(export: ExportId, form: DocumentFormat = TEXT) -> None:
    """How far it is."""
    is_json = printing.is_json(form)
    _show(_of(export), is_json=is_json)


@app.command("list")
def listed(form: DocumentFormat = TEXT) -> None:
    """The last twenty."""
    is_json = printing.is_json(form)
    found = [edge["node"] for edge in client.ask(Settings.read(), _LIST)["exports"]["edges"]]
    if is_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    for one in found:
        _show(one, is_json=False)


@app.command("get")
def get(
    export: ExportId,
    out: Annotated[Path | None, typer.Option(help="Where to; left out: here, under its own name.")] = None,
    form: DocumentFormat = TEXT,
) -> None:
    """Wait until it is made, and fetch its file."""
    is_json = printing.is_json(form)
    found = _of(export)
    while found["state"] not in _ENDED:
        time.sleep(_ASK_AGAIN_SECONDS)
        found = _of(export)
    if found["file"] is None:
        raise CommandError(found["problem"] or "Its file has expired: ask for it anew (`estorno export create`).")
    given = client.download(Settings.read(), found["file"]["downloadPath"])
    path = out or Path(Path(found["file"]["name"]).name)
    try:
        with path.open("xb") as file:
            file.write(given)
    except FileExistsError:
        raise CommandError(f"{path} is there already; name another one with --out.") from None
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}.") from None
    told = {"path": str(path), "bytes": len(given), "sha256": hashlib.sha256(given).hexdigest(), "export": found}
    typer.echo(json.dumps(told, ensure_ascii=False) if is_json else f"{found['rowsDone']} rows in {path.name[:60]}")


def _of(export: str) -> dict[str, Any]:
    found: dict[str, Any] | None = client.ask(Settings.read(), _SHOW, id=export)["export"]
    if found is None:
        raise CommandError(f"There is no export {export!r}; `estorno export list` shows yours.")
    return found


def _filter(told: str) -> Any:
    try:
        return json.loads(told)
    except ValueError:
        raise CommandError('--findings is no JSON; for example \'{"states": ["OPEN"]}\'.') from None


def _show(one: Mapping[str, Any], *, is_json: bool) -> None:
    if is_json:
        typer.echo(json.dumps(one, ensure_ascii=False))
        return
    total = "?" if one["rowsTotal"] is None else one["rowsTotal"]
    typer.echo(one["id"])
    typer.echo(f"    {one['kind']} {one['format']} {one['state']}, {one['rowsDone']} of {total} rows")
    if one["problem"]:
        typer.echo(f"    {one['problem'][:76]}")
