"""An endpoint's address, secrets and options: sealed for its row, and opened for the one who sends."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from domain.deliveries.channels.channel import Address
from domain.models import Endpoint
from domain.platform import data_keys
from domain.platform.secrets import Unsealable

_URL: Final = "url"
_SECRET: Final = "secret"  # noqa: S105 - a name
_OPTION: Final = "option."


def values_of(url: str, secret: str | None, options: Mapping[str, str]) -> dict[str, str]:
    """What is sealed of an endpoint: all of it, for of many channels the address is the password."""
    made = {_URL: url, **{f"{_OPTION}{name}": value for name, value in options.items()}}
    return made if secret is None else {**made, _SECRET: secret}


async def address_of(endpoint: Endpoint, key: bytes) -> Address:
    """Where the endpoint is and what is signed with, the newest first. Raises Unsealable, KeyServiceAway."""
    merchant_id = endpoint.merchant_id
    if endpoint.sealed_secrets is None:
        raise Unsealable("The endpoint was deleted, and its address with it.")
    values = await data_keys.unseal(key, merchant_id, bytes(endpoint.sealed_secrets), place_of(endpoint.id))
    secrets = [values[_SECRET]] if _SECRET in values else []
    if endpoint.old_sealed_secrets is not None and (until := endpoint.old_valid_until) and until > datetime.now(UTC):
        try:
            place = old_place_of(endpoint.id)
            old = await data_keys.unseal(key, merchant_id, bytes(endpoint.old_sealed_secrets), place)
            secrets += [old[_SECRET]] if _SECRET in old else []
        except Unsealable:
            pass  # the one that counts opens
    options = {name.removeprefix(_OPTION): value for name, value in values.items() if name.startswith(_OPTION)}
    return Address(values[_URL], tuple(secrets), options)


def place_of(endpoint_id: UUID) -> str:
    """What the secrets of an endpoint are sealed for: they open nowhere else."""
    return f"endpoints/{endpoint_id}"


def old_place_of(endpoint_id: UUID) -> str:
    """The same, of those before."""
    return f"endpoints/{endpoint_id}/old"
