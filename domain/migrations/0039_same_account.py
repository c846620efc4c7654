"""Which account it is, whatever its holder is called: what goes to one account adds up."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0038_personal_tokens")]

    initial = False

    operations = [
        ops.AddField(
            model_name="Destination",
            name="account",
            field=fields.CharField(null=True, max_length=64),
        ),
        ops.RunSQL(
            ["CREATE INDEX destinations_of_account ON destinations (merchant_id, account) WHERE account IS NOT NULL"]
        ),
    ]
