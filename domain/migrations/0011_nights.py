"""Nights that fail stay due and are seen; what reports call things is kept whole; who is one person is compared."""

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

# A PSE's own names for things are identities: a cut one is another one's.
KEPT_WHOLE = {
    "settlement_lines": {
        "payment_reference": True,
        "payment_alias": True,
        "order_reference": True,
        "reference": True,
        "pse_refund_reference": True,
        "payout_reference": True,
        "kind": True,
    },
    "findings": {"fingerprint": False, "explanation": False},
    "reconciliation_runs": {"error": True},
    "ledger_entries": {"cause": False},
}
_MODELS = {
    "settlement_lines": "SettlementLine",
    "findings": "Finding",
    "reconciliation_runs": "ReconciliationRun",
    "ledger_entries": "LedgerEntry",
}
_PERSON = (
    r"btrim(lower(normalize({}, NFKC)))"  # domain/access/tokens.person_of knows more; this is the database's own floor
)
STATEMENTS = [
    "ALTER TABLE reconciliation_runs ALTER COLUMN failures SET DEFAULT 0",
    "CREATE INDEX report_news_of_report ON report_news (connection_id, name)",
    "ALTER TABLE report_news ADD CONSTRAINT report_news_known CHECK (what IN ('ANNOUNCED', 'FETCHED', 'FAILED'))",
    "CREATE TRIGGER report_news_no_change BEFORE UPDATE OR DELETE ON report_news "
    "FOR EACH ROW EXECUTE FUNCTION refuse_change()",
    "CREATE TRIGGER report_news_no_truncate BEFORE TRUNCATE ON report_news "
    "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
    # What was decided before this rule stays as it is.
    "ALTER TABLE approvals DROP CONSTRAINT approvals_four_eyes",
    "ALTER TABLE approvals ADD CONSTRAINT approvals_four_eyes CHECK ("
    f"{_PERSON.format('decided_by')} <> {_PERSON.format('requested_by')} "
    f"AND {_PERSON.format('decided_by')} <> {_PERSON.format('provided_by')}) NOT VALID",
    "ALTER TABLE doubt_verdicts DROP CONSTRAINT doubt_verdicts_four_eyes",
    "ALTER TABLE doubt_verdicts ADD CONSTRAINT doubt_verdicts_four_eyes CHECK ("
    f"{_PERSON.format('confirmed_by')} <> {_PERSON.format('proposed_by')}) NOT VALID",
]


class Migration(migrations.Migration):
    dependencies = [("models", "0010_told")]

    initial = False

    operations = [
        *(
            ops.AlterField(model_name=_MODELS[table], name=name, field=fields.TextField(null=null, unique=False))
            for table, columns in KEPT_WHOLE.items()
            for name, null in columns.items()
        ),
        ops.AddField(
            model_name="ReconciliationRun",
            name="due_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(model_name="ReconciliationRun", name="failures", field=fields.IntField(default=0)),
        ops.CreateModel(
            name="ReportNews",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "connection",
                    fields.ForeignKeyField(
                        "models.Connection",
                        source_field="connection_id",
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("name", fields.CharField(max_length=200)),
                ("what", fields.CharField(max_length=16)),
                ("said", fields.TextField(null=True, unique=False)),
                ("run_id", fields.UUIDField(null=True)),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "report_news",
                "app": "models",
                "pk_attr": "id",
                "table_description": "What became of a report to be fetched: announced again, fetched, or not.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(list(STATEMENTS)),
    ]
