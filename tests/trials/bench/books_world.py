"""A day of one shop for `make bench-books`: its payments and refunds in the books, and the PSE's report of them.

Made row by row into files, so that ten million lines need no memory; the same for the same number of lines.
"""

import asyncio
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, Final
from uuid import UUID

import asyncpg

from domain.connections.connections import place_of
from domain.platform import secrets
from jobs.synth import schema
from jobs.synth.lives import uuid_of
from jobs.synth.text import COLUMNS
from tests.kit.factories import KEY

_AT_ONCE: Final = 20_000
_HEADINGS: Final = (
    "created_utc,currency,gross,fee,net,reporting_category,source_id,customer_facing_amount,customer_facing_currency,"
    "automatic_payout_id,charge_id,payment_intent_id"
)
_REFUND_EVERY: Final = 10  # lines
_MISSING_EVERY: Final = 50_000  # payments that the books know and the report does not have, and the other way round
_FIRST_ID: Final = 1_790_000_000_000  # milliseconds since 1970
_NULL: Final = "\\N"


@dataclass(frozen=True, slots=True)
class Day:
    """What was made: whose night it is, of which date, and the report."""

    merchant: str
    connection: str
    store: str
    on: date
    report: Path


@dataclass(slots=True)
class _Sale:
    payment: str
    refund: str | None
    number: int
    amount: int
    name: str


def make(owner_url: str, lines: int, folder: Path) -> Day:
    """Fill an empty database and write the report of so many lines."""
    chance = Random(lines)
    names = [uuid_of(chance) for _ in range(3)]
    report = folder / f"stripe-{lines}.csv"
    day = Day(names[0], names[1], names[2], (datetime.now(UTC) - timedelta(days=2)).date(), report)
    asyncio.run(_fill(owner_url, day, lines))
    _write(day, lines)
    return day


def _sales(lines: int) -> Iterator[_Sale]:
    """As many captures and refunds as lines: of each ten lines one is a refund of the capture before it."""
    chance = Random(lines + 1)
    for number in range(lines - 1 - lines // _REFUND_EVERY):
        refund = _id_of(chance, number) if number % (_REFUND_EVERY - 1) == 0 else None
        yield _Sale(
            _id_of(chance, number), refund, number, chance.randrange(1_000, 900_000), f"{chance.getrandbits(96):024x}"
        )


def _id_of(chance: Random, number: int) -> str:
    """In the order of time, as ours are (UUID 7): a day of payments stands together in an index."""
    text = f"{_FIRST_ID + number:012x}{chance.getrandbits(80):020x}"
    return f"{text[:8]}-{text[8:12]}-7{text[13:16]}-8{text[17:20]}-{text[20:]}"


async def _fill(owner_url: str, day: Day, lines: int) -> None:
    owner = await asyncpg.connect(owner_url)
    at = datetime.combine(day.on, time(12), UTC)
    try:
        async with owner.transaction():
            await _place(owner, day, at)
            async with schema.bare(owner, ("payments", "refunds")):
                await _copy(owner, day, lines, at)
        for table in ("payments", "refunds"):
            await owner.execute(f"VACUUM ANALYZE {table}")
    finally:
        await owner.close()


async def _place(owner: Any, day: Day, at: datetime) -> None:
    await owner.execute(
        "INSERT INTO merchants (id, name, country, zone, created_at) VALUES ($1, 'Bench', 'BR', 'America/Sao_Paulo', "
        "$2)", day.merchant, at,
    )  # fmt: skip
    await owner.execute(
        "INSERT INTO stores (id, merchant_id, code, name, created_at) VALUES ($1, $2, 'sp', 'Sao Paulo', $3)",
        day.store, day.merchant, at,
    )  # fmt: skip
    sealed = secrets.seal(KEY, {"api_key": "none", "webhook_secret": "none"}, place_of(UUID(day.connection)))
    await owner.execute(
        "INSERT INTO connections (id, merchant_id, pse, name, base_url, client_id, sealed_secrets, default_store_id, "
        "enabled, created_at) VALUES ($1, $2, 'stripe', 'bench', 'http://127.0.0.1:9', 'none', $3, $4, true, $5)",
        day.connection, day.merchant, sealed, day.store, at,
    )  # fmt: skip


async def _copy(owner: Any, day: Day, lines: int, at: datetime) -> None:
    sales = _sales(lines)
    while some := list(islice(sales, _AT_ONCE)):
        for table, rows in (("payments", _payments(some, day, at)), ("refunds", _refunds(some, day, at))):
            text = "".join("\t".join(_NULL if one is None else str(one) for one in row) + "\n" for row in rows)
            await owner.copy_to_table(table, source=io.BytesIO(text.encode()), columns=COLUMNS[table].split())


def _payments(some: list[_Sale], day: Day, at: datetime) -> Iterator[tuple[object, ...]]:
    for one in some:
        gone = one.amount // 2 if one.refund else 0
        yield (one.payment, day.merchant, day.store, day.connection, f"pi_{one.name}", f"order-{one.number}", "CARD",
               "BRL", one.amount, 0, gone, 0, 0, 0, 0, None, None, None, at, "LISTING", at)  # fmt: skip


def _refunds(some: list[_Sale], day: Day, at: datetime) -> Iterator[tuple[object, ...]]:
    for one in some:
        if one.refund:
            yield (one.refund, day.merchant, one.payment, day.connection, day.store, "CARD",
                   one.refund.replace("-", "")[12:], f"bench-{one.number}", "SUCCEEDED", one.amount // 2, "BRL", 0,
                   "CUSTOMER_REQUEST", None, f"re_{one.name}", None, None, 3, None, "f", None, 0, 0, None, None, at,
                   "bench", at, at)  # fmt: skip


def _write(day: Day, lines: int) -> None:
    with day.report.open("w") as file:
        file.write(_HEADINGS + "\n")
        paid = 0
        for one in _sales(lines):
            at, fee = f"{day.on} 12:{one.number // 60 % 60:02}:{one.number % 60:02}", one.amount // 50
            # A surplus and a shortage: neither may be lost among the others.
            told = one.amount + 1 if one.number % _MISSING_EVERY == 1 else one.amount
            paid += told - fee
            file.write(_line(at, told, fee, "charge", f"ch_{one.name}", one.name))
            if one.refund:
                paid -= one.amount // 2
                file.write(_line(at, -(one.amount // 2), 0, "refund", f"re_{one.name}", one.name))
        file.write(f"{day.on} 12:59:59,brl,{_major(-paid)},0.00,{_major(-paid)},payout,po_1,,,po_1,,\n")


def _line(at: str, gross: int, fee: int, category: str, source: str, name: str) -> str:
    told, net = _major(gross), _major(gross - fee)
    return f"{at},brl,{told},{_major(fee)},{net},{category},{source},{told},brl,po_1,ch_{name},pi_{name}\n"


def _major(units: int) -> str:
    return f"{'-' if units < 0 else ''}{abs(units) // 100}.{abs(units) % 100:02}"
