"""New keys while everything runs: what is sealed is sealed again under them, in small batches, and old keys retire.

It may be stopped and begun again at any point: what is sealed names its key, so what is left to do is always seen.
A process may seal with the key before for as long as it remembers it, so an old key retires only when all have
forgotten it and nothing that is sealed names it.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from domain.cause import WORKER, Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.keys.places import SEALED, Sealed
from domain.platform import data_keys, secrets
from domain.platform.database import execute, rows, transaction
from domain.platform.secrets import SealingKey

AT_ONCE: Final = 200
# Until all have looked up the new key, and a transaction that had looked before has ended (database.Patience).
SETTLE_SECONDS: Final = data_keys.CURRENT_SECONDS + 90.0
_PASSES_MAX: Final = 20
_PAUSE_SECONDS: Final = 0.5
_OURSELVES: Final = Cause("keys-rotate", WORKER)
Telling = Callable[[str, int], None]  # what is done now, and how many more values are sealed anew


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a rotation did: keys that were made, values sealed anew, keys wrapped anew, keys retired.

    `in_use`: how many merchants have an old key still, because somebody held what it seals.
    """

    made: int
    sealed: int
    wrapped: int
    retired: int
    in_use: int = 0


async def rotate(
    secret: bytes,
    merchant_id: UUID | None = None,
    *,
    only_wrap: bool = False,
    told: Telling = lambda what, more: None,
    settle_seconds: float | None = None,
    cause: Cause = _OURSELVES,
) -> Rotated:
    """A new key for this merchant, or for each (`only_wrap`: none, but each is wrapped by today's key-encryption key).

    What is sealed with an earlier key, or with the secret key itself, is sealed with the newest. Raises Unsealable for
    what does not open (`estorno check` lists it) and KeyServiceAway; what was done until then stays done.
    """
    merchants = [merchant_id] if merchant_id else await _merchants()
    made = 0 if only_wrap else await _make(secret, merchants, cause)
    wrapped = await _wrap(secret, merchant_id)
    sealed = await _reseal_all(secret, merchants, told)
    retired = 0
    if await _superseded(merchants):
        await _settle(merchants, SETTLE_SECONDS if settle_seconds is None else settle_seconds, told)
        sealed += await _reseal_all(secret, merchants, told)
        retired = await _retire(merchants)
    return Rotated(made, sealed, wrapped, retired, len(await _superseded(merchants)))


async def _merchants() -> list[UUID]:
    return [row["id"] for row in await rows("SELECT id FROM merchants ORDER BY id")]


async def _make(secret: bytes, merchants: Sequence[UUID], cause: Cause) -> int:
    """A new version each, but for those whose last rotation was not brought to its end: that one goes on."""
    unended = await _superseded(merchants)
    made = 0
    for merchant_id in merchants:
        if merchant_id not in unended:
            (row,) = await rows(
                "SELECT coalesce(max(version), 0) + 1 AS next FROM data_keys WHERE merchant_id = $1", merchant_id
            )
            await data_keys.make(secret, merchant_id, row["next"])
            what = {"version": [row["next"] - 1, row["next"]]}
            await deeds.note(merchant_id, "keysRotate", Of("data key", str(row["next"])), cause, what)
            made += 1
    return made


_OLDER: Final = (
    "FROM data_keys k WHERE k.merchant_id = ANY($1::uuid[]) AND k.retired_at IS NULL AND EXISTS (SELECT 1 "
    "  FROM data_keys n WHERE n.merchant_id = k.merchant_id AND n.version > k.version AND n.retired_at IS NULL)"
)


async def _superseded(merchants: Sequence[UUID]) -> set[UUID]:
    """Those who have a key that is not their newest, and not retired."""
    return {row["merchant_id"] for row in await rows(f"SELECT DISTINCT k.merchant_id {_OLDER}", list(merchants))}


async def _wrap(secret: bytes, merchant_id: UUID | None) -> int:
    found = await rows(
        "SELECT * FROM data_keys WHERE kek <> $1 AND retired_at IS NULL AND ($2::uuid IS NULL OR merchant_id = $2) "
        "ORDER BY id",
        data_keys.wrapper(secret).name,
        merchant_id,
    )
    for row in found:
        await data_keys.wrap_anew(secret, row)
    return len(found)


async def _reseal_all(secret: bytes, merchants: Sequence[UUID], told: Telling) -> int:
    """Seal under the newest keys what is not; again, as long as others hold some of it."""
    keys = {one: await data_keys.newest(secret, one) for one in await _owners(merchants)}
    done = 0
    for one in SEALED:
        for _ in range(_PASSES_MAX):
            changed, left = await _pass(secret, merchants, one, keys, told)
            done += changed
            if not left:
                break
            await asyncio.sleep(_PAUSE_SECONDS)
    return done


async def _owners(merchants: Sequence[UUID]) -> list[UUID]:
    found = await rows(
        "SELECT DISTINCT merchant_id FROM data_keys WHERE merchant_id = ANY($1::uuid[])", list(merchants)
    )
    return [row["merchant_id"] for row in found]


_OLD: Final = (
    "{select} WHERE merchant_id = ANY($1::uuid[]) AND id > $2 AND {column} IS NOT NULL "
    "AND substr({column}, 1, 17) <> ALL($3::bytea[]) ORDER BY id LIMIT $4"
)


async def _pass(
    secret: bytes, merchants: Sequence[UUID], one: Sealed, keys: dict[UUID, SealingKey], told: Telling
) -> tuple[int, int]:
    """Through the whole table once, in the order of ids: how many were sealed anew, and how many others held."""
    done, left, after = 0, 0, UUID(int=0)
    statement = _OLD.format(select=one.select, column=one.column)
    while batch := await rows(statement, list(merchants), after, _heads(keys), AT_ONCE):
        for merchant_id in {row["merchant_id"] for row in batch} - keys.keys():
            keys[merchant_id] = await data_keys.newest(secret, merchant_id)  # it has sealed without a key until now
        changed = await _reseal(secret, one, [row["id"] for row in batch], keys)
        done, left, after = done + changed, left + len(batch) - changed, batch[-1]["id"]
        told(f"{one.table}.{one.column}", changed)
    return done, left


def _heads(keys: Mapping[UUID, SealingKey]) -> list[bytes]:
    return [secrets.prefix_of(key.id) for key in keys.values()]


async def _reseal(secret: bytes, one: Sealed, ids: Sequence[UUID], keys: Mapping[UUID, SealingKey]) -> int:
    """What nobody holds is sealed anew; what somebody changes meanwhile comes in the next pass."""
    async with transaction():
        held = await rows(
            f"{one.select} WHERE id = ANY($1::uuid[]) AND {one.column} IS NOT NULL "
            f"AND substr({one.column}, 1, 17) <> ALL($2::bytea[]) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED",
            list(ids),
            _heads(keys),
        )
        await execute(
            f"UPDATE {one.table} t SET {one.column} = n.sealed FROM unnest($1::uuid[], $2::bytea[]) AS n(id, sealed) "  # noqa: S608
            "WHERE t.id = n.id",
            [row["id"] for row in held],
            [await _anew(secret, keys[row["merchant_id"]], one, row) for row in held],
        )
    return len(held)


async def _anew(secret: bytes, key: SealingKey, one: Sealed, row: Mapping[str, Any]) -> bytes:
    place = one.place(row)
    values = await data_keys.unseal(secret, row["merchant_id"], bytes(row["sealed"]), place)
    return secrets.seal_with(key, values, place)


async def to_seal(merchant_id: UUID | None = None) -> int:
    """How many values a rotation seals anew."""
    counts = [
        await rows(
            f"SELECT count({one.column}) AS n FROM {one.table} WHERE $1::uuid IS NULL OR merchant_id = $1",  # noqa: S608
            merchant_id,
        )
        for one in SEALED
    ]
    return sum(row["n"] for (row,) in counts)


async def _settle(merchants: Sequence[UUID], seconds: float, told: Telling) -> None:
    """Wait until the newest key is older than what any process remembers."""
    (row,) = await rows(
        "SELECT extract(epoch FROM max(created_at) + make_interval(secs => $2::float8) - now())::float8 AS left "
        "FROM data_keys WHERE merchant_id = ANY($1::uuid[]) AND retired_at IS NULL",
        list(merchants),
        seconds,
    )
    if row["left"] > 0:
        told(f"waiting {row['left']:.0f} s until no process seals with an old key", 0)
        await asyncio.sleep(row["left"])


async def _retire(merchants: Sequence[UUID]) -> int:
    older = {secrets.prefix_of(row["id"]): row["id"] for row in await rows(f"SELECT k.id {_OLDER}", list(merchants))}
    for one in SEALED:
        head = f"substr({one.column}, 1, 17)"
        used = f"SELECT DISTINCT {head} AS head FROM {one.table} WHERE {head} = ANY($1::bytea[])"  # noqa: S608 - ours
        for row in await rows(used, list(older)):
            older.pop(bytes(row["head"]))  # a row was held all the time: the next rotation goes on with it
    return await execute(
        "UPDATE data_keys SET retired_at = now() WHERE id = ANY($1::uuid[]) AND retired_at IS NULL",
        list(older.values()),
    )
