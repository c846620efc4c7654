"""What must always be true of payouts that the bank has, as queries that return what breaks it (domain/invariants)."""

from collections.abc import Mapping
from typing import Final

BANK: Final[Mapping[str, str]] = {
    "bank: what the bank has of a payout is what a line of it proves": """
        SELECT format('proof %s of payout %s: %s and charges %s, ledger %s and %s', f.id, f.payout_id, f.amount,
                      f.charges, coalesce(l.came, 0), coalesce(l.kept, 0)) AS detail
        FROM payout_proofs f LEFT JOIN LATERAL (
          SELECT
            sum(CASE debit WHEN 'BANK' THEN amount ELSE -amount END) FILTER (WHERE entry = 'BANK_RECEIVED') AS came,
            sum(CASE debit WHEN 'FEES' THEN amount ELSE -amount END) FILTER (WHERE entry = 'BANK_CHARGE') AS kept
          FROM ledger_entries WHERE cause = ANY(ARRAY['payout-proof/' || f.id || '/BANK_RECEIVED',
            'payout-proof/' || f.id || '/BANK_CHARGE', 'payout-proof/' || f.id || '/BANK_RECEIVED/void',
            'payout-proof/' || f.id || '/BANK_CHARGE/void'])) l ON true
        WHERE (f.voided_at IS NULL AND (coalesce(l.came, 0), coalesce(l.kept, 0)) <> (f.amount - f.charges, f.charges))
           OR (f.voided_at IS NOT NULL AND (coalesce(l.came, 0), coalesce(l.kept, 0)) <> (0, 0))""",
    "bank entries: whatever is booked of the bank is of a proof": """
        SELECT format('entry %s, %s of %s: no proof says so', e.id, e.entry, e.amount) AS detail FROM ledger_entries e
        WHERE e.entry IN ('BANK_RECEIVED', 'BANK_CHARGE') AND NOT EXISTS (SELECT 1 FROM payout_proofs f
          WHERE 'payout-proof/' || f.id = split_part(e.cause, '/', 1) || '/' || split_part(e.cause, '/', 2))""",
}
