"""Filling a database with a made-up year, as its owner and in one transaction: all of it is there, or nothing."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any, Final
from uuid import UUID

import asyncpg

from domain.connections.connections import place_of
from domain.history import seals
from domain.platform import secrets
from jobs.synth import lives, schema
from jobs.synth.text import COLUMNS, ZONE, RowWriter, TextPlace

_AT_ONCE: Final = 5_000  # payments to a COPY
_SEALS_AT_ONCE: Final = 20_000
_SEALED: Final = ("event_seals", "merchant_id position event_id hash")


class SynthError(RuntimeError):
    """The database is not one to be filled; the message says why."""


@dataclass(frozen=True, slots=True)
class WantedRefunds:
    """So many refunds at so many merchants, over the year that ends at `until` (UTC); the same for the same `seed`."""

    refunds: int
    merchants: int
    until: datetime
    seed: int = 1


async def fill(
    owner_url: str, wanted: WantedRefunds, key: bytes, told: Callable[[int], None] = lambda made: None
) -> None:
    """Fill the database; `told` hears how many refunds are in it. `key` seals the credentials, which open nothing.

    Raises SynthError for a database that is anybody's: one that holds a merchant.
    """
    owner = await asyncpg.connect(owner_url)
    try:
        async with owner.transaction():
            await _refuse(owner)
            await owner.execute("SET LOCAL maintenance_work_mem = '256MB'")
            places = await _places(owner, wanted, key)
            async with schema.bare(owner, (*COLUMNS, _SEALED[0])):
                await _copy(owner, RowWriter(places, wanted.until, wanted.seed), wanted, told)
                await _seal(owner)
        # Outside of a transaction; without it the first readers would do this work one page at a time.
        for table in (*COLUMNS, _SEALED[0]):
            await owner.execute(f"VACUUM ANALYZE {table}")
    finally:
        await owner.close()


async def _refuse(owner: Any) -> None:
    await owner.execute("LOCK TABLE merchants, refunds, payments, connections IN ACCESS EXCLUSIVE MODE")
    if name := await owner.fetchval("SELECT name FROM merchants LIMIT 1"):  # whatever else there is belongs to one
        raise SynthError(f"This database holds a merchant ({name}); fill an empty one (`estorno migrate` makes it).")


async def _places(owner: Any, wanted: WantedRefunds, key: bytes) -> list[TextPlace]:
    chance = Random(wanted.seed + 2)  # noqa: S311 - made-up names guard nothing
    made = []
    for number in range(1, wanted.merchants + 1):
        place = TextPlace(*(lives.uuid_of(chance) for _ in range(3)))
        await owner.execute(
            "INSERT INTO merchants (id, name, country, zone, created_at) VALUES ($1, $2, 'BR', $3, $4)",
            place.merchant, f"Synthetic {number}", ZONE, wanted.until,
        )  # fmt: skip
        await owner.execute(
            "INSERT INTO stores (id, merchant_id, code, name, created_at) VALUES ($1, $2, 'sp', 'Sao Paulo', $3)",
            place.store, place.merchant, wanted.until,
        )  # fmt: skip
        await owner.execute(
            "INSERT INTO connections (id, merchant_id, pse, name, base_url, client_id, sealed_secrets, "
            "default_store_id, enabled, created_at) VALUES ($1, $2, 'pix', $3, $4, 'synth', $5, $6, true, $7)",
            place.connection, place.merchant, f"pix-{number}", "http://127.0.0.1:9/pix/v2",
            secrets.seal(key, {"client_secret": "none", "webhook_secret": "none"}, place_of(UUID(place.connection))),
            place.store, wanted.until,
        )  # fmt: skip
        made.append(place)
    return made


async def _copy(owner: Any, writer: RowWriter, wanted: WantedRefunds, told: Callable[[int], None]) -> None:
    made = 0
    for number, sale in enumerate(lives.sales(wanted.refunds, wanted.merchants, wanted.until, wanted.seed), start=1):
        writer.sale(sale)
        made += len(sale.refunds)
        if number % _AT_ONCE == 0:
            await _flush(owner, writer)
            told(made)
    writer.reports()
    await _flush(owner, writer)
    await owner.execute("SELECT setval(pg_get_serial_sequence('events', 'id'), $1)", writer.events)
    told(made)


async def _flush(owner: Any, writer: RowWriter) -> None:
    for table, text in writer.take():
        await owner.copy_to_table(table, source=io.BytesIO(text), columns=COLUMNS[table].split())


async def _seal(owner: Any) -> None:
    """Seal every event, in their order. The last one is of this transaction, so that the sealer begins behind it."""
    await owner.execute("UPDATE events SET xact = pg_current_xact_id() WHERE id = (SELECT max(id) FROM events)")
    heads: dict[UUID, tuple[int, str]] = {}
    made: list[tuple[UUID, int, int, str]] = []
    async for row in owner.cursor(seals.WHOLE, prefetch=_SEALS_AT_ONCE):
        position, before = heads.get(row["merchant_id"], (0, seals.ORIGIN))
        heads[row["merchant_id"]] = after = (position + 1, seals.link(before, row["text"]))
        made.append((row["merchant_id"], after[0], row["id"], after[1]))
        if len(made) == _SEALS_AT_ONCE:
            await owner.copy_records_to_table(_SEALED[0], records=made, columns=_SEALED[1].split())
            made = []
    await owner.copy_records_to_table(_SEALED[0], records=made, columns=_SEALED[1].split())
