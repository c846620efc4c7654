"""What is read of the ledger by month, by store and by age costs what a day or a page costs.

Checkpoints that know stores, what is open by the day it is open since, and indexes of what one looks for. The first
`cut` of each counts in all that was ever booked; until then it is read as before.
"""

from typing import Any

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

# The application may not delete; of what is written from the ledger this takes away what says nothing any more.
_FORGET = """
CREATE FUNCTION forget_closed_items() RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    DELETE FROM public.open_items WHERE amount = 0;
    DELETE FROM public.open_item_sums WHERE items = 0 AND amount = 0;
END
"""
STATEMENTS = [
    "CREATE UNIQUE INDEX store_checkpoints_once ON store_checkpoints "
    "(merchant_id, until_entry, connection_id, store_id, account, currency, accounting_date)",
    "CREATE TRIGGER store_checkpoints_no_change BEFORE UPDATE OR DELETE ON store_checkpoints "
    "FOR EACH ROW EXECUTE FUNCTION refuse_change()",
    "CREATE TRIGGER store_checkpoints_no_truncate BEFORE TRUNCATE ON store_checkpoints "
    "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
    "CREATE UNIQUE INDEX open_items_once ON open_items (account, entry_id)",
    "CREATE INDEX open_items_oldest ON open_items (merchant_id, account, since, entry_id)",
    "CREATE INDEX open_items_closed ON open_items (id) WHERE amount = 0",
    "CREATE UNIQUE INDEX open_item_sums_once ON open_item_sums "
    "(merchant_id, account, connection_id, store_id, currency, since)",
    "CREATE INDEX open_item_sums_closed ON open_item_sums (id) WHERE items = 0",
    "CREATE UNIQUE INDEX open_item_marks_once ON open_item_marks (merchant_id)",
    _FORGET,
    # A day of a connection, found as such: by blocks, one entry that came late made many days of them.
    "DROP INDEX ledger_entries_dated",
    "CREATE INDEX ledger_entries_of_day ON ledger_entries (merchant_id, connection_id, accounting_date)",
    # What nights book, and no request: some for each night.
    "CREATE INDEX ledger_entries_of_nobody ON ledger_entries (merchant_id, connection_id, accounting_date, id) "
    "WHERE payment_id IS NULL",
    "CREATE INDEX ledger_entries_suspense ON ledger_entries (merchant_id, accounting_date) "
    "WHERE debit = 'SUSPENSE' OR credit = 'SUSPENSE'",
    # How many findings there are and what they add up to, of those that are open and of all.
    "CREATE INDEX findings_open_sums ON findings (merchant_id, kind, currency) INCLUDE (id, amount, connection_id, "
    "severity, due_at, assignee_id, waiting_until, reopened_at, created_at) WHERE resolved_at IS NULL",
    "CREATE INDEX findings_sums ON findings (merchant_id, kind, currency) INCLUDE (id, amount)",
    # A month of VAT, and an export of it.
    "CREATE INDEX vat_reversals_documented ON vat_reversals (merchant_id, document_on) WHERE booked = 'DOCUMENTED'",
    "CREATE INDEX vat_reversals_declared ON vat_reversals (merchant_id, period) WHERE period IS NOT NULL",
    "CREATE INDEX vat_reversals_lost ON vat_reversals (merchant_id, settled_on) WHERE booked = 'LOST'",
    "CREATE INDEX vat_reversals_paid ON vat_reversals (merchant_id, paid_on, id)",
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


def _whose() -> list[tuple[str, Any]]:
    return [
        ("merchant", _of("Merchant", "merchant_id")),
        ("connection", _of("Connection", "connection_id")),
        ("store", _of("Store", "store_id")),
    ]


def _sum() -> Any:
    return fields.DecimalField(max_digits=38, decimal_places=0)


class Migration(migrations.Migration):
    dependencies = [("models", "0052_suspended")]

    initial = False

    operations = [
        ops.CreateModel(
            name="StoreCheckpoint",
            fields=[
                _id(),
                ("until_entry", fields.BigIntField()),
                *_whose(),
                ("account", fields.CharField(max_length=24)),
                ("currency", fields.CharField(max_length=3)),
                ("accounting_date", fields.DateField()),
                ("debits", _sum()),
                ("credits", _sum()),
                ("last_entry", fields.BigIntField()),
                ("of_payments", fields.BigIntField()),
                ("made_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "store_checkpoints",
                "app": "models",
                "indexes": [Index(fields=["merchant_id", "accounting_date"])],
                "pk_attr": "id",
                "table_description": "As LedgerCheckpoint, told apart by store too. Added, never changed.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="OpenItem",
            fields=[
                _id(),
                ("merchant", _of("Merchant", "merchant_id")),
                ("connection_id", fields.UUIDField()),
                ("store_id", fields.UUIDField()),
                ("payment_id", fields.UUIDField()),
                ("entry_id", fields.BigIntField()),
                ("account", fields.CharField(max_length=24)),
                ("currency", fields.CharField(max_length=3)),
                ("since", fields.DateField()),
                ("amount", _sum()),
            ],
            options={
                "table": "open_items",
                "app": "models",
                "indexes": [Index(fields=["payment_id"])],
                "pk_attr": "id",
                "table_description": "An entry of a payment that is open, all of it or in part. Minor units: debits "
                "less credits, 0 where it closed.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="OpenItemSum",
            fields=[
                _id(),
                *_whose(),
                ("account", fields.CharField(max_length=24)),
                ("currency", fields.CharField(max_length=3)),
                ("since", fields.DateField()),
                ("items", fields.BigIntField()),
                ("amount", _sum()),
            ],
            options={
                "table": "open_item_sums",
                "app": "models",
                "pk_attr": "id",
                "table_description": "What the open items of a day add up to, so that an ageing costs days and not "
                "items. Minor units.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="OpenItemMark",
            fields=[
                _id(),
                ("merchant", _of("Merchant", "merchant_id")),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("ledger_entries", fields.BigIntField()),
                ("settlement_lines", fields.BigIntField()),
            ],
            options={
                "table": "open_item_marks",
                "app": "models",
                "pk_attr": "id",
                "table_description": "Up to where the open items of a merchant count the ledger and the reports' "
                "lines in.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(list(STATEMENTS)),
    ]
