"""The hand behind Estorno's own sandbox, where a connection is one to it; and a webhook that somebody else sends."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from domain.addresses import names
from domain.addresses.names import AddressRefused
from domain.models import Connection

_SECONDS_MAX: Final = 10.0


@dataclass(frozen=True, slots=True)
class Hand:
    """What a person could do at the PSE of a sandbox. `account`: as the sandbox tells of it (method, currency)."""

    origin: str
    pse: str
    account: Mapping[str, Any]

    async def post(self, what: str, **body: Any) -> dict[str, Any]:
        """Do something there; what it answers. Raises httpx.HTTPError."""
        async with httpx.AsyncClient(timeout=_SECONDS_MAX) as client:
            answer = await client.post(f"{self.origin}/_admin/{self.pse}/{what}", json=body)
            answer.raise_for_status()
            told: dict[str, Any] = answer.json()
            return told

    async def paid(self, payment: str) -> int:
        """What has left for a payment by its refunds, in minor units, by the sandbox's own books."""
        async with httpx.AsyncClient(timeout=_SECONDS_MAX) as client:
            answer = await client.get(f"{self.origin}/_admin/{self.pse}/log")
        moved = [row for row in answer.json()["movements"] if row["payment"] == payment and row["kind"] == "REFUND"]
        return sum(row["amount"] for row in moved)


async def hand_of(connection: Connection) -> Hand | None:
    """The hand behind the connection's PSE; None where it is no sandbox of ours."""
    try:
        _, (host, port) = names.place_of(connection.base_url)
    except AddressRefused:
        return None
    if not names.is_open(host, port, connection.merchant_id):
        return None
    place = urlsplit(connection.base_url)
    origin = f"{place.scheme}://{place.netloc}"
    try:
        async with httpx.AsyncClient(timeout=_SECONDS_MAX) as client:
            accounts = (await client.get(f"{origin}/_admin/accounts")).json()
    except (httpx.HTTPError, ValueError):
        return None
    account = accounts.get(connection.pse) if isinstance(accounts, dict) else None
    return Hand(origin, connection.pse, account) if isinstance(account, dict) else None


async def call(url: str, body: bytes, headers: Mapping[str, str]) -> int | str:
    """Post a webhook as a stranger would; the status of the answer, or why there was none."""
    try:
        async with httpx.AsyncClient(timeout=_SECONDS_MAX) as client:
            return (await client.post(url, content=body, headers=dict(headers))).status_code
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return f"{type(error).__name__}: {error}"[:200]
