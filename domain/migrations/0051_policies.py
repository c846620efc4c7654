"""What a person hands in waits for another; who writes off VAT does, too; one table of days when banks are closed."""

from typing import Any
from uuid import uuid4

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

STATES = "state IN ('WAITING', 'PROPOSED', 'TAKEN', 'KNOWN', 'REFUSED', 'SKIPPED')"
CHANGED = {
    "handed_reports_way_known": "way IN ('UPLOAD', 'COMMAND', 'FOLDER', 'SFTP')",
    "handed_reports_state_known": STATES,
    "handed_reports_done": "(state IN ('WAITING', 'PROPOSED')) = (done_at IS NULL)",
}
ADDED = {
    "handed_reports_proposed": (
        "state <> 'PROPOSED' OR num_nonnulls(business_date, report_sha256, preview, said) = 4 AND confirmed_at IS NULL"
    ),
    "handed_reports_confirmed": "num_nonnulls(confirmed_by, confirmed_by_id, confirmed_at) IN (0, 3)",
    "handed_reports_another": "confirmed_by_id IS NULL OR confirmed_by_id IS DISTINCT FROM handed_in_by_id",
}
WRITE_OFFS = {
    "vat_write_offs_amount": "amount > 0",
    "vat_write_offs_other_people": "confirmed_by_id <> proposed_by_id",
    "vat_write_offs_two_names": "lower(btrim(normalize(confirmed_by, NFKC))) <> "
    "lower(btrim(normalize(proposed_by, NFKC)))",
    "vat_write_offs_by_two": "NOT needs_two OR started_at IS NULL OR confirmed_by_id IS NOT NULL",
    "vat_write_offs_confirmed_whole": "num_nonnulls(confirmed_by, confirmed_by_id) IN (0, 2)",
    "vat_write_offs_ended_whole": "num_nonnulls(ended_at, ended_by, ended_why) IN (0, 3)",
}
STATEMENTS = [
    *(f"ALTER TABLE handed_reports DROP CONSTRAINT {name}" for name in CHANGED),
    *(
        f"ALTER TABLE handed_reports ADD CONSTRAINT {name} CHECK ({rule})"
        for name, rule in {**CHANGED, **ADDED}.items()
    ),
    # What was taken before this version had one person's word, and stays as it is.
    "ALTER TABLE handed_reports ADD CONSTRAINT handed_reports_two CHECK (way NOT IN ('UPLOAD', 'COMMAND') "
    "OR state <> 'TAKEN' OR confirmed_at IS NOT NULL) NOT VALID",
    "CREATE INDEX handed_reports_waiting ON handed_reports (connection_id, business_date) WHERE state = 'PROPOSED'",
    "CREATE INDEX handed_reports_believed ON handed_reports (connection_id, report_sha256) "
    "WHERE confirmed_at IS NOT NULL",
    *(f"ALTER TABLE vat_write_offs ADD CONSTRAINT {name} CHECK ({rule})" for name, rule in WRITE_OFFS.items()),
    "CREATE UNIQUE INDEX vat_reversals_of_merchant ON vat_reversals (id, merchant_id)",
    "ALTER TABLE vat_write_offs ADD CONSTRAINT vat_write_offs_reversal_of_merchant FOREIGN KEY "
    "(reversal_id, merchant_id) REFERENCES vat_reversals (id, merchant_id) ON DELETE RESTRICT",
    "CREATE UNIQUE INDEX vat_write_offs_waiting ON vat_write_offs (reversal_id) "
    "WHERE started_at IS NULL AND ended_at IS NULL",
    # What one person has given up of late is added up.
    "CREATE INDEX vat_write_offs_recent ON vat_write_offs (merchant_id, proposed_by_id, proposed_at)",
    "CREATE INDEX finding_resolutions_recent ON finding_resolutions (merchant_id, proposed_by_id, proposed_at)",
    "CREATE TRIGGER vat_write_offs_no_delete BEFORE DELETE ON vat_write_offs FOR EACH ROW "
    "EXECUTE FUNCTION refuse_change()",
    "CREATE TRIGGER vat_write_offs_no_truncate BEFORE TRUNCATE ON vat_write_offs FOR EACH STATEMENT "
    "EXECUTE FUNCTION refuse_change()",
]
# Whoever changes a finding, or says something of it, takes its position away: who follows gives it a new one.
CHANGES = [
    "ALTER TABLE merchants ALTER COLUMN findings_position SET DEFAULT 0",  # older processes do not know it
    """CREATE FUNCTION finding_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.position := NULL;
    RETURN NEW;
END $$""",
    """CREATE FUNCTION finding_spoken_of() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE public.findings SET position = NULL WHERE id = NEW.finding_id AND position IS NOT NULL;
    RETURN NULL;
END $$""",
    "CREATE TRIGGER findings_changed BEFORE UPDATE ON findings FOR EACH ROW "
    "WHEN (NEW.position IS NOT NULL AND NEW.position IS NOT DISTINCT FROM OLD.position) "
    "EXECUTE FUNCTION finding_changed()",
    "CREATE TRIGGER finding_events_told AFTER INSERT ON finding_events FOR EACH ROW "
    "EXECUTE FUNCTION finding_spoken_of()",
    "CREATE INDEX findings_changed ON findings (merchant_id, position)",
]
# Of two words about one day the later one holds.
DAYS = [
    "INSERT INTO bank_days (id, merchant_id, country, day, closed, why, set_by, set_at) "
    "SELECT id, merchant_id, country, day, NOT works, why, set_by, set_at FROM business_days WHERE ended_at IS NULL "
    "ON CONFLICT (merchant_id, country, day) DO UPDATE SET closed = excluded.closed, why = excluded.why, "
    "  set_by = excluded.set_by, set_at = excluded.set_at WHERE bank_days.set_at < excluded.set_at",
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


class Migration(migrations.Migration):
    dependencies = [("models", "0050_exports")]

    initial = False

    operations = [
        ops.AddField(model_name="HandedReport", name="handed_in_by_id", field=fields.UUIDField(null=True)),
        ops.AddField(model_name="HandedReport", name="report_sha256", field=fields.CharField(null=True, max_length=64)),
        ops.AddField(model_name="HandedReport", name="preview", field=fields.JSONField(null=True)),
        ops.AddField(model_name="HandedReport", name="confirmed_by", field=fields.CharField(null=True, max_length=200)),
        ops.AddField(model_name="HandedReport", name="confirmed_by_id", field=fields.UUIDField(null=True)),
        ops.AddField(
            model_name="HandedReport",
            name="confirmed_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.CreateModel(
            name="VatWriteOff",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ("merchant", _of("Merchant", "merchant_id")),
                ("reversal", _of("VatReversal", "reversal_id", indexed=True)),
                ("said", fields.JSONField()),
                ("note", fields.CharField(max_length=500)),
                ("amount", fields.BigIntField()),
                ("currency", fields.CharField(max_length=3)),
                ("facts", fields.CharField(max_length=64)),
                ("needs_two", fields.BooleanField()),
                ("proposed_by", fields.CharField(max_length=200)),
                ("proposed_by_id", fields.UUIDField()),
                ("proposed_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
                ("confirmed_by", fields.CharField(null=True, max_length=200)),
                ("confirmed_by_id", fields.UUIDField(null=True)),
                ("started_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("ended_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("ended_by", fields.CharField(null=True, max_length=200)),
                ("ended_why", fields.CharField(null=True, max_length=500)),
            ],
            options={
                "table": "vat_write_offs",
                "app": "models",
                "pk_attr": "id",
                "table_description": "That a person gives the VAT of a refund up: it stands, or waits for a second "
                "person, until it has ended.",
            },
            bases=["Model"],
        ),
        ops.AddField(model_name="Finding", name="position", field=fields.BigIntField(null=True)),
        ops.AddField(model_name="Merchant", name="findings_position", field=fields.BigIntField(default=0)),
        ops.RunSQL(STATEMENTS),
        ops.RunSQL(CHANGES),
        ops.RunSQL(DAYS),
        ops.DeleteModel(name="BusinessDay"),
    ]
