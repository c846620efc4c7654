"""`estorno deliveries`: what was delivered to an endpoint, what came of it, and sending it again, through the API."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from domain.platform.settings import Settings
from jobs.cli import client
from jobs.cli.commands import CommandError
from jobs.cli.named_endpoints import Endpoint, id_of
from jobs.cli.nights import PAGES_MAX
from jobs.cli.printing import WIDTH, Format, is_json, wrapped

app = typer.Typer(help="What was delivered, what came of it, and sending it again.", no_args_is_help=True)
FIELDS: Final = """endpointId messageId type state position orderingKey sequence dueAt tries round said madeAt
  endedAt"""
_DELIVERIES: Final = f"""query List($after: String, $first: Int!, $filter: DeliveryFilter) {{
  deliveries(first: $first, after: $after, filter: $filter) {{
    edges {{ node {{ {FIELDS} }} }} pageInfo {{ hasNextPage endCursor }} }} }}"""
_SHOW: Final = f"""query Show($filter: DeliveryFilter) {{ deliveries(first: 1, filter: $filter) {{ edges {{ node {{
  {FIELDS} body log {{ number sentAt outcome status said body durationMs }} }} }} }} }}"""
_REPLAY: Final = f"""mutation Do($input: DeliveryReplayInput!) {{
  deliveryReplay(input: $input) {{ count isWhole {client.ERRORS} }} }}"""


@app.command("list")
def listed(
    endpoint: Annotated[str | None, typer.Option(help="Of one endpoint, by its name or id.")] = None,
    state: Annotated[list[str] | None, typer.Option(help="PENDING, SENT, FAILED or CANCELED; once or more.")] = None,
    event: Annotated[list[str] | None, typer.Option(help="Only these types; once or more.")] = None,
    refund: Annotated[str | None, typer.Option(help="Only of this refund, by its UUID.")] = None,
    first: Annotated[int, typer.Option(min=1, max=10_000, help="How many.")] = 50,
    form: Format = "text",
) -> None:
    """What was, or is to be, delivered; the newest first."""
    settings = Settings.read()
    wanted = {
        "endpointId": id_of(settings, endpoint) if endpoint else None,
        "states": state or None,
        "types": event or None,
        "orderingKey": f"refund/{refund}" if refund else None,
    }
    told, after = 0, None
    while told < first:
        asked = {"first": min(100, first - told), "after": after, "filter": wanted}
        page = client.ask(settings, _DELIVERIES, **asked)["deliveries"]
        for edge in page["edges"]:
            tell(edge["node"], form)
        told += len(page["edges"])
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    if not told and not is_json(form):
        typer.echo("There are no such deliveries.")


@app.command("show")
def shown(
    endpoint: Endpoint, message: Annotated[str, typer.Argument(help="The message's id.")], form: Format = "text"
) -> None:
    """One delivery: its body, and each try with what was answered."""
    settings = Settings.read()
    wanted = {"endpointId": id_of(settings, endpoint), "messageId": message}
    found = client.ask(settings, _SHOW, filter=wanted)["deliveries"]["edges"]
    if not found:
        raise CommandError(f"{endpoint} has no delivery of {message}.")
    one = found[0]["node"]
    if is_json(form):
        typer.echo(json.dumps(one))
        return
    tell(one, form)
    wrapped(one["body"] or "Its body was taken away by retention.")
    for tried in one["log"]:
        outcome = tried["outcome"] or "under way"
        wrapped(f"try {tried['number']}, {tried['sentAt'][:19]}: {outcome} {tried['status'] or ''}".rstrip())
        for line in (tried["said"], tried["body"]):
            if line:
                wrapped(f"  {line}")


@app.command()
def replay(
    endpoint: Endpoint,
    message: Annotated[list[str] | None, typer.Option(help="A message's id; once or more.")] = None,
    event: Annotated[list[str] | None, typer.Option(help="Only these types; once or more.")] = None,
    state: Annotated[list[str] | None, typer.Option(help="Only these states, such as FAILED.")] = None,
    since: Annotated[str | None, typer.Option(help="Made at or after this moment (RFC 3339).")] = None,
    until: Annotated[str | None, typer.Option(help="Made before this moment.")] = None,
    behind: Annotated[int | None, typer.Option(help="All behind this position, sent before or not.")] = None,
) -> None:
    """Send again, with the same ids.

    Example: estorno deliveries replay orders --state FAILED --since 2026-11-24T00:00:00Z
    """
    settings = Settings.read()
    given = {
        "endpointId": id_of(settings, endpoint),
        "messageIds": message or None,
        "types": event or None,
        "states": state or None,
        "since": since,
        "until": until,
        "behind": None if behind is None else str(behind),
    }
    total = 0
    for _ in range(PAGES_MAX):
        done = client.ask(settings, _REPLAY, input=given)["deliveryReplay"]
        total += done["count"] or 0
        if done["isWhole"]:
            break
    said = f"all behind {behind} are made and sent" if behind is not None else f"{total} deliveries are due again"
    typer.echo(f"{endpoint[:30]}: {said}.")


def tell(one: Mapping[str, Any], form: str) -> None:
    """A delivery that was asked for with FIELDS."""
    if is_json(form):
        typer.echo(json.dumps(one))
        return
    typer.echo(f"{one['madeAt'][:19]} {one['type'][:34]:<34} {one['state']:<8} {one['tries']:>2} tries"[:WIDTH])
    wrapped(f"  {one['messageId']}{': ' + one['said'] if one['said'] else ''}")
