"""Fee schedules, rates of exchange, and what refunds were said to cost."""

import functools
from json import dumps, loads
from typing import Any

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

_compact = functools.partial(dumps, separators=(",", ":"))
_METHODS = "method IS NULL OR method ~ '^[A-Z_]{2,20}$'"
_KINDS = "kind IN ('PAYMENT', 'REFUND', 'CHARGEBACK', 'PAYOUT', 'FX')"
_KEPT = ("fee_schedules", "fx_rates")
STATEMENTS = [
    f"ALTER TABLE fee_schedules ADD CONSTRAINT fee_schedules_kind_known CHECK ({_KINDS})",
    f"ALTER TABLE fee_schedules ADD CONSTRAINT fee_schedules_method_form CHECK ({_METHODS})",
    "ALTER TABLE fee_schedules ADD CONSTRAINT fee_schedules_numbers_bounded CHECK (percent BETWEEN 0 AND 100 "
    "AND tax_percent BETWEEN 0 AND 100 AND fixed >= 0 AND minimum >= 0 AND maximum >= 0 AND minimum <= maximum)",
    # `=` of null is null, which a CHECK lets through.
    "ALTER TABLE fee_schedules ADD CONSTRAINT fee_schedules_original_fee_known CHECK ((kind = 'REFUND') = "
    "(original_fee IS NOT NULL) AND coalesce(original_fee, 'KEPT') IN ('KEPT', 'RETURNED', 'RETURNED_PRO_RATA'))",
    "ALTER TABLE fee_schedules ADD CONSTRAINT fee_schedules_currency_iso CHECK (currency ~ '^[A-Z]{3}$')",
    *(f"ALTER TABLE {table} ADD CONSTRAINT {table}_days_in_order CHECK (valid_to >= valid_from)" for table in _KEPT),
    *(
        f"ALTER TABLE {table} ADD CONSTRAINT {table}_withdrawn_whole "
        "CHECK (num_nonnulls(withdrawn_at, withdrawn_by) <> 1)"
        for table in _KEPT
    ),
    "ALTER TABLE fx_rates ADD CONSTRAINT fx_rates_pair_iso "
    "CHECK (base ~ '^[A-Z]{3}$' AND quote ~ '^[A-Z]{3}$' AND base <> quote)",
    "ALTER TABLE fx_rates ADD CONSTRAINT fx_rates_words_known "
    "CHECK (side IN ('SINGLE', 'SELL', 'BUY') AND origin IN ('ENTERED', 'IMPORTED', 'REPORT'))",
    "ALTER TABLE fx_rates ADD CONSTRAINT fx_rates_of_whom "
    "CHECK ((origin = 'REPORT') = (connection_id IS NOT NULL) AND (origin <> 'IMPORTED' OR digest IS NOT NULL))",
    "ALTER TABLE fx_rates ADD CONSTRAINT fx_rates_rate_positive CHECK (rate > 0)",
    "ALTER TABLE refund_quotes ADD CONSTRAINT refund_quotes_amount_positive CHECK (amount > 0)",
    *(
        f"ALTER TABLE {table} ADD CONSTRAINT {table}_connection_of_merchant FOREIGN KEY (connection_id, merchant_id) "
        "REFERENCES connections (id, merchant_id) ON DELETE RESTRICT"
        for table in _KEPT
    ),
    "CREATE INDEX fee_schedules_of_connection ON fee_schedules (connection_id, kind, valid_from) "
    "WHERE withdrawn_at IS NULL",
    "CREATE INDEX fee_schedules_list ON fee_schedules (merchant_id, created_at, id)",
    "CREATE INDEX fx_rates_of_pair ON fx_rates (merchant_id, base, quote, valid_from) WHERE withdrawn_at IS NULL",
    "CREATE INDEX fx_rates_list ON fx_rates (merchant_id, created_at, id)",
    *(f"CREATE INDEX {table}_of_batch ON {table} (batch_id)" for table in _KEPT),
    "CREATE INDEX refund_quotes_of_payment ON refund_quotes (payment_id, created_at)",
    *(
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        for table in _KEPT
    ),
    "CREATE TRIGGER refund_quotes_no_change BEFORE UPDATE OR DELETE ON refund_quotes "
    "FOR EACH ROW EXECUTE FUNCTION refuse_change()",
    *(
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        for table in (*_KEPT, "refund_quotes")
    ),
]


def _of(model: str, column: str, *, null: bool = False) -> Any:
    return fields.ForeignKeyField(
        f"models.{model}",
        source_field=column,
        null=null,
        db_constraint=True,
        to_field="id",
        on_delete=OnDelete.RESTRICT,
    )


def _number() -> Any:
    return fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)


def _moment(*, added: bool = False) -> Any:
    return fields.DatetimeField(null=not added, auto_now=False, auto_now_add=added)


def _percent() -> Any:
    return fields.DecimalField(max_digits=9, decimal_places=6)


class Migration(migrations.Migration):
    dependencies = [("models", "0048_bank")]

    initial = False

    operations = [
        ops.CreateModel(
            name="FeeSchedule",
            fields=[
                ("id", _number()),
                ("merchant", _of("Merchant", "merchant_id")),
                ("connection", _of("Connection", "connection_id")),
                ("method", fields.CharField(null=True, max_length=20)),
                ("kind", fields.CharField(max_length=12)),
                ("currency", fields.CharField(max_length=3)),
                ("percent", _percent()),
                ("fixed", fields.BigIntField(default=0)),
                ("minimum", fields.BigIntField(null=True)),
                ("maximum", fields.BigIntField(null=True)),
                ("tax_percent", _percent()),
                ("original_fee", fields.CharField(null=True, max_length=20)),
                ("valid_from", fields.DateField()),
                ("valid_to", fields.DateField(null=True)),
                ("source", fields.CharField(max_length=500)),
                ("batch_id", fields.UUIDField()),
                ("entered_by", fields.CharField(max_length=200)),
                ("created_at", _moment(added=True)),
                ("withdrawn_at", _moment()),
                ("withdrawn_by", fields.CharField(null=True, max_length=200)),
            ],
            options={
                "table": "fee_schedules",
                "app": "models",
                "pk_attr": "id",
                "table_description": "A fee from a day on. Of those that hold, one of the method wins, then the latest "
                "start, then the last entered.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="FxRate",
            fields=[
                ("id", _number()),
                ("merchant", _of("Merchant", "merchant_id")),
                ("base", fields.CharField(max_length=3)),
                ("quote", fields.CharField(max_length=3)),
                ("side", fields.CharField(max_length=6)),
                ("rate", fields.DecimalField(max_digits=28, decimal_places=12)),
                ("valid_from", fields.DateField()),
                ("valid_to", fields.DateField()),
                ("published_at", _moment()),
                ("origin", fields.CharField(max_length=8)),
                ("source", fields.CharField(max_length=500)),
                ("batch_id", fields.UUIDField()),
                ("digest", fields.CharField(null=True, max_length=64)),
                ("connection", _of("Connection", "connection_id", null=True)),
                ("entered_by", fields.CharField(max_length=200)),
                ("created_at", _moment(added=True)),
                ("withdrawn_at", _moment()),
                ("withdrawn_by", fields.CharField(null=True, max_length=200)),
            ],
            options={
                "table": "fx_rates",
                "app": "models",
                "pk_attr": "id",
                "table_description": "What one of `base` is worth in `quote`. Of one day the last entered wins.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="RefundQuote",
            fields=[
                ("id", fields.UUIDField(primary_key=True, unique=True, db_index=True)),
                ("merchant", _of("Merchant", "merchant_id")),
                ("payment", _of("Payment", "payment_id")),
                ("amount", fields.BigIntField()),
                ("currency", fields.CharField(max_length=3)),
                ("figures", fields.JSONField(encoder=_compact, decoder=loads)),
                ("digest", fields.CharField(max_length=64)),
                ("asked_by", fields.CharField(max_length=200)),
                ("created_at", _moment(added=True)),
            ],
            options={
                "table": "refund_quotes",
                "app": "models",
                "pk_attr": "id",
                "table_description": "What a refund of so much of a payment was said to cost, and by what. The same "
                "again is not kept twice.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(list(STATEMENTS)),
    ]
