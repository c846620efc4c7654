"""A customer's token names the token or the person that made it, and works no longer than that one is believed.

Those that are older name nobody and end within an hour, as they were made to.
"""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0023_applications")]

    initial = False

    operations = [ops.AddField(model_name="Token", name="maker_id", field=fields.UUIDField(null=True))]
