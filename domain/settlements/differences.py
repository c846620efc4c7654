"""What conversions gained or lost: of a payment it is known when all of its money has gone out again, and not before.

FX_CLEARING has a payment's money in its own currency on one side and what the PSE made of it on the other. While some
of it is still there, what that is worth is the merchant's to say: no rate is invented. Once nothing is left on the one
side, what stands on the other is the difference, and goes to FX_DIFFERENCES: in each of the currencies, where it came
in one and left in another. Whatever brings some of it back, or tells it otherwise, takes that away again by adding. Of
each payment it is rounded once, half away from zero. What was converted back as it was paid out is no payment's: once
nothing of the second currency is left at the PSE, all that stands in FX_CLEARING of the connection is a difference.
"""

from datetime import date
from typing import Final
from uuid import UUID, uuid4

import polars as pl

from domain.books import ledger
from domain.books.ledger import Posting
from domain.models import Connection
from domain.models.ledger import Account, Entry
from domain.models.settlements import BookedAs
from domain.money import EXPONENTS
from domain.platform.database import execute, rows, transaction
from domain.settlements.frames import Frames

# How many minor units are one unit of a currency.
SCALES: Final = " ".join(f"WHEN '{currency}' THEN {10**places}" for currency, places in EXPONENTS.items())
_UNITS: Final = f"round({{main}} * CASE settled_currency {SCALES} END)"
_CONVERTED: Final = "booked_as = 'EFFECT' AND settled_currency <> currency AND payment_id IS NOT NULL"
# As domain/settlements/batches converts a line, signed as it moves the balance: `own` in the payment's currency.
_LINE: Final = """payment_id, currency, settled_currency, CASE WHEN effect IN ('CAPTURE', 'RETURN', 'TAKEN_BACK',
      'CHARGEBACK_REVERSED') THEN amount ELSE -amount END AS own,
    settled_net - coalesce(settled_fee, 0) - coalesce(settled_tax, 0) - coalesce(settled_withheld, 0) AS main"""
# Of each payment that is out again, by the currency that it was settled in: what is gained, in minor units. It is out
# of each currency by itself, or of all of them together.
GAINED: Final = f"""SELECT payment_id, settled_currency AS currency, {_UNITS.format(main="main")} AS amount
  FROM (SELECT payment_id, settled_currency, sum(main) AS main, sum(own) AS own,
      sum(sum(own)) OVER (PARTITION BY payment_id) AS all_own
    FROM (SELECT {_LINE} FROM settlement_lines WHERE voided_at IS NULL AND {_CONVERTED}) AS told
    GROUP BY payment_id, settled_currency) AS each WHERE own = 0 OR all_own = 0"""  # noqa: S608 - ours
# $1 the report that is stored now, $2 the payments that its lines convert. What was voided has this transaction's time:
# so the lines before it are known as well as those behind it.
_CHANGED: Final = f"""
WITH gone AS MATERIALIZED (SELECT {_LINE} FROM settlement_lines WHERE voided_at = now() AND {_CONVERTED}),
concerned AS MATERIALIZED (SELECT $2::uuid[] || ARRAY(SELECT payment_id FROM gone) AS ids),
told AS (
  SELECT {_LINE}, report_id <> $1 AS before, true AS behind FROM settlement_lines
  WHERE payment_id = ANY((SELECT ids FROM concerned)::uuid[]) AND voided_at IS NULL AND {_CONVERTED}
  UNION ALL SELECT *, true, false FROM gone),
parts AS (
  SELECT payment_id, settled_currency, coalesce(sum(main) FILTER (WHERE behind), 0) AS main_behind,
    coalesce(sum(main) FILTER (WHERE before), 0) AS main_before, coalesce(sum(own) FILTER (WHERE behind), 0) AS behind,
    coalesce(sum(own) FILTER (WHERE before), 0) AS before
  FROM told GROUP BY payment_id, settled_currency),
summed AS (
  SELECT payment_id, settled_currency,
    {_UNITS.format(main="main_behind")} * (behind = 0 OR sum(behind) OVER w = 0)::int
      - {_UNITS.format(main="main_before")} * (before = 0 OR sum(before) OVER w = 0)::int AS amount
  FROM parts WINDOW w AS (PARTITION BY payment_id))
SELECT p.store_id, s.settled_currency AS currency, sum(s.amount) AS amount
FROM summed s JOIN payments p ON p.id = s.payment_id
GROUP BY 1, 2 HAVING sum(s.amount) <> 0 ORDER BY 1, 2"""  # noqa: S608 - ours


OF_PAYOUTS: Final = "paid-out/"  # begins the cause of what was paid out in the currency that it had come from
_HELD: Final = (Account.PSE_BALANCE, Account.PSE_RESERVE, Account.PSE_TRANSFERS)
_WAYS: Final = """SELECT DISTINCT t.settled_currency, p.currency FROM payouts p
JOIN payout_parts t ON t.payout_id = p.id AND t.voided_at IS NULL WHERE p.connection_id = $1"""


async def postings(
    connection: Connection, report_id: UUID, on: date, lines: Frames, request_id: str, *, voided: bool
) -> list[Posting]:
    """What the report changes of the differences, once per store and currency.

    In the transaction that has stored its lines, after all that it takes away is voided. `voided`: whether any was.
    """
    converted = lines.together(_payments, _ASKED)["payment_id"]
    if converted.is_empty() and not voided:
        return []
    found = await rows(_CHANGED, report_id, converted.unique().to_list())
    return [
        Posting(
            merchant_id=connection.merchant_id,
            store_id=row["store_id"],
            connection_id=connection.id,
            entry=Entry.FX_DIFFERENCE,
            amount=abs(int(row["amount"])),
            currency=row["currency"],
            accounting_date=on,
            cause=f"report/{report_id}/{row['store_id']}/{Entry.FX_DIFFERENCE}/{row['currency']}",
            request_id=request_id,
            reverse=row["amount"] > 0,  # a gain
        )
        for row in found
    ]


_ASKED: Final = ("booked_as", "currency", "settled_currency", "payment_id")


def _payments(lines: pl.DataFrame) -> pl.DataFrame:
    if not (lines["settled_currency"] != lines["currency"]).any():
        return lines[["payment_id"]].clear()
    of_effect, of_ours = pl.col("booked_as") == BookedAs.EFFECT.value, pl.col("payment_id").is_not_null()
    converted = pl.col("settled_currency") != pl.col("currency")
    return lines.filter(of_effect & of_ours & converted).select("payment_id").unique()


async def paid_out(connection: Connection) -> None:
    """Book what stands in FX_CLEARING where all that was converted is paid out again, in the first currency.

    After a report of the connection is stored. What a revised one says later is booked when that is so once more.
    """
    ways = [(row["settled_currency"], row["currency"]) for row in await rows(_WAYS, connection.id)]
    back = [(second, first) for second, first in ways if second != first]
    # None is paid out so, or in several ways; or some goes to a bank as it is, and is there what it was converted to.
    if len(back) != 1 or (back[0][0], back[0][0]) in ways:
        return
    second, first = back[0]
    async with transaction():
        await execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", str(connection.id))
        found = await ledger.balances(connection.merchant_id, connection_id=connection.id)
        stands = {row.currency: row.balance for row in found if row.account is Account.FX_CLEARING and row.balance}
        held = [row for row in found if row.account in _HELD and row.currency == second and row.balance]
        if not held and set(stands) <= {first, second}:
            await ledger.post([await _of_payouts(connection, *one) for one in sorted(stands.items())])


async def _of_payouts(connection: Connection, currency: str, stands: int) -> Posting:
    return Posting(
        merchant_id=connection.merchant_id,
        store_id=connection.default_store_id,
        connection_id=connection.id,
        entry=Entry.FX_DIFFERENCE,
        amount=abs(stands),
        currency=currency,
        accounting_date=await ledger.today(connection.merchant_id),
        cause=f"{OF_PAYOUTS}{connection.id}/{uuid4()}",
        request_id=OF_PAYOUTS,
        reverse=stands < 0,
    )
