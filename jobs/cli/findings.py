"""`estorno findings`: what the books do not explain, who has it, and what became of it, through the API."""

import json
import textwrap
from datetime import UTC, datetime
from pathlib import Path
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
    Since,
    Store,
    Until,
    amount_of,
    chosen,
    narrowed,
)
from jobs.cli.printing import TEXT, WIDTH, DocumentFormat

app = typer.Typer(help="What the books do not explain: work it off.", no_args_is_help=True)
_SHORT: Final = "id kind state severity amount { display } dueAt overdue assignee explanation"
_LIST: Final = f"""query Findings($first: Int!, $after: String, $filter: FindingFilter, $order: FindingOrder!,
  $unresolved: Boolean) {{ findings(first: $first, after: $after, filter: $filter, order: $order,
  unresolved: $unresolved) {{ edges {{ node {{ {_SHORT} }} }} pageInfo {{ hasNextPage endCursor }} }} }}"""
_SHOW: Final = f"""query Finding($id: ID!, $locale: String) {{ finding(id: $id) {{ {_SHORT}
  title(locale: $locale) because(locale: $locale) advice(locale: $locale) createdAt ageDays waitingUntil waitingWhy
  inSuspense {{ display }} sides {{ ours theirs differs }} resolvedAt resolution resolvedBy
  proposal {{ id reason note proposedBy moved {{ display }} }} events(first: 100) {{ kind text actor at }} }} }}"""
_SUMMARY: Final = """query Summary($filter: FindingFilter) { findingsSummary(filter: $filter) {
  kind count amount { display currency minorUnits } } }"""
_WATCH: Final = f"""subscription Watch($after: String, $filter: FindingFilter) {{
  findingsChanged(after: $after, filter: $filter) {{ __typename
    ... on FindingChangedMessage {{ cursor finding {{ {_SHORT} }} }} }} }}"""
_WHERE: Final = {
    "PAYOUT_MISSING": "On its way to the bank",
    "AMOUNT_MISMATCH": "In SUSPENSE or PSE_CLEARING",
    "MISSING_IN_REPORT": "In PSE_CLEARING",
}
FindingId = Annotated[str, typer.Argument(help="Of `estorno findings list`.")]


@app.command("list")
def listed(
    kind: Kinds = None,
    state: Annotated[list[str] | None, typer.Option(help="OPEN, WAITING, REOPENED or RESOLVED.")] = None,
    pse: Annotated[str | None, typer.Option(help="As pix.")] = None,
    currency: Currency = None,
    store: Store = None,
    since: Since = None,
    until: Until = None,
    at_least: AtLeast = None,
    at_most: AtMost = None,
    assignee: Assignee = None,
    mine: Annotated[bool, typer.Option("--mine", help="What you have in hand.")] = False,
    second: Annotated[
        str | None, typer.Option(help="What one person has said: me (my yes is wanted), or anybody (another's is).")
    ] = None,
    order: Annotated[str, typer.Option(help="NEWEST, OLDEST, DUE, GRAVEST or LARGEST.")] = "DUE",
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="At most so many.")] = 50,
    form: DocumentFormat = TEXT,
) -> None:
    """What is not resolved, the first due first."""
    wanted = chosen(kind, state, pse, currency, mine)
    wanted |= narrowed(store, since, until, amount_of(currency, at_least, at_most), assignee)
    wanted |= {"secondPerson": second.upper()} if second else {}
    nodes = _pages(wanted, order.upper(), limit)
    if printing.is_json(form):
        typer.echo(json.dumps(nodes, ensure_ascii=False))
        return
    for node in nodes:
        _line(node)


@app.command("show")
def show(
    finding: FindingId,
    locale: Annotated[str | None, typer.Option(help="en, zh-CN, es or pt-BR.")] = None,
    form: DocumentFormat = TEXT,
) -> None:
    """One finding: both sides, what to do, and all that was done."""
    found = client.ask(Settings.read(), _SHOW, id=finding, locale=locale)["finding"]
    if found is None:
        raise CommandError(f"There is no finding {finding!r}; `estorno findings list` shows those that you may see.")
    if printing.is_json(form):
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    _line(found)
    for text in (found["title"], found["because"], found["advice"]):
        _wrapped(text)
    sides = found["sides"]
    _wrapped(f"Ours: {sides['ours']}")
    _wrapped(f"Theirs: {sides['theirs']}")
    _wrapped(f"{_WHERE.get(found['kind'], 'In SUSPENSE')}: {found['inSuspense']['display']}")
    if (said := found["proposal"]) is not None:
        _wrapped(f"{said['proposedBy']} says {said['reason']} ({said['note']}): another person must confirm it.")
        typer.echo(f"Of exactly this: `estorno findings confirm {found['id']} --resolution {said['id']}`.")
    if found["resolution"]:
        _wrapped(f"{found['resolvedBy'] or 'The program'}: {found['resolution']}")
    for event in found["events"]:
        _wrapped(f"{event['at'][:16]} {event['kind']} by {event['actor']}: {event['text'] or ''}")


@app.command("assign")
def assign(
    finding: FindingId,
    person: Annotated[str | None, typer.Option(help="The id of a person; left out: yourself.")] = None,
    form: DocumentFormat = TEXT,
) -> None:
    """Give it to a person, or take it."""
    _work("findingAssign", {"findingId": finding, "personId": person}, form)


@app.command("comment")
def comment(finding: FindingId, text: Annotated[str, typer.Argument()], form: DocumentFormat = TEXT) -> None:
    """Write something down."""
    _work("findingComment", {"findingId": finding, "text": text, "idempotencyKey": token_hex(16)}, form)


@app.command("attach")
def attach(
    finding: FindingId,
    file: Annotated[Path, typer.Argument(help="Evidence, as a PDF or a picture.")],
    form: DocumentFormat = TEXT,
) -> None:
    """Put a file to it: what shows how you know.

    Example: estorno findings attach RmluZGluZzox answer-of-the-pse.pdf
    """
    printing.is_json(form)  # before anything is sent
    file_id = client.hand_in(Settings.read(), file, "FINDING_ATTACHMENT")
    _work("findingAttach", {"findingId": finding, "fileId": file_id}, form)


@app.command("wait")
def wait(
    finding: FindingId,
    until: Annotated[str, typer.Option(help="The day, YYYY-MM-DD, UTC.")],
    why: Annotated[str, typer.Option(help="What is waited for.")],
    form: DocumentFormat = TEXT,
) -> None:
    """Let it rest until a day."""
    try:
        day = datetime.strptime(until, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise CommandError("--until takes a day as 2026-11-30.") from error
    _work("findingWait", {"findingId": finding, "until": day.isoformat(), "why": why}, form)


@app.command("resolve")
def resolve(
    finding: FindingId,
    reason: Annotated[
        str,
        typer.Argument(
            help="WRITE_OFF, CORRECTED, CLAIMED_FROM_PSE, DUPLICATE_OF, EXPLAINED, REFUND_OF_OURS, CHARGEBACK or FEE."
        ),
    ],
    note: Annotated[str, typer.Option(help="How you know.")],
    account: Annotated[str | None, typer.Option(help="With CORRECTED: where the money belongs.")] = None,
    came: Annotated[int | None, typer.Option(min=0, help="With CLAIMED_FROM_PSE: minor units that came.")] = None,
    currency: Annotated[str | None, typer.Option(help="Of what came.")] = None,
    other: Annotated[str | None, typer.Option(help="With DUPLICATE_OF: the other finding.")] = None,
    form: DocumentFormat = TEXT,
) -> None:
    """Say what became of it. Above your limit another person confirms it (`confirm`)."""
    if (came is None) != (currency is None):
        raise CommandError("--came and --currency go together.")
    money = {"minorUnits": str(came), "currency": currency} if came is not None else None
    said = {"reason": reason.upper(), "note": note, "account": account, "came": money, "duplicateOf": other}
    given = {"findingId": finding, "resolution": said, "idempotencyKey": token_hex(16)}
    done = _work("findingResolve", given, form, more="confirmed")
    if not done["confirmed"] and not printing.is_json(form):
        typer.echo(f"Another person must confirm it: estorno findings confirm {finding}")


@app.command("confirm")
def confirm(
    finding: FindingId,
    resolution: Annotated[
        str | None, typer.Option(help="The id of what was said (`show`): nothing else is confirmed.")
    ] = None,
    form: DocumentFormat = TEXT,
) -> None:
    """Say yes to what another person has said of it."""
    _work("findingResolveConfirm", {"findingId": finding, "resolutionId": resolution}, form)


@app.command("decline")
def decline(finding: FindingId, why: Annotated[str, typer.Option()], form: DocumentFormat = TEXT) -> None:
    """Say no to it, or take back what you have said."""
    _work("findingResolveDecline", {"findingId": finding, "why": why}, form)


@app.command("reopen")
def reopen(finding: FindingId, why: Annotated[str, typer.Option()], form: DocumentFormat = TEXT) -> None:
    """Open it again; what was booked is taken back."""
    _work("findingReopen", {"findingId": finding, "why": why}, form)


@app.command("summary")
def summary(
    kind: Kinds = None,
    pse: Annotated[str | None, typer.Option(help="As pix.")] = None,
    currency: Currency = None,
    store: Store = None,
    since: Since = None,
    until: Until = None,
    at_least: AtLeast = None,
    at_most: AtMost = None,
    assignee: Assignee = None,
    form: DocumentFormat = TEXT,
) -> None:
    """How many there are of each kind, and what they add up to."""
    wanted = chosen(kind, None, pse, currency, False)
    wanted |= narrowed(store, since, until, amount_of(currency, at_least, at_most), assignee)
    told = client.ask(Settings.read(), _SUMMARY, filter=wanted)["findingsSummary"]
    if printing.is_json(form):
        typer.echo(json.dumps(told))
        return
    for one in told:
        typer.echo(f"{one['kind']:<24}{one['count']:>8}  {one['amount']['display']:>24}")


@app.command("watch")
def watch(
    kind: Kinds = None,
    pse: Annotated[str | None, typer.Option(help="As pix.")] = None,
    currency: Currency = None,
    mine: Annotated[bool, typer.Option("--mine", help="Those alone that you have.")] = False,
    after: Annotated[str | None, typer.Option(help="The cursor of the last change that you have seen.")] = None,
    once: Annotated[bool, typer.Option("--once", help="End when all that has changed was told.")] = False,
    form: DocumentFormat = TEXT,
) -> None:
    """Follow what changes of findings, live: each as it is after the change; what was overtaken is left out.

    Example: estorno findings watch --kind CHARGEBACK --after 1204 --format json
    """
    settings, as_json = Settings.read(), printing.is_json(form)
    wanted = chosen(kind, None, pse, currency, mine)
    for told in client.follow(settings, _WATCH, after=after, filter=wanted or None):
        message = told["findingsChanged"]
        if message["__typename"] == "FindingChangedMessage":
            if as_json:
                node = {**message["finding"], "cursor": message["cursor"]}
                typer.echo(json.dumps(node, ensure_ascii=False))
            else:
                typer.echo(f"at {message['cursor']}")
                _line(message["finding"])
        elif message["__typename"] == "CaughtUpMessage" and once:
            return


def _pages(wanted: dict[str, Any], order: str, limit: int) -> list[dict[str, Any]]:
    settings, nodes, after = Settings.read(), list[dict[str, Any]](), None
    while len(nodes) < limit:
        first = min(100, limit - len(nodes))
        told = client.ask(settings, _LIST, first=first, after=after, filter=wanted, order=order, unresolved=True)
        nodes += [edge["node"] for edge in told["findings"]["edges"]]
        after = told["findings"]["pageInfo"]["endCursor"]
        if not told["findings"]["pageInfo"]["hasNextPage"]:
            break
    return nodes


def _work(field: str, given: dict[str, Any], form: str, *, more: str = "") -> dict[str, Any]:
    is_json = printing.is_json(form)
    name = f"{field[0].upper()}{field[1:]}Input"
    told = f"finding {{ {_SHORT} }} {more} {client.ERRORS}"
    document = f"mutation Work($input: {name}!) {{ {field}(input: $input) {{ {told} }} }}"
    done: dict[str, Any] = client.ask(Settings.read(), document, input=given)[field]
    if is_json:
        typer.echo(json.dumps({key: value for key, value in done.items() if key != "errors"}, ensure_ascii=False))
    else:
        _line(done["finding"])
    return done


def _line(node: dict[str, Any]) -> None:
    """What it is, in lines of at most 80 columns; its id stands alone, to be copied."""
    typer.echo(node["id"])
    due = (node["dueAt"] or "")[:10] + ("!" if node["overdue"] else "")
    typer.echo(f"    {node['kind']} {node['state']} {node['severity']} {node['amount']['display']}"[:WIDTH])
    _wrapped(f"due {due}, {node['assignee'] or 'nobody'} has it")
    _wrapped(node["explanation"])


def _wrapped(text: str) -> None:
    for line in textwrap.wrap(printing.printable(text), WIDTH - 4):
        typer.echo(f"    {line}")
