"""`estorno shops`: shops and ERPs that hand in refunds, and what of theirs waits for a person."""

import json
import textwrap
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import uuid4

import typer

from domain.commerce.vocabulary import ShopKind
from domain.platform.settings import Settings
from jobs.cli import client, connect
from jobs.cli.commands import CommandError
from jobs.cli.printing import WIDTH

app = typer.Typer(help="Shops and ERPs that hand in refunds.", no_args_is_help=True)
_Shop = Annotated[str, typer.Argument(help="The shop's name, or its id.")]
_From = Annotated[
    Path | None, typer.Option("--from", help="A file of lines NAME=VALUE; what it lacks and is needed is asked for.")
]
_Note = Annotated[str, typer.Option("--note", help="Why; 5 characters at least.")]
Format = Annotated[str, typer.Option("--format", help="text or json.")]
_KINDS: Final = ", ".join(ShopKind)
_WAIT_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.5
_PAGE: Final = "pageInfo { hasNextPage endCursor }"
_FIELDS: Final = """query Fields($kind: ShopKind!) { shopFields(kind: $kind) {
  name label where secret optional test live } }"""
_SHOPS: Final = f"""query Shops($first: Int!, $after: String) {{ shops(first: $first, after: $after) {{
  edges {{ node {{ id name kind state storeId webhookUrl heardAt calledAt lookedUntil failingSince
  failingBecause oldSecretsUntil waiting fields {{ name }} }} }} {_PAGE} }} }}"""
_WAITING: Final = f"""query Waiting($first: Int!, $after: String, $waiting: Boolean!) {{
  shopRefunds(first: $first, after: $after, waitingOnly: $waiting) {{ edges {{ node {{ id shopId name orderReference
  orderNumber amount {{ display }} state why because toldState refundId }} }} {_PAGE} }} }}"""
_CALLS: Final = """query Calls($shop: ID, $first: Int!) { shopCalls(shopId: $shop, first: $first) { edges { node {
  id shopId shopRefundId requestId purpose method url sentAt status error durationMs body answer
  headers { name value } } } } }"""
_CONNECT: Final = f"""mutation Connect($input: ShopConnectInput!) {{ shopConnect(input: $input) {{
  shop {{ id name state storeId webhookUrl }} {client.ERRORS} }} }}"""
_CHANGE: Final = f"""mutation Change($input: ShopChangeInput!) {{ shopChange(input: $input) {{
  shop {{ id name }} {client.ERRORS} }} }}"""
_PREFLIGHT: Final = f"""mutation Preflight($input: ShopStepInput!) {{ shopPreflight(input: $input) {{
  check {{ id }} {client.ERRORS} }} }}"""
_CHECKS: Final = """query Checks($shop: ID!) { shopChecks(shopId: $shop, first: 1) { edges { node {
  id outcome error checks { code outcome saw whatToDo } } } } }"""
_STEP: Final = """mutation Step($input: ShopStepInput!) {{ {field}(input: $input) {{
  shop {{ name state }} errors {{ ... on Error {{ code message path }} }} }} }}"""
_MATCH: Final = f"""mutation Match($input: ShopRefundMatchInput!) {{ shopRefundMatch(input: $input) {{
  shopRefund {{ id state why because refundId }} {client.ERRORS} }} }}"""
_DISMISS: Final = f"""mutation Dismiss($input: ShopRefundDismissInput!) {{ shopRefundDismiss(input: $input) {{
  shopRefund {{ id state }} {client.ERRORS} }} }}"""


@app.command("list")
def list_all(format_: Format = "text") -> None:
    """The shops, and whether each is heard of."""
    found = list(_all(_SHOPS, "shops"))
    if _json(found, format_):
        return
    for one in found:
        typer.echo(f"{one['name'][:30]:<30} {one['kind']:<16} {one['state']:<8} heard {(one['heardAt'] or '-')[:16]}")
        called = f"called {one['calledAt'][:16]}" if one["calledAt"] else "never called"
        typer.echo(f"  {one['id']}  {called}")
        if one["waiting"]:
            _say(f"{one['waiting']} of its refunds wait for a person: estorno shops refunds")
        if one["oldSecretsUntil"]:
            _say(f"Its secrets before are believed until {one['oldSecretsUntil'][:16]} (UTC).")
        if one["failingSince"]:
            _say(f"Failing since {one['failingSince'][:16]}: {one['failingBecause']}")


@app.command("connect")
def connect_(
    kind: Annotated[str, typer.Argument(help=_KINDS)],
    store: Annotated[str, typer.Option(help="The code of the store whose payments are refunded for it.")],
    name: Annotated[str, typer.Option(help="Yours, unique among your shops.")],
    values: _From = None,
) -> None:
    """Connect a shop: asks for what its kind wants, hidden where it is secret, and shows its preflight."""
    if kind.upper() not in set(ShopKind):
        raise CommandError(f"There is no kind {kind}; there are {_KINDS}.")
    settings = Settings.read()
    fields = client.ask(settings, _FIELDS, kind=kind.upper())["shopFields"]
    given = connect.read_values(values) if values else {}
    connect.refuse_unknown(given, fields)
    known = {one["name"]: one["live"] for one in fields}
    answers = connect.answered(fields, {**known, **given}, all_of=values is None)
    told = [{"name": key, "value": value} for key, value in answers.items() if value]
    wanted = {"kind": kind.upper(), "name": name, "storeCode": store, "fields": told, "idempotencyKey": str(uuid4())}
    made = client.ask(settings, _CONNECT, input=wanted)["shopConnect"]["shop"]
    typer.echo(f"{made['name']} is connected: {made['id']}")
    typer.echo(f"It calls: {made['webhookUrl'] or 'nobody yet, set ESTORNO_PUBLIC_URL'}")
    for one in _all(_SHOPS, "shops", settings=settings):
        if one["storeId"] == made["storeId"] and one["id"] != made["id"] and one["state"] != "RETIRED":
            _say(f"{one['name']} is a shop of this store, too: of both, what names its order alone waits for a person.")
    outcome = _preflight(settings, made["id"])
    raise typer.Exit(1 if outcome == "FAILED" else 0)


@app.command()
def change(
    shop: _Shop,
    values: Annotated[
        Path | None, typer.Option("--from", help="A file of lines NAME=VALUE: those that change.")
    ] = None,
    old_until: Annotated[
        str | None, typer.Option(help="Until when replaced secrets are believed, as 2026-12-01T00:00:00Z.")
    ] = None,
    now: Annotated[
        bool, typer.Option("--now", help="Secrets that were replaced before are not believed any more.")
    ] = False,
) -> None:
    """Change a shop's settings or secrets."""
    if values is None and not now:
        raise CommandError("Say what changes: --from FILE, or --now to end the secrets before.")
    settings = Settings.read()
    one = _named(settings, shop)
    given = connect.read_values(values) if values is not None else {}
    connect.refuse_unknown(given, one["fields"])
    fields = [{"name": key, "value": value} for key, value in given.items()]
    wanted = {"shopId": one["id"], "fields": fields, "oldValidUntil": old_until, "endOldSecrets": now}
    client.ask(settings, _CHANGE, input=wanted)
    if now:
        typer.echo("The secrets before are not believed any more.")
    elif old_until is not None:
        _say(f"The secrets before are believed until {old_until}; `--now` ends them earlier.")
    raise typer.Exit(1 if _preflight(settings, one["id"]) == "FAILED" else 0)


@app.command()
def preflight(shop: _Shop) -> None:
    """Ask the shop whether all is in order."""
    settings = Settings.read()
    outcome = _preflight(settings, _named(settings, shop)["id"])
    raise typer.Exit(1 if outcome in (None, "FAILED") else 0)


@app.command()
def pause(shop: _Shop) -> None:
    """Keep what the shop says, and do nothing with it."""
    _step("shopPause", shop)


@app.command()
def resume(shop: _Shop) -> None:
    """Go on with a shop that was paused."""
    _step("shopResume", shop)


@app.command()
def retire(shop: _Shop) -> None:
    """End a shop: nothing is taken from it any more."""
    _step("shopRetire", shop)


@app.command()
def refunds(
    all_: Annotated[bool, typer.Option("--all", help="Not those alone that wait for a person.")] = False,
    format_: Format = "text",
) -> None:
    """Refunds of shops that wait for a person, and why."""
    found = list(_all(_WAITING, "shopRefunds", waiting=not all_))
    if _json(found, format_):
        return
    for one in found:
        amount = one["amount"]["display"] if one["amount"] else "unclear"
        order = one["orderNumber"] or one["orderReference"] or "-"
        typer.echo(f"{one['id']}  {one['state']}  {amount}")
        _say(f"Refund {one['name'] or '-'} of order {order}")
        if one["why"]:
            _say(f"{one['why']}: {one['because']}")


@app.command()
def calls(
    shop: _Shop,
    first: Annotated[int, typer.Option(min=1, max=100, help="So many, the newest first.")] = 20,
    format_: Format = "text",
) -> None:
    """What a shop was asked and told, and what it answered; secrets are hidden."""
    settings = Settings.read()
    told = client.ask(settings, _CALLS, shop=_named(settings, shop)["id"], first=first)["shopCalls"]
    found = [edge["node"] for edge in told["edges"]]
    if _json(found, format_):
        return
    for one in found:
        came = one["status"] or one["error"] or "under way"
        typer.echo(f"{one['id']}  {one['sentAt'][:19]}  {one['purpose']:<6}  {str(came)[:14]}")
        _say(f"{one['method']} {one['url']}")
        for said in (one["body"], one["answer"]):
            if said:
                _say(said[:400])


@app.command()
def match(
    refund: Annotated[str, typer.Argument(help="Of `estorno shops refunds`.")],
    note: _Note,
    payment: Annotated[str | None, typer.Option(help="The payment that it is of: it is refunded.")] = None,
    existing: Annotated[str | None, typer.Option(help="The refund that it is already: nothing is paid.")] = None,
    amount: Annotated[
        str | None, typer.Option(help="Minor units and currency, as 1050BRL, where it is unclear.")
    ] = None,
) -> None:
    """Say which payment, or which refund, a refund of a shop is."""
    wanted: dict[str, Any] = {"shopRefundId": refund, "note": note, "paymentId": payment, "refundId": existing}
    if amount is not None:
        if not amount[:-3].isdigit():
            raise CommandError("An amount is minor units and a currency, for example 1050BRL for BRL 10.50.")
        wanted["amount"] = {"minorUnits": amount[:-3], "currency": amount[-3:].upper()}
    made = client.ask(Settings.read(), _MATCH, input=wanted)["shopRefundMatch"]["shopRefund"]
    _say(f"{made['state']}. {made['because'] or ''} {made['refundId'] or ''}".strip())


@app.command()
def dismiss(refund: Annotated[str, typer.Argument(help="Of `estorno shops refunds`.")], note: _Note) -> None:
    """Say that nothing more is done about it."""
    wanted = {"shopRefundId": refund, "note": note}
    made = client.ask(Settings.read(), _DISMISS, input=wanted)["shopRefundDismiss"]["shopRefund"]
    typer.echo(f"It is {made['state']}.")


def _step(field: str, shop: str) -> None:
    settings = Settings.read()
    wanted = {"shopId": _named(settings, shop)["id"]}
    made = client.ask(settings, _STEP.format(field=field), input=wanted)[field]["shop"]
    typer.echo(f"{made['name']} is {made['state']}.")


def _preflight(settings: Settings, shop_id: str) -> str | None:
    client.ask(settings, _PREFLIGHT, input={"shopId": shop_id})
    until = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < until:
        run = client.ask(settings, _CHECKS, shop=shop_id)["shopChecks"]["edges"][0]["node"]
        if run["outcome"] is not None:
            for check in run["checks"]:
                typer.echo(connect.check_lines(check))
            typer.echo(f"\nThe preflight: {run['outcome']}. {run['error'] or ''}".rstrip())
            return str(run["outcome"])
        time.sleep(_LOOK_SECONDS)
    typer.echo("No worker has made the preflight yet; start `estorno worker`, then look again.")
    return None


def _named(settings: Settings, shop: str) -> Mapping[str, Any]:
    found = [one for one in _all(_SHOPS, "shops", settings=settings) if shop in (one["id"], one["name"])]
    if not found:
        raise CommandError(f"There is no shop {shop!r}; `estorno shops list` shows yours.")
    return found[0]


def _all(query: str, field: str, *, settings: Settings | None = None, **variables: Any) -> Iterator[Mapping[str, Any]]:
    after = None
    while True:
        told = client.ask(settings or Settings.read(), query, first=100, after=after, **variables)[field]
        yield from (edge["node"] for edge in told["edges"])
        if not told["pageInfo"]["hasNextPage"]:
            return
        after = told["pageInfo"]["endCursor"]


def _json(found: Sequence[Mapping[str, Any]], format_: str) -> bool:
    if format_ == "json":
        typer.echo(json.dumps(found, indent=2))
        return True
    if format_ != "text":
        raise CommandError("--format is text or json.")
    return False


def _say(text: str) -> None:
    typer.echo(textwrap.fill(text, WIDTH, initial_indent="  ", subsequent_indent="  "))
