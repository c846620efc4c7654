"""Lines that a night looks for after it has stored a report are found by themselves: to find that there is none, it
read all lines of the report. And the file of a report is packed already: PostgreSQL does not try to pack it once more.
"""

from typing import Any

from tortoise import migrations
from tortoise.migrations import operations as ops

_PIECE = "A piece of the file of a large report, by its number from 0: packed by itself."
STATEMENTS = [
    # Refunds that a report tells, and has not proven, or has taken by amount alone (settlements/repeats).
    "CREATE INDEX settlement_lines_left_over ON settlement_lines (payment_id) WHERE type = 'REFUND' "
    "AND voided_at IS NULL AND (effect = 'NONE' OR (effect = 'TAKEN' AND by_amount AND refund_id IS NULL))",
    # Money that has left and is no refund of ours (reconciliation/shortfall).
    "CREATE INDEX settlement_lines_taken_out ON settlement_lines (report_id) WHERE effect = 'TAKEN'",
    # Lines of payments that we do not have, and of none (reconciliation/no_longer).
    "CREATE INDEX settlement_lines_strangers ON settlement_lines (report_id) WHERE payment_id IS NULL",
    "ALTER TABLE reports ALTER COLUMN content SET STORAGE EXTERNAL",
    "ALTER TABLE report_pieces ALTER COLUMN content SET STORAGE EXTERNAL",
    f"COMMENT ON TABLE report_pieces IS '{_PIECE}'",
]


class Migration(migrations.Migration):
    """Indexes of few rows: of most lines of most reports they have none. No row is touched."""

    dependencies = [("models", "0085_tables_told")]

    initial = False

    operations: list[Any] = [
        ops.AlterModelOptions("ReportPiece", {"pk_attr": "id", "table_description": _PIECE}),
        ops.RunSQL(list(STATEMENTS)),
    ]
