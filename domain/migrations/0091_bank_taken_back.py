"""Who took a proof back: what a person says is told from what the program does by who said it, never by the words."""

from typing import Any

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    """A column. No row is touched."""

    dependencies = [("models", "0089_tax_document_forms")]

    initial = False

    operations: list[Any] = [
        ops.AddField(model_name="PayoutProof", name="voided_by_id", field=fields.UUIDField(null=True)),
    ]
