"""A report that was fetched and cannot be read is told from one that could not be fetched.

Other dates go on without it at once, not only for an hour.
"""

from tortoise import migrations
from tortoise.migrations import operations as ops

STATEMENTS = [
    "ALTER TABLE report_news DROP CONSTRAINT report_news_known, ADD CONSTRAINT report_news_known "
    "CHECK (what IN ('ANNOUNCED', 'BEGUN', 'FETCHED', 'FAILED', 'UNREADABLE'))",
]


class Migration(migrations.Migration):
    dependencies = [("models", "0014_taken_by_run")]

    initial = False

    operations = [ops.RunSQL(STATEMENTS)]
