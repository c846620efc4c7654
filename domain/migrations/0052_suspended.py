"""Every centavo in SUSPENSE is some finding's to move: the lines that left it there are looked for each night.

Reports that were read before have no finding of their own for what nothing else speaks of: they are read again, once.
"""

from typing import Any

from tortoise import migrations
from tortoise.migrations import operations as ops

_UNEXPLAINED = "booked_as = 'UNEXPLAINED' AND voided_at IS NULL"
STATEMENTS = [
    f"CREATE INDEX settlement_lines_unexplained ON settlement_lines (report_id) WHERE {_UNEXPLAINED}",
    # Of which a customer may still wait for the money.
    "CREATE INDEX refunds_returned ON refunds (connection_id) WHERE state = 'RETURNED'",
    "UPDATE reports SET repeat_since = clock_timestamp() WHERE superseded_at IS NULL AND retired_at IS NULL "  # noqa: S608
    f"AND id IN (SELECT report_id FROM settlement_lines WHERE {_UNEXPLAINED})",
]


class Migration(migrations.Migration):
    """Two indexes, and a mark."""

    dependencies = [("models", "0051_policies")]
    operations: list[Any] = [ops.RunSQL(list(STATEMENTS))]
