"""What went out beside a year of refunds: deliveries, alerts and shops, one of each a refund, and a day's work to do.

The day's work is the same beside few and beside many, so what is slower beside many grows with the past.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg

from domain.alerts import digest, opening, rules, tell
from domain.commerce import credentials
from domain.deliveries import opened
from domain.models import Merchant
from domain.platform import data_keys
from domain.platform.database import connected, execute, rows
from domain.usage import months
from jobs import deliveries, shops
from jobs.machine.servers import APPLICATION, SUPERUSER
from tests.kit.factories import KEY
from tests.trials.bench.stage import Stage

Known = Mapping[str, Any]
_HEAD: Final = "(SELECT coalesce(max(s.position), 0) FROM event_seals s WHERE s.merchant_id = m.id)"
_FILL: Final = (
    "CREATE TEMP TABLE pick AS SELECT r.*, row_number() OVER (ORDER BY r.created_at) AS n FROM refunds r",
    f"""INSERT INTO endpoints (id, merchant_id, kind, name, sealed_secrets, shown, types, thin, per_minute,
      state, position,
      failures, warned, set_by, created_at)
    SELECT gen_random_uuid(), m.id, kind, kind, '', '',
      CASE kind WHEN 'WEBHOOK' THEN '{{*}}' ELSE '{{}}' END::text[], false,
      600, 'ACTIVE', {_HEAD}, 0, 0, 'bench', now() FROM merchants m,
      unnest('{{WEBHOOK,EMAIL}}'::text[]) AS kind""",  # noqa: S608
    """INSERT INTO deliveries (merchant_id, endpoint_id, position, message_id, type, ordering_key, body, state,
      tries, round,
      number, made_at, ended_at)
    SELECT p.merchant_id, e.id, p.n, 'msg_' || p.n, 'refund.succeeded', 'refund/' || p.id, repeat('x', 400)::bytea,
      CASE p.n % 500 WHEN 0 THEN 'FAILED' ELSE 'SENT' END, 1, 0, 1, p.created_at, p.created_at
    FROM pick p JOIN endpoints e ON e.merchant_id = p.merchant_id AND e.kind = 'WEBHOOK' ORDER BY p.n""",
    """INSERT INTO deliveries (merchant_id, endpoint_id, position, message_id, type, ordering_key, body, state,
      due_at, tries,
      round, number, made_at)
    SELECT e.merchant_id, e.id, 1000000000 + n, 'due_' || n, 'refund.created', 'refund/' || n % 25, 'x', 'PENDING',
      CASE WHEN n < 25 THEN now() END, 0, 0, 0, now() FROM endpoints e, generate_series(0,
      49) AS n WHERE e.kind = 'WEBHOOK'""",
    """INSERT INTO alerts (id, merchant_id, kind, key, connection_id, severity, count, amounts, subjects, facts,
      since,
      opened_at, last_seen_at, told_at, said_at, told_count, notices, escalated, resolved_at, resolved_told)
    SELECT gen_random_uuid(), p.merchant_id, 'PSE_DOWN', 'past/' || p.n, p.connection_id, 'WARNING', 1, '{}',
      '[]', '{}',
      p.created_at, p.created_at, p.created_at, p.created_at, p.created_at, 1, 1, 0, p.created_at, true
      FROM pick p""",
    """INSERT INTO alert_notices (merchant_id, alert_id, endpoint_id, what, number, made_at, said_at)
    SELECT a.merchant_id, a.id, e.id, 'OPENED', 1, a.opened_at, a.opened_at
    FROM alerts a JOIN endpoints e ON e.merchant_id = a.merchant_id AND e.kind = 'EMAIL'""",
    """INSERT INTO alert_marks (merchant_id, position)
    SELECT m.id, 0 FROM merchants m ON CONFLICT (merchant_id) DO NOTHING""",
    f"UPDATE alert_marks a SET position = {_HEAD} FROM merchants m WHERE m.id = a.merchant_id",  # noqa: S608
    f"""INSERT INTO shops (id, merchant_id, store_id, kind, name, address, options, sealed_secrets, public_keys,
      state,
      history_position, polled_until, tries, created_by, created_at)
    SELECT gen_random_uuid(), m.id, (SELECT s.id FROM stores s WHERE s.merchant_id = m.id LIMIT 1), 'GENERIC',
      'bench', '',
      '{{}}', '', '{{}}', 'ACTIVE', {_HEAD}, now(), 0, 'bench', now() FROM merchants m""",  # noqa: S608
    """INSERT INTO shop_refunds (id, merchant_id, shop_id, origin, name, payment_names, amount, currency,
      payment_id, refund_id,
      state, told_state, told_at, tries, request_id, created_at)
    SELECT gen_random_uuid(), p.merchant_id, s.id, 'TOLD', 'past/' || p.n, '[]', p.amount, p.currency,
      p.payment_id, p.id,
      'LINKED', 'SUCCEEDED', p.created_at, 0, p.request_id, p.created_at
    FROM pick p JOIN shops s ON s.merchant_id = p.merchant_id""",
    """INSERT INTO shop_refunds (id, merchant_id, shop_id, origin, name, payment_names, state, why, because,
      waits_since, tries,
      request_id, created_at)
    SELECT gen_random_uuid(), s.merchant_id, s.id, 'TOLD', 'waits/' || n, '[]', 'WAITING', 'NO_PAYMENT', 'None.',
      now(), 0,
      'bench', now() FROM shops s, generate_series(1, 20) AS n""",
    """INSERT INTO shop_calls (id, merchant_id, shop_id, shop_refund_id, request_id, purpose, method, url,
      headers, body,
      sent_at, status, answer, duration_ms, answered_at)
    SELECT gen_random_uuid(), r.merchant_id, r.shop_id, r.id, r.request_id, 'TELL', 'POST', '', '{}', repeat('x',
      300),
      r.created_at, 200, '', 1, r.created_at FROM shop_refunds r WHERE r.state = 'LINKED'""",
)
_PAGE: Final = "(first: 100{0}) {{ totalCount edges {{ node {{ id }} }} }}"


async def filled(stage: Stage) -> None:
    """Fill it, unless it was."""
    root = await asyncpg.connect(stage.postgres.url(SUPERUSER, stage.database))
    if not await root.fetchval("SELECT EXISTS (SELECT 1 FROM endpoints)"):
        async with root.transaction():
            # Foreign keys and triggers are asleep meanwhile.
            await root.execute("SET LOCAL session_replication_role = replica")
            for statement in _FILL:
                await root.execute(statement)
        await root.execute("VACUUM ANALYZE")
        await _seal(stage)
    await root.close()


async def _seal(stage: Stage) -> None:
    """What nobody can open, no process starts beside."""
    url = stage.postgres.url(APPLICATION, stage.database)
    async with connected(url, pool_max=1, all_because="a trial fills a database"):
        for table, place_of in (("endpoints", opened.place_of), ("shops", credentials.place_of)):
            for row in await rows(f"SELECT id, merchant_id FROM {table}"):  # noqa: S608 - ours
                sealed = await data_keys.seal(KEY, row["merchant_id"], {"url": "https://bench"}, place_of(row["id"]))
                await execute(f"UPDATE {table} SET sealed_secrets = $2 WHERE id = $1", row["id"], sealed)  # noqa: S608


async def known(merchant: Any) -> dict[str, Any]:
    """Handles of one merchant's."""
    (endpoint,) = await rows("SELECT id FROM endpoints WHERE merchant_id = $1 AND kind = 'WEBHOOK'", merchant)
    (told,) = await rows(
        "SELECT id, shop_id FROM shop_refunds WHERE merchant_id = $1 AND name LIKE 'past/%' LIMIT 1", merchant
    )
    return {"endpoint": str(endpoint["id"]), "shop": str(told["shop_id"]), "shop_refund": str(told["id"])}


def _page(field: str, told: str = "", node: str = "id", **of: str) -> tuple[str, Callable[[Known], dict[str, Any]]]:
    variables = "".join(f"${name}: ID!, " for name in of).rstrip(", ")
    given = f"({variables})" if variables else ""
    page = _PAGE.format(f", {told}" if told else "").replace("{ id }", f"{{ {node} }}")
    return f"query Q{given} {{ {field}{page} }}", lambda known: {name: known[key] for name, key in of.items()}


DOCUMENTS: Final[Mapping[str, tuple[str, Callable[[Known], dict[str, Any]]]]] = {
    "page of deliveries": _page("deliveries", node="messageId"),
    "page of deliveries, FAILED": _page("deliveries", "filter: {states: [FAILED]}", "messageId"),
    "page of deliveries, CANCELED": _page("deliveries", "filter: {states: [CANCELED]}", "messageId"),
    "page of deliveries, of an endpoint": _page("deliveries", "filter: {endpointId: $e}", "messageId", e="endpoint"),
    "page of alerts": _page("alerts"),
    "page of alerts, open": _page("alerts", "filter: {open: true}"),
    "page of alerts, of a kind": _page("alerts", "filter: {kinds: [EXPIRING]}"),
    "page of alerts, CRITICAL": _page("alerts", "filter: {severities: [CRITICAL]}"),
    "page of shopRefunds": _page("shopRefunds"),
    "page of shopRefunds, that wait": _page("shopRefunds", "waitingOnly: true"),
    "page of shopRefunds, of a shop": _page("shopRefunds", "shopId: $s", s="shop"),
    "page of shopCalls": _page("shopCalls"),
    "page of shopCalls, of a refund": _page("shopCalls", "shopRefundId: $r", r="shop_refund"),
}


async def _said() -> int:
    return await tell.note(await rules.read(), datetime.now(UTC))


async def _digest() -> object:
    merchant = await Merchant.all().order_by("name").first()
    assert merchant is not None, "It was filled."
    return await digest.of_day(merchant, (), datetime.now(UTC).date() - timedelta(days=1))


# By the clock; a round works off what is open or of the month, and that is more beside many.
WORK: Final[Mapping[str, Callable[[], Awaitable[object]]]] = {
    "ring for deliveries": deliveries.ring,
    "what is to be said of alerts": _said,
    "shops followed": shops.follow_all,
    "round of alerts": opening.look,
    "round of a digest": _digest,
    "round of usage": months.count,
}
