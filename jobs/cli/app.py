"""The command line: which commands there are, and those of the installation as a whole."""

import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from domain.platform.settings import Settings, SettingsError
from domain.reconciliation.nights import DONE
from jobs.cli import (
    alerts,
    approvals,
    audit,
    bank,
    bank_days,
    batches,
    books,
    commands,
    connect,
    connections,
    decisions,
    deliveries,
    endpoints,
    events,
    exports,
    fees,
    findings,
    findings_bulk,
    handed,
    init,
    keys,
    onboarding,
    owner,
    people,
    programs,
    rates,
    shops,
    sign_in,
    sources,
    synthetic,
    taxes,
    usage,
)
from jobs.cli.certificates import certificate
from jobs.cli.pses import pse
from jobs.cli.tokens import token
from jobs.machine.children import ChildError

app = typer.Typer(
    help="Estorno: refunds through the payment institutions of Latin America.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(token, name="token")
app.add_typer(pse, name="pse")
app.add_typer(keys.app, name="keys")
app.add_typer(audit.audit, name="audit")
app.add_typer(audit.access, name="access")
app.add_typer(owner.hold, name="hold")
app.add_typer(owner.restore, name="restore-test")
app.command("retention")(owner.retention)
app.command("evidence")(owner.evidence_of)
app.add_typer(people.stores, name="store")
app.add_typer(people.people, name="people")
app.add_typer(people.merchants, name="merchant")
app.add_typer(connections.app, name="connection")
app.add_typer(alerts.app, name="alerts")
app.add_typer(approvals.app, name="approvals")
app.add_typer(fees.app, name="fees")
app.add_typer(rates.app, name="rates")
app.command("quote")(rates.quote)
app.add_typer(bank.app, name="bank")
app.add_typer(bank_days.app, name="bank-days")
app.add_typer(batches.app, name="batches")
app.add_typer(books.app, name="books")
app.add_typer(endpoints.app, name="endpoints")
app.add_typer(deliveries.app, name="deliveries")
app.add_typer(events.app, name="events")
app.add_typer(exports.app, name="export")
app.add_typer(findings.app, name="findings")
findings.app.command("apply")(decisions.apply)
findings.app.command("bulk")(findings_bulk.bulk)
app.add_typer(handed.app, name="nights")
app.add_typer(sources.app, name="sources")
app.add_typer(shops.app, name="shops")
app.add_typer(sign_in.app, name="sign-in")
app.add_typer(taxes.app, name="taxes")
app.add_typer(usage.app, name="usage")
app.command("init")(init.init)
app.command("synth")(synthetic.synth)
app.command("connect")(connect.connect)
app.command("up")(programs.up)
app.command("api")(programs.api)
app.command("worker")(programs.worker)
app.command("timetable")(programs.timetable)
app.command("sandbox")(programs.sandbox)
token.command("list")(people.list_tokens)
token.command("revoke")(people.revoke_token)
token.command("rotate")(people.rotate_token)
app.add_typer(certificate, name="certificate")


def main() -> None:
    """The program. What a person can mend is one sentence and exit status 1."""
    _build_only(sys.argv[1:2])
    try:
        app()
    except (SettingsError, ChildError, *commands.ERRORS) as error:
        Console(stderr=True, soft_wrap=True).print(f"estorno: {error}", style="red", markup=False, highlight=False)
        sys.exit(1)


def _build_only(wanted: Sequence[str]) -> None:
    """Of more than a hundred commands only those of the one named: to build the others takes longer than most do."""
    groups = [one for one in app.registered_groups if one.name in wanted]
    single = [one for one in app.registered_commands if (one.name or getattr(one.callback, "__name__", "")) in wanted]
    if groups or single:  # else the whole list is shown, or what comes close to a misspelt name
        app.registered_groups, app.registered_commands = groups, single


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"estorno {metadata.version('estorno')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    """Estorno: refunds through the payment institutions of Latin America."""


@app.command()
def migrate() -> None:
    """Bring the database up to date as its owner, and grant the application its rights."""
    for name in commands.migrate(Settings.read()) or ["Nothing to do: the database is up to date."]:
        typer.echo(name)


@app.command()
def schema(
    check: Annotated[bool, typer.Option(help="Compare only; exit 1 when schema.graphql is out of date.")] = False,
) -> None:
    """Print the GraphQL schema to schema.graphql."""
    typer.echo(commands.schema(check=check))


@app.command()
def settings() -> None:
    """Show every setting, secrets hidden."""
    table = Table("Variable", "Value", "What it does")
    for row in Settings.read().shown():
        table.add_row(*row)
    Console(soft_wrap=False).print(table)


@app.command()
def reconcile(
    connection: Annotated[str, typer.Option(help="The connection's id, or its name where that is unique.")],
    date: Annotated[str, typer.Option(help="The business date, YYYY-MM-DD.")],
    file: Annotated[
        Path | None, typer.Option(help="The report as you downloaded it, where the PSE gives it to no program.")
    ] = None,
) -> None:
    """Reconcile one business date of one connection now; repeating it is safe.

    With --file the report is judged, and waits until another person has seen what it would change (`estorno nights
    confirm`); then the same command enters it.
    """
    table = Table("Finding", "Amount", "What differs", "What to do")
    told = commands.reconcile(commands.ready(Settings.read()), connection, date, file)
    for row in told.findings:
        table.add_row(*row)
    console = Console(soft_wrap=False)
    if (brought := told.brought) is not None:
        console.print(f"{brought.state}: {brought.said}", markup=False)
        if brought.state == "PROPOSED":
            console.print(f"Another person: estorno nights confirm {brought.id}", markup=False, soft_wrap=True)
    if (run := told.run) is None:
        raise typer.Exit(1 if brought is not None and brought.state == "REFUSED" else 0)
    console.print(table if told.findings else "Nothing to look at.")
    console.print(f"{run.business_date} {run.state} {run.error or run.manifest['completeness']}", markup=False)
    if run.manifest.get("not_ended"):
        console.print(f"{run.manifest['not_ended']}: the night reconciles it again.", markup=False)
    raise typer.Exit(0 if run.state in DONE else 1)


@app.command()
def preflight(
    connection: Annotated[str, typer.Argument(help="The connection's id, or its name where that is unique.")],
) -> None:
    """Ask a connection's PSE whether all is in order; exit 1 when something is not. Nothing is changed there."""
    run, checks = onboarding.run_preflight(commands.ready(Settings.read(), need_redis=False), connection)
    for one in checks:
        typer.echo(onboarding.check_lines(one))
    typer.echo(f"\nThe preflight: {run.outcome}. {run.error or ''}".rstrip())
    raise typer.Exit(1 if run.outcome == "FAILED" or run.error else 0)


@app.command()
def certify(
    connection: Annotated[str, typer.Argument(help="The connection's id, or its name where that is unique.")],
    payment: Annotated[
        list[str] | None,
        typer.Option(help="A captured payment of the PSE's test environment; give three. None at Estorno's sandbox."),
    ] = None,
    test_environment: Annotated[bool, typer.Option(help="These payments are no customers'.")] = False,
    out: Annotated[Path, typer.Option(help="The folder for the signed report.")] = Path(),
) -> None:
    """Have a connection to a test environment prove itself by a series of refunds; exit 1 unless it passes."""
    settings = commands.ready(Settings.read())
    run = onboarding.run_certification(settings, connection, payment or [], test=test_environment, tell=typer.echo)
    typer.echo(f"\nThe certification: {run.outcome}. {run.error or ''}".rstrip())
    for path in onboarding.write_report(settings, run, out):
        typer.echo(f"Written: {path}")
    raise typer.Exit(0 if run.outcome == "PASSED" else 1)


@app.command()
def check(
    chain: Annotated[bool, typer.Option(help="Recompute the chain of events too.")] = False,
    head: Annotated[
        list[str] | None, typer.Option(help="A head kept elsewhere, MERCHANT:POSITION:HASH; may be given often.")
    ] = None,
) -> None:
    """See whether the books are in order; exit 1 and a list when they are not."""
    settings = commands.ready(Settings.read(), need_redis=False, need_key=False)
    broken, warnings = commands.check(settings, chain=chain or bool(head), heads=head or [])
    for warning in warnings:
        typer.echo(f"Warning: {warning}", err=True)
    for one in broken:
        typer.echo(f"{one.name}\n    {one.detail}")
    typer.echo("The books are in order." if not broken else f"{len(broken)} violations.")
    raise typer.Exit(1 if broken else 0)


if __name__ == "__main__":
    main()
