"""News in the chain beside events and deeds: findings, nights, connections, what waits for a second person.

The database writes it where it becomes true, so no place forgets it; a refund's request writes no more than before.
"""

from typing import Any, Final

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

_DEFINER: Final = "RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$"
_COLUMNS: Final = "merchant_id, store_id, kind, subject_kind, subject_id, data"
# What is told of a finding `f`; its store is its payment's, or that of its refund's payment.
_FINDING: Final = """f.merchant_id, (SELECT p.store_id FROM public.payments p WHERE p.id = coalesce(f.payment_id,
    (SELECT r.payment_id FROM public.refunds r WHERE r.id = f.refund_id))), {kind}, 'finding', f.id::text,
  jsonb_build_object('findingKind', f.kind, 'severity', f.severity, 'amount', f.amount, 'currency', f.currency,
    'connectionId', f.connection_id, 'refundId', f.refund_id, 'paymentId', f.payment_id, 'dueAt', f.due_at)"""
_OPENED: Final = f"""CREATE FUNCTION tell_findings_opened() {_DEFINER}
BEGIN
    INSERT INTO public.news ({_COLUMNS})
        SELECT {_FINDING.format(kind="'finding.opened'")} FROM added f WHERE f.resolved_at IS NULL ORDER BY f.id;
    RETURN NULL;
END $$"""  # noqa: S608 - ours
_TURNED: Final = f"""CREATE FUNCTION tell_finding_turned() {_DEFINER}
BEGIN
    INSERT INTO public.news ({_COLUMNS})
        SELECT {_FINDING.format(kind="CASE WHEN f.resolved_at IS NULL THEN 'finding.reopened' ELSE 'finding.resolved' END")}
            || CASE WHEN f.resolved_at IS NULL THEN '{{}}'::jsonb ELSE jsonb_build_object('reason', f.reason,
              'byPerson', f.reason IS NOT NULL) END
        FROM (SELECT NEW.*) f;
    RETURN NULL;
END $$"""  # noqa: S608, E501 - ours
# A night that fails is tried again by the hour: what is so still is not told again. What a completed one says anew is.
_NIGHT: Final = f"""CREATE FUNCTION tell_night() {_DEFINER}
DECLARE
    told text := CASE
        WHEN NEW.state = 'COMPLETED' AND NEW.manifest @? '$.files[*] ? (@.proof == "CONTRADICTED")' THEN
            'night.contradicted'
        WHEN NEW.state = 'COMPLETED' THEN 'night.completed'
        WHEN NEW.state = 'NO_REPORT' THEN 'night.no_report'
        WHEN NEW.error LIKE 'late since %' THEN 'night.late'
        ELSE 'night.failed' END;
BEGIN
    IF NEW.state = 'COMPLETED' OR told IS DISTINCT FROM (SELECT n.kind FROM public.news n
            WHERE n.merchant_id = NEW.merchant_id AND n.subject_kind = 'night' AND n.subject_id = NEW.id::text
            ORDER BY n.id DESC LIMIT 1) THEN
        INSERT INTO public.news ({_COLUMNS}) VALUES (NEW.merchant_id, NULL, told, 'night', NEW.id::text,
            jsonb_build_object('connectionId', NEW.connection_id, 'businessDate', NEW.business_date,
                'times', NEW.times));
    END IF;
    RETURN NULL;
END $$"""  # noqa: S608 - ours
# One piece of news for each thing that has changed.
_CONNECTION: Final = f"""CREATE FUNCTION tell_connection() {_DEFINER}
BEGIN
    INSERT INTO public.news ({_COLUMNS})
        SELECT NEW.merchant_id, NULL, one.kind, 'connection', NEW.id::text,
            jsonb_build_object('pse', NEW.pse, 'state', NEW.state, 'previousState', OLD.state, 'since', one.since)
        FROM (VALUES
            (1, 'connection.state_changed', OLD.state IS DISTINCT FROM NEW.state, NULL),
            (2, 'connection.failing', OLD.refused_since IS NULL AND NEW.refused_since IS NOT NULL, NEW.refused_since),
            (2, 'connection.recovered', OLD.refused_since IS NOT NULL AND NEW.refused_since IS NULL, OLD.refused_since),
            (3, 'connection.down', OLD.down_since IS NULL AND NEW.down_since IS NOT NULL, NEW.down_since),
            (3, 'connection.up', OLD.down_since IS NOT NULL AND NEW.down_since IS NULL, OLD.down_since)
        ) AS one (place, kind, so, since) WHERE one.so ORDER BY one.place;
    RETURN NULL;
END $$"""  # noqa: S608 - ours
_WAITS: Final = f"""CREATE FUNCTION tell_waiting() {_DEFINER}
BEGIN
    INSERT INTO public.news ({_COLUMNS}) VALUES (NEW.merchant_id, NULL, 'approval.waiting', TG_ARGV[0], NEW.id::text,
        '{{}}'::jsonb);
    RETURN NULL;
END $$"""  # noqa: S608 - ours
# What waits for a second person, from when, and as what it is told. A refund that waits is its own event.
WAITING: Final = {
    "finding_resolutions": ("finding_resolution", "NEW.started_at IS NULL AND NEW.ended_at IS NULL"),
    "vat_write_offs": ("vat_write_off", "NEW.started_at IS NULL AND NEW.ended_at IS NULL"),
    "approval_rules": ("approval_rule", "NEW.started_at IS NULL AND NEW.ended_at IS NULL"),
    "doubt_verdicts": ("doubt_verdict", "NEW.confirmed_at IS NULL AND NEW.withdrawn_at IS NULL"),
    "settlement_proposals": ("settlement_proposal", "NEW.withdrawn_at IS NULL"),
    "period_closings": ("period_closing", "NEW.confirmed_at IS NULL AND NEW.withdrawn_at IS NULL"),
}
STATEMENTS: Final = [
    "ALTER TABLE news ADD COLUMN xact xid8 NOT NULL DEFAULT pg_current_xact_id()",
    "ALTER TABLE news ALTER COLUMN occurred_at SET DEFAULT now()",
    "CREATE INDEX news_xact ON news (xact, id)",
    "CREATE INDEX news_of_subject ON news (merchant_id, subject_kind, subject_id, id)",
    "ALTER TABLE news ADD CONSTRAINT news_kind_form CHECK (kind ~ '^[a-z]+[.][a-z_]+$')",
    "ALTER TABLE news ADD CONSTRAINT news_store_of_merchant FOREIGN KEY (store_id, merchant_id) "
    "REFERENCES stores (id, merchant_id) ON DELETE RESTRICT",
    # It counts as of the transaction that wrote it, whatever it says of itself.
    "CREATE TRIGGER news_stamp BEFORE INSERT ON news FOR EACH ROW EXECUTE FUNCTION stamp_deed()",
    "CREATE TRIGGER news_no_change BEFORE UPDATE OR DELETE ON news FOR EACH ROW EXECUTE FUNCTION refuse_change()",
    "CREATE TRIGGER news_no_truncate BEFORE TRUNCATE ON news FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
    "ALTER TABLE event_seals DROP CONSTRAINT event_seals_one_subject",
    "ALTER TABLE event_seals ADD CONSTRAINT event_seals_one_subject "
    "CHECK (num_nonnulls(event_id, deed_id, news_id) = 1)",
    "CREATE UNIQUE INDEX event_seals_news ON event_seals (news_id) WHERE news_id IS NOT NULL",
    _OPENED,
    _TURNED,
    _NIGHT,
    _CONNECTION,
    _WAITS,
    # Findings are opened in sets: so is what is told of them.
    "CREATE TRIGGER findings_tell_opened AFTER INSERT ON findings REFERENCING NEW TABLE AS added "
    "FOR EACH STATEMENT EXECUTE FUNCTION tell_findings_opened()",
    "CREATE TRIGGER findings_tell_turned AFTER UPDATE ON findings FOR EACH ROW "
    "WHEN ((OLD.resolved_at IS NULL) <> (NEW.resolved_at IS NULL)) EXECUTE FUNCTION tell_finding_turned()",
    "CREATE TRIGGER reconciliation_runs_tell AFTER UPDATE ON reconciliation_runs FOR EACH ROW "
    "WHEN (OLD.state IS DISTINCT FROM NEW.state AND NEW.state IN ('COMPLETED', 'NO_REPORT', 'FAILED')) "
    "EXECUTE FUNCTION tell_night()",
    "CREATE TRIGGER connections_tell AFTER UPDATE ON connections FOR EACH ROW "
    "WHEN (OLD.state IS DISTINCT FROM NEW.state OR (OLD.refused_since IS NULL) <> (NEW.refused_since IS NULL) "
    "OR (OLD.down_since IS NULL) <> (NEW.down_since IS NULL)) EXECUTE FUNCTION tell_connection()",
    *(
        f"CREATE TRIGGER {table}_tell_waiting AFTER INSERT ON {table} FOR EACH ROW WHEN ({rule}) "
        f"EXECUTE FUNCTION tell_waiting('{kind}')"
        for table, (kind, rule) in WAITING.items()
    ),
    "CREATE TRIGGER handed_reports_tell_waiting AFTER UPDATE ON handed_reports FOR EACH ROW "
    "WHEN (OLD.state <> 'PROPOSED' AND NEW.state = 'PROPOSED') EXECUTE FUNCTION tell_waiting('handed_report')",
]
_NEWS: Final[list[tuple[str, Any]]] = [
    ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
    (
        "merchant",
        fields.ForeignKeyField(
            "models.Merchant",
            source_field="merchant_id",
            db_index=False,
            db_constraint=True,
            to_field="id",
            on_delete=OnDelete.RESTRICT,
        ),
    ),
    ("store_id", fields.UUIDField(null=True)),
    ("kind", fields.CharField(max_length=64)),
    ("subject_kind", fields.CharField(max_length=32)),
    ("subject_id", fields.CharField(max_length=100)),
    ("data", fields.JSONField()),
    ("occurred_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
]


class Migration(migrations.Migration):
    """A table, a third kind of seal, and what writes the news."""

    dependencies = [("models", "0057_payout_told")]

    initial = False

    operations = [
        ops.CreateModel(
            name="News",
            fields=_NEWS,
            options={
                "table": "news",
                "app": "models",
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.AddField(model_name="EventSeal", name="news_id", field=fields.BigIntField(null=True)),
        ops.AddField(
            model_name="Connection",
            name="down_since",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.RunSQL(list(STATEMENTS)),
    ]
