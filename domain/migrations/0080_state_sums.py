"""What the refunds of a state come to is read from the indexes that find them, without their rows."""

from typing import Any

from tortoise import migrations
from tortoise.migrations import operations as ops

STATEMENTS = [
    "DROP INDEX refunds_not_succeeded",
    "CREATE INDEX refunds_not_succeeded ON refunds (merchant_id, created_at, id, state) INCLUDE (currency, amount) "
    "WHERE state <> 'SUCCEEDED'",
    "DROP INDEX refunds_under_way",
    "CREATE INDEX refunds_under_way ON refunds (merchant_id, created_at, id) INCLUDE (currency, amount) WHERE state IN "
    "('AWAITING_DESTINATION', 'AWAITING_APPROVAL', 'REQUESTED', 'SUBMITTED', 'PENDING', 'MANUAL')",
]


class Migration(migrations.Migration):
    """The same indexes, with two columns more."""

    dependencies = [("models", "0079_differences")]

    initial = False

    operations: list[Any] = [ops.RunSQL(list(STATEMENTS))]
