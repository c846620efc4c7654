"""Files that are proposed as evidence, and those of PSEs' reports, have an end too: retention says when it was."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0036_by_whom")]

    initial = False

    operations = [
        ops.AddField(model_name=name, name="retired_at", field=fields.DatetimeField(null=True))
        for name in ("SettlementProposal", "Report")
    ]
