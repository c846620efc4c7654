"""Lists with filters find their page by an index, beside ever so many rows that are not of it."""

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from api.app import create
from domain.access.tokens import NewToken, Role, create_token, make
from domain.deliveries import outbox
from domain.history import portions, seals
from domain.models import Merchant
from jobs.synth import fill
from jobs.synth.fill import WantedRefunds
from tests.conftest import Database
from tests.kit.factories import KEY
from tests.kit.world import quick_settings, served

_LISTS: dict[str, tuple[str, set[str]]] = {
    "{ refunds(first: 9, filter: {statuses: [MANUAL]}) { edges { cursor } } }": (
        "refunds",
        {"refunds_not_succeeded"},
    ),
    "{ refunds(first: 9, filter: {needsPerson: true}) { edges { cursor } } }": ("refunds", {"refunds_need_person"}),
    '{ payments(first: 9, pseReference: "E1") { edges { cursor } } }': (
        "payments",
        {"payments_reference_once", "payments_withdrawn"},
    ),
    '{ payment(pseReference: "E1") { id } }': ("payments", {"payments_reference_once", "payments_withdrawn"}),
    '{ refund(by: {pseReference: "R1"}) { id } }': ("refunds", {"refunds_pse_name", "refunds_reference_key"}),
    "{ findings(first: 9, kinds: [AMOUNT_MISMATCH], unresolved: null) { edges { cursor } } }": (
        "findings",
        {"findings_of_kind"},
    ),
}
# The same, asked by a browser for one customer.
_CUSTOMERS = {
    "{ refunds(first: 9) { edges { cursor } } }": ("refunds", {"payments_of_customer", "idx_refunds_payment_7629c5"}),
    "{ payments(first: 9) { edges { cursor } } }": ("payments", {"payments_of_customer"}),
}


def _scans(plan: dict[str, Any]) -> set[str]:
    found = {plan["Index Name"]} if "Index Name" in plan else set()
    if plan["Node Type"] == "Seq Scan":
        found.add(f"all of {plan['Relation Name']}")
    return found.union(*(_scans(child) for child in plan.get("Plans", [])))


async def _asked(url: str, token: str, document: str, caplog: pytest.LogCaptureFixture) -> list[tuple[str, list[Any]]]:
    """The statements that answered a document, with their values."""
    caplog.clear()
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as http:
        answer = (await http.post(f"{url}/graphql", json={"query": document})).json()
    assert "errors" not in answer, answer
    return [one.args for one in caplog.records if one.name == "tortoise.db_client"]  # type: ignore[misc]


async def _browser(merchant_id: UUID) -> str:
    expires_at = datetime.now(UTC) + timedelta(hours=1)
    grants = [("CUSTOMER_SEE", None)]
    return await make(NewToken(merchant_id, "customer", grants, expires_at, kind="CUSTOMER", customer_digest="d"))


async def test_lists_with_filters_and_the_sealer_read_the_indexes_that_are_made_for_them(
    fresh_database: Database, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    await fill.fill(fresh_database.owner_url, WantedRefunds(1_500, 1, datetime.now(UTC)), KEY)
    settings = quick_settings(database_url=fresh_database.application_url, redis_url=redis_url)
    hand = await asyncpg.connect(fresh_database.application_url)
    async with served(create(settings)) as url:
        merchant = await Merchant.first()
        assert merchant is not None
        token = await create_token(merchant.id, Role.ADMINISTRATOR, "tester", timedelta(hours=1))
        with caplog.at_level(logging.DEBUG, "tortoise.db_client"):
            browser = await _browser(merchant.id)
            lists = [(token, *one) for one in _LISTS.items()] + [(browser, *one) for one in _CUSTOMERS.items()]
            for by, document, (table, indexes) in lists:
                asked = await _asked(url, by, document, caplog)
                for statement, values in [one for one in asked if f'FROM "{table}"' in one[0]]:
                    told = await hand.fetchval(f"EXPLAIN (FORMAT JSON) {statement}", *values)
                    scans = _scans(json.loads(told)[0]["Plan"])
                    assert scans, document
                    assert scans <= indexes, document
    plan = json.loads(await hand.fetchval(f"EXPLAIN (FORMAT JSON) {seals.READY}", 2_000))
    # Every second somebody looks what is to be sealed.
    assert _scans(plan[0]["Plan"]) == {
        "events_xact", "event_seals_event_id_key", "event_seals_pkey", "events_pkey",
        "deeds_xact", "deeds_pkey", "event_seals_deed", "news_xact", "news_pkey", "event_seals_news",
    }  # fmt: skip
    await hand.close()
    await _feeds_pass_deeds_by(fresh_database)


async def _feeds_pass_deeds_by(filled: Database) -> None:
    """A feed behind a long run of deeds reads none of their seals."""
    owner = await asyncpg.connect(filled.owner_url)
    await owner.execute(
        "INSERT INTO event_seals (merchant_id, position, deed_id, hash) SELECT s.merchant_id, s.last + n, n, 'f' FROM "
        "(SELECT merchant_id, max(position) AS last FROM event_seals GROUP BY 1) s, generate_series(1, 20000) n"
    )
    await owner.execute("VACUUM ANALYZE event_seals")
    merchant_id = await owner.fetchval("SELECT id FROM merchants")
    last = await owner.fetchval("SELECT max(position) FROM event_seals WHERE event_id IS NOT NULL")
    for statement, values in ((seals.AFTER, ()), (portions.AFTER, (["{}"],))):
        told = await owner.fetchval(
            f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", [merchant_id], [last - 3], *values, 200
        )
        plan = json.loads(told)[0]["Plan"]
        assert "event_seals_of_events" in _scans(plan)
        assert _most(plan, "event_seals") <= 3
    await _who_has_heard_all_reads_nothing(owner)
    await owner.close()


async def _who_has_heard_all_reads_nothing(owner: "asyncpg.Connection") -> None:
    """Every second somebody looks which endpoint has something to do, of a merchant to whom all seals belong, too."""
    await owner.execute(
        "INSERT INTO endpoints (id, merchant_id, kind, name, sealed_secrets, shown, types, thin, per_minute, state, "
        "  position, failures, warned, set_by, created_at) SELECT gen_random_uuid(), merchant_id, 'WEBHOOK', 'all', "
        "  '', '', '{*}', false, 600, 'ACTIVE', max(position), 0, 0, 'x', now() FROM event_seals GROUP BY merchant_id"
    )
    plan = json.loads(await owner.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {outbox.BUSY}", 500))[0]["Plan"]
    assert (plan["Actual Rows"], _most(plan, "event_seals")) == (0, 1)


def _most(plan: dict[str, Any], table: str) -> float:
    """How many rows were looked at of a table in one place, those that were thrown away too."""
    seen = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0) if plan.get("Relation Name") == table else 0
    return max([seen, *(_most(child, table) for child in plan.get("Plans", []))])
