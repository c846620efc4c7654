"""Money that lines of reports have left in SUSPENSE without an effect, and the finding that each line is of.

Each line is of one finding that is open, or that a person has resolved: the first of its names that there is
(`_NAMES`); its file's own finding (reconciliation/suspended) takes what nothing else speaks of. A finding is about one
currency: what a line of it has moved in another one is its file's, too. A file's lines of a store and currency are
rounded as they are booked, together: what each finding has of them comes to exactly that.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from domain.findings import on_their_way
from domain.findings.kinds import FindingKind
from domain.models import Finding
from domain.money import EXPONENTS
from domain.platform.database import rows

REST: Final = "suspense/"  # begins the fingerprint of a file's own finding
CORRECTION: Final = "correction/"  # begins that of one about rows that give no reason
_OF_A_PAYMENT: Final = ("duplicate/", "unclear/", "refunded-twice/")  # begin those of findings that name a payment, too
KINDS: Final = (
    FindingKind.MISSING_IN_LEDGER,
    FindingKind.UNKNOWN_LINE,
    FindingKind.CURRENCY_MISMATCH,
    FindingKind.DUPLICATE_LINE,
    FindingKind.DUPLICATE_REFUND,
    FindingKind.UNCLEAR_LINE,
    FindingKind.AMOUNT_MISMATCH,
    FindingKind.ADJUSTMENT_UNEXPLAINED,
)
_KINDS: Final = ", ".join(f"'{kind}'" for kind in KINDS)
_SCALES: Final = " ".join(f"WHEN '{currency}' THEN {10**places}" for currency, places in EXPONENTS.items())
# What a line `l` is called, and the names of findings about rows like it.
CALLED: Final = """coalesce(nullif(l.reference, ''), nullif(l.pse_refund_reference, ''), concat(l.amount, '/',
      to_char(l.booked_at AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISS')))"""
OF_ROWS: Final = """format('refunded-twice/%s/%s', l.payment_id, n.called),
      format('duplicate/%s/%s/%s/%s', l.payment_id, l.type, l.state, n.called),
      format('unclear/%s/%s', l.payment_id, n.called), format('unclear/%s/%s', l.payment_id, l.amount)"""
_NAMES: Final = f"""CASE
    WHEN l.type = 'OTHER' THEN ARRAY[format('word/%s/%s', c.id, l.kind), format('words/%s/%s', c.id, r.name)]
    WHEN l.type = 'CORRECTION' THEN ARRAY[format('{CORRECTION}%s/%s/%s/%s', c.id, l.settled_currency, l.kind, r.name)]
    WHEN l.payment_id IS NOT NULL THEN ARRAY[
      {OF_ROWS},
      CASE WHEN l.type = 'CAPTURE' THEN format('amount/%s', l.payment_id) END]
    WHEN n.payment IS NOT NULL THEN ARRAY[
      format('currency/%s/%s/%s/%s', c.id, n.payment, coalesce(n.reference, ''), l.currency),
      format('unknown/%s/%s/%s', c.id, n.payment, coalesce(n.reference, '')),
      format('currency-more/%s/%s/%s', c.id, l.currency, r.name),
      format('unknown-more/%s/%s/%s', c.id, l.currency, r.name)]
    ELSE ARRAY[format('unknown-nameless/%s/%s/%s/%s', c.id, l.type, l.currency, r.name)] END
  || format('suspense/%s/%s/%s/%s', c.id, s.store_id, l.settled_currency, r.name)"""
# Of connections ({which}): what each finding `alive` has in SUSPENSE by the lines in force, in minor units and signed;
# those of no finding have null. `excused`: its file is read again, or cannot be any more.
SHARES: Final = f"""
told AS MATERIALIZED (SELECT l.id, r.id AS report_id, r.name AS report, c.id AS connection_id, c.merchant_id,
    s.store_id, l.settled_currency, (r.repeat_since IS NOT NULL OR r.retired_at IS NOT NULL) AS excused,
    -(l.settled_net - coalesce(l.settled_fee, 0) - coalesce(l.settled_tax, 0) - coalesce(l.settled_withheld, 0))
      * CASE l.settled_currency {_SCALES} END AS amount, {_NAMES} AS names
  FROM connections c JOIN reports r ON r.connection_id = c.id AND r.superseded_at IS NULL
  JOIN settlement_lines l ON l.report_id = r.id AND l.voided_at IS NULL AND l.booked_as = 'UNEXPLAINED'
  LEFT JOIN payments p ON p.id = l.payment_id
  CROSS JOIN LATERAL (SELECT coalesce(p.store_id, c.default_store_id) AS store_id) s
  CROSS JOIN LATERAL (SELECT coalesce(l.payment_reference, l.payment_alias, l.order_reference) AS payment,
    coalesce(l.reference, l.pse_refund_reference) AS reference, {CALLED} AS called) n
  WHERE {{which}}),
alive AS MATERIALIZED (SELECT f.id, f.merchant_id, f.fingerprint, f.currency FROM findings f
  WHERE f.connection_id IN (SELECT connection_id FROM told) AND f.kind IN ({_KINDS})
    AND (f.resolved_at IS NULL OR EXISTS (SELECT 1 FROM finding_resolutions s WHERE s.finding_id = f.id
      AND s.started_at IS NOT NULL AND s.ended_at IS NULL))),
claims AS (SELECT t.id, n.place, a.id AS finding_id, t.settled_currency, first_value(t.settled_currency) OVER (
      PARTITION BY a.id ORDER BY t.settled_currency <> a.currency, t.settled_currency) AS its_currency
  FROM told t CROSS JOIN LATERAL unnest(t.names) WITH ORDINALITY AS n(name, place)
  JOIN alive a ON a.fingerprint = n.name AND a.merchant_id = t.merchant_id),
owned AS (SELECT DISTINCT ON (id) id, finding_id FROM claims WHERE settled_currency = its_currency
  ORDER BY id, place),
sums AS (SELECT t.report_id, t.report, t.connection_id, t.merchant_id, t.store_id, t.settled_currency AS currency,
    t.excused, o.finding_id, count(*) AS lines, sum(t.amount) AS amount
  FROM told t LEFT JOIN owned o USING (id) GROUP BY 1, 2, 3, 4, 5, 6, 7, 8),
shares AS (SELECT *, (round(sum(amount) OVER w) - round(sum(amount) OVER w - amount))::bigint AS units FROM sums
  WINDOW w AS (PARTITION BY report_id, store_id, currency ORDER BY finding_id ROWS UNBOUNDED PRECEDING))"""  # noqa: S608
_OF_FINDINGS: Final = f"""WITH {SHARES.format(which="c.id IN (SELECT connection_id FROM findings WHERE id = ANY($1))")}
SELECT finding_id AS id, currency, sum(units)::bigint AS amount FROM shares WHERE finding_id = ANY($1)
GROUP BY 1, 2"""  # noqa: S608 - ours
_REST: Final = f"""WITH {SHARES.format(which="c.id = $1")}
SELECT s.report, s.store_id, s.currency, sum(s.lines)::bigint AS lines, sum(s.units)::bigint AS amount FROM shares s
LEFT JOIN findings f ON f.id = s.finding_id WHERE f.id IS NULL OR starts_with(f.fingerprint, $2)
GROUP BY 1, 2, 3 HAVING sum(s.units) <> 0 ORDER BY 1, 2, 3"""  # noqa: S608 - ours


def is_told(finding: Finding) -> bool:
    """Whether what it has in SUSPENSE is what lines moved, and no payment's."""
    if on_their_way.is_payout(finding):
        return False
    if finding.payment_id is None:
        return True
    return finding.fingerprint.startswith(_OF_A_PAYMENT) or finding.fingerprint == f"amount/{finding.payment_id}"


async def of_findings(finding_ids: Sequence[UUID]) -> Mapping[UUID, tuple[int, str]]:
    """What the lines of each of these findings have left in SUSPENSE, whatever was said of it: minor units, signed, and
    their currency.
    """
    if not finding_ids:
        return {}
    return {row["id"]: (row["amount"], row["currency"]) for row in await rows(_OF_FINDINGS, list(finding_ids))}


async def rest_of(connection_id: UUID) -> Sequence[Mapping[str, Any]]:
    """What no other finding of the connection speaks of: report, store_id, currency, lines, amount (minor units)."""
    return await rows(_REST, connection_id, REST)
