"""Lines of a report that were settled in another currency: the PSE's own rates, kept and compared with the reference.

A line's own rate is what was settled for what was paid. It is as exact as its amounts are, so that a difference of one
minor unit of either is none.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID, uuid4

from domain.platform.database import execute, rows
from domain.settlements.fees import COUNTED, KNOWN, SHOWN_MAX, scale
from domain.settlements.rates import CARRIED_DAYS_MAX, HELD

LIMIT_PERCENT: Final = 3  # how far a PSE's rate may lie off the reference, where no schedule of FX says otherwise
# The converted lines of the valid report of a name. `had` in major units of the payment's currency.
_LINES: Final = f"""
  SELECT l.line, l.payment_reference, l.business_date AS day, l.currency AS base, l.settled_currency AS quote,
    r.merchant_id, l.amount::numeric / {scale("l.currency")} AS had, abs(l.settled_gross) AS got,
    1::numeric / {scale("l.settled_currency")} AS unit, 1::numeric / {scale("l.currency")} AS unit_had
  FROM reports r JOIN settlement_lines l ON l.report_id = r.id
  WHERE r.connection_id = $1 AND r.name = $2 AND r.superseded_at IS NULL AND l.voided_at IS NULL
    AND {COUNTED} AND l.settled_currency <> l.currency AND l.amount > 0 AND l.settled_gross <> 0
    AND l.currency IN {KNOWN} AND l.settled_currency IN {KNOWN}
    AND l.type IN ('CAPTURE', 'REFUND', 'CHARGEBACK', 'CHARGEBACK_REVERSED')"""  # noqa: S608 - ours, all bound
_HELD: Final = HELD.format(
    merchant="a.merchant_id",
    base="a.base",
    quote="a.quote",
    day="a.day",
    carried=CARRIED_DAYS_MAX,
    where="AND f.origin <> 'REPORT'",
)
# Its limit is a schedule's of kind FX, in the currency that is settled.
_LIMIT: Final = f"""coalesce((SELECT s.percent FROM fee_schedules s WHERE s.connection_id = $1 AND s.kind = 'FX'
    AND s.currency = a.quote AND s.withdrawn_at IS NULL AND s.valid_from <= a.day
    AND (s.valid_to IS NULL OR s.valid_to >= a.day) AND s.method IS NULL ORDER BY s.valid_from DESC, s.id DESC LIMIT 1),
    {LIMIT_PERCENT})"""  # noqa: S608 - ours
_COMPARED: Final = f"""
WITH told AS MATERIALIZED ({_LINES}),
asked AS (SELECT DISTINCT merchant_id, base, quote, day FROM told),
held AS MATERIALIZED (SELECT a.base AS of_base, a.quote AS of_quote, a.day, {_LIMIT} AS most, f.*
  FROM asked a CROSS JOIN LATERAL ({_HELD}) AS f),
judged AS (SELECT t.*, f.id, f.value, f.side, f.source, f.valid_from, f.carried, f.turned, f.most,
    t.got - t.had * f.value AS apart, t.got / t.had AS rate,
    abs(t.got - t.had * f.value) > t.had * f.value * f.most / 100 + t.unit + t.unit_had * f.value AS differs
  FROM told t JOIN held f ON (f.of_base, f.of_quote, f.day) = (t.base, t.quote, t.day)),
numbered AS (SELECT *, row_number() OVER (PARTITION BY base, quote, day, differs ORDER BY line) AS number FROM judged)
SELECT base, quote, day, id, value, side, source, valid_from, carried, turned, most, count(*) AS lines,
  count(*) FILTER (WHERE differs) AS differing, min(rate) FILTER (WHERE differs) AS lowest,
  max(rate) FILTER (WHERE differs) AS highest, sum(abs(apart) / unit) FILTER (WHERE differs) AS apart,
  jsonb_agg(jsonb_build_object('line', line, 'payment', payment_reference, 'paid', trim_scale(had)::text,
    'settled', trim_scale(got)::text, 'rate', round(rate, 6)::text) ORDER BY line)
    FILTER (WHERE differs AND number <= {SHOWN_MAX}) AS examples
FROM numbered GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 HAVING bool_or(differs) ORDER BY 1, 2, 3"""  # noqa: S608
# A report's own rates, as `_KEEP` says where they are from.
_ITS_OWN: Final = """f.connection_id = $1 AND f.origin = 'REPORT'
    AND substr(f.source, strpos(f.source, ' of ') + 4) = left($2, 500 - strpos(f.source, ' of ') - 3)"""
_WITHDRAW: Final = f"""UPDATE fx_rates f SET withdrawn_at = now(), withdrawn_by = $3
  WHERE f.merchant_id = (SELECT c.merchant_id FROM connections c WHERE c.id = $1) AND f.withdrawn_at IS NULL
    AND {_ITS_OWN}"""  # noqa: S608 - ours
_SAME: Final = "(f.base, f.quote, f.valid_from, f.rate) = (n.base, n.quote, n.day, n.rate)"
# Of each pair and day the rate of the largest line, which is the most exact. The same one is not kept again, also where
# a person has withdrawn it; what the report tells no longer counts no more.
_KEEP: Final = f"""
WITH told AS ({_LINES}),
largest AS (SELECT DISTINCT ON (base, quote, day) *, round(got / had, 12) AS rate FROM told
  ORDER BY base, quote, day, had DESC, line),
gone AS ({_WITHDRAW} AND NOT EXISTS (SELECT 1 FROM largest n WHERE {_SAME}))
INSERT INTO fx_rates (merchant_id, base, quote, side, rate, valid_from, valid_to, origin, source, batch_id,
  connection_id, entered_by, created_at)
SELECT merchant_id, base, quote, 'SINGLE', rate, day, day, 'REPORT', left('line ' || line || ' of ' || $2, 500),
  $4, $1, $3, now()
FROM largest n WHERE rate > 0 AND rate < 10000000000000000 AND NOT EXISTS (
  SELECT 1 FROM fx_rates f WHERE f.merchant_id = n.merchant_id AND {_SAME} AND {_ITS_OWN}
    AND (f.withdrawn_at IS NULL OR f.withdrawn_by <> $3))"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class OffRate:
    """Lines of one pair and day whose rate lies off the reference by more than `most` percent.

    `id` and what follows it are the reference's; `lowest` and `highest` are the lines'. `apart`: what they differ by
    together, in minor units of `quote`.
    """

    base: str
    quote: str
    day: date
    id: int
    value: Decimal
    side: str
    source: str
    valid_from: date
    carried: bool
    turned: bool
    most: Decimal
    lines: int
    differing: int
    lowest: Decimal
    highest: Decimal
    apart: Decimal
    examples: Sequence[dict[str, Any]]


async def keep(connection_id: UUID, report_name: str, actor: str) -> None:
    """Keep the PSE's own rates of the report, and take back what it tells no longer. Repeated, it adds nothing."""
    await execute(_KEEP, connection_id, report_name, actor, uuid4())


async def withdraw(connection_id: UUID, report_name: str, actor: str) -> None:
    """Take back all rates of a report: it has no converted line any more."""
    await execute(_WITHDRAW, connection_id, report_name, actor)


async def off_reference(connection_id: UUID, report_name: str) -> Sequence[OffRate]:
    """The report's rates that lie off the reference rate of their day, where there is one."""
    found = await rows(_COMPARED, connection_id, report_name)
    return [OffRate(**{**row, "examples": _examples(row["examples"])}) for row in found]


def _examples(told: Any) -> Sequence[dict[str, Any]]:
    made: Sequence[dict[str, Any]] = json.loads(told) if isinstance(told, str) else told
    return made
