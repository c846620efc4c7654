"""Deeds of four eyes are compared by who answers for them; rules, needs, delegations, caps, and settling by two.

What is older has no such ids and is compared by name, as before.
"""

import functools
from json import dumps, loads
from uuid import uuid4

from tortoise import fields, migrations
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

_compact = functools.partial(dumps, separators=(",", ":"))
CHECKS = {
    "approvals": {
        "approvals_other_people": "decided_by_id <> requested_by_id AND decided_by_id <> provided_by_id",
        "approvals_other_lenders": "delegated_by_id <> requested_by_id AND delegated_by_id <> provided_by_id "
        "AND delegated_by_id <> decided_by_id",
        "approvals_not_involved": "NOT (decided_by_id = ANY (involved_ids)) AND NOT (delegated_by_id = ANY "
        "(involved_ids))",
        "approvals_lender_whole": "(delegated_by IS NULL) = (delegated_by_id IS NULL)",
    },
    "doubt_verdicts": {"doubt_verdicts_other_people": "confirmed_by_id <> proposed_by_id"},
    "manual_settlements": {
        "manual_settlements_other_people": "confirmed_by_id <> settled_by_id",
        "manual_settlements_two_names": "lower(btrim(normalize(confirmed_by, NFKC))) <> "
        "lower(btrim(normalize(settled_by, NFKC)))",
    },
    "transfer_returns": {"transfer_returns_other_people": "returned_by_id <> settled_by_id"},
    "destinations": {"destinations_whose_word_known": "whose_word IN ('STAFF', 'CUSTOMER')"},
    "approval_rules": {
        "approval_rules_kind_known": "kind IN ('APPROVAL', 'SETTLEMENT', 'CAP')",
        "approval_rules_other_people": "confirmed_by_id <> proposed_by_id",
        "approval_rules_loosened_by_two": "NOT loosens OR started_at IS NULL OR confirmed_by_id IS NOT NULL",
    },
    "approval_delegations": {
        "approval_delegations_other_person": "from_id <> to_id",
        "approval_delegations_end": "ends_at > starts_at",
    },
    "approval_needs": {"approval_needs_amount_positive": "amount > 0"},
    "settlement_proposals": {},
}
OF_REFUNDS = ("approval_needs", "settlement_proposals", "transfer_returns")
KEPT = ("approval_rules", "approval_needs", "approval_delegations", "settlement_proposals")
# A copy that somebody wrote wrong proves nothing: who asked, named the account or made the link is read at its place.
_FUNCTION = """
CREATE FUNCTION refuse_own_approval() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM public.refunds WHERE id = NEW.refund_id
           AND requested_by_id IN (NEW.decided_by_id, NEW.delegated_by_id))
       OR EXISTS (SELECT 1 FROM public.destinations WHERE refund_id = NEW.refund_id AND superseded_at IS NULL
           AND provided_by_id IN (NEW.decided_by_id, NEW.delegated_by_id))
       OR EXISTS (SELECT 1 FROM public.destination_links WHERE refund_id = NEW.refund_id
           AND created_by_id IN (NEW.decided_by_id, NEW.delegated_by_id)) THEN
        RAISE EXCEPTION 'refund % is decided on by another person than those who have a part in it', NEW.refund_id
            USING ERRCODE = '23514', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$
"""
# Whatever the code believes: what needs somebody's yes is not cleared to go without it.
_UNMET = """
CREATE FUNCTION refuse_unapproved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM public.approval_needs WHERE refund_id = NEW.id AND ended_at IS NULL AND met_at IS NULL)
    THEN
        RAISE EXCEPTION 'refund % is not cleared to go: what it needs is not met', NEW.id
            USING ERRCODE = '23514', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$
"""
_COUNTERS = """
CREATE TABLE velocity_counters (
    merchant_id uuid NOT NULL REFERENCES merchants (id) ON DELETE RESTRICT,
    cap varchar(64) NOT NULL,
    subject varchar(200) NOT NULL,
    day date NOT NULL,
    currency varchar(3) NOT NULL,
    amount bigint NOT NULL CONSTRAINT velocity_counters_amount_not_negative CHECK (amount >= 0),
    times int NOT NULL,
    PRIMARY KEY (merchant_id, cap, subject, day, currency))
"""
# Who made a token is told by its row: a customer's names the token or the person, a program's the person's address.
PARTIES = (
    "UPDATE tokens t SET party_id = p.id FROM people p WHERE t.kind = 'SERVICE' AND p.merchant_id = t.merchant_id "
    "AND t.created_by LIKE '%>' AND lower(p.email) = lower(rtrim(split_part(t.created_by, ' <', "
    "array_length(string_to_array(t.created_by, ' <'), 1)), '>'))",
    "UPDATE tokens t SET party_id = coalesce((SELECT m.party_id FROM tokens m WHERE m.id = t.maker_id), t.maker_id) "
    "WHERE t.kind = 'CUSTOMER' AND t.maker_id IS NOT NULL",
)
STATEMENTS = [
    "ALTER TABLE merchants ALTER COLUMN rules_version SET DEFAULT 0",
    *(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({rule})"
        for table, rules in CHECKS.items()
        for name, rule in rules.items()
    ),
    *(
        f"ALTER TABLE {table} ADD CONSTRAINT {table}_refund_of_merchant FOREIGN KEY (refund_id, merchant_id) "
        "REFERENCES refunds (id, merchant_id) ON DELETE RESTRICT"
        for table in OF_REFUNDS
    ),
    "CREATE UNIQUE INDEX approval_rules_standing ON approval_rules (merchant_id, kind, name) "
    "WHERE started_at IS NOT NULL AND ended_at IS NULL",
    "CREATE UNIQUE INDEX approval_rules_proposed ON approval_rules (merchant_id, kind, name) "
    "WHERE started_at IS NULL AND ended_at IS NULL",
    "CREATE UNIQUE INDEX approval_needs_current ON approval_needs (refund_id) WHERE ended_at IS NULL",
    "CREATE INDEX approval_needs_open ON approval_needs (merchant_id) WHERE ended_at IS NULL AND met_at IS NULL",
    # Twice the same person is one yes, whatever two requests of theirs do at once.
    "CREATE UNIQUE INDEX approvals_once ON approvals (needs_id, decided_by_id) WHERE decision = 'YES'",
    "CREATE UNIQUE INDEX settlement_proposals_open ON settlement_proposals (refund_id) WHERE withdrawn_at IS NULL",
    "CREATE INDEX approval_delegations_to ON approval_delegations (to_id) WHERE revoked_at IS NULL",
    _FUNCTION,
    _UNMET,
    "CREATE TRIGGER refunds_cleared BEFORE UPDATE OF state ON refunds FOR EACH ROW "
    "WHEN (NEW.state = 'REQUESTED' AND OLD.state IN ('AWAITING_APPROVAL', 'AWAITING_DESTINATION')) "
    "EXECUTE FUNCTION refuse_unapproved()",
    "CREATE TRIGGER approvals_other_eyes BEFORE INSERT ON approvals FOR EACH ROW "
    "EXECUTE FUNCTION refuse_own_approval()",
    *(
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        for table in KEPT
    ),
    "CREATE TRIGGER transfer_returns_no_change BEFORE UPDATE OR DELETE ON transfer_returns "
    "FOR EACH ROW EXECUTE FUNCTION refuse_change()",
    *(
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        for table in (*KEPT, "transfer_returns")
    ),
    _COUNTERS,
    *PARTIES,
]


class Migration(migrations.Migration):
    dependencies = [("models", "0026_ends")]

    initial = False

    operations = [
        ops.CreateModel(
            name="ApprovalNeeds",
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
                    fields.ForeignKeyField(
                        "models.Refund",
                        source_field="refund_id",
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("amount", fields.BigIntField()),
                ("currency", fields.CharField(max_length=3)),
                ("fingerprint", fields.CharField(null=True, max_length=64)),
                ("needs", fields.JSONField(encoder=_compact, decoder=loads)),
                ("open_words", ArrayField(element_type="TEXT")),
                ("barred_ids", ArrayField(element_type="UUID")),
                ("made_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
                ("until", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("met_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("ended_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "approval_needs",
                "app": "models",
                "pk_attr": "id",
                "table_description": "What a refund of this amount, to this destination, needs. "
                "Another destination ends it.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="ApprovalRule",
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
                ("kind", fields.CharField(max_length=16)),
                ("name", fields.CharField(max_length=64)),
                ("body", fields.JSONField(null=True, encoder=_compact, decoder=loads)),
                ("loosens", fields.BooleanField()),
                ("replaces_id", fields.UUIDField(null=True)),
                ("proposed_by", fields.CharField(max_length=200)),
                ("proposed_by_id", fields.UUIDField()),
                ("proposed_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
                ("confirmed_by", fields.CharField(null=True, max_length=200)),
                ("confirmed_by_id", fields.UUIDField(null=True)),
                ("started_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("ended_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("ended_by", fields.CharField(null=True, max_length=200)),
            ],
            options={
                "table": "approval_rules",
                "app": "models",
                "pk_attr": "id",
                "table_description": "A merchant's own rule or cap. "
                "A changed one is a new row; what loosens waits for a second yes.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Delegation",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
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
                ("from_id", fields.UUIDField()),
                ("from_name", fields.CharField(max_length=200)),
                ("to_id", fields.UUIDField()),
                ("to_name", fields.CharField(max_length=200)),
                ("starts_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("ends_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("made_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
                ("revoked_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("revoked_by", fields.CharField(null=True, max_length=200)),
            ],
            options={
                "table": "approval_delegations",
                "app": "models",
                "pk_attr": "id",
                "table_description": "One person's right to approve, lent to another for a time. It is never lent on.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="SettlementProposal",
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
                    fields.ForeignKeyField(
                        "models.Refund",
                        source_field="refund_id",
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("taken_at_sequence", fields.IntField()),
                ("way", fields.CharField(max_length=16)),
                ("reference", fields.CharField(max_length=100)),
                ("paid_on", fields.DateField()),
                ("file_name", fields.CharField(max_length=200)),
                ("file_type", fields.CharField(max_length=40)),
                ("file_digest", fields.CharField(max_length=64)),
                ("file_content", fields.BinaryField()),
                ("proposed_by", fields.CharField(max_length=200)),
                ("proposed_by_id", fields.UUIDField()),
                ("proposed_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
                ("withdrawn_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "settlement_proposals",
                "app": "models",
                "pk_attr": "id",
                "table_description": "What one person says was paid by hand, above the limit.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="TransferReturn",
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
                        related_name="transfer_return",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("settled_by_id", fields.UUIDField(null=True)),
                ("returned_by", fields.CharField(max_length=200)),
                ("returned_by_id", fields.UUIDField(null=True)),
                ("why", fields.CharField(max_length=500)),
                ("returned_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
            ],
            options={
                "table": "transfer_returns",
                "app": "models",
                "pk_attr": "id",
                "table_description": "That the bank gave back a transfer: said by another person than who settled it.",
            },
            bases=["Model"],
        ),
        ops.AlterField(
            model_name="Approval",
            name="fingerprint",
            field=fields.CharField(null=True, max_length=64),
        ),
        ops.AlterField(
            model_name="Approval",
            name="provided_by",
            field=fields.CharField(null=True, max_length=200),
        ),
        ops.AddField(
            model_name="Approval",
            name="amount",
            field=fields.BigIntField(null=True),
        ),
        ops.AddField(
            model_name="Approval",
            name="counts_as",
            field=ArrayField(null=True, element_type="TEXT"),
        ),
        ops.AddField(
            model_name="Approval",
            name="currency",
            field=fields.CharField(null=True, max_length=3),
        ),
        ops.AddField(
            model_name="Approval",
            name="decided_by_id",
            field=fields.UUIDField(null=True),
        ),
        ops.AddField(
            model_name="Approval",
            name="delegated_by",
            field=fields.CharField(null=True, max_length=200),
        ),
        ops.AddField(
            model_name="Approval",
            name="delegated_by_id",
            field=fields.UUIDField(null=True),
        ),
        ops.AddField(
            model_name="Approval",
            name="involved_ids",
            field=ArrayField(null=True, element_type="UUID"),
        ),
        ops.AddField(
            model_name="Approval",
            name="needs_id",
            field=fields.UUIDField(null=True),
        ),
        ops.AddField(
            model_name="Approval",
            name="provided_by_id",
            field=fields.UUIDField(null=True),
        ),
        ops.AddField(
            model_name="Approval",
            name="requested_by_id",
            field=fields.UUIDField(null=True),
        ),
        ops.AddField(
            model_name="Destination",
            name="provided_by_id",
            field=fields.UUIDField(null=True),
        ),
        ops.AddField(
            model_name="Destination",
            name="whose_word",
            field=fields.CharField(null=True, max_length=8),
        ),
        ops.AddField(
            model_name="DestinationLink",
            name="created_by_id",
            field=fields.UUIDField(null=True),
        ),
        ops.AddField(
            model_name="DoubtVerdict",
            name="confirmed_by_id",
            field=fields.UUIDField(null=True),
        ),
        ops.AddField(
            model_name="DoubtVerdict",
            name="proposed_by_id",
            field=fields.UUIDField(null=True),
        ),
        ops.AddField(
            model_name="Merchant",
            name="rules_version",
            field=fields.IntField(default=0),
        ),
        ops.AddField(
            model_name="Refund",
            name="requested_by_id",
            field=fields.UUIDField(null=True),
        ),
        ops.AddField(
            model_name="Settlement",
            name="confirmed_by",
            field=fields.CharField(null=True, max_length=200),
        ),
        ops.AddField(
            model_name="Settlement",
            name="confirmed_by_id",
            field=fields.UUIDField(null=True),
        ),
        ops.AddField(
            model_name="Settlement",
            name="settled_by_id",
            field=fields.UUIDField(null=True),
        ),
        ops.AddField(
            model_name="Token",
            name="party_id",
            field=fields.UUIDField(null=True),
        ),
        ops.RunSQL(list(STATEMENTS)),
    ]
