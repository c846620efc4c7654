"""`estorno alerts`: what people must act on, taking it on, and by which rules they are told, through the API."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import typer

from domain.platform.settings import Settings
from jobs.cli import client
from jobs.cli.commands import CommandError
from jobs.cli.nights import PAGES_MAX
from jobs.cli.printing import WIDTH, Format, is_json, wrapped

app = typer.Typer(help="What people must act on, and how they are told.", no_args_is_help=True)
rule = typer.Typer(help="By which rules people are told.", no_args_is_help=True)
app.add_typer(rule, name="rules")
AlertId = Annotated[str, typer.Argument(help="Of `estorno alerts list`.")]
Locale = Annotated[str, typer.Option(help="en, zh-CN, es or pt-BR.")]
_ALERT: Final = """id kind severity key count since openedAt acknowledgedBy acknowledgedAt snoozedUntil resolvedAt
  escalated connectionId title(locale: $locale) says(locale: $locale) action(locale: $locale) runbook"""
_RULE: Final = """name kind isDefault mode severity connectionIds endpointIds nextIds lastIds escalates quietFrom
  quietUntil hours amounts { display }"""
_LIST: Final = f"""query Alerts($after: String, $filter: AlertFilter, $locale: String) {{
  alerts(first: 100, after: $after, filter: $filter) {{
    edges {{ node {{ {_ALERT} }} }} pageInfo {{ hasNextPage endCursor }} }} }}"""
_SHOW: Final = f"""query Alert($id: ID!, $locale: String) {{ alert(id: $id) {{ {_ALERT}
  subjects {{ kind id name }} amounts {{ display }} }} }}"""
_ACKNOWLEDGE: Final = f"""mutation Do($input: AlertAcknowledgeInput!, $locale: String) {{
  alertAcknowledge(input: $input) {{ alert {{ {_ALERT} }} {client.ERRORS} }} }}"""
_SNOOZE: Final = f"""mutation Do($input: AlertSnoozeInput!, $locale: String) {{
  alertSnooze(input: $input) {{ alert {{ {_ALERT} }} {client.ERRORS} }} }}"""
_RULES: Final = f"query Rules {{ alertRules {{ {_RULE} }} }}"
_NAMED: Final = "edges { node { id name } } pageInfo { hasNextPage endCursor }"
_ENDPOINTS: Final = f"query Named($after: String) {{ endpoints(first: 100, after: $after) {{ {_NAMED} }} }}"
_CONNECTION: Final = "connection {}; `estorno connection list`"
_CHANNEL: Final = "channel {}; `estorno endpoints list`"
_CONNECTIONS: Final = "query Connections { viewer { merchant { connections { id name } } } }"
_SET: Final = f"""mutation Do($input: AlertRuleSetInput!) {{
  alertRuleSet(input: $input) {{ rule {{ {_RULE} }} {client.ERRORS} }} }}"""
_END: Final = (
    f"mutation Do($input: AlertRuleEndInput!) {{ alertRuleEnd(input: $input) {{ rule {{ name }} {client.ERRORS} }} }}"
)


@app.command("list")
def listed(
    every: Annotated[bool, typer.Option("--all", help="Those that are over, too.")] = False,
    kind: Annotated[list[str] | None, typer.Option(help="As PSE_DOWN; may be repeated.")] = None,
    severity: Annotated[list[str] | None, typer.Option(help="CRITICAL, WARNING or INFO.")] = None,
    locale: Locale = "en",
    form: Format = "text",
) -> None:
    """What is open, newest first."""
    wanted: dict[str, Any] = {} if every else {"open": True}
    wanted |= {"kinds": [one.upper() for one in kind]} if kind else {}
    wanted |= {"severities": [one.upper() for one in severity]} if severity else {}
    settings, after, found = Settings.read(), None, list[dict[str, Any]]()
    for _ in range(PAGES_MAX):
        told = client.ask(settings, _LIST, after=after, filter=wanted, locale=locale)["alerts"]
        found += [edge["node"] for edge in told["edges"]]
        after = told["pageInfo"]["endCursor"]
        if not told["pageInfo"]["hasNextPage"]:
            break
    for one in found:
        _tell(one, form)
    if not found and not is_json(form):
        typer.echo("Nothing needs anybody.")


@app.command()
def show(alert: AlertId, locale: Locale = "en", form: Format = "text") -> None:
    """One alert: what it is about, and what to do."""
    found = client.ask(Settings.read(), _SHOW, id=alert, locale=locale)["alert"]
    if found is None:
        raise CommandError(f"There is no alert {alert}; `estorno alerts list` shows those that are open.")
    _tell(found, form)
    if not is_json(form):
        for one in found["subjects"]:
            wrapped(f"  {one['kind']} {one['name']}")


@app.command()
def acknowledge(alert: AlertId, locale: Locale = "en", form: Format = "text") -> None:
    """Take it on: nobody is reminded of it any more, unless it doubles."""
    done = client.ask(Settings.read(), _ACKNOWLEDGE, input={"alertId": alert}, locale=locale)["alertAcknowledge"]
    _tell(done["alert"], form)


@app.command()
def snooze(
    alert: AlertId,
    hours: Annotated[int, typer.Option(min=1, max=167, help="For how long.")],
    locale: Locale = "en",
    form: Format = "text",
) -> None:
    """Say nothing of it for some hours; then it is told again, if it is so still."""
    until = (datetime.now(UTC) + timedelta(hours=hours)).isoformat(timespec="seconds")
    given = {"alertId": alert, "until": until}
    _tell(client.ask(Settings.read(), _SNOOZE, input=given, locale=locale)["alertSnooze"]["alert"], form)


@rule.command("list")
def list_rules(form: Format = "text") -> None:
    """What holds, defaults included."""
    settings = Settings.read()
    known = _known(settings, form)
    for one in client.ask(settings, _RULES)["alertRules"]:
        _tell_rule(one, form, known)


@rule.command("set")
def set_rule(
    kind: Annotated[str, typer.Argument(help="As REFUND_STUCK.")],
    name: Annotated[str | None, typer.Option(help="A rule besides the default; left out: in its place.")] = None,
    mode: Annotated[str, typer.Option(help="AT_ONCE, DIGEST or NEVER.")] = "AT_ONCE",
    severity: Annotated[str | None, typer.Option(help="CRITICAL, WARNING or INFO; left out: the kind's own.")] = None,
    connection: Annotated[list[str] | None, typer.Option(help="Only of this one, by name or id; once or more.")] = None,
    endpoint: Annotated[list[str] | None, typer.Option(help="Who is told, by name or id; once or more.")] = None,
    next_: Annotated[list[str] | None, typer.Option("--next", help="And after 15 minutes, by name or id.")] = None,
    last: Annotated[list[str] | None, typer.Option(help="And after 45 minutes, by name or id.")] = None,
    escalates: Annotated[bool, typer.Option(help="Whether others are told when nobody acknowledges it.")] = True,
    quiet: Annotated[str, typer.Option(help="As 20:00-08:00, or none.")] = "20:00-08:00",
    least: Annotated[list[str] | None, typer.Option(help="Of findings, as BRL=500000, minor units.")] = None,
    hours: Annotated[int | None, typer.Option(min=1, max=720, help="Of approvals: how long they may wait.")] = None,
    form: Format = "text",
) -> None:
    """Have a rule hold from now on.

    Example: estorno alerts rules set FINDING --least BRL=1000000 --severity CRITICAL
    """
    begin, _, end = quiet.partition("-")
    settings = Settings.read()
    named = _endpoints(settings) if endpoint or next_ or last else {}
    given = {
        "kind": kind.upper(),
        "name": name,
        "mode": mode.upper(),
        "severity": severity.upper() if severity else None,
        "connectionIds": _ids(connection, _connections(settings) if connection else {}, _CONNECTION),
        "endpointIds": _ids(endpoint, named, _CHANNEL),
        "nextIds": _ids(next_, named, _CHANNEL),
        "lastIds": _ids(last, named, _CHANNEL),
        "escalates": escalates,
        "quietFrom": begin if end else None,
        "quietUntil": end or None,
        "amounts": [_amount(one) for one in least or []],
        "hours": hours,
    }
    _tell_rule(client.ask(settings, _SET, input=given)["alertRuleSet"]["rule"], form, _known(settings, form))


@rule.command("end")
def end_rule(name: Annotated[str, typer.Argument(help="Of `estorno alerts rules list`.")]) -> None:
    """End a rule of yours; the default of its name holds again."""
    client.ask(Settings.read(), _END, input={"name": name})
    typer.echo(f"{name[:40]} has ended.")


def _connections(settings: Settings) -> dict[str, list[str]]:
    """The ids of each name."""
    found: dict[str, list[str]] = {}
    for one in client.ask(settings, _CONNECTIONS)["viewer"]["merchant"]["connections"]:
        found.setdefault(one["name"], []).append(one["id"])
    return found


def _endpoints(settings: Settings) -> dict[str, list[str]]:
    """The ids of each name."""
    found: dict[str, list[str]] = {}
    after = None
    for _ in range(PAGES_MAX):
        page = client.ask(settings, _ENDPOINTS, after=after)["endpoints"]
        for edge in page["edges"]:
            found.setdefault(edge["node"]["name"], []).append(edge["node"]["id"])
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    return found


def _ids(given: Sequence[str] | None, names: Mapping[str, Sequence[str]], what: str) -> list[str]:
    """What was named, by its ids: a name that is one, else one of the ids. Raises CommandError."""
    every = [each for ids in names.values() for each in ids]
    told = []
    for one in given or ():
        if one not in names and one.lower() not in every:
            raise CommandError(f"There is no {what.format(one[:60])} tells their names.")
        ids = names.get(one, [one])
        if len(ids) > 1:
            raise CommandError(f"{one} is the name of several: {', '.join(ids)}. Give the id of the one that is meant.")
        told.append(ids[0])
    return told


def _known(settings: Settings, form: str) -> dict[str, str]:
    """Each channel and connection by its id, as people know it: its name, and the id itself."""
    if is_json(form):
        return {}
    every = [*_endpoints(settings).items(), *_connections(settings).items()]
    return {each: f"{name} ({each})" for name, ids in every for each in ids}


def _amount(text: str) -> dict[str, str]:
    currency, _, units = text.partition("=")
    if not (units.isascii() and units.isdigit()):
        raise CommandError("--least takes a currency and minor units, as BRL=500000.")
    return {"currency": currency.upper(), "minorUnits": units}


def _tell(one: Mapping[str, Any], form: str) -> None:
    if is_json(form):
        typer.echo(json.dumps(one, ensure_ascii=False))
        return
    typer.echo(one["id"])
    state = f"over since {one['resolvedAt'][:16]}" if one["resolvedAt"] else f"since {one['since'][:16]}"
    typer.echo(f"  {one['severity']} {one['kind']} {state}"[:WIDTH])
    wrapped(f"  {one['title']}. {one['says']}")
    wrapped(f"  What to do: {one['action']} ({one['runbook']})")
    if one["acknowledgedBy"]:
        wrapped(f"  {one['acknowledgedBy']} has it since {one['acknowledgedAt'][:16]}")
    if one["snoozedUntil"]:
        wrapped(f"  not told until {one['snoozedUntil'][:16]}")


def _tell_rule(one: Mapping[str, Any], form: str, known: Mapping[str, str]) -> None:
    if is_json(form):
        typer.echo(json.dumps(one))
        return
    own = "" if one["isDefault"] else " (yours)"
    knows = one["quietFrom"] and one["severity"] != "CRITICAL"  # what is critical keeps no quiet hours
    quiet = f"quiet {one['quietFrom']}-{one['quietUntil']}" if knows else "never quiet"
    wrapped(f"{one['name']}{own}: {one['kind']} {one['mode']} {one['severity']}, {quiet}")
    told = ", ".join(known.get(each, each) for each in one["endpointIds"]) or "every channel that people read"
    if one["mode"] == "AT_ONCE":
        wrapped(f"  tells {told}{', and escalates' if one['escalates'] else ''}")
    for word, ids in (("after 15 minutes", one["nextIds"]), ("after 45 minutes", one["lastIds"])):
        if ids and one["escalates"]:
            wrapped(f"  {word}: {', '.join(known.get(each, each) for each in ids)}")
    if one["connectionIds"]:
        wrapped(f"  only of {', '.join(known.get(each, each) for each in one['connectionIds'])}")
    if one["amounts"]:
        wrapped(f"  from {', '.join(each['display'] for each in one['amounts'])} on")
