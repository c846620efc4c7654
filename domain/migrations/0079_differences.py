"""What conversions gained or lost of payments whose money had all gone out again is booked, as nights do from now on.

Of each payment it is rounded once; by store and currency, with the day of this migration.
"""

from typing import Any

from tortoise import migrations
from tortoise.migrations import operations as ops

_SCALE = "CASE WHEN settled_currency IN ('CLP', 'PYG') THEN 1 ELSE 100 END"
STATEMENTS = [
    f"""INSERT INTO ledger_entries (merchant_id, store_id, connection_id, entry, debit, credit, amount, currency,
    accounting_date, booked_at, cause, leg, request_id)
  SELECT p.merchant_id, p.store_id, p.connection_id, 'FX_DIFFERENCE',
    CASE WHEN sum(g.gained) > 0 THEN 'FX_CLEARING' ELSE 'FX_DIFFERENCES' END,
    CASE WHEN sum(g.gained) > 0 THEN 'FX_DIFFERENCES' ELSE 'FX_CLEARING' END, abs(sum(g.gained)), g.settled_currency,
    (now() AT TIME ZONE m.zone)::date, now(),
    format('differences/%s/%s/%s', p.connection_id, p.store_id, g.settled_currency), 1, 'migration-0079'
  FROM (SELECT payment_id, settled_currency, round(sum(settled_net - coalesce(settled_fee, 0) - coalesce(settled_tax, 0)
          - coalesce(settled_withheld, 0)) * {_SCALE}) AS gained
        FROM settlement_lines
        WHERE voided_at IS NULL AND booked_as = 'EFFECT' AND settled_currency <> currency AND payment_id IS NOT NULL
        GROUP BY payment_id, currency, settled_currency
        HAVING sum(CASE WHEN effect IN ('CAPTURE', 'RETURN', 'TAKEN_BACK', 'CHARGEBACK_REVERSED') THEN amount
          ELSE -amount END) = 0) g
  JOIN payments p ON p.id = g.payment_id JOIN merchants m ON m.id = p.merchant_id
  GROUP BY p.merchant_id, p.store_id, p.connection_id, g.settled_currency, m.zone HAVING sum(g.gained) <> 0"""  # noqa: S608 - ours
]


class Migration(migrations.Migration):
    """Entries alone."""

    dependencies = [("models", "0078_claims")]

    initial = False

    operations: list[Any] = [ops.RunSQL(list(STATEMENTS))]
