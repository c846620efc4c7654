"""`estorno batches`: many refunds or payments from a sheet, through the API."""

import base64
import json
import textwrap
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from domain.platform.settings import Settings
from jobs.cli import client, printing
from jobs.cli.commands import CommandError
from jobs.cli.printing import TEXT, WIDTH, DocumentFormat

app = typer.Typer(help="Many refunds or payments from a sheet.", no_args_is_help=True)
_ASK_AGAIN_SECONDS: Final = 1.0
_PURPOSES: Final = {"refunds": "REFUND_BATCH", "payments": "PAYMENT_BATCH"}
_UNDER_WAY: Final = frozenset({"READING", "APPLYING"})
_BATCH: Final = """id kind name state written ignored digest needsAnother rowsTotal rowsDone problem createdBy
  totals { verdict rows amount { display } } results { outcome rows }"""
_ROW: Final = "row named number amount { display } verdict outcome code said refundId refundStatus"
_CREATE: Final = (
    f"mutation Create($input: BatchCreateInput!) {{ batchCreate(input: $input) {{ batch {{ id }} {client.ERRORS} }} }}"
)
_CONFIRM: Final = f"""mutation Confirm($input: BatchConfirmInput!) {{ batchConfirm(input: $input) {{
  batch {{ {_BATCH} }} {client.ERRORS} }} }}"""
_CANCEL: Final = f"""mutation Cancel($input: BatchCancelInput!) {{ batchCancel(input: $input) {{
  batch {{ {_BATCH} }} {client.ERRORS} }} }}"""
_RESULT: Final = f"""mutation Result($input: BatchResultCreateInput!) {{ batchResultCreate(input: $input) {{
  file {{ name downloadPath }} {client.ERRORS} }} }}"""
_SHOW: Final = f"query Show($id: ID!) {{ batch(id: $id) {{ {_BATCH} }} }}"
_ROWS: Final = f"""query Rows($id: ID!, $after: Int!) {{ batch(id: $id) {{
  rows(afterRow: $after) {{ {_ROW} }} }} }}"""
_LIST: Final = f"query List {{ batches(first: 20) {{ edges {{ node {{ {_BATCH} }} }} }} }}"
_TEMPLATE: Final = """query Template($kind: BatchKind!, $locale: String!, $format: BatchFormat!) {
  batchTemplate(kind: $kind, locale: $locale, format: $format) { name content } }"""
_LIMITS: Final = "query Limits { batchLimits { rows amounts { display } } }"
_PROPOSE: Final = f"""mutation Propose($input: BatchLimitProposeInput!) {{ batchLimitPropose(input: $input) {{
  change {{ id name startedAt }} {client.ERRORS} }} }}"""
_ROWS_MAX: Final = 10_001
BatchId = Annotated[str, typer.Argument(help="Of `estorno batches list`.")]
Kind = Annotated[str, typer.Option("--of", help="refunds or payments.")]
Out = Annotated[Path | None, typer.Option(help="Where to; left out: here, under its own name.")]


@app.command("template")
def template(
    of: Kind = "refunds",
    locale: Annotated[str, typer.Option(help="en, zh-CN, es or pt-BR.")] = "en",
    as_: Annotated[str, typer.Option("--as", help="XLSX or CSV.")] = "XLSX",
    out: Out = None,
) -> None:
    """An empty sheet with its headings and an example."""
    _purpose(of)
    told = client.ask(Settings.read(), _TEMPLATE, kind=of.upper(), locale=locale, format=as_.upper())["batchTemplate"]
    _write(out or Path(told["name"]), base64.b64decode(told["content"]))


@app.command("check")
def check(
    file: Annotated[Path, typer.Argument(help="A filled-in sheet, xlsx or csv.")],
    of: Kind = "refunds",
    form: DocumentFormat = TEXT,
) -> None:
    """Hand a sheet in, and see what each row would become; nothing is sent before `estorno batches confirm`."""
    is_json, settings = printing.is_json(form), Settings.read()
    file_id = client.hand_in(settings, file, _purpose(of))
    given = {"fileId": file_id, "idempotencyKey": f"file-{file_id}"}
    batch_id = client.ask(settings, _CREATE, input=given)["batchCreate"]["batch"]["id"]
    _show(settings, _waited(settings, batch_id), is_json=is_json)


@app.command("confirm")
def confirm(
    batch: BatchId,
    wait: Annotated[bool, typer.Option("--wait", help="Until each row has its outcome.")] = False,
    form: DocumentFormat = TEXT,
) -> None:
    """Say yes to a sheet that you have seen: it is worked off, row by row."""
    is_json, settings = printing.is_json(form), Settings.read()
    given = {"batchId": batch, "digest": _of(settings, batch)["digest"] or ""}
    told = client.ask(settings, _CONFIRM, input=given)["batchConfirm"]["batch"]
    _show(settings, _waited(settings, batch) if wait else told, is_json=is_json)


@app.command("cancel")
def cancel(batch: BatchId, form: DocumentFormat = TEXT) -> None:
    """Call a sheet off, before or while it is worked off."""
    is_json, settings = printing.is_json(form), Settings.read()
    _show(settings, client.ask(settings, _CANCEL, input={"batchId": batch})["batchCancel"]["batch"], is_json=is_json)


@app.command("show")
def show(batch: BatchId, form: DocumentFormat = TEXT) -> None:
    """How far it is, and each row."""
    is_json, settings = printing.is_json(form), Settings.read()
    _show(settings, _of(settings, batch), is_json=is_json)


@app.command("list")
def listed(form: DocumentFormat = TEXT) -> None:
    """The last twenty."""
    is_json = printing.is_json(form)
    found = [edge["node"] for edge in client.ask(Settings.read(), _LIST)["batches"]["edges"]]
    if is_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    for one in found:
        _head(one)


@app.command("result")
def result(
    batch: BatchId,
    as_: Annotated[str, typer.Option("--as", help="XLSX or CSV.")] = "XLSX",
    out: Out = None,
) -> None:
    """The same rows with what became of each up to now, as a file."""
    settings = Settings.read()
    given = {"batchId": batch, "format": as_.upper()}
    file = client.ask(settings, _RESULT, input=given)["batchResultCreate"]["file"]
    _write(out or Path(Path(file["name"]).name), client.download(settings, file["downloadPath"]))


def _write(path: Path, content: bytes) -> None:
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        raise CommandError(f"{path} is there already; name another one with --out.") from None
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}.") from None
    typer.echo(f"{len(content)} bytes in {path.name[:60]}")


def _waited(settings: Settings, batch_id: str) -> dict[str, Any]:
    found = _of(settings, batch_id)
    while found["state"] in _UNDER_WAY:
        time.sleep(_ASK_AGAIN_SECONDS)
        found = _of(settings, batch_id)
    if found["state"] == "FAILED":
        raise CommandError(found["problem"] or "It has failed.")
    return found


def _of(settings: Settings, batch_id: str) -> dict[str, Any]:
    found: dict[str, Any] | None = client.ask(settings, _SHOW, id=batch_id)["batch"]
    if found is None:
        raise CommandError(f"There is no sheet {batch_id!r}; `estorno batches list` shows yours.")
    return found


def _rows(settings: Settings, batch_id: str) -> Iterator[Mapping[str, Any]]:
    after = 0
    while found := client.ask(settings, _ROWS, id=batch_id, after=after)["batch"]["rows"]:
        yield from found
        after = found[-1]["row"]


def _show(settings: Settings, batch: Mapping[str, Any], *, is_json: bool) -> None:
    rows = _rows(settings, batch["id"])
    if is_json:
        typer.echo(json.dumps({**batch, "rows": list(rows)}, ensure_ascii=False))
        return
    _head(batch)
    for one in rows:
        amount = one["amount"]["display"] if one["amount"] else ""
        state = one["refundStatus"] or one["outcome"] or one["verdict"]
        typer.echo(f"{one['row']:>7}  {state} {one['code'] or ''} {amount} {one['named'][:20]}".rstrip()[:WIDTH])
        for line in textwrap.wrap(one["said"], WIDTH - 9):
            typer.echo(f"         {line}")


def _head(batch: Mapping[str, Any]) -> None:
    total = "?" if batch["rowsTotal"] is None else batch["rowsTotal"]
    typer.echo(batch["id"])
    typer.echo(f"    {batch['kind']} {batch['state']} {batch['rowsDone']}/{total} rows, {batch['name'][:40]}")
    for one in batch["totals"]:
        amount = one["amount"]["display"] if one["amount"] else ""
        typer.echo(f"    {one['verdict']:<10}{one['rows']:>6} rows {amount}")
    for told in (batch["problem"], batch["needsAnother"], batch["ignored"] and f"Ignored: {batch['ignored']}"):
        for line in textwrap.wrap(told or "", WIDTH - 4):
            typer.echo(f"    {line}")


def _purpose(of: str) -> str:
    if of not in _PURPOSES:
        raise CommandError("--of takes refunds or payments.")
    return _PURPOSES[of]


@app.command("limits")
def limits(
    rows: Annotated[int | None, typer.Option(min=1, max=_ROWS_MAX, help="From so many rows on.")] = None,
    amount: Annotated[list[str] | None, typer.Option(help="And from so much, as BRL=500000, minor units.")] = None,
) -> None:
    """From which size on another person confirms a sheet; with options: propose another.

    What lets more through stands once another person has confirmed it (`estorno approvals changes`).
    Example: estorno batches limits --rows 500 --amount BRL=1000000 --amount MXN=5000000
    """
    settings = Settings.read()
    if rows is None and not amount:
        held = client.ask(settings, _LIMITS)["batchLimits"]
        sums = ", ".join(one["display"] for one in held["amounts"]) or "no amount of any currency"
        _wrapped(f"From {held['rows'] if held['rows'] is not None else 'no number of'} rows on, or from {sums} on.")
        return
    if rows is None or not amount:
        raise CommandError("A limit has both: --rows, and --amount for each currency; any other is above it.")
    given = {"rows": rows, "amounts": [_money(one) for one in amount]}
    told = client.ask(settings, _PROPOSE, input=given)["batchLimitPropose"]["change"]
    stands = f"stands since {told['startedAt'][:16]}" if told["startedAt"] else "waits for another person"
    _wrapped(f"{told['name']} {stands} ({told['id']}).")


def _money(text: str) -> dict[str, str]:
    currency, _, units = text.partition("=")
    if not (units.isascii() and units.isdigit()):
        raise CommandError("--amount takes a currency and minor units, as BRL=500000.")
    return {"currency": currency.upper(), "minorUnits": units}


def _wrapped(text: str) -> None:
    for line in textwrap.wrap(text, WIDTH):
        typer.echo(line)
