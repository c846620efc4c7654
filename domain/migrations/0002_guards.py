"""What the database refuses, whoever asks: Tortoise drops the constraints of new tables, so they are written here."""

from tortoise import migrations
from tortoise.migrations import operations as ops

CHECKS = {
    "payments": {
        "payments_captured_positive": "captured > 0",
        "payments_counters_not_negative": "reserved >= 0 AND refunded >= 0 AND taken_by_bank >= 0",
        "payments_never_over_refunded": "reserved + refunded <= captured",
        "payments_tax_within_bounds": "0 <= tax_allocated AND tax_allocated <= tax_amount AND tax_amount <= captured",
        "payments_currency_iso": "currency ~ '^[A-Z]{3}$'",
    },
    "refunds": {
        "refunds_amount_positive": "amount > 0",
        "refunds_tax_within_amount": "tax_amount BETWEEN 0 AND amount",
        "refunds_reference_form": "reference ~ '^[0-9a-z]{20}$'",
        "refunds_not_own_retry": "retry_of_id <> id",
        "refunds_state_known": (
            "state IN ('AWAITING_DESTINATION', 'AWAITING_APPROVAL', 'REQUESTED', 'SUBMITTED', 'PENDING', 'MANUAL', "
            "'SUCCEEDED', 'RETURNED', 'FAILED', 'REJECTED', 'CANCELED', 'EXPIRED')"
        ),
    },
    "attempts": {
        "attempts_number_positive": "number > 0",
        "attempts_end_has_outcome": "(ended_at IS NULL) = (outcome IS NULL)",
    },
    "doubt_verdicts": {
        "doubt_verdicts_four_eyes": "confirmed_by <> proposed_by",
        "doubt_verdicts_known": "verdict IN ('PAID', 'NOT_PAID')",
        "doubt_verdicts_confirmed_whole": "(confirmed_by IS NULL) = (confirmed_at IS NULL)",
    },
    "events": {"events_sequence_positive": "sequence > 0"},
    "ledger_entries": {
        "ledger_entries_amount_positive": "amount > 0",
        "ledger_entries_two_accounts": "debit <> credit",
        "ledger_entries_currency_iso": "currency ~ '^[A-Z]{3}$'",
    },
    "settlement_lines": {"settlement_lines_amount_not_negative": "amount >= 0"},
    "findings": {"findings_amount_not_negative": "amount >= 0"},
}

INDEXES = {
    # At most one attempt of a refund is under way, whatever the workers believe.
    "attempts_one_live": "CREATE UNIQUE INDEX attempts_one_live ON attempts (refund_id) WHERE ended_at IS NULL",
    # The queue: what is due, oldest first.
    "refunds_due": "CREATE INDEX refunds_due ON refunds (due_at) WHERE due_at IS NOT NULL",
    "notices_due": "CREATE INDEX notices_due ON notices (due_at) WHERE due_at IS NOT NULL",
    # What reconciliation still expects a line for.
    "refunds_by_connection_state": "CREATE INDEX refunds_by_connection_state ON refunds (connection_id, state)",
    "refunds_request_id": "CREATE INDEX refunds_request_id ON refunds (merchant_id, request_id)",
    # One line settles at most one refund, once for each thing that a line can do to it.
    "settlement_lines_settle_once": (
        "CREATE UNIQUE INDEX settlement_lines_settle_once ON settlement_lines (refund_id, effect) "
        "WHERE refund_id IS NOT NULL AND voided_at IS NULL AND effect <> 'NONE'"
    ),
    "settlement_lines_capture_once": (
        "CREATE UNIQUE INDEX settlement_lines_capture_once ON settlement_lines (payment_id) "
        "WHERE effect = 'CAPTURE' AND voided_at IS NULL AND payment_id IS NOT NULL"
    ),
    "settlement_lines_number": ("CREATE UNIQUE INDEX settlement_lines_number ON settlement_lines (report_id, line)"),
    # One valid report per connection and date: a revised file supersedes the one before.
    "reports_one_valid": (
        "CREATE UNIQUE INDEX reports_one_valid ON reports (connection_id, business_date) WHERE superseded_at IS NULL"
    ),
    # One open verdict per doubt.
    "doubt_verdicts_one_open": (
        "CREATE UNIQUE INDEX doubt_verdicts_one_open ON doubt_verdicts (refund_id, attempt) WHERE withdrawn_at IS NULL"
    ),
    "findings_open": ("CREATE INDEX findings_open ON findings (merchant_id, created_at, id) WHERE resolved_at IS NULL"),
}

APPEND_ONLY = ("events", "calls", "answers", "ledger_entries", "idempotency_keys", "notice_refunds")
KEPT = ("payments", "refunds", "attempts", "doubt_verdicts", "notices", "reports", "settlement_lines", "findings")

_FUNCTION = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is kept as written: correct it by adding', TG_TABLE_NAME USING ERRCODE = '42501';
END $$
"""


def _statements() -> list[str]:
    made = [
        f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({condition})"
        for table, conditions in CHECKS.items()
        for name, condition in conditions.items()
    ]
    made += INDEXES.values()
    # A refund has the merchant and the currency of its payment, and no other.
    made += [
        "ALTER TABLE payments ADD CONSTRAINT payments_identity UNIQUE (id, merchant_id, currency)",
        "ALTER TABLE refunds ADD CONSTRAINT refunds_like_their_payment FOREIGN KEY (payment_id, merchant_id, currency) "
        "REFERENCES payments (id, merchant_id, currency) ON DELETE RESTRICT",
        _FUNCTION,
    ]
    for table in APPEND_ONLY:
        made.append(
            f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
    for table in KEPT:
        made.append(
            f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
    for table in (*APPEND_ONLY, *KEPT):
        made.append(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    return made


class Migration(migrations.Migration):
    dependencies = [("models", "0001_initial")]

    operations = [ops.RunSQL(_statements())]
