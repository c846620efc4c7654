"""The month's VAT of refunds by country, store, currency and rule: taken back, declared, lost, waiting."""

import re
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.books.checkpoints import BEHIND_LAST
from domain.platform.database import rows
from domain.problems import InvalidInput

_PERIOD: Final = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
_COLUMNS: Final = """whose, country, store_id, currency, rule_id, rules_version, amount, state, due_on, is_documented,
    is_declared, is_lost, has_left"""
# Where the sales of a connection and a store are taxed, where somebody has said so.
_PLACE: Final = """(SELECT country FROM tax_places t WHERE t.merchant_id = $1 AND t.ended_at IS NULL
        AND (t.connection_id = {of}.connection_id OR t.store_id = {store}
          OR (t.connection_id IS NULL AND t.store_id IS NULL))
        ORDER BY t.connection_id IS NULL, t.store_id IS NULL LIMIT 1)"""
# Of what turned out to be a refund, and has no reversal: a person says what becomes of its VAT, by the day of that.
_NOBODYS: Final = f"""
    SELECT v.id AS whose, coalesce({_PLACE.format(of="v", store="p.store_id")}, m.country) AS country, p.store_id,
        v.currency, NULL::varchar AS rule_id,
        NULL::varchar AS rules_version, r.tax AS amount, 'NEEDED' AS state, NULL::date AS due_on,
        false AS is_documented, false AS is_declared,
        false AS is_lost, d.account IS NULL AND to_char(r.started_at AT TIME ZONE m.zone, 'YYYY-MM') <= $2 AS has_left
    FROM finding_resolutions r JOIN findings v ON v.merchant_id = r.merchant_id
      AND v.fingerprint = 'vat/finding/' || r.finding_id
    JOIN payments p ON p.id = v.payment_id JOIN merchants m ON m.id = v.merchant_id
    LEFT JOIN LATERAL (SELECT s.account
      FROM finding_resolutions s WHERE s.finding_id = v.id AND s.started_at IS NOT NULL AND s.ended_at IS NULL) AS d
      ON true
    WHERE r.merchant_id = $1 AND r.tax > 0 AND r.started_at IS NOT NULL AND r.ended_at IS NULL"""  # noqa: S608 - ours
# The ledger's entries of the month that lose VAT, or find it again: of the days on which the checkpoints know of some,
# and of what was booked behind the last one. Day by day (OFFSET): PostgreSQL cannot know that they are few. Whatever
# becomes of the VAT later, a month's own entries stay.
_BOOKED: Final = f"""
last AS MATERIALIZED (SELECT coalesce(max(until_entry), 0) AS id FROM ledger_checkpoints),
days AS MATERIALIZED (SELECT DISTINCT k.connection_id, k.accounting_date FROM around, connections c
    JOIN ledger_checkpoints k ON k.merchant_id = c.merchant_id AND k.connection_id = c.id
    WHERE c.merchant_id = $1 AND k.account = 'VAT_LOST' AND k.accounting_date >= first_day
      AND k.accounting_date < behind),
booked AS MATERIALIZED (
    SELECT e.* FROM days d CROSS JOIN LATERAL (SELECT * FROM ledger_entries WHERE merchant_id = $1
        AND connection_id = d.connection_id AND accounting_date = d.accounting_date AND entry = 'VAT_NOT_RECOVERABLE'
        AND id <= (SELECT id FROM last) OFFSET 0) AS e
    UNION ALL SELECT ledger_entries.* FROM {BEHIND_LAST}, around WHERE merchant_id = $1
      AND entry = 'VAT_NOT_RECOVERABLE' AND accounting_date >= first_day AND accounting_date < behind),
lost AS (SELECT merchant_id, connection_id, store_id, currency, refund_id, split_part(cause, '/', 1) AS kind,
        CASE WHEN cause ~ '^(vat|finding)/' THEN split_part(cause, '/', 2)::uuid END AS of_id,
        sum(CASE debit WHEN 'VAT_LOST' THEN amount ELSE -amount END) AS amount
    FROM booked GROUP BY 1, 2, 3, 4, 5, 6, 7),
losses AS (
    SELECT coalesce(v.id, r.finding_id) AS whose, coalesce(v.country, {_PLACE.format(of="l", store="l.store_id")},
        m.country) AS country, l.store_id, l.currency, v.rule_id, v.rules_version, l.amount, 'NOT_RECOVERABLE' AS state,
        NULL::date AS due_on, false AS is_documented, false AS is_declared, true AS is_lost, false AS has_left
    FROM lost l JOIN merchants m ON m.id = l.merchant_id
    LEFT JOIN vat_reversals v ON l.kind = 'vat' AND v.id = l.of_id
    LEFT JOIN finding_resolutions r ON l.kind = 'finding' AND r.id = l.of_id
    WHERE l.amount <> 0)"""  # noqa: S608 - ours
# What documents took back, or no longer do, by the document's month while that is open: once it is closed, by the day
# on which the ledger has it. Entries say of which day their document is; older ones do not, and the one that stands has
# it in its reversal.
_PAPERS: Final = f"""
closings AS MATERIALIZED (SELECT last_day, confirmed_at FROM period_closings
    WHERE merchant_id = $1 AND confirmed_at IS NOT NULL),
papers AS MATERIALIZED (
    SELECT e.id, e.connection_id, e.store_id, e.currency, e.cause, e.accounting_date, e.booked_at,
        CASE e.debit WHEN 'OUTPUT_VAT' THEN e.amount ELSE -e.amount END AS amount FROM ledger_entries e, around
    WHERE e.merchant_id = $1 AND e.entry = 'VAT_DOCUMENTED' AND e.accounting_date >= first_day
      AND e.accounting_date < coalesce((SELECT min(confirmed_at)::date + 2 FROM closings WHERE last_day >= behind - 1),
        'infinity')
    UNION SELECT e.id, e.connection_id, e.store_id, e.currency, e.cause, e.accounting_date, e.booked_at,
        CASE e.debit WHEN 'OUTPUT_VAT' THEN e.amount ELSE -e.amount END FROM around, vat_reversals v
      JOIN ledger_entries e ON e.refund_id = v.refund_id AND e.entry = 'VAT_DOCUMENTED'
    WHERE v.merchant_id = $1 AND v.booked = 'DOCUMENTED' AND v.document_on >= first_day AND v.document_on < behind),
dated AS (SELECT p.*, v.id AS reversal_id, r.finding_id, v.country, v.rule_id, v.rules_version,
        coalesce(CASE k.kind WHEN 'vat' THEN nullif(split_part(p.cause, '/', 4), '')::date END,
          CASE WHEN v.booked = 'DOCUMENTED' AND split_part(p.cause, '/', 3) = v.sequence::text THEN v.document_on END,
          p.accounting_date) AS paper_on
    FROM papers p CROSS JOIN LATERAL (SELECT split_part(p.cause, '/', 1) AS kind,
        CASE WHEN p.cause ~ '^(vat|finding)/' THEN split_part(p.cause, '/', 2)::uuid END AS id) k
    LEFT JOIN vat_reversals v ON k.kind = 'vat' AND v.id = k.id
    LEFT JOIN finding_resolutions r ON k.kind = 'finding' AND r.id = k.id),
documented AS (
    SELECT coalesce(d.reversal_id, d.finding_id) AS whose, coalesce(d.country,
        {_PLACE.format(of="d", store="d.store_id")}, m.country) AS country, d.store_id, d.currency, d.rule_id,
        d.rules_version, sum(d.amount) AS amount, 'DOCUMENTED' AS state, NULL::date AS due_on, true AS is_documented,
        false AS is_declared, false AS is_lost, false AS has_left
    FROM around, merchants m, dated d CROSS JOIN LATERAL (SELECT CASE WHEN d.booked_at > (SELECT min(confirmed_at)
        FROM closings WHERE last_day >= d.paper_on) THEN d.accounting_date ELSE d.paper_on END AS counts_on) c
    WHERE m.id = $1 AND c.counts_on >= first_day AND c.counts_on < behind
    GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(d.amount) <> 0)"""  # noqa: S608 - ours
# Documented by the document's month; declared by the return's, which stays as it was filed, whatever comes after; lost
# by the ledger's; what waits is of refunds that had left by the end of the month, as it stands now.
_LINES: Final = f"""
WITH around AS (SELECT to_date($2, 'YYYY-MM') AS first_day,
    (to_date($2, 'YYYY-MM') + interval '1 month')::date AS behind),
found AS (
    SELECT id FROM vat_reversals WHERE merchant_id = $1 AND period = $2
    UNION SELECT id FROM vat_reversals WHERE merchant_id = $1 AND state IN ('NEEDED', 'NEEDS_REVIEW')),
ours AS (
    SELECT v.*, v.id AS whose, false AS is_documented, period = $2 AS is_declared, false AS is_lost,
        to_char(coalesce(event_on, paid_on), 'YYYY-MM') <= $2 AS has_left
    FROM found JOIN vat_reversals v USING (id)),
nobodys AS ({_NOBODYS}),{_BOOKED},{_PAPERS},
mine AS (SELECT * FROM (
      SELECT {_COLUMNS} FROM ours UNION ALL SELECT {_COLUMNS} FROM nobodys UNION ALL SELECT {_COLUMNS} FROM losses
      UNION ALL SELECT {_COLUMNS} FROM documented)
      AS each
    WHERE ($3::uuid[] IS NULL OR store_id = ANY($3))
      AND ($4::varchar IS NULL OR country = $4) AND ($5::uuid IS NULL OR store_id = $5))
SELECT m.country, m.store_id, s.code AS store, m.currency, m.rule_id,
    coalesce(sum(amount) FILTER (WHERE is_documented AND amount > 0), 0) AS documented,
    coalesce(-sum(amount) FILTER (WHERE is_documented AND amount < 0), 0) AS undocumented,
    coalesce(sum(amount) FILTER (WHERE is_declared), 0) AS declared,
    coalesce(sum(amount) FILTER (WHERE is_lost AND amount > 0), 0) AS lost,
    coalesce(-sum(amount) FILTER (WHERE is_lost AND amount < 0), 0) AS found_again,
    coalesce(sum(amount) FILTER (WHERE has_left AND state = 'NEEDED'), 0) AS pending,
    coalesce(sum(amount) FILTER (WHERE has_left AND state = 'NEEDS_REVIEW'), 0) AS review,
    count(DISTINCT whose) FILTER (WHERE is_documented OR is_declared OR is_lost OR (has_left AND state IN ('NEEDED',
        'NEEDS_REVIEW'))) AS reversals,
    count(*) FILTER (WHERE has_left AND state IN ('NEEDED', 'NEEDS_REVIEW') AND due_on < current_date) AS overdue,
    coalesce(array_agg(DISTINCT rules_version) FILTER (WHERE rules_version IS NOT NULL), '{{}}') AS versions
FROM mine m JOIN stores s ON s.id = m.store_id
WHERE is_documented OR is_declared OR is_lost OR (has_left AND state IN ('NEEDED', 'NEEDS_REVIEW'))
GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 3, 4, 5 LIMIT $6"""  # noqa: S608 - ours


@dataclass(frozen=True, slots=True)
class TaxLine:
    """One country, store, currency and rule of a month. Sums in minor units."""

    country: str
    store_id: UUID
    store: str
    currency: str
    rule_id: str | None
    documented: int
    undocumented: int  # documents that are undone, by a counter-document or of a month that was closed before
    declared: int
    lost: int
    found_again: int  # lost in an earlier month; with `lost` it is what the ledger's VAT_LOST has moved by
    pending: int
    review: int
    reversals: int
    overdue: int
    versions: list[str]


async def of_month(
    principal: Principal, period: str, limit: int, *, country: str | None = None, store_id: UUID | None = None
) -> list[TaxLine]:
    """The month's lines of the stores whose ledger somebody may read. Never a part of them: raises InvalidInput.

    Raises Forbidden.
    """
    scope = principal.scope(Permission.READ_LEDGER)
    if _PERIOD.fullmatch(period) is None:
        raise InvalidInput("period is a month as YYYY-MM.", path=["period"])
    stores = None if scope.stores is None else list(scope.stores)
    found = await rows(_LINES, scope.merchant_id, period, stores, country, store_id, limit + 1)
    if len(found) > limit:
        raise InvalidInput(f"The report has more than {limit} lines; name a country or a store.", path=["country"])
    sums = ("documented", "undocumented", "declared", "lost", "found_again", "pending", "review")
    return [TaxLine(**{**row, **{name: int(row[name]) for name in sums}}) for row in found]
