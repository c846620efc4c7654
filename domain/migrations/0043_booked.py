"""Everything a report says is booked: its fees, taxes and payouts, and the balance that it tells.

Of lines that were read before, only what they prove is booked (`NONE`), until their report is read again.
"""

from typing import Any

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

_WORDS = "'NONE', 'EFFECT', 'FEE', 'PAYOUT', 'RESERVE', 'ADJUSTMENT', 'TRANSFER', 'UNEXPLAINED'"
STATEMENTS = [
    # What older processes write does not say it.
    "ALTER TABLE settlement_lines ALTER COLUMN booked_as SET DEFAULT 'NONE'",
    f"ALTER TABLE settlement_lines ADD CONSTRAINT settlement_lines_booked_as_known CHECK (booked_as IN ({_WORDS}))",
    "ALTER TABLE settlement_lines ADD CONSTRAINT settlement_lines_booked_is_settled "
    "CHECK (booked_as = 'NONE' OR num_nonnulls(settled_net, settled_currency) = 2)",
    "ALTER TABLE settlement_lines ADD CONSTRAINT settlement_lines_effect_is_booked "
    "CHECK (booked_as <> 'EFFECT' OR effect <> 'NONE')",
    # Money that no effect explains, by its date: whether another report has told it already.
    "CREATE INDEX settlement_lines_nobodys ON settlement_lines (business_date, report_id) "
    "WHERE voided_at IS NULL AND booked_as NOT IN ('NONE', 'EFFECT')",
    # What another report has told already: it is looked for where that one has it no longer.
    "CREATE INDEX settlement_lines_told_elsewhere ON settlement_lines (business_date, report_id) "
    "WHERE voided_at IS NULL AND booked_as = 'NONE' AND effect = 'NONE' AND settled_net IS NOT NULL",
    # By a hash, for nothing bounds what a file calls a payout.
    "CREATE INDEX settlement_lines_payouts ON settlement_lines USING hash (payout_reference) "
    "WHERE voided_at IS NULL AND type = 'PAYOUT' AND payout_reference IS NOT NULL",
    "CREATE INDEX ledger_entries_opening ON ledger_entries (connection_id, currency) WHERE entry = 'PROVE_OPENING'",
    # What reports that were read before have moved in the books: what their lines prove, and nothing else.
    "INSERT INTO report_balances (report_id, currency, moved, paid_out) "
    "SELECT l.report_id, l.currency, sum(CASE WHEN l.effect IN ('CAPTURE', 'RETURN', 'TAKEN_BACK', "
    "  'CHARGEBACK_REVERSED') THEN l.amount ELSE -l.amount END), 0 FROM settlement_lines l "
    "WHERE l.voided_at IS NULL AND l.effect <> 'NONE' GROUP BY 1, 2",
    "ALTER TABLE payouts ADD CONSTRAINT payouts_connection_of_merchant FOREIGN KEY (connection_id, merchant_id) "
    "REFERENCES connections (id, merchant_id) ON DELETE RESTRICT",
    "CREATE INDEX payouts_of_day ON payouts (merchant_id, business_date, id)",
    "CREATE TRIGGER report_balances_no_change BEFORE UPDATE OR DELETE ON report_balances "
    "FOR EACH ROW EXECUTE FUNCTION refuse_change()",
    *(
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        for table in ("payouts", "payout_parts")
    ),
    *(
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        for table in ("payouts", "payout_parts", "report_balances")
    ),
]


def _of(model: str, column: str, *, indexed: bool = False) -> Any:
    return fields.ForeignKeyField(
        f"models.{model}",
        source_field=column,
        db_index=indexed,
        db_constraint=True,
        to_field="id",
        on_delete=OnDelete.RESTRICT,
    )


def _number() -> Any:
    return fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)


def _settled() -> Any:
    return fields.DecimalField(null=True, max_digits=28, decimal_places=8)


class Migration(migrations.Migration):
    dependencies = [("models", "0042_known")]

    initial = False

    operations = [
        ops.AddField(model_name="SettlementLine", name="settled_tax", field=_settled()),
        ops.AddField(model_name="SettlementLine", name="settled_withheld", field=_settled()),
        ops.AddField(
            model_name="SettlementLine", name="booked_as", field=fields.CharField(default="NONE", max_length=16)
        ),
        ops.CreateModel(
            name="ReportBalance",
            fields=[
                ("id", _number()),
                ("report", _of("Report", "report_id")),
                ("currency", fields.CharField(max_length=3)),
                ("opening", fields.BigIntField(null=True)),
                ("closing", fields.BigIntField(null=True)),
                ("moved", fields.BigIntField()),
                ("paid_out", fields.BigIntField()),
            ],
            options={
                "table": "report_balances",
                "app": "models",
                "unique_together": (("report_id", "currency"),),
                "pk_attr": "id",
                "table_description": "What a report did to the balance at the PSE, and what it says that this was "
                "before and after. Minor units.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Payout",
            fields=[
                ("id", fields.UUIDField(primary_key=True, unique=True, db_index=True)),
                ("merchant", _of("Merchant", "merchant_id")),
                ("connection", _of("Connection", "connection_id")),
                ("reference", fields.TextField(unique=False)),
                ("currency", fields.CharField(max_length=3)),
                ("amount", fields.BigIntField()),
                ("business_date", fields.DateField()),
                ("expected_at", fields.DateField(null=True)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
            ],
            options={
                "table": "payouts",
                "app": "models",
                "unique_together": (("connection_id", "reference", "currency"),),
                "pk_attr": "id",
                "table_description": "Money that left the PSE for the merchant's bank, as its reports tell; below zero "
                "it went the other way.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="PayoutPart",
            fields=[
                ("id", _number()),
                ("payout", _of("Payout", "payout_id", indexed=True)),
                ("report", _of("Report", "report_id", indexed=True)),
                ("line", fields.BigIntField(null=True)),
                ("amount", fields.BigIntField()),
                ("settled", fields.BigIntField()),
                ("settled_currency", fields.CharField(max_length=3)),
                ("voided_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "payout_parts",
                "app": "models",
                "pk_attr": "id",
                "table_description": "What one report says of a payout. Amounts in minor units, above zero where the "
                "money left the PSE.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(list(STATEMENTS)),
    ]
