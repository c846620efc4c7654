"""Movements that count as earlier lines because their words are alike, and that may be others.

Who hands in a part of a day tells no more of it than the words. Where a payout of that money is open a person is asked,
under one name however many files tell the movement, until a file has the whole day: then both lines stand.
"""

from typing import Any, Final
from uuid import UUID

from domain.bank import matching, names, unproven
from domain.findings import findings
from domain.findings.findings import FindingKind, Found
from domain.money import Money
from domain.platform.database import rows

_ACTION: Final = (
    "Compare both at the bank. If they are two movements, hand in a file that has the whole of their day; if they are "
    "one, say so."
)
_OVER: Final = "Nobody waits for that money any more, or it is told apart."
# From the few payouts that are open to the lines of their amounts, and on: a merchant has far more of the others.
_IN_DOUBT: Final = """SELECT DISTINCT ON (l.account_id, r.key) r.merchant_id, l.account_id, r.key, r.text, l.amount,
    l.booked_on, l.text AS earlier, a.currency, a.name, p.connection_id
  FROM (SELECT * FROM payouts o WHERE o.merchant_id = $1 AND o.amount <> 0 AND o.business_date > now()::date - $3::int
      AND NOT EXISTS (SELECT 1 FROM payout_proofs f WHERE f.payout_id = o.id AND f.voided_at IS NULL) OFFSET 0) AS p
  CROSS JOIN LATERAL (SELECT * FROM bank_lines o WHERE o.merchant_id = p.merchant_id AND o.amount = p.amount
      AND o.booked_on BETWEEN p.business_date - 1 AND greatest(p.business_date, p.expected_at) + $2::int
      AND o.withdrawn_at IS NULL OFFSET 0) AS l
  JOIN bank_accounts a ON a.id = l.account_id AND a.currency = p.currency
    AND (a.connection_ids = '[]'::jsonb OR a.connection_ids ? p.connection_id::text)
  JOIN bank_rewordings r ON r.earlier_id = l.id AND NOT r.is_sure
  JOIN bank_statements s ON s.id = r.statement_id AND s.withdrawn_at IS NULL
  WHERE NOT EXISTS (SELECT 1 FROM bank_lines o WHERE o.account_id = l.account_id AND o.key = r.key
      AND o.withdrawn_at IS NULL)
  ORDER BY l.account_id, r.key, p.business_date, p.id"""
_ASKED: Final = """SELECT fingerprint FROM findings WHERE merchant_id = $1 AND kind = 'BANK_LINE_UNKNOWN'
  AND resolved_at IS NULL AND starts_with(fingerprint, $2)"""


async def ask(merchant_id: UUID) -> None:
    """Ask about each, once; outside of any transaction."""
    await findings.open_findings([_found(row) for row in await _in_doubt(merchant_id)])


async def end(merchant_id: UUID) -> None:
    """Ask no more about what is in doubt no longer."""
    asked = [row["fingerprint"] for row in await rows(_ASKED, merchant_id, names.AGAIN)]
    if asked:
        doubted = {names.again(row["account_id"], row["key"]) for row in await _in_doubt(merchant_id)}
        await findings.resolve_all(merchant_id, [one for one in asked if one not in doubted], _OVER)


async def _in_doubt(merchant_id: UUID) -> list[dict[str, Any]]:
    return await rows(_IN_DOUBT, merchant_id, matching.WINDOW.days, unproven.SEEN.days)


def _found(row: dict[str, Any]) -> Found:
    amount, on = Money(abs(row["amount"]), row["currency"]), row["booked_on"]
    sides = {
        side: {"amount": row["amount"], "currency": row["currency"], "date": on.isoformat(), "words": words[:200]}
        for side, words in (("ours", row["earlier"]), ("theirs", row["text"]))
    }
    return Found(
        FindingKind.BANK_LINE_UNKNOWN,
        row["merchant_id"],
        row["connection_id"],
        names.again(row["account_id"], row["key"]),
        amount,
        f"{row['name']} has {amount} of {on} ({row['text'][:100]}), which counts as an earlier line "
        f"({row['earlier'][:100]}), and a payout of that amount is open.",
        detail={**sides, "differs": ["words"]},
        again=True,
        action=_ACTION,
    )
