"""Refunds of an amount that hardly any has are found by it, and findings are added up and counted without their rows.

A list that is narrowed by amounts read all refunds. The sums of resolved findings, and what stands against closing a
month, read each finding whole.

What a list reads in its own order, as far as it must, it goes on reading so: PostgreSQL takes the index of amounts
where few are wanted. To make these takes some seconds for a million refunds, in which nothing else is written.
"""

from typing import Any

from tortoise import migrations
from tortoise.migrations import operations as ops

INDEXES = [
    "CREATE INDEX refunds_of_amount ON refunds (merchant_id, currency, amount)",
    "CREATE INDEX findings_resolved_sums ON findings (merchant_id, kind, currency) INCLUDE (id, amount) "
    "WHERE resolved_at IS NOT NULL",
    "CREATE INDEX findings_resolved_due ON findings (merchant_id, due_at, id) WHERE resolved_at IS NOT NULL",
    # As it was, with what the closing of a month asks beside it.
    "DROP INDEX findings_open",
    "CREATE INDEX findings_open ON findings (merchant_id, created_at, id) INCLUDE (run_id, kind) "
    "WHERE resolved_at IS NULL",
]


class Migration(migrations.Migration):
    dependencies = [("models", "0071_bank_charges")]

    initial = False

    operations: list[Any] = [ops.RunSQL(list(INDEXES))]
