"""Checkpoints of the ledger: each night's sums of what was booked since the one before, so that no balance reads all.

They are only added, like the ledger; the invariants "checkpoints" add the ledger up again and compare. Those by store
are apart: who asks for all stores does not read them.
"""

from typing import Final

from domain.platform import marks
from domain.platform.database import execute, rows, transaction

_LOCK: Final = 0x63757473
_PATIENCE_SECONDS: Final = 60.0
_LAST: Final = "SELECT coalesce(max(until_entry), 0) AS id FROM ledger_checkpoints"
# A day of a year ago is few rows, however much was booked on it.
_CUT: Final = """
WITH made AS (
INSERT INTO ledger_checkpoints (until_entry, merchant_id, connection_id, account, currency, accounting_date, debits,
                                credits, made_at)
SELECT $2, merchant_id, connection_id, account, currency, accounting_date, sum(debit), sum(credit), now() FROM (
    SELECT merchant_id, connection_id, debit AS account, currency, accounting_date, amount AS debit, 0 AS credit
    FROM ledger_entries WHERE id > $1 AND id <= $2
    UNION ALL
    SELECT merchant_id, connection_id, credit, currency, accounting_date, 0, amount
    FROM ledger_entries WHERE id > $1 AND id <= $2) AS sides
GROUP BY merchant_id, connection_id, account, currency, accounting_date
RETURNING id) SELECT count(*) AS n FROM made"""

_LAST_BY_STORE: Final = "SELECT coalesce(max(until_entry), 0) AS id FROM store_checkpoints"
_CUT_BY_STORE: Final = """
INSERT INTO store_checkpoints (until_entry, merchant_id, connection_id, store_id, account, currency, accounting_date,
                               debits, credits, last_entry, of_payments, made_at)
SELECT $2, e.merchant_id, e.connection_id, e.store_id, side.account, e.currency, e.accounting_date, sum(side.debit),
    sum(side.credit), max(e.id), count(e.payment_id), now()
FROM ledger_entries e CROSS JOIN LATERAL (VALUES (e.debit, e.amount, 0::bigint), (e.credit, 0, e.amount))
    AS side (account, debit, credit)
WHERE e.id > $1 AND e.id <= $2
GROUP BY e.merchant_id, e.connection_id, e.store_id, side.account, e.currency, e.accounting_date"""
# What was booked behind the entry `last`, found by its id alone: PostgreSQL cannot know that it is little, and would
# read all that a merchant has ever booked instead.
BEHIND_LAST: Final = "(SELECT * FROM ledger_entries WHERE id > (SELECT id FROM last) OFFSET 0) AS ledger_entries"
# Up to where a merchant's ($1) checkpoints by store count the ledger in.
BY_STORE_UNTIL: Final = "(SELECT coalesce(max(until_entry), 0) FROM store_checkpoints WHERE merchant_id = $1)"


async def cut(*, patience_seconds: float = _PATIENCE_SECONDS) -> int:
    """Sum up what was booked since the last checkpoint; how many rows that took.

    Where a transaction that books does not end for `patience_seconds`, none is made: the one before serves as well.
    """
    found = await marks.settled(["ledger_entries"], patience_seconds=patience_seconds)
    if found is None:
        return 0
    async with transaction():
        await execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        (last,) = await rows(_LAST)
        (made,) = await rows(_CUT, last["id"], found["ledger_entries"])
        (by_store,) = await rows(_LAST_BY_STORE)  # they are younger than the others: their first one counts all in
        await execute(_CUT_BY_STORE, by_store["id"], found["ledger_entries"])
        return int(made["n"])
