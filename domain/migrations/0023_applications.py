"""How an account at a PSE comes to life: documents, steps, and the files that people hand in."""

from enum import StrEnum

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

# The words, kept here: a migration does not change with the code.
Purpose = StrEnum("Purpose", [("ONBOARDING_DOCUMENT", "ONBOARDING_DOCUMENT")])
_KINDS = ("BUSINESS_LICENCE", "LEGAL_REPRESENTATIVE_ID", "BANK_PROOF", "ADMISSION_NOTICE", "SERVICE_AGREEMENT")
DocumentKind = StrEnum("DocumentKind", [(word, word) for word in _KINDS])
_STATES = ("DRAFT", "SUBMITTED", "UNDER_REVIEW", "SANDBOX", "CERTIFIED", "ACTIVE", "SUSPENDED", "REJECTED")
ConnectionState = StrEnum("ConnectionState", [(word, word) for word in _STATES])


def _told(words: type[StrEnum]) -> str:
    return "\n".join(f"{word}: {word}" for word in words)


_IN = ", ".join(f"'{word}'" for word in _STATES)
STATEMENTS = [
    # The version before knows no state: what it makes is an account that works, as all were.
    "ALTER TABLE connections ALTER COLUMN state SET DEFAULT 'ACTIVE'",
    f"ALTER TABLE connections ADD CONSTRAINT connections_state_known CHECK (state IN ({_IN}))",
    "ALTER TABLE connections ADD CONSTRAINT connections_four_eyes CHECK (reviewed_by <> submitted_by)",
    "ALTER TABLE files ADD CONSTRAINT files_size_positive CHECK (size > 0)",
    "ALTER TABLE files ADD CONSTRAINT files_sha256_form CHECK (sha256 ~ '^[0-9a-f]{64}$')",
    "CREATE UNIQUE INDEX onboarding_documents_current ON onboarding_documents (connection_id, kind) "
    "WHERE superseded_at IS NULL",
    "CREATE TRIGGER onboarding_steps_no_change BEFORE UPDATE OR DELETE ON onboarding_steps "
    "FOR EACH ROW EXECUTE FUNCTION refuse_change()",
    *(
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        for table in ("files", "onboarding_documents")
    ),
    *(
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        for table in ("files", "onboarding_documents", "onboarding_steps")
    ),
]


class Migration(migrations.Migration):
    dependencies = [("models", "0022_preflight")]

    initial = False

    operations = [
        ops.CreateModel(
            name="File",
            fields=[
                ("id", fields.UUIDField(primary_key=True, unique=True, db_index=True)),
                (
                    "merchant",
                    fields.ForeignKeyField(
                        "models.Merchant",
                        source_field="merchant_id",
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("purpose", fields.CharEnumField(description=_told(Purpose), enum_type=Purpose, max_length=32)),
                ("name", fields.CharField(max_length=200)),
                ("size", fields.BigIntField()),
                ("sha256", fields.CharField(max_length=64)),
                ("media_type", fields.CharField(null=True, max_length=64)),
                ("ticket_digest", fields.CharField(unique=True, max_length=64)),
                ("ticket_until", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("created_by", fields.CharField(max_length=200)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
                ("stored_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("sealed_key", fields.BinaryField()),
            ],
            options={"table": "files", "app": "models", "pk_attr": "id"},
            bases=["Model"],
        ),
        ops.CreateModel(
            name="OnboardingDocument",
            fields=[
                ("id", fields.UUIDField(primary_key=True, unique=True, db_index=True)),
                (
                    "connection",
                    fields.ForeignKeyField(
                        "models.Connection",
                        source_field="connection_id",
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("kind", fields.CharEnumField(description=_told(DocumentKind), enum_type=DocumentKind, max_length=32)),
                (
                    "file",
                    fields.ForeignKeyField(
                        "models.File",
                        source_field="file_id",
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("created_by", fields.CharField(max_length=200)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
                ("superseded_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={"table": "onboarding_documents", "app": "models", "pk_attr": "id"},
            bases=["Model"],
        ),
        ops.CreateModel(
            name="OnboardingStep",
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
                ("sequence", fields.IntField()),
                (
                    "from_state",
                    fields.CharEnumField(description=_told(ConnectionState), enum_type=ConnectionState, max_length=16),
                ),
                (
                    "to_state",
                    fields.CharEnumField(description=_told(ConnectionState), enum_type=ConnectionState, max_length=16),
                ),
                ("actor", fields.CharField(max_length=200)),
                ("comment", fields.CharField(null=True, max_length=1000)),
                ("request_id", fields.CharField(max_length=64)),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
            ],
            options={
                "table": "onboarding_steps",
                "app": "models",
                "unique_together": (("connection_id", "sequence"),),
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.AddField(
            model_name="Connection",
            name="reviewed_by",
            field=fields.CharField(null=True, max_length=200),
        ),
        ops.AddField(
            model_name="Connection",
            name="state",
            field=fields.CharEnumField(
                default=ConnectionState.ACTIVE,
                description=_told(ConnectionState),
                enum_type=ConnectionState,
                max_length=16,
            ),
        ),
        ops.AddField(
            model_name="Connection",
            name="submitted_by",
            field=fields.CharField(null=True, max_length=200),
        ),
        ops.RunSQL(STATEMENTS),
    ]
