"""`estorno audit` and `estorno access`: who did what, and who may do what, through the API."""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, TextIO

import typer
from rich.console import Console
from rich.table import Table

from domain.audit.tables import line
from domain.platform.settings import Settings
from jobs.cli import client
from jobs.cli.commands import CommandError

audit = typer.Typer(help="The log of who did and read what.", no_args_is_help=True)
access = typer.Typer(help="Who may do what.", no_args_is_help=True)
_COLUMNS: Final = (
    "position", "occurredAt", "kind", "operation", "objectKind", "objectId", "actor", "party", "personId", "tokenId",
    "sessionId", "address", "agent", "requestId", "outcome", "hash",
)  # fmt: skip
_LOG: Final = f"""query Log($first: Int!, $after: String, $filter: AuditFilter) {{
  auditLog(first: $first, after: $after, filter: $filter) {{
    edges {{ node {{ {" ".join(_COLUMNS)} changes(first: 20) {{ name before after }} }} }}
    pageInfo {{ hasNextPage endCursor }} }} }}"""
_PAGE: Final = 50
_HOLDERS: Final = """query Holders($skip: Int!, $days: Int!) { accessReview(unusedDays: $days) { digest count at
  holders(first: 50, skip: $skip) { kind id name lastUsedAt expiresAt flags
    grants(first: 10) { role storeCode since by } } } }"""
_SIGN: Final = """mutation Sign($input: AccessReviewSignInput!) { accessReviewSign(input: $input) {
  review { count digest } errors { ... on Error { code message path } } } }"""


@audit.command("export")
def export(
    since: Annotated[str, typer.Option("--from", help="The first day, YYYY-MM-DD, UTC.")],
    until: Annotated[str, typer.Option("--until", help="The day after the last, YYYY-MM-DD, UTC.")],
    form: Annotated[str, typer.Option("--format", help="csv, or jsonl: one JSON object a line.")] = "csv",
    out: Annotated[Path | None, typer.Option(help="The file; left out: standard output.")] = None,
) -> None:
    """Write the log of a range, newest first, entry by entry as it comes. That it was read stands in it."""
    if form not in ("csv", "jsonl"):
        raise CommandError("--format takes csv or jsonl.")
    wanted = {"since": _day(since), "until": _day(until)}
    if out is None:
        _export(wanted, form, sys.stdout)
        return
    with out.open("x" if not out.exists() else "w", encoding="utf-8", newline="") as into:
        count = _export(wanted, form, into)
    typer.echo(f"{count} entries are in {out}.")


def _export(wanted: dict[str, str], form: str, into: TextIO) -> int:
    if form == "csv":
        into.write(line([*_COLUMNS, "changes"]))
    count = 0
    for entry in _entries(wanted):
        told = {one["name"]: [json.loads(one["before"]), json.loads(one["after"])] for one in entry.pop("changes")}
        if form == "csv":
            into.write(line([*(entry[name] for name in _COLUMNS), told]))
        else:
            into.write(json.dumps({**entry, "changes": told}, ensure_ascii=False) + "\n")
        count += 1
    return count


def _entries(wanted: dict[str, str]) -> Iterator[dict[str, Any]]:
    settings, after = Settings.read(), None
    while True:
        page = client.ask(settings, _LOG, first=_PAGE, after=after, filter=wanted)["auditLog"]
        for edge in page["edges"]:
            yield edge["node"]
        if not page["pageInfo"]["hasNextPage"]:
            return
        after = page["pageInfo"]["endCursor"]


def _day(text: str) -> str:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).isoformat()
    except ValueError:
        raise CommandError(f"{text!r} is no day; write YYYY-MM-DD.") from None


@access.command("review")
def review(
    unused_days: Annotated[int, typer.Option(help="Who was not here for so many days is UNUSED.", min=1)] = 90,
) -> None:
    """Who may do what where, since when and by whose hand, and what to look at; sign its digest when it is right."""
    settings = Settings.read()
    first = client.ask(settings, _HOLDERS, skip=0, days=unused_days)["accessReview"]
    holders = list(first["holders"])
    while len(holders) < first["count"]:
        more = client.ask(settings, _HOLDERS, skip=len(holders), days=unused_days)["accessReview"]
        if more["digest"] != first["digest"]:
            raise CommandError("Who may do what has changed meanwhile; look again.")
        holders += more["holders"]
    table = Table("Who", "Roles, since, by", "Last here", "Look at")
    for one in holders:
        given = "\n".join(f"{g['role']}:{g['storeCode'] or '*'} {g['since'][:10]} {g['by']}" for g in one["grants"])
        flags = "\n".join(one["flags"])
        table.add_row(f"{one['kind'].lower()} {one['name']}", given, (one["lastUsedAt"] or "never")[:10], flags)
    Console(soft_wrap=False).print(table)
    typer.echo(f"{first['count']} people and tokens. The digest to sign:\n{first['digest']}")


@access.command("sign")
def sign(
    digest: Annotated[str, typer.Argument(help="Of the review that you saw.")],
    note: Annotated[str, typer.Option(help="What came of it.")],
) -> None:
    """Sign that you have looked at who may do what. A program's token signs nothing."""
    done = client.ask(Settings.read(), _SIGN, input={"digest": digest, "note": note})["accessReviewSign"]
    typer.echo(f"Signed: {done['review']['count']} people and tokens.")
