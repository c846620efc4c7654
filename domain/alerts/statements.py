"""The statements by which signs are seen: sets over all merchants, each bounded by a partial index or by time."""

from collections.abc import Sequence
from typing import Final

# Of a query of what was found (merchant, connection, place, what it is, id, name, amount, currency, since, facts): one
# row for each place.
_GROUPED: Final = """WITH found AS MATERIALIZED ({found}),
  sums AS (SELECT merchant_id, place, connection_id, currency, count(*) AS count, sum(amount) AS amount,
      min(since) AS since, min(due) AS due, min(said) AS said
    FROM found GROUP BY merchant_id, place, connection_id, currency),
  oldest AS (SELECT merchant_id, place, jsonb_agg(jsonb_build_object('kind', what, 'id', id, 'name', name)
      ORDER BY since, id) AS subjects
    FROM (SELECT *, row_number() OVER (PARTITION BY merchant_id, place ORDER BY since, id) AS n FROM found) f
    WHERE n <= 20 GROUP BY merchant_id, place)
SELECT s.merchant_id, s.place, s.connection_id, NULL::uuid AS endpoint_id, sum(s.count)::bigint AS count,
  min(s.since) AS since, jsonb_object_agg(s.currency, s.amount) FILTER (WHERE s.currency <> '' AND s.amount > 0)
    AS amounts, (SELECT o.subjects FROM oldest o WHERE o.merchant_id = s.merchant_id AND o.place = s.place) AS subjects,
  jsonb_strip_nulls(jsonb_build_object('due', min(s.due), 'said', min(s.said))) AS facts
FROM sums s GROUP BY s.merchant_id, s.place, s.connection_id"""
_FINDINGS: Final = """SELECT f.merchant_id, f.connection_id, {place} AS place, {what} AS what, {id} AS id,
  {name} AS name, f.amount, f.currency::text AS currency, f.created_at AS since, {due} AS due, {said} AS said
FROM findings f {join} WHERE f.resolved_at IS NULL AND (f.waiting_until IS NULL OR f.waiting_until <= now())
  AND f.kind IN ({kinds})"""


def _of_findings(kinds: Sequence[str], **parts: str) -> str:
    told = {
        "place": "f.connection_id::text",
        "what": "'finding'",
        "id": "f.id::text",
        "name": "f.kind::text",
        "due": "NULL::text",
        "said": "NULL::text",
        "join": "",
    }
    return _FINDINGS.format(kinds=", ".join(f"'{one}'" for one in kinds), **{**told, **parts})


_REFUND: Final = {
    "what": "'refund'",
    "id": "r.id::text",
    "name": "r.reference::text",
    "join": "JOIN refunds r ON r.id = f.refund_id",
}
# Promised: the days that the PSE publishes for the method ($1 to $3); in doubt for longer than a lost answer takes.
STUCK: Final = (
    _of_findings(["PENDING_TOO_LONG", "NOT_SENT"], **_REFUND)  # noqa: S608 - ours
    + """ UNION SELECT r.merchant_id, r.connection_id, r.connection_id::text, 'refund', r.id::text, r.reference::text,
  r.amount, r.currency::text, coalesce(r.doubt_since, r.updated_at), NULL::text, NULL::text
FROM refunds r JOIN payments p ON p.id = r.payment_id JOIN connections c ON c.id = r.connection_id
LEFT JOIN unnest($1::text[], $2::text[], $3::int[]) AS able(pse, method, days)
  ON able.pse = c.pse AND able.method = p.method
WHERE r.due_at IS NOT NULL AND r.needs_person_since IS NULL
  AND (r.state = 'SUBMITTED' AND r.doubt_since <= now() - make_interval(mins => $4::int)
    OR r.state = 'PENDING' AND r.updated_at < now() - make_interval(days => greatest(able.days, 1)))
  AND NOT EXISTS (SELECT 1 FROM findings f WHERE f.refund_id = r.id AND f.resolved_at IS NULL
    AND f.kind IN ('PENDING_TOO_LONG', 'NOT_SENT'))"""
)
DOUBT: Final = _of_findings(["DOUBT_UNRESOLVED"], **_REFUND)
VAT: Final = _of_findings(["VAT_REVERSAL_OVERDUE"], place="'vat'", due="f.detail #>> '{ours,due_on}'").replace(
    "f.merchant_id, f.connection_id,", "f.merchant_id, NULL::uuid AS connection_id,", 1
)
REPORT: Final = _of_findings(
    ["NIGHT_FAILED"], what="'night'", name="coalesce(f.detail ->> 'date', (f.created_at)::date::text)"
)
# The day on which a certificate ends stands in the name that its finding has; a token ends soon since it was made, or
# since so many days before.
EXPIRING: Final = (
    _of_findings(
        ["EXPIRES_SOON"],
        name="coalesce(f.detail ->> 'name', 'certificate')",
        due=r"substring(f.fingerprint from '/(\d{4}-\d\d-\d\d)/\d+$')",
    )
    + """ UNION ALL SELECT t.merchant_id, NULL::uuid, 'tokens', 'token', t.id::text, coalesce(t.name, t.prefix)::text,
  0, '', greatest(t.created_at, t.expires_at - make_interval(days => $1::int)), t.expires_at::date::text, NULL::text
FROM tokens t WHERE t.kind = 'SERVICE' AND t.revoked_at IS NULL AND t.expires_at > now()
  AND t.expires_at < now() + make_interval(days => $1::int)"""
)
# At or above the amount from which the merchant wants to be told ($1 to $3), else everybody's ($4, $5); or critical.
LARGE: Final = """SELECT f.merchant_id, f.connection_id, f.connection_id::text || '/' || f.kind AS place,
  'finding' AS what, f.id::text AS id, f.kind::text AS name, f.amount, f.currency::text AS currency,
  f.created_at AS since, NULL::text AS due, f.kind::text AS said
FROM findings f
LEFT JOIN unnest($1::uuid[], $2::text[], $3::bigint[]) AS own(merchant_id, currency, least)
  ON own.merchant_id = f.merchant_id AND own.currency = f.currency
LEFT JOIN unnest($4::text[], $5::bigint[]) AS usual(currency, least) ON usual.currency = f.currency
WHERE f.resolved_at IS NULL AND (f.waiting_until IS NULL OR f.waiting_until <= now())
  AND (f.severity >= 4 OR f.amount >= coalesce(own.least, usual.least))
  AND f.kind NOT IN ('DOUBT_UNRESOLVED', 'PENDING_TOO_LONG', 'NOT_SENT', 'VAT_REVERSAL_OVERDUE', 'EXPIRES_SOON',
    'NIGHT_FAILED', 'CONNECTION_REFUSED')"""
WAITING: Final = """SELECT n.merchant_id, NULL::uuid AS connection_id, 'approvals' AS place, 'refund' AS what,
  r.id::text AS id, r.reference::text AS name, n.amount, n.currency::text AS currency, n.made_at AS since,
  NULL::text AS due, NULL::text AS said
FROM approval_needs n JOIN refunds r ON r.id = n.refund_id AND r.state = 'AWAITING_APPROVAL'
LEFT JOIN unnest($1::uuid[], $2::int[]) AS own(merchant_id, hours) ON own.merchant_id = n.merchant_id
WHERE n.ended_at IS NULL AND n.met_at IS NULL
  AND n.made_at <= now() - make_interval(hours => coalesce(own.hours, $3::int))"""
BROKEN: Final = """SELECT m.id AS merchant_id, NULL::uuid AS connection_id, 'books' AS place, 'invariant' AS what,
  b.name AS id, b.name AS name, 0 AS amount, '' AS currency, b.at AS since, NULL::text AS due, NULL::text AS said
FROM (SELECT k.at, jsonb_array_elements_text(k.standing -> 'invariants') AS name
    FROM (SELECT at, standing FROM checks ORDER BY id DESC LIMIT 1) k) b CROSS JOIN merchants m
WHERE m.platform_id IS NULL
UNION ALL SELECT p.merchant_id, NULL::uuid, 'books', 'payment', p.id::text, p.pse_reference::text, 0, '', b.at,
  NULL::text, NULL::text
FROM (SELECT k.at, jsonb_array_elements_text(k.standing -> 'payments')::uuid AS id
    FROM (SELECT at, standing FROM checks ORDER BY id DESC LIMIT 1) k) b JOIN payments p ON p.id = b.id"""
# Nothing that was sent there is answered, for longer than a hiccup lasts (jobs/wire/sender tells it).
DOWN: Final = """SELECT c.merchant_id, c.id::text AS place, c.id AS connection_id, NULL::uuid AS endpoint_id,
  1::bigint AS count, c.down_since AS since, NULL::jsonb AS amounts, NULL::jsonb AS subjects, '{}'::jsonb AS facts
FROM connections c WHERE c.down_since <= now() - make_interval(secs => $1::float8) AND c.enabled"""
REFUSED: Final = """SELECT c.merchant_id, c.id::text AS place, c.id AS connection_id, NULL::uuid AS endpoint_id,
  1::bigint AS count, c.refused_since AS since, NULL::jsonb AS amounts, NULL::jsonb AS subjects, '{}'::jsonb AS facts
FROM connections c WHERE c.refused_since IS NOT NULL AND c.enabled"""
# What is under way there in a currency, against the balance that the last report of a week shows. Of PSEs ($1) that
# pay refunds from a balance.
BALANCE: Final = """WITH shown AS (SELECT DISTINCT ON (r.connection_id, b.currency) r.connection_id, b.currency,
    b.closing, r.business_date FROM reports r JOIN report_balances b ON b.report_id = r.id
  WHERE r.superseded_at IS NULL AND b.closing IS NOT NULL AND r.business_date > current_date - 7
  ORDER BY r.connection_id, b.currency, r.business_date DESC, r.created_at DESC),
  wanted AS (SELECT r.merchant_id, r.connection_id, r.currency, sum(r.amount) AS amount, count(*) AS count,
    min(r.created_at) AS since FROM refunds r JOIN connections c ON c.id = r.connection_id AND c.pse = ANY($1::text[])
  WHERE r.due_at IS NOT NULL AND r.state IN ('REQUESTED', 'SUBMITTED', 'PENDING') GROUP BY 1, 2, 3)
SELECT w.merchant_id, w.connection_id::text || '/' || w.currency AS place, w.connection_id, NULL::uuid AS endpoint_id,
  w.count, w.since, jsonb_build_object(w.currency, w.amount) AS amounts, NULL::jsonb AS subjects,
  jsonb_build_object('balance', s.closing, 'currency', w.currency, 'day', s.business_date) AS facts
FROM wanted w JOIN shown s ON s.connection_id = w.connection_id AND s.currency = w.currency
WHERE s.closing < w.amount"""
# The days before are counted only of those who have had many within the hour.
VOLUME: Final = """WITH hour AS (SELECT r.merchant_id, count(*) AS count, min(r.created_at) AS since FROM refunds r
  WHERE r.created_at > now() - interval '1 hour' GROUP BY r.merchant_id HAVING count(*) >= $1::int),
  sums AS (SELECT h.merchant_id, r.currency, sum(r.amount) AS amount FROM hour h JOIN refunds r
    ON r.merchant_id = h.merchant_id AND r.created_at > now() - interval '1 hour' GROUP BY 1, 2),
  before AS (SELECT h.merchant_id, (SELECT count(*) FROM refunds r WHERE r.merchant_id = h.merchant_id
      AND r.created_at > now() - interval '7 days' AND r.created_at <= now() - interval '1 hour') / 167 AS usual
    FROM hour h)
SELECT h.merchant_id, 'refunds' AS place, NULL::uuid AS connection_id, NULL::uuid AS endpoint_id, h.count, h.since,
  (SELECT jsonb_object_agg(currency, amount) FROM sums s WHERE s.merchant_id = h.merchant_id) AS amounts,
  NULL::jsonb AS subjects, jsonb_build_object('usual', b.usual) AS facts
FROM hour h JOIN before b ON b.merchant_id = h.merchant_id WHERE h.count >= $2::int * greatest(b.usual, 1)"""
# What takes nothing at all; webhooks that have let a message be given up within a day, while others may arrive; and
# what people read that has refused one and has taken none since: what it was is told to nobody.
CHANNEL: Final = """SELECT e.merchant_id, e.id::text AS place, NULL::uuid AS connection_id, e.id AS endpoint_id,
  greatest(e.failures, g.count, 1)::bigint AS count, coalesce(e.failing_since, g.since, now()) AS since,
  NULL::jsonb AS amounts, NULL::jsonb AS subjects, jsonb_build_object('name', e.name, 'why', coalesce(e.why,
    CASE WHEN g.count > 0 THEN format('given up: %s, the last: %s', g.count, g.said) END, 'no answer')) AS facts
FROM endpoints e CROSS JOIN LATERAL (SELECT count(*) AS count, min(d.ended_at) AS since,
    (array_agg(d.said ORDER BY d.ended_at DESC))[1] AS said FROM deliveries d
  WHERE d.endpoint_id = e.id AND e.state = 'ACTIVE' AND d.state = 'FAILED'
    AND d.made_at > now() - interval '7 days' AND d.ended_at > now() - interval '1 day'
    AND (e.kind = 'WEBHOOK' OR NOT EXISTS (SELECT FROM deliveries t WHERE t.endpoint_id = e.id AND t.state = 'SENT'
      AND t.made_at > now() - interval '7 days' AND t.ended_at >= d.ended_at))) g
WHERE e.state = 'BROKEN' OR e.state = 'PAUSED' AND e.failing_since IS NOT NULL OR g.count > 0
  OR e.state = 'ACTIVE' AND e.failures >= 5 AND e.failing_since < now() - interval '15 minutes'"""
FORGED: Final = """SELECT c.merchant_id, c.id::text AS place, c.id AS connection_id, NULL::uuid AS endpoint_id,
  w.times::bigint AS count, w.day::timestamp AT TIME ZONE 'UTC' AS since, NULL::jsonb AS amounts,
  NULL::jsonb AS subjects, '{}'::jsonb AS facts
FROM refused_webhooks w JOIN connections c ON c.id = w.connection_id
WHERE w.day = (now() AT TIME ZONE 'UTC')::date AND w.times >= $1::int"""

# Refunds of a shop that wait for a person. One that has no payment yet is tried again by itself: told after so many
# minutes ($1).
SHOP_REFUNDS: Final = """SELECT r.merchant_id, NULL::uuid AS connection_id, 'shop/' || r.shop_id AS place,
  'shop_refund' AS what, r.id::text AS id, coalesce(r.order_number, r.order_reference, r.name, '')::text AS name,
  coalesce(r.amount, 0) AS amount, coalesce(r.currency, '')::text AS currency, r.waits_since AS since,
  NULL::text AS due, s.name::text AS said
FROM shop_refunds r JOIN shops s ON s.id = r.shop_id
WHERE r.waits_since IS NOT NULL
  AND (r.why <> 'NO_PAYMENT' OR r.waits_since <= now() - make_interval(mins => $1::int))"""
SHOPS: Final = """SELECT s.merchant_id, 'shop/' || s.id AS place, NULL::uuid AS connection_id,
  NULL::uuid AS endpoint_id, 1::bigint AS count, s.failing_since AS since, NULL::jsonb AS amounts,
  NULL::jsonb AS subjects,
  jsonb_build_object('said', s.name, 'why', s.failing_because) AS facts
FROM shops s WHERE s.failing_since <= now() - make_interval(mins => $1::int) AND s.state = 'ACTIVE'"""


def grouped(found: str) -> str:
    """One row for each place of what a query has found."""
    return _GROUPED.replace("{found}", found)
