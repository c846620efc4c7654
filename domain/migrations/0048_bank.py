"""The merchant's accounts at banks, their statements, and the payouts that these prove."""

from typing import Any

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

_FOREVER = ("bank_statements", "bank_lines")
_KEPT = ("bank_accounts", "payout_proofs")
STATEMENTS = [
    "ALTER TABLE bank_accounts ADD CONSTRAINT bank_accounts_currency_iso CHECK (currency ~ '^[A-Z]{3}$')",
    # What another merchant's row would point to.
    "ALTER TABLE bank_accounts ADD CONSTRAINT bank_accounts_merchant UNIQUE (id, merchant_id)",
    "ALTER TABLE bank_statements ADD CONSTRAINT bank_statements_account_of_merchant "
    "FOREIGN KEY (account_id, merchant_id) REFERENCES bank_accounts (id, merchant_id) ON DELETE RESTRICT",
    "ALTER TABLE bank_lines ADD CONSTRAINT bank_lines_account_of_merchant "
    "FOREIGN KEY (account_id, merchant_id) REFERENCES bank_accounts (id, merchant_id) ON DELETE RESTRICT",
    "ALTER TABLE bank_lines ADD CONSTRAINT bank_lines_merchant UNIQUE (id, merchant_id)",
    "ALTER TABLE bank_lines ADD CONSTRAINT bank_lines_moved CHECK (amount <> 0)",
    "ALTER TABLE payouts ADD CONSTRAINT payouts_merchant UNIQUE (id, merchant_id)",
    "ALTER TABLE payout_proofs ADD CONSTRAINT payout_proofs_line_of_merchant "
    "FOREIGN KEY (line_id, merchant_id) REFERENCES bank_lines (id, merchant_id) ON DELETE RESTRICT",
    "ALTER TABLE payout_proofs ADD CONSTRAINT payout_proofs_payout_of_merchant "
    "FOREIGN KEY (payout_id, merchant_id) REFERENCES payouts (id, merchant_id) ON DELETE RESTRICT",
    "ALTER TABLE payout_proofs ADD CONSTRAINT payout_proofs_how_known "
    "CHECK (how IN ('REFERENCE', 'AMOUNT_AND_DATE', 'PERSON'))",
    "ALTER TABLE payout_proofs ADD CONSTRAINT payout_proofs_charges_by_a_person "
    "CHECK (charges >= 0 AND (charges = 0 OR how = 'PERSON'))",
    "ALTER TABLE payout_proofs ADD CONSTRAINT payout_proofs_moved CHECK (amount <> 0)",
    "ALTER TABLE payout_proofs ADD CONSTRAINT payout_proofs_void_whole "
    "CHECK (num_nonnulls(voided_at, voided_by, void_reason) IN (0, 3))",
    # One line proves one payout, and the other way round.
    "CREATE UNIQUE INDEX payout_proofs_of_payout ON payout_proofs (payout_id) WHERE voided_at IS NULL",
    "CREATE UNIQUE INDEX payout_proofs_of_line ON payout_proofs (line_id) WHERE voided_at IS NULL",
    "CREATE INDEX bank_lines_of_day ON bank_lines (merchant_id, booked_on)",
    *(
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        for table in _FOREVER
    ),
    *(
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        for table in _KEPT
    ),
    *(
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        for table in (*_FOREVER, *_KEPT)
    ),
]


def _id() -> tuple[str, Any]:
    return "id", fields.UUIDField(primary_key=True, unique=True, db_index=True)


def _of(model: str, column: str, *, indexed: bool = False) -> Any:
    return fields.ForeignKeyField(
        f"models.{model}",
        source_field=column,
        db_index=indexed,
        db_constraint=True,
        to_field="id",
        on_delete=OnDelete.RESTRICT,
    )


def _moment(*, now: bool = False, null: bool = False) -> Any:
    return fields.DatetimeField(null=null, auto_now=False, auto_now_add=now)


class Migration(migrations.Migration):
    dependencies = [("models", "0047_periods")]

    initial = False

    operations = [
        ops.CreateModel(
            name="BankAccount",
            fields=[
                _id(),
                ("merchant", _of("Merchant", "merchant_id")),
                ("name", fields.CharField(max_length=100)),
                ("currency", fields.CharField(max_length=3)),
                ("number", fields.CharField(null=True, max_length=100)),
                ("connection_ids", fields.JSONField()),
                ("mapping", fields.JSONField(null=True)),
                ("created_by", fields.CharField(max_length=200)),
                ("created_at", _moment(now=True)),
                ("ended_at", _moment(null=True)),
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
                _id(),
                ("merchant", _of("Merchant", "merchant_id")),
                ("account", _of("BankAccount", "account_id")),
                ("file", _of("File", "file_id")),
                ("form", fields.CharField(max_length=8)),
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
                ("created_at", _moment(now=True)),
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
                _id(),
                ("merchant", _of("Merchant", "merchant_id")),
                ("account", _of("BankAccount", "account_id")),
                ("statement", _of("BankStatement", "statement_id", indexed=True)),
                ("line", fields.IntField()),
                ("booked_on", fields.DateField()),
                ("amount", fields.BigIntField()),
                ("text", fields.TextField(unique=False)),
                ("reference", fields.TextField(null=True, unique=False)),
                ("key", fields.CharField(max_length=64)),
                ("created_at", _moment(now=True)),
            ],
            options={
                "table": "bank_lines",
                "app": "models",
                "unique_together": (("account_id", "key"),),
                "indexes": [Index(fields=["merchant_id", "created_at", "id"])],
                "pk_attr": "id",
                "table_description": "Money on an account, told by a statement for the first time. "
                "Above zero it came in.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="PayoutProof",
            fields=[
                _id(),
                ("merchant", _of("Merchant", "merchant_id")),
                ("payout", _of("Payout", "payout_id")),
                ("line", _of("BankLine", "line_id")),
                ("how", fields.CharField(max_length=16)),
                ("amount", fields.BigIntField()),
                ("charges", fields.BigIntField()),
                ("made_by", fields.CharField(max_length=200)),
                ("made_at", _moment(now=True)),
                ("voided_at", _moment(null=True)),
                ("voided_by", fields.CharField(null=True, max_length=200)),
                ("void_reason", fields.CharField(null=True, max_length=500)),
            ],
            options={
                "table": "payout_proofs",
                "app": "models",
                "pk_attr": "id",
                "table_description": "That a payout has come, by a line of the bank. Voided where the payout "
                "turned out to be another one.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(list(STATEMENTS)),
    ]
