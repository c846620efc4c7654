"""`estorno nights upload, handed, confirm, refuse`: reports that people hand in, and another person's yes to each."""

import json
import textwrap
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import uuid4

import typer

from domain.money import EXPONENTS, decimal_of
from domain.platform.settings import Settings
from jobs.cli import client
from jobs.cli.commands import CommandError
from jobs.cli.nights import PAGES_MAX, Connection, id_of
from jobs.cli.nights import app as app  # these are commands of it
from jobs.cli.printing import WIDTH, Format, is_json, wrapped

_UPLOAD: Final = """mutation Upload($input: SettlementReportUploadInput!) { settlementReportUpload(input: $input) {
  report { id } errors { ... on Error { code message path } } } }"""
_REPORT: Final = """id name businessDate state said sha256 handedInBy confirmedBy connectionId
  preview { rows proof provenBy replaces refundsMatched refundsUnmatched
    lines { type currency rows amount } books { entry currency amount } }"""
_HANDED: Final = f"query Handed($id: ID!) {{ handedReport(id: $id) {{ {_REPORT} }} }}"
_SHORT: Final = "id name businessDate state said sha256 handedInBy confirmedBy connectionId"
_ALL_HANDED: Final = f"""query AllHanded($first: Int!, $after: String, $states: [HandedReportState!]) {{
  handedReports(first: $first, after: $after, states: $states) {{
    edges {{ node {{ {_SHORT} }} }} pageInfo {{ hasNextPage endCursor }} }} }}"""
_CONFIRM: Final = """mutation Confirm($input: SettlementReportConfirmInput!) { settlementReportConfirm(input: $input) {
  report { id name state } errors { ... on Error { code message path } } } }"""
_REFUSE: Final = """mutation Refuse($input: SettlementReportRefuseInput!) { settlementReportRefuse(input: $input) {
  report { id name state } errors { ... on Error { code message path } } } }"""
_LOOK_SECONDS: Final = 0.5
_LOOKS_MAX: Final = 1_800


@app.command()
def upload(
    connection: Connection,
    file: Annotated[Path, typer.Argument(help="The report as the PSE gave it; at most 32 MiB, gzip is unpacked.")],
    date: Annotated[str | None, typer.Option(help="Its business date; left out: what the file says.")] = None,
    wait: Annotated[bool, typer.Option(help="Wait until it is judged.")] = True,
    form: Format = "text",
) -> None:
    """Hand a report in: another person confirms it. Exit 1 when it is refused; nothing is changed then.

    Example: estorno nights upload dlocal-main settlement.csv --date 2026-11-23
    """
    settings = Settings.read()
    if not file.is_file():
        raise CommandError(f"There is no file {file}.")
    given = {
        "idempotencyKey": str(uuid4()),
        "connectionId": id_of(settings, connection),
        "fileId": client.hand_in(settings, file, "SETTLEMENT_REPORT"),
        "businessDate": date,
    }
    report_id = client.ask(settings, _UPLOAD, input=given)["settlementReportUpload"]["report"]["id"]
    told = _waited(settings, report_id) if wait else client.ask(settings, _HANDED, id=report_id)["handedReport"]
    _show_handed(told, form)
    raise typer.Exit(1 if told["state"] == "REFUSED" else 0)


@app.command("handed")
def handed_list(
    state: Annotated[list[str] | None, typer.Option(help="Only these states (proposed, taken ...).")] = None,
    form: Format = "text",
) -> None:
    """Reports that were handed in or delivered, the newest first, and what became of them."""
    settings, as_json, found = Settings.read(), is_json(form), 0
    states, after = ([one.upper() for one in state] if state else None), None
    for _ in range(PAGES_MAX):
        page = client.ask(settings, _ALL_HANDED, first=100, after=after, states=states)["handedReports"]
        for edge in page["edges"]:
            one, found = edge["node"], found + 1
            if as_json:
                typer.echo(json.dumps(one))
                continue
            typer.echo(f"{one['id']} {one['state']:<8} {one['businessDate'] or '-':<10} {one['name']}"[:WIDTH])
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    if not found and not as_json:
        typer.echo("There are no such reports.")


_Report = Annotated[str, typer.Argument(help="The report's id, of `estorno nights handed`.")]


@app.command()
def confirm(
    report: _Report,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: you have seen what it would change.")] = False,
    form: Format = "text",
) -> None:
    """Say yes to a report that another person handed in, having seen what it would change.

    Example: estorno nights confirm 0b6f7a52-5d0e-4a39-9c63-2f5a3c1d7e10
    """
    settings, as_json = Settings.read(), is_json(form)
    told = client.ask(settings, _HANDED, id=report)["handedReport"]
    if told is None:
        raise CommandError(f"There is no report {report}; `estorno nights handed` shows them.")
    if not as_json:
        _show_handed(told, "text")
    if not yes and not typer.confirm("Is it what the PSE says, and may it be entered?"):
        raise typer.Exit(1)
    given = {"reportId": report, "sha256": told["sha256"]}
    done = client.ask(settings, _CONFIRM, input=given)["settlementReportConfirm"]["report"]
    typer.echo(json.dumps(done) if as_json else f"{done['name']} is entered now; see `estorno nights handed`.")


@app.command()
def refuse(
    report: _Report,
    why: Annotated[str, typer.Option(help="Why, in 3 to 500 characters.")],
    form: Format = "text",
) -> None:
    """Say no to a report that was handed in, or take yours back: nothing of it is entered.

    Example: estorno nights refuse 0b6f7a52-5d0e-4a39-9c63-2f5a3c1d7e10 --why "Of another day."
    """
    given = {"reportId": report, "why": why}
    done = client.ask(Settings.read(), _REFUSE, input=given)["settlementReportRefuse"]["report"]
    typer.echo(json.dumps(done) if is_json(form) else f"{done['name']} is refused; nothing of it was entered.")


def _show_handed(told: Mapping[str, Any], form: str) -> None:
    if is_json(form):
        typer.echo(json.dumps(told))
        return
    for line in textwrap.wrap(f"{told['state']}: {told['said'] or 'It waits for its turn.'}", WIDTH):
        typer.echo(line)
    preview = told["preview"]
    if told["state"] != "PROPOSED" or preview is None:
        return
    wrapped(f"{told['name']} of {told['businessDate']}, handed in by {told['handedInBy']}")
    wrapped(f"sha256 {told['sha256']}")
    wrapped(f"{preview['rows']} rows, {preview['proof']}: {preview['provenBy']}")
    if preview["replaces"]:
        wrapped(f"in place of {preview['replaces']}, which is in force now")
    for one in preview["lines"]:
        wrapped(f"{one['rows']:>8} {one['type']:<22} {_amount(one):>22} {one['currency']}")
    for one in preview["books"]:
        wrapped(f"PSE_BALANCE by {one['entry']:<21} {_amount(one, signed=True):>17} {one['currency']}")
    wrapped(f"refunds: {preview['refundsMatched']} matched, {preview['refundsUnmatched']} not")
    typer.echo(f"Another person: estorno nights confirm {told['id']}")


def _amount(one: Mapping[str, Any], *, signed: bool = False) -> str:
    """In major units where the currency is one that we know, else in minor ones."""
    exponent = EXPONENTS.get(one["currency"])
    amount = int(one["amount"])
    told = f"{amount} minor" if exponent is None else str(decimal_of(abs(amount), exponent))
    return ("-" if amount < 0 else "+" if signed else "") + told.lstrip("-")


def _waited(settings: Settings, report_id: str) -> dict[str, Any]:
    for _ in range(_LOOKS_MAX):
        told: dict[str, Any] = client.ask(settings, _HANDED, id=report_id)["handedReport"]
        if told["state"] != "WAITING":
            break
        time.sleep(_LOOK_SECONDS)
    return told
