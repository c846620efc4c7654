"""`estorno approvals`: what waits for one's yes, saying it, and the rules, through the API."""

import json
from typing import Annotated, Any, Final

import typer

from domain.platform.settings import Settings
from jobs.cli import client
from jobs.cli.commands import CommandError

app = typer.Typer(help="What needs a second person: what waits, the rules and caps.", no_args_is_help=True)
_WAITING: Final = """query Waiting($first: Int!) { refundsAwaitingMe(first: $first) { edges { node {
  id reference amount { display } expiresAt destination { masked whoseWord }
  needs { nextBy needs { rule why } } } } } }"""
_RULES: Final = """query Rules { approvalRules { name why isDefault when inSequence hours steps { of count } }
  velocityCaps { name per over count only amount { display } } settlementLimits { display } }"""
_CHANGES: Final = """query Changes { approvalRuleChanges(first: 100, waiting: true) { edges { node {
  id kind name body proposedBy proposedAt } } } }"""
_SEEN: Final = """query Seen($by: RefundBy!) { refund(by: $by) { amount { display minorUnits currency }
  destination { masked fingerprint whoseWord } } }"""
_APPROVE: Final = f"""mutation Approve($input: RefundApproveInput!) {{ refundApprove(input: $input) {{
  refund {{ status }} {client.ERRORS} }} }}"""
_CONFIRM: Final = f"""mutation Confirm($input: ApprovalRuleConfirmInput!) {{ approvalRuleConfirm(input: $input) {{
  change {{ name startedAt }} {client.ERRORS} }} }}"""


@app.command("list")
def waiting() -> None:
    """Refunds that wait for your yes, the longest waiting first."""
    for node in _nodes(client.ask(Settings.read(), _WAITING, first=100)["refundsAwaitingMe"]):
        why = ", ".join(need["rule"] for need in node["needs"]["needs"]) if node["needs"] else "a second person"
        typer.echo(f"{node['id']}  {node['amount']['display']} to {_account(node['destination'])}")
        typer.echo(f"    {why}; until {(node['expiresAt'] or '')[:16]}")


@app.command("rules")
def rules() -> None:
    """What holds: your own rules and caps, and the defaults that you have not replaced."""
    told = client.ask(Settings.read(), _RULES)
    for one in told["approvalRules"]:
        people = (" then " if one["inSequence"] else " and ").join(f"{s['count']} x {s['of']}" for s in one["steps"])
        typer.echo(f"{one['name']}{' (default)' if one['isDefault'] else ''}: {people or 'nobody'}")
        typer.echo(f"    {one['why']} When {json.dumps(json.loads(one['when']))}.")
    for cap in told["velocityCaps"]:
        most = [cap["amount"]["display"]] if cap["amount"] else []
        most += [f"{cap['count']} refunds"] if cap["count"] is not None else []
        typer.echo(f"{cap['name']}: at most {' and '.join(most)} a day for each {cap['per']}, else {cap['over']}")
    limits = ", ".join(one["display"] for one in told["settlementLimits"])
    typer.echo(f"Settled by two, with a file, from {limits}")


@app.command("changes")
def changes() -> None:
    """Changes of the rules that wait for a second person."""
    for node in _nodes(client.ask(Settings.read(), _CHANGES)["approvalRuleChanges"]):
        typer.echo(f"{node['id']}  {node['kind']} {node['name']}, proposed by {node['proposedBy']}")
        typer.echo(f"    {node['body'] or 'what you have said yourselves ends'}")


@app.command("confirm")
def confirm(change: Annotated[str, typer.Argument(help="Of `estorno approvals changes`.")]) -> None:
    """Say yes to a change that another person has proposed."""
    told = client.ask(Settings.read(), _CONFIRM, input={"ruleId": change})["approvalRuleConfirm"]["change"]
    typer.echo(f"{told['name']} stands since {told['startedAt']}.")


@app.command("approve")
def approve(
    refund: Annotated[str, typer.Argument(help="Of `estorno approvals list`.")],
    note: Annotated[str | None, typer.Option(help="Kept with your yes.")] = None,
) -> None:
    """Say yes to a refund, to the amount and destination that are shown."""
    settings = Settings.read()
    seen = client.ask(settings, _SEEN, by={"id": refund})["refund"]
    if seen is None:
        raise CommandError(f"There is no refund {refund!r}; `estorno approvals list` shows those that wait for you.")
    amount, where = seen["amount"], seen["destination"]
    typer.confirm(f"{amount['display']} to {_account(where)}?", abort=True)
    money = {"minorUnits": amount["minorUnits"], "currency": amount["currency"]}
    given = {"refundId": refund, "amount": money, "note": note}
    given |= {"destinationFingerprint": where["fingerprint"]} if where else {}
    done = client.ask(settings, _APPROVE, input=given)["refundApprove"]["refund"]
    typer.echo(f"It is {done['status']} now.")


def _account(where: dict[str, Any] | None) -> str:
    if where is None:
        return "where it came from"
    return f"{where['masked']} ({(where['whoseWord'] or 'older').lower()}'s word)"


def _nodes(connection: dict[str, Any]) -> list[dict[str, Any]]:
    return [edge["node"] for edge in connection["edges"]]
