"""Who answers for a step of an application, and for a document: a reviewer is compared by it, and not by a name."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0039_same_account")]

    initial = False

    operations = [
        ops.AddField(model_name="OnboardingDocument", name="party_id", field=fields.UUIDField(null=True)),
        ops.AddField(model_name="OnboardingStep", name="party_id", field=fields.UUIDField(null=True)),
    ]
