"""Payments that no report proves though reports tell others of since then: for each a finding, when it is overdue.

A PSE settles a sale up to a month and a half after it, so nobody is called before. A claim that stands because a person
has dealt with it in another currency waits for nothing.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from domain.books import ledger
from domain.findings import findings, names
from domain.findings.findings import FindingKind, Found
from domain.models import Connection
from domain.money import Money
from domain.platform.database import execute, rows

DAYS: Final = 45
A_NIGHT_MAX: Final = 100  # findings; the next night has the next ones
PROVEN: Final = "A report proves the payment, or it is withdrawn."
_ACTION: Final = (
    "Ask the PSE which report has this payment, and have that date repeated. Withdraw a payment that was never "
    "captured; what never comes is given up here."
)
_PROOF: Final = """SELECT 1 FROM settlement_lines l WHERE l.payment_id = p.id AND l.effect = 'CAPTURE'
  AND l.voided_at IS NULL"""
_IN_ANOTHER: Final = """SELECT {what} FROM findings f WHERE f.merchant_id = $1 AND f.connection_id = $2
  AND f.kind = 'CURRENCY_MISMATCH' AND f.refund_id IS NULL AND {resolved}
  AND jsonb_typeof(f.detail -> 'ours' -> 'amount') = 'number'"""
_CLAIM: Final = "o.account = 'PSE_CLEARING' AND o.connection_id = $2 AND o.amount > 0"
# Of a payment `p`: whether it is missing. `$3`: how such findings are closed.
_IS_MISSING: Final = f"""p.withdrawn_at IS NULL AND p.captured > 0 AND NOT EXISTS ({_PROOF})
  AND NOT EXISTS ({_IN_ANOTHER.format(what="1", resolved="f.resolved_at IS NULL")}
    AND f.detail ->> 'payment' = p.pse_reference)
  AND NOT EXISTS (SELECT 1 FROM findings f WHERE f.merchant_id = $1
    AND f.fingerprint = '{names.CAPTURE_MISSING}' || p.id AND (f.resolved_at IS NULL OR f.resolution <> $3))"""  # noqa: S608 - ours
_COLUMNS: Final = "p.id, p.pse_reference, p.captured, p.currency"
# Of what is open, kept (books/open_items): the claims of sales in the order of their index, one by one, until there
# are `$4`. They are overdue since `$5`.
_OVERDUE: Final = f"""
WITH told AS MATERIALIZED (SELECT max(business_date) AS until FROM reports WHERE connection_id = $2
  AND superseded_at IS NULL AND totals -> 'effects' @> '[{{"effect": "CAPTURE"}}]')
SELECT p.*, o.since AS day FROM open_items o
CROSS JOIN LATERAL (SELECT {_COLUMNS} FROM payments p WHERE p.id = o.payment_id AND {_IS_MISSING} OFFSET 0) p
WHERE o.merchant_id = $1 AND {_CLAIM} AND o.since <= (SELECT least(until, $5::date) FROM told)
  AND (SELECT until FROM told) IS NOT NULL ORDER BY o.since, o.entry_id LIMIT $4"""  # noqa: S608 - ours
# Those beside which a person has dealt with a line in another currency, while reports tell that.
_DEALT: Final = f"""
WITH dealt AS MATERIALIZED ({
    _IN_ANOTHER.format(
        what="DISTINCT f.detail ->> 'payment' AS name", resolved=f"f.resolved_at IS NOT NULL AND {findings.MAY_END}"
    )
})
SELECT p.*, o.day FROM dealt d
CROSS JOIN LATERAL (SELECT {_COLUMNS} FROM payments p WHERE p.connection_id = $2 AND p.pse_reference = d.name
  AND {_IS_MISSING} OFFSET 0) p
CROSS JOIN LATERAL (SELECT min(o.since) AS day FROM open_items o WHERE o.payment_id = p.id AND {_CLAIM}) o
WHERE o.day IS NOT NULL ORDER BY o.day, p.id LIMIT $4"""  # noqa: S608 - ours
_CLOSE: Final = findings.closing(
    "SELECT f.id, $3::text AS said FROM findings f JOIN payments p ON p.id = f.payment_id "  # noqa: S608 - ours
    f"WHERE f.merchant_id = $1 AND f.connection_id = $2 AND f.kind = 'MISSING_IN_REPORT' AND {findings.MAY_END} "
    f"AND starts_with(f.fingerprint, '{names.CAPTURE_MISSING}') AND (p.withdrawn_at IS NOT NULL OR EXISTS ({_PROOF}))"
)


async def flag(connection: Connection) -> None:
    """Open what is overdue by now. After a night's reports."""
    until = await ledger.today(connection.merchant_id) - timedelta(days=DAYS)
    of = (connection.merchant_id, connection.id, PROVEN, A_NIGHT_MAX)
    missing = [*await rows(_DEALT, *of), *await rows(_OVERDUE, *of, until)]
    # A payment with several captures has several claims: the oldest one says the day.
    found = [_found(connection, row) for row in {row["id"]: row for row in reversed(missing)}.values()]
    await findings.open_findings(found)
    await findings.open_again(found, PROVEN)


async def close(connection: Connection) -> None:
    """Close what is missing no longer."""
    await execute(_CLOSE, connection.merchant_id, connection.id, PROVEN)


def _found(connection: Connection, row: Any) -> Found:
    money: Sequence[Any] = (row["captured"], row["currency"])
    return Found(
        kind=FindingKind.MISSING_IN_REPORT,
        merchant_id=connection.merchant_id,
        connection_id=connection.id,
        fingerprint=names.capture_missing(row["id"]),
        amount=Money(*money),
        explanation=(
            f"Payment {row['pse_reference']} was captured on {row['day']}; no report proves it, and reports tell of "
            "others since."
        ),
        payment_id=row["id"],
        detail={"ours": {"captured": row["captured"]}, "theirs": {}, "differs": ["captured"]},
        action=_ACTION,
    )
