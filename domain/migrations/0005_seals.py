"""Seals of events, and what else the database refuses: a move that the table of states has not, foreign rows."""

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops


# domain/refunds/states.MOVES as it is; a test compares. "" is the beginning.
MOVES = {
    "": "AWAITING_DESTINATION AWAITING_APPROVAL REQUESTED",
    "AWAITING_DESTINATION": "AWAITING_APPROVAL REQUESTED CANCELED EXPIRED",
    "AWAITING_APPROVAL": "REQUESTED REJECTED CANCELED EXPIRED",
    "REQUESTED": "SUBMITTED MANUAL CANCELED EXPIRED PENDING SUCCEEDED FAILED RETURNED",
    "SUBMITTED": "REQUESTED PENDING SUCCEEDED FAILED RETURNED",
    "PENDING": "SUCCEEDED FAILED RETURNED",
    "MANUAL": "REQUESTED SUCCEEDED FAILED CANCELED RETURNED",
    "SUCCEEDED": "RETURNED",
}
_PAIRS = ", ".join(f"('{old}', '{new}')" for old, news in MOVES.items() for new in news.split())
_MOVES_FUNCTION = f"""
CREATE FUNCTION refuse_unknown_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF ('', NEW.state) NOT IN ({_PAIRS}) THEN
            RAISE EXCEPTION 'a refund does not begin as %', NEW.state USING ERRCODE = '23514';
        END IF;
    ELSIF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN ({_PAIRS}) THEN
        RAISE EXCEPTION 'a refund does not go from % to %', OLD.state, NEW.state USING ERRCODE = '23514';
    ELSIF NEW.sequence < OLD.sequence THEN
        RAISE EXCEPTION 'the history of a refund does not go back' USING ERRCODE = '23514';
    ELSIF (NEW.id, NEW.merchant_id, NEW.payment_id, NEW.connection_id, NEW.reference, NEW.request_id, NEW.amount,
           NEW.currency, NEW.tax_amount, NEW.reason, NEW.requested_by, NEW.created_at) IS DISTINCT FROM
          (OLD.id, OLD.merchant_id, OLD.payment_id, OLD.connection_id, OLD.reference, OLD.request_id, OLD.amount,
           OLD.currency, OLD.tax_amount, OLD.reason, OLD.requested_by, OLD.created_at) THEN
        RAISE EXCEPTION 'what a refund was asked for does not change' USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $$
"""
STATEMENTS = [
    # The transaction that wrote an event: it can be sealed once every older transaction has ended.
    "ALTER TABLE events ADD COLUMN xact xid8 NOT NULL DEFAULT pg_current_xact_id()",
    "CREATE INDEX events_xact ON events (xact, id)",
    # Seals stay when events are retired: they name them, and do not hold them.
    "ALTER TABLE event_seals DROP CONSTRAINT IF EXISTS event_seals_event_id_fkey",
    "ALTER TABLE event_seals ADD CONSTRAINT event_seals_position_positive CHECK (position > 0)",
    "CREATE TRIGGER event_seals_no_change BEFORE UPDATE OR DELETE ON event_seals "
    "FOR EACH ROW EXECUTE FUNCTION refuse_change()",
    "CREATE TRIGGER event_seals_no_truncate BEFORE TRUNCATE ON event_seals "
    "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
    _MOVES_FUNCTION,
    "CREATE TRIGGER refunds_move BEFORE INSERT OR UPDATE ON refunds "
    "FOR EACH ROW EXECUTE FUNCTION refuse_unknown_move()",
    # An entry's payment, refund, connection and store are its merchant's, and its currency is theirs.
    "ALTER TABLE refunds ADD CONSTRAINT refunds_identity UNIQUE (id, merchant_id, currency)",
    "ALTER TABLE connections ADD CONSTRAINT connections_identity UNIQUE (id, merchant_id)",
    "ALTER TABLE stores ADD CONSTRAINT stores_identity UNIQUE (id, merchant_id)",
    "ALTER TABLE ledger_entries ADD CONSTRAINT ledger_entries_like_their_payment FOREIGN KEY "
    "(payment_id, merchant_id, currency) REFERENCES payments (id, merchant_id, currency) ON DELETE RESTRICT",
    "ALTER TABLE ledger_entries ADD CONSTRAINT ledger_entries_like_their_refund FOREIGN KEY "
    "(refund_id, merchant_id, currency) REFERENCES refunds (id, merchant_id, currency) ON DELETE RESTRICT",
    "ALTER TABLE ledger_entries ADD CONSTRAINT ledger_entries_like_their_connection FOREIGN KEY "
    "(connection_id, merchant_id) REFERENCES connections (id, merchant_id) ON DELETE RESTRICT",
    "ALTER TABLE ledger_entries ADD CONSTRAINT ledger_entries_like_their_store FOREIGN KEY "
    "(store_id, merchant_id) REFERENCES stores (id, merchant_id) ON DELETE RESTRICT",
]


class Migration(migrations.Migration):
    dependencies = [("models", "0004_destinations")]

    initial = False

    operations = [
        ops.CreateModel(
            name="EventSeal",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
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
                ("position", fields.BigIntField()),
                (
                    "event",
                    fields.OneToOneField(
                        "models.Event",
                        source_field="event_id",
                        db_constraint=False,
                        to_field="id",
                        related_name="seal",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("hash", fields.CharField(max_length=64)),
            ],
            options={
                "table": "event_seals",
                "app": "models",
                "unique_together": (("merchant_id", "position"),),
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.RunSQL(STATEMENTS),
    ]
