"""What the database refuses beyond single rows: counters that lie, rows of two merchants, events out of order."""

from tortoise import migrations
from tortoise.migrations import operations as ops

# domain/refunds/states.MOVES as it was when this was written (a test compares): a migration never changes afterwards.
FIRST_STATES = ("AWAITING_DESTINATION", "AWAITING_APPROVAL", "REQUESTED")
MOVES = {
    "AWAITING_DESTINATION": ("AWAITING_APPROVAL", "REQUESTED", "CANCELED", "EXPIRED"),
    "AWAITING_APPROVAL": ("REQUESTED", "REJECTED", "CANCELED", "EXPIRED"),
    "REQUESTED": ("SUBMITTED", "MANUAL", "CANCELED", "EXPIRED", "PENDING", "SUCCEEDED", "FAILED", "RETURNED"),
    "SUBMITTED": ("REQUESTED", "PENDING", "SUCCEEDED", "FAILED", "RETURNED"),
    "PENDING": ("SUCCEEDED", "FAILED", "RETURNED"),
    "MANUAL": ("REQUESTED", "SUCCEEDED", "FAILED", "CANCELED", "RETURNED"),
    "SUCCEEDED": ("RETURNED",),
}

_REPLACED = ("payment", "refund", "connection", "store")

# table: (the foreign keys that a wider one makes superfluous, the wider ones). Fewer look-ups than before on the hot
# path, and no row lock on the merchant, which every refund of a merchant would share.
FOREIGN_KEYS = {
    "payments": (
        ("merchant_id", "store_id", "connection_id"),
        {
            "payments_store_of_merchant": "(store_id, merchant_id) REFERENCES stores (id, merchant_id)",
            "payments_connection_of_merchant": "(connection_id, merchant_id) REFERENCES connections (id, merchant_id)",
        },
    ),
    "connections": (
        ("default_store_id",),
        {"connections_store_of_merchant": "(default_store_id, merchant_id) REFERENCES stores (id, merchant_id)"},
    ),
    "refunds": (
        ("merchant_id", "payment_id", "connection_id"),
        {
            "refunds_like_their_payment": "(payment_id, merchant_id, connection_id, currency) "
            "REFERENCES payments (id, merchant_id, connection_id, currency)",
        },
    ),
    "ledger_entries": (
        ("merchant_id", "store_id", "connection_id", "payment_id", "refund_id"),
        {
            "ledger_entries_store_of_merchant": "(store_id, merchant_id) REFERENCES stores (id, merchant_id)",
            "ledger_entries_connection_of_merchant": "(connection_id, merchant_id) "
            "REFERENCES connections (id, merchant_id)",
            "ledger_entries_like_their_payment": "(payment_id, merchant_id, connection_id, currency) "
            "REFERENCES payments (id, merchant_id, connection_id, currency)",
            "ledger_entries_refund_of_payment": "(refund_id, payment_id) REFERENCES refunds (id, payment_id)",
        },
    ),
    **{
        table: (
            dropped,
            {f"{table}_refund_of_merchant": "(refund_id, merchant_id) REFERENCES refunds (id, merchant_id)"},
        )
        for table, dropped in {
            "events": ("merchant_id", "refund_id"),
            "calls": ("refund_id",),
            "doubt_verdicts": ("merchant_id", "refund_id"),
            "destinations": ("merchant_id", "refund_id"),
            "destination_links": ("merchant_id", "refund_id"),
            "approvals": ("merchant_id", "refund_id"),
            "manual_settlements": ("merchant_id", "refund_id"),
            "findings": ("refund_id",),
        }.items()
    },
}

# A table of another name in pg_temp would be found first, so functions name the schema.
_FUNCTIONS = (
    """
CREATE FUNCTION refuse_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        RAISE EXCEPTION 'refund % cannot begin as % with sequence %', NEW.id, NEW.state, NEW.sequence
            USING ERRCODE = '23514', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
    END IF;
    RAISE EXCEPTION 'refund % cannot go from % to % (sequence % to %)',
        OLD.id, OLD.state, NEW.state, OLD.sequence, NEW.sequence
        USING ERRCODE = '23514', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
END $$
""",
    """
CREATE FUNCTION refuse_miscount() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    counted uuid;
    told record;
BEGIN
    IF TG_TABLE_NAME = 'payments' THEN counted := NEW.id; ELSE counted := NEW.payment_id; END IF;
    SELECT p.reserved, p.refunded, p.tax_allocated, r.* INTO told FROM public.payments p CROSS JOIN (
        SELECT coalesce(sum(amount) FILTER (WHERE state NOT IN (
                   'SUCCEEDED', 'RETURNED', 'FAILED', 'REJECTED', 'CANCELED', 'EXPIRED')), 0) AS reserving,
               coalesce(sum(amount) FILTER (WHERE state = 'SUCCEEDED'), 0) AS refunding,
               coalesce(sum(tax_amount) FILTER (WHERE state NOT IN (
                   'RETURNED', 'FAILED', 'REJECTED', 'CANCELED', 'EXPIRED')), 0) AS taxing
        FROM public.refunds WHERE payment_id = counted) r WHERE p.id = counted;
    IF (told.reserved, told.refunded, told.tax_allocated) IS DISTINCT FROM
       (told.reserving, told.refunding, told.taxing) THEN
        RAISE EXCEPTION 'payment % counts % reserved, % refunded, % tax; its refunds say %, %, %', counted,
            told.reserved, told.refunded, told.tax_allocated, told.reserving, told.refunding, told.taxing
            USING ERRCODE = '23514', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$
""",
)
# A refund's later event may be written by the transaction with the smaller number (it waited for the refund's lock), so
# an event never counts as older than the one before it: sealing in the order of numbers keeps every refund's own.
_STAMP = (
    """
CREATE FUNCTION stamp_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.xact := greatest(pg_current_xact_id(), (
        SELECT xact FROM public.events WHERE refund_id = NEW.refund_id AND sequence = NEW.sequence - 1));
    RETURN NEW;
END $$
""",
    # A first event needs no look-up: the default is right, and the hot path pays nothing.
    "CREATE TRIGGER events_stamp BEFORE INSERT ON events FOR EACH ROW "
    "WHEN (NEW.sequence > 1 OR NEW.xact <> pg_current_xact_id()) EXECUTE FUNCTION stamp_event()",
)
_ALLOWED = ", ".join(f"'{old}>{new}'" for old, states in MOVES.items() for new in states)
_FIRST = ", ".join(f"'{state}'" for state in FIRST_STATES)
_DEFERRED = "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN"

# The conditions are the table: what is legal never enters a function. The sums are compared at the commit, where
# counters and refunds must have moved together.
_TRIGGERS = (
    "CREATE TRIGGER refunds_begin BEFORE INSERT ON refunds FOR EACH ROW "
    f"WHEN (NEW.state NOT IN ({_FIRST}) OR NEW.sequence <> 1) EXECUTE FUNCTION refuse_move()",
    "CREATE TRIGGER refunds_move BEFORE UPDATE OF state ON refunds FOR EACH ROW "
    f"WHEN (OLD.state <> NEW.state AND OLD.state || '>' || NEW.state NOT IN ({_ALLOWED})) "
    "EXECUTE FUNCTION refuse_move()",
    "CREATE TRIGGER refunds_sequence BEFORE UPDATE OF sequence ON refunds FOR EACH ROW "
    "WHEN (NEW.sequence NOT IN (OLD.sequence, OLD.sequence + 1)) EXECUTE FUNCTION refuse_move()",
    f"CREATE CONSTRAINT TRIGGER refunds_counted_new AFTER INSERT ON refunds {_DEFERRED} (true) "
    "EXECUTE FUNCTION refuse_miscount()",
    f"CREATE CONSTRAINT TRIGGER refunds_counted AFTER UPDATE OF state ON refunds {_DEFERRED} "
    "(OLD.state <> NEW.state AND NEW.state IN ('SUCCEEDED', 'RETURNED', 'FAILED', 'REJECTED', 'CANCELED', 'EXPIRED')) "
    "EXECUTE FUNCTION refuse_miscount()",
    f"CREATE CONSTRAINT TRIGGER payments_counted_new AFTER INSERT ON payments {_DEFERRED} "
    "(NEW.reserved <> 0 OR NEW.refunded <> 0 OR NEW.tax_allocated <> 0) EXECUTE FUNCTION refuse_miscount()",
    f"CREATE CONSTRAINT TRIGGER payments_counted AFTER UPDATE OF reserved, refunded, tax_allocated ON payments "
    f"{_DEFERRED} ((OLD.reserved, OLD.refunded, OLD.tax_allocated) IS DISTINCT FROM "
    "(NEW.reserved, NEW.refunded, NEW.tax_allocated)) EXECUTE FUNCTION refuse_miscount()",
)


def _statements() -> list[str]:
    made = [
        "DROP TRIGGER refunds_move ON refunds",
        "DROP FUNCTION refuse_unknown_move()",
        *(f"ALTER TABLE ledger_entries DROP CONSTRAINT ledger_entries_like_their_{noun}" for noun in _REPLACED),
        "ALTER TABLE refunds DROP CONSTRAINT refunds_identity",
        "ALTER TABLE refunds DROP CONSTRAINT refunds_like_their_payment",
        "ALTER TABLE payments DROP CONSTRAINT payments_identity",
        "ALTER TABLE payments ADD CONSTRAINT payments_identity UNIQUE (id, merchant_id, connection_id, currency)",
        "ALTER TABLE refunds ADD CONSTRAINT refunds_identity UNIQUE (id, merchant_id)",
        "ALTER TABLE refunds ADD CONSTRAINT refunds_of_payment UNIQUE (id, payment_id)",
        # A foreign key with an empty column is not looked at: an entry of a refund names its payment too.
        "ALTER TABLE ledger_entries ADD CONSTRAINT ledger_entries_refund_has_payment "
        "CHECK (refund_id IS NULL OR payment_id IS NOT NULL)",
    ]
    for table, (dropped, wider) in FOREIGN_KEYS.items():
        made += [f"ALTER TABLE {table} DROP CONSTRAINT {table}_{column}_fkey" for column in dropped]
        made += [
            f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY {key} ON DELETE RESTRICT"
            for name, key in wider.items()
        ]
    return [*made, *_FUNCTIONS, *_TRIGGERS, *_STAMP]


class Migration(migrations.Migration):
    dependencies = [("models", "0005_seals")]

    operations = [ops.RunSQL(_statements())]
