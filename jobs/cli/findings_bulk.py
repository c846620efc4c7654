"""`estorno findings bulk`: the same said of all findings that a filter finds, looked at first, through the API."""

import json
import textwrap
from collections.abc import Mapping
from secrets import token_hex
from typing import Annotated, Any, Final

import typer

from domain.platform.settings import Settings
from jobs.cli import client, printing
from jobs.cli.commands import CommandError
from jobs.cli.narrowing import (
    Assignee,
    AtLeast,
    AtMost,
    Currency,
    Kinds,
    Pse,
    Since,
    States,
    Store,
    Until,
    amount_of,
    chosen,
    narrowed,
)
from jobs.cli.printing import JSON, TEXT, WIDTH, DocumentFormat

_PREVIEW: Final = """query Preview($filter: FindingFilter!) { findingsPreview(filter: $filter) {
  count more seen replaces amounts { display currency minorUnits } } }"""
_RESOLVE: Final = """mutation Resolve($input: FindingsResolveInput!) { findingsResolve(input: $input) {
  resolved waiting refused
  outcomes { confirmed finding { id kind state amount { display } } error { ... on Error { code message } } }
  errors { ... on Error { code message path } } } }"""


def bulk(
    reason: Annotated[str, typer.Argument(help="As of `estorno findings resolve`, but DUPLICATE_OF.")],
    note: Annotated[str, typer.Option(help="How you know.")],
    account: Annotated[str | None, typer.Option(help="With CORRECTED: where the money belongs.")] = None,
    kind: Kinds = None,
    state: States = None,
    pse: Pse = None,
    currency: Currency = None,
    store: Store = None,
    since: Since = None,
    until: Until = None,
    at_least: AtLeast = None,
    at_most: AtMost = None,
    assignee: Assignee = None,
    preview: Annotated[bool, typer.Option("--preview", help="How many and how much; nothing is written.")] = False,
    seen: Annotated[str | None, typer.Option(help="Those alone that a --preview told: its `seen`.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: you have seen which.")] = False,
    form: DocumentFormat = TEXT,
) -> None:
    """Say the same of all that match and are not resolved, 1,000 at once; each by itself.

    Example: estorno findings bulk EXPLAINED --note "Rounded." --kind AMOUNT_MISMATCH --currency BRL --at-most 5
    """
    wanted = chosen(kind, state, pse, currency, False)
    wanted |= narrowed(store, since, until, amount_of(currency, at_least, at_most), assignee)
    _check(wanted, form, asks=not (preview or yes))
    settings = Settings.read()
    told = client.ask(settings, _PREVIEW, filter=wanted)["findingsPreview"]
    if preview or form != JSON:
        _show(told, form)
    if preview or (form != JSON and not told["count"]):
        return
    if yes and not seen and told["replaces"]:
        raise CommandError("It would replace what others have said: look at it (--preview), and give its --seen.")
    if not yes and not typer.confirm(f"Is every one of them {reason.upper()}?"):
        raise typer.Exit(1)
    given = {
        "filter": wanted,
        "resolution": {"reason": reason.upper(), "note": note, "account": account},
        "count": told["count"],
        "seen": seen or told["seen"],
        "idempotencyKey": token_hex(16),
    }
    _tell(client.ask(settings, _RESOLVE, input=given)["findingsResolve"], form)


def _check(wanted: Mapping[str, Any], form: str, *, asks: bool) -> None:
    as_json = printing.is_json(form)
    if not wanted:
        raise CommandError("Say which findings: by --kind, --state, --pse, --currency, --store, --from and the like.")
    if as_json and asks:
        raise CommandError("--format json asks nothing: look with --preview, then give --seen and --yes.")


def _show(told: Mapping[str, Any], form: str) -> None:
    if form == JSON:
        typer.echo(json.dumps(told))
        return
    if not told["count"]:
        typer.echo("Nothing that is not resolved matches.")
        return
    typer.echo(f"{told['count']:,} finding{'' if told['count'] == 1 else 's'}")
    for one in told["amounts"]:
        typer.echo(f"    {one['display']:>24}")
    if told["more"]:
        typer.echo("There are more: these are the oldest; say it again for the next ones.")
    if told["replaces"]:
        typer.echo(f"Of {told['replaces']:,}, others have said what became of it, which waits for a second person: you")
        typer.echo("would replace that. See them: estorno findings list --second anybody")
    typer.echo(f"seen {told['seen']}")


def _tell(done: Mapping[str, Any], form: str) -> None:
    if form == JSON:
        typer.echo(json.dumps({name: one for name, one in done.items() if name != "errors"}, ensure_ascii=False))
        return
    for one in done["outcomes"]:
        if one["error"] is not None:
            _line(one["finding"], f"{one['error']['code']}: {one['error']['message']}")
        elif not one["confirmed"]:
            _line(one["finding"], f"Another person: estorno findings confirm {one['finding']['id']}")
    typer.echo(f"{done['resolved']} resolved, {done['waiting']} for another person, {done['refused']} refused.")


def _line(finding: Mapping[str, Any], said: str) -> None:
    typer.echo(finding["id"])
    for text in (f"{finding['kind']} {finding['amount']['display']}", said):
        for line in textwrap.wrap(text, WIDTH - 4, break_on_hyphens=False):
            typer.echo(f"    {line}")
