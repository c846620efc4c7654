"""A merchant's account at a PSE: making one, and opening its credentials for the one who sends."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from domain.models import Connection, Merchant
from domain.money import Money
from domain.platform import secrets
from domain.platform.database import remembered
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
PLAIN_HOSTS: Final = frozenset({"127.0.0.1", "localhost", "sandbox"})


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


async def create(merchant_id: UUID, new: NewConnection, key: bytes) -> Connection:
    """Store a connection with its secrets sealed. Raises UnknownPse, InvalidInput."""
    connector(new.pse)
    for url in (new.base_url, new.token_url, new.report_url):
        if url is not None and not _safe(url):
            raise InvalidInput(f"{url[:80]!r} is not an https address.", path=["input", "baseUrl"])
    connection_id = uuid4()
    return await Connection.create(
        id=connection_id,
        merchant_id=merchant_id,
        pse=new.pse,
        name=new.name,
        base_url=new.base_url.rstrip("/"),
        token_url=new.token_url,
        report_url=new.report_url,
        client_id=new.client_id,
        sealed_secrets=secrets.seal(key, new.secrets, place_of(connection_id)),
        default_store_id=new.default_store_id,
    )


_pses: Final[dict[UUID, str]] = remembered()  # a connection's PSE is for life: its payments and its names are there


async def pse_of(connection_id: UUID) -> str:
    """The PSE that a connection is an account at."""
    if connection_id not in _pses:
        _pses[connection_id] = (await Connection.get(id=connection_id)).pse
    return _pses[connection_id]


def _safe(url: str) -> bool:
    """https, or plain HTTP to this machine and to the sandbox of the compose file."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in PLAIN_HOSTS)


def credentials_of(connection: Connection, key: bytes) -> Credentials:
    """The connection's credentials in clear. Raises Unsealable."""
    return Credentials(
        base_url=connection.base_url,
        client_id=connection.client_id,
        secrets=secrets.unseal(key, bytes(connection.sealed_secrets), place_of(connection.id)),
        token_url=connection.token_url,
    )


async def zone_of(connection: Connection) -> ZoneInfo:
    """The zone of the connection's business dates: its merchant's."""
    return ZoneInfo((await Merchant.get(id=connection.merchant_id)).zone)


async def nothing_at_stake(connection: Connection) -> Money:
    """Zero of what the connection's merchant settles in: the amount of a finding that is about no amount."""
    return Money(0, _CURRENCIES.get((await Merchant.get(id=connection.merchant_id)).country, _OTHERWISE))


async def ids_of(merchant_id: UUID) -> list[UUID]:
    """The merchant's connections."""
    return [row.id for row in await Connection.filter(merchant_id=merchant_id).only("id")]


def place_of(connection_id: UUID) -> str:
    """What the credentials of a connection are sealed for: they open nowhere else."""
    return f"connections/{connection_id}"
