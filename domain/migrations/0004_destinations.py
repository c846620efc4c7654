"""Destinations, the customer's links, approvals and what was paid by hand."""

from enum import StrEnum
from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise.fields.base import OnDelete
from uuid import uuid4
from tortoise import fields

# The words, kept here: a migration does not change with the code.
DestinationKind = StrEnum(
    "DestinationKind", [(word, word) for word in ["PIX_KEY", "BR_BANK_ACCOUNT", "MX_CLABE", "CO_BANK_ACCOUNT", "EMAIL"]]
)
Entry = StrEnum(
    "Entry",
    [
        (word, word)
        for word in [
            "CAPTURE",
            "DECLARE_TAX",
            "DECLARE_REFUND_TAX",
            "RECOGNISE",
            "UNRECOGNISE",
            "PAY",
            "PAY_BY_BANK",
            "RETURN",
            "RETURN_TO_BANK",
            "TAKEN",
            "TAKEN_BACK",
            "CHARGEBACK",
            "CHARGEBACK_REVERSED",
            "PROVE_CAPTURES",
            "PROVE_REFUNDS",
            "PROVE_RETURNS",
            "PROVE_TAKEN",
            "PROVE_CHARGEBACKS",
        ]
    ],
)

CHECKS = {
    "destination_links": {"destination_links_tries_bounded": "wrong_answers BETWEEN 0 AND 5"},
    "approvals": {
        "approvals_four_eyes": "decided_by <> requested_by AND decided_by <> provided_by",
        "approvals_decision_known": "decision IN ('YES', 'NO')",
    },
    "manual_settlements": {
        "manual_settlements_way_known": "way IN ('BANK_TRANSFER', 'PSE_BACK_OFFICE')",
        "manual_settlements_file_whole": ("num_nonnulls(file_name, file_type, file_digest, file_content) IN (0, 4)"),
    },
}
APPEND_ONLY = ("approvals", "manual_settlements")
KEPT = ("destinations", "destination_links")
STATEMENTS = [
    *(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({condition})"
        for table, conditions in CHECKS.items()
        for name, condition in conditions.items()
    ),
    # A Python default is not the database's; the version before this one writes no such column.
    "ALTER TABLE refunds ALTER COLUMN paid_by_bank_transfer SET DEFAULT false",
    # One destination counts at a time, and one link is open at a time.
    "CREATE UNIQUE INDEX destinations_current ON destinations (refund_id) WHERE superseded_at IS NULL",
    "CREATE UNIQUE INDEX destination_links_open ON destination_links (refund_id) "
    "WHERE used_at IS NULL AND revoked_at IS NULL",
    *(
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        for table in APPEND_ONLY
    ),
    *(
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        for table in KEPT
    ),
    *(
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        for table in (*APPEND_ONLY, *KEPT)
    ),
]


class Migration(migrations.Migration):
    dependencies = [("models", "0003_connectors")]

    initial = False

    operations = [
        ops.CreateModel(
            name="Approval",
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
                    "refund",
                    fields.ForeignKeyField(
                        "models.Refund",
                        source_field="refund_id",
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("fingerprint", fields.CharField(max_length=64)),
                ("requested_by", fields.CharField(max_length=200)),
                ("provided_by", fields.CharField(max_length=200)),
                ("decided_by", fields.CharField(max_length=200)),
                ("decision", fields.CharField(max_length=8)),
                ("note", fields.CharField(null=True, max_length=500)),
                ("decided_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
            ],
            options={
                "table": "approvals",
                "app": "models",
                "pk_attr": "id",
                "table_description": "A second person's yes or no, bound to the destination as it was. It counts until the destination changes.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Destination",
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
                    "refund",
                    fields.ForeignKeyField(
                        "models.Refund",
                        source_field="refund_id",
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "kind",
                    fields.CharEnumField(
                        description="PIX_KEY: PIX_KEY\nBR_BANK_ACCOUNT: BR_BANK_ACCOUNT\nMX_CLABE: MX_CLABE\nCO_BANK_ACCOUNT: CO_BANK_ACCOUNT\nEMAIL: EMAIL",
                        enum_type=DestinationKind,
                        max_length=24,
                    ),
                ),
                ("sealed", fields.BinaryField()),
                ("masked", fields.CharField(max_length=300)),
                ("fingerprint", fields.CharField(max_length=64)),
                ("payer_matches", fields.BooleanField()),
                ("provided_by", fields.CharField(max_length=200)),
                ("provided_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
                ("superseded_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "destinations",
                "app": "models",
                "pk_attr": "id",
                "table_description": "An account to pay to. Another one for the same refund supersedes it.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="DestinationLink",
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
                    "refund",
                    fields.ForeignKeyField(
                        "models.Refund",
                        source_field="refund_id",
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("digest", fields.CharField(unique=True, max_length=64)),
                ("wrong_answers", fields.IntField(default=0)),
                ("created_by", fields.CharField(max_length=200)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
                ("expires_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("used_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("revoked_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "destination_links",
                "app": "models",
                "pk_attr": "id",
                "table_description": "A page on which the customer names the account. Only the hash of its 256 random bits is kept.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Settlement",
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
                    "refund",
                    fields.OneToOneField(
                        "models.Refund",
                        source_field="refund_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="manual_settlement",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("way", fields.CharField(max_length=16)),
                ("reference", fields.CharField(max_length=100)),
                ("paid_on", fields.DateField()),
                ("file_name", fields.CharField(null=True, max_length=200)),
                ("file_type", fields.CharField(null=True, max_length=40)),
                ("file_digest", fields.CharField(null=True, max_length=64)),
                ("file_content", fields.BinaryField(null=True)),
                ("settled_by", fields.CharField(max_length=200)),
                ("settled_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
            ],
            options={
                "table": "manual_settlements",
                "app": "models",
                "pk_attr": "id",
                "table_description": "Evidence that a person paid a refund by hand, at the PSE or at the bank.",
            },
            bases=["Model"],
        ),
        ops.AddField(
            model_name="Refund",
            name="expires_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name="Refund",
            name="paid_by_bank_transfer",
            field=fields.BooleanField(default=False),
        ),
        ops.AddField(
            model_name="Refund",
            name="reminded_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AlterField(
            model_name="LedgerEntry",
            name="entry",
            field=fields.CharEnumField(
                description="CAPTURE: CAPTURE\nDECLARE_TAX: DECLARE_TAX\nRECOGNISE: RECOGNISE\nUNRECOGNISE: UNRECOGNISE\nPAY: PAY\nPAY_BY_BANK: PAY_BY_BANK\nRETURN: RETURN\nRETURN_TO_BANK: RETURN_TO_BANK\nTAKEN: TAKEN\nTAKEN_BACK: TAKEN_BACK\nPROVE_CAPTURES: PROVE_CAPTURES\nPROVE_REFUNDS: PROVE_REFUNDS\nPROVE_RETURNS: PROVE_RETURNS\nPROVE_TAKEN: PROVE_TAKEN",
                enum_type=Entry,
                max_length=24,
            ),
        ),
        ops.RunSQL(STATEMENTS),
    ]
