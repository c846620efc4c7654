"""What was booked after its month was closed: one finding for each month, connection and currency, with the sum of it.

The database moves such an entry to the first open day by itself (migration 0047); this tells people, a minute later.
"""

import json
from typing import Any, Final

from domain.findings import findings
from domain.findings.findings import FindingKind, Found
from domain.money import MINOR_UNITS_MAX, Money
from domain.platform.database import execute, rows, transaction

# What was moved, by the month that it belongs to (of what lies before the first one that was closed: that one), and
# what was told of it.
_MOVED: Final = """
SELECT m.*, f.detail ->> 'entries' AS told FROM (
    SELECT e.merchant_id, e.connection_id, k.name AS connection_name, c.first_day, e.currency, count(*) AS entries,
        sum(e.amount) AS amount, min(e.belongs_to) AS since, max(e.belongs_to) AS until, min(e.accounting_date) AS day
    FROM ledger_entries e JOIN connections k ON k.id = e.connection_id
    CROSS JOIN LATERAL (SELECT first_day FROM period_closings c WHERE c.merchant_id = e.merchant_id
        AND c.confirmed_at IS NOT NULL AND c.last_day >= e.belongs_to ORDER BY c.last_day LIMIT 1) AS c
    WHERE e.belongs_to IS NOT NULL GROUP BY e.merchant_id, e.connection_id, k.name, c.first_day, e.currency) AS m
LEFT JOIN findings f ON f.merchant_id = m.merchant_id
    AND f.fingerprint = format('after-closing/%s/%s/%s', to_char(m.first_day, 'YYYY-MM'), m.connection_id, m.currency)
WHERE f.id IS NULL OR f.detail ->> 'entries' IS DISTINCT FROM m.entries::text
ORDER BY m.merchant_id, m.connection_id, m.first_day, m.currency"""
_BRING_UP: Final = (
    "UPDATE findings SET amount = $3, explanation = $4, detail = $5::jsonb WHERE merchant_id = $1 AND fingerprint = $2"
)


async def tell() -> int:
    """Open a finding for what was moved, and bring up to date those that say less; how many.

    It asks for all merchants: the caller says why (for_all).
    """
    found = await rows(_MOVED)
    for row in found:
        one = _finding(row)
        async with transaction():
            if await findings.open_finding(one) is None:
                what = (one.amount.minor_units, one.explanation, json.dumps(dict(one.detail)))
                if await execute(_BRING_UP, one.merchant_id, one.fingerprint, *what) != 1:
                    raise RuntimeError("The finding of a closed month was not there to be brought up to date.")
    return len(found)


def _finding(row: Any) -> Found:
    month = row["first_day"].strftime("%Y-%m")
    amount = Money(min(int(row["amount"]), MINOR_UNITS_MAX), row["currency"])
    days = str(row["since"]) if row["since"] == row["until"] else f"{row['since']} to {row['until']}"
    return Found(
        kind=FindingKind.AFTER_CLOSING,
        merchant_id=row["merchant_id"],
        connection_id=row["connection_id"],
        fingerprint=f"after-closing/{month}/{row['connection_id']}/{row['currency']}",
        amount=amount,
        explanation=f"{row['entries']} entries, of {amount} in all, belong to {days}: {month} was closed, so they are "
        f"booked from {row['day']} on.",
        detail={
            "entries": row["entries"],
            "ours": {"month": month, "state": "CLOSED"},
            "theirs": {"since": str(row["since"]), "until": str(row["until"]), "amount": str(amount)},
            "differs": ["accounting_date"],
        },
        again=True,
    )
