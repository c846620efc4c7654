"""Who did and read what, in the chain that events are sealed in; and the owner's narrow way to retire old bodies."""

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

# The one change of a row that stays as it was written: the owner, in a run of retention, takes bodies away and says
# when. Every column that the trigger does not name stays as it is.
_RETIRING = """
CREATE FUNCTION refuse_change_but_retention() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND current_setting('estorno.retention', true) = 'on'
            AND pg_has_role(current_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE')
            AND to_jsonb(OLD) ->> 'retired_at' IS NULL AND to_jsonb(NEW) ->> 'retired_at' IS NOT NULL
            AND to_jsonb(NEW) - TG_ARGV = to_jsonb(OLD) - TG_ARGV THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is kept as written: correct it by adding', TG_TABLE_NAME USING ERRCODE = '42501';
END $$
"""
RETIRED = {
    "calls": "'body', 'headers', 'retired_at'",
    "answers": "'body', 'headers', 'retired_at'",
    "manual_settlements": "'file_content', 'retired_at'",
}
_FOREVER = ("deeds",)
STATEMENTS = [
    "ALTER TABLE deeds ADD COLUMN xact xid8 NOT NULL DEFAULT pg_current_xact_id()",
    "ALTER TABLE deeds ALTER COLUMN occurred_at SET DEFAULT now()",
    "CREATE INDEX deeds_xact ON deeds (xact, id)",
    # By whom, by what, of what; and whether somebody has just read the same.
    "CREATE INDEX deeds_of_object ON deeds (merchant_id, object_kind, object_id, occurred_at)",
    "CREATE INDEX deeds_of_person ON deeds (merchant_id, person_id, id) WHERE person_id IS NOT NULL",
    "CREATE INDEX deeds_of_token ON deeds (merchant_id, token_id, id) WHERE token_id IS NOT NULL",
    # What people did to refunds: a person is written with an address, a program is not, so its requests pay nothing.
    "CREATE INDEX events_of_person ON events (merchant_id, lower(substring(actor FROM '<([^<>]+)>$')), id) "
    "WHERE right(actor, 1) = '>'",
    "ALTER TABLE deeds ADD CONSTRAINT deeds_kind_known CHECK (kind IN ('CHANGE', 'READ', 'REFUSED'))",
    # A deed counts as one of the transaction that wrote it, whatever it says of itself.
    "CREATE FUNCTION stamp_deed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "NEW.xact := pg_current_xact_id(); NEW.occurred_at := now(); RETURN NEW; END $$",
    "CREATE TRIGGER deeds_stamp BEFORE INSERT ON deeds FOR EACH ROW EXECUTE FUNCTION stamp_deed()",
    # A seal is an event's or a deed's.
    "ALTER TABLE event_seals ADD CONSTRAINT event_seals_one_subject CHECK (num_nonnulls(event_id, deed_id) = 1)",
    "CREATE UNIQUE INDEX event_seals_deed ON event_seals (deed_id) WHERE deed_id IS NOT NULL",
    *(
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        for table in _FOREVER
    ),
    *(
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        for table in (*_FOREVER, "legal_holds")
    ),
    "CREATE TRIGGER legal_holds_no_delete BEFORE DELETE ON legal_holds FOR EACH ROW EXECUTE FUNCTION refuse_change()",
    "ALTER TABLE legal_holds ADD CONSTRAINT legal_holds_lifted_whole "
    "CHECK (num_nonnulls(lifted_by, lifted_at) IN (0, 2))",
    "ALTER TABLE legal_holds ADD CONSTRAINT legal_holds_refund_of_merchant FOREIGN KEY (refund_id, merchant_id) "
    "REFERENCES refunds (id, merchant_id) ON DELETE RESTRICT",
    _RETIRING,
    *(
        f"ALTER TABLE {table} ADD COLUMN retired_at timestamptz"
        for table in ("calls", "answers", "manual_settlements", "notices", "destinations", "files")
    ),
    # What is gone is gone by retention, and at a time.
    "ALTER TABLE destinations ADD CONSTRAINT destinations_sealed_or_retired "
    "CHECK (sealed IS NOT NULL OR retired_at IS NOT NULL)",
    "ALTER TABLE files ADD CONSTRAINT files_key_or_retired CHECK (sealed_key IS NOT NULL OR retired_at IS NOT NULL)",
    *(f"DROP TRIGGER {table}_no_change ON {table}" for table in RETIRED),
    *(
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION refuse_change_but_retention({columns})"
        for table, columns in RETIRED.items()
    ),
]
_MERCHANT = {
    "source_field": "merchant_id",
    "db_constraint": True,
    "to_field": "id",
    "on_delete": OnDelete.RESTRICT,
}


class Migration(migrations.Migration):
    dependencies = [("models", "0027_approvals")]

    initial = False

    operations = [
        ops.CreateModel(
            name="Deed",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("merchant", fields.ForeignKeyField("models.Merchant", db_index=False, **_MERCHANT)),
                ("kind", fields.CharField(max_length=8)),
                ("operation", fields.CharField(max_length=64)),
                ("object_kind", fields.CharField(max_length=32)),
                ("object_id", fields.CharField(max_length=100)),
                ("actor", fields.CharField(max_length=200)),
                ("party", fields.UUIDField(null=True)),
                ("person_id", fields.UUIDField(null=True)),
                ("token_id", fields.UUIDField(null=True)),
                ("session_id", fields.UUIDField(null=True)),
                ("address", fields.CharField(null=True, max_length=64)),
                ("agent", fields.CharField(null=True, max_length=200)),
                ("request_id", fields.CharField(max_length=64)),
                ("outcome", fields.CharField(max_length=32)),
                ("changes", fields.JSONField()),
                ("occurred_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={"table": "deeds", "app": "models", "pk_attr": "id"},
            bases=["Model"],
        ),
        ops.CreateModel(
            name="LegalHold",
            fields=[
                ("id", fields.UUIDField(primary_key=True, unique=True, db_index=True)),
                ("merchant", fields.ForeignKeyField("models.Merchant", db_index=True, **_MERCHANT)),
                (
                    "refund",
                    fields.ForeignKeyField(
                        "models.Refund",
                        source_field="refund_id",
                        null=True,
                        db_index=False,
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("reason", fields.CharField(max_length=500)),
                ("placed_by", fields.CharField(max_length=200)),
                ("placed_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
                ("lifted_by", fields.CharField(null=True, max_length=200)),
                ("lifted_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "legal_holds",
                "app": "models",
                "pk_attr": "id",
                "table_description": "Keeps a merchant's data, or one refund's, from retention until it is lifted.",
            },
            bases=["Model"],
        ),
        ops.AlterField(model_name="Destination", name="sealed", field=fields.BinaryField(null=True)),
        ops.AlterField(model_name="File", name="sealed_key", field=fields.BinaryField(null=True)),
        ops.AddField(model_name="EventSeal", name="deed_id", field=fields.BigIntField(null=True)),
        ops.AlterField(
            model_name="EventSeal",
            name="event",
            field=fields.OneToOneField(
                "models.Event",
                source_field="event_id",
                null=True,
                db_constraint=False,
                to_field="id",
                related_name="seal",
                on_delete=OnDelete.RESTRICT,
            ),
        ),
        ops.RunSQL(list(STATEMENTS)),
    ]
