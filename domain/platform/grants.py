"""What the application's role may do with each table; it owns none. The owner gives it when it migrates."""

from collections.abc import Mapping
from typing import Final

_READ_ADD: Final = ("SELECT", "INSERT")
_READ_ADD_CHANGE: Final = ("SELECT", "INSERT", "UPDATE")
GRANTS: Final[Mapping[str, tuple[str, ...]]] = {
    "merchants": (*_READ_ADD, "UPDATE (name, zone, language, rules_version, findings_position)"),
    "stores": (*_READ_ADD, "UPDATE (name, payee_key, contact, privacy_url)"),
    "tokens": (*_READ_ADD, "UPDATE (revoked_at, revoked_by, expires_at, last_used_at)"),
    "people": (*_READ_ADD, "UPDATE (name, state)"),
    "roles": (*_READ_ADD, "UPDATE (ended_at, ended_by)"),
    "grants": (*_READ_ADD, "UPDATE (ended_at, ended_by)"),
    "sessions": (*_READ_ADD, "UPDATE (last_seen_at, revoked_at)"),
    "sign_in_links": (*_READ_ADD, "UPDATE (used_at)"),
    "connections": _READ_ADD_CHANGE,
    "data_keys": (*_READ_ADD, "UPDATE (wrapped, kek, retired_at)"),
    "payments": (
        *_READ_ADD,
        "UPDATE (reserved, refunded, taken_by_bank, charged_back, tax_allocated, order_reference, tax_amount, "
        "tax_rate, tax_document, tax_period, sealed_customer, customer_digest, source, withdrawn_at, withdrawn_by, "
        "withdrawal_reason, confirmed_at, confirmed_by, contradicted_at, contradiction, unknown_since, "
        "shown_captured, shown_gone, asked_from)",
    ),
    # Whose it is, how much, of what and under which reference is for life.
    "refunds": (
        *_READ_ADD,
        "UPDATE (state, sequence, tax_amount, due_at, asks, unsent, doubt_since, needs_person_since, expires_at, "
        "reminded_at, known_before, known_at, unknown_at, pse_refund_reference, failure_code, failure_message, "
        "succeeded_at, paid_by_bank_transfer, updated_at)",
    ),
    "refund_figures": (*_READ_ADD, "UPDATE (count)"),
    "refund_figure_marks": _READ_ADD,
    "idempotency_keys": _READ_ADD,
    "doubt_verdicts": (*_READ_ADD, "UPDATE (confirmed_by, confirmed_by_id, confirmed_at, withdrawn_at)"),
    "destinations": (*_READ_ADD, "UPDATE (sealed, superseded_at)"),
    "destination_links": (*_READ_ADD, "UPDATE (wrong_answers, used_at, revoked_at)"),
    "approvals": _READ_ADD,
    "approval_rules": (*_READ_ADD, "UPDATE (confirmed_by, confirmed_by_id, started_at, ended_at, ended_by)"),
    "approval_needs": (*_READ_ADD, "UPDATE (open_words, barred_ids, met_at, ended_at)"),
    "approval_delegations": (*_READ_ADD, "UPDATE (revoked_at, revoked_by)"),
    "velocity_counters": (*_READ_ADD, "UPDATE (amount, times)"),
    "settlement_proposals": (*_READ_ADD, "UPDATE (withdrawn_at)"),
    "transfer_returns": _READ_ADD,
    "manual_settlements": _READ_ADD,
    "attempts": (*_READ_ADD, "UPDATE (ended_at, outcome, code, message, refusal)"),
    "events": _READ_ADD,
    "event_seals": _READ_ADD,
    "deeds": _READ_ADD,
    "news": _READ_ADD,
    "endpoints": (
        *_READ_ADD,
        "UPDATE (store_id, name, sealed_secrets, old_sealed_secrets, old_valid_until, shown, types, thin, per_minute, "
        "state, why, position, failures, failing_since, warned, rests_until, paced_until, sent_at, set_by, left_kinds)",
    ),
    "deliveries": (
        *_READ_ADD,
        "UPDATE (state, due_at, claimed_until, tries, round, number, said, ended_at)",
    ),
    "delivery_tries": (*_READ_ADD, "UPDATE (outcome, status, said, body, duration_ms, answered_at)"),
    "legal_holds": ("SELECT",),  # placed and lifted by the owner
    "calls": _READ_ADD,
    "answers": _READ_ADD,
    "checks": _READ_ADD,
    "ledger_entries": _READ_ADD,
    "ledger_checkpoints": _READ_ADD,
    "store_checkpoints": _READ_ADD,
    "open_items": (*_READ_ADD, "UPDATE (amount)"),  # what has closed is taken away by forget_closed_items()
    "open_item_sums": (*_READ_ADD, "UPDATE (items, amount)"),
    "open_item_marks": (*_READ_ADD, "UPDATE (at, ledger_entries, settlement_lines)"),
    "period_closings": (
        *_READ_ADD,
        "UPDATE (confirmed_by, confirmed_by_id, confirmed_at, withdrawn_by, withdrawn_at, last_entry, chain_position, "
        "chain_hash, digest)",
    ),
    "closed_balances": _READ_ADD,
    "journal_accounts": (*_READ_ADD, "UPDATE (ended_at, ended_by)"),
    "journal_batches": _READ_ADD,
    "listed_money": _READ_ADD,
    "notices": (*_READ_ADD, "UPDATE (times_received, due_at, tries, applied_at, result, waits_for)"),
    "notice_refunds": _READ_ADD,
    "announced_reports": _READ_ADD,
    "report_news": _READ_ADD,
    "refused_webhooks": (*_READ_ADD, "UPDATE (times)"),
    "bank_accounts": (*_READ_ADD, "UPDATE (name, number, connection_ids, mapping, ended_at)"),
    "bank_statements": (*_READ_ADD, "UPDATE (withdrawn_at, withdrawn_by, withdrawal_reason)"),
    "bank_lines": (*_READ_ADD, "UPDATE (withdrawn_at)"),
    "bank_rewordings": _READ_ADD,
    "payout_proofs": (*_READ_ADD, "UPDATE (voided_at, voided_by, voided_by_id, void_reason)"),
    "files": (*_READ_ADD, "UPDATE (media_type, stored_at, sealed_key)"),
    "onboarding_documents": (*_READ_ADD, "UPDATE (superseded_at)"),
    "onboarding_steps": _READ_ADD,
    "fee_schedules": (*_READ_ADD, "UPDATE (withdrawn_at, withdrawn_by)"),
    "fx_rates": (*_READ_ADD, "UPDATE (withdrawn_at, withdrawn_by)"),
    "refund_quotes": _READ_ADD,
    "reports": (*_READ_ADD, "UPDATE (superseded_at, repeat_since, known)"),
    "settlement_lines": (*_READ_ADD, "UPDATE (voided_at)"),
    "report_balances": _READ_ADD,
    "report_pieces": _READ_ADD,
    "payouts": (*_READ_ADD, "UPDATE (amount, business_date, expected_at)"),
    "payout_parts": (*_READ_ADD, "UPDATE (voided_at)"),
    "reconciliation_runs": _READ_ADD_CHANGE,
    "findings": (
        *_READ_ADD,
        "UPDATE (run_id, resolved_at, resolution, severity, due_at, waiting_until, waiting_why, assignee, assignee_id, "
        "reason, resolved_by, amount, explanation, detail, action, position)",
    ),
    "finding_events": _READ_ADD,
    "finding_resolutions": (
        *_READ_ADD,
        "UPDATE (confirmed_by, confirmed_by_id, started_at, agreed_at, ended_at, ended_by, ended_why)",
    ),
    "exports": (
        *_READ_ADD,
        "UPDATE (state, rows_done, rows_total, sha256, problem, file_id, tries, due_at, expires_at, ended_at)",
    ),
    "decision_batches": (*_READ_ADD, "UPDATE (state, rows_done, problem, tries, due_at, ended_at)"),
    "decision_rows": _READ_ADD,
    "usage_calls": (*_READ_ADD, "UPDATE (calls)"),
    "usage_months": (*_READ_ADD, "UPDATE (refunds, api_calls, deliveries, lines, counted_at, closed_at)"),
    "usage_plans": (*_READ_ADD, "UPDATE (ended_at)"),
    "usage_notes": _READ_ADD,
    "batches": (
        *_READ_ADD,
        "UPDATE (state, written, ignored, digest, by_two, rows_total, rows_done, changes, problem, tries, due_at, "
        "judged_at, confirmed_by, confirmed_by_id, confirmed_at, canceled_by, ended_at)",
    ),
    "batch_rows": (
        *_READ_ADD,
        "UPDATE (claimed_at, outcome, outcome_code, outcome_said, refund_id, at)",
    ),
    "report_expectations": _READ_ADD_CHANGE,
    "bank_days": (*_READ_ADD, "UPDATE (closed, why, set_by, set_at)"),
    "handed_reports": (
        *_READ_ADD,
        "UPDATE (business_date, state, said, run_id, tries, due_at, done_at, report_sha256, preview, confirmed_by, "
        "confirmed_by_id, confirmed_at)",
    ),
    "report_sources": _READ_ADD_CHANGE,
    "preflight_runs": (*_READ_ADD, "UPDATE (outcome, error, tries, due_at, finished_at)"),
    "preflight_checks": _READ_ADD,
    "certification_runs": (
        *_READ_ADD,
        "UPDATE (outcome, error, payments, report, signature, tries, due_at, finished_at)",
    ),
    "certification_cases": _READ_ADD,
    "vat_reversals": (
        *_READ_ADD,
        "UPDATE (country, regime, state, reason, booked, sequence, rule_id, rules_version, event_on, delivered_on, "
        "cause, buyer_identified, due_on, document_number, document_on, period, note, decided_by, settled_on, "
        "updated_at)",
    ),
    "vat_write_offs": (
        *_READ_ADD,
        "UPDATE (confirmed_by, confirmed_by_id, started_at, ended_at, ended_by, ended_why)",
    ),
    "tax_documents": (*_READ_ADD, "UPDATE (problem, ended_at, ended_because)"),
    "tax_document_shares": (*_READ_ADD, "UPDATE (voided_at)"),
    "tax_cancellations": _READ_ADD,
    "tax_places": (*_READ_ADD, "UPDATE (ended_at)"),
    "shops": (
        *_READ_ADD,
        "UPDATE (name, store_id, address, options, sealed_secrets, old_sealed_secrets, old_valid_until, public_keys, "
        "keys_read_at, wanted_key, state, history_position, polled_until, due_at, tries, heard_at, failing_since, "
        "failing_because)",
    ),
    "shop_notices": (*_READ_ADD, "UPDATE (times_received, due_at, tries, applied_at, result)"),
    # What the shop said is for life; what was made of it is not.
    "shop_refunds": (
        *_READ_ADD,
        "UPDATE (name, payment_id, refund_id, state, why, because, waits_since, told_state, told_at, told_detail, "
        "due_at, tries, decided_by, decided_by_id, decided_at, decision)",
    ),
    "shop_calls": (*_READ_ADD, "UPDATE (status, answer, error, duration_ms, answered_at)"),
    "shop_checks": (*_READ_ADD, "UPDATE (outcome, checks, error, due_at, tries, finished_at)"),
    "alert_rules": (*_READ_ADD, "UPDATE (ended_at, ended_by)"),
    "alerts": (
        *_READ_ADD,
        "UPDATE (severity, count, amounts, subjects, facts, since, last_seen_at, told_at, said_at, told_count, "
        "notices, escalated, acknowledged_at, acknowledged_by, acknowledged_by_id, snoozed_until, snoozed_by, "
        "resolved_at, resolved_told)",
    ),
    "alert_notices": (*_READ_ADD, "UPDATE (due_at, said_at, delivery_id)"),
    "alert_marks": (*_READ_ADD, "UPDATE (position, digest_on)"),
    "tortoise_migrations": ("SELECT",),
    "demo_marks": _READ_ADD,
    "paces": (*_READ_ADD, "UPDATE (until)"),
}
