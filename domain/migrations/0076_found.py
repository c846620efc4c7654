"""Calls of shops, deliveries that were given up, alerts of a kind, and a month's reports are found by an index.

Each was found by reading all that there ever was: a page of a list, and of reports the usage of every merchant, every
five minutes. These tables grow by a little at a time, so the indexes cost next to nothing to keep.
"""

from typing import Any

from tortoise import migrations
from tortoise.migrations import operations as ops

INDEXES = [
    "CREATE INDEX shop_calls_listed ON shop_calls (merchant_id, sent_at, id)",
    "CREATE INDEX shop_calls_of_refund ON shop_calls (shop_refund_id, sent_at, id) WHERE shop_refund_id IS NOT NULL",
    # What has arrived is all but all of them, and is in none but the list's own.
    "CREATE INDEX deliveries_given_up ON deliveries (merchant_id, state, made_at, id) "
    "WHERE state IN ('FAILED', 'CANCELED')",
    "CREATE INDEX alerts_of_kind ON alerts (merchant_id, kind, opened_at, id)",
    "CREATE INDEX alerts_of_severity ON alerts (merchant_id, severity, opened_at, id)",
    "CREATE INDEX reports_of_month ON reports (merchant_id, created_at)",
    # The balances of the last days, which alerts look at every minute.
    "CREATE INDEX reports_of_day ON reports (business_date) WHERE superseded_at IS NULL",
]


class Migration(migrations.Migration):
    dependencies = [("models", "0075_given_up")]

    initial = False

    operations: list[Any] = [ops.RunSQL(list(INDEXES))]
