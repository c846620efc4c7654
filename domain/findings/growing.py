"""What the night does with open findings: what is overdue weighs more, and what has no due date gets one."""

from typing import Final

from domain.findings import kinds
from domain.findings.kinds import FindingKind
from domain.platform.database import execute

# From kind, amount and age alone, so that twice the same is once.
_GROW: Final = """UPDATE findings f SET severity = g.weight, due_at = g.due FROM (
  SELECT f.id, d.due, least($6::int, k.severity + CASE WHEN f.amount >= a.more THEN 2 WHEN f.amount >= a.least THEN 1
      ELSE 0 END + CASE WHEN now() > d.due THEN 1 ELSE 0 END) AS weight
  FROM findings f JOIN unnest($1::text[], $2::int[], $3::int[]) AS k(kind, severity, days) ON k.kind = f.kind
  CROSS JOIN LATERAL (SELECT coalesce(f.due_at, f.created_at + make_interval(days => k.days)) AS due) d
  LEFT JOIN unnest($4::text[], $5::bigint[], $7::bigint[]) AS a(currency, least, more) ON a.currency = f.currency
  WHERE f.resolved_at IS NULL) g
WHERE f.id = g.id AND f.resolved_at IS NULL AND (f.severity, f.due_at) IS DISTINCT FROM (g.weight::smallint, g.due)"""


async def grow() -> int:
    """Look at all that are open; how many weigh otherwise now."""
    known = [(kind.value, kinds.known(kind)) for kind in FindingKind]
    return await execute(
        _GROW,
        [name for name, _ in known],
        [one.severity for _, one in known],
        [one.due_in.days for _, one in known],
        list(kinds.RAISED),
        list(kinds.RAISED.values()),
        kinds.MOST,
        [kinds.RAISED_MORE[currency] for currency in kinds.RAISED],
    )
