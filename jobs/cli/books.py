"""`estorno books`: the month as accounting reads, closes and exports it, through the API."""

import csv
import json
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import uuid4

import typer
from rich import box
from rich.console import Console
from rich.table import Column, Table

from domain.platform.settings import Settings
from jobs.cli import client, connect
from jobs.cli.commands import CommandError
from jobs.cli.printing import WIDTH

app = typer.Typer(help="The month: balances, statements, ages, closing, journals.", no_args_is_help=True)
_MONEY: Final = "{ minorUnits display }"
_ROW: Final = f"""account currency connectionName pse storeCode opening {_MONEY} debits {_MONEY} credits {_MONEY}
  closing {_MONEY}"""
_BALANCE: Final = f"""query Balance($from: Date!, $to: Date!, $by: [TrialBalanceBy!], $skip: Int!) {{
  trialBalance(from: $from, to: $to, by: $by) {{ count rows(first: 100, skip: $skip) {{ {_ROW} }} }} }}"""
_CLOSED: Final = f"""query Closed($month: String!, $skip: Int!) {{ closedPeriod(month: $month) {{
  period {{ month proposedBy confirmedBy confirmedAt why digest }} count
  rows(first: 100, skip: $skip) {{ {_ROW} }} }} }}"""
_STATEMENT: Final = f"""query Statement($account: LedgerAccount!, $connection: ID!, $currency: CurrencyCode!,
    $from: Date!, $to: Date!, $after: String) {{
  accountStatement(account: $account, connectionId: $connection, currency: $currency, from: $from, to: $to, first: 100,
      after: $after) {{
    opening {_MONEY} closing {_MONEY}
    entries {{ edges {{ node {{ id accountingDate belongsTo kind other debit {_MONEY} credit {_MONEY} balance {_MONEY}
      requestId }} }} pageInfo {{ hasNextPage endCursor }} }} }} }}"""
_AGEING: Final = f"""query Ages($skip: Int!) {{ ageing {{ count rows(first: 100, skip: $skip) {{
  account connectionName pse currency bucket count amount {_MONEY} }} }} }}"""
_PERIODS: Final = """query Periods { periods(first: 100) { edges { node { id month state proposedBy confirmedBy
  confirmedAt why digest against { obstacle count } } } } }"""
_PROPOSE: Final = f"""mutation Propose($input: PeriodProposeInput!) {{ periodPropose(input: $input) {{
  period {{ id month against {{ obstacle count }} }} {client.ERRORS} }} }}"""
_CONFIRM: Final = f"""mutation Confirm($input: PeriodConfirmInput!) {{ periodConfirm(input: $input) {{
  period {{ month confirmedAt digest }} {client.ERRORS} }} }}"""
_WITHDRAW: Final = f"""mutation Withdraw($input: PeriodWithdrawInput!) {{ periodWithdraw(input: $input) {{
  period {{ id month state }} {client.ERRORS} }} }}"""
_SET: Final = f"""mutation Set($input: JournalAccountSetInput!) {{ journalAccountSet(input: $input) {{
  account {{ account number name }} {client.ERRORS} }} }}"""
_EXPORT: Final = f"""mutation Export($input: JournalExportInput!) {{ journalExport(input: $input) {{
  journal {{ number month format lines replaces sums {{ display }} file {{ name downloadPath }} }}
  {client.ERRORS} }} }}"""


class Shape(StrEnum):
    """How a command answers."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


_Format = Annotated[Shape, typer.Option("--format", help="table, json or csv.")]
_From = Annotated[str | None, typer.Option("--from", help="The first day, YYYY-MM-DD; left out: the month's.")]
_To = Annotated[str | None, typer.Option("--to", help="The last day, YYYY-MM-DD; left out: today.")]
_Month = Annotated[str, typer.Argument(help="YYYY-MM.")]


@app.command("trial-balance")
def trial_balance(
    since: _From = None,
    until: _To = None,
    by: Annotated[list[str] | None, typer.Option("--by", help="connection, store; may be given twice.")] = None,
    closed: Annotated[str | None, typer.Option(help="A closed month as it was kept, YYYY-MM, instead of days.")] = None,
    shape: _Format = Shape.TABLE,
) -> None:
    """Opening, debits, credits and closing of each account, and whose each is."""
    settings = Settings.read()
    if closed is not None:
        rows = list(_all(settings, _CLOSED, "closedPeriod", month=closed))
        if not rows:
            raise CommandError(f"{closed} is not closed; `estorno books periods` lists those that are.")
    else:
        first, last = _range(since, until)
        chosen = [one.upper() for one in by or ["connection"]]
        rows = list(_all(settings, _BALANCE, "trialBalance", **{"from": first, "to": last}, by=chosen))
    _give(shape, rows, ("pse", "connectionName", "storeCode", "account"), ("opening", "debits", "credits", "closing"))


@app.command("statement")
def statement(
    account: Annotated[str, typer.Argument(help="As PSE_CLEARING.")],
    connection: Annotated[str, typer.Option(help="The connection's name, or its id.")],
    currency: Annotated[str, typer.Option(help="As BRL.")],
    since: _From = None,
    until: _To = None,
    shape: _Format = Shape.TABLE,
) -> None:
    """Every entry of one account, with the balance behind it."""
    settings, (first, last) = Settings.read(), _range(since, until)
    of = {"account": account, "connection": _connection(settings, connection), "currency": currency}
    rows, after = [], None
    while True:
        told = client.ask(settings, _STATEMENT, **of, **{"from": first, "to": last}, after=after)["accountStatement"]
        rows += [edge["node"] for edge in told["entries"]["edges"]]
        if not told["entries"]["pageInfo"]["hasNextPage"]:
            break
        after = told["entries"]["pageInfo"]["endCursor"]
    if shape is Shape.JSON:
        typer.echo(json.dumps({"opening": told["opening"], "closing": told["closing"], "entries": rows}, indent=2))
        return
    _give(shape, rows, ("accountingDate", "kind", "other"), ("debit", "credit", "balance"))
    if shape is Shape.TABLE:
        typer.echo(f"Opening {told['opening']['display']}, closing {told['closing']['display']}.")


@app.command("ageing")
def ageing(shape: _Format = Shape.TABLE) -> None:
    """How old what is open is: claims without a proof, refunds that are owed, money that nobody has explained."""
    rows = list(_all(Settings.read(), _AGEING, "ageing"))
    for row in rows:
        row["days"] = {"D91": "91+"}.get(row["bucket"], row["bucket"][1:].replace("_", "-"))
    _give(shape, rows, ("pse", "connectionName", "account", "days", "count"), ("amount",))


@app.command("periods")
def periods(shape: _Format = Shape.TABLE) -> None:
    """Months that were proposed, closed or withdrawn."""
    rows = [edge["node"] for edge in client.ask(Settings.read(), _PERIODS)["periods"]["edges"]]
    if shape is not Shape.TABLE:
        _give(shape, rows, ("id", "month", "state", "proposedBy", "confirmedBy", "confirmedAt", "why", "digest"), ())
        return
    for row in rows:
        typer.echo(f"{row['month']} {row['state']}  {row['id']}")
        typer.echo(f"    proposed by {row['proposedBy']}, closed by {row['confirmedBy'] or 'nobody yet'}")
        if row["against"]:
            typer.echo(f"    against it stood {_against(row)}: {row['why']}")


@app.command("close")
def close(
    month: _Month,
    why: Annotated[str | None, typer.Option(help="Why it is closed although something stands against it.")] = None,
) -> None:
    """Propose to close a month; another person confirms it."""
    given = {"month": month, "why": why, "idempotencyKey": str(uuid4())}
    period = client.ask(Settings.read(), _PROPOSE, input=given)["periodPropose"]["period"]
    typer.echo(f"{period['month']} is proposed. Against it stands {_against(period) or 'nothing'}.")
    typer.echo(f"Another person closes it:\n    estorno books confirm {period['id']}")


@app.command("confirm")
def confirm(closing: Annotated[str, typer.Argument(help="Of `estorno books periods`.")]) -> None:
    """Close the month that another person has proposed. It is never opened again."""
    period = client.ask(Settings.read(), _CONFIRM, input={"closingId": closing})["periodConfirm"]["period"]
    typer.echo(f"{period['month']} is closed since {period['confirmedAt']}.\nDigest {period['digest']}")


@app.command("withdraw")
def withdraw(
    closing: Annotated[str, typer.Argument(help="Of `estorno books periods`.")], shape: _Format = Shape.TABLE
) -> None:
    """Take back the proposal to close a month, yours or another person's, before it is closed."""
    period = client.ask(Settings.read(), _WITHDRAW, input={"closingId": closing})["periodWithdraw"]["period"]
    if shape is Shape.TABLE:
        typer.echo(f"{period['month']} is proposed no more; `estorno books close {period['month']}` proposes it again.")
    elif shape is Shape.JSON:
        typer.echo(json.dumps(period, indent=2))
    else:
        _give(shape, [period], ("id", "month", "state"), ())


@app.command("account")
def account(
    ours: Annotated[str, typer.Argument(help="As PSE_CLEARING.")],
    number: Annotated[str, typer.Argument(help="Yours.")],
    name: Annotated[str, typer.Argument(help="Yours; QuickBooks knows accounts by it.")],
    connection: Annotated[str | None, typer.Option(help="Of this connection alone.")] = None,
    currency: Annotated[str | None, typer.Option(help="Of this currency alone.")] = None,
    tax_rate: Annotated[str | None, typer.Option(help="Its full name, where the program wants one (Xero).")] = None,
) -> None:
    """Have an account of your own books stand for one of ours, in journals."""
    settings = Settings.read()
    given = {"account": ours, "number": number, "name": name, "currency": currency, "taxRate": tax_rate}
    given |= {"connectionId": _connection(settings, connection) if connection else None}
    made = client.ask(settings, _SET, input={**given, "idempotencyKey": str(uuid4())})["journalAccountSet"]["account"]
    typer.echo(f"{made['number']} {made['name']} stands for {made['account']}.")


@app.command("journal")
def journal(
    month: _Month,
    form: Annotated[str, typer.Option("--for", help="csv, quickbooks, xero or u8.")] = "csv",
    gb18030: Annotated[bool, typer.Option("--gb18030", help="For old programs of Chinese books.")] = False,
    out: Annotated[Path, typer.Option(help="The folder that the ZIP is written to.")] = Path(),
    shape: _Format = Shape.TABLE,
) -> None:
    """Make the journal of a month for another program, and write it to a folder."""
    settings = Settings.read()
    given = {"month": month, "format": form.upper(), "encoding": "GB18030" if gb18030 else "UTF_8"}
    made = client.ask(settings, _EXPORT, input={**given, "idempotencyKey": str(uuid4())})["journalExport"]["journal"]
    path = out / made["file"]["name"]
    path.write_bytes(client.download(settings, made["file"]["downloadPath"]))
    if shape is Shape.JSON:
        typer.echo(json.dumps({**made, "path": str(path)}, indent=2))
        return
    named = f"Number {made['number']}" if made["number"] else "A draft: the month is open"
    typer.echo(f"{named}, {made['lines']} lines, {', '.join(one['display'] for one in made['sums'])}.")
    if made["replaces"]:
        typer.echo(f"It replaces number {made['replaces']}: take that one back where you booked it.")
    typer.echo(f"Written: {path}")


def _all(settings: Settings, document: str, field: str, **variables: Any) -> Iterator[dict[str, Any]]:
    skip = 0
    while True:
        told = client.ask(settings, document, skip=skip, **variables)[field]
        if told is None:
            return
        yield from told["rows"]
        skip += len(told["rows"])
        if skip >= told["count"] or not told["rows"]:
            return


def _give(shape: Shape, rows: Sequence[dict[str, Any]], words: Sequence[str], amounts: Sequence[str]) -> None:
    if shape is Shape.JSON:
        typer.echo(json.dumps(rows, indent=2))
    elif shape is Shape.CSV:
        into = csv.writer(sys.stdout)
        into.writerow([*words, "currency", *amounts])
        for row in rows:
            decimals = [row[name]["display"].partition(" ")[2] for name in amounts]
            currency = row.get("currency") or (row[amounts[0]]["display"].split()[0] if amounts else "")
            into.writerow([*(_safe(row.get(name)) for name in words), currency, *decimals])
    else:
        _table(rows, [name for name in words if any(row.get(name) for row in rows)], amounts)


def _table(rows: Sequence[dict[str, Any]], words: Sequence[str], amounts: Sequence[str]) -> None:
    """One table for each currency, so that the amounts need not say it."""
    console = Console(width=WIDTH, soft_wrap=False)
    currencies = {row[amounts[0]]["display"].split()[0] for row in rows}
    for currency in sorted(currencies):
        heads = [Column(_head(name), overflow="fold") for name in words]
        heads += [Column(_head(name), justify="right", no_wrap=True) for name in amounts]
        table = Table(*heads, title=currency, box=box.SIMPLE, padding=(0, 1, 0, 0))
        for row in rows:
            if row[amounts[0]]["display"].startswith(f"{currency} "):
                decimals = [row[name]["display"].partition(" ")[2] for name in amounts]
                table.add_row(*(str(row.get(name) or "") for name in words), *decimals)
        console.print(table)


def _head(name: str) -> str:
    return {"connectionName": "Connection", "storeCode": "Store", "pse": "PSE", "accountingDate": "Date"}.get(
        name, name.capitalize()
    )


def _safe(value: Any) -> str:
    """No cell that a sheet would run."""
    shown = "" if value is None else str(value)
    return f"'{shown}" if shown.lstrip().startswith(("=", "+", "-", "@")) else shown


def _against(period: dict[str, Any]) -> str:
    return ", ".join(f"{one['obstacle']} ({one['count']})" for one in period["against"])


def _range(since: str | None, until: str | None) -> tuple[str, str]:
    last = _day(until) if until else datetime.now(UTC).date() + timedelta(days=1)
    return str(_day(since) if since else (last - timedelta(days=1)).replace(day=1)), str(last)


def _day(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise CommandError(f"{text!r} is no day; write YYYY-MM-DD.") from None


def _connection(settings: Settings, wanted: str) -> str:
    for one in connect.listed(settings):
        if wanted in (one["id"], one["name"]):
            return str(one["id"])
    raise CommandError(f"There is no connection {wanted!r}; `estorno connection list` shows yours.")
