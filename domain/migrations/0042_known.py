"""What the books knew when a report was matched last: the same report again, against the same books, says the same."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0041_books")]

    initial = False

    operations = [
        ops.AddField(model_name="Report", name="known", field=fields.CharField(max_length=200, null=True)),
    ]
