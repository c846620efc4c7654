"""An index of the lines that tell of money that came back: each report that is stored asks whether what they are the
return of still stands, and read every line that there ever was for it.
"""

from tortoise import migrations
from tortoise.migrations import operations as ops

_INDEX = (
    "CREATE INDEX settlement_lines_came_back ON settlement_lines (report_id) "
    "WHERE effect IN ('RETURN', 'TAKEN_BACK') AND voided_at IS NULL"
)


class Migration(migrations.Migration):
    dependencies = [("models", "0068_leaving")]

    operations = [ops.RunSQL([_INDEX])]
