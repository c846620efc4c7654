"""What was used, as a row for each merchant and calendar month of its own: counted by sets, closed when the month ends.

An open month is counted anew each time, from what the tables hold; a closed one never changes. A month that began while
nobody counted is counted when somebody does.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from domain.history import news
from domain.models import UsageMonth
from domain.platform.database import execute, rows, transaction

WARNING: Final = "usage.reached"  # of the catalogue of news
PERCENTS: Final = (80, 100)
# What is under way when a month ends is given an hour before it is closed: a call that is counted is not yet written.
_COUNT: Final = """WITH due AS (
  SELECT m.id AS merchant_id, m.zone, g::date AS month FROM merchants m
  LEFT JOIN LATERAL (SELECT min(u.month) FILTER (WHERE u.closed_at IS NULL) AS open, max(u.month) AS last
    FROM usage_months u WHERE u.merchant_id = m.id) k ON true
  CROSS JOIN LATERAL generate_series(
    coalesce(k.open, k.last + interval '1 month', date_trunc('month', m.created_at AT TIME ZONE m.zone))::timestamp,
    date_trunc('month', now() AT TIME ZONE m.zone), interval '1 month') g),
spans AS (SELECT merchant_id, month, month::timestamp AT TIME ZONE zone AS since,
    (month + interval '1 month') AT TIME ZONE zone AS until FROM due)
INSERT INTO usage_months AS u (merchant_id, month, refunds, api_calls, deliveries, lines, counted_at, closed_at)
SELECT s.merchant_id, s.month,
  (SELECT count(*) FROM refunds r
    WHERE r.merchant_id = s.merchant_id AND r.created_at >= s.since AND r.created_at < s.until),
  coalesce((SELECT c.calls FROM usage_calls c WHERE c.merchant_id = s.merchant_id AND c.month = s.month), 0),
  (SELECT count(*) FROM deliveries d WHERE d.merchant_id = s.merchant_id AND d.made_at >= s.since
    AND d.made_at < s.until AND d.state = 'SENT'),
  (SELECT coalesce(sum((p.totals ->> 'rows')::bigint), 0) FROM reports p
    WHERE p.merchant_id = s.merchant_id AND p.created_at >= s.since AND p.created_at < s.until),
  now(), CASE WHEN now() > s.until + interval '1 hour' THEN now() END
FROM spans s ORDER BY s.merchant_id, s.month
ON CONFLICT (merchant_id, month) DO UPDATE SET refunds = excluded.refunds, api_calls = excluded.api_calls,
  deliveries = excluded.deliveries, lines = excluded.lines, counted_at = excluded.counted_at,
  closed_at = excluded.closed_at WHERE u.closed_at IS NULL"""
# What has reached a part of its quota and was not said yet, of the newest month.
_REACHED: Final = """INSERT INTO usage_notes (merchant_id, month, counter, percent, used, quota, hard)
SELECT u.merchant_id, u.month, q.key, one.percent, used.count, (q.value ->> 'limit')::bigint,
  (q.value ->> 'hard')::boolean
FROM usage_plans p JOIN merchants m ON m.id = p.merchant_id
JOIN usage_months u ON u.merchant_id = p.merchant_id AND u.month = date_trunc('month', now() AT TIME ZONE m.zone)::date
CROSS JOIN LATERAL jsonb_each(p.quotas) q CROSS JOIN unnest($1::int[]) AS one(percent)
CROSS JOIN LATERAL (SELECT CASE q.key WHEN 'REFUNDS' THEN u.refunds WHEN 'API_CALLS' THEN u.api_calls
  WHEN 'DELIVERIES' THEN u.deliveries ELSE u.lines END AS count) used
WHERE p.ended_at IS NULL AND used.count * 100 >= (q.value ->> 'limit')::numeric * one.percent
ON CONFLICT (merchant_id, month, counter, percent) DO NOTHING
RETURNING merchant_id, month, counter, percent, used, quota, hard"""


async def count() -> int:
    """Count the open months of all merchants, and say what has reached 80 or 100 % of its quota; how many were said.

    It is said once a month, as news, with the row that remembers it.
    """
    await execute(_COUNT)
    async with transaction():
        said = await rows(_REACHED, list(PERCENTS))
        for one in said:
            facts = {
                "counter": one["counter"],
                "percent": one["percent"],
                "used": one["used"],
                "limit": one["quota"],
                "hard": one["hard"],
                "month": one["month"].isoformat(),
            }
            await news.write(one["merchant_id"], WARNING, "usage", f"{one['counter']}/{one['month']}", facts)
    return len(said)


async def of(merchant_id: UUID, first: int) -> Sequence[UsageMonth]:
    """The merchant's months, newest first."""
    return await UsageMonth.filter(merchant_id=merchant_id).order_by("-month").limit(first)
