"""What documents took back of VAT is found by its day, for a month's report: of few entries."""

from typing import Any

from tortoise import migrations
from tortoise.migrations import operations as ops

STATEMENTS = [
    "CREATE INDEX ledger_entries_documented ON ledger_entries (merchant_id, accounting_date) "
    "WHERE entry = 'VAT_DOCUMENTED'",
]


class Migration(migrations.Migration):
    """An index."""

    dependencies = [("models", "0083_under_way")]

    initial = False

    operations: list[Any] = [ops.RunSQL(list(STATEMENTS))]
