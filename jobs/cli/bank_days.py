"""`estorno bank-days`: days on which a country's banks are closed, or work, whatever a table says, through the API."""

import json
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from domain.platform.settings import Settings
from jobs.cli import client
from jobs.cli.printing import Format, is_json, wrapped

app = typer.Typer(help="Days on which banks are closed, where people know better than a table.", no_args_is_help=True)
_FIELDS: Final = "country day closed why setBy setAt"
_LIST: Final = f"query Days($start: Date!) {{ bankDays(start: $start) {{ {_FIELDS} }} }}"
_SET: Final = f"""mutation Set($input: BankDaySetInput!) {{ bankDaySet(input: $input) {{
  bankDay {{ {_FIELDS} }} errors {{ ... on Error {{ code message path }} }} }} }}"""


@app.command("list")
def listed(
    start: Annotated[str | None, typer.Option("--from", help="The first day, YYYY-MM-DD; else today.")] = None,
    form: Format = "text",
) -> None:
    """The days that somebody has set, from a day on: at most 100.

    Example: estorno bank-days list --from 2026-01-01 --format json
    """
    day = start or datetime.now(UTC).date().isoformat()
    found, as_json = client.ask(Settings.read(), _LIST, start=day)["bankDays"], is_json(form)
    for one in found:
        _tell(one, as_json)
    if not found and not as_json:
        typer.echo(f"From {day} on nobody has set a day; the tables hold.")


@app.command("set")
def entered(
    country: Annotated[str, typer.Argument(help="Two letters, as BR.")],
    day: Annotated[str, typer.Argument(help="YYYY-MM-DD.")],
    why: Annotated[str, typer.Option(help="The decree or the notice.")],
    closed: Annotated[bool, typer.Option("--closed/--open", help="Whether the banks are closed.")] = True,
    form: Format = "text",
) -> None:
    """Say that a country's banks are closed on a day, or that they work: reports and tax deadlines go by it.

    Example: estorno bank-days set BR 2026-12-24 --closed --why "Decree 12.345"
    """
    given = {"country": country.upper(), "day": day, "closed": closed, "why": why}
    _tell(client.ask(Settings.read(), _SET, input=given)["bankDaySet"]["bankDay"], is_json(form))


def _tell(one: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(one))
        return
    state = "closed" if one["closed"] else "open"
    typer.echo(f"{one['country']} {one['day']} {state:<6} set by {one['setBy']} {one['setAt'][:10]}"[:80])
    wrapped(one["why"])
