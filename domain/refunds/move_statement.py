"""A move as one statement: the refund, the payment's counters, the event, the entries and, if it is sent, its attempt.

All of it or nothing, and one round trip. The refund is locked before its payment, as everywhere.
"""

from typing import Final

# $1 refund, $2 state, $3 seconds until it is due, $4 keep what was rung, $5 name, $6 failure code, $7 failure message,
# $8 succeeded at, $9 previous state, $10 kind, $11 request ID, $12 actor, $13 code, $14 message, $15 detail,
# $16 to $18 what the counters change by (reserved, refunded, VAT), $19 accounting date, $20 to $24 entries by column,
# $25 to $27 the party, the token and the session that it is done by.
_MOVE: Final = """
WITH {free}moved AS (UPDATE refunds r SET state = $2::varchar, sequence = sequence + 1, asks = 0,
    due_at = CASE WHEN $4::bool AND due_at <= now() THEN due_at ELSE now() + make_interval(secs => $3::float8) END,
    unsent = CASE WHEN $2::varchar IN ('REQUESTED', 'SUBMITTED') THEN unsent ELSE 0 END,
    doubt_since = NULL, needs_person_since = NULL, expires_at = NULL, reminded_at = NULL{cleared},
    pse_refund_reference = coalesce($5, pse_refund_reference), failure_code = coalesce($6, failure_code),
    failure_message = coalesce($7, failure_message),
    succeeded_at = CASE WHEN $2::varchar = 'SUCCEEDED' THEN coalesce($8, now()) ELSE succeeded_at END,
    updated_at = now()
  {which} RETURNING r.id, merchant_id, payment_id, connection_id, currency, sequence),{begun}
told AS (INSERT INTO events (merchant_id, refund_id, sequence, kind, state, previous_state, request_id, actor, code,
    message, detail, party, token_id, session_id, occurred_at)
  SELECT merchant_id, id, sequence, $10, $2, $9, $11, $12, $13, $14, $15::jsonb, $25::uuid, $26::uuid, $27::uuid, now()
  FROM moved),
shifted AS (UPDATE payments p SET reserved = reserved + $16, refunded = refunded + $17,
    tax_allocated = tax_allocated + $18
  FROM moved WHERE p.id = moved.payment_id AND ($16::bigint, $17::bigint, $18::bigint) <> (0, 0, 0)
  RETURNING p.taken_by_bank),
named AS (SELECT p.taken_by_bank FROM payments p JOIN moved ON p.id = moved.payment_id
  WHERE $5::varchar IS NOT NULL AND ($16::bigint, $17::bigint, $18::bigint) = (0, 0, 0) FOR NO KEY UPDATE OF p),
posted AS (INSERT INTO ledger_entries (merchant_id, store_id, connection_id, payment_id, refund_id, entry, debit,
    credit, amount, currency, accounting_date, cause, leg, request_id, booked_at)
  SELECT moved.merchant_id, p.store_id, moved.connection_id, p.id, moved.id, legs.entry, legs.debit, legs.credit,
    legs.amount, moved.currency, $19, 'refund/' || moved.id || '/' || moved.sequence || '/' || legs.entry, legs.leg,
    $11, now()
  FROM moved JOIN payments p ON p.id = moved.payment_id, unnest($20::varchar[], $21::varchar[], $22::varchar[],
    $23::bigint[], $24::int[]) AS legs(entry, debit, credit, amount, leg))
SELECT sequence, coalesce((SELECT taken_by_bank FROM shifted), (SELECT taken_by_bank FROM named)) AS taken
FROM moved"""

# $28: the attempt's number. Each send has a question of its own, so what the PSE did not know before is forgotten.
_BEGUN: Final = """
begun AS (INSERT INTO attempts (refund_id, number, claimed_until, sent_at, refusal)
  SELECT id, $28, now() + make_interval(secs => $3::float8), now(), false FROM moved),"""
_CLEARED: Final = ", unknown_at = NULL"

# $29 the sequence, $30 and $31 what the bank and chargebacks had taken of the payment when it was seen. Each send is an
# event, so after another's send there is another sequence; of the sends before, none may be one that has arrived. Whom
# somebody else has in hand is left to him: who waited here would decide by what was true before.
_FREE: Final = """free AS (SELECT id FROM refunds WHERE id = $1 AND state = $9::varchar AND sequence = $29
    AND due_at <= now() AND NOT EXISTS (
      SELECT 1 FROM attempts a WHERE a.refund_id = $1 AND a.outcome IS DISTINCT FROM 'UNSENT')
    AND EXISTS (SELECT 1 FROM payments p WHERE p.id = refunds.payment_id
      AND (p.taken_by_bank, p.charged_back) = ($30::bigint, $31::bigint)) FOR NO KEY UPDATE OF refunds SKIP LOCKED),
"""

_ANY: Final = {"free": "", "which": "WHERE id = $1"}
_UNCHANGED: Final = {"free": _FREE, "which": "FROM free WHERE r.id = free.id"}
PLAIN: Final = _MOVE.format(cleared="", begun="", **_ANY)  # of a locked refund
SENDING: Final = _MOVE.format(cleared=_CLEARED, begun=_BEGUN, **_ANY)  # the same, with its next attempt
SENDING_IF_UNCHANGED: Final = _MOVE.format(cleared=_CLEARED, begun=_BEGUN, **_UNCHANGED)  # nothing is locked
