"""How a customer reaches a store, and where its privacy notice stands: shown where a customer names an account."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

CHECKS = {
    "stores_contact_says_something": "contact <> ''",
    "stores_privacy_url_is_https": "privacy_url LIKE 'https://_%'",
}


class Migration(migrations.Migration):
    dependencies = [("models", "0054_line_indexes")]
    initial = False

    operations = [
        ops.AddField(model_name="Store", name="contact", field=fields.CharField(null=True, max_length=200)),
        ops.AddField(model_name="Store", name="privacy_url", field=fields.CharField(null=True, max_length=300)),
        ops.RunSQL([f"ALTER TABLE stores ADD CONSTRAINT {name} CHECK ({rule})" for name, rule in CHECKS.items()]),
    ]
