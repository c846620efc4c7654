"""What must always be true of reports and their lines: each a query as domain/invariants explains it."""

from collections.abc import Mapping
from typing import Final

from domain.money import EXPONENTS
from domain.settlements.balances import WANTED
from domain.settlements.booked import BY_TYPE as _BY_TYPE
from domain.settlements.booked import LARGEST
from domain.settlements.booked import OF_PAYMENT as _OF_PAYMENT
from domain.settlements.differences import GAINED, OF_PAYOUTS, SCALES
from domain.settlements.payouts import WANTED as _PAID

_KNOWN: Final = f"({', '.join(repr(name) for name in EXPONENTS)})"

# Rows of one name are of one money.
_ONE: Final = (
    "CASE WHEN by_amount THEN id::text ELSE coalesce(refund_id::text, reference, pse_refund_reference, id::text) END"
)

SETTLEMENTS: Final[Mapping[str, str]] = {
    "balance: PSE_BALANCE is what the valid report lines and payouts say, beside what was there before": f"""
        WITH lines AS (
          SELECT r.id, r.connection_id, s.currency, NULL AS settled_currency, sum(CASE WHEN s.effect IN ('CAPTURE',
            'RETURN', 'TAKEN_BACK', 'CHARGEBACK_REVERSED') THEN s.amount ELSE -s.amount END)::numeric AS amount
          FROM settlement_lines s JOIN reports r ON r.id = s.report_id
          WHERE s.voided_at IS NULL AND s.booked_as = 'NONE' AND s.effect <> 'NONE' GROUP BY 1, 2, 3
          UNION ALL
          SELECT r.id, r.connection_id, s.settled_currency, s.settled_currency, sum(CASE s.booked_as WHEN 'PAYOUT'
            THEN coalesce(s.settled_fee, 0) + coalesce(s.settled_tax, 0) + coalesce(s.settled_withheld, 0)
            ELSE s.settled_net END)
          FROM settlement_lines s JOIN reports r ON r.id = s.report_id
          WHERE s.voided_at IS NULL AND s.booked_as <> 'NONE' GROUP BY 1, 2, 3),
        told AS (
          SELECT connection_id, currency, sum(CASE WHEN settled_currency IS NULL THEN amount
            ELSE round(amount * CASE currency {SCALES} END) END) AS amount FROM lines GROUP BY 1, 2
          UNION ALL SELECT p.connection_id, t.settled_currency, -sum(t.settled) FROM payout_parts t
            JOIN payouts p ON p.id = t.payout_id WHERE t.voided_at IS NULL GROUP BY 1, 2)
        SELECT format('connection %s %s: reports %s, ledger %s', coalesce(b.connection_id, l.connection_id),
                      coalesce(b.currency, l.currency), coalesce(l.amount, 0), coalesce(b.amount, 0)) AS detail
        FROM (SELECT connection_id, currency,
                     sum(CASE WHEN debit = 'PSE_BALANCE' THEN amount ELSE -amount END) AS amount
              FROM ledger_entries WHERE 'PSE_BALANCE' IN (debit, credit) AND entry <> 'PROVE_OPENING'
                AND (entry LIKE 'PROVE_%' OR entry = 'CONVERT') GROUP BY 1, 2) b
        FULL JOIN (SELECT connection_id, currency, sum(amount) AS amount FROM told GROUP BY 1, 2) l
          USING (connection_id, currency)
        WHERE coalesce(b.amount, 0) <> coalesce(l.amount, 0)""",  # noqa: S608 - ours
    # What was booked once by no report is older than the booking of such money. So is a report that has booked nothing:
    # what it tells more often than others is booked when it is read again.
    "once: money of no payment stands as often as the valid report that tells it most often": f"""
        WITH anew AS MATERIALIZED (SELECT DISTINCT report_id FROM settlement_lines WHERE booked_as <> 'NONE'),
        told AS (SELECT r.connection_id, r.id, l.type, l.state, l.settled_net, l.settled_currency,
            coalesce(l.payment_reference, l.payment_alias, l.order_reference) AS payment,
            CASE WHEN NOT l.by_amount THEN coalesce(l.reference, l.pse_refund_reference) END AS name,
            CASE WHEN l.type NOT IN {_OF_PAYMENT} THEN l.payout_reference END AS payout,
            CASE WHEN l.type NOT IN {_OF_PAYMENT} AND l.type <> 'PAYOUT' THEN l.kind END AS kind,
            CASE WHEN l.type <> 'PAYOUT' OR l.payout_reference IS NULL THEN l.booked_at END AS at,
            count(*) FILTER (WHERE l.voided_at IS NULL AND a.report_id IS NOT NULL) AS lines,
            count(*) FILTER (WHERE l.voided_at IS NULL AND l.booked_as <> 'NONE') AS booked,
            bool_or(l.booked_as <> 'NONE') AS ever,
            bool_or(l.voided_at IS NULL AND (r.repeat_since IS NOT NULL OR r.retired_at IS NOT NULL)) AS waits
          FROM settlement_lines l JOIN reports r ON r.id = l.report_id LEFT JOIN anew a ON a.report_id = r.id
          WHERE l.effect = 'NONE' AND l.settled_currency IN {_KNOWN} AND l.settled_net IS NOT NULL
            AND greatest(abs(l.settled_net), abs(l.settled_fee), abs(l.settled_tax), abs(l.settled_withheld))
              <= {LARGEST} AND (l.payment_id IS NULL OR l.type IN {_BY_TYPE})
          GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
        SELECT format('connection %s: %s of %s %s, told %s times, booked %s times', connection_id, type, settled_net,
                      settled_currency, max(lines), sum(booked)) AS detail
        FROM told GROUP BY connection_id, type, state, settled_net, settled_currency, payment, name, payout, kind, at
        HAVING bool_or(ever) AND NOT bool_or(waits) AND sum(booked) <> max(lines)""",  # noqa: S608 - ours
    "payouts: what is on its way to a bank is what valid reports tell": """
        SELECT format('connection %s %s: payouts %s, their parts %s, ledger %s', connection_id, currency,
                      coalesce(p.amount, 0), coalesce(t.amount, 0), coalesce(l.amount, 0)) AS detail
        FROM (SELECT connection_id, currency, sum(amount) AS amount FROM payouts GROUP BY 1, 2) p
        FULL JOIN (SELECT p.connection_id, p.currency, sum(t.amount) AS amount FROM payout_parts t
              JOIN payouts p ON p.id = t.payout_id WHERE t.voided_at IS NULL GROUP BY 1, 2) t
          USING (connection_id, currency)
        FULL JOIN (SELECT connection_id, currency, sum(CASE WHEN debit = 'PAYOUTS_IN_TRANSIT' THEN amount
                ELSE -amount END) AS amount FROM ledger_entries WHERE entry = 'PROVE_PAYOUTS' GROUP BY 1, 2) l
          USING (connection_id, currency)
        WHERE coalesce(p.amount, 0) <> coalesce(t.amount, 0) OR coalesce(p.amount, 0) <> coalesce(l.amount, 0)""",
    # A report that is read again counts what is left to it then; one that cannot be any more, what it has counted.
    "paid once: a payout comes to what rows tell of it, or to what is told of it beside lines, whichever is more": f"""
        SELECT format('payout %s: counted %s and %s %s, told %s and %s', p.reference, sum(t.amount), sum(t.settled),
                      t.settled_currency, {_PAID.format(told="told_amount")}, {_PAID.format(told="told_settled")})
               AS detail
        FROM payout_parts t JOIN payouts p ON p.id = t.payout_id JOIN reports r ON r.id = t.report_id
        WHERE t.voided_at IS NULL GROUP BY p.id, t.settled_currency
        HAVING bool_and(r.repeat_since IS NULL AND r.retired_at IS NULL)
          AND (sum(t.amount) <> {_PAID.format(told="told_amount")}
            OR sum(t.settled) <> {_PAID.format(told="told_settled")})""",  # noqa: S608 - ours
    "opening: what was there before the first report that tells it is posted once": f"""
        WITH {WANTED}
        SELECT format('connection %s %s: reports %s, ledger %s', connection_id, currency, coalesce(w.amount, 0),
                      coalesce(l.amount, 0)) AS detail
        FROM wanted w FULL JOIN (SELECT connection_id, currency, sum(CASE WHEN debit = 'PSE_BALANCE' THEN amount
            ELSE -amount END) AS amount FROM ledger_entries WHERE entry = 'PROVE_OPENING' GROUP BY 1, 2) l
          USING (connection_id, currency)
        WHERE coalesce(w.amount, 0) <> coalesce(l.amount, 0)""",  # noqa: S608 - ours
    "fx: differences are what conversions left of payments whose money has all gone out again": f"""
        SELECT format('connection %s %s: lines %s, ledger %s', coalesce(w.connection_id, l.connection_id),
                      coalesce(w.currency, l.currency), coalesce(w.amount, 0), coalesce(l.amount, 0)) AS detail
        FROM (SELECT p.connection_id, g.currency, sum(g.amount) AS amount FROM ({GAINED}) g
              JOIN payments p ON p.id = g.payment_id GROUP BY 1, 2) w
        FULL JOIN (SELECT connection_id, currency, sum(CASE debit WHEN 'FX_CLEARING' THEN amount ELSE -amount END)
              AS amount FROM ledger_entries WHERE entry = 'FX_DIFFERENCE' AND NOT starts_with(cause, '{OF_PAYOUTS}')
              GROUP BY 1, 2) l
          USING (connection_id, currency)
        WHERE coalesce(w.amount, 0) <> coalesce(l.amount, 0)""",  # noqa: S608 - ours
    "lines: what a line settles exists and belongs together": """
        SELECT format('line %s of report %s: payment %s, refund %s', s.line, s.report_id, s.payment_id, s.refund_id)
               AS detail, s.payment_id
        FROM settlement_lines s LEFT JOIN reports r ON r.id = s.report_id LEFT JOIN payments p ON p.id = s.payment_id
        LEFT JOIN refunds f ON f.id = s.refund_id
        WHERE @(s.payment_id) AND (r.id IS NULL
           OR (s.payment_id IS NOT NULL AND (p.id IS NULL OR p.connection_id <> r.connection_id))
           OR (s.refund_id IS NOT NULL AND (f.id IS NULL OR f.payment_id <> s.payment_id)))""",
    "settled: a refund has left in one line, or in parts of it, and come back in one; in none if the bank paid it": """
        SELECT format('refund %s: %s lines that it left, %s that it came back, from the bank: %s', f.id,
                      count(*) FILTER (WHERE s.effect = 'REFUND'), count(*) FILTER (WHERE s.effect = 'RETURN'),
                      f.paid_by_bank_transfer) AS detail, f.payment_id
        FROM settlement_lines s JOIN refunds f ON f.id = s.refund_id
        WHERE @(f.payment_id) AND s.voided_at IS NULL AND s.effect IN ('REFUND', 'RETURN') GROUP BY f.id
        HAVING f.paid_by_bank_transfer OR (count(*) FILTER (WHERE s.effect = 'REFUND') > 1
             AND sum(s.amount) FILTER (WHERE s.effect = 'REFUND') > f.amount)
           OR count(*) FILTER (WHERE s.effect = 'RETURN') > 1""",
    # The night that reads the second one says so, after it has written it.
    "refunded twice: two names that one kind of report has for a refund of ours are found": """
        SELECT format('refund %s: proven as %s, and told as %s', s.refund_id, s.pse_refund_reference,
                      o.pse_refund_reference) AS detail, s.payment_id
        FROM settlement_lines s JOIN settlement_lines o ON o.payment_id = s.payment_id AND o.refund_id = s.refund_id
          AND o.kind IS NOT DISTINCT FROM s.kind AND o.pse_refund_reference <> s.pse_refund_reference
        JOIN reports r ON r.id = o.report_id
        WHERE @(s.payment_id) AND s.effect = 'REFUND' AND s.voided_at IS NULL AND NOT s.by_amount
          AND o.type = 'REFUND' AND o.state = 'SUCCEEDED' AND o.voided_at IS NULL AND NOT o.by_amount
          AND r.repeat_since IS NULL AND r.retired_at IS NULL
          AND NOT EXISTS (SELECT 1 FROM findings f WHERE f.merchant_id = r.merchant_id
            AND f.refund_id = s.refund_id AND f.kind IN ('DUPLICATE_REFUND', 'DUPLICATE_LINE'))
          AND NOT EXISTS (SELECT 1 FROM reconciliation_runs n WHERE n.connection_id = r.connection_id
            AND n.state = 'RUNNING')""",
    # A date that is due to be repeated proves it then.
    "proven: what a valid report tells of a payment, a chargeback or a refund of ours is proven by one that does": """
        SELECT format('payment %s, refund %s: %s lines of type %s prove nothing', s.payment_id, s.refund_id, count(*),
                      s.type) AS detail, s.payment_id
        FROM settlement_lines s JOIN reports r ON r.id = s.report_id
        WHERE @(s.payment_id) AND s.voided_at IS NULL AND s.state = 'SUCCEEDED' AND s.payment_id IS NOT NULL
          AND s.amount > 0 AND (s.type IN ('CAPTURE', 'CHARGEBACK', 'CHARGEBACK_REVERSED')
            OR (s.type = 'REFUND' AND s.refund_id IS NOT NULL))
        GROUP BY s.payment_id, s.refund_id, s.type
        HAVING bool_and(s.effect = 'NONE') AND bool_and(r.repeat_since IS NULL)
          AND NOT EXISTS (SELECT 1 FROM settlement_lines o WHERE o.voided_at IS NULL AND o.payment_id = s.payment_id
            AND o.type = s.type AND o.refund_id IS NOT DISTINCT FROM s.refund_id AND o.effect <> 'NONE')
          AND NOT EXISTS (SELECT 1 FROM reconciliation_runs n JOIN payments p ON p.connection_id = n.connection_id
            WHERE p.id = s.payment_id AND n.state = 'RUNNING')""",
    # A night writes its lines first and says what is wrong with them next.
    "parts: captures are proven up to what was captured, or a finding says that reports tell of more": """
        SELECT format('payment %s: captured %s, lines %s', p.id, p.captured, sum(s.amount)) AS detail,
               p.id AS payment_id
        FROM settlement_lines s JOIN payments p ON p.id = s.payment_id
        WHERE @(p.id) AND @(s.payment_id) AND s.voided_at IS NULL AND s.effect = 'CAPTURE' GROUP BY p.id
        HAVING sum(s.amount) > p.captured AND NOT EXISTS (SELECT 1 FROM findings f
            WHERE f.merchant_id = p.merchant_id AND f.fingerprint = format('amount/%s', p.id))
            AND NOT EXISTS (SELECT 1 FROM reconciliation_runs n WHERE n.connection_id = p.connection_id
                AND n.state = 'RUNNING')""",
    # Money can be given back before a report tells of its return, so the balances differ for a while: what is counted
    # is whether it was ever booked. Of what left in several rows the sum is booked that is still gone (still_gone).
    "told: what lines prove as taken, or taken back, was booked so": f"""
        SELECT format('payment %s: %s lines, %s entries of %s', l.payment_id, l.n, coalesce(e.n, 0), l.effect)
               AS detail, l.payment_id
        FROM (SELECT payment_id, effect, count(DISTINCT one) AS n FROM (SELECT payment_id, effect, {_ONE} AS one,
                count(*) FILTER (WHERE effect = 'TAKEN') OVER (PARTITION BY payment_id, {_ONE}) AS outs
              FROM settlement_lines WHERE @(payment_id) AND voided_at IS NULL AND refund_id IS NULL
                AND effect IN ('TAKEN', 'TAKEN_BACK')) o WHERE effect = 'TAKEN' OR outs < 2 GROUP BY 1, 2) l
        LEFT JOIN LATERAL (SELECT count(*) AS n FROM ledger_entries
              WHERE payment_id = l.payment_id AND entry = l.effect) e ON true
        WHERE l.n > e.n""",  # noqa: S608 - ours
    # By number, for a line may tell another amount than is booked; of payments whose only witness is the reports. What
    # the PSE itself ended waits for its line, and what turned out to be ours for its date to be repeated: both stand
    # until then. So does what came back by a report that is read again, since a revised one has it no longer.
    "stands: what reports alone say is taken stands as taken": f"""
        SELECT format('payment %s: %s by lines, %s stand', t.payment_id, t.told, coalesce(e.n, 0)) AS detail,
               t.payment_id
        FROM (SELECT payment_id, count(DISTINCT {_ONE}) FILTER (WHERE effect = 'TAKEN')
                - count(DISTINCT {_ONE}) FILTER (WHERE effect = 'TAKEN_BACK') AS told FROM settlement_lines
              WHERE @(payment_id) AND voided_at IS NULL AND effect IN ('TAKEN', 'TAKEN_BACK') GROUP BY 1) t
        JOIN payments p ON p.id = t.payment_id
        LEFT JOIN LATERAL (SELECT count(*) FILTER (WHERE entry = 'TAKEN') - count(*) FILTER (
                WHERE entry = 'TAKEN_BACK' AND starts_with(request_id, 'reconciliation-')
                  AND right(cause, 5) <> '/ours') AS n FROM ledger_entries WHERE payment_id = t.payment_id) e ON true
        WHERE t.told > coalesce(e.n, 0) AND NOT EXISTS (SELECT 1 FROM listed_money w WHERE w.payment_id = p.id)
          AND NOT EXISTS (SELECT 1 FROM settlement_lines o JOIN reports r ON r.id = o.report_id
            WHERE o.payment_id = t.payment_id AND o.voided_at IS NULL AND o.type = 'REFUND' AND o.state = 'RETURNED'
              AND o.effect = 'NONE' AND r.repeat_since IS NOT NULL)
          AND NOT EXISTS (SELECT 1 FROM reconciliation_runs n
            WHERE n.connection_id = p.connection_id AND n.state IN ('RUNNING', 'FAILED'))""",  # noqa: S608 - ours
    # Of what the PSE itself has confirmed, no report is the witness. A night that is not done may have booked neither.
    "ended: a refund that a report alone returned, or failed, has its line, or is booked as taken": """
        SELECT format('refund %s in %s: no line tells so any more', r.id, r.state) AS detail, r.payment_id
        FROM refunds r JOIN payments p ON p.id = r.payment_id
        WHERE @(r.payment_id) AND r.state IN ('RETURNED', 'FAILED') AND NOT r.paid_by_bank_transfer
          AND EXISTS (SELECT 1 FROM events e WHERE e.refund_id = r.id AND e.state = r.state
            AND e.previous_state <> e.state AND e.detail ->> 'door' = 'REPORT')
          AND NOT EXISTS (SELECT 1 FROM events e WHERE e.refund_id = r.id
            AND e.kind IN ('RETURN_CONFIRMED', 'FAILURE_CONFIRMED'))
          AND NOT EXISTS (SELECT 1 FROM settlement_lines v JOIN reports n ON n.id = v.report_id
            WHERE v.refund_id = r.id AND v.type = 'REFUND' AND v.state IN ('FAILED', 'RETURNED')
              AND n.superseded_at IS NULL)
          AND NOT EXISTS (SELECT 1 FROM ledger_entries t WHERE t.payment_id = r.payment_id AND t.entry = 'TAKEN'
            AND split_part(t.cause, '/again-', 1) = format('taken/%s/%s/%s', p.connection_id, p.pse_reference,
              r.reference) AND NOT EXISTS (SELECT 1 FROM ledger_entries b WHERE b.cause = t.cause || '/void'))
          AND NOT EXISTS (SELECT 1 FROM reconciliation_runs n
            WHERE n.connection_id = r.connection_id AND n.state IN ('RUNNING', 'FAILED'))""",
}
