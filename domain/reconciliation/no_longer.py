"""Findings that close because the reports in force say no longer what they say, or the books know it by now.

A night closes what its own lines agree about (compare.agreed). What a revised report has dropped has no line any more
that could, and what was registered since is a line like any other: both are looked for among the open findings.
"""

from typing import Final

from domain.findings import findings, names, told_money
from domain.models import Connection
from domain.platform.database import execute

GONE: Final = "No report tells of it any longer."
REGISTERED: Final = "The payment is registered now."
WITHDRAWN: Final = "One of both is withdrawn."
CLOSED_BY: Final = (GONE, REGISTERED, WITHDRAWN)  # what the night closed in these words it opens again
# Findings `f` of one connection and kind. A name of 600 characters may have been cut (findings.bounded).
_OVER: Final = (
    "SELECT f.id, {}::text AS said FROM findings f, {} WHERE f.merchant_id = $1 AND f.connection_id = $2 "  # noqa: S608
    f"AND {findings.MAY_END} AND f.kind = '{{}}' AND length(f.fingerprint) < 600 AND {{}}"
)
# Lines of payments that are not registered (unknown.of_lines), of the names that this report has, or had before: only
# its own reading can have changed what is said of them. A line is looked for by each of its names, so that each look
# has its index.
_LINE: Final = """SELECT 1 FROM settlement_lines l JOIN reports r ON r.id = l.report_id
  WHERE r.connection_id = $2 AND l.payment_id IS NULL AND l.voided_at IS NULL AND ({moved}) AND {name} = m.name
    AND coalesce(l.reference, l.pse_refund_reference) IS NOT DISTINCT FROM m.reference"""
_MOVED: Final = (
    "(l.type IN ('CAPTURE', 'REFUND', 'CHARGEBACK', 'CHARGEBACK_REVERSED') AND l.state = 'SUCCEEDED') "
    "OR (l.type = 'REFUND' AND l.state = 'RETURNED')"
)
_BY_PAYMENT, _BY_ALIAS = (
    _LINE.format(moved=_MOVED, name=f"l.{name}") for name in ("payment_reference", "payment_alias")
)
_BY_ORDER: Final = (
    _LINE.format(moved=_MOVED, name="l.order_reference")
    + " AND l.payment_reference IS NULL AND l.payment_alias IS NULL"
)
_MINE: Final = f"""SELECT f.id, t.name, t.reference FROM (
    SELECT DISTINCT coalesce(l.payment_reference, l.payment_alias, l.order_reference) AS name,
      coalesce(l.reference, l.pse_refund_reference) AS reference
    FROM (SELECT id FROM reports WHERE connection_id = $2 AND name = $3 ORDER BY created_at DESC, id LIMIT 2) r
    JOIN settlement_lines l ON l.report_id = r.id WHERE l.payment_id IS NULL AND ({_MOVED})) t
  JOIN findings f ON f.merchant_id = $1 AND f.fingerprint = concat('unknown/', $2::text, '/', t.name, '/', t.reference)
  WHERE {findings.MAY_END} AND f.kind = 'MISSING_IN_LEDGER' AND t.name IS NOT NULL"""  # noqa: S608 - ours
_UNKNOWN: Final = f"""WITH mine AS MATERIALIZED ({_MINE}), gone AS MATERIALIZED (
    SELECT m.id, m.name FROM mine m
    WHERE NOT EXISTS ({_BY_PAYMENT}) AND NOT EXISTS ({_BY_ALIAS}) AND NOT EXISTS ({_BY_ORDER}))
  SELECT gone.id, CASE WHEN EXISTS (SELECT 1 FROM payments p
      WHERE p.connection_id = $2 AND p.withdrawn_at IS NULL AND p.pse_reference = gone.name)
    OR EXISTS (SELECT 1 FROM payments p WHERE p.connection_id = $2 AND p.withdrawn_at IS NULL
      AND p.order_reference = gone.name) THEN $4::text ELSE $5 END AS said FROM gone"""  # noqa: S608 - ours
# Refunds that left, or came back, with another amount.
_REFUNDS: Final = _OVER.format(
    "$3",
    "refunds r",
    "AMOUNT_MISMATCH",
    "r.id = f.refund_id AND f.fingerprint IN ('amount/' || r.id, 'amount/back/' || r.id) "
    "AND NOT EXISTS (SELECT 1 FROM settlement_lines l WHERE l.refund_id = r.id AND l.voided_at IS NULL "
    "  AND f.fingerprint = CASE l.effect WHEN 'REFUND' THEN 'amount/' || r.id "
    "    WHEN 'RETURN' THEN 'amount/back/' || r.id END HAVING sum(l.amount) <> r.amount)",
)
# Money of nobody that came back with another amount than had left: until the sums of its name are equal, or none is
# told to have come back.
_BACK: Final = _OVER.format(
    "$3",
    "payments p",
    "AMOUNT_MISMATCH",
    "p.id = f.payment_id AND starts_with(f.fingerprint, 'amount/back/' || p.id || '/') "
    "AND NOT EXISTS (SELECT 1 FROM settlement_lines l WHERE l.payment_id = p.id AND l.voided_at IS NULL "
    "  AND l.effect IN ('TAKEN', 'TAKEN_BACK') "
    "  AND f.fingerprint = format('amount/back/%s/%s', p.id, coalesce(l.reference, l.pse_refund_reference)) "
    "  HAVING sum(l.amount) FILTER (WHERE l.effect = 'TAKEN') <> sum(l.amount) FILTER ("
    "    WHERE l.effect = 'TAKEN_BACK'))",
)
# Captures of another sum: none is told, or what is told is what was captured, and no kind of report tells of more. A
# part that is told twice is one, unless both are proven (captures).
_CAPTURES: Final = _OVER.format(
    "CASE WHEN t.told = 0 THEN $3::text ELSE $4 END",
    "payments p CROSS JOIN LATERAL (SELECT coalesce(max(k.proven + k.other), 0) AS told, "
    "  coalesce(sum(k.proven), 0) AS proven FROM (SELECT q.kind, coalesce(sum(q.proven), 0) AS proven, "
    "    coalesce(sum(q.amount) FILTER (WHERE q.proven = 0), 0) AS other FROM (SELECT l.kind, l.amount, "
    "      coalesce(sum(l.amount) FILTER (WHERE l.effect = 'CAPTURE'), 0) AS proven FROM settlement_lines l "
    "    WHERE l.payment_id = p.id AND l.type = 'CAPTURE' AND l.state = 'SUCCEEDED' AND l.voided_at IS NULL "
    "    GROUP BY l.kind, l.amount, coalesce(l.reference, l.pse_refund_reference, l.booked_at::text)) q "
    "  GROUP BY q.kind) k) t",
    "AMOUNT_MISMATCH",
    "p.id = f.payment_id AND f.fingerprint = 'amount/' || p.id "
    "AND (t.told = 0 OR (t.proven = p.captured AND t.told <= p.captured))",
)
_TWICE: Final = _OVER.format(
    "$3",
    "payments p",
    "AMOUNT_MISMATCH",
    "p.id = f.payment_id AND f.fingerprint = 'twice/' || p.id AND (p.withdrawn_at IS NOT NULL "
    "  OR (f.detail ->> 'one' IS NOT NULL AND NOT EXISTS (SELECT 1 FROM payments o WHERE o.withdrawn_at IS NULL "
    "    AND o.connection_id = p.connection_id AND o.pse_reference = f.detail ->> 'one')))",
)

# Rows that were there twice, or that came back without a name: what counts nowhere tells so still, as told_money names
# it. Of a row that is left alone its report counts this one, or another one does: only beside its equal, or where that
# one is of another payout or this one is booked beside it (refund_parts), is a row there twice. Rows of one report that
# differ may be parts of one refund, which another report counts.
_EQUAL: Final = f"""SELECT 1 FROM settlement_lines o WHERE o.payment_id = l.payment_id AND o.id <> l.id
  AND o.voided_at IS NULL AND o.type = l.type AND o.state = l.state
  AND (o.refund_id = l.refund_id OR {told_money.CALLED.replace("l.", "o.")} = n.called)
  AND ((o.report_id = l.report_id AND (o.amount = l.amount OR l.booked_as = 'UNEXPLAINED' OR l.settled_net IS NULL))
    OR (o.effect <> 'NONE' AND (o.payout_reference <> l.payout_reference
    OR l.booked_as = 'UNEXPLAINED')))"""  # noqa: S608 - ours
_ROWS: Final = f"""SELECT f.id, $3::text AS said FROM findings f WHERE f.merchant_id = $1 AND f.connection_id = $2
  AND {findings.MAY_END} AND f.kind IN ('DUPLICATE_LINE', 'DUPLICATE_REFUND', 'UNCLEAR_LINE')
  AND length(f.fingerprint) < 600 AND split_part(f.fingerprint, '/', 1) IN ('duplicate', 'refunded-twice', 'unclear')
  AND NOT EXISTS (SELECT 1 FROM settlement_lines l CROSS JOIN LATERAL (SELECT {told_money.CALLED} AS called) n
    WHERE l.payment_id = f.payment_id AND l.voided_at IS NULL AND l.effect = 'NONE'
      AND f.fingerprint IN ({told_money.OF_ROWS}) AND (f.kind <> 'DUPLICATE_LINE' OR EXISTS ({_EQUAL})))"""  # noqa: S608

# Rows that may be one row (nobodys_rows): they are two by now, or one of both is told no longer.
_REPEATED: Final = f"""SELECT f.id, $3::text AS said FROM findings f WHERE f.merchant_id = $1 AND f.connection_id = $2
  AND {findings.MAY_END} AND f.kind = 'DUPLICATE_LINE' AND length(f.fingerprint) < 600
  AND starts_with(f.fingerprint, '{names.REPEATED}') AND NOT EXISTS (
    SELECT 1 FROM settlement_lines l CROSS JOIN LATERAL (SELECT {told_money.CALLED} AS called) n
    JOIN settlement_lines o ON o.payment_id = l.payment_id AND o.amount = l.amount AND o.effect = 'TAKEN'
      AND o.voided_at IS NULL AND NOT o.by_amount AND lower(o.kind) IS NOT DISTINCT FROM lower(l.kind)
      AND {told_money.CALLED.replace("l.", "o.")} = n.called AND o.id <> l.id
      AND (o.payout_reference = l.payout_reference) IS NOT FALSE
    WHERE l.payment_id = f.payment_id AND l.voided_at IS NULL AND l.effect = 'TAKEN' AND NOT l.by_amount
      AND f.fingerprint = format('{names.REPEATED}%s/%s/%s', l.payment_id, l.amount, n.called)
      AND (o.booked_at = l.booked_at OR (o.report_id <> l.report_id AND NOT EXISTS (SELECT 1 FROM settlement_lines b
        WHERE b.payment_id = l.payment_id AND b.voided_at IS NULL AND b.type = 'REFUND' AND NOT b.by_amount
          AND b.state IN ('RETURNED', 'FAILED') AND {told_money.CALLED.replace("l.", "b.")} = n.called
          AND b.booked_at > least(l.booked_at, o.booked_at) AND b.booked_at < greatest(l.booked_at, o.booked_at)))))
"""  # noqa: S608 - ours


async def close_rows(connection: Connection) -> None:
    """Close what says of rows that they are there twice, or unclear, where reports have these no longer."""
    for rows in (_ROWS, _REPEATED):
        await execute(findings.closing(rows), connection.merchant_id, connection.id, GONE)


async def close(connection: Connection, name: str) -> None:
    """Close the connection's findings that hold no longer, each with a word why. After the report of that name is
    stored.
    """
    of = (connection.merchant_id, connection.id)
    await execute(findings.closing(_UNKNOWN), *of, name, REGISTERED, GONE)
    await execute(findings.closing(_REFUNDS), *of, GONE)
    await execute(findings.closing(_BACK), *of, GONE)
    await execute(findings.closing(_CAPTURES), *of, GONE, findings.AGREED)
    await execute(findings.closing(_TWICE), *of, WITHDRAWN)
