"""What a person takes back of the bank: a statement that was none of its account, and a proof.

A statement and its lines change in this alone, and once; the same file and the same lines may come in anew. What a
person says of a proof is told from what the program does by who said it, never by the words.
"""

from typing import Any

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

_TABLES = ("bank_statements", "bank_lines")
STATEMENTS = [
    "ALTER TABLE bank_statements ADD CONSTRAINT bank_statements_withdrawal_whole "
    "CHECK (num_nonnulls(withdrawn_at, withdrawn_by, withdrawal_reason) IN (0, 3))",
    "CREATE UNIQUE INDEX bank_statements_of_file ON bank_statements (account_id, file_id) WHERE withdrawn_at IS NULL",
    "CREATE UNIQUE INDEX bank_lines_once ON bank_lines (account_id, key) WHERE withdrawn_at IS NULL",
    *(f"DROP TRIGGER {table}_no_change ON {table}" for table in _TABLES),
    *(
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        for table in _TABLES
    ),
    *(
        f"CREATE TRIGGER {table}_withdrawn_once BEFORE UPDATE ON {table} FOR EACH ROW "
        "WHEN (OLD.withdrawn_at IS NOT NULL OR NEW.withdrawn_at IS NULL) EXECUTE FUNCTION refuse_change()"
        for table in _TABLES
    ),
]


def _at() -> Any:
    return fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)


class Migration(migrations.Migration):
    """Columns, and indexes of what stands in place of those of all. No row is touched."""

    dependencies = [("models", "0089_tax_document_forms")]

    initial = False

    operations: list[Any] = [
        ops.AddField(model_name="PayoutProof", name="voided_by_id", field=fields.UUIDField(null=True)),
        ops.AddField(model_name="BankStatement", name="withdrawn_at", field=_at()),
        ops.AddField(
            model_name="BankStatement", name="withdrawn_by", field=fields.CharField(null=True, max_length=200)
        ),
        ops.AddField(
            model_name="BankStatement", name="withdrawal_reason", field=fields.CharField(null=True, max_length=500)
        ),
        ops.AddField(model_name="BankLine", name="withdrawn_at", field=_at()),
        ops.RemoveConstraint(model_name="BankStatement", fields=["account_id", "file_id"]),
        ops.RemoveConstraint(model_name="BankLine", fields=["account_id", "key"]),
        ops.RunSQL(list(STATEMENTS)),
    ]
