"""`estorno taxes`: VAT of refunds, what takes it back, the rules and the month's report, through the API."""

import csv
import json
import sys
import textwrap
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from domain.audit import tables
from domain.platform.settings import Settings
from jobs.cli import client
from jobs.cli.printing import WIDTH

app = typer.Typer(help="VAT of refunds: what is to be taken back, by what, until when.", no_args_is_help=True)
_REVERSAL: Final = (
    "id refundId amount { display minorUnits currency } country state reason dueOn ruleName documentNumber documentOn "
    "period cause soldOn paidOn writeOff { id proposedBy note }"
)
_LIST: Final = f"""query List($first: Int!, $after: String, $filter: VatReversalFilter, $locale: String!) {{
  vatReversals(first: $first, after: $after, filter: $filter) {{
    edges {{ node {{ {_REVERSAL} explanation(locale: $locale) }} }} pageInfo {{ hasNextPage endCursor }} }} }}"""
_RULES: Final = """query Rules($country: String!, $on: Date!) { taxRules(country: $country, on: $on) { name kind tax
  says rate instrument deadline deadlineNumber status confidence isSure source version } }"""
_REPORT: Final = """query Report($period: String!, $country: String) { vatReport(period: $period, country: $country) {
  country store currency ruleName reversals overdue rulesVersions documented { display minorUnits }
  undocumented { display minorUnits } declared { display minorUnits } lost { display minorUnits }
  foundAgain { display minorUnits } pending { display minorUnits }
  review { display minorUnits } } }"""
_DOCUMENT: Final = f"""mutation Document($input: VatReversalDocumentInput!) {{ vatReversalDocument(input: $input) {{
  reversal {{ {_REVERSAL} }} {client.ERRORS} }} }}"""
_DECLARE: Final = f"""mutation Declare($input: VatReversalDeclareInput!) {{ vatReversalDeclare(input: $input) {{
  reversals {{ {_REVERSAL} }} {client.ERRORS} }} }}"""
_WRITE_OFF: Final = f"""mutation WriteOff($input: VatReversalWriteOffInput!) {{ vatReversalWriteOff(input: $input) {{
  reversal {{ {_REVERSAL} }} {client.ERRORS} }} }}"""
_CONFIRM: Final = f"""mutation Confirm($input: VatReversalWriteOffConfirmInput!) {{
  vatReversalWriteOffConfirm(input: $input) {{ reversal {{ {_REVERSAL} }} {client.ERRORS} }} }}"""
_DECLINE: Final = f"""mutation Decline($input: VatReversalWriteOffDeclineInput!) {{
  vatReversalWriteOffDecline(input: $input) {{ reversal {{ {_REVERSAL} }} {client.ERRORS} }} }}"""
_REVIEW: Final = f"""mutation Review($input: VatReversalReviewInput!) {{ vatReversalReview(input: $input) {{
  reversal {{ {_REVERSAL} explanation }} {client.ERRORS} }} }}"""
_PLACE: Final = f"""mutation Place($input: TaxPlaceSetInput!) {{ taxPlaceSet(input: $input) {{
  place {{ country regime storeId connectionId }} {client.ERRORS} }} }}"""
_IMPORT: Final = f"""mutation Import($input: TaxDocumentImportInput!) {{ taxDocumentImport(input: $input) {{
  imported {{ new same revised canceled matched unreadCount unread {{ where why }} }} {client.ERRORS} }} }}"""
_SUMS: Final = ("documented", "undocumented", "declared", "lost", "foundAgain", "pending", "review")


class OutputFormat(StrEnum):
    """How a command tells."""

    TEXT = "text"
    JSON = "json"
    CSV = "csv"


AsFormat = Annotated[OutputFormat, typer.Option("--format", help="text, json or csv.")]
Reversal = Annotated[str, typer.Argument(help="Its id, of `estorno taxes list`.")]
Note = Annotated[str, typer.Option(help="Why: 5-500 characters, kept with it.")]


@app.command("list")
def reversals(
    state: Annotated[list[str] | None, typer.Option(help="As NEEDED or NEEDS_REVIEW; may be repeated.")] = None,
    country: Annotated[str | None, typer.Option(help="As BR.")] = None,
    due_until: Annotated[str | None, typer.Option(help="YYYY-MM-DD.")] = None,
    locale: Annotated[str, typer.Option(help="en, zh-CN, es or pt-BR.")] = "en",
    told_as: AsFormat = OutputFormat.TEXT,
) -> None:
    """VAT of refunds, newest first; without --state what waits for somebody."""
    wanted = {"states": state or ["NEEDED", "NEEDS_REVIEW"], "country": country, "dueUntil": due_until}
    found = _all(wanted, locale)
    if told_as is OutputFormat.TEXT:
        for one in found:
            _tell(one)
        return
    _write(
        told_as,
        [{**one, "amount": one["amount"]["minorUnits"], "currency": one["amount"]["currency"]} for one in found],
    )


def _all(wanted: dict[str, Any], locale: str) -> list[dict[str, Any]]:
    settings, found, after = Settings.read(), [], None
    while True:
        told = client.ask(settings, _LIST, first=100, after=after, filter=wanted, locale=locale)["vatReversals"]
        found += [edge["node"] for edge in told["edges"]]
        after = told["pageInfo"]["endCursor"]
        if not told["pageInfo"]["hasNextPage"]:
            return found


def _flat(one: dict[str, Any]) -> dict[str, Any]:
    """A reversal with its amount in minor units, for programs and spreadsheets."""
    return {**one, "amount": one["amount"]["minorUnits"], "currency": one["amount"]["currency"]}


def _tell(one: dict[str, Any]) -> None:
    typer.echo(f"{one['id']}  {one['amount']['display']} {one['country']}")
    due = f", by {one['dueOn']}" if one["dueOn"] else ""
    by = f", {one['ruleName']}" if one["ruleName"] else ""
    typer.echo(f"    {one['state']}{due}{by}")
    if one["documentNumber"]:
        typer.echo(_hanging(f"document {one['documentNumber']} of {one['documentOn']}"))
    if one.get("explanation"):
        typer.echo(_hanging(one["explanation"]))


def _hanging(text: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent="    ", subsequent_indent="    ")


@app.command("document")
def document(
    reversal: Reversal,
    number: Annotated[str, typer.Option(help="The tax document's number.")],
    issued_on: Annotated[str, typer.Option(help="YYYY-MM-DD.")],
    told_as: AsFormat = OutputFormat.TEXT,
) -> None:
    """Say which tax document takes the VAT back."""
    given = {"reversalId": reversal, "number": number, "issuedOn": issued_on}
    _answer(told_as, client.ask(Settings.read(), _DOCUMENT, input=given)["vatReversalDocument"]["reversal"])


@app.command("declare")
def declare(
    reversal: Annotated[list[str], typer.Argument(help="Ids, of `estorno taxes list --state DOCUMENTED`.")],
    period: Annotated[str, typer.Option(help="YYYY-MM of the return.")],
    told_as: AsFormat = OutputFormat.TEXT,
) -> None:
    """Say that these stand in a month's return."""
    given = {"reversalIds": reversal, "period": period}
    for one in client.ask(Settings.read(), _DECLARE, input=given)["vatReversalDeclare"]["reversals"]:
        _answer(told_as, one)


@app.command("write-off")
def write_off(reversal: Reversal, note: Note, told_as: AsFormat = OutputFormat.TEXT) -> None:
    """Say that the VAT is lost; above the limit another person confirms it (`estorno taxes confirm`)."""
    given = {"reversalId": reversal, "note": note}
    _answer(told_as, client.ask(Settings.read(), _WRITE_OFF, input=given)["vatReversalWriteOff"]["reversal"])


@app.command("confirm")
def confirm(
    reversal: Reversal,
    write_off: Annotated[str | None, typer.Option(help="What you saw, and nothing else: `writeOff.id`.")] = None,
    told_as: AsFormat = OutputFormat.TEXT,
) -> None:
    """Say yes, as another person, to VAT that somebody gives up.

    Example: estorno taxes confirm 0b6f7a52-5d0e-4a39-9c63-2f5a3c1d7e10
    """
    given = {"reversalId": reversal, "writeOffId": write_off}
    done = client.ask(Settings.read(), _CONFIRM, input=given)["vatReversalWriteOffConfirm"]
    _answer(told_as, done["reversal"])


@app.command("decline")
def decline(
    reversal: Reversal,
    why: Annotated[str, typer.Option(help="5-500 characters.")],
    told_as: AsFormat = OutputFormat.TEXT,
) -> None:
    """Say no to it, or take yours back.

    Example: estorno taxes decline 0b6f7a52-5d0e-4a39-9c63-2f5a3c1d7e10 --why "The note came."
    """
    given = {"reversalId": reversal, "why": why}
    done = client.ask(Settings.read(), _DECLINE, input=given)["vatReversalWriteOffDecline"]
    _answer(told_as, done["reversal"])


@app.command("review")
def review(
    reversal: Reversal,
    note: Note,
    cause: Annotated[str | None, typer.Option(help="RETURN_OF_GOODS, DISCOUNT, BILLING_ERROR or CANCELLATION.")] = None,
    delivered_on: Annotated[str | None, typer.Option(help="YYYY-MM-DD.")] = None,
    event_on: Annotated[str | None, typer.Option(help="The goods came back: YYYY-MM-DD.")] = None,
    buyer_identified: Annotated[bool | None, typer.Option(help="Whether the invoice names its buyer.")] = None,
    country: Annotated[str | None, typer.Option(help="Where the sale was taxed, as BR.")] = None,
    accept: Annotated[bool, typer.Option(help="You answer for a rule that is not sure.")] = False,
    counter_number: Annotated[str | None, typer.Option(help="Of the counter-document.")] = None,
    counter_on: Annotated[str | None, typer.Option(help="YYYY-MM-DD.")] = None,
    told_as: AsFormat = OutputFormat.TEXT,
) -> None:
    """Say what the rules need to know, and see where it stands then."""
    given = {"reversalId": reversal, "note": note, "cause": cause, "deliveredOn": delivered_on, "eventOn": event_on}
    given |= {"buyerIdentified": buyer_identified, "country": country, "accept": accept}  # type: ignore[dict-item]
    given |= {"counterNumber": counter_number, "counterOn": counter_on}
    _answer(told_as, client.ask(Settings.read(), _REVIEW, input=given)["vatReversalReview"]["reversal"])


@app.command("import")
def import_(
    path: Annotated[Path, typer.Argument(help="Fiscal XML, a ZIP of them, or a CSV.")],
    told_as: AsFormat = OutputFormat.TEXT,
) -> None:
    """Hand in a file of tax documents and match them with refunds. The same again changes nothing."""
    settings = Settings.read()
    file_id = client.hand_in(settings, path, "TAX_DOCUMENT")
    done = client.ask(settings, _IMPORT, input={"fileId": file_id})["taxDocumentImport"]["imported"]
    if told_as is OutputFormat.JSON:
        typer.echo(json.dumps(done))
        return
    names = ("new", "same", "revised", "canceled", "matched")
    typer.echo(", ".join(f"{done[name]} {name}" for name in names) + f", {done['unreadCount']} to look at")
    for one in done["unread"]:
        typer.echo(_hanging(f"{one['where']}: {one['why']}"))


@app.command("rules")
def rules(
    country: Annotated[str, typer.Argument(help="As BR.")],
    on: Annotated[str, typer.Option(help="YYYY-MM-DD.")],
    told_as: AsFormat = OutputFormat.TEXT,
) -> None:
    """The rules of a country on a day: a hint, and no legal advice."""
    found = client.ask(Settings.read(), _RULES, country=country, on=on)["taxRules"]
    if told_as is not OutputFormat.TEXT:
        _write(told_as, found)
        return
    for one in found:
        sure = "" if one["isSure"] else "  (ask a tax adviser)"
        rate = f" {one['rate']}" if one["rate"] else ""
        typer.echo(f"{one['name']}: {one['tax']}{rate}, {one['status']}, {one['confidence']}{sure}")
        typer.echo(_hanging(one["says"]))


@app.command("place")
def place(
    country: Annotated[str, typer.Argument(help="As BR.")],
    regime: Annotated[str, typer.Option(help="LOCAL, SIMPLIFIED, PLATFORM or NOT_OURS.")] = "LOCAL",
    store: Annotated[str | None, typer.Option(help="A store's id.")] = None,
    connection: Annotated[str | None, typer.Option(help="A connection's id.")] = None,
) -> None:
    """Say where sales are taxed: of a store, of a connection, or of all the others."""
    given = {"country": country, "regime": regime, "storeId": store, "connectionId": connection}
    told = client.ask(Settings.read(), _PLACE, input=given)["taxPlaceSet"]["place"]
    typer.echo(f"Taxed in {told['country']}, {told['regime']}.")


@app.command("report")
def report(
    month: Annotated[str, typer.Option(help="YYYY-MM.")],
    country: Annotated[str | None, typer.Option(help="As BR.")] = None,
    told_as: AsFormat = OutputFormat.TEXT,
) -> None:
    """The month's VAT of refunds by country, store, currency and rule."""
    found = client.ask(Settings.read(), _REPORT, period=month, country=country)["vatReport"]
    if told_as is not OutputFormat.TEXT:
        _write(told_as, [{**one, **{name: one[name]["minorUnits"] for name in _SUMS}} for one in found])
        return
    for one in found:
        typer.echo(f"{one['country']} {one['store']}, {one['ruleName'] or 'no rule'}: {one['reversals']} refunds")
        for name in _SUMS:
            typer.echo(f"    {name:<12}{one[name]['display']:>24}")
        if one["overdue"]:
            typer.echo(f"    {one['overdue']} of them late")


def _answer(told_as: OutputFormat, one: dict[str, Any]) -> None:
    if told_as is OutputFormat.TEXT:
        _tell(one)
    else:
        _write(told_as, [_flat(one)])


def _write(told_as: OutputFormat, found: Sequence[dict[str, Any]]) -> None:
    """A list of objects, amounts in minor units, as JSON or as a table that a spreadsheet calculates nothing of."""
    if told_as is OutputFormat.JSON:
        typer.echo(json.dumps(found))
        return
    into = csv.writer(sys.stdout, lineterminator="\n")
    if found:
        into.writerow(found[0])
    for one in found:
        into.writerow([tables.cell(value) for value in one.values()])
