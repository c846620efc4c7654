"""The work on findings: severity and due dates, who has one in hand, how it was resolved and by whom, what was done.

A finding that is opened again, whoever does it, loses how it was resolved; one whose resolution moved money is opened
again only after that was taken back.
"""

import functools
from json import dumps, loads
from typing import Any, Final

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

_compact = functools.partial(dumps, separators=(",", ":"))
CHECKS: Final = {
    "findings": {"findings_severity_known": "severity BETWEEN 1 AND 4"},
    "finding_events": {
        "finding_events_kind_known": "kind IN ('ASSIGNED', 'COMMENTED', 'ATTACHED', 'WAITING', 'PROPOSED', "
        "'RESOLVED', 'CONFIRMED', 'DECLINED', 'REOPENED')",
        "finding_events_file_attached": "(file_id IS NOT NULL) = (kind = 'ATTACHED')",
    },
    "finding_resolutions": {
        "finding_resolutions_reason_known": "reason IN ('WRITE_OFF', 'CORRECTED', 'CLAIMED_FROM_PSE', "
        "'DUPLICATE_OF', 'EXPLAINED', 'REFUND_OF_OURS', 'CHARGEBACK', 'FEE')",
        # Below zero: money of no payment that came.
        "finding_resolutions_tax_within": "tax BETWEEN 0 AND greatest(amount, 0) AND came >= 0",
        "finding_resolutions_explained_moves_nothing": "reason NOT IN ('EXPLAINED', 'DUPLICATE_OF') OR amount = 0",
        "finding_resolutions_other_finding": "(duplicate_of_id IS NOT NULL) = (reason = 'DUPLICATE_OF') "
        "AND duplicate_of_id IS DISTINCT FROM finding_id",
        "finding_resolutions_other_people": "confirmed_by_id <> proposed_by_id",
        "finding_resolutions_two_names": "lower(btrim(normalize(confirmed_by, NFKC))) <> "
        "lower(btrim(normalize(proposed_by, NFKC)))",
        "finding_resolutions_by_two": "NOT needs_two OR started_at IS NULL OR confirmed_by_id IS NOT NULL",
        "finding_resolutions_confirmed_whole": "num_nonnulls(confirmed_by, confirmed_by_id) IN (0, 2)",
    },
}
_PATH: Final = "SET search_path = pg_catalog, pg_temp"
_REOPENED: Final = f"""CREATE FUNCTION reopen_finding() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER {_PATH} AS $$
BEGIN
    IF EXISTS (SELECT FROM public.finding_resolutions r WHERE r.finding_id = NEW.id AND r.started_at IS NOT NULL
        AND r.ended_at IS NULL AND r.amount <> 0) THEN
        RAISE EXCEPTION 'finding % is opened again after the entry of its resolution was taken back', NEW.id
            USING ERRCODE = '23514', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
    END IF;
    UPDATE public.finding_resolutions SET ended_at = now(), ended_by = 'the books',
        ended_why = left(NEW.resolution, 500)
        WHERE finding_id = NEW.id AND ended_at IS NULL;
    NEW.reopened_at := now();
    NEW.reason := NULL;
    NEW.resolved_by := NULL;
    NEW.waiting_until := NULL;
    NEW.waiting_why := NULL;
    RETURN NEW;
END $$"""  # noqa: S608 - ours
STATEMENTS: Final = (
    "ALTER TABLE findings ALTER COLUMN severity SET DEFAULT 2",
    # A process of the version before says nothing of these.
    "ALTER TABLE findings ALTER COLUMN due_at SET DEFAULT now() + interval '7 days'",
    "UPDATE findings SET due_at = created_at + interval '7 days' WHERE due_at IS NULL",
    "ALTER TABLE finding_events ALTER COLUMN at SET DEFAULT now()",
    *(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({rule})"
        for table, rules in CHECKS.items()
        for name, rule in rules.items()
    ),
    "ALTER TABLE approval_rules DROP CONSTRAINT approval_rules_kind_known",
    "ALTER TABLE approval_rules ADD CONSTRAINT approval_rules_kind_known "
    "CHECK (kind IN ('APPROVAL', 'SETTLEMENT', 'FINDING', 'CAP'))",
    "CREATE UNIQUE INDEX findings_of_merchant ON findings (id, merchant_id)",
    *(
        f"ALTER TABLE {table} ADD CONSTRAINT {table}_finding_of_merchant FOREIGN KEY (finding_id, merchant_id) "
        "REFERENCES findings (id, merchant_id) ON DELETE RESTRICT"
        for table in ("finding_events", "finding_resolutions")
    ),
    "ALTER TABLE finding_resolutions ADD CONSTRAINT finding_resolutions_duplicate_of_merchant "
    "FOREIGN KEY (duplicate_of_id, merchant_id) REFERENCES findings (id, merchant_id) ON DELETE RESTRICT",
    "CREATE UNIQUE INDEX finding_resolutions_standing ON finding_resolutions (finding_id) WHERE ended_at IS NULL",
    # Lists of what is to be done: by what is due first, what weighs most, in whose hands it is, of which PSE.
    "CREATE INDEX findings_due ON findings (merchant_id, due_at, id) WHERE resolved_at IS NULL",
    "CREATE INDEX findings_severe ON findings (merchant_id, severity DESC, created_at, id) WHERE resolved_at IS NULL",
    "CREATE INDEX findings_in_hand ON findings (merchant_id, assignee_id, created_at, id) WHERE resolved_at IS NULL",
    "CREATE INDEX findings_of_connection ON findings (merchant_id, connection_id, created_at, id)",
    "CREATE INDEX findings_amount ON findings (merchant_id, currency, amount, id)",
    _REOPENED,
    "CREATE TRIGGER findings_reopened BEFORE UPDATE OF resolved_at ON findings FOR EACH ROW "
    "WHEN (OLD.resolved_at IS NOT NULL AND NEW.resolved_at IS NULL) EXECUTE FUNCTION reopen_finding()",
    "CREATE TRIGGER finding_events_no_change BEFORE UPDATE OR DELETE ON finding_events FOR EACH ROW "
    "EXECUTE FUNCTION refuse_change()",
    "CREATE TRIGGER finding_resolutions_no_delete BEFORE DELETE ON finding_resolutions FOR EACH ROW "
    "EXECUTE FUNCTION refuse_change()",
    *(
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT "
        "EXECUTE FUNCTION refuse_change()"
        for table in ("finding_events", "finding_resolutions")
    ),
)
_FINDING: Final[dict[str, Any]] = {
    "severity": fields.SmallIntField(default=2),
    "due_at": fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
    "waiting_until": fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
    "waiting_why": fields.CharField(null=True, max_length=500),
    "reopened_at": fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
    "assignee": fields.CharField(null=True, max_length=200),
    "assignee_id": fields.UUIDField(null=True),
    "reason": fields.CharField(null=True, max_length=24),
    "resolved_by": fields.CharField(null=True, max_length=200),
}


def _key(model: str, column: str, **more: Any) -> Any:
    return fields.ForeignKeyField(
        f"models.{model}",
        source_field=column,
        db_index=True,
        db_constraint=True,
        to_field="id",
        on_delete=OnDelete.RESTRICT,
        **more,
    )


class Migration(migrations.Migration):
    dependencies = [("models", "0043_booked")]

    initial = False

    operations = [
        *(ops.AddField(model_name="Finding", name=name, field=field) for name, field in _FINDING.items()),
        ops.CreateModel(
            name="FindingResolution",
            fields=[
                ("id", fields.UUIDField(primary_key=True, unique=True, db_index=True)),
                ("merchant", _key("Merchant", "merchant_id")),
                ("finding", _key("Finding", "finding_id", related_name="resolutions")),
                ("reason", fields.CharField(max_length=24)),
                ("note", fields.CharField(max_length=500)),
                ("account", fields.CharField(null=True, max_length=24)),
                ("amount", fields.BigIntField()),
                ("tax", fields.BigIntField()),
                ("came", fields.BigIntField(null=True)),
                ("currency", fields.CharField(max_length=3)),
                ("money_of", fields.TextField(null=True, unique=False)),
                ("duplicate_of", _key("Finding", "duplicate_of_id", null=True, related_name="duplicates")),
                ("facts", fields.CharField(max_length=64)),
                ("needs_two", fields.BooleanField()),
                ("proposed_by", fields.CharField(max_length=200)),
                ("proposed_by_id", fields.UUIDField()),
                ("proposed_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
                ("confirmed_by", fields.CharField(null=True, max_length=200)),
                ("confirmed_by_id", fields.UUIDField(null=True)),
                ("started_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("agreed_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("ended_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("ended_by", fields.CharField(null=True, max_length=200)),
                ("ended_why", fields.CharField(null=True, max_length=500)),
            ],
            options={
                "table": "finding_resolutions",
                "app": "models",
                "pk_attr": "id",
                "table_description": "What one person says became of a finding: "
                "it stands, or waits for a second person, until it has ended.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="FindingEvent",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("merchant", _key("Merchant", "merchant_id")),
                ("finding", _key("Finding", "finding_id", related_name="events")),
                ("kind", fields.CharField(max_length=16)),
                ("text", fields.CharField(null=True, max_length=2000)),
                ("file", _key("File", "file_id", null=True)),
                ("detail", fields.JSONField(encoder=_compact, decoder=loads)),
                ("actor", fields.CharField(max_length=200)),
                ("party", fields.UUIDField(null=True)),
                ("request_id", fields.CharField(max_length=64)),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
            ],
            options={
                "table": "finding_events",
                "app": "models",
                "pk_attr": "id",
                "table_description": "What was done with a finding: added, never changed.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(list(STATEMENTS)),
    ]
