"""`estorno sources`: servers from which a connection's reports are fetched by SFTP, through the API."""

import json
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from domain.platform.settings import Settings
from jobs.cli import client
from jobs.cli.commands import CommandError
from jobs.cli.nights import Connection, id_of
from jobs.cli.printing import Format, is_json, wrapped

app = typer.Typer(help="Servers from which reports are fetched by SFTP.", no_args_is_help=True)
_FIELDS: Final = "connectionId host port username folder hostKeyFingerprint enabled visitedAt failures said"
_SHOW: Final = f"query Source($connection: ID!) {{ reportSource(connectionId: $connection) {{ {_FIELDS} }} }}"
_SET: Final = f"""mutation Set($input: ReportSourceSetInput!) {{ reportSourceSet(input: $input) {{
  source {{ {_FIELDS} }} errors {{ ... on Error {{ code message path }} }} }} }}"""


@app.command()
def show(connection: Connection, form: Format = "text") -> None:
    """Where a connection's reports are fetched, and how the last visit went.

    Example: estorno sources show ebanx-main
    """
    settings = Settings.read()
    found = client.ask(settings, _SHOW, connection=id_of(settings, connection))["reportSource"]
    if found is None:
        raise CommandError(f"The reports of {connection} are fetched from no server; `estorno sources set` names one.")
    _tell(found, connection, form)


@app.command("set")
def entered(
    connection: Connection,
    host: Annotated[str, typer.Option(help="A public name; what is inside, the operator opens.")],
    user: Annotated[str, typer.Option(help="The account there.")],
    folder: Annotated[str, typer.Option(help="As /outgoing; nothing is deleted in it.")],
    host_key: Annotated[str, typer.Option(help="The server's public key, as ssh-keyscan prints it: it is pinned.")],
    port: Annotated[int, typer.Option(min=1, max=65535)] = 22,
    password_file: Annotated[Path | None, typer.Option(help="A file with the password; `-`: standard input.")] = None,
    private_key_file: Annotated[Path | None, typer.Option(help="A file with an OpenSSH key, no passphrase.")] = None,
    off: Annotated[bool, typer.Option("--off", help="Visit it no more for now.")] = False,
    form: Format = "text",
) -> None:
    """Name the server, or change it; without a password or key those of before stay, for the same host and key.

    Example: estorno sources set ebanx-main --host sftp.example.com --user loja --folder /out
    --host-key "ssh-ed25519 AAAA..." --password-file secret.txt
    """
    settings = Settings.read()
    given = {
        "connectionId": id_of(settings, connection),
        "host": host,
        "port": port,
        "username": user,
        "folder": folder,
        "hostKey": host_key,
        "password": _secret(password_file),
        "privateKey": _secret(private_key_file),
        "enabled": not off,
    }
    _tell(client.ask(settings, _SET, input=given)["reportSourceSet"]["source"], connection, form)


def _secret(file: Path | None) -> str | None:
    """What is in the file, without the line's end; on the command line it would stand in the list of processes."""
    if file is None:
        return None
    try:
        told = typer.get_text_stream("stdin").read() if str(file) == "-" else file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} cannot be read: {error}") from None
    return told.rstrip("\r\n")


def _tell(source: dict[str, Any], connection: str, form: str) -> None:
    if is_json(form):
        typer.echo(json.dumps(source))
        return
    state = "visited" if source["enabled"] else "off"
    typer.echo(f"{connection[:30]} {state}"[:80])
    wrapped(f"sftp://{source['username']}@{source['host']}:{source['port']}{source['folder']}")
    wrapped(f"key {source['hostKeyFingerprint']}")
    last = f"last visit {source['visitedAt'][:16]}" if source["visitedAt"] else "not visited yet"
    wrapped(f"{last}, {source['failures']} failures in a row")
    if source["said"]:
        wrapped(source["said"])
