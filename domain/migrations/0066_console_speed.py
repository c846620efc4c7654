"""What the console's pages ask costs what a day costs: whose a refund is stands on it, and how refunds go is kept.

A refund has the store and the method of its payment, which are for life: what lists and sums filter by is found without
the payments, by indexes in the order that lists have. The database fills them in, whoever adds a refund. How many
refunds end by day is summed up every quarter of an hour; until the first time all events are read. Of a million refunds
the columns take a minute or two, in which nothing else is written.
"""

from enum import StrEnum
from typing import Any

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

# The words, kept here: a migration does not change with the code.
_METHODS = ("PIX", "BOLETO", "OXXO", "SPEI", "PSE_COLOMBIA", "CARD", "BANK_TRANSFER")
Method = StrEnum("Method", [(word, word) for word in _METHODS])

_LIKE_PAYMENT = """
CREATE FUNCTION refund_like_its_payment() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    SELECT p.store_id, p.method INTO NEW.store_id, NEW.method FROM public.payments p WHERE p.id = NEW.payment_id;
    RETURN NEW;
END $$
"""
_UNDER_WAY = "'AWAITING_DESTINATION', 'AWAITING_APPROVAL', 'REQUESTED', 'SUBMITTED', 'PENDING', 'MANUAL'"
COLUMNS = [
    "UPDATE refunds r SET store_id = p.store_id, method = p.method FROM payments p WHERE p.id = r.payment_id",
    # What would be compared at the commit is compared now: a table that something still waits for is not altered.
    "SET CONSTRAINTS ALL IMMEDIATE",
    "ALTER TABLE refunds ALTER COLUMN store_id SET NOT NULL, ALTER COLUMN method SET NOT NULL",
    _LIKE_PAYMENT,
    "CREATE TRIGGER refunds_like_payment BEFORE INSERT ON refunds FOR EACH ROW "
    "EXECUTE FUNCTION refund_like_its_payment()",
    "CREATE INDEX refunds_of_method ON refunds (merchant_id, method, created_at, id)",
    "CREATE INDEX refunds_of_store ON refunds (merchant_id, store_id, created_at, id)",
    f"CREATE INDEX refunds_under_way ON refunds (merchant_id, created_at, id) WHERE state IN ({_UNDER_WAY})",
    "DROP INDEX payments_by_method",
]
FIGURES = [
    "CREATE UNIQUE INDEX refund_figures_once ON refund_figures "
    "(merchant_id, day, state, connection_id, method, store_id, took)",
    "ALTER TABLE refund_figures ADD CONSTRAINT refund_figures_state_known CHECK (state IN "
    "('SUCCEEDED', 'RETURNED', 'FAILED', 'REJECTED', 'CANCELED', 'EXPIRED'))",
    "ALTER TABLE refund_figures ADD CONSTRAINT refund_figures_took CHECK (took >= -1)",
]


def _of(model: str, column: str) -> Any:
    return fields.ForeignKeyField(
        f"models.{model}",
        source_field=column,
        db_index=False,
        db_constraint=True,
        to_field="id",
        on_delete=OnDelete.RESTRICT,
    )


def _id() -> tuple[str, Any]:
    return "id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)


class Migration(migrations.Migration):
    dependencies = [("models", "0065_engine")]

    initial = False

    operations: list[Any] = [
        ops.AddField(model_name="Refund", name="store_id", field=fields.UUIDField(null=True)),
        ops.AddField(
            model_name="Refund",
            name="method",
            field=fields.CharEnumField(
                null=True,
                description="\n".join(f"{one.name}: {one.value}" for one in Method),
                enum_type=Method,
                max_length=20,
            ),
        ),
        ops.RunSQL(list(COLUMNS)),
        ops.CreateModel(
            name="RefundFigure",
            fields=[
                _id(),
                ("merchant", _of("Merchant", "merchant_id")),
                ("connection", _of("Connection", "connection_id")),
                ("store", _of("Store", "store_id")),
                ("method", fields.CharField(max_length=20)),
                ("day", fields.DateField()),
                ("state", fields.CharField(max_length=24)),
                ("took", fields.SmallIntField()),
                ("count", fields.BigIntField()),
            ],
            options={
                "table": "refund_figures",
                "app": "models",
                "pk_attr": "id",
                "table_description": "How many refunds came to their end on a day, and in what time.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="RefundFigureMark",
            fields=[
                _id(),
                ("until_event", fields.BigIntField()),
                ("made_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "refund_figure_marks",
                "app": "models",
                "pk_attr": "id",
                "table_description": "Up to which event the figures of refunds count all in. Added, never changed.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(list(FIGURES)),
        ops.AddField(model_name="Merchant", name="language", field=fields.CharField(null=True, max_length=5)),
        ops.AddField(
            model_name="Connection",
            name="resting_until",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name="Connection",
            name="failing_since",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.RunSQL(
            [
                "ALTER TABLE exports DROP CONSTRAINT exports_kind_known",
                "ALTER TABLE exports ADD CONSTRAINT exports_kind_known CHECK (kind IN "
                "('FINDINGS', 'REFUNDS', 'PAYMENTS', 'LEDGER', 'VAT', 'TRIAL_BALANCE', 'AUDIT'))",
            ]
        ),
        ops.RunSQL(
            "ALTER TABLE merchants ADD CONSTRAINT merchants_language_known "
            "CHECK (language IN ('zh-CN', 'en', 'es', 'pt-BR'))"
        ),
    ]
