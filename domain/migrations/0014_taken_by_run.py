"""A night that is repeated looks for what it had booked as taken before it died: few entries are, and each names it.

Of which report it had begun to enter is told, too: only when that was read again is it known what was told.
"""

from tortoise import migrations
from tortoise.migrations import operations as ops

STATEMENTS = [
    "CREATE INDEX ledger_entries_taken ON ledger_entries (request_id) WHERE entry = 'TAKEN'",
    "ALTER TABLE report_news DROP CONSTRAINT report_news_known, ADD CONSTRAINT report_news_known "
    "CHECK (what IN ('ANNOUNCED', 'BEGUN', 'FETCHED', 'FAILED'))",
]


class Migration(migrations.Migration):
    dependencies = [("models", "0013_orders")]

    initial = False

    operations = [ops.RunSQL(STATEMENTS)]
