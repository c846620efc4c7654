"""A page of refunds reads what is rare, among however many others: pages of the database are counted, no time.

RARE_AMONG=200000 looks among so many; the gate among fewer.
"""

import json
import os
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
from tortoise.queryset import QuerySet

from api.graphql.refunds.filters import RefundFilter, refunds_query
from api.graphql.transport.scalars import BigInt, CurrencyCode, MoneyInput
from domain.access.permissions import Role
from domain.models import Refund
from domain.models.refunds import Reason
from domain.platform import database
from domain.pse.vocabulary import Method
from domain.refunds import summed
from tests.conftest import Database, Servers
from tests.kit.databases import with_name
from tests.kit.factories import a_payment, a_person, a_refund, a_shop

_MANY = int(os.environ.get("RARE_AMONG", "20000"))
_RARE = 20
_BUFFERS_MAX = 8 * _RARE  # each rare row with its payment; all refunds alone would be some _MANY / 35
_EVERY = f"n % {_MANY // _RARE} = 7"
_METHOD = f"CASE WHEN {_EVERY} THEN 'OXXO' WHEN n % 3 = 0 THEN 'CARD' ELSE 'PIX' END"
_PAYMENTS = {
    "id": "md5('p' || n)::uuid",
    "pse_reference": "'P' || n",
    "method": _METHOD,
    "created_at": "now() - n * interval '1 minute'",
}
_REFUNDS = {
    "id": "md5('r' || n)::uuid",
    "payment_id": "md5('p' || n)::uuid",
    "method": _METHOD,
    "reference": "lpad(n::text, 20, '0')",
    "request_id": "'q' || n",
    "pse_refund_reference": "'D' || n",
    "state": "'SUCCEEDED'",
    "due_at": "NULL",
    "amount": f"CASE WHEN {_EVERY} THEN 900000 ELSE 100 + n % 50 END",
    "reason": f"CASE WHEN {_EVERY} THEN 'FRAUD' ELSE 'CUSTOMER_REQUEST' END",
    "created_at": "now() - n * interval '1 minute'",
}


def _brl(units: int) -> MoneyInput:
    return MoneyInput(minor_units=BigInt(units), currency=CurrencyCode("BRL"))


_LARGE = RefundFilter(amount_from=_brl(900_000))
_FILTERS = {
    "rare method": RefundFilter(methods=[Method.OXXO]),
    "frequent method": RefundFilter(methods=[Method.PIX]),
    "rare reason": RefundFilter(reasons=[Reason.FRAUD]),
    "frequent reason": RefundFilter(reasons=[Reason.CUSTOMER_REQUEST]),
    "rare amount": _LARGE,
    "frequent amount": RefundFilter(amount_until=_brl(149)),
    "a PSE without refunds": RefundFilter(pses=["adyen"]),
    "the only PSE": RefundFilter(pses=["pix"]),
}


async def _copies(root: "asyncpg.Connection", table: str, given: dict[str, str]) -> None:
    """Many rows like the only one, but for what must differ. Triggers and foreign keys are asleep."""
    columns = [row["attname"] for row in await root.fetch(
        "SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped", table
    )]  # fmt: skip
    values = [given.get(name, f"one.{name}") for name in columns]
    await root.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)} "  # noqa: S608 - names of the catalogue
        f"FROM generate_series(1, {_MANY}) AS n CROSS JOIN (SELECT * FROM {table} LIMIT 1) AS one"
    )


async def _pages_read(hand: "asyncpg.Connection", statement: str, values: list[object]) -> int:
    told = json.loads(await hand.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", *values))[0]["Plan"]
    return int(told["Shared Hit Blocks"] + told["Shared Read Blocks"])


def _statement(query: QuerySet[Refund]) -> tuple[str, list[object]]:
    shown = query.order_by("-created_at", "-id").limit(26)
    shown._make_query()
    text, values = shown.query.get_parameterized_sql()
    return text, list(values)


async def test_a_rare_filter_reads_what_is_rare(fresh_database: Database, servers: Servers) -> None:
    root = await asyncpg.connect(with_name(servers.superuser_url, urlsplit(fresh_database.owner_url).path[1:]))
    async with database.connected(fresh_database.application_url, pool_max=2, all_because="a test fills a database"):
        shop = await a_shop()
        await a_refund(shop, await a_payment(shop, amount=10**9), 100)
        async with root.transaction():
            await root.execute("SET LOCAL session_replication_role = replica")
            await _copies(root, "payments", _PAYMENTS)
            await _copies(root, "refunds", _REFUNDS)
        await root.execute("VACUUM ANALYZE payments")
        await root.execute("VACUUM ANALYZE refunds")
        await root.close()
        ana = a_person(shop, "Ana", Role.ADMIN)
        read = {name: await _read(fresh_database, shop.id, await refunds_query(ana, f)) for name, f in _FILTERS.items()}
        assert {name: pages for name, pages in read.items() if pages > _BUFFERS_MAX} == {}
        for rare in (RefundFilter(methods=[Method.OXXO]), RefundFilter(reasons=[Reason.FRAUD]), _LARGE):
            assert (await summed.newest(await refunds_query(ana, rare))).count == _RARE
        assert (await summed.newest(await refunds_query(ana, RefundFilter(pses=["adyen"])))).count == 0


async def _read(where: Database, merchant_id: UUID, query: QuerySet[Refund]) -> int:
    """By the application's own role, behind the wall."""
    hand = await asyncpg.connect(where.application_url, server_settings={"estorno.merchant": str(merchant_id)})
    try:
        return await _pages_read(hand, *_statement(query))
    finally:
        await hand.close()
