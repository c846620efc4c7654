"""What conversions gained or lost: of a payment it is known when all of its money has gone out again, and not before.

FX_CLEARING has a payment's money in its own currency on one side and what the PSE made of it on the other. While some
of it is still there, what that is worth is the merchant's to say: no rate is invented. Once nothing is left on the one
side, what stands on the other is the difference, and goes to FX_DIFFERENCES; whatever brings some of it back, or tells
it otherwise, takes that away again by adding. Of each payment it is rounded once, half away from zero.
"""

from datetime import date
from typing import Final
from uuid import UUID

import polars as pl

from domain.books.ledger import Posting
from domain.models import Connection
from domain.models.ledger import Entry
from domain.models.settlements import BookedAs
from domain.money import EXPONENTS
from domain.platform.database import rows
from domain.settlements.frames import Frames

# How many minor units are one unit of a currency.
SCALES: Final = " ".join(f"WHEN '{currency}' THEN {10**places}" for currency, places in EXPONENTS.items())
_UNITS: Final = f"round({{main}} * CASE settled_currency {SCALES} END)"
_CONVERTED: Final = "booked_as = 'EFFECT' AND settled_currency <> currency AND payment_id IS NOT NULL"
# As domain/settlements/batches converts a line, signed as it moves the balance: `own` in the payment's currency.
_LINE: Final = """payment_id, currency, settled_currency, CASE WHEN effect IN ('CAPTURE', 'RETURN', 'TAKEN_BACK',
      'CHARGEBACK_REVERSED') THEN amount ELSE -amount END AS own,
    settled_net - coalesce(settled_fee, 0) - coalesce(settled_tax, 0) - coalesce(settled_withheld, 0) AS main"""
# Of each payment that is out again, by the currency that it was settled in: what is gained, in minor units.
GAINED: Final = f"""SELECT payment_id, settled_currency AS currency, {_UNITS.format(main="sum(main)")} AS amount
  FROM (SELECT {_LINE} FROM settlement_lines WHERE voided_at IS NULL AND {_CONVERTED}) AS told
  GROUP BY payment_id, currency, settled_currency HAVING sum(own) = 0"""  # noqa: S608 - ours
# $1 the report that is stored now, $2 the payments that its lines convert. What was voided has this transaction's time:
# so the lines before it are known as well as those behind it.
_CHANGED: Final = f"""
WITH gone AS MATERIALIZED (SELECT {_LINE} FROM settlement_lines WHERE voided_at = now() AND {_CONVERTED}),
concerned AS MATERIALIZED (SELECT $2::uuid[] || ARRAY(SELECT payment_id FROM gone) AS ids),
told AS (
  SELECT {_LINE}, report_id <> $1 AS before, true AS behind FROM settlement_lines
  WHERE payment_id = ANY((SELECT ids FROM concerned)::uuid[]) AND voided_at IS NULL AND {_CONVERTED}
  UNION ALL SELECT *, true, false FROM gone),
summed AS (
  SELECT payment_id, settled_currency, coalesce({_UNITS.format(main="sum(main) FILTER (WHERE behind)")}
      * (coalesce(sum(own) FILTER (WHERE behind), 0) = 0)::int, 0)
    - coalesce({_UNITS.format(main="sum(main) FILTER (WHERE before)")}
      * (coalesce(sum(own) FILTER (WHERE before), 0) = 0)::int, 0) AS amount
  FROM told GROUP BY payment_id, currency, settled_currency)
SELECT p.store_id, s.settled_currency AS currency, sum(s.amount) AS amount
FROM summed s JOIN payments p ON p.id = s.payment_id
GROUP BY 1, 2 HAVING sum(s.amount) <> 0 ORDER BY 1, 2"""  # noqa: S608 - ours


async def postings(connection: Connection, report_id: UUID, on: date, lines: Frames, request_id: str) -> list[Posting]:
    """What the report changes of the differences, once per store and currency.

    In the transaction that has stored its lines, after all that it takes away is voided.
    """
    found = await rows(_CHANGED, report_id, lines.together(_payments, _ASKED)["payment_id"].unique().to_list())
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
    of_effect, of_ours = pl.col("booked_as") == BookedAs.EFFECT.value, pl.col("payment_id").is_not_null()
    converted = pl.col("settled_currency") != pl.col("currency")
    return lines.filter(of_effect & of_ours & converted).select("payment_id").unique()
