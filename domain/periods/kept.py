"""The figures of a closed month: how they are added up, kept, and compared with the ledger again."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from domain.books import checkpoints
from domain.models import PeriodClosing
from domain.platform.database import execute, rows

# What the months before have kept, and what was booked since, up to the month's last day: by the checkpoints, and
# behind them by the ledger. The month before is where the sums begin, so that closing costs what a month costs.
_LAST: Final = f"last AS MATERIALIZED (SELECT {checkpoints.BY_STORE_UNTIL} AS id)"
_KEEP: Final = f"""
WITH {_LAST},
closed AS MATERIALIZED (SELECT id, last_day FROM period_closings WHERE merchant_id = $1 AND confirmed_at IS NOT NULL
    ORDER BY last_day DESC LIMIT 1),
booked AS MATERIALIZED (SELECT connection_id, store_id, debit, credit, currency,
        coalesce(sum(amount) FILTER (WHERE accounting_date < $2), 0) AS before,
        coalesce(sum(amount) FILTER (WHERE accounting_date >= $2), 0) AS within
    FROM {checkpoints.BEHIND_LAST} WHERE merchant_id = $1 AND accounting_date <= $3
      AND accounting_date > coalesce((SELECT last_day FROM closed), '-infinity') GROUP BY 1, 2, 3, 4, 5)
INSERT INTO closed_balances (closing_id, merchant_id, connection_id, store_id, account, currency, opening, debits,
    credits)
SELECT $4, $1, connection_id, store_id, account, currency, opening, debits, credits FROM (
    SELECT connection_id, store_id, account, currency, sum(opening) AS opening, sum(debits) AS debits,
        sum(credits) AS credits FROM (
        SELECT connection_id, store_id, account, currency, opening + debits - credits AS opening, 0 AS debits,
            0 AS credits FROM closed_balances WHERE closing_id = (SELECT id FROM closed)
        UNION ALL SELECT connection_id, store_id, account, currency,
            CASE WHEN accounting_date < $2 THEN debits - credits ELSE 0 END,
            CASE WHEN accounting_date < $2 THEN 0 ELSE debits END,
            CASE WHEN accounting_date < $2 THEN 0 ELSE credits END
        FROM store_checkpoints WHERE merchant_id = $1 AND accounting_date <= $3
          AND accounting_date > coalesce((SELECT last_day FROM closed), '-infinity')
        UNION ALL SELECT connection_id, store_id, debit, currency, before, within, 0 FROM booked
        UNION ALL SELECT connection_id, store_id, credit, currency, -before, 0, within FROM booked) AS sides
    GROUP BY connection_id, store_id, account, currency) AS sums
WHERE opening <> 0 OR debits <> 0 OR credits <> 0"""  # noqa: S608 - ours
LAST_ENTRY: Final = f"""
WITH {_LAST} SELECT greatest((SELECT coalesce(max(last_entry), 0) FROM store_checkpoints
    WHERE merchant_id = $1 AND accounting_date <= $2), (SELECT coalesce(max(id), 0) FROM {checkpoints.BEHIND_LAST}
    WHERE merchant_id = $1 AND accounting_date <= $2)) AS id"""  # noqa: S608 - ours
# Every figure in one order, behind whose they are and what they stand on.
_DIGEST: Final = """encode(sha256(convert_to(concat_ws('|', {c}.merchant_id, {c}.first_day, {c}.last_day, {entry},
    {position}, {hash}) || E'\\n' || coalesce((SELECT string_agg(concat_ws('|', b.connection_id, b.store_id, b.account,
        b.currency, b.opening, b.debits, b.credits), E'\\n'
        ORDER BY b.connection_id, b.store_id, b.currency COLLATE "C", b.account COLLATE "C")
    FROM closed_balances b WHERE b.closing_id = {c}.id), ''), 'UTF8')), 'hex')"""
_DIGEST_OF: Final = "SELECT " + _DIGEST.format(c="c", entry="$2::bigint", position="$3::bigint", hash="$4::text")
_DIGEST_KEPT: Final = _DIGEST.format(c="c", entry="c.last_entry", position="c.chain_position", hash="c.chain_hash")


async def keep(closing: PeriodClosing) -> None:
    """Add the month up and keep it, inside the caller's transaction, which alone books into it."""
    await execute(_KEEP, closing.merchant_id, closing.first_day, closing.last_day, closing.id)


async def digest_of(closing: PeriodClosing, last_entry: int, position: int, chain: str) -> str:
    """SHA-256 of what was kept, with the ledger's id and the head of the chain that it was kept at."""
    asked = f"{_DIGEST_OF} AS digest FROM period_closings c WHERE c.id = $1"
    (row,) = await rows(asked, closing.id, last_entry, position, chain)
    return str(row["digest"])


async def balances(closing_id: UUID) -> list[Mapping[str, Any]]:
    """Every row that was kept, with whose it is."""
    return [
        dict(row)
        for row in await rows(
            "SELECT b.account, b.currency, b.opening, b.debits, b.credits, b.connection_id, c.name AS connection_name, "
            "c.pse, b.store_id, s.code AS store_code FROM closed_balances b "
            "JOIN connections c ON c.id = b.connection_id JOIN stores s ON s.id = b.store_id WHERE b.closing_id = $1 "
            "ORDER BY c.name, b.connection_id, s.code, b.currency, b.account",
            closing_id,
        )
    ]


# For domain/invariants, of all merchants: a closed month is what its entries add up to, for ever. Each entry is read
# once: it lies in one month, and a month opens with what the one before has closed with.
CLOSED_FIGURES: Final = """
WITH months AS (
    SELECT id, merchant_id, first_day, last_day, last_entry, lead(id) OVER chain AS next_id,
        coalesce(lag(last_day) OVER chain, '-infinity') AS behind
    FROM period_closings WHERE confirmed_at IS NOT NULL WINDOW chain AS (PARTITION BY merchant_id ORDER BY last_day)),
booked AS MATERIALIZED (
    SELECT m.id AS closing_id, e.connection_id, e.store_id, e.debit, e.credit, e.currency, max(e.id) AS last,
        coalesce(sum(e.amount) FILTER (WHERE e.accounting_date < m.first_day), 0) AS before,
        coalesce(sum(e.amount) FILTER (WHERE e.accounting_date >= m.first_day), 0) AS within
    FROM months m JOIN ledger_entries e ON e.merchant_id = m.merchant_id AND e.accounting_date > m.behind
        AND e.accounting_date <= m.last_day
    GROUP BY 1, 2, 3, 4, 5, 6),
differing AS (
    SELECT closing_id, connection_id, store_id, account, currency, sum(opening) AS opening, sum(debits) AS debits,
        sum(credits) AS credits FROM (
        SELECT closing_id, connection_id, store_id, account, currency, opening, debits, credits FROM closed_balances
        UNION ALL SELECT m.next_id, b.connection_id, b.store_id, b.account, b.currency,
            b.credits - b.opening - b.debits, 0, 0
        FROM closed_balances b JOIN months m ON m.id = b.closing_id WHERE m.next_id IS NOT NULL
        UNION ALL SELECT closing_id, connection_id, store_id, debit, currency, -before, -within, 0 FROM booked
        UNION ALL SELECT closing_id, connection_id, store_id, credit, currency, before, 0, -within FROM booked) AS sides
    GROUP BY 1, 2, 3, 4, 5 HAVING sum(opening) <> 0 OR sum(debits) <> 0 OR sum(credits) <> 0),
lasts AS (
    SELECT m.id, max(coalesce(b.last, 0)) OVER (PARTITION BY m.merchant_id ORDER BY m.last_day) AS last
    FROM months m LEFT JOIN (SELECT closing_id, max(last) AS last FROM booked GROUP BY 1) b ON b.closing_id = m.id)
SELECT format('month %s of merchant %s: kept are %s, %s and %s more than booked, in %s %s of connection %s, store %s',
        m.first_day, m.merchant_id, d.opening, d.debits, d.credits, d.account, d.currency, d.connection_id, d.store_id)
        AS detail
FROM differing d JOIN months m ON m.id = d.closing_id
UNION ALL SELECT format('month %s of merchant %s: its figures are not those of its digest', c.first_day, c.merchant_id)
FROM period_closings c WHERE c.confirmed_at IS NOT NULL AND c.digest <> :digest
UNION ALL SELECT format('month %s of merchant %s: its last entry was %s, and is %s', m.first_day, m.merchant_id,
        m.last_entry, l.last)
FROM months m JOIN lasts l ON l.id = m.id WHERE m.last_entry <> l.last""".replace(":digest", _DIGEST_KEPT)
