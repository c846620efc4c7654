"""Refunds that came back: the customer has nothing yet, so the refund has to be done again another way.

It is over when the refund was repeated (the repeat's own end counts then), when its money has left after all, or when
nothing of the payment is left that could be owed. The night looks at all of a connection, for that may be so by another
refund or by a chargeback.
"""

from collections.abc import Mapping
from typing import Any, Final

from domain.findings import findings, names
from domain.findings.findings import FindingKind, Found
from domain.models import Connection, Refund
from domain.models.refunds import State
from domain.money import Money
from domain.platform.database import execute, rows

DONE: Final = "It was done again, or nothing of the payment is owed any more."
# Of refund `r` of payment `p`: whether the customer still waits for the money. Under its own reference stands what has
# left after all (reconciliation/unreturned). OFFSET 0: asked payment by payment, for PostgreSQL, which cannot know that
# it is little, would read the whole ledger for each.
_OWED: Final = """(r.state = 'RETURNED' AND p.withdrawn_at IS NULL
  AND p.captured > p.refunded::numeric + p.taken_by_bank + p.charged_back AND NOT EXISTS (
    WITH RECURSIVE after AS (SELECT a.id, a.state FROM refunds a
        WHERE a.payment_id = r.payment_id AND a.retry_of_id = r.id
      UNION SELECT b.id, b.state FROM refunds b JOIN after ON b.retry_of_id = after.id
        WHERE b.payment_id = r.payment_id)
    SELECT 1 FROM after WHERE state IN ('SUCCEEDED', 'RETURNED'))
  AND NOT EXISTS (SELECT 1 FROM ledger_entries t WHERE t.payment_id = r.payment_id AND t.entry = 'TAKEN'
    AND split_part(t.cause, '/again-', 1) = format('taken/%s/%s/%s', p.connection_id, p.pse_reference, r.reference)
    AND NOT EXISTS (SELECT 1 FROM ledger_entries b
      WHERE b.cause = ANY(ARRAY[t.cause || '/back', t.cause || '/ours', t.cause || '/void']) OFFSET 0) OFFSET 0))"""
_WAITING: Final = f"""SELECT r.id, r.merchant_id, r.connection_id, r.payment_id, r.reference, r.amount, r.currency
  FROM refunds r JOIN payments p ON p.id = r.payment_id WHERE r.connection_id = $1 AND {_OWED}
    AND NOT EXISTS (SELECT 1 FROM findings f WHERE f.merchant_id = r.merchant_id
      AND f.fingerprint = 'returned/' || r.id AND (f.resolved_at IS NULL OR f.resolution IS DISTINCT FROM $2))
  ORDER BY r.id"""  # noqa: S608 - ours
_CLOSE: Final = findings.closing(f"""SELECT f.id, $3::text AS said FROM findings f JOIN refunds r ON r.id = f.refund_id
  JOIN payments p ON p.id = r.payment_id WHERE f.merchant_id = $1 AND f.connection_id = $2 AND f.kind = 'RETURNED'
    AND {findings.MAY_END} AND NOT {_OWED}""")  # noqa: S608 - ours
# What a refund repeats, and what that one repeated: all of them are done again by it.
_BEFORE: Final = """WITH RECURSIVE before AS (SELECT id, retry_of_id FROM refunds WHERE id = $1 AND payment_id = $2
    UNION SELECT r.id, r.retry_of_id FROM refunds r JOIN before ON before.retry_of_id = r.id WHERE r.payment_id = $2)
  SELECT id FROM before"""


async def moved(refund: Refund, to: State) -> None:
    """The refund came back, or has paid what an earlier one did not. Inside the move's transaction."""
    if to is State.RETURNED:
        values = {name: getattr(refund, name) for name in ("id", "merchant_id", "connection_id", "payment_id")}
        told = {"reference": refund.reference, "amount": refund.amount, "currency": refund.currency}
        await findings.open_finding(_found({**values, **told}))
    if to in (State.SUCCEEDED, State.RETURNED) and refund.retry_of_id is not None:
        for row in await rows(_BEFORE, refund.retry_of_id, refund.payment_id):
            await findings.resolve(refund.merchant_id, names.returned(row["id"]), DONE)


async def flag(connection: Connection) -> None:
    """Open those of which the customer waits for the money."""
    found = [_found(row) for row in await rows(_WAITING, connection.id, DONE)]
    if found:
        await findings.open_findings(found)
        await findings.open_again(found, DONE)


async def close(connection: Connection) -> None:
    """Close those of which the customer does not wait for the money."""
    await execute(_CLOSE, connection.merchant_id, connection.id, DONE)


def _found(row: Mapping[str, Any]) -> Found:
    money = Money(row["amount"], row["currency"])
    return Found(
        kind=FindingKind.RETURNED,
        merchant_id=row["merchant_id"],
        connection_id=row["connection_id"],
        fingerprint=names.returned(row["id"]),
        amount=money,
        explanation=f"Refund {row['reference']} of {money} came back: the customer has nothing yet.",
        refund_id=row["id"],
        payment_id=row["payment_id"],
        detail={"ours": {"owed": row["amount"]}, "theirs": {"state": "RETURNED"}, "differs": ["state"]},
    )
