"""A server of a PSE by SFTP: judged as any address that somebody has named, its key pinned, and only read from.

Nothing of the machine's own SSH is used: no configuration, no agent, no keys of its own. Nothing is deleted or moved.
"""

import asyncio
import stat
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, cast
from uuid import UUID

import asyncssh
import httpcore

from domain.addresses import names
from domain.addresses.names import AddressRefused
from jobs.wire.look_ups import LookUps

_CONNECT_SECONDS: Final = 15.0
_LOGIN_SECONDS: Final = 20.0
_LISTING_SECONDS: Final = 120.0
_FILE_SECONDS: Final = 600.0
_LISTED_MAX: Final = 20_000
_TRIED_MAX: Final = 4
_CHUNK: Final = 1024 * 1024
_NAME_MAX: Final = 200


class SftpFailed(Exception):
    """The server cannot be used just now, or at all; the message says why, and tells no secret."""


class Changed(Exception):
    """The file was written to while it was read."""


@dataclass(frozen=True, slots=True)
class Login:
    """Whose account it is at which server; `host_key`: the only one that is believed (OpenSSH)."""

    merchant_id: UUID
    host: str
    port: int
    username: str
    host_key: str
    password: str | None
    private_key: str | None


@dataclass(frozen=True, slots=True)
class Listed:
    """A regular file of the folder; `size` in bytes, `modified_at` by the server's clock (whole seconds, UTC)."""

    name: str
    size: int
    modified_at: datetime | None


class Server:
    """A connection to one server, for reading."""

    def __init__(self, client: asyncssh.SFTPClient) -> None:
        self._client = client

    async def listing(self, folder: str) -> Sequence[Listed]:
        """The regular files of the folder that have a name which can be one. Raises SftpFailed."""
        found: list[Listed] = []
        try:
            async with asyncio.timeout(_LISTING_SECONDS):
                async for entry in self._client.scandir(folder):
                    name = entry.filename
                    if isinstance(name, str) and _is_name(name) and _is_file(entry.attrs):
                        found.append(_listed(name, entry.attrs))
                    if len(found) >= _LISTED_MAX:
                        raise SftpFailed(f"{folder} has more than {_LISTED_MAX} files; have old ones cleared up there.")
        except (asyncssh.Error, OSError, TimeoutError) as error:
            raise SftpFailed(f"{folder} cannot be listed: {_words(error)}") from None
        return sorted(found, key=lambda one: (one.modified_at or datetime.min.replace(tzinfo=UTC), one.name))

    async def fetch(self, folder: str, listed: Listed, into: Path, size_max: int) -> str:
        """The file's bytes, of which there are as many as listed; their SHA-256, hex. Raises SftpFailed, Changed."""
        place, seen, size = f"{folder.rstrip('/') or ''}/{listed.name}", sha256(), 0
        try:
            async with asyncio.timeout(_FILE_SECONDS):
                async with self._client.open(place, "rb") as remote:
                    with into.open("xb") as file:
                        while chunk := bytes(cast("bytes", await remote.read(_CHUNK))):
                            size += len(chunk)
                            if size > min(listed.size, size_max):
                                raise Changed(listed.name)
                            seen.update(chunk)
                            file.write(chunk)
                now = _listed(listed.name, await self._client.lstat(place))
        except (asyncssh.Error, OSError, TimeoutError) as error:
            raise SftpFailed(f"{listed.name} cannot be fetched: {_words(error)}") from None
        if now != listed or size != listed.size:
            raise Changed(listed.name)
        return seen.hexdigest()


@asynccontextmanager
async def opened(account: Login, look_ups: LookUps) -> AsyncIterator[Server]:
    """Signed in at the server, for as long as the block lasts. Raises SftpFailed."""
    connection = await _connected(account, await _judged(account, look_ups))
    try:
        try:
            async with asyncio.timeout(_LOGIN_SECONDS):
                client = await connection.start_sftp_client()
        except (asyncssh.Error, OSError, TimeoutError) as error:
            raise SftpFailed(f"{account.host} speaks no SFTP: {_words(error)}") from None
        async with client:
            yield Server(client)
    finally:
        connection.abort()


async def _judged(account: Login, look_ups: LookUps) -> Sequence[str]:
    """What the name resolves to, once all of it is judged: the connection goes there and nowhere else."""
    try:
        names.check_sftp(account.host, account.port, account.merchant_id)
        found = await look_ups.addresses(account.merchant_id, account.host, _CONNECT_SECONDS)
        if not names.is_open(account.host, account.port, account.merchant_id):
            names.check_resolved(found)
    except AddressRefused as error:
        raise SftpFailed(f"Nothing is sent to {account.host}: {error}") from None
    except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
        raise SftpFailed(str(error)) from None
    return found[:_TRIED_MAX]


async def _connected(account: Login, addresses: Sequence[str]) -> asyncssh.SSHClientConnection:
    said = "its name has no address"
    for address in addresses:
        try:
            async with asyncio.timeout(_CONNECT_SECONDS + _LOGIN_SECONDS):
                return await asyncssh.connect(address, account.port, **_options(account))
        except asyncssh.HostKeyNotVerifiable:
            raise SftpFailed(
                f"{account.host} shows another key than the one that is pinned: nothing was sent."
            ) from None
        except asyncssh.PermissionDenied:
            raise SftpFailed(f"{account.host} refuses the credentials of {account.username}.") from None
        except (asyncssh.Error, OSError, TimeoutError) as error:
            said = _words(error)
        except ValueError as error:
            raise SftpFailed(f"The credentials cannot be used ({type(error).__name__}).") from None
    raise SftpFailed(f"{account.host}:{account.port} cannot be reached: {said}")


def _options(account: Login) -> dict[str, Any]:
    try:
        pinned = asyncssh.import_public_key(account.host_key)
        keys = [_own_key(account.private_key)] if account.private_key is not None else None
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        raise SftpFailed(f"A key cannot be used ({type(error).__name__}).") from None
    return {
        "config": None,
        "known_hosts": ([pinned], [], []),
        "username": account.username,
        "password": account.password,
        "client_keys": keys,
        "agent_path": None,
        "agent_forwarding": False,
        "host_based_auth": False,
        "gss_auth": False,
        "gss_kex": False,
        "disable_trivial_auth": True,
        "connect_timeout": _CONNECT_SECONDS,
        "login_timeout": _LOGIN_SECONDS,
        "keepalive_interval": 30,
        "compression_algs": None,
    }


def _own_key(text: str) -> asyncssh.SSHKey:
    """It was looked at before it was kept (domain/reconciliation/ssh_keys): once more would hold up everybody here."""
    return asyncssh.import_private_key(text, unsafe_skip_rsa_key_validation=True)


def _is_name(name: str) -> bool:
    return 0 < len(name) <= _NAME_MAX and name.isprintable() and "/" not in name and not name.startswith(".")


def _is_file(attributes: asyncssh.SFTPAttrs) -> bool:
    if attributes.permissions is not None and stat.S_IFMT(attributes.permissions):
        return stat.S_ISREG(attributes.permissions)
    return attributes.type == asyncssh.FILEXFER_TYPE_REGULAR


def _listed(name: str, attributes: asyncssh.SFTPAttrs) -> Listed:
    at = attributes.mtime
    return Listed(name, attributes.size or 0, datetime.fromtimestamp(int(at), UTC) if at else None)


def _words(error: BaseException) -> str:
    """What it says, in the words of whoever speaks there and no longer than a line."""
    said = getattr(error, "reason", None) or str(error) or type(error).__name__
    return " ".join(str(said).split())[:300]
