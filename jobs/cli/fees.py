"""`estorno fees`: what each PSE charges by contract, through the API."""

from pathlib import Path
from typing import Annotated, Any, Final
from uuid import uuid4

import typer

from domain.platform.settings import Settings
from jobs.cli import client
from jobs.cli.nights import id_of
from jobs.cli.tables import Form, FormOption, as_json, base64_of, nodes, shown

app = typer.Typer(help="What each PSE charges by contract: fee schedules.", no_args_is_help=True)
_FIELDS: Final = """id connectionId method kind percent fixed { display } minimum { display } maximum { display }
  taxPercent originalFee validFrom validTo source enteredBy withdrawnAt"""
_LIST: Final = f"""query Fees($first: Int!, $after: String, $connectionId: ID, $on: Date) {{
  feeSchedules(first: $first, after: $after, connectionId: $connectionId, on: $on) {{
    edges {{ node {{ {_FIELDS} }} }} pageInfo {{ hasNextPage endCursor }} }} }}"""
_SET: Final = f"""mutation Set($input: FeeScheduleSetInput!) {{ feeScheduleSet(input: $input) {{
  schedule {{ {_FIELDS} }} {client.ERRORS} }} }}"""
_IMPORT: Final = f"""mutation Import($input: FeeSchedulesImportInput!) {{ feeSchedulesImport(input: $input) {{
  entered {client.ERRORS} }} }}"""
_WITHDRAW: Final = f"""mutation Withdraw($input: FeeScheduleWithdrawInput!) {{ feeScheduleWithdraw(input: $input) {{
  schedule {{ {_FIELDS} }} {client.ERRORS} }} }}"""
_KeyOption = Annotated[str | None, typer.Option(help="Keep it over retries: the same again is entered once.")]


@app.command("list")
def listed(
    connection: Annotated[str | None, typer.Option(help="Of this connection; its name, or its id.")] = None,
    on: Annotated[str | None, typer.Option(help="Those that a day lies within, YYYY-MM-DD.")] = None,
    first: Annotated[int, typer.Option(help="At most so many.", min=1, max=100)] = 100,
    after: Annotated[str | None, typer.Option(help="The cursor that the list before ended with.")] = None,
    form: FormOption = Form.TEXT,
) -> None:
    """Fee schedules, the last entered first.

    Example: estorno fees list --on 2026-11-01 --format json
    """
    settings = Settings.read()
    of = id_of(settings, connection) if connection else None
    told = client.ask(settings, _LIST, first=first, after=after, connectionId=of, on=on)["feeSchedules"]
    if form is Form.JSON:
        return as_json(told)
    for node in nodes(told):
        _show(node)
    if told["pageInfo"]["hasNextPage"]:
        shown(f"More: --after {told['pageInfo']['endCursor']}")
    return None


def _show(node: dict[str, Any]) -> None:
    ends = f" to {node['validTo']}" if node["validTo"] else ""
    gone = ", withdrawn" if node["withdrawnAt"] else ""
    shown(f"{node['id']}  {node['kind']} {node['method'] or 'all methods'}, from {node['validFrom']}{ends}{gone}")
    bounds = "".join(f", {word} {node[name]['display']}" for name, word in _BOUNDS if node[name])
    tax = f", tax {node['taxPercent']} %" if node["taxPercent"] != "0" else ""
    kept = f", fee {node['originalFee']}" if node["originalFee"] else ""
    shown(f"    {node['percent']} % + {node['fixed']['display']}{bounds}{tax}{kept}")
    shown(f"    {node['source']}")


_BOUNDS: Final = (("minimum", "at least"), ("maximum", "at most"))


@app.command("set")
def entered(
    connection: Annotated[str, typer.Option(help="Of which connection; its name, or its id.")],
    kind: Annotated[str, typer.Option(help="PAYMENT, REFUND, CHARGEBACK, PAYOUT or FX.")],
    currency: Annotated[str, typer.Option(help="In which the PSE counts it.")],
    percent: Annotated[str, typer.Option(help="As 3.99.")],
    valid_from: Annotated[str, typer.Option("--from", help="The first day, YYYY-MM-DD.")],
    source: Annotated[str, typer.Option(help="Who says so: a contract, a page and its day.")],
    method: Annotated[str | None, typer.Option(help="Left out: all.")] = None,
    fixed: Annotated[int, typer.Option(help="Minor units, beside the percentage.")] = 0,
    minimum: Annotated[int | None, typer.Option(help="Minor units, before tax.")] = None,
    maximum: Annotated[int | None, typer.Option(help="Minor units, before tax.")] = None,
    tax: Annotated[str, typer.Option(help="Tax on the fee in percent, as 16.")] = "0",
    original_fee: Annotated[str | None, typer.Option(help="Of a REFUND: KEPT, RETURNED or RETURNED_PRO_RATA.")] = None,
    valid_to: Annotated[str | None, typer.Option("--to", help="The last day, where it ends by itself.")] = None,
    key: _KeyOption = None,
    form: FormOption = Form.TEXT,
) -> None:
    """Enter a fee from a day on: it ends the one before; the same day again corrects it.

    Example: estorno fees set --connection pix-main --kind PAYMENT --currency BRL --percent 1.19
    --from 2026-01-01 --source "Contract 7"
    """
    settings = Settings.read()
    given = {
        "connectionId": id_of(settings, connection),
        "kind": kind,
        "currency": currency,
        "percent": percent,
        "validFrom": valid_from,
        "source": source,
        "method": method,
        "fixed": str(fixed),
        "minimum": None if minimum is None else str(minimum),
        "maximum": None if maximum is None else str(maximum),
        "taxPercent": tax,
        "originalFee": original_fee,
        "validTo": valid_to,
        "idempotencyKey": key or str(uuid4()),
    }
    _done(client.ask(settings, _SET, input=given)["feeScheduleSet"]["schedule"], form)


@app.command("import")
def imported(
    file: Annotated[Path, typer.Argument(help="CSV; docs/quotes.md has its columns.")],
    connection: Annotated[str | None, typer.Option(help="Of rows that name none; its name, or its id.")] = None,
    key: _KeyOption = None,
    form: FormOption = Form.TEXT,
) -> None:
    """Enter the fees of a file, all or none.

    Example: estorno fees import contract.csv --connection pix-main
    """
    settings = Settings.read()
    of = id_of(settings, connection) if connection else None
    given = {"fileContent": base64_of(file), "connectionId": of, "idempotencyKey": key or str(uuid4())}
    told = client.ask(settings, _IMPORT, input=given)["feeSchedulesImport"]
    if form is Form.JSON:
        return as_json({"entered": told["entered"]})
    return shown(f"{told['entered']} entered.")


@app.command("withdraw")
def withdrawn(
    schedule: Annotated[str, typer.Argument(help="Of `estorno fees list`.")], form: FormOption = Form.TEXT
) -> None:
    """Say that a fee was entered in error: it counts no more.

    Example: estorno fees withdraw 42
    """
    given = {"feeScheduleId": schedule}
    _done(client.ask(Settings.read(), _WITHDRAW, input=given)["feeScheduleWithdraw"]["schedule"], form)


def _done(node: dict[str, Any], form: Form) -> None:
    if form is Form.JSON:
        as_json(node)
    else:
        _show(node)
