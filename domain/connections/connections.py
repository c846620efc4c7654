"""A merchant's account at a PSE: making one, and opening its credentials for the one who sends."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from tortoise.queryset import QuerySet

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.addresses import names
from domain.addresses.names import AddressRefused
from domain.models import Connection
from domain.models.connections import ConnectionState
from domain.money import Money
from domain.platform import data_keys
from domain.platform.database import execute, remembered, rows, transaction
from domain.platform.secrets import Unsealable
from domain.problems import InvalidInput
from domain.pse.registry import connector
from domain.pse.vocabulary import Credentials

# What a merchant of a country settles in, for what has no amount of its own.
_CURRENCIES: Final[Mapping[str, str]] = {
    "AR": "ARS",
    "BO": "BOB",
    "BR": "BRL",
    "CL": "CLP",
    "CO": "COP",
    "CR": "CRC",
    "DO": "DOP",
    "GT": "GTQ",
    "HN": "HNL",
    "MX": "MXN",
    "NI": "NIO",
    "PA": "PAB",
    "PE": "PEN",
    "PY": "PYG",
    "UY": "UYU",
}
_OTHERWISE: Final = "USD"
# Orders leave in these: for real, and to the PSE's sandbox. While it is suspended, payments are registered and refunds
# asked for all the same: they wait.
SENDING: Final = frozenset({ConnectionState.ACTIVE, ConnectionState.SANDBOX, ConnectionState.CERTIFIED})
TAKING: Final = SENDING | {ConnectionState.SUSPENDED}


@dataclass(frozen=True, slots=True)
class NewConnection:
    """An account at a PSE. `base_url` is host and path prefix; `secrets` are sealed before they are stored."""

    pse: str
    name: str
    base_url: str
    client_id: str
    secrets: Mapping[str, str]
    default_store_id: UUID
    token_url: str | None = None
    report_url: str | None = None


async def create(
    merchant_id: UUID,
    new: NewConnection,
    key: bytes,
    *,
    state: ConnectionState = ConnectionState.ACTIVE,
    connection_id: UUID | None = None,
) -> Connection:
    """Store a connection with its secrets sealed. Raises UnknownPse, InvalidInput."""
    connector(new.pse)
    _check_addresses(merchant_id, new.base_url, new.token_url, new.report_url)
    connection_id = connection_id or uuid4()
    return await Connection.create(
        id=connection_id,
        state=state,
        merchant_id=merchant_id,
        pse=new.pse,
        name=new.name,
        base_url=new.base_url.rstrip("/"),
        token_url=new.token_url,
        report_url=new.report_url,
        client_id=new.client_id,
        sealed_secrets=await data_keys.seal(key, merchant_id, new.secrets, place_of(connection_id)),
        default_store_id=new.default_store_id,
    )


_pses: Final[dict[UUID, str]] = remembered()  # a connection's PSE is for life: its payments and its names are there


async def pse_of(connection_id: UUID) -> str:
    """The PSE that a connection is an account at."""
    if connection_id not in _pses:
        _pses[connection_id] = (await Connection.get(id=connection_id)).pse
    return _pses[connection_id]


def _check_addresses(merchant_id: UUID, *urls: str | None) -> None:
    for url in urls:
        if url is None:
            continue
        try:
            names.check(url, merchant_id)
        except AddressRefused as error:
            said = f"An address of the connection cannot be used: {error}"
            raise InvalidInput(said, path=["input", "fields"]) from None


async def place(connection: Connection, fields: Mapping[str, str]) -> None:
    """Give a connection another account or other addresses (by the names of its PSE's fields). Raises InvalidInput."""
    _check_addresses(connection.merchant_id, *(value for name, value in fields.items() if name.endswith("_url")))
    if fields:
        await Connection.filter(id=connection.id).update(**fields)
        await connection.refresh_from_db()


async def replace_secrets(
    connection: Connection, new: Mapping[str, str], old_valid_until: datetime | None, key: bytes
) -> None:
    """Give the connection all of its new secrets: what is sent from now on is signed with them.

    Webhooks that are signed with the old ones are believed until `old_valid_until` (None: no longer). Of several
    replacements the last one's old secrets count. Old ones that do not open are let go. Raises InvalidInput for an end
    that is past or has no zone, Unsealable and KeyServiceAway when the merchant's key does not open.
    """
    if old_valid_until is not None and (old_valid_until.tzinfo is None or old_valid_until <= datetime.now(UTC)):
        raise InvalidInput("The old secrets' end is a moment to come, with its zone.", path=["input", "oldValidUntil"])
    await data_keys.current(key, connection.merchant_id)  # before the transaction, so that it is remembered
    async with transaction():
        row = await Connection.filter(id=connection.id).select_for_update(no_key=True).get()
        old = await _as_old(row, key) if old_valid_until is not None else None
        sealed = await data_keys.seal(key, row.merchant_id, new, place_of(row.id))
        await Connection.filter(id=row.id).update(
            sealed_secrets=sealed, old_sealed_secrets=old, old_valid_until=old_valid_until if old else None
        )
    await connection.refresh_from_db()


async def _as_old(row: Connection, key: bytes) -> bytes | None:
    try:
        secrets = (await credentials_of(row, key)).secrets
    except Unsealable:
        return None
    return await data_keys.seal(key, row.merchant_id, secrets, old_place_of(row.id))


async def forget_old_secrets() -> int:
    """Take away those whose time is over; how many connections had some."""
    return await execute(
        "UPDATE connections SET old_sealed_secrets = NULL, old_valid_until = NULL WHERE old_valid_until <= now()"
    )


async def credentials_of(connection: Connection, key: bytes) -> Credentials:
    """The connection's credentials in clear. Raises Unsealable and KeyServiceAway."""
    sealed = bytes(connection.sealed_secrets)
    return _credentials(
        connection, await data_keys.unseal(key, connection.merchant_id, sealed, place_of(connection.id))
    )


async def credentials_believed(connection: Connection, key: bytes) -> AsyncIterator[Credentials]:
    """Those that a webhook may be signed with: today's, and the ones before until their time is over.

    Raises Unsealable and KeyServiceAway, after those that open.
    """
    lost: Unsealable | None = None
    try:
        yield await credentials_of(connection, key)
    except Unsealable as error:
        lost = error
    old, until = connection.old_sealed_secrets, connection.old_valid_until
    if old is not None and until is not None and datetime.now(UTC) < until:
        secrets = await data_keys.unseal(key, connection.merchant_id, bytes(old), old_place_of(connection.id))
        yield _credentials(connection, secrets)
    if lost is not None:
        raise lost


def _credentials(connection: Connection, secrets: Mapping[str, str]) -> Credentials:
    return Credentials(
        base_url=connection.base_url,
        client_id=connection.client_id,
        secrets=secrets,
        token_url=connection.token_url,
    )


async def zone_of(connection: Connection) -> ZoneInfo:
    """The zone of the connection's business dates: its merchant's."""
    return ZoneInfo(await _of_merchant("zone", connection))


async def nothing_at_stake(connection: Connection) -> Money:
    """Zero of what the connection's merchant settles in: the amount of a finding that is about no amount."""
    return Money(0, _CURRENCIES.get(await _of_merchant("country", connection), _OTHERWISE))


async def _of_merchant(column: str, connection: Connection) -> str:
    (row,) = await rows(f"SELECT {column} FROM merchants WHERE id = $1", connection.merchant_id)  # noqa: S608 - ours
    told: str = row[column]
    return told


def readable(principal: Principal) -> QuerySet[Connection]:
    """The connections of the merchant, for whoever may read. Raises Forbidden."""
    return Connection.filter(merchant_id=principal.scope(Permission.READ).merchant_id)


async def ids_of(merchant_id: UUID, pses: Sequence[str] | None = None) -> list[UUID]:
    """The merchant's connections; of these PSEs alone, if any are named."""
    found = Connection.filter(merchant_id=merchant_id)
    return [row.id for row in await (found if pses is None else found.filter(pse__in=pses)).only("id")]


def place_of(connection_id: UUID) -> str:
    """What the credentials of a connection are sealed for: they open nowhere else."""
    return f"connections/{connection_id}"


def old_place_of(connection_id: UUID) -> str:
    """The same, of the credentials before."""
    return f"connections/{connection_id}/old"
