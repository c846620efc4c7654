"""The key that seals what is a merchant's: made at its first use, kept wrapped, and remembered in clear for a while.

A value names the key that sealed it. Opening one whose key is remembered asks nobody; each process unwraps a key once
in an hour. Which key seals is looked up again every half minute, so that a rotation is known to all soon.

Digests have a key of their own, which is wrapped as the others and never rotated: equal values must stay equal. It has
the value that ESTORNO_SECRET_KEY gave it until there were data keys, so what was digested before is found.
"""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final
from uuid import UUID, uuid4

from domain.platform import secrets
from domain.platform.database import execute, for_all, in_a_transaction, remembered, rows
from domain.platform.kms import AwsKms
from domain.platform.secrets import SealingKey, Unsealable
from domain.platform.settings import Settings
from domain.platform.wrapping import Local, SealContext, Wrapper

CURRENT_SECONDS: Final = 30.0
KEPT_SECONDS: Final = 3600.0
_BYTES: Final = 32
_COLUMNS: Final = "id, merchant_id, version, wrapped, kek, retired_at"
_CURRENT: Final = (
    f"SELECT {_COLUMNS} FROM data_keys WHERE merchant_id IS NOT DISTINCT FROM $1::uuid AND retired_at IS NULL "  # noqa: S608
    "ORDER BY version DESC LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Others:
    """Besides the secret key that each call brings: who else wraps, or has wrapped until now."""

    kms: Wrapper | None = None
    old: tuple[Wrapper, ...] = ()
    old_secret: bytes = field(default=b"", repr=False)


_others = Others()


def configure(settings: Settings) -> None:
    """Say once in a process who wraps its keys; left out, ESTORNO_SECRET_KEY alone does."""
    global _others
    kms = AwsKms(settings.kms_key, settings.kms_url) if settings.kms_key else None
    old: list[Wrapper] = [Local(settings.old_secret_key)] if settings.old_secret_key else []
    old += [AwsKms(settings.old_kms_key, settings.kms_url)] if settings.old_kms_key else []
    _others = Others(kms, tuple(old), settings.old_secret_key)


def wrapper(secret: bytes) -> Wrapper:
    """Who wraps keys from now on."""
    return _others.kms or _local(secret)


@lru_cache(maxsize=8)
def _local(secret: bytes) -> Local:
    return Local(secret)


def _who_wrapped(name: str, secret: bytes) -> Wrapper:
    """Only those that we were told of: a row cannot name a key service of its own. Raises Unsealable."""
    ours = [wrapper(secret), _local(secret), *_others.old]
    for one in ours:
        if one.name == name:
            return one
    said = "set the right ESTORNO_SECRET_KEY (or ESTORNO_KMS_KEY; or, while it is replaced, ESTORNO_OLD_SECRET_KEY)"
    raise Unsealable(f"Wrapped by {name}, and we have {', '.join(sorted({one.name for one in ours}))}: {said}.")


@dataclass(frozen=True, slots=True)
class _Kept:
    key: SealingKey
    until: float  # of time.monotonic()


# By the secret key's name too: a process may have several in tests, and none may open with another's.
_opened: Final[dict[tuple[str, UUID], _Kept]] = remembered()
_current: Final[dict[tuple[str, UUID], _Kept]] = remembered()
_digesting: Final[dict[str, SealingKey]] = remembered()


async def seal(secret: bytes, merchant_id: UUID, values: Mapping[str, str], place: str) -> bytes:
    """Encrypt a merchant's `values` for one place. Raises Unsealable and KeyServiceAway when its key does not open."""
    return secrets.seal_with(await current(secret, merchant_id), values, place)


async def unseal(secret: bytes, merchant_id: UUID, sealed: bytes, place: str) -> dict[str, str]:
    """What was sealed for this merchant and place, in any version. Raises Unsealable and KeyServiceAway."""
    key_id = secrets.key_of(sealed)
    if key_id is not None:
        return secrets.unseal_with(await _key(secret, merchant_id, key_id), sealed, place)
    try:
        return secrets.unseal(secret, sealed, place)
    except Unsealable:
        if not _others.old_secret:
            raise
        return secrets.unseal(_others.old_secret, sealed, place)


async def digest(secret: bytes, text: str) -> str:
    """A keyed hash (hex) that finds equal values without keeping them. Raises as `seal`, for the key of digests."""
    name = _local(secret).name
    key = _digesting.get(name)
    if key is None:
        key = await _find_or_make(secret, None)
        if not in_a_transaction():
            _digesting[name] = key
    return secrets.keyed_digest(key.key, text)


async def current(secret: bytes, merchant_id: UUID) -> SealingKey:
    """The key that seals what is the merchant's. Ask before a transaction: what is read in one is not remembered."""
    mine = _local(secret).name, merchant_id
    kept = _current.get(mine)
    if kept is None or kept.until < time.monotonic():
        kept = _Kept(await _find_or_make(secret, merchant_id), time.monotonic() + CURRENT_SECONDS)
        if not in_a_transaction():
            _current[mine] = kept
    return kept.key


async def _key(secret: bytes, merchant_id: UUID, key_id: UUID) -> SealingKey:
    kept = _opened.get((_local(secret).name, key_id))
    if kept is None or kept.until < time.monotonic() or kept.key.merchant_id != merchant_id:
        found = await rows(f"SELECT {_COLUMNS} FROM data_keys WHERE id = $1 AND merchant_id = $2", key_id, merchant_id)  # noqa: S608
        if not found:
            raise Unsealable("It is sealed with a key that is not its merchant's.")
        if found[0]["retired_at"] is not None:
            raise Unsealable(f"It is sealed with the merchant's key {found[0]['version']}, which was retired.")
        return await opened(secret, found[0])
    return kept.key


async def newest(secret: bytes, merchant_id: UUID) -> SealingKey:
    """The key that seals from now on, whatever is remembered. Raises Unsealable and KeyServiceAway."""
    return await _find_or_make(secret, merchant_id)


async def _find_or_make(secret: bytes, merchant_id: UUID | None) -> SealingKey:
    if merchant_id is None:
        with for_all("the key of digests is the installation's"):
            return await _found_or_made(secret, None)
    return await _found_or_made(secret, merchant_id)


async def _found_or_made(secret: bytes, merchant_id: UUID | None) -> SealingKey:
    found = await rows(_CURRENT, merchant_id)
    if not found:
        await make(secret, merchant_id, 1)
        found = await rows(_CURRENT, merchant_id)  # ours, or another process's that came first
    if not found:
        raise Unsealable("All keys of the merchant were retired: `estorno keys rotate` makes a new one.")
    return await opened(secret, found[0])


async def make(secret: bytes, merchant_id: UUID | None, version: int) -> None:
    """Add this version of a merchant's key, unless another process just has."""
    key_id, by = uuid4(), wrapper(secret)
    key = os.urandom(_BYTES) if merchant_id else secrets.derived(_others.old_secret or secret, "digest")
    await execute(
        "INSERT INTO data_keys (id, merchant_id, version, wrapped, kek, created_at) VALUES ($1, $2, $3, $4, $5, now()) "
        "ON CONFLICT DO NOTHING",
        key_id,
        merchant_id,
        version,
        await by.wrap(key, _context(key_id, merchant_id)),
        by.name,
    )


async def opened(secret: bytes, row: Mapping[str, Any]) -> SealingKey:
    """The key of a row of `data_keys` in clear. Raises Unsealable and KeyServiceAway."""
    mine = _local(secret).name, row["id"]
    kept = _opened.get(mine)
    if kept is not None and kept.until >= time.monotonic() and kept.key.merchant_id == row["merchant_id"]:
        return kept.key
    made = SealingKey(row["id"], row["merchant_id"], await unwrapped(secret, row))
    if not in_a_transaction():
        _opened[mine] = _Kept(made, time.monotonic() + KEPT_SECONDS)
    return made


async def unwrapped(secret: bytes, row: Mapping[str, Any]) -> bytes:
    """What the row has wrapped, whatever is remembered. Raises Unsealable and KeyServiceAway."""
    context = _context(row["id"], row["merchant_id"])
    return await _who_wrapped(row["kek"], secret).unwrap(bytes(row["wrapped"]), context)


async def wrap_anew(secret: bytes, row: Mapping[str, Any]) -> None:
    """Have today's key-encryption key wrap what an earlier one has wrapped. Raises Unsealable and KeyServiceAway."""
    by = wrapper(secret)
    wrapped = await by.wrap(await unwrapped(secret, row), _context(row["id"], row["merchant_id"]))
    await execute(
        "UPDATE data_keys SET wrapped = $2, kek = $3 WHERE id = $1 AND kek = $4",
        row["id"],
        wrapped,
        by.name,
        row["kek"],
    )


def _context(key_id: UUID, merchant_id: UUID | None) -> SealContext:
    return {"data_key": str(key_id), "merchant": str(merchant_id or "")}
