"""`estorno rates`: rates of exchange, and `estorno quote`: what a refund would cost, through the API."""

from pathlib import Path
from typing import Annotated, Any, Final
from uuid import uuid4

import typer

from domain.platform.settings import Settings
from jobs.cli import client
from jobs.cli.tables import Form, FormOption, as_json, base64_of, nodes, shown

app = typer.Typer(help="Rates of exchange: entered, or from files.", no_args_is_help=True)
_FIELDS: Final = "id base quote side rate validFrom validTo origin source fileSha256 enteredBy withdrawnAt"
_LIST: Final = f"""query Rates($first: Int!, $after: String, $base: CurrencyCode, $quote: CurrencyCode) {{
  fxRates(first: $first, after: $after, base: $base, quote: $quote) {{
    edges {{ node {{ {_FIELDS} }} }} pageInfo {{ hasNextPage endCursor }} }} }}"""
_SET: Final = f"""mutation Set($input: FxRateSetInput!) {{ fxRateSet(input: $input) {{
  rate {{ {_FIELDS} }} {client.ERRORS} }} }}"""
_IMPORT: Final = f"""mutation Import($input: FxRatesImportInput!) {{ fxRatesImport(input: $input) {{
  entered passedOver {client.ERRORS} }} }}"""
_WITHDRAW: Final = f"""mutation Withdraw($input: FxRateWithdrawInput!) {{ fxRateWithdraw(input: $input) {{
  rate {{ {_FIELDS} }} {client.ERRORS} }} }}"""
_QUOTE: Final = f"""query Quote($input: RefundQuoteInput!) {{ refundQuote(input: $input) {{
  quote {{ id amount {{ display }} taxAmount {{ display }} taxBasis totalCost {{ display }} totalIsGain way
    costs {{ name amount {{ display }} isGain unknownBecause
      basis {{ rule scheduleId scheduleFrom rateId rate rateDate rateCarried source }} }}
    takes {{ typicalDays atMostDays source unknownBecause }} refundableUntil refundableUntilBasis
    alternatives {{ kind says }} }}
  approval {{ needs {{ rule why }} capExceeded {{ message }} }} {client.ERRORS} }} }}"""
_KeyOption = Annotated[str | None, typer.Option(help="Keep it over retries: the same again is entered once.")]


@app.command("list")
def listed(
    base: Annotated[str | None, typer.Option(help="Of one of this currency.")] = None,
    quote: Annotated[str | None, typer.Option(help="In this currency.")] = None,
    first: Annotated[int, typer.Option(help="At most so many.", min=1, max=100)] = 100,
    after: Annotated[str | None, typer.Option(help="The cursor that the list before ended with.")] = None,
    form: FormOption = Form.TEXT,
) -> None:
    """Rates of exchange, the last entered first."""
    told = client.ask(Settings.read(), _LIST, first=first, after=after, base=base, quote=quote)["fxRates"]
    if form is Form.JSON:
        return as_json(told)
    for node in nodes(told):
        _show(node)
    if told["pageInfo"]["hasNextPage"]:
        shown(f"More: --after {told['pageInfo']['endCursor']}")
    return None


def _show(node: dict[str, Any]) -> None:
    gone = ", withdrawn" if node["withdrawnAt"] else ""
    ends = f" to {node['validTo']}" if node["validTo"] != node["validFrom"] else ""
    side = "" if node["side"] == "SINGLE" else f" {node['side'].lower()}"
    shown(f"{node['id']}  1 {node['base']} = {node['rate']} {node['quote']}{side}, {node['validFrom']}{ends}{gone}")
    shown(f"    {node['origin'].lower()}: {node['source']}")


@app.command("set")
def entered(
    base: Annotated[str, typer.Argument(help="One of this currency")],
    quote: Annotated[str, typer.Argument(help="in this currency")],
    rate: Annotated[str, typer.Argument(help="is worth so much, as 5.4321.")],
    valid_from: Annotated[str, typer.Option("--from", help="The first day, YYYY-MM-DD.")],
    source: Annotated[str, typer.Option(help="Who publishes it, as PTAX.")],
    side: Annotated[str, typer.Option(help="SINGLE, SELL or BUY.")] = "SINGLE",
    valid_to: Annotated[str | None, typer.Option("--to", help="The last day; left out: the first.")] = None,
    key: _KeyOption = None,
    form: FormOption = Form.TEXT,
) -> None:
    """Enter a rate; the same day again corrects it."""
    given = {
        "base": base,
        "quote": quote,
        "rate": rate,
        "validFrom": valid_from,
        "source": source,
        "side": side,
        "validTo": valid_to,
        "idempotencyKey": key or str(uuid4()),
    }
    _done(client.ask(Settings.read(), _SET, input=given)["fxRateSet"]["rate"], form)


@app.command("import")
def imported(
    file: Annotated[Path, typer.Argument(help="CSV; docs/quotes.md has its columns.")],
    source: Annotated[str, typer.Option(help="Who publishes them, as PTAX.")],
    layout: Annotated[str, typer.Option(help="GENERIC, or PTAX as Brazil's central bank gives it.")] = "GENERIC",
    key: _KeyOption = None,
    form: FormOption = Form.TEXT,
) -> None:
    """Enter the rates of a file, all or none."""
    given = {"fileContent": base64_of(file), "layout": layout, "source": source, "idempotencyKey": key or str(uuid4())}
    told = client.ask(Settings.read(), _IMPORT, input=given)["fxRatesImport"]
    if form is Form.JSON:
        return as_json({"entered": told["entered"], "passedOver": told["passedOver"]})
    return shown(f"{told['entered']} entered; {told['passedOver']} rows of other currencies were passed over.")


@app.command("withdraw")
def withdrawn(
    rate: Annotated[str, typer.Argument(help="Of `estorno rates list`.")], form: FormOption = Form.TEXT
) -> None:
    """Say that a rate was entered in error: it counts no more."""
    _done(client.ask(Settings.read(), _WITHDRAW, input={"fxRateId": rate})["fxRateWithdraw"]["rate"], form)


def _done(node: dict[str, Any], form: Form) -> None:
    if form is Form.JSON:
        as_json(node)
    else:
        _show(node)


def quote(
    payment: Annotated[str, typer.Argument(help="The payment's id.")],
    amount: Annotated[int | None, typer.Option(help="Minor units; left out: all that is left.")] = None,
    currency: Annotated[str | None, typer.Option(help="Of the amount.")] = None,
    form: FormOption = Form.TEXT,
) -> None:
    """What a refund would cost, how long it takes, and what else could be done; nothing is asked for."""
    money = {"minorUnits": str(amount), "currency": currency or ""} if amount is not None else None
    told = client.ask(Settings.read(), _QUOTE, input={"paymentId": payment, "amount": money})["refundQuote"]
    if form is Form.JSON:
        return as_json({"quote": told["quote"], "approval": told["approval"]})
    return _show_quote(told["quote"], told["approval"])


def _show_quote(told: dict[str, Any], approval: dict[str, Any]) -> None:
    shown(f"{told['amount']['display']}, {told['way']}")
    for cost in told["costs"]:
        if cost["amount"] is None:
            shown(f"  {cost['name']}: unknown. {cost['unknownBecause']}")
        else:
            gain = " to you" if cost["isGain"] else ""
            shown(f"  {cost['name']}: {cost['amount']['display']}{gain}. {cost['basis']['rule']}")
    shown(f"  VAT: {told['taxAmount']['display'] if told['taxAmount'] else 'unknown'}. {told['taxBasis']}")
    shown(f"  Takes: {_takes(told['takes'])}")
    shown(f"  Until: {(told['refundableUntil'] or 'no end known')[:16]}. {told['refundableUntilBasis']}")
    for other in told["alternatives"]:
        shown(f"  Or {other['kind']}: {other['says']}")
    for need in approval["needs"]:
        shown(f"  Needs a yes: {need['rule']}. {need['why']}")


def _takes(told: dict[str, Any]) -> str:
    if told["unknownBecause"]:
        return f"unknown. {told['unknownBecause']}"
    days = [f"{told[name]} days {word}" for name, word in _DAYS if told[name] is not None]
    return f"{', '.join(days)} ({told['source']})"


_DAYS: Final = (("typicalDays", "as a rule"), ("atMostDays", "at most"))
