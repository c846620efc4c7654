"""Whether our keys open what is sealed: tried when a process starts, and by `estorno check`.

A key that is wrong stops the start. Else each refund would find it out for itself, and new secrets would be sealed with
it beside the old ones.
"""

import asyncio
import sys
from collections.abc import Sequence
from uuid import UUID

from domain.addresses import names
from domain.keys.places import SEALED
from domain.platform import data_keys, secrets
from domain.platform.database import DatabaseError, connected, rows
from domain.platform.secrets import Unsealable
from domain.platform.settings import Settings
from domain.platform.wrapping import KeyServiceAway


class WrongKey(RuntimeError):
    """ESTORNO_SECRET_KEY, or the key service, does not open what this database holds."""


async def try_key(secret: bytes) -> None:
    """Raises WrongKey, which says what to set. The first time, the key of digests is made, to be tried later."""
    try:
        if (told := await _told_by_the_digests_key(secret)) is not None:
            raise WrongKey(told)
    except KeyServiceAway as error:
        raise WrongKey(f"The keys of this database cannot be tried: {error}.") from error


def or_stop(settings: Settings) -> None:
    """For a program, before it begins: say who wraps keys and where it may send to.

    Ends it with one sentence if our key does not open what is sealed.
    """
    data_keys.configure(settings)
    names.open_places(settings.private_hosts)

    async def try_it() -> None:
        async with connected(settings.database_url, pool_max=1, all_because="our keys are tried"):
            await try_key(settings.secret_key)

    try:
        asyncio.run(try_it())
    except (WrongKey, DatabaseError) as error:
        sys.exit(f"estorno: {error}")


async def _told_by_the_digests_key(secret: bytes) -> str | None:
    """What is wrong with the key of digests, which is ours alone; None: it opens."""
    found = await rows("SELECT * FROM data_keys WHERE merchant_id IS NULL AND retired_at IS NULL")
    if not found and (told := await _told_by_what_is_older(secret)) is not None:
        return told
    try:
        await (data_keys.unwrapped(secret, found[0]) if found else data_keys.make(secret, None, 1))
    except Unsealable as error:
        return f"The secret key does not open this database: {error}"
    return None


async def _told_by_what_is_older(secret: bytes) -> str | None:
    """There are no data keys yet, but there may be what an earlier version has sealed with the secret key itself."""
    for one in SEALED:
        for row in await rows(f"{one.select} WHERE {one.column} IS NOT NULL ORDER BY id LIMIT 1"):
            try:
                await data_keys.unseal(secret, row["merchant_id"], bytes(row["sealed"]), one.place(row))
            except Unsealable:
                return (
                    f"ESTORNO_SECRET_KEY does not open what the table {one.table} has sealed: set the one that this "
                    "database was used with until now."
                )
    return None


async def wrong(secret: bytes) -> Sequence[tuple[str, str]]:
    """All that does not open, as name and detail: keys, connections' secrets, what no key of its merchant's sealed."""
    found: list[tuple[str, str]] = []
    try:
        if (told := await _told_by_the_digests_key(secret)) is not None:
            return [("keys: ESTORNO_SECRET_KEY opens this database", told)]
        for row in await rows("SELECT * FROM data_keys WHERE merchant_id IS NOT NULL AND retired_at IS NULL"):
            found += await _wrong_key(secret, row)
    except KeyServiceAway as error:
        return [("keys: the key service answers", str(error))]
    found += await _wrong_secrets(secret)
    return found + await _of_no_key()


async def _wrong_key(secret: bytes, row: dict[str, object]) -> list[tuple[str, str]]:
    try:
        await data_keys.unwrapped(secret, row)
    except Unsealable as error:
        named = f"version {row['version']} of merchant {row['merchant_id']}"
        return [("keys: each merchant's key opens", f"{named}: {error}")]
    return []


async def _wrong_secrets(secret: bytes) -> list[tuple[str, str]]:
    found = []
    for one in (one for one in SEALED if one.table == "connections"):
        for row in await rows(f"{one.select} WHERE {one.column} IS NOT NULL ORDER BY id"):
            try:
                await data_keys.unseal(secret, row["merchant_id"], bytes(row["sealed"]), one.place(row))
            except Unsealable as error:
                found.append(("keys: each connection's secrets open", f"connection {row['id']}: {error}"))
    return found


async def _of_no_key() -> list[tuple[str, str]]:
    """How many values of each table name a key that is not their merchant's, or was retired."""
    found = []
    for one in SEALED:
        (row,) = await rows(
            f"SELECT count(*) AS n, min(t.id::text) AS first FROM {one.table} t "  # noqa: S608 - ours
            f"WHERE substr(t.{one.column}, 1, 1) = $1::bytea AND NOT EXISTS (SELECT 1 FROM data_keys k "
            f"  WHERE k.merchant_id = t.merchant_id AND k.retired_at IS NULL "
            f"  AND substr(t.{one.column}, 2, 16) = uuid_send(k.id))",
            secrets.OF_A_DATA_KEY,
        )
        if row["n"]:
            name = "keys: what is sealed is sealed with a key of its merchant's"
            found.append((name, f"{row['n']} of {one.table}.{one.column}, such as {row['first']}"))
    return found


async def listed(merchant_id: UUID | None = None) -> Sequence[dict[str, object]]:
    """The keys as they stand, without what they hold: whose, version, wrapped by whom, since when, until when."""
    return await rows(
        "SELECT k.id, m.name AS merchant, k.version, k.kek, k.created_at, k.retired_at FROM data_keys k "
        "LEFT JOIN merchants m ON m.id = k.merchant_id WHERE $1::uuid IS NULL OR k.merchant_id = $1 "
        "ORDER BY m.name NULLS FIRST, k.merchant_id, k.version",
        merchant_id,
    )
