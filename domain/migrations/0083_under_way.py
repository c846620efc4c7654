"""Of refunds that are under way all that is counted is read from their index: by state, by way, by store."""

from typing import Any

from tortoise import migrations
from tortoise.migrations import operations as ops

STATEMENTS = [
    "DROP INDEX refunds_under_way",
    "CREATE INDEX refunds_under_way ON refunds (merchant_id, created_at, id) "
    "INCLUDE (state, currency, amount, connection_id, method, store_id) WHERE state IN "
    "('AWAITING_DESTINATION', 'AWAITING_APPROVAL', 'REQUESTED', 'SUBMITTED', 'PENDING', 'MANUAL')",
]


class Migration(migrations.Migration):
    """The same index, with four columns more."""

    dependencies = [("models", "0082_second_word")]

    initial = False

    operations: list[Any] = [ops.RunSQL(list(STATEMENTS))]
