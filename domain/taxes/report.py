"""The month's VAT of refunds by country, store, currency and rule: taken back, declared, lost, waiting."""

import re
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.platform.database import rows
from domain.problems import InvalidInput

_PERIOD: Final = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
_COLUMNS: Final = """country, store_id, currency, rule_id, rules_version, amount, state, due_on, is_documented,
    is_declared, is_lost, has_left"""
# Of what turned out to be a refund, and has no reversal: a person says what becomes of its VAT, by the day of that.
_NOBODYS: Final = """
    SELECT coalesce(t.country, m.country) AS country, p.store_id, v.currency, NULL::varchar AS rule_id,
        NULL::varchar AS rules_version, r.tax AS amount, 'NEEDED' AS state, NULL::date AS due_on,
        coalesce(d.account = 'OUTPUT_VAT' AND d.month = $2, false) AS is_documented, false AS is_declared,
        coalesce(d.account = 'VAT_LOST' AND d.month = $2, false) AS is_lost,
        d.account IS NULL AND to_char(r.started_at AT TIME ZONE m.zone, 'YYYY-MM') <= $2 AS has_left
    FROM finding_resolutions r JOIN findings v ON v.merchant_id = r.merchant_id
      AND v.fingerprint = 'vat/finding/' || r.finding_id
    JOIN payments p ON p.id = v.payment_id JOIN merchants m ON m.id = v.merchant_id
    LEFT JOIN LATERAL (SELECT s.account, to_char(s.started_at AT TIME ZONE m.zone, 'YYYY-MM') AS month
      FROM finding_resolutions s WHERE s.finding_id = v.id AND s.started_at IS NOT NULL AND s.ended_at IS NULL) AS d
      ON true
    LEFT JOIN LATERAL (SELECT country FROM tax_places t WHERE t.merchant_id = v.merchant_id AND t.ended_at IS NULL
        AND (t.connection_id = v.connection_id OR t.store_id = p.store_id
          OR (t.connection_id IS NULL AND t.store_id IS NULL))
        ORDER BY t.connection_id IS NULL, t.store_id IS NULL LIMIT 1) AS t ON true
    WHERE r.merchant_id = $1 AND r.tax > 0 AND r.started_at IS NOT NULL AND r.ended_at IS NULL"""
# Documented by the document's month; declared by the return's, which stays as it was filed, whatever comes after; lost
# by the ledger's; what waits is of refunds that had left by the end of the month, as it stands now.
_LINES: Final = f"""
WITH around AS (SELECT to_date($2, 'YYYY-MM') AS first_day,
    (to_date($2, 'YYYY-MM') + interval '1 month')::date AS behind),
found AS (
    SELECT v.id FROM vat_reversals v, around WHERE merchant_id = $1 AND booked = 'DOCUMENTED'
      AND document_on >= first_day AND document_on < behind
    UNION SELECT id FROM vat_reversals WHERE merchant_id = $1 AND period = $2
    UNION SELECT v.id FROM vat_reversals v, around WHERE merchant_id = $1 AND booked = 'LOST'
      AND settled_on >= first_day AND settled_on < behind
    UNION SELECT id FROM vat_reversals WHERE merchant_id = $1 AND state IN ('NEEDED', 'NEEDS_REVIEW')),
ours AS (
    SELECT v.*, to_char(document_on, 'YYYY-MM') = $2 AND booked = 'DOCUMENTED' AS is_documented,
        period = $2 AS is_declared, booked = 'LOST' AND to_char(settled_on, 'YYYY-MM') = $2
        AS is_lost, to_char(coalesce(event_on, paid_on), 'YYYY-MM') <= $2 AS has_left
    FROM found JOIN vat_reversals v USING (id)),
nobodys AS ({_NOBODYS}),
mine AS (SELECT * FROM (
      SELECT {_COLUMNS} FROM ours UNION ALL SELECT {_COLUMNS} FROM nobodys) AS each
    WHERE ($3::uuid[] IS NULL OR store_id = ANY($3))
      AND ($4::varchar IS NULL OR country = $4) AND ($5::uuid IS NULL OR store_id = $5))
SELECT m.country, m.store_id, s.code AS store, m.currency, m.rule_id,
    coalesce(sum(amount) FILTER (WHERE is_documented), 0) AS documented,
    coalesce(sum(amount) FILTER (WHERE is_declared), 0) AS declared,
    coalesce(sum(amount) FILTER (WHERE is_lost), 0) AS lost,
    coalesce(sum(amount) FILTER (WHERE has_left AND state = 'NEEDED'), 0) AS pending,
    coalesce(sum(amount) FILTER (WHERE has_left AND state = 'NEEDS_REVIEW'), 0) AS review,
    count(*) FILTER (WHERE is_documented OR is_declared OR is_lost OR (has_left AND state IN ('NEEDED',
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
    declared: int
    lost: int
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
    sums = ("documented", "declared", "lost", "pending", "review")
    return [TaxLine(**{**row, **{name: int(row[name]) for name in sums}}) for row in found]
