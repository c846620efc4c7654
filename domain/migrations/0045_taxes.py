"""VAT of refunds: reversals, tax documents and what of them is of which refund, tax places, business days."""

import functools
from collections.abc import Sequence
from enum import StrEnum
from json import dumps, loads
from typing import Any, Final
from uuid import uuid4

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

# The words, kept here: a migration does not change with the code.
_REVERSALSTATE: Final = ("NEEDED", "NEEDS_REVIEW", "DOCUMENTED", "DECLARED", "NOT_RECOVERABLE", "UNDONE")
_REFUNDCAUSE: Final = ("RETURN_OF_GOODS", "DISCOUNT", "BILLING_ERROR", "CANCELLATION")
_TAXREGIME: Final = ("LOCAL", "SIMPLIFIED", "PLATFORM", "NOT_OURS")
_BOOKED: Final = ("NOTHING", "DOCUMENTED", "LOST")


def _words(name: str, words: Sequence[str], length: int, **more: Any) -> Any:
    enum: Any = StrEnum(name, [(word, word) for word in words])  # type: ignore[misc]
    return fields.CharEnumField(
        description="\n".join(f"{word}: {word}" for word in words), enum_type=enum, max_length=length, **more
    )


CHECKS = {
    "vat_reversals": {
        "vat_reversals_amount_positive": "amount > 0",
        "vat_reversals_state_known": "state IN ('NEEDED', 'NEEDS_REVIEW', 'DOCUMENTED', 'DECLARED', 'NOT_RECOVERABLE', "
        "'UNDONE')",
        "vat_reversals_booked_known": "booked IN ('NOTHING', 'DOCUMENTED', 'LOST')",
        # What a state says stands in the ledger, and the other way round; a review can be of either.
        "vat_reversals_booked_as_said": "CASE state WHEN 'DOCUMENTED' THEN booked = 'DOCUMENTED' "
        "WHEN 'DECLARED' THEN booked = 'DOCUMENTED' WHEN 'NOT_RECOVERABLE' THEN booked = 'LOST' "
        "WHEN 'NEEDS_REVIEW' THEN booked <> 'LOST' ELSE booked = 'NOTHING' END",
        "vat_reversals_documented_whole": "booked <> 'DOCUMENTED' OR (document_number IS NOT NULL AND "
        "document_on IS NOT NULL)",
        "vat_reversals_declared_whole": "state <> 'DECLARED' OR period IS NOT NULL",
        "vat_reversals_review_has_reason": "(state = 'NEEDS_REVIEW') = (reason IS NOT NULL)",
        "vat_reversals_period_form": "period ~ '^[0-9]{4}-(0[1-9]|1[0-2])$'",
        "vat_reversals_regime_known": "regime IN ('LOCAL', 'SIMPLIFIED', 'PLATFORM', 'NOT_OURS')",
    },
    "tax_documents": {
        "tax_documents_total_positive": "total > 0",
        "tax_documents_tax_within": "tax BETWEEN 0 AND total",
        "tax_documents_ended_whole": "(ended_at IS NULL) = (ended_because IS NULL)",
        "tax_documents_ended_known": "ended_because IN ('CANCELED', 'REVISED')",
    },
    "tax_document_shares": {"tax_document_shares_within": "amount > 0 AND tax BETWEEN 0 AND amount"},
    "tax_places": {
        "tax_places_of_one": "store_id IS NULL OR connection_id IS NULL",
        "tax_places_regime_known": "regime IN ('LOCAL', 'SIMPLIFIED', 'PLATFORM', 'NOT_OURS')",
    },
}


def named(column: str) -> str:
    """A document's name in one spelling: capitals, one dash between the parts, no zeros before a number."""
    return (
        f"regexp_replace(btrim(regexp_replace(upper({column}), '[^0-9A-Z]+', '-', 'g'), '-'), "
        "'(^|-)0+(?=[0-9])', '\\1', 'g')"
    )


KEPT = (
    "vat_reversals", "tax_documents", "tax_document_shares", "tax_cancellations", "tax_places", "business_days"
)  # fmt: skip
STATEMENTS = [
    *(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({rule})"
        for table, rules in CHECKS.items()
        for name, rule in rules.items()
    ),
    "ALTER TABLE vat_reversals ADD CONSTRAINT vat_reversals_refund_of_payment FOREIGN KEY (refund_id, payment_id) "
    "REFERENCES refunds (id, payment_id) ON DELETE RESTRICT",
    "ALTER TABLE vat_reversals ADD CONSTRAINT vat_reversals_like_their_payment FOREIGN KEY (payment_id, merchant_id, "
    "connection_id, currency) REFERENCES payments (id, merchant_id, connection_id, currency) ON DELETE RESTRICT",
    *(
        f"ALTER TABLE {table} ADD CONSTRAINT {table}_store_of_merchant FOREIGN KEY (store_id, merchant_id) "
        "REFERENCES stores (id, merchant_id) ON DELETE RESTRICT"
        for table in ("vat_reversals", "tax_places")
    ),
    "ALTER TABLE tax_places ADD CONSTRAINT tax_places_connection_of_merchant FOREIGN KEY (connection_id, merchant_id) "
    "REFERENCES connections (id, merchant_id) ON DELETE RESTRICT",
    "CREATE INDEX vat_reversals_open ON vat_reversals (merchant_id, due_on) WHERE state IN ('NEEDED', 'NEEDS_REVIEW')",
    "CREATE UNIQUE INDEX tax_documents_current ON tax_documents (merchant_id, name) WHERE ended_at IS NULL",
    "CREATE UNIQUE INDEX tax_cancellations_once ON tax_cancellations (merchant_id, name)",
    "CREATE INDEX tax_documents_unmatched ON tax_documents (merchant_id) "
    "WHERE ended_at IS NULL AND problem IS NOT NULL",
    "CREATE UNIQUE INDEX tax_document_shares_current ON tax_document_shares (document_id, reversal_id) "
    "WHERE voided_at IS NULL",
    "CREATE UNIQUE INDEX tax_places_current ON tax_places (merchant_id, store_id, connection_id) NULLS NOT DISTINCT "
    "WHERE ended_at IS NULL",
    "CREATE UNIQUE INDEX business_days_current ON business_days (merchant_id, country, day) WHERE ended_at IS NULL",
    f"CREATE INDEX payments_by_tax_document ON payments (merchant_id, ({named('tax_document')})) "
    "WHERE tax_document IS NOT NULL",
    f"CREATE INDEX vat_reversals_by_document ON vat_reversals (merchant_id, ({named('document_number')})) "
    "WHERE booked = 'DOCUMENTED'",
    *(
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        for table in KEPT
    ),
    *(
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        for table in KEPT
    ),
]


class Migration(migrations.Migration):
    dependencies = [("models", "0044_findings")]

    initial = False

    operations = [
        ops.CreateModel(
            name="BusinessDay",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
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
                ("country", fields.CharField(max_length=2)),
                ("day", fields.DateField()),
                ("works", fields.BooleanField()),
                ("why", fields.CharField(max_length=200)),
                ("set_by", fields.CharField(max_length=200)),
                ("set_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
                ("ended_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "business_days",
                "app": "models",
                "pk_attr": "id",
                "table_description": "What a merchant says of one day of a country, whatever the calendar has: decrees "
                "come in the middle of a year.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="TaxCancellation",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
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
                (
                    "file",
                    fields.ForeignKeyField(
                        "models.File",
                        source_field="file_id",
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("name", fields.CharField(max_length=160)),
                ("imported_by", fields.CharField(max_length=200)),
                ("made_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
            ],
            options={
                "table": "tax_cancellations",
                "app": "models",
                "pk_attr": "id",
                "table_description": "That a document is canceled which was not handed in yet: if it comes, it takes "
                "nothing back.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="TaxDocument",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
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
                (
                    "file",
                    fields.ForeignKeyField(
                        "models.File",
                        source_field="file_id",
                        null=True,
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("country", fields.CharField(max_length=2)),
                ("kind", fields.CharField(max_length=16)),
                ("name", fields.CharField(max_length=160)),
                ("number", fields.CharField(max_length=100)),
                ("issued_on", fields.DateField()),
                ("issuer", fields.CharField(null=True, max_length=32)),
                ("currency", fields.CharField(max_length=3)),
                ("total", fields.BigIntField()),
                ("tax", fields.BigIntField()),
                ("originals", fields.JSONField(encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads)),
                ("refund_reference", fields.CharField(null=True, max_length=20)),
                (
                    "cause",
                    _words("RefundCause", _REFUNDCAUSE, 16, null=True),
                ),
                ("facts", fields.CharField(max_length=64)),
                ("checked", fields.JSONField(encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads)),
                ("problem", fields.CharField(null=True, max_length=500)),
                ("imported_by", fields.CharField(max_length=200)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
                ("ended_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("ended_because", fields.CharField(null=True, max_length=16)),
            ],
            options={
                "table": "tax_documents",
                "app": "models",
                "indexes": [Index(fields=["merchant_id", "created_at", "id"])],
                "pk_attr": "id",
                "table_description": "A tax document that takes VAT back (or gives it again): one version of it. Its "
                "facts never change.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="TaxPlace",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
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
                ("store_id", fields.UUIDField(null=True)),
                ("connection_id", fields.UUIDField(null=True)),
                ("country", fields.CharField(max_length=2)),
                (
                    "regime",
                    _words("TaxRegime", _TAXREGIME, 16),
                ),
                ("set_by", fields.CharField(max_length=200)),
                ("set_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
                ("ended_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "tax_places",
                "app": "models",
                "pk_attr": "id",
                "table_description": "Where the sales of a store, of a connection, or of all of a merchant are taxed, "
                "and who declares them.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="VatReversal",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
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
                (
                    "refund",
                    fields.OneToOneField(
                        "models.Refund",
                        source_field="refund_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="vat_reversal",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "payment",
                    fields.ForeignKeyField(
                        "models.Payment",
                        source_field="payment_id",
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
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
                (
                    "store",
                    fields.ForeignKeyField(
                        "models.Store",
                        source_field="store_id",
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("amount", fields.BigIntField()),
                ("currency", fields.CharField(max_length=3)),
                ("country", fields.CharField(max_length=2)),
                (
                    "regime",
                    _words("TaxRegime", _TAXREGIME, 16),
                ),
                (
                    "state",
                    _words("ReversalState", _REVERSALSTATE, 16),
                ),
                ("reason", fields.CharField(null=True, max_length=32)),
                (
                    "booked",
                    _words("Booked", _BOOKED, 16, default="NOTHING"),
                ),
                ("sequence", fields.IntField(default=0)),
                ("rule_id", fields.CharField(null=True, max_length=40)),
                ("rules_version", fields.CharField(max_length=40)),
                ("sold_on", fields.DateField()),
                ("asked_on", fields.DateField()),
                ("paid_on", fields.DateField()),
                ("event_on", fields.DateField(null=True)),
                ("delivered_on", fields.DateField(null=True)),
                (
                    "cause",
                    _words("RefundCause", _REFUNDCAUSE, 16, null=True),
                ),
                ("buyer_identified", fields.BooleanField(null=True)),
                ("due_on", fields.DateField(null=True)),
                ("document_number", fields.CharField(null=True, max_length=100)),
                ("document_on", fields.DateField(null=True)),
                ("period", fields.CharField(null=True, max_length=7)),
                ("note", fields.CharField(null=True, max_length=500)),
                ("decided_by", fields.CharField(null=True, max_length=200)),
                ("settled_on", fields.DateField(null=True)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
                ("updated_at", fields.DatetimeField(auto_now=True, auto_now_add=False)),
            ],
            options={
                "table": "vat_reversals",
                "app": "models",
                "indexes": [Index(fields=["merchant_id", "created_at", "id"])],
                "pk_attr": "id",
                "table_description": "The VAT of one refund that has left. Whose, of which refund and how much is "
                "for life.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="TaxDocumentShare",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
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
                (
                    "document",
                    fields.ForeignKeyField(
                        "models.TaxDocument",
                        source_field="document_id",
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="shares",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "reversal",
                    fields.ForeignKeyField(
                        "models.VatReversal",
                        source_field="reversal_id",
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="shares",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("amount", fields.BigIntField()),
                ("tax", fields.BigIntField()),
                ("made_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
                ("voided_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "tax_document_shares",
                "app": "models",
                "pk_attr": "id",
                "table_description": "How much of a document is of one reversal's refund. Both in minor units.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(list(STATEMENTS)),
    ]
