"""Months of the books are closed by two people; what comes later is booked in the first open one.

The database itself sees to that: whoever inserts an entry into a closed month finds it on the first open day, with the
date that it would have had beside it. Entries of today and yesterday, which are those of the hot path, are not looked
at: no month can be closed that ended so lately.
"""

import functools
from json import dumps, loads
from uuid import uuid4

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

_compact = functools.partial(dumps, separators=(",", ":"))
CHECKS = {
    "ledger_entries": {"ledger_entries_moved_forward": "belongs_to < accounting_date"},
    "period_closings": {
        "period_closings_a_month": "first_day = date_trunc('month', first_day::timestamp)::date AND last_day = "
        "(date_trunc('month', first_day::timestamp) + interval '1 month - 1 day')::date",
        "period_closings_confirmed_whole": "(confirmed_at IS NULL) = (confirmed_by IS NULL) AND (confirmed_at IS NULL) "
        "= (confirmed_by_id IS NULL) AND (confirmed_at IS NULL) = (digest IS NULL) AND (confirmed_at IS NULL) = "
        "(last_entry IS NULL) AND (confirmed_at IS NULL) = (chain_position IS NULL)",
        "period_closings_other_people": "confirmed_by_id <> proposed_by_id",
        "period_closings_two_names": "lower(btrim(normalize(confirmed_by, NFKC))) <> "
        "lower(btrim(normalize(proposed_by, NFKC)))",
        # Entries younger than this are inserted without asking whether their month is closed.
        "period_closings_over": "last_day < (confirmed_at AT TIME ZONE 'UTC')::date - 1",
        "period_closings_one_end": "confirmed_at IS NULL OR withdrawn_at IS NULL",
        "period_closings_explained": "confirmed_at IS NULL OR why IS NOT NULL OR against = '[]'::jsonb",
    },
    "closed_balances": {"closed_balances_not_negative": "debits >= 0 AND credits >= 0"},
    "journal_batches": {"journal_batches_number_positive": "number > 0 AND lines > 0"},
}
# Two that book into one month do not wait for each other; who closes waits for both, and they for whoever closes.
# A statement sees what was committed before it began, in this isolation alone.
_OPEN_PERIOD = """
CREATE FUNCTION book_in_open_period() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    closed date;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'entries are booked in transactions that read what is committed' USING ERRCODE = '25001';
    END IF;
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('closing/' || NEW.merchant_id, 0));
    SELECT max(last_day) INTO closed FROM public.period_closings
        WHERE merchant_id = NEW.merchant_id AND confirmed_at IS NOT NULL;
    IF NEW.accounting_date <= closed THEN
        NEW.belongs_to := NEW.accounting_date;
        NEW.accounting_date := closed + 1;
    END IF;
    RETURN NEW;
END $$
"""
_CLOSED_IN_ORDER = """
CREATE FUNCTION refuse_closing_backwards() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM public.period_closings WHERE merchant_id = NEW.merchant_id AND id <> NEW.id
               AND confirmed_at IS NOT NULL AND last_day >= NEW.last_day) THEN
        RAISE EXCEPTION 'a month that ends on % is closed already', NEW.last_day
            USING ERRCODE = '23514', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$
"""
_LATELY = "(clock_timestamp() AT TIME ZONE 'UTC')::date - 1"
_KEPT = ("period_closings", "journal_accounts")
_APPEND_ONLY = ("closed_balances", "journal_batches")
_OF_MERCHANT = (
    ("closed_balances_closing_of_merchant", "closed_balances", "closing_id", "period_closings"),
    ("closed_balances_connection_of_merchant", "closed_balances", "connection_id", "connections"),
    ("closed_balances_store_of_merchant", "closed_balances", "store_id", "stores"),
    ("journal_accounts_connection_of_merchant", "journal_accounts", "connection_id", "connections"),
    ("journal_accounts_store_of_merchant", "journal_accounts", "store_id", "stores"),
)
STATEMENTS = [
    *(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({rule})"
        for table, rules in CHECKS.items()
        for name, rule in rules.items()
    ),
    "CREATE UNIQUE INDEX period_closings_of_merchant ON period_closings (id, merchant_id)",
    "CREATE UNIQUE INDEX period_closings_closed ON period_closings (merchant_id, last_day) "
    "WHERE confirmed_at IS NOT NULL",
    "CREATE UNIQUE INDEX period_closings_proposed ON period_closings (merchant_id) "
    "WHERE confirmed_at IS NULL AND withdrawn_at IS NULL",
    "CREATE UNIQUE INDEX closed_balances_once ON closed_balances (closing_id, connection_id, store_id, currency, "
    "account)",
    "CREATE UNIQUE INDEX journal_accounts_current ON journal_accounts (merchant_id, account, connection_id, store_id, "
    "currency) NULLS NOT DISTINCT WHERE ended_at IS NULL",
    "CREATE UNIQUE INDEX journal_batches_number ON journal_batches (merchant_id, number, encoding)",
    # Entries lie in the order of their dates, nearly: this costs an insert nothing, and a month is found by it.
    "CREATE INDEX ledger_entries_dated ON ledger_entries USING brin (accounting_date) WITH (pages_per_range = 32)",
    "CREATE INDEX ledger_entries_moved ON ledger_entries (merchant_id, connection_id, belongs_to) "
    "WHERE belongs_to IS NOT NULL",
    *(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY ({column}, merchant_id) "
        f"REFERENCES {parent} (id, merchant_id) ON DELETE RESTRICT"
        for name, table, column, parent in _OF_MERCHANT
    ),
    _OPEN_PERIOD,
    _CLOSED_IN_ORDER,
    f"CREATE TRIGGER ledger_entries_open_period BEFORE INSERT ON ledger_entries FOR EACH ROW "
    f"WHEN (NEW.accounting_date < {_LATELY}) EXECUTE FUNCTION book_in_open_period()",
    "CREATE TRIGGER period_closings_in_order BEFORE INSERT OR UPDATE OF confirmed_at ON period_closings FOR EACH ROW "
    "WHEN (NEW.confirmed_at IS NOT NULL) EXECUTE FUNCTION refuse_closing_backwards()",
    "CREATE TRIGGER period_closings_never_opened BEFORE UPDATE ON period_closings FOR EACH ROW "
    "WHEN (OLD.confirmed_at IS NOT NULL OR OLD.withdrawn_at IS NOT NULL) EXECUTE FUNCTION refuse_change()",
    "CREATE TRIGGER journal_accounts_ended_once BEFORE UPDATE ON journal_accounts FOR EACH ROW "
    "WHEN (OLD.ended_at IS NOT NULL) EXECUTE FUNCTION refuse_change()",
    *(
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        for table in _KEPT
    ),
    *(
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        for table in _APPEND_ONLY
    ),
    *(
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        for table in (*_KEPT, *_APPEND_ONLY)
    ),
]


def _key(model: str, column: str, *, null: bool = False, index: bool = False) -> fields.ForeignKeyRelation:  # type: ignore[type-arg]
    return fields.ForeignKeyField(
        f"models.{model}",
        source_field=column,
        null=null,
        db_index=index,
        db_constraint=True,
        to_field="id",
        on_delete=OnDelete.RESTRICT,
    )


def _moment(*, null: bool = False, now: bool = False) -> fields.DatetimeField:
    return fields.DatetimeField(null=null, auto_now=False, auto_now_add=now)


_NUMERIC = {"max_digits": 38, "decimal_places": 0}


class Migration(migrations.Migration):
    dependencies = [("models", "0046_nights")]

    initial = False

    operations = [
        ops.AddField(model_name="LedgerEntry", name="belongs_to", field=fields.DateField(null=True)),
        ops.CreateModel(
            name="PeriodClosing",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ("merchant", _key("Merchant", "merchant_id")),
                ("first_day", fields.DateField()),
                ("last_day", fields.DateField()),
                ("against", fields.JSONField(encoder=_compact, decoder=loads)),
                ("why", fields.CharField(null=True, max_length=500)),
                ("proposed_by", fields.CharField(max_length=200)),
                ("proposed_by_id", fields.UUIDField()),
                ("proposed_at", _moment(now=True)),
                ("confirmed_by", fields.CharField(null=True, max_length=200)),
                ("confirmed_by_id", fields.UUIDField(null=True)),
                ("confirmed_at", _moment(null=True)),
                ("withdrawn_by", fields.CharField(null=True, max_length=200)),
                ("withdrawn_at", _moment(null=True)),
                ("last_entry", fields.BigIntField(null=True)),
                ("chain_position", fields.BigIntField(null=True)),
                ("chain_hash", fields.CharField(null=True, max_length=64)),
                ("digest", fields.CharField(null=True, max_length=64)),
            ],
            options={
                "table": "period_closings",
                "app": "models",
                "indexes": [("merchant_id", "proposed_at", "id")],
                "pk_attr": "id",
                "table_description": "A month of a merchant: one person proposes to close it, another one does. "
                "What is closed is never opened.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="ClosedBalance",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("closing", _key("PeriodClosing", "closing_id")),
                ("merchant", _key("Merchant", "merchant_id")),
                ("connection", _key("Connection", "connection_id")),
                ("store", _key("Store", "store_id")),
                ("account", fields.CharField(max_length=24)),
                ("currency", fields.CharField(max_length=3)),
                ("opening", fields.DecimalField(**_NUMERIC)),
                ("debits", fields.DecimalField(**_NUMERIC)),
                ("credits", fields.DecimalField(**_NUMERIC)),
            ],
            options={
                "table": "closed_balances",
                "app": "models",
                "pk_attr": "id",
                "table_description": "A row of the trial balance of a closed month, as it is kept. Minor units; "
                "`opening` is debits less credits.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="JournalAccount",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ("merchant", _key("Merchant", "merchant_id")),
                ("account", fields.CharField(max_length=24)),
                ("connection", _key("Connection", "connection_id", null=True)),
                ("store", _key("Store", "store_id", null=True)),
                ("currency", fields.CharField(null=True, max_length=3)),
                ("number", fields.CharField(max_length=64)),
                ("name", fields.CharField(max_length=200)),
                ("tax_rate", fields.CharField(null=True, max_length=100)),
                ("created_by", fields.CharField(max_length=200)),
                ("created_at", _moment(now=True)),
                ("ended_by", fields.CharField(null=True, max_length=200)),
                ("ended_at", _moment(null=True)),
            ],
            options={
                "table": "journal_accounts",
                "app": "models",
                "pk_attr": "id",
                "table_description": "Which account of the merchant's own books stands for one of ours. "
                "A changed one ends, and another begins.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="JournalBatch",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ("merchant", _key("Merchant", "merchant_id")),
                ("number", fields.IntField(null=True)),
                ("first_day", fields.DateField()),
                ("last_day", fields.DateField()),
                ("format", fields.CharField(max_length=16)),
                ("encoding", fields.CharField(max_length=16)),
                ("digest", fields.CharField(max_length=64)),
                ("lines", fields.IntField()),
                ("sums", fields.JSONField(encoder=_compact, decoder=loads)),
                ("replaces", fields.IntField(null=True)),
                ("file", _key("File", "file_id", index=True)),
                ("created_by", fields.CharField(max_length=200)),
                ("created_at", _moment(now=True)),
            ],
            options={
                "table": "journal_batches",
                "app": "models",
                "indexes": [("merchant_id", "created_at", "id")],
                "pk_attr": "id",
                "table_description": "A journal that was made. Of a closed month it has a number, under which there is "
                "never another content.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(list(STATEMENTS)),
    ]
