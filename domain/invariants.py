"""What must always be true, each as one query that finds violations.

Each is about one payment, so it can be asked of all of them or of a few (domain/checks); those of `WHOLE` are not.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from domain.bank.invariants import BANK
from domain.books.open_items import KEPT_ITEMS
from domain.commerce.invariants import SHOPS
from domain.deliveries.heads import HEADS
from domain.findings.claims import GIVEN_UP as CLAIMS_GIVEN_UP
from domain.findings.on_their_way import GIVEN_UP
from domain.findings.told_money import SHARES
from domain.journal.invariants import JOURNALS
from domain.periods.kept import CLOSED_FIGURES
from domain.platform.database import rows
from domain.refunds.kept_figures import KEPT_FIGURES
from domain.settlements.invariants import SETTLEMENTS

SHOWN_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class BrokenInvariant:
    """An invariant that does not hold, and for what."""

    name: str
    detail: str
    payment_id: UUID | None = None  # None: it is not about one payment


# Each query gives a column `detail`, one row per violation, and `payment_id`. They run one by one, each on its own
# snapshot, so each compares only what is written in one transaction. `@(column)` stands wherever a payment's id is
# read: TRUE where all are asked about, else the few. It is written inside of sums too, or they would be made for all.
_QUERIES: Final[Mapping[str, str]] = {
    "counters: a payment's reserved and refunded are the sums of its refunds": """
        SELECT format('payment %s: reserved %s refunded %s tax %s, its refunds say %s %s %s',
                      p.id, p.reserved, p.refunded, p.tax_allocated, r.reserved, r.refunded, r.tax) AS detail,
               p.id AS payment_id
        FROM payments p JOIN LATERAL (
            SELECT coalesce(sum(amount) FILTER (WHERE state IN ('AWAITING_DESTINATION', 'AWAITING_APPROVAL',
                       'REQUESTED', 'SUBMITTED', 'PENDING', 'MANUAL')), 0) AS reserved,
                   coalesce(sum(amount) FILTER (WHERE state = 'SUCCEEDED'), 0) AS refunded,
                   coalesce(sum(tax_amount) FILTER (WHERE state NOT IN ('RETURNED', 'FAILED', 'REJECTED', 'CANCELED',
                       'EXPIRED')), 0) AS tax
            FROM refunds WHERE payment_id = p.id) r ON true
        WHERE @(p.id) AND (p.reserved, p.refunded, p.tax_allocated) IS DISTINCT FROM (r.reserved, r.refunded, r.tax)""",
    "captures: the ledger has each payment's capture, whole, and none of a withdrawn one": """
        SELECT format('payment %s: captured %s, ledger %s', p.id, p.captured, coalesce(l.amount, 0)) AS detail,
               p.id AS payment_id
        FROM payments p LEFT JOIN (
            SELECT payment_id, sum(CASE debit WHEN 'PSE_CLEARING' THEN amount ELSE -amount END) AS amount
            FROM ledger_entries WHERE entry = 'CAPTURE' AND @(payment_id) GROUP BY 1) l ON l.payment_id = p.id
        WHERE @(p.id) AND CASE WHEN p.withdrawn_at IS NULL THEN p.captured ELSE 0 END IS DISTINCT FROM l.amount""",
    "payable: what is owed to customers is what refunds under way ask for": """
        SELECT format('refund %s in %s: owed %s, ledger %s', r.id, r.state, r.owed, coalesce(l.owed, 0)) AS detail,
               r.payment_id
        FROM (SELECT id, payment_id, state, CASE WHEN state IN ('REQUESTED', 'SUBMITTED', 'PENDING', 'MANUAL')
                THEN amount ELSE 0 END AS owed FROM refunds WHERE @(payment_id)) r
        LEFT JOIN (SELECT refund_id, sum(CASE WHEN credit = 'REFUNDS_PAYABLE' THEN amount
                WHEN debit = 'REFUNDS_PAYABLE' THEN -amount ELSE 0 END) AS owed
            FROM ledger_entries WHERE refund_id IS NOT NULL AND @(payment_id) GROUP BY 1) l ON l.refund_id = r.id
        WHERE r.owed <> coalesce(l.owed, 0)""",
    "paid: the money of a refund has left in the books exactly when it has left": """
        SELECT format('refund %s in %s: left %s, ledger %s', r.id, r.state, r.paid, coalesce(l.paid, 0)) AS detail,
               r.payment_id
        FROM (SELECT id, payment_id, state, CASE WHEN state = 'SUCCEEDED' THEN amount ELSE 0 END AS paid
              FROM refunds WHERE @(payment_id)) r
        LEFT JOIN (SELECT refund_id, sum(CASE WHEN credit IN ('PSE_CLEARING', 'BANK') THEN amount
                WHEN debit IN ('PSE_CLEARING', 'BANK') THEN -amount ELSE 0 END) AS paid
            FROM ledger_entries WHERE refund_id IS NOT NULL AND entry <> 'CLAIM_GIVEN_UP' AND @(payment_id)
            GROUP BY 1) l ON l.refund_id = r.id
        WHERE r.paid <> coalesce(l.paid, 0)""",
    # A return undoes what was recognised, and not what a document took back: that waits for a counter-document.
    "vat pending: of each refund it is the VAT that was recognised, less what was documented or lost": """
        SELECT format('refund %s in %s: ledger %s, reversal %s of %s booked as %s', r.id, r.state,
                      coalesce(l.pending, 0), v.state, r.tax_amount, coalesce(v.booked, 'NOTHING')) AS detail,
               r.payment_id
        FROM (SELECT id, payment_id, state, tax_amount FROM refunds WHERE tax_amount > 0 AND @(payment_id)) r
        LEFT JOIN vat_reversals v ON v.refund_id = r.id
        LEFT JOIN (SELECT refund_id, sum(CASE WHEN debit = 'VAT_REVERSAL_PENDING' THEN amount ELSE -amount END)
              AS pending FROM ledger_entries
            WHERE 'VAT_REVERSAL_PENDING' IN (debit, credit) AND refund_id IS NOT NULL AND @(payment_id) GROUP BY 1) l
            ON l.refund_id = r.id
        WHERE coalesce(l.pending, 0) <> CASE WHEN r.state IN ('REQUESTED', 'SUBMITTED', 'PENDING', 'MANUAL',
              'SUCCEEDED') THEN r.tax_amount ELSE 0 END
            - CASE WHEN coalesce(v.booked, 'NOTHING') = 'NOTHING' THEN 0 ELSE v.amount END
          OR v.amount <> r.tax_amount OR (v.state = 'UNDONE') <> (r.state <> 'SUCCEEDED' AND v.booked = 'NOTHING')
          OR (r.state <> 'SUCCEEDED' AND v.state NOT IN ('UNDONE', 'NEEDS_REVIEW'))""",
    "output vat: no more of a sale's VAT is taken back than was declared": """
        SELECT format('payment %s: %s of OUTPUT_VAT', payment_id, owed) AS detail, payment_id
        FROM (SELECT payment_id, sum(CASE WHEN credit = 'OUTPUT_VAT' THEN amount ELSE -amount END) AS owed
              FROM ledger_entries WHERE 'OUTPUT_VAT' IN (debit, credit) AND payment_id IS NOT NULL AND @(payment_id)
              GROUP BY 1) t
        WHERE owed < 0""",
    "declared: of each payment the VAT that was declared is booked, and none of a withdrawn one": """
        SELECT format('payment %s: declared %s, ledger %s', p.id, p.tax_amount, coalesce(l.tax, 0)) AS detail,
               p.id AS payment_id
        FROM payments p LEFT JOIN (SELECT payment_id, sum(CASE WHEN credit = 'OUTPUT_VAT' THEN amount ELSE -amount END)
              AS tax FROM ledger_entries WHERE entry IN ('CAPTURE', 'DECLARE_TAX') AND 'OUTPUT_VAT' IN (debit, credit)
                AND @(payment_id) GROUP BY 1) l ON l.payment_id = p.id
        WHERE @(p.id) AND coalesce(l.tax, 0) <> CASE WHEN p.withdrawn_at IS NULL THEN p.tax_amount ELSE 0 END""",
    # A document takes VAT back once: whole, and of as much money as left.
    "vat documents: what a document takes back is of no more money than the refund": """
        SELECT format('refund %s of %s: shares of %s', r.id, r.amount, sum(s.amount)) AS detail, r.payment_id
        FROM tax_document_shares s JOIN vat_reversals v ON v.id = s.reversal_id JOIN refunds r ON r.id = v.refund_id
        WHERE s.voided_at IS NULL AND @(r.payment_id) GROUP BY r.id HAVING sum(s.amount) > r.amount""",
    "taken: what left without us is in SUSPENSE": """
        SELECT format('payment %s: taken %s, ledger %s', p.id, p.taken_by_bank, coalesce(l.taken, 0)) AS detail,
               p.id AS payment_id
        FROM payments p LEFT JOIN (
            SELECT payment_id, sum(CASE entry WHEN 'TAKEN' THEN amount ELSE -amount END) AS taken
            FROM ledger_entries WHERE entry IN ('TAKEN', 'TAKEN_BACK') AND @(payment_id) GROUP BY 1) l
            ON l.payment_id = p.id
        WHERE @(p.id) AND p.taken_by_bank <> coalesce(l.taken, 0)""",
    "suspense: what is in SUSPENSE of a payment is what an open finding speaks of, and never less than nothing": """
        SELECT format('payment %s: %s in SUSPENSE, and no finding of it is open', l.payment_id, l.amount) AS detail,
               l.payment_id
        FROM (SELECT payment_id, sum(CASE debit WHEN 'SUSPENSE' THEN amount ELSE -amount END) AS amount
              FROM ledger_entries WHERE 'SUSPENSE' IN (debit, credit) AND payment_id IS NOT NULL AND @(payment_id)
              GROUP BY 1) l
        WHERE l.amount < 0 OR (l.amount > 0 AND NOT EXISTS (SELECT 1 FROM reconciliation_runs n
            JOIN payments p ON p.connection_id = n.connection_id WHERE p.id = l.payment_id
              AND n.state IN ('RUNNING', 'FAILED')) AND NOT EXISTS (SELECT 1 FROM findings f
          WHERE f.payment_id = l.payment_id AND f.resolved_at IS NULL AND f.kind NOT IN ('VAT_REVERSAL_NEEDED',
            'VAT_REVERSAL_OVERDUE', 'VAT_DOCUMENT_DIFFERS', 'MISSING_IN_REPORT', 'PENDING_TOO_LONG', 'NOT_SENT',
            'RETURNED')))""",
    "suspense of nobody: of money of no payment in SUSPENSE each centavo is some open finding's to move": f"""
        WITH {SHARES.format(which="true")},
        open AS (SELECT s.connection_id, s.currency, sum(s.units) AS amount FROM shares s
          WHERE NOT EXISTS (SELECT 1 FROM finding_resolutions o WHERE o.finding_id = s.finding_id
            AND o.started_at IS NOT NULL AND o.ended_at IS NULL) GROUP BY 1, 2),
        booked AS (SELECT connection_id, currency, sum(CASE debit WHEN 'SUSPENSE' THEN amount ELSE -amount END)
            AS amount FROM ledger_entries WHERE 'SUSPENSE' IN (debit, credit) AND payment_id IS NULL
            AND split_part(cause, '/', 1) IN ('report', 'finding') GROUP BY 1, 2),
        wrong AS (SELECT connection_id, format('report %s: %s %s in SUSPENSE that no finding can move', report,
            currency, sum(units)) AS said FROM shares WHERE finding_id IS NULL AND NOT excused
          GROUP BY connection_id, report, currency HAVING sum(units) <> 0
          UNION ALL SELECT connection_id, format('%s %s of no payment in SUSPENSE, open findings speak of %s', currency,
            coalesce(b.amount, 0), coalesce(o.amount, 0)) FROM open o FULL JOIN booked b USING (connection_id, currency)
          WHERE coalesce(o.amount, 0) <> coalesce(b.amount, 0))
        SELECT format('connection %s, %s', connection_id, said) AS detail FROM wrong w
        WHERE NOT EXISTS (SELECT 1 FROM reconciliation_runs n WHERE n.connection_id = w.connection_id
          AND n.state IN ('RUNNING', 'FAILED'))""",  # noqa: S608 - ours
    "resolved: what a person has said of a finding is booked exactly while it stands": """
        SELECT format('resolution %s of finding %s: moves %s of VAT %s, the ledger has %s and %s', r.id, r.finding_id,
                      r.stands, r.tax, coalesce(l.amount, 0), coalesce(l.tax, 0)) AS detail, r.payment_id
        FROM (SELECT s.id, s.finding_id, f.payment_id, f.resolved_at,
                CASE WHEN s.started_at IS NOT NULL AND s.ended_at IS NULL THEN s.amount ELSE 0 END AS stands,
                CASE WHEN s.started_at IS NOT NULL AND s.ended_at IS NULL THEN s.tax ELSE 0 END AS tax,
                s.started_at IS NOT NULL AND s.ended_at IS NULL AS standing
              FROM finding_resolutions s JOIN findings f ON f.id = s.finding_id WHERE @(f.payment_id)) r
        LEFT JOIN LATERAL (SELECT sum(CASE WHEN e.credit IN ('SUSPENSE', CASE WHEN e.entry IN ('VAT_DOCUMENTED',
                  'VAT_NOT_RECOVERABLE') THEN 'VAT_REVERSAL_PENDING' END) THEN e.amount ELSE -e.amount END) AS amount,
                sum(CASE WHEN e.entry IN ('VAT_DOCUMENTED', 'VAT_NOT_RECOVERABLE') THEN 0
                  WHEN e.debit = 'VAT_REVERSAL_PENDING' THEN e.amount
                  WHEN e.credit = 'VAT_REVERSAL_PENDING' THEN -e.amount ELSE 0 END) AS tax
            FROM (SELECT * FROM ledger_entries e WHERE e.payment_id = r.payment_id
                AND starts_with(e.cause, 'finding/' || r.id || '/') AND e.entry <> 'CLAIM_GIVEN_UP'
              UNION ALL SELECT * FROM ledger_entries e WHERE e.payment_id IS NULL AND e.cause = ANY(ARRAY(
                SELECT format('finding/%s/%s%s', r.id, entry, ended) FROM unnest(ARRAY['WRITE_OFF',
                  'SUSPENSE_TO_RETURNS', 'SUSPENSE_TO_CHARGEBACKS', 'SUSPENSE_TO_FEES', 'SUSPENSE_TO_ADJUSTMENTS',
                  'SUSPENSE_TO_FX', 'SUSPENSE_TO_ROUNDING']) AS entry, unnest(ARRAY['', '/reversed']) AS ended))
            ) e) l ON true
        WHERE r.stands <> coalesce(l.amount, 0) OR r.tax <> coalesce(l.tax, 0)
          OR (r.standing AND r.resolved_at IS NULL)""",
    "vat of findings: what turned out to be a refund has VAT that somebody takes back, or has": """
        SELECT format('finding %s: VAT %s', s.finding_id, s.tax) AS detail, f.payment_id
        FROM finding_resolutions s JOIN findings f ON f.id = s.finding_id
        LEFT JOIN findings v ON v.merchant_id = f.merchant_id AND v.fingerprint = 'vat/finding/' || f.id
        WHERE @(f.payment_id) AND s.tax > 0 AND s.started_at IS NOT NULL AND s.ended_at IS NULL
          AND (v.id IS NULL OR (v.resolved_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM finding_resolutions o
            WHERE o.finding_id = v.id AND o.amount = s.tax AND o.started_at IS NOT NULL AND o.ended_at IS NULL)))""",
    "charged back: what the customer's bank took back is in CHARGEBACKS": """
        SELECT format('payment %s: charged back %s, ledger %s', p.id, p.charged_back, coalesce(l.charged, 0)) AS detail,
               p.id AS payment_id
        FROM payments p LEFT JOIN (
            SELECT payment_id, sum(CASE WHEN debit = 'CHARGEBACKS' THEN amount ELSE -amount END) AS charged
            FROM ledger_entries WHERE entry IN ('CHARGEBACK', 'CHARGEBACK_REVERSED') AND @(payment_id)
            GROUP BY 1) l ON l.payment_id = p.id
        WHERE @(p.id) AND p.charged_back <> coalesce(l.charged, 0)""",
    # What has no name is one by its moment: files overlap, and the same one may come under two names.
    "charged back once: a chargeback without a name is proven as often as one file tells it": """
        SELECT format('payment %s: %s lines of %s prove what one file tells %s times', o.payment_id, sum(o.proven),
                      o.type, max(o.told)) AS detail, o.payment_id
        FROM (SELECT payment_id, type, amount, kind, booked_at, count(*) AS told,
                count(*) FILTER (WHERE effect <> 'NONE') AS proven FROM settlement_lines
              WHERE @(payment_id) AND voided_at IS NULL AND type IN ('CHARGEBACK', 'CHARGEBACK_REVERSED')
                AND state = 'SUCCEEDED' AND reference IS NULL AND payment_id IS NOT NULL
              GROUP BY report_id, 1, 2, 3, 4, 5) o
        GROUP BY o.payment_id, o.type, o.amount, o.kind, o.booked_at HAVING sum(o.proven) > max(o.told)""",
    # Lines that came before the payment do not have it until their date is repeated, and are booked when it comes.
    "charged back as told: of chargebacks without a name the books have what the reports tell": """
        WITH told AS (
          SELECT payment_id, type, amount, max(many) AS many FROM (
            SELECT payment_id, type, amount, kind, sum(many) AS many FROM (
              SELECT payment_id, type, amount, kind, booked_at, max(many) AS many FROM (
                SELECT l.payment_id, l.type, l.amount, l.kind, l.booked_at, count(*) AS many
                FROM settlement_lines l WHERE @(l.payment_id) AND l.voided_at IS NULL AND l.payment_id IS NOT NULL
                  AND l.type IN ('CHARGEBACK', 'CHARGEBACK_REVERSED') AND l.state = 'SUCCEEDED' AND l.amount > 0
                  AND l.reference IS NULL GROUP BY l.report_id, 1, 2, 3, 4, 5) f GROUP BY 1, 2, 3, 4, 5) m
            GROUP BY 1, 2, 3, 4) k GROUP BY 1, 2, 3),
        booked AS (
          SELECT payment_id, entry AS type, sum(CASE WHEN (debit = 'CHARGEBACKS') = (entry = 'CHARGEBACK')
                 THEN amount ELSE -amount END) AS amount
          FROM ledger_entries WHERE @(payment_id) AND entry IN ('CHARGEBACK', 'CHARGEBACK_REVERSED')
            AND split_part(cause, '/', 4) = 'by-amount' AND split_part(cause, '/', 5) <> '0' GROUP BY 1, 2)
        SELECT format('payment %s, %s: booked %s, lines %s', payment_id, type, coalesce(b.amount, 0),
                      coalesce(t.amount, 0)) AS detail, payment_id
        FROM booked b FULL JOIN (SELECT payment_id, type, sum(amount * many) AS amount FROM told GROUP BY 1, 2) t
          USING (payment_id, type)
        WHERE CASE WHEN coalesce(b.amount, 0) <> coalesce(t.amount, 0) THEN NOT EXISTS (SELECT 1 FROM payments p
          JOIN settlement_lines l ON l.payment_id IS NULL AND l.voided_at IS NULL AND (
            l.payment_reference = p.pse_reference OR l.payment_alias = p.pse_reference OR (l.payment_reference IS NULL
              AND l.payment_alias IS NULL AND l.order_reference = p.order_reference)) WHERE p.id = payment_id)
          ELSE false END""",
    # More than was captured can leave (a refund and a chargeback, somebody's refund beside ours): a person must know.
    "overdrawn: of a payment that more has left than it captured, a person was told": """
        SELECT format('payment %s: captured %s, refunded %s, taken %s, charged back %s', p.id, p.captured, p.refunded,
                      p.taken_by_bank, p.charged_back) AS detail, p.id AS payment_id
        FROM payments p
        WHERE @(p.id) AND p.refunded::numeric + p.taken_by_bank + p.charged_back > p.captured AND p.withdrawn_at IS NULL
          AND NOT EXISTS (SELECT 1 FROM findings f WHERE f.merchant_id = p.merchant_id
            AND (f.resolved_at IS NULL OR EXISTS (SELECT 1 FROM finding_resolutions s WHERE s.finding_id = f.id
              AND s.started_at IS NOT NULL AND s.ended_at IS NULL))
            AND f.kind NOT IN ('VAT_REVERSAL_NEEDED', 'MISSING_IN_REPORT', 'PENDING_TOO_LONG', 'NOT_SENT', 'RETURNED')
            AND (f.payment_id = p.id OR f.refund_id IN (SELECT id FROM refunds WHERE payment_id = p.id)))
          AND NOT EXISTS (SELECT 1 FROM reconciliation_runs n WHERE n.connection_id = p.connection_id
            AND n.state IN ('RUNNING', 'FAILED'))""",
    "history: events are gapless and end in the refund's state": """
        SELECT format('refund %s: sequence %s, events %s, last says %s', r.id, r.sequence, e.n, e.state) AS detail,
               r.payment_id
        FROM refunds r LEFT JOIN LATERAL (
            SELECT count(*) AS n, max(sequence) AS last, (array_agg(state ORDER BY sequence DESC))[1] AS state
            FROM events WHERE refund_id = r.id) e ON true
        WHERE @(r.payment_id)
          AND (e.n <> r.sequence OR e.last IS DISTINCT FROM r.sequence OR e.state IS DISTINCT FROM r.state)""",
    # Each report's lines are rounded once, and half away from zero; of a line that tells a payout, the payout itself is
    # a part, and its fee is not.
    **SETTLEMENTS,
    "deliveries: the first that is pending of each ordering key is due": HEADS,
    "shops: what a shop said is worked out, and what became of it told, or each is due or a person's": SHOPS,
    **BANK,
    **JOURNALS,
    "claims given up: what people give up of a claim is booked exactly while it stands": CLAIMS_GIVEN_UP,
    "given up: what people give up of a payout is booked while they do, and is not at the bank": GIVEN_UP,
    "bank once: one line proves a payout, and what a line proves is that line": """
        SELECT format('payout %s is in %s proofs that stand', payout_id, count(*)) AS detail
        FROM payout_proofs WHERE voided_at IS NULL GROUP BY payout_id HAVING count(*) > 1
        UNION ALL
        SELECT format('line %s of %s: its proofs that stand come to %s', l.id, l.amount, sum(f.amount - f.charges))
        FROM payout_proofs f JOIN bank_lines l ON l.id = f.line_id
        WHERE f.voided_at IS NULL GROUP BY l.id HAVING sum(f.amount - f.charges) <> l.amount
        UNION ALL
        SELECT format('line %s is taken back with its statement, and proves payout %s', l.id, f.payout_id)
        FROM payout_proofs f JOIN bank_lines l ON l.id = f.line_id
        WHERE f.voided_at IS NULL AND l.withdrawn_at IS NOT NULL""",
    "checkpoints: they hold what the ledger adds up to": """
        SELECT format('%s of connection %s on %s: checkpoints %s, ledger %s', account, connection_id, accounting_date,
                      coalesce(c.debits - c.credits, 0), coalesce(l.debits - l.credits, 0)) AS detail
        FROM (SELECT connection_id, account, currency, accounting_date, sum(debits) AS debits, sum(credits) AS credits
              FROM ledger_checkpoints GROUP BY 1, 2, 3, 4) c
        FULL JOIN (
              SELECT connection_id, account, currency, accounting_date, sum(given) AS debits, sum(taken) AS credits
              FROM ledger_entries CROSS JOIN LATERAL (VALUES (debit, amount, 0::bigint), (credit, 0, amount))
                  AS side (account, given, taken)
              WHERE id <= (SELECT max(until_entry) FROM ledger_checkpoints) GROUP BY 1, 2, 3, 4) l
            USING (connection_id, account, currency, accounting_date)
        WHERE (c.debits, c.credits) IS DISTINCT FROM (l.debits, l.credits)""",
    "checkpoints by store: they hold what the ledger adds up to": """
        SELECT format('%s of connection %s, store %s on %s: checkpoints %s, ledger %s', account, connection_id,
                      store_id, accounting_date, coalesce(c.debits - c.credits, 0), coalesce(l.debits - l.credits, 0))
               AS detail
        FROM (SELECT connection_id, store_id, account, currency, accounting_date, sum(debits) AS debits,
                sum(credits) AS credits, max(last_entry) AS last, sum(of_payments) AS paid
              FROM store_checkpoints GROUP BY 1, 2, 3, 4, 5) c
        FULL JOIN (
              SELECT connection_id, store_id, account, currency, accounting_date, sum(given) AS debits,
                sum(taken) AS credits, max(id) AS last, count(payment_id) AS paid
              FROM ledger_entries CROSS JOIN LATERAL (VALUES (debit, amount, 0::bigint), (credit, 0, amount))
                  AS side (account, given, taken)
              WHERE id <= (SELECT max(until_entry) FROM store_checkpoints) GROUP BY 1, 2, 3, 4, 5) l
            USING (connection_id, store_id, account, currency, accounting_date)
        WHERE (c.debits, c.credits, c.last, c.paid) IS DISTINCT FROM (l.debits, l.credits, l.last, l.paid)""",
    "open items: what is kept as open is what the ledger and the lines leave open": KEPT_ITEMS,
    "figures: what is kept of how refunds end is what their events say": KEPT_FIGURES,
    "closed: a closed month is what its entries add up to, and what was kept of it": CLOSED_FIGURES,
    # Told by a job of every minute, which may have been down for a while.
    "after closing: what belongs to a closed month and came later was told": """
        SELECT format('merchant %s, connection %s: %s entries of closed months, told of %s', m.merchant_id,
                      m.connection_id, m.n, coalesce(f.n, 0)) AS detail
        FROM (SELECT merchant_id, connection_id, currency, count(*) AS n FROM ledger_entries
              WHERE belongs_to IS NOT NULL AND booked_at < now() - interval '1 hour' GROUP BY 1, 2, 3) m
        LEFT JOIN (SELECT merchant_id, connection_id, currency, sum((detail ->> 'entries')::bigint) AS n FROM findings
              WHERE kind = 'AFTER_CLOSING' GROUP BY 1, 2, 3) f USING (merchant_id, connection_id, currency)
        WHERE m.n > coalesce(f.n, 0)""",
    "stuck: a refund on its way is due some time, or a person was called": """
        SELECT format('refund %s in %s since %s', id, state, updated_at) AS detail FROM refunds
        WHERE state IN ('REQUESTED', 'SUBMITTED', 'PENDING') AND due_at IS NULL""",
    "late: nothing is due for longer than fifteen minutes": """
        SELECT format('refund %s in %s due at %s', id, state, due_at) AS detail FROM refunds
        WHERE due_at < now() - interval '15 minutes'
        UNION ALL SELECT format('webhook %s due at %s', id, due_at) FROM notices
        WHERE due_at < now() - interval '15 minutes'""",
}


# What adds up all that was ever booked or reported, and what only the night's own work can break.
_ALL_OF_IT: Final = (
    "balance:",
    "payouts:",
    "opening:",
    "bank:",
    "bank once:",
    "bank entries:",
    "given up:",
    "fx:",
    "checkpoints",
    "open items:",
    "figures:",
    "closed:",
    "journals:",
    "shops:",
)
WHOLE: Final = frozenset(name for name in _QUERIES if name.startswith(_ALL_OF_IT))
_MARK: Final = re.compile(r"@\(([a-z_.]+)\)")
INVARIANTS: Final[Mapping[str, str]] = {name: _MARK.sub("TRUE", query) for name, query in _QUERIES.items()}
_OF_A_FEW: Final[Mapping[str, str]] = {
    name: _MARK.sub(r"\1 = ANY($1::uuid[])", query) for name, query in _QUERIES.items() if name not in WHOLE
}


# What excuses until a night is done that is under way, or has failed, and until a date is repeated that is to be.
_NIGHT: Final = re.compile(r"n\.state (= 'RUNNING'|IN \('RUNNING', 'FAILED'\))")
_TO_REPEAT: Final = " AND bool_and(r.repeat_since IS NULL)"
_IS_TO_REPEAT: Final = "r.repeat_since IS NOT NULL"
_EXCUSABLE: Final = tuple(name for name, query in _QUERIES.items() if _NIGHT.search(query) or _TO_REPEAT in query)


async def check(limit: int = SHOWN_MAX) -> Sequence[BrokenInvariant]:
    """Every violation, at most `limit` of each invariant; empty when the books are in order."""
    return [broken for name in INVARIANTS for broken in await _ask(name, INVARIANTS[name], limit)]


async def check_few(
    payments: Sequence[UUID], whole: Collection[str] = (), limit: int = SHOWN_MAX
) -> Sequence[BrokenInvariant]:
    """The violations of these payments, those that are about no payment, and of `WHOLE` those that are named."""
    broken = [one for name in WHOLE & set(whole) for one in await _ask(name, INVARIANTS[name], limit)]
    for name, query in _OF_A_FEW.items():
        if "$1" not in query:
            broken += await _ask(name, query, limit)
        elif payments:
            broken += await _ask(name, query, limit, payments)
    return broken


async def unexcused(payments: Sequence[UUID] | None, limit: int) -> Sequence[BrokenInvariant]:
    """What is wrong, excused or not, with these payments (None: with all), of what a night can excuse."""
    found: list[BrokenInvariant] = []
    for name in _EXCUSABLE:
        query = (INVARIANTS if payments is None else _OF_A_FEW)[name].replace(_TO_REPEAT, "")
        query = _NIGHT.sub("false", query).replace(_IS_TO_REPEAT, "false")
        if payments is None:
            found += await _ask(name, query, limit)
        elif "$1" in query:  # else it is about none of them
            found += await _ask(name, query, limit, payments)
    return found


async def _ask(name: str, query: str, limit: int, *values: object) -> list[BrokenInvariant]:
    # PostgreSQL expects many violations, and that a few of them are soon found: it is not to know that few are wanted.
    fenced = f"WITH broken AS MATERIALIZED ({query}) SELECT * FROM broken LIMIT {limit}"  # noqa: S608 - ours
    found = await rows(fenced, *values)
    return [BrokenInvariant(name, row["detail"], row.get("payment_id")) for row in found]


async def warnings() -> Sequence[str]:
    """What is allowed but should not stay so in production."""
    (row,) = await rows(
        "SELECT EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = 'public' AND tableowner = current_user) AS owns, "
        "current_user AS name"
    )
    if not row["owns"]:
        return []
    return [
        f"The role {row['name']} owns the tables it writes: it could change what is append-only. "
        "Set ESTORNO_OWNER_DATABASE_URL to the owner and DATABASE_URL to a role that owns nothing."
    ]
