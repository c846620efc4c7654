"""Servers from which reports are fetched by SFTP: whose, with what, and how the last visit went.

The server's key is pinned: there is no first time that is believed. Password and private key are sealed, and never
shown again. What it has is entered as a PSE's word: so of a live account two people name the same server.
"""

import base64
import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from domain.access import vouching
from domain.access.holders import same_person
from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.addresses import names
from domain.addresses.names import AddressRefused
from domain.cause import Cause
from domain.connections.connections import nothing_at_stake
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.findings import findings
from domain.findings.findings import FindingKind, Found
from domain.models import Connection, ReportSource
from domain.models.connections import ConnectionState
from domain.platform import bell, data_keys
from domain.platform.database import execute, rows, transaction
from domain.problems import InvalidInput, NotFound
from domain.reconciliation import ssh_keys
from domain.reconciliation.nights import fit
from domain.reconciliation.ssh_keys import RSA_BITS_MAX, TooLongKey, UnusableKey
from domain.refunds.intervals import HOUR, MINUTE, Schedule

SET: Final = "reportSourceSet"
VISIT_SECONDS: Final = 15 * MINUTE
_FAILED: Final = Schedule((5 * MINUTE, 15 * MINUTE, 30 * MINUTE), after_end=HOUR)
_FAILURES_CALL: Final = 4  # in a row: then a person is called
_KEY: Final = re.compile(r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)) [A-Za-z0-9+/=]{60,1900}")
_PASSWORD_MAX: Final = 500
_VISITED: Final = "The server was visited."
ONE_PERSON: Final = (
    "One person alone has named this server, and what it has would be entered as the PSE's word: another person with "
    "MANAGE_CONNECTIONS sets the same (reportSourceSet, without its credentials); until then nothing is fetched."
)
# Who has named it, the newest first, and whether it was another place, or were other credentials, than before.
_NAMED: Final = """SELECT actor, party, occurred_at,
  changes ?| ARRAY['host', 'port', 'username', 'folder', 'host_key', 'credentials'] AS moved
FROM deeds WHERE merchant_id = $1 AND object_kind = 'connection' AND object_id = $2 AND kind = 'CHANGE'
  AND operation = 'reportSourceSet' ORDER BY id DESC LIMIT 100"""
_ACTION: Final = "Mend what it says, or set host, key and credentials anew (reportSourceSet); it is visited by itself."


@dataclass(frozen=True, slots=True)
class NewSource:
    """A server as a person gives it: with a password or with a private key (OpenSSH or PEM, without a passphrase)."""

    host: str
    port: int
    username: str
    folder: str
    host_key: str
    password: str | None = None
    private_key: str | None = None
    enabled: bool = True


async def set_for(
    principal: Principal, connection_id: UUID, new: NewSource, sealing_key: bytes, cause: Cause
) -> ReportSource:
    """Say where a connection's reports are fetched; without credentials, those of before stay.

    Raises Forbidden, InvalidInput, NotFound, Unsealable, KeyServiceAway.
    """
    principal.require_everywhere(Permission.MANAGE_CONNECTIONS)
    connection = await Connection.get_or_none(id=connection_id, merchant_id=principal.merchant_id)
    if connection is None:
        raise NotFound("There is no such connection.", path=["input", "connectionId"])
    _check(new, connection.merchant_id)
    before = await ReportSource.get_or_none(connection_id=connection_id)
    source_id = before.id if before is not None else uuid4()
    values: dict[str, Any] = _facts(new)
    secrets = _secrets(new)
    if secrets is not None:
        sealed = await data_keys.seal(sealing_key, connection.merchant_id, secrets, place_of(source_id))
        values["sealed_secrets"] = sealed
    elif before is None or _elsewhere(before, new):
        # Nobody is shown a password that another server was meant to have.
        raise InvalidInput("Give the password or the private key for this server.", path=["input", "password"])
    was = {} if before is None else _facts(before)
    async with transaction():
        await _save(before, source_id, connection, {**values, "set_by": principal.holder})
        changes = deeds.changed(was, _facts(new))
        if secrets is not None:
            changes["credentials"] = [None, "replaced"]
        await deeds.note(connection.merchant_id, SET, Of("connection", connection_id), cause, changes)
    made = await ReportSource.get(id=source_id)
    if new.enabled and await waits_for_another(made, connection):
        await execute("UPDATE report_sources SET said = $2 WHERE id = $1", source_id, ONE_PERSON)
    elif new.enabled:
        await bell.ring(bell.SOURCE, source_id, queue=bell.BATCH_QUEUE)
    return await ReportSource.get(id=source_id)


async def _save(before: ReportSource | None, source_id: UUID, connection: Connection, values: dict[str, Any]) -> None:
    if before is None:
        of: dict[str, Any] = {"id": source_id, "merchant_id": connection.merchant_id, "connection_id": connection.id}
        await ReportSource.create(**of, **values)
    else:
        await ReportSource.filter(id=source_id).update(**values, failures=0, said=None)
    due = "now()" if values["enabled"] else "NULL"
    await execute(f"UPDATE report_sources SET due_at = {due}, set_at = now() WHERE id = $1", source_id)  # noqa: S608


def _elsewhere(before: ReportSource, new: NewSource) -> bool:
    return (before.host, before.port, before.host_key) != (new.host.lower(), new.port, _key(new.host_key))


def _facts(of: NewSource | ReportSource) -> dict[str, Any]:
    return {
        "host": of.host.lower(),
        "port": of.port,
        "username": of.username,
        "folder": of.folder,
        "host_key": _key(of.host_key),
        "enabled": of.enabled,
    }


def _secrets(new: NewSource) -> Mapping[str, str] | None:
    if new.password is not None:
        return {"password": new.password}
    return {"private_key": new.private_key} if new.private_key is not None else None


def _key(text: str) -> str:
    """A public key without whatever stands before or behind it in a file."""
    found = _KEY.search(text[:4_000])
    return found[0] if found else ""


def fingerprint(host_key: str) -> str:
    """As ssh-keygen shows it."""
    digest = hashlib.sha256(base64.b64decode(host_key.split(" ")[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def _check(new: NewSource, merchant_id: UUID) -> None:
    try:
        names.check_sftp(new.host.lower(), new.port, merchant_id)
    except AddressRefused as error:
        raise InvalidInput(f"The server cannot be used: {error}", path=["input", "host"]) from None
    for name, value, most in (("username", new.username, 200), ("folder", new.folder, 500)):
        if not (0 < len(value) <= most and value.isprintable()):
            raise InvalidInput(f"{name} takes 1 to {most} printable characters.", path=["input", name])
    try:
        load_ssh_public_key(_key(new.host_key).encode())
    except Exception:
        said = "`hostKey` is the server's public key as ssh-keyscan prints it: ssh-ed25519, ecdsa or ssh-rsa."
        raise InvalidInput(said, path=["input", "hostKey"]) from None
    if new.password is not None and new.private_key is not None:
        raise InvalidInput("Give a password or a private key, and not both.", path=["input", "privateKey"])
    if new.password is not None and not 0 < len(new.password) <= _PASSWORD_MAX:
        raise InvalidInput(f"A password has 1 to {_PASSWORD_MAX} characters.", path=["input", "password"])
    if new.private_key is not None:
        _check_private(new.private_key)


def _check_private(text: str) -> None:
    path = ["input", "privateKey"]
    try:
        ssh_keys.check_private(text)
    except TooLongKey:
        said = f"An RSA key has at most {RSA_BITS_MAX} bits: make one with ssh-keygen -t ed25519."
        raise InvalidInput(said, path=path) from None
    except UnusableKey:
        said = "`privateKey` is a key in OpenSSH's format, without a passphrase (ssh-keygen -p -m RFC4716 -N '')."
        raise InvalidInput(said, path=path) from None


async def secrets_of(source: ReportSource, key: bytes) -> Mapping[str, str]:
    """`password` or `private_key`, in clear. Raises Unsealable, KeyServiceAway."""
    return await data_keys.unseal(key, source.merchant_id, bytes(source.sealed_secrets), place_of(source.id))


def place_of(source_id: UUID) -> str:
    """What the credentials of a source are sealed for: they open nowhere else."""
    return f"report_sources/{source_id}"


async def begun(source: ReportSource) -> bool:
    """Take a visit in hand. False: it is not due, or somebody else has it."""
    return bool(
        await execute(
            "UPDATE report_sources SET due_at = now() + make_interval(secs => $2::float8) "
            "WHERE id = $1 AND enabled AND due_at <= now()",
            source.id,
            VISIT_SECONDS,
        )
    )


async def waits_for_another(source: ReportSource, connection: Connection) -> bool:
    """Whether nothing is fetched yet: the account is live, and nobody but who chose the server has named it."""
    return connection.state is ConnectionState.ACTIVE and not await _is_named_by_two(source)


async def _is_named_by_two(source: ReportSource) -> bool:
    later: list[Mapping[str, Any]] = []
    for row in await rows(_NAMED, source.merchant_id, str(source.connection_id)):
        if row["moved"]:
            parties = {one["party"] for one in (row, *later) if one["party"] is not None}
            makers = await vouching.behind(parties, row["occurred_at"])
            return any(not _is_same(row, one, makers) for one in later)
        later.append(row)
    return False


def _is_same(one: Mapping[str, Any], other: Mapping[str, Any], makers: Mapping[UUID, Collection[UUID]]) -> bool:
    hands, others = ({row["party"], *makers.get(row["party"], ())} - {None} for row in (one, other))
    return not hands.isdisjoint(others) or same_person(one["actor"], other["actor"])


async def visited(source: ReportSource) -> None:
    """The server was looked through."""
    await execute("UPDATE report_sources SET failures = 0, said = NULL, visited_at = now() WHERE id = $1", source.id)
    await findings.resolve(source.merchant_id, _name(source), _VISITED)


async def failed(source: ReportSource, connection: Connection, why: str) -> None:
    """The server could not be looked through; after some failures in a row a person is called."""
    await execute(
        "UPDATE report_sources SET failures = failures + 1, said = $2, "
        "  due_at = now() + make_interval(secs => $3::float8) WHERE id = $1",
        source.id,
        fit(why),
        _FAILED.delay(source.failures),
    )
    if source.failures + 1 >= _FAILURES_CALL:
        await findings.open_finding(
            Found(
                kind=FindingKind.NIGHT_FAILED,
                merchant_id=source.merchant_id,
                connection_id=source.connection_id,
                fingerprint=_name(source),
                amount=await nothing_at_stake(connection),
                explanation=fit(f"Reports of {connection.name} cannot be fetched from {source.host}: {why}"),
                detail={"host": source.host},
                action=_ACTION,
                again=True,
            )
        )


def _name(source: ReportSource) -> str:
    return f"source/{source.connection_id}"


@dataclass(frozen=True, slots=True)
class Version:
    """A file at the server, as it was when it was fetched."""

    name: str
    size: int
    modified_at: datetime | None


async def remembered(connection_id: UUID, listed: Sequence[str]) -> set[Version]:
    """The versions of these files that were fetched and are done with, or have their turn later."""
    found = await rows(
        "SELECT name, size, modified_at FROM handed_reports WHERE connection_id = $1 AND way = 'SFTP' "
        "  AND name = ANY($2) AND (state <> 'WAITING' OR due_at > now())",
        connection_id,
        list(listed),
    )
    return {Version(row["name"], row["size"], row["modified_at"]) for row in found}
