"""`estorno usage`: what is used in a month, and of which plan, through the API."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from domain.platform.settings import Settings
from jobs.cli import client, printing
from jobs.cli.commands import CommandError
from jobs.cli.printing import TEXT, DocumentFormat

app = typer.Typer(help="What is used in a month, and of which plan.", no_args_is_help=True)
_PLAN: Final = "name support said quotas { counter limit hard }"
_SHOW: Final = f"""query Usage($first: Int!) {{ usage(first: $first) {{ plan {{ {_PLAN} }} renewsAt
  used {{ used percent quota {{ counter limit hard }} }}
  months {{ month refunds apiCalls deliveries lines countedAt closedAt }} }} }}"""
_CSV: Final = "query Csv { usage(first: 1) { csv } }"
_PLANS: Final = f"query Plans {{ usagePlans {{ {_PLAN} }} }}"
_SET: Final = f"""mutation Set($input: UsagePlanSetInput!) {{ usagePlanSet(input: $input) {{
  plan {{ {_PLAN} }} {client.ERRORS} }} }}"""
_COUNTERS: Final = ("refunds", "apiCalls", "deliveries", "lines")


@app.command("show")
def show(
    months: Annotated[int, typer.Option(help="How many.", min=1, max=100)] = 13,
    csv: Annotated[bool, typer.Option("--csv", help="All months, as CSV.")] = False,
    form: DocumentFormat = TEXT,
) -> None:
    """The months, newest first, and how much of the plan this one has used."""
    as_json, settings = printing.is_json(form), Settings.read()
    if csv:
        typer.echo(client.ask(settings, _CSV)["usage"]["csv"], nl=False)
        return
    told = client.ask(settings, _SHOW, first=months)["usage"]
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    typer.echo(f"{told['plan']['name']}, support {told['plan']['support']}; renews at {told['renewsAt']}")
    for one in told["used"]:
        quota = one["quota"]
        typer.echo(
            f"    {quota['counter']:<10} {one['used']:>13} of {quota['limit']:>13} {one['percent']:>4} %{_hard(quota)}"
        )
    typer.echo(f"{'month':<8}{'refunds':>12}{'API calls':>15}{'deliveries':>14}{'lines':>15}")
    for one in told["months"]:
        counts = "".join(f"{int(one[name]):>{wide}}" for name, wide in zip(_COUNTERS, (12, 15, 14, 15), strict=True))
        typer.echo(f"{one['month'][:7]:<8}{counts}{'' if one['closedAt'] else '  open'}")


@app.command("plans")
def plans() -> None:
    """The plans that there are."""
    for one in client.ask(Settings.read(), _PLANS)["usagePlans"]:
        _plan(one)


@app.command("give")
def give(
    merchant: Annotated[str, typer.Argument(help="The merchant's id.")],
    plan: Annotated[str, typer.Argument(help="Of `estorno usage plans`.")],
    quota: Annotated[
        list[str] | None, typer.Option(help="COUNTER=LIMIT or COUNTER=LIMIT,hard, in the place of the plan's.")
    ] = None,
) -> None:
    """Give a merchant of this platform a plan, from now on."""
    given = {"merchantId": merchant, "plan": plan.upper(), "quotas": [_quota(one) for one in quota or ()] or None}
    _plan(client.ask(Settings.read(), _SET, input=given)["usagePlanSet"]["plan"])


def _quota(told: str) -> Mapping[str, Any]:
    counter, _, rest = told.partition("=")
    limit, _, hard = rest.partition(",")
    if not limit.isdecimal() or hard not in ("", "hard"):
        raise CommandError(f"--quota takes COUNTER=LIMIT or COUNTER=LIMIT,hard, not {told!r}.")
    return {"counter": counter.upper(), "limit": limit, "hard": hard == "hard"}


def _plan(one: Mapping[str, Any]) -> None:
    typer.echo(f"{one['name']}, support {one['support']}: {one['said']}"[:80])
    for quota in one["quotas"]:
        typer.echo(f"    {quota['counter']:<10} {quota['limit']:>13}{_hard(quota)}")


def _hard(quota: Mapping[str, Any]) -> str:
    return "  hard" if quota["hard"] else ""
