"""The file of a large report is kept in pieces: no process ever has all of it in memory, and no value is too large.

A report whose file is in pieces has no content of its own, so that an older process, which knows no pieces, refuses to
read it again instead of reading a part of it.
"""

from typing import Any

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

STATEMENTS = [
    "ALTER TABLE report_pieces ADD CONSTRAINT report_pieces_numbered CHECK (number >= 0)",
    "CREATE UNIQUE INDEX report_pieces_once ON report_pieces (report_id, number)",
    "CREATE TRIGGER report_pieces_no_delete BEFORE DELETE ON report_pieces "
    "FOR EACH ROW EXECUTE FUNCTION refuse_change()",
    "CREATE TRIGGER report_pieces_no_truncate BEFORE TRUNCATE ON report_pieces "
    "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
]


class Migration(migrations.Migration):
    """A table."""

    dependencies = [("models", "0063_usage")]
    operations: list[Any] = [
        ops.CreateModel(
            name="ReportPiece",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "report",
                    fields.ForeignKeyField(
                        "models.Report",
                        source_field="report_id",
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("number", fields.IntField()),
                ("content", fields.BinaryField()),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
                ("retired_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "report_pieces",
                "app": "models",
                "pk_attr": "id",
                "table_description": "A piece of the file of a large report, by its number from 0: gzip of its own.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(list(STATEMENTS)),
    ]
