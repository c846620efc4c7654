"""What was handed in of a document is found by its name, and in its other form by its money: without reading all of a
merchant's documents for each row of a table.
"""

from typing import Any

from tortoise import migrations
from tortoise.migrations import operations as ops

STATEMENTS = [
    "CREATE INDEX tax_documents_by_name ON tax_documents (merchant_id, name)",
    "CREATE INDEX tax_documents_of_money ON tax_documents (merchant_id, issued_on, total)",
]


class Migration(migrations.Migration):
    """Two indexes of a small table. No row is touched."""

    dependencies = [("models", "0087_out_of_the_ordinary")]

    initial = False

    operations: list[Any] = [ops.RunSQL(list(STATEMENTS))]
