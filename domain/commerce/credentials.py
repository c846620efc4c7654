"""The credentials of shops, opened for whoever speaks to them, and the keys that shops publish."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from domain.commerce.vocabulary import ShopAccess
from domain.models import Shop
from domain.platform import data_keys
from domain.platform.database import execute
from domain.platform.secrets import Unsealable

_PEM_MAX: Final = 4_000
_KEYS_MAX: Final = 7
_KEYS_AGE: Final = timedelta(hours=24)


async def access_of(shop: Shop, secret: bytes) -> ShopAccess:
    """The shop's address and credentials, opened. Raises Unsealable and KeyServiceAway."""
    return _access(shop, await opened(shop, secret))


async def opened(shop: Shop, secret: bytes) -> Mapping[str, str]:
    """Its credentials in clear. Raises Unsealable and KeyServiceAway."""
    return await data_keys.unseal(secret, shop.merchant_id, bytes(shop.sealed_secrets), place_of(shop.id))


async def accesses_believed(shop: Shop, secret: bytes) -> AsyncIterator[ShopAccess]:
    """Those that a webhook may be signed with: today's, and the ones before until their time is over.

    Raises Unsealable and KeyServiceAway, after those that open.
    """
    lost: Unsealable | None = None
    try:
        yield await access_of(shop, secret)
    except Unsealable as error:
        lost = error
    old, until = shop.old_sealed_secrets, shop.old_valid_until
    if old is not None and until is not None and datetime.now(UTC) < until:
        yield _access(shop, await data_keys.unseal(secret, shop.merchant_id, bytes(old), old_place_of(shop.id)))
    if lost is not None:
        raise lost


def _access(shop: Shop, secrets: Mapping[str, str]) -> ShopAccess:
    return ShopAccess(shop.id, shop.address, secrets, shop.options, _fresh_keys(shop))


async def forget_old_secrets() -> int:
    """Take away those whose time is over; how many shops had some."""
    return await execute(
        "UPDATE shops SET old_sealed_secrets = NULL, old_valid_until = NULL WHERE old_valid_until <= now()"
    )


async def keep_key(shop: Shop, path: str, pem: str | None) -> None:
    """Keep a published key (None: there is none there). Keys that are older than a day are fetched anew."""
    kept, since = _fresh_keys(shop), shop.keys_read_at
    if not kept:
        since = datetime.now(UTC)  # of the first of them: no key lives longer by another one's coming
    if pem is not None and len(pem) <= _PEM_MAX and pem.startswith("-----BEGIN PUBLIC KEY-----"):
        kept = {**dict(list(kept.items())[-_KEYS_MAX:]), path: pem}
    await Shop.filter(id=shop.id).update(public_keys=dict(kept), keys_read_at=since, wanted_key=None)


def _fresh_keys(shop: Shop) -> Mapping[str, str]:
    """Those that were fetched lately: a key that was taken back is not believed for more than a day."""
    read_at = shop.keys_read_at
    return shop.public_keys if read_at is not None and read_at > datetime.now(UTC) - _KEYS_AGE else {}


def place_of(shop_id: UUID) -> str:
    """What the credentials of a shop are sealed for: they open nowhere else."""
    return f"shops/{shop_id}"


def old_place_of(shop_id: UUID) -> str:
    """The same, of the credentials before."""
    return f"shops/{shop_id}/old"
