"""A session knows whether a second factor began it: where one is demanded later, every other ends.

Of those from before nobody can tell any more, so they are without one.
"""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0033_seeing")]

    initial = False

    operations = [
        ops.AddField(
            model_name="Session",
            name="second_factor",
            field=fields.BooleanField(default=False),
        ),
        # What older processes write does not say so.
        ops.RunSQL(["ALTER TABLE sessions ALTER COLUMN second_factor SET DEFAULT false"]),
    ]
