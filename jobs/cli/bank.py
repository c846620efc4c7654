"""`estorno bank`: accounts that PSEs pay out to, their statements, and the payouts that these prove."""

import json
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import uuid4

import typer

from domain.money import decimal_of, exponent_of
from domain.platform.settings import Settings
from jobs.cli import client
from jobs.cli.commands import CommandError

app = typer.Typer(help="Accounts at banks, their statements, and payouts.", no_args_is_help=True)
Format = Annotated[str, typer.Option("--format", help="text or json.")]
_PAGE: Final = "pageInfo { hasNextPage endCursor }"
_ACCOUNTS: Final = f"""query Accounts($first: Int!, $after: String) {{ bankAccounts(first: $first, after: $after) {{
  edges {{ node {{ id name currency number connectionIds endedAt }} }} {_PAGE} }} }}"""
_PAYOUTS: Final = f"""query Payouts($first: Int!, $after: String, $standing: PayoutStanding) {{
  payouts(first: $first, after: $after, standing: $standing) {{ edges {{ node {{ id connectionId reference amount
  currency businessDate proof {{ bankLineId how charges }} candidates {{ id bookedOn text }}
  shares {{ line {{ id bookedOn text }} others {{ id }} }} }} }} {_PAGE} }} }}"""
_LINES: Final = f"""query Lines($first: Int!, $after: String, $explained: Boolean) {{
  bankLines(first: $first, after: $after, explained: $explained) {{ edges {{ node {{ id bookedOn amount currency text
  payoutId }} }} {_PAGE} }} }}"""
_CREATE: Final = f"""mutation Create($input: BankAccountCreateInput!) {{ bankAccountCreate(input: $input) {{
  account {{ id name currency }} {client.ERRORS} }} }}"""
_IMPORT: Final = f"""mutation Import($input: BankStatementImportInput!) {{ bankStatementImport(input: $input) {{
  statement {{ id form firstOn lastOn lines newLines proof contradicted rewordings {{ text sure
  earlier {{ bookedOn amount currency text }} }} }} {client.ERRORS} }} }}"""
_STATEMENTS: Final = f"""query Statements($first: Int!, $after: String, $account: ID) {{
  bankStatements(first: $first, after: $after, bankAccountId: $account) {{ edges {{ node {{ id form firstOn
  lastOn lines newLines createdAt withdrawnAt withdrawalReason }} }} {_PAGE} }} }}"""
_WITHDRAW: Final = f"""mutation Withdraw($input: BankStatementWithdrawInput!) {{ bankStatementWithdraw(input: $input) {{
  statement {{ id newLines }} {client.ERRORS} }} }}"""
_PROVE: Final = f"""mutation Prove($input: PayoutProveInput!) {{ payoutProve(input: $input) {{
  proof {{ bankLineId how charges }} {client.ERRORS} }} }}"""
_VOID: Final = f"""mutation Void($input: PayoutProofVoidInput!) {{ payoutProofVoid(input: $input) {{
  proof {{ bankLineId }} {client.ERRORS} }} }}"""


@app.command("accounts")
def accounts(format_: Format = "text") -> None:
    """The accounts that are known."""
    found = list(_all(_ACCOUNTS, "bankAccounts"))
    if _json(found, format_):
        return
    for one in found:
        state = "  (ended)" if one["endedAt"] else ""
        typer.echo(f"{one['id']}  {one['currency']}  {one['name'][:28]}{state}")


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="What you call the account.")],
    currency: Annotated[str, typer.Argument(help="For example BRL.")],
    connection: Annotated[
        list[str] | None, typer.Option(help="Whose payouts come to it; may be given often. Else those of any.")
    ] = None,
    format_: Format = "text",
) -> None:
    """Make an account known that PSEs pay out to."""
    given = {"name": name, "currency": currency, "connectionIds": connection or [], "idempotencyKey": str(uuid4())}
    made = client.ask(Settings.read(), _CREATE, input=given)["bankAccountCreate"]["account"]
    if not _json(made, format_):
        typer.echo(f"{made['id']}  {made['currency']}  {made['name']}")


@app.command("import")
def import_(
    account: Annotated[str, typer.Argument(help="Of `estorno bank accounts`.")],
    file: Annotated[Path, typer.Argument(help="The bank's file: OFX, CNAB 240 or CSV, gzip or not.")],
    format_: Format = "text",
) -> None:
    """Take in a statement; the payouts that it shows are proven. The same file again changes nothing."""
    settings = Settings.read()
    given = {"bankAccountId": account, "fileId": client.hand_in(settings, file, "BANK_STATEMENT")}
    made = client.ask(settings, _IMPORT, input=given)["bankStatementImport"]["statement"]
    if _json(made, format_):
        return
    typer.echo(
        f"{made['form']} of {made['firstOn']} to {made['lastOn']}: {made['newLines']} of {made['lines']} are new."
    )
    said = made["contradicted"] or made["proof"] or "Nothing in the file proves that it is whole."
    typer.echo(textwrap.fill(said, 80))
    for one in made["rewordings"]:
        earlier = one["earlier"]
        typer.echo(f"    {earlier['bookedOn']}  {_money(earlier)}{'' if one['sure'] else '  (not sure)'}")
        typer.echo(f"        here: {one['text'][:60]}")
        typer.echo(f"        then: {earlier['text'][:60]}")


@app.command("statements")
def statements(
    account: Annotated[str | None, typer.Option(help="Of `estorno bank accounts`; else of all.")] = None,
    format_: Format = "text",
) -> None:
    """The statements that were taken in."""
    found = list(_all(_STATEMENTS, "bankStatements", account=account))
    if _json(found, format_):
        return
    for one in found:
        state = "  (withdrawn)" if one["withdrawnAt"] else ""
        days = f"{one['firstOn']} to {one['lastOn']}" if one["firstOn"] else "no day"
        typer.echo(f"{one['id']}  {days}{state}")
        typer.echo(f"    {one['form']}: {one['newLines']} of {one['lines']} were new.")


@app.command("withdraw")
def withdraw(
    statement: Annotated[str, typer.Argument(help="Of `estorno bank statements`.")],
    reason: Annotated[str, typer.Option(help="Why; kept with it.")],
) -> None:
    """Take a statement back that is none of its account, with its lines. What it proves is voided first."""
    client.ask(Settings.read(), _WITHDRAW, input={"bankStatementId": statement, "reason": reason})
    typer.echo("It is taken back, and its lines with it.")


@app.command("payouts")
def payouts(
    standing: Annotated[str | None, typer.Option(help="PROVEN or OPEN; else all.")] = None, format_: Format = "text"
) -> None:
    """What PSEs paid out, and whether the bank has it; of an open one, the lines that it may be."""
    found = list(_all(_PAYOUTS, "payouts", standing=standing))
    if _json(found, format_):
        return
    for one in found:
        state = one["proof"]["how"] if one["proof"] else "open"
        typer.echo(f"{one['id']}  {one['businessDate']}  {_money(one)}  {state}")
        for line in one["candidates"]:
            typer.echo(f"    {line['id']}  {line['bookedOn']}  {line['text'][:26]}")
        for share in one["shares"]:
            line, others = share["line"], " ".join(f"--with {other['id']}" for other in share["others"])
            typer.echo(f"    {line['id']}  {line['bookedOn']}  {line['text'][:26]}")
            typer.echo(f"        {others}")


@app.command("lines")
def lines(
    open_: Annotated[bool, typer.Option("--open", help="Those alone that prove no payout.")] = False,
    format_: Format = "text",
) -> None:
    """Money on the accounts."""
    found = list(_all(_LINES, "bankLines", explained=False if open_ else None))
    if _json(found, format_):
        return
    for one in found:
        typer.echo(f"{one['id']}  {one['bookedOn']}  {_money(one)}")
        typer.echo(f"    {one['text'][:76]}")


@app.command("prove")
def prove(
    payout: Annotated[str, typer.Argument(help="Of `estorno bank payouts`.")],
    line: Annotated[str, typer.Argument(help="Of `estorno bank lines`.")],
    others: Annotated[
        list[str] | None, typer.Option("--with", help="A payout that came in the same line; may be given often.")
    ] = None,
) -> None:
    """Say that a line of the bank is a payout; what it lacks is booked as the bank's charges. Several payouts
    (`--with`) are exactly the line.
    """
    given = {"payoutId": payout, "bankLineId": line, "otherPayoutIds": others or []}
    told = client.ask(Settings.read(), _PROVE, input=given)["payoutProve"]["proof"]
    typer.echo(f"It is proven; charges: {told['charges']} minor units.")


@app.command("void")
def void(
    payout: Annotated[str, typer.Argument(help="Of `estorno bank payouts`.")],
    reason: Annotated[str, typer.Option(help="Why; kept with it.")],
) -> None:
    """Take back that a payout is proven."""
    client.ask(Settings.read(), _VOID, input={"payoutId": payout, "reason": reason})
    typer.echo("It is open again.")


def _all(document: str, name: str, **variables: Any) -> Iterator[Mapping[str, Any]]:
    settings, after = Settings.read(), None
    while True:
        told = client.ask(settings, document, first=100, after=after, **variables)[name]
        yield from (edge["node"] for edge in told["edges"])
        if not told["pageInfo"]["hasNextPage"]:
            return
        after = told["pageInfo"]["endCursor"]


def _json(found: Any, format_: str) -> bool:
    """Whether it was printed as JSON. Raises CommandError for another format than there is."""
    if format_ not in ("text", "json"):
        raise CommandError("--format is text or json.")
    if format_ == "json":
        typer.echo(json.dumps(found, ensure_ascii=False))
    return format_ == "json"


def _money(one: Mapping[str, Any]) -> str:
    amount, currency = int(one["amount"]), one["currency"]
    return f"{'-' if amount < 0 else ''}{decimal_of(abs(amount), exponent_of(currency))} {currency}"
