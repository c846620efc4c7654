"""`estorno endpoints`: where news goes, through the API."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from domain.platform.settings import Settings
from jobs.cli import client, deliveries
from jobs.cli.commands import CommandError
from jobs.cli.named_endpoints import FIELDS, Endpoint, all_of, id_of
from jobs.cli.printing import WIDTH, Format, is_json, wrapped

app = typer.Typer(help="Where news goes: webhooks and other channels.", no_args_is_help=True)
_MADE: Final = f"endpoint {{ {FIELDS} }} secret {client.ERRORS}"
_PLAIN: Final = f"endpoint {{ {FIELDS} }} {client.ERRORS}"
_CREATE: Final = f"mutation Do($input: EndpointCreateInput!) {{ endpointCreate(input: $input) {{ {_MADE} }} }}"
_CHANGE: Final = f"mutation Do($input: EndpointChangeInput!) {{ endpointChange(input: $input) {{ {_MADE} }} }}"
_ROTATE: Final = f"""mutation Do($input: EndpointRotateSecretInput!) {{
  endpointRotateSecret(input: $input) {{ {_MADE} }} }}"""
_TEST: Final = f"""mutation Do($input: EndpointTestInput!) {{
  endpointTest(input: $input) {{ delivery {{ {deliveries.FIELDS} }} {client.ERRORS} }} }}"""
_PAUSE: Final = f"mutation Do($input: EndpointPauseInput!) {{ endpointPause(input: $input) {{ {_PLAIN} }} }}"
_RESUME: Final = f"mutation Do($input: EndpointResumeInput!) {{ endpointResume(input: $input) {{ {_PLAIN} }} }}"
_DELETE: Final = f"mutation Do($input: EndpointDeleteInput!) {{ endpointDelete(input: $input) {{ {_PLAIN} }} }}"


@app.command("list")
def listed(form: Format = "text") -> None:
    """Every endpoint, and how it is."""
    found = all_of(Settings.read())
    for one in found:
        _tell(one, form)
    if not found and not is_json(form):
        typer.echo("There are no endpoints; `estorno endpoints create` makes one.")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="How it is called.")],
    url_file: Annotated[Path | None, typer.Option(help="A file with the address; `-`: standard input.")] = None,
    url: Annotated[str | None, typer.Option(help="The address, where it is no secret.")] = None,
    event: Annotated[list[str] | None, typer.Option(help="A type, refund.* or *; once or more.")] = None,
    kind: Annotated[str, typer.Option(help="WEBHOOK, or another channel.")] = "WEBHOOK",
    secret_file: Annotated[
        Path | None,
        typer.Option(
            help="A file with what signs: whsec_… of a webhook (none: one is made), SEC… of DingTalk, "
            "the signature key of Feishu, the routing key of PagerDuty."
        ),
    ] = None,
    option: Annotated[list[str] | None, typer.Option(help="What a channel wants, as language=pt-BR.")] = None,
    store: Annotated[str | None, typer.Option(help="Only what is of this store, by its id.")] = None,
    thin: Annotated[bool, typer.Option("--thin", help="Ids alone, without facts.")] = False,
    per_minute: Annotated[int, typer.Option(help="How much is sent at most.")] = 600,
    behind: Annotated[int | None, typer.Option(help="Begin behind this position of the history.")] = None,
    form: Format = "text",
) -> None:
    """Make an endpoint; its secret is shown this once.

    Example: estorno endpoints create orders --url https://shop.example/hooks --event "refund.*"
    """
    given = {
        "name": name,
        "url": _one_of(url, url_file),
        "types": event or [],
        "kind": kind,
        "secret": _read(secret_file) if secret_file else None,
        "options": [_option(one) for one in option or []],
        "storeId": store,
        "thin": thin,
        "perMinute": per_minute,
        "behind": None if behind is None else str(behind),
    }
    _made(client.ask(Settings.read(), _CREATE, input=given)["endpointCreate"], form)


@app.command()
def change(
    endpoint: Endpoint,
    name: Annotated[str | None, typer.Option(help="Another name.")] = None,
    url: Annotated[str | None, typer.Option(help="Another address; on another host: a new secret.")] = None,
    event: Annotated[list[str] | None, typer.Option(help="All types that are wanted from now on.")] = None,
    thin: Annotated[bool | None, typer.Option("--thin/--fat", help="Ids alone, or facts as well.")] = None,
    per_minute: Annotated[int | None, typer.Option(help="How much is sent at most.")] = None,
    option: Annotated[list[str] | None, typer.Option(help="As language=es; keyword= takes it away.")] = None,
    rejoin: Annotated[bool, typer.Option("--rejoin", help="Tell again what its reader has left.")] = False,
    form: Format = "text",
) -> None:
    """Change an endpoint; what is not named stays. Its secret is changed by `rotate`."""
    settings = Settings.read()
    given = {
        "endpointId": id_of(settings, endpoint),
        "name": name,
        "url": url,
        "types": event or None,
        "thin": thin,
        "perMinute": per_minute,
        "options": [_option(one) for one in option] if option else None,
        "rejoin": rejoin,
    }
    _made(client.ask(settings, _CHANGE, input=given)["endpointChange"], form)


@app.command()
def rotate(
    endpoint: Endpoint,
    hours: Annotated[int, typer.Option(help="How long a webhook is signed with the old one, too: 0-168.")] = 24,
    secret_file: Annotated[
        Path | None,
        typer.Option(
            help="A file with the secret, as of `create`; none: a webhook's is made. "
            "An empty one: DingTalk or Feishu signs no more."
        ),
    ] = None,
    form: Format = "text",
) -> None:
    """Give an endpoint another secret; a webhook's new one is shown this once."""
    settings = Settings.read()
    secret = _read(secret_file) if secret_file else None
    given = {"endpointId": id_of(settings, endpoint), "hours": hours, "secret": secret}
    _made(client.ask(settings, _ROTATE, input=given)["endpointRotateSecret"], form)


@app.command("test")
def try_out(endpoint: Endpoint, form: Format = "text") -> None:
    """Have `estorno.test` sent there; `estorno deliveries show` tells how it went."""
    settings = Settings.read()
    done = client.ask(settings, _TEST, input={"endpointId": id_of(settings, endpoint)})["endpointTest"]
    deliveries.tell(done["delivery"], form)


@app.command()
def pause(
    endpoint: Endpoint, why: Annotated[str, typer.Option(help="Why, for whoever sees it.")], form: Format = "text"
) -> None:
    """Send nothing there until it is resumed."""
    settings = Settings.read()
    given = {"endpointId": id_of(settings, endpoint), "why": why}
    _tell(client.ask(settings, _PAUSE, input=given)["endpointPause"]["endpoint"], form)


@app.command()
def resume(
    endpoint: Endpoint,
    missed: Annotated[bool, typer.Option("--missed/--from-now", help="With what happened meanwhile, or without.")],
    form: Format = "text",
) -> None:
    """Send there again."""
    settings = Settings.read()
    given = {"endpointId": id_of(settings, endpoint), "missed": missed}
    _tell(client.ask(settings, _RESUME, input=given)["endpointResume"]["endpoint"], form)


@app.command()
def delete(endpoint: Endpoint, form: Format = "text") -> None:
    """Delete an endpoint for good."""
    settings = Settings.read()
    given = {"endpointId": id_of(settings, endpoint)}
    _tell(client.ask(settings, _DELETE, input=given)["endpointDelete"]["endpoint"], form)


def _option(text: str) -> dict[str, str]:
    name, is_one, value = text.partition("=")
    if not is_one:
        raise CommandError("--option takes a name and a value, as language=pt-BR.")
    return {"name": name, "value": value}


def _one_of(text: str | None, file: Path | None) -> str:
    if (text is None) == (file is None):
        raise CommandError("Give the address by --url, or by --url-file where it is a secret itself.")
    return text if text is not None else _read(file)


def _read(file: Path | None) -> str:
    """What is in the file, without the line's end; on the command line it would stand in the list of processes."""
    try:
        told = typer.get_text_stream("stdin").read() if str(file) == "-" else Path(str(file)).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} cannot be read: {error}") from None
    return told.strip()


def _made(done: Mapping[str, Any], form: str) -> None:
    if is_json(form):
        typer.echo(json.dumps({"endpoint": done["endpoint"], "secret": done["secret"]}))
        return
    _tell(done["endpoint"], form)
    if done["secret"]:
        typer.echo("Its secret, which is not shown again:")
        typer.echo(done["secret"])


def _tell(one: Mapping[str, Any], form: str) -> None:
    if is_json(form):
        typer.echo(json.dumps(one))
        return
    typer.echo(f"{one['name'][:30]:<30} {one['kind']:<9} {one['state']:<7} {one['pending']:>5} pending"[:WIDTH])
    wrapped(f"  {one['id']} {one['address']}")
    if one["types"]:
        wrapped(f"  {', '.join(one['types'])}{'; ids alone' if one['thin'] else ''}")
    if one["leftKinds"]:
        wrapped(f"  its reader has left {', '.join(one['leftKinds'])}")
    if one["failingSince"]:
        wrapped(f"  failing since {one['failingSince'][:16]}, {one['failures']} in a row")
    if one["why"]:
        wrapped(f"  {one['why']}")
