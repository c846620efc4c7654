"""What is open in the ledger, kept up so that nobody reads all claims to find the few without a proof.

What closes an account's entries closes the oldest of the same thing first (a refund's, a payment's; of what is of no
payment, a connection's): what is left are items, each an entry with the part of it that is open. A night books its
payouts together, and each is an item of its own, from its own day, until a bank has it. Those of payments are kept in
`open_items`, as of a mark. Whoever asks takes what is kept, and works out anew what an entry or a line behind the mark
has touched: it is the same as if all were worked out anew, wherever the mark lies, and an item that was closed opens
again. Amounts in minor units, debits less credits.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from domain.models.ledger import Account
from domain.platform import marks
from domain.platform.alone import lock_name
from domain.platform.database import execute, rows, transaction

ACCOUNTS: Final = (
    Account.PSE_CLEARING,
    Account.REFUNDS_PAYABLE,
    Account.SUSPENSE,
    Account.PAYOUTS_IN_TRANSIT,
    Account.VAT_REVERSAL_PENDING,
    Account.PSE_RESERVE,
    Account.PSE_TRANSFERS,
    Account.FX_CLEARING,
)
_OF_REPORTS: Final = (Account.PSE_RESERVE, Account.PSE_TRANSFERS, Account.FX_CLEARING)  # which name no payment
_TABLES: Final = ("ledger_entries", "settlement_lines")
_PATIENCE_SECONDS: Final = 5.0
_ALL: Final = ", ".join(f"'{one}'" for one in ACCOUNTS if one not in _OF_REPORTS)
# Claims are of payments, and what proves them together is no item.
_OF_NOBODY: Final = ", ".join(
    f"'{one}'" for one in (Account.SUSPENSE, Account.PAYOUTS_IN_TRANSIT, Account.VAT_REVERSAL_PENDING, *_OF_REPORTS)
)
# A line is voided at the begin of its transaction, and none lasts so long (platform/database.BATCH).
_OVERLAP: Final = "interval '2 hours'"
# A payment's merchant, asked payment by payment: of the few, however many a merchant has.
_WHOSE: Final = (
    "CROSS JOIN LATERAL (SELECT p.id, p.merchant_id FROM payments p WHERE p.id = s.payment_id OFFSET 0) AS p"
)
# Payments ($1: whose) that anything behind the mark speaks of, found by the ids and moments of what is there alone:
# PostgreSQL cannot know that it is little.
TOUCHED: Final = f"""
mark AS MATERIALIZED (SELECT at, ledger_entries, settlement_lines FROM open_item_marks WHERE merchant_id = $1),
touched AS MATERIALIZED (SELECT ARRAY(
    SELECT payment_id FROM (SELECT merchant_id, payment_id FROM ledger_entries
      WHERE id > (SELECT ledger_entries FROM mark) OFFSET 0) AS e WHERE merchant_id = $1 AND payment_id IS NOT NULL
    UNION SELECT p.id FROM (SELECT payment_id FROM settlement_lines
        WHERE id > (SELECT settlement_lines FROM mark) OFFSET 0) AS s {_WHOSE} WHERE p.merchant_id = $1
    UNION SELECT p.id FROM (SELECT payment_id FROM settlement_lines
        WHERE voided_at > (SELECT at FROM mark) - {_OVERLAP} OFFSET 0) AS s {_WHOSE} WHERE p.merchant_id = $1
    ) AS ids)"""  # noqa: S608 - ours
OF_TOUCHED: Final = "{payment} = ANY((SELECT ids FROM touched)::uuid[])"
OF_ALL: Final = "{merchant} = $1"
# A claim and its proof: of a refund's its line, of a payment's those of the same effect; what is given up of it says
# of which it was (findings/postings).
_CLASS: Final = """CASE WHEN a.account <> 'PSE_CLEARING' THEN e.currency WHEN e.refund_id IS NOT NULL THEN 'REFUND'
    WHEN e.entry IN ('TAKEN', 'TAKEN_BACK') THEN 'TAKEN'
    WHEN e.entry = 'CLAIM_GIVEN_UP' AND split_part(e.cause, '/', 4) = 'TAKEN' THEN 'TAKEN'
    WHEN e.entry IN ('CHARGEBACK', 'CHARGEBACK_REVERSED') THEN 'CHARGEBACK' ELSE 'CAPTURE' END"""
_MOVES: Final = f"""
SELECT a.account, e.id, e.connection_id, e.store_id, e.payment_id, e.currency,
    coalesce(e.belongs_to, e.accounting_date) AS since, a.moved,
    CASE WHEN a.account = 'SUSPENSE' THEN e.payment_id ELSE coalesce(e.refund_id, e.payment_id) END AS thing,
    {_CLASS} AS class
FROM ledger_entries e CROSS JOIN LATERAL (VALUES (e.debit, e.amount), (e.credit, -e.amount)) AS a (account, moved)
WHERE {{entries}} AND e.payment_id IS NOT NULL AND a.account IN ({_ALL})
UNION ALL
SELECT 'PSE_CLEARING', NULL, p.connection_id, p.store_id, p.id, s.currency, s.business_date,
    CASE WHEN s.effect IN ('CAPTURE', 'RETURN', 'TAKEN_BACK', 'CHARGEBACK_REVERSED') THEN -s.amount ELSE s.amount END,
    CASE WHEN s.effect IN ('REFUND', 'RETURN') THEN s.refund_id ELSE s.payment_id END,
    CASE WHEN s.effect IN ('REFUND', 'RETURN') THEN 'REFUND' WHEN s.effect IN ('TAKEN', 'TAKEN_BACK') THEN 'TAKEN'
        WHEN s.effect IN ('CHARGEBACK', 'CHARGEBACK_REVERSED') THEN 'CHARGEBACK' ELSE 'CAPTURE' END
FROM payments p JOIN settlement_lines s ON s.payment_id = p.id AND s.voided_at IS NULL AND s.effect <> 'NONE'
WHERE {{payments}}"""  # noqa: S608 - ours
# Payouts that reports tell, less what a bank has of each, and what a person has given up. Their entry is that of the
# first report that told them, which may be of several, or the last one of their connection: so `place`, a number below
# zero, is theirs alone.
_ON_THEIR_WAY: Final = """
SELECT p.id AS payout_id, t.id - (1::bigint << 62) AS place, coalesce(e.id, l.id) AS entry_id, p.connection_id,
    coalesce(e.store_id, l.store_id) AS store_id, p.currency, p.business_date AS since,
    p.amount - coalesce(o.amount, 0) - coalesce(g.amount, 0) AS amount
FROM payouts p JOIN connections c ON c.id = p.connection_id
CROSS JOIN LATERAL (SELECT min(id) AS id FROM payout_parts WHERE payout_id = p.id) AS t
LEFT JOIN LATERAL (SELECT sum(amount) AS amount FROM payout_proofs
    WHERE payout_id = p.id AND voided_at IS NULL) AS o ON true
LEFT JOIN LATERAL (SELECT sum(s.amount) AS amount FROM findings f JOIN finding_resolutions s ON s.finding_id = f.id
    WHERE f.merchant_id = p.merchant_id AND f.fingerprint = 'payout-missing/' || p.id || '/' || p.amount
      AND s.started_at IS NOT NULL AND s.ended_at IS NULL) AS g ON true
LEFT JOIN LATERAL (SELECT n.id, n.store_id FROM payout_parts r JOIN ledger_entries n
      ON n.cause = format('report/%s/%s/PAYOUT/%s', r.report_id, c.default_store_id, p.currency)
    WHERE r.payout_id = p.id ORDER BY r.id LIMIT 1) AS e ON true
LEFT JOIN LATERAL (SELECT n.id, n.store_id FROM ledger_entries n WHERE n.merchant_id = p.merchant_id
      AND n.connection_id = p.connection_id AND n.payment_id IS NULL AND n.entry = 'PROVE_PAYOUTS'
      AND n.currency = p.currency AND e.id IS NULL ORDER BY n.accounting_date DESC, n.id DESC LIMIT 1) AS l ON true
WHERE p.merchant_id = $1 AND p.amount <> 0 AND coalesce(e.id, l.id) IS NOT NULL"""
# What is of no payment: a connection's, and of that some entries for each night. What each payout has of them is told
# by itself.
_NOBODYS: Final = f"""
SELECT a.account, e.id, e.connection_id, e.store_id, e.payment_id, e.currency,
    coalesce(e.belongs_to, e.accounting_date) AS since, a.moved, e.connection_id AS thing, e.currency AS class
FROM ledger_entries e CROSS JOIN LATERAL (VALUES (e.debit, e.amount), (e.credit, -e.amount)) AS a (account, moved)
WHERE e.merchant_id = $1 AND e.payment_id IS NULL AND a.account IN ({_OF_NOBODY}) AND {{whose}}
UNION ALL
SELECT 'PAYOUTS_IN_TRANSIT', NULL, e.connection_id, e.store_id, NULL, e.currency, e.since, -e.amount, e.connection_id,
    e.currency FROM on_their_way e WHERE {{whose}}"""  # noqa: S608 - ours
# Nearly everything is closed: what is not is found by sums alone, and only its entries are put in order.
_ITEMS: Final = """
{name}_moves AS NOT MATERIALIZED ({moves}),
{name}_netted AS MATERIALIZED (SELECT account, thing, class, sum(moved) AS net FROM {name}_moves
    GROUP BY account, thing, class HAVING sum(moved) <> 0),
{name}_behind AS (SELECT m.*, n.net, coalesce(sum(abs(m.moved)) OVER (PARTITION BY m.account, m.thing, m.class
      ORDER BY m.since DESC, m.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS later
    FROM {name}_moves m JOIN {name}_netted n USING (account, thing, class)
    WHERE m.id IS NOT NULL AND sign(m.moved) = sign(n.net)),
{name} AS MATERIALIZED (SELECT account, id AS entry_id, connection_id, store_id, payment_id, currency, since,
      sign(net) * least(abs(moved), abs(net) - later) AS amount FROM {name}_behind WHERE abs(net) > later)"""


def of_payments(which: str, name: str = "fresh") -> str:
    """The open items of OF_TOUCHED or OF_ALL, worked out anew: tables of a WITH, the last one called `name`."""
    entries = which.format(payment="e.payment_id", merchant="e.merchant_id")
    payments = which.format(payment="s.payment_id", merchant="p.merchant_id")
    return _ITEMS.format(name=name, moves=_MOVES.format(entries=entries, payments=payments))


def of_nobody(whose: str, name: str = "nobodys") -> str:
    """The open items of no payment, of the entries that are somebody's: a condition on `e`. Those of payouts, too, with
    their `place` and `payout_id`.
    """
    left = _ITEMS.format(name="left_over", moves=_NOBODYS.format(whose=whose))
    return f"""on_their_way AS MATERIALIZED (SELECT * FROM ({_ON_THEIR_WAY}) AS p WHERE amount <> 0), {left},
{name} AS MATERIALIZED (SELECT *, entry_id AS place, NULL::uuid AS payout_id FROM left_over UNION ALL
  SELECT 'PAYOUTS_IN_TRANSIT', entry_id, connection_id, store_id, NULL, currency, since, amount, place, payout_id
  FROM on_their_way e WHERE {whose})"""  # noqa: S608 - ours


_COLUMNS: Final = "connection_id, store_id, account, currency, since"
_KEEP: Final = f"""
old AS MATERIALIZED (SELECT id, entry_id, {_COLUMNS}, amount FROM open_items o WHERE {{kept}} AND amount <> 0),
closed AS (UPDATE open_items o SET amount = 0 FROM old WHERE o.id = old.id AND NOT EXISTS (
    SELECT 1 FROM fresh f WHERE f.account = old.account AND f.entry_id = old.entry_id)),
opened AS (INSERT INTO open_items (merchant_id, payment_id, entry_id, {_COLUMNS}, amount)
    SELECT $1, payment_id, entry_id, {_COLUMNS}, amount FROM fresh
    ON CONFLICT (account, entry_id) DO UPDATE SET amount = excluded.amount
      WHERE open_items.amount <> excluded.amount),
summed AS (INSERT INTO open_item_sums AS s (merchant_id, {_COLUMNS}, items, amount)
    SELECT $1, {_COLUMNS}, sum(n), sum(amount) FROM (
        SELECT {_COLUMNS}, -1 AS n, -amount AS amount FROM old UNION ALL SELECT {_COLUMNS}, 1, amount FROM fresh) AS d
    GROUP BY {_COLUMNS} HAVING sum(n) <> 0 OR sum(amount) <> 0
    ON CONFLICT (merchant_id, account, connection_id, store_id, currency, since)
      DO UPDATE SET items = s.items + excluded.items, amount = s.amount + excluded.amount)
SELECT (SELECT count(*) FROM old) + (SELECT count(*) FROM fresh) AS n"""  # noqa: S608 - ours
KEEP_TOUCHED: Final = (
    f"WITH {TOUCHED}, {of_payments(OF_TOUCHED)}, {_KEEP.format(kept=OF_TOUCHED.format(payment='o.payment_id'))}"
)
KEEP_ALL: Final = f"WITH {of_payments(OF_ALL)}, {_KEEP.format(kept='o.merchant_id = $1')}"
_MARK: Final = """INSERT INTO open_item_marks (merchant_id, at, ledger_entries, settlement_lines)
VALUES ($1, $2, $3, $4) ON CONFLICT (merchant_id)
DO UPDATE SET at = excluded.at, ledger_entries = excluded.ledger_entries,
  settlement_lines = excluded.settlement_lines"""
_FURTHER: Final = "SELECT 1 FROM open_item_marks WHERE merchant_id = $1 AND at >= $2"
# One at a time of each merchant.


# The merchants of whom something is behind the mark that is furthest back, and those of whom nothing is kept yet.
_CONCERNED: Final = f"""
WITH marks AS MATERIALIZED (SELECT min(at) AS at, min(ledger_entries) AS entry, min(settlement_lines) AS line
    FROM open_item_marks)
SELECT merchant_id AS id FROM ledger_entries WHERE id > (SELECT entry FROM marks)
UNION SELECT p.merchant_id FROM (SELECT payment_id FROM settlement_lines
    WHERE id > (SELECT line FROM marks) OFFSET 0) AS s {_WHOSE}
UNION SELECT p.merchant_id FROM (SELECT payment_id FROM settlement_lines
    WHERE voided_at > (SELECT at FROM marks) - {_OVERLAP} OFFSET 0) AS s {_WHOSE}
UNION SELECT m.id FROM merchants m WHERE NOT EXISTS (SELECT 1 FROM open_item_marks k WHERE k.merchant_id = m.id)
ORDER BY id"""  # noqa: S608 - ours
_UNCONCERNED: Final = """UPDATE open_item_marks SET at = $1, ledger_entries = $2, settlement_lines = $3
WHERE at < $1 AND merchant_id <> ALL($4::uuid[])"""


async def marked(merchant_id: UUID) -> bool:
    """Whether anything is kept yet of this merchant."""
    return bool(await rows("SELECT 1 FROM open_item_marks WHERE merchant_id = $1", merchant_id))


async def cut(*, patience_seconds: float = _PATIENCE_SECONDS) -> int:
    """Bring what is kept up to now, of all merchants, each in a transaction; how many items were looked at.

    Outside of any transaction. Where one that books does not end for `patience_seconds` nothing is done: what is kept
    serves as well.
    """
    (clock,) = await rows("SELECT now() AS at")
    settled = await marks.settled(_TABLES, patience_seconds=patience_seconds)
    if settled is None:
        return 0
    reached = (clock["at"], *(settled[table] for table in _TABLES))
    concerned = [row["id"] for row in await rows(_CONCERNED)]
    looked_at = sum([await _cut(merchant, reached) for merchant in concerned])
    await execute(_UNCONCERNED, *reached, concerned)
    await rows("SELECT forget_closed_items()")
    return looked_at


async def _cut(merchant_id: UUID, reached: tuple[datetime, int, int]) -> int:
    async with transaction():
        await lock_name(f"open-items/{merchant_id}")
        if await rows(_FURTHER, merchant_id, reached[0]):
            return 0
        (kept,) = await rows(KEEP_TOUCHED if await marked(merchant_id) else KEEP_ALL, merchant_id)
        await execute(_MARK, merchant_id, *reached)
        return int(kept["n"])


# For domain/invariants, of all merchants that have any: what is kept of payments that nothing behind the mark speaks of
# is what is worked out anew, and the days' sums are those of the items.
_BEHIND: Final = f"""
SELECT e.payment_id FROM ledger_entries e JOIN open_item_marks k USING (merchant_id) WHERE e.id > k.ledger_entries
UNION SELECT p.id FROM settlement_lines s JOIN payments p ON p.id = s.payment_id
  JOIN open_item_marks k USING (merchant_id)
  WHERE s.id > k.settlement_lines OR s.voided_at > k.at - {_OVERLAP}"""  # noqa: S608 - ours
KEPT_ITEMS: Final = f"""
WITH behind AS MATERIALIZED ({_BEHIND}), {of_payments("{merchant} IN (SELECT merchant_id FROM open_item_marks)")}
SELECT format('entry %s on %s of payment %s: kept %s, open %s', entry_id, account, payment_id, coalesce(k.amount, 0),
    coalesce(f.amount, 0)) AS detail
FROM (SELECT payment_id, entry_id, account, connection_id, store_id, currency, since, amount FROM open_items
    WHERE amount <> 0) k
FULL JOIN fresh f USING (payment_id, entry_id, account, connection_id, store_id, currency, since)
WHERE k.amount IS DISTINCT FROM f.amount AND payment_id NOT IN (
    SELECT payment_id FROM behind WHERE payment_id IS NOT NULL)
UNION ALL
SELECT format('%s %s of %s on %s: the days say %s of %s, the items %s of %s', account, currency, connection_id, since,
    coalesce(s.items, 0), coalesce(s.amount, 0), coalesce(i.items, 0), coalesce(i.amount, 0))
FROM (SELECT * FROM open_item_sums WHERE items <> 0 OR amount <> 0) s FULL JOIN (SELECT merchant_id, {_COLUMNS},
    count(*) AS items, sum(amount) AS amount FROM open_items WHERE amount <> 0 GROUP BY merchant_id, {_COLUMNS}) i
  USING (merchant_id, {_COLUMNS})
WHERE (s.items, s.amount) IS DISTINCT FROM (i.items, i.amount)"""  # noqa: S608 - ours
