"""What came in one currency and left in another is a difference in both, as nights book it from now on: of payments
that were out again before, by store and currency, with the day of this migration.

And what documents took back of VAT is found by its day, for a month's report: of few entries.
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
    format('third-currencies/%s/%s/%s', p.connection_id, p.store_id, g.settled_currency), 1, 'migration-0084'
  FROM (SELECT payment_id, settled_currency, own, sum(own) OVER (PARTITION BY payment_id) AS all_own,
          round(main * {_SCALE}) AS gained
        FROM (SELECT payment_id, settled_currency, sum(settled_net - coalesce(settled_fee, 0)
              - coalesce(settled_tax, 0) - coalesce(settled_withheld, 0)) AS main,
            sum(CASE WHEN effect IN ('CAPTURE', 'RETURN', 'TAKEN_BACK', 'CHARGEBACK_REVERSED') THEN amount
              ELSE -amount END) AS own
          FROM settlement_lines
          WHERE voided_at IS NULL AND booked_as = 'EFFECT' AND settled_currency <> currency AND payment_id IS NOT NULL
          GROUP BY payment_id, settled_currency) each) g
  JOIN payments p ON p.id = g.payment_id JOIN merchants m ON m.id = p.merchant_id
  WHERE g.own <> 0 AND g.all_own = 0
  GROUP BY p.merchant_id, p.store_id, p.connection_id, g.settled_currency, m.zone HAVING sum(g.gained) <> 0""",  # noqa: S608 - ours
]
INDEX = (
    "CREATE INDEX ledger_entries_documented ON ledger_entries (merchant_id, accounting_date) "
    "WHERE entry = 'VAT_DOCUMENTED'"
)


class Migration(migrations.Migration):
    """Entries, and an index."""

    dependencies = [("models", "0083_under_way")]

    initial = False

    operations: list[Any] = [ops.RunSQL([*STATEMENTS, INDEX])]
