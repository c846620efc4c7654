import functools
from json import dumps, loads
from uuid import uuid4

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0043_booked")]

    initial = False

    operations = [
        ops.CreateModel(
            name="BankAccount",
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
                ("currency", fields.CharField(max_length=3)),
                ("number", fields.CharField(null=True, max_length=100)),
                (
                    "connection_ids",
                    fields.JSONField(encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads),
                ),
                (
                    "mapping",
                    fields.JSONField(null=True, encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads),
                ),
                ("created_by", fields.CharField(max_length=200)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
                ("ended_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "bank_accounts",
                "app": "models",
                "pk_attr": "id",
                "table_description": "An account that PSEs pay out to.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="BankStatement",
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
                    "account",
                    fields.ForeignKeyField(
                        "models.BankAccount",
                        source_field="account_id",
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "file",
                    fields.ForeignKeyField(
                        "models.File",
                        source_field="file_id",
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("first_on", fields.DateField(null=True)),
                ("last_on", fields.DateField(null=True)),
                ("lines", fields.IntField()),
                ("new_lines", fields.IntField()),
                ("opening", fields.BigIntField(null=True)),
                ("closing", fields.BigIntField(null=True)),
                ("sequence", fields.IntField(null=True)),
                ("proof", fields.TextField(null=True, unique=False)),
                ("contradicted", fields.TextField(null=True, unique=False)),
                ("created_by", fields.CharField(max_length=200)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
            ],
            options={
                "table": "bank_statements",
                "app": "models",
                "unique_together": (("account_id", "file_id"),),
                "indexes": [Index(fields=["merchant_id", "created_at", "id"])],
                "pk_attr": "id",
                "table_description": "One account's part of a file that was handed in, and what proves it whole.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="BankLine",
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
                    "account",
                    fields.ForeignKeyField(
                        "models.BankAccount",
                        source_field="account_id",
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "statement",
                    fields.ForeignKeyField(
                        "models.BankStatement",
                        source_field="statement_id",
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("line", fields.IntField()),
                ("booked_on", fields.DateField()),
                ("amount", fields.BigIntField()),
                ("text", fields.TextField(unique=False)),
                ("reference", fields.TextField(null=True, unique=False)),
                ("key", fields.CharField(max_length=64)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
            ],
            options={
                "table": "bank_lines",
                "app": "models",
                "unique_together": (("account_id", "key"),),
                "indexes": [Index(fields=["merchant_id", "created_at", "id"])],
                "pk_attr": "id",
                "table_description": "Money on an account, told by a statement for the first time. Above zero it came in.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="PayoutProof",
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
                    "payout",
                    fields.ForeignKeyField(
                        "models.Payout",
                        source_field="payout_id",
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "line",
                    fields.ForeignKeyField(
                        "models.BankLine",
                        source_field="line_id",
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("how", fields.CharField(max_length=16)),
                ("amount", fields.BigIntField()),
                ("charges", fields.BigIntField()),
                ("made_by", fields.CharField(max_length=200)),
                ("made_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
                ("voided_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("voided_by", fields.CharField(null=True, max_length=200)),
                ("void_reason", fields.CharField(null=True, max_length=500)),
            ],
            options={
                "table": "payout_proofs",
                "app": "models",
                "pk_attr": "id",
                "table_description": "That a payout has come, by a line of the bank. Voided where the payout turned out to be another one.",
            },
            bases=["Model"],
        ),
    ]
