"""People, what each may do where, sessions and the links that begin them; tokens have a name, a kind and grants.

A token that was made before has its role as it was. A new one says GRANTED there, which older processes do not know:
they refuse it, and never take one that is bound to a store for one that is not.
"""

from uuid import uuid4

from tortoise import fields, migrations
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

CHECKS = {
    "people_state_known": ("people", "state IN ('ACTIVE', 'SUSPENDED')"),
    "grants_one_holder": ("grants", "num_nonnulls(person_id, token_id) = 1"),
    "roles_permissions_some": ("roles", "cardinality(permissions) > 0"),
    "sessions_end": ("sessions", "expires_at > created_at"),
    "tokens_kind_known": ("tokens", "kind IN ('SERVICE', 'CUSTOMER')"),
    # A customer's token is bound to one payment or one customer, any other to neither.
    "tokens_customer_bound": (
        "tokens",
        "num_nonnulls(payment_id, customer_digest) = CASE kind WHEN 'CUSTOMER' THEN 1 ELSE 0 END",
    ),
}
BELONGING = {
    "grants_store_of_merchant": ("grants", "store_id", "stores"),
    "grants_token_of_merchant": ("grants", "token_id", "tokens"),
}
KEPT = ("people", "roles", "grants")
STATEMENTS = [
    "ALTER TABLE tokens ALTER COLUMN kind SET DEFAULT 'SERVICE'",  # what older processes write has no kind
    "CREATE UNIQUE INDEX tokens_of_merchant ON tokens (id, merchant_id)",
    *(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({rule})" for name, (table, rule) in CHECKS.items()),
    *(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY ({column}, merchant_id) "
        f"REFERENCES {target} (id, merchant_id) ON DELETE RESTRICT"
        for name, (table, column, target) in BELONGING.items()
    ),
    "CREATE UNIQUE INDEX people_email ON people (merchant_id, lower(email))",
    "CREATE UNIQUE INDEX roles_current ON roles (merchant_id, lower(name)) WHERE ended_at IS NULL",
    "CREATE UNIQUE INDEX grants_current ON grants (merchant_id, person_id, token_id, role, store_id) "
    "NULLS NOT DISTINCT WHERE ended_at IS NULL",
    "CREATE INDEX grants_of_person ON grants (person_id) WHERE ended_at IS NULL AND person_id IS NOT NULL",
    "CREATE INDEX grants_of_token ON grants (token_id) WHERE ended_at IS NULL AND token_id IS NOT NULL",
    # A customer's token looks for theirs.
    "CREATE INDEX payments_of_customer ON payments (merchant_id, customer_digest) WHERE customer_digest IS NOT NULL",
    "CREATE INDEX tokens_page ON tokens (merchant_id, kind, created_at, id)",
    "CREATE INDEX stores_page ON stores (merchant_id, created_at, id)",
    *(
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        for table in KEPT
    ),
    *(
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        for table in KEPT
    ),
]


class Migration(migrations.Migration):
    dependencies = [("models", "0019_checks")]

    initial = False

    operations = [
        ops.CreateModel(
            name="OwnRole",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                (
                    "merchant",
                    fields.ForeignKeyField(
                        "models.Merchant",
                        source_field="merchant_id",
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("name", fields.CharField(max_length=64)),
                ("permissions", ArrayField(element_type="TEXT")),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
                ("created_by", fields.CharField(max_length=200)),
                ("ended_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("ended_by", fields.CharField(null=True, max_length=200)),
            ],
            options={
                "table": "roles",
                "app": "models",
                "pk_attr": "id",
                "table_description": "A set of permissions that a merchant has named. A changed one is a new row: the "
                "old one ends.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Person",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                (
                    "merchant",
                    fields.ForeignKeyField(
                        "models.Merchant",
                        source_field="merchant_id",
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("name", fields.CharField(max_length=100)),
                ("email", fields.CharField(max_length=95)),
                ("state", fields.CharField(default="ACTIVE", max_length=16)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
                ("created_by", fields.CharField(max_length=200)),
            ],
            options={
                "table": "people",
                "app": "models",
                "indexes": [Index(fields=["merchant_id", "created_at", "id"])],
                "pk_attr": "id",
                "table_description": "Somebody who signs in. The e-mail address is who they are, for life: another "
                "address is another person.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Grant",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                (
                    "merchant",
                    fields.ForeignKeyField(
                        "models.Merchant",
                        source_field="merchant_id",
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "person",
                    fields.ForeignKeyField(
                        "models.Person",
                        source_field="person_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "token",
                    fields.ForeignKeyField(
                        "models.Token",
                        source_field="token_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("role", fields.CharField(max_length=64)),
                (
                    "store",
                    fields.ForeignKeyField(
                        "models.Store",
                        source_field="store_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
                ("created_by", fields.CharField(max_length=200)),
                ("ended_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("ended_by", fields.CharField(null=True, max_length=200)),
            ],
            options={
                "table": "grants",
                "app": "models",
                "pk_attr": "id",
                "table_description": "A role that a person or a token has at a merchant, in one store or (null) in "
                "all. One that is taken away ends.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Session",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                (
                    "person",
                    fields.ForeignKeyField(
                        "models.Person",
                        source_field="person_id",
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("digest", fields.CharField(unique=True, max_length=64)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
                ("last_seen_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("expires_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("revoked_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "sessions",
                "app": "models",
                "pk_attr": "id",
                "table_description": "A person who has signed in. It ends when it is idle, when it is old, and at "
                "once when it is revoked.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="SignInLink",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                (
                    "person",
                    fields.ForeignKeyField(
                        "models.Person",
                        source_field="person_id",
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("digest", fields.CharField(unique=True, max_length=64)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
                ("created_by", fields.CharField(max_length=200)),
                ("expires_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("used_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "sign_in_links",
                "app": "models",
                "pk_attr": "id",
                "table_description": "Signs a person in, once.",
            },
            bases=["Model"],
        ),
        ops.AddField(
            model_name="Merchant",
            name="platform",
            field=fields.ForeignKeyField(
                "models.Merchant",
                source_field="platform_id",
                null=True,
                db_index=True,
                db_constraint=True,
                to_field="id",
                related_name="served",
                on_delete=OnDelete.RESTRICT,
            ),
        ),
        ops.AddField(model_name="Token", name="revoked_by", field=fields.CharField(null=True, max_length=200)),
        ops.AddField(
            model_name="Token",
            name="created_by",
            field=fields.CharField(null=True, max_length=200),
        ),
        ops.AddField(
            model_name="Token",
            name="customer_digest",
            field=fields.CharField(null=True, max_length=64),
        ),
        ops.AddField(
            model_name="Token",
            name="kind",
            field=fields.CharField(default="SERVICE", max_length=16),
        ),
        ops.AddField(
            model_name="Token",
            name="last_used_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name="Token",
            name="name",
            field=fields.CharField(null=True, max_length=100),
        ),
        ops.AddField(
            model_name="Token",
            name="payment_id",
            field=fields.UUIDField(null=True),
        ),
        ops.RunSQL(list(STATEMENTS)),
    ]
