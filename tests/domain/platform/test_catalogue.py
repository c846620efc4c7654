"""The database as it is against the database as it is meant: Tortoise drops constraints of new tables silently."""

import asyncpg
import pytest

from domain.platform import database
from domain.platform.database import rows
from domain.platform.grants import GRANTS
from tests.kit.factories import OwnerRows, a_payment, a_refund, a_shop, an_answer

pytestmark = pytest.mark.usefixtures("books")

CHECKS = {
    "alert_marks_position",
    "alert_notices_said_whole",
    "alert_notices_what_known",
    "alert_rules_ended_whole",
    "alert_rules_hours",
    "alert_rules_kind_known",
    "alert_rules_mode_known",
    "alert_rules_named",
    "alert_rules_quiet_whole",
    "alert_rules_severity_known",
    "alerts_acknowledged_whole",
    "alerts_count_positive",
    "alerts_escalated",
    "alerts_kind_known",
    "alerts_said_after_told",
    "alerts_severity_known",
    "alerts_snoozed_whole",
    "endpoints_kind_known",
    "endpoints_state_known",
    "endpoints_stopped_says_why",
    "endpoints_numbers",
    "endpoints_sealed_or_deleted",
    "endpoints_old_secrets_end",
    "endpoints_left_of_mail",
    "deliveries_state_known",
    "deliveries_due",
    "deliveries_ended",
    "deliveries_numbers",
    "deliveries_message_form",
    "deliveries_body_or_retired",
    "delivery_tries_number_positive",
    "delivery_tries_outcome_known",
    "delivery_tries_answered_whole",
    "news_kind_form",
    "stores_contact_says_something",
    "stores_privacy_url_is_https",
    "shops_failing_whole",
    "shops_kind_known",
    "shops_old_secrets_whole",
    "shops_retired_rests",
    "shops_state_known",
    "shop_refunds_amount_positive",
    "shop_refunds_decided_whole",
    "shop_refunds_linked_has_refund",
    "shop_refunds_named_unless_ours",
    "shop_refunds_origin_known",
    "shop_refunds_state_known",
    "shop_refunds_waiting_waits",
    "shop_refunds_waits_because",
    "exports_kind_known",
    "exports_format_known",
    "exports_state_known",
    "exports_done_has_file",
    "exports_failed_says_why",
    "exports_ended",
    "exports_due",
    "exports_rows",
    "usage_calls_month",
    "usage_months_month",
    "usage_months_counts",
    "usage_plans_support_known",
    "usage_notes_counter_known",
    "usage_notes_numbers",
    "batches_kind_known",
    "batches_state_known",
    "batches_due",
    "batches_ended",
    "batches_judged",
    "batches_confirmed",
    "batches_other_people",
    "batches_canceled",
    "batches_failed_says_why",
    "batches_asked_by",
    "batches_rows",
    "batch_rows_row",
    "batch_rows_verdict_known",
    "batch_rows_refused_says_why",
    "batch_rows_outcome_known",
    "batch_rows_outcome_whole",
    "decision_batches_state_known",
    "decision_batches_ended",
    "decision_batches_due",
    "decision_batches_rows",
    "decision_batches_asked_by",
    "decision_rows_outcome_known",
    "decision_rows_row",
    "bank_accounts_currency_iso",
    "bank_lines_moved",
    "payout_proofs_charges_by_a_person",
    "payout_proofs_how_known",
    "payout_proofs_moved",
    "payout_proofs_part",
    "payout_proofs_void_whole",
    "closed_balances_not_negative",
    "journal_batches_number_positive",
    "ledger_entries_moved_forward",
    "period_closings_a_month",
    "period_closings_confirmed_whole",
    "period_closings_explained",
    "period_closings_one_end",
    "period_closings_other_people",
    "period_closings_over",
    "period_closings_two_names",
    "bank_days_country",
    "report_pieces_numbered",
    "handed_reports_another",
    "handed_reports_confirmed",
    "handed_reports_done",
    "handed_reports_due",
    "handed_reports_proposed",
    "handed_reports_said",
    "handed_reports_size",
    "handed_reports_state_known",
    "handed_reports_two",
    "handed_reports_upload_has_file",
    "handed_reports_way_known",
    "report_expectations_countries",
    "report_expectations_covers_known",
    "report_expectations_lags",
    "report_expectations_until",
    "report_sources_port",
    "grants_one_holder",
    "people_state_known",
    "roles_permissions_some",
    "sessions_end",
    "tokens_customer_bound",
    "tokens_kind_known",
    "tokens_personal_whole",
    "approval_delegations_end",
    "approval_delegations_other_person",
    "approval_needs_amount_positive",
    "approval_rules_kind_known",
    "approval_rules_loosened_by_two",
    "approval_rules_other_people",
    "approvals_decision_known",
    "approvals_lender_whole",
    "approvals_not_involved",
    "approvals_other_lenders",
    "approvals_other_people",
    "destinations_whose_word_known",
    "doubt_verdicts_other_people",
    "manual_settlements_other_people",
    "manual_settlements_two_names",
    "transfer_returns_other_people",
    "velocity_counters_amount_not_negative",
    "approvals_four_eyes",
    "connections_old_secrets_end",
    "data_keys_version_positive",
    "destination_links_tries_bounded",
    "manual_settlements_file_whole",
    "manual_settlements_way_known",
    "attempts_end_has_outcome",
    "certification_cases_known",
    "certification_runs_end_has_outcome",
    "preflight_checks_known",
    "preflight_runs_end_has_outcome",
    "attempts_number_positive",
    "connections_four_eyes",
    "connections_state_known",
    "doubt_verdicts_confirmed_whole",
    "doubt_verdicts_four_eyes",
    "doubt_verdicts_known",
    "deeds_kind_known",
    "destinations_sealed_or_retired",
    "files_key_or_retired",
    "event_seals_one_subject",
    "event_seals_position_positive",
    "legal_holds_lifted_whole",
    "events_sequence_positive",
    "files_sha256_form",
    "files_size_positive",
    "fee_schedules_currency_iso",
    "fee_schedules_days_in_order",
    "fee_schedules_kind_known",
    "fee_schedules_method_form",
    "fee_schedules_numbers_bounded",
    "fee_schedules_original_fee_known",
    "fee_schedules_withdrawn_whole",
    "findings_amount_not_negative",
    "fx_rates_days_in_order",
    "fx_rates_of_whom",
    "fx_rates_pair_iso",
    "fx_rates_rate_positive",
    "fx_rates_withdrawn_whole",
    "fx_rates_words_known",
    "findings_severity_known",
    "finding_events_file_attached",
    "finding_events_kind_known",
    "finding_resolutions_by_two",
    "finding_resolutions_claim",
    "finding_resolutions_confirmed_whole",
    "finding_resolutions_explained_moves_nothing",
    "finding_resolutions_other_finding",
    "finding_resolutions_other_people",
    "finding_resolutions_reason_known",
    "finding_resolutions_tax_within",
    "finding_resolutions_two_names",
    "vat_write_offs_amount",
    "vat_write_offs_by_two",
    "vat_write_offs_confirmed_whole",
    "vat_write_offs_ended_whole",
    "vat_write_offs_other_people",
    "vat_write_offs_two_names",
    "ledger_entries_amount_positive",
    "ledger_entries_currency_iso",
    "ledger_entries_refund_has_payment",
    "ledger_entries_two_accounts",
    "payments_captured_positive",
    "payments_confirmed_by_known",
    "payments_confirmed_or_contradicted",
    "payments_confirmed_whole",
    "payments_shown_confirmed",
    "payments_shown_not_negative",
    "payments_shown_whole",
    "payments_contradicted_whole",
    "payments_counters_not_negative",
    "payments_currency_iso",
    "payments_never_over_refunded",
    "payments_tax_within_bounds",
    "payments_withdrawn_untouched",
    "payments_withdrawn_whole",
    "refund_quotes_amount_positive",
    "merchants_language_known",
    "refund_figures_state_known",
    "refund_figures_took",
    "refunds_amount_positive",
    "refunds_not_own_retry",
    "refunds_reference_form",
    "refunds_state_known",
    "refunds_tax_within_amount",
    "report_news_known",
    "settlement_lines_amount_not_negative",
    "settlement_lines_booked_as_known",
    "settlement_lines_booked_is_settled",
    "settlement_lines_effect_is_booked",
    "tax_document_shares_within",
    "tax_documents_ended_known",
    "tax_documents_ended_whole",
    "tax_documents_tax_within",
    "tax_documents_total_positive",
    "tax_places_of_one",
    "tax_places_regime_known",
    "vat_reversals_amount_positive",
    "vat_reversals_booked_as_said",
    "vat_reversals_booked_known",
    "vat_reversals_declared_whole",
    "vat_reversals_documented_whole",
    "vat_reversals_period_form",
    "vat_reversals_regime_known",
    "vat_reversals_review_has_reason",
    "vat_reversals_state_known",
}
UNIQUE = {
    "alert_marks": {("merchant_id",)},
    "alert_notices": {("alert_id", "number", "endpoint_id")},
    "alert_rules": {("merchant_id", "name")},
    "alerts": {("merchant_id", "key"), ("id", "merchant_id")},
    "closed_balances": {("closing_id", "connection_id", "store_id", "currency", "account")},
    "journal_accounts": {("merchant_id", "account", "connection_id", "store_id", "currency")},
    "journal_batches": {("merchant_id", "number", "encoding")},
    "period_closings": {("id", "merchant_id"), ("merchant_id", "last_day"), ("merchant_id",)},
    "bank_days": {("merchant_id", "country", "day")},
    "report_expectations": {("connection_id",)},
    "report_sources": {("connection_id",)},
    "destinations": {("refund_id",)},
    "destination_links": {("digest",), ("refund_id",)},
    "manual_settlements": {("refund_id",)},
    "approval_needs": {("refund_id",)},
    "approval_rules": {("merchant_id", "kind", "name")},
    "approvals": {("needs_id", "decided_by_id")},
    "settlement_proposals": {("refund_id",)},
    "transfer_returns": {("refund_id",)},
    "certification_cases": {("run_id", "name")},
    "certification_runs": {("connection_id",)},
    "preflight_checks": {("run_id", "code")},
    "preflight_runs": {("connection_id",)},
    "attempts": {("refund_id", "number"), ("refund_id",)},
    "connections": {("merchant_id", "name"), ("id", "merchant_id")},
    "data_keys": {("merchant_id", "version")},
    "event_seals": {("merchant_id", "position"), ("event_id",), ("deed_id",), ("news_id",)},
    "endpoints": {("merchant_id", "name"), ("id", "merchant_id")},
    "deliveries": {("endpoint_id", "message_id"), ("endpoint_id", "position")},
    "delivery_tries": {("delivery_id", "number")},
    "doubt_verdicts": {("refund_id", "attempt")},
    "events": {("refund_id", "sequence")},
    "files": {("ticket_digest",)},
    "findings": {("merchant_id", "fingerprint"), ("id", "merchant_id")},
    "finding_resolutions": {("finding_id",)},
    "onboarding_documents": {("connection_id", "kind")},
    "onboarding_steps": {("connection_id", "sequence")},
    "idempotency_keys": {("merchant_id", "mutation", "key")},
    "ledger_entries": {("cause", "leg")},
    "ledger_checkpoints": {("until_entry", "merchant_id", "connection_id", "account", "currency", "accounting_date")},
    "store_checkpoints": {
        ("merchant_id", "until_entry", "connection_id", "store_id", "account", "currency", "accounting_date")
    },
    "open_items": {("account", "entry_id")},
    "refund_figures": {("merchant_id", "day", "state", "connection_id", "method", "store_id", "took")},
    "open_item_marks": {("merchant_id",)},
    "open_item_sums": {("merchant_id", "account", "connection_id", "store_id", "currency", "since")},
    "listed_money": {("name",)},
    "notice_refunds": {("notice_id", "refund_id")},
    "notices": {("connection_id", "digest")},
    "payments": {("connection_id", "pse_reference"), ("id", "merchant_id", "connection_id", "currency")},
    "reconciliation_runs": {("connection_id", "business_date")},
    "refunds": {
        ("reference",),
        ("retry_of_id",),
        ("id", "merchant_id"),
        ("id", "payment_id"),
        ("connection_id", "pse_refund_reference"),
    },
    "shops": {("merchant_id", "name"), ("id", "merchant_id")},
    "shop_checks": {("shop_id",)},
    "shop_notices": {("shop_id", "key")},
    "shop_refunds": {("shop_id", "name"), ("shop_id", "refund_id")},
    "announced_reports": {("connection_id", "name")},
    "refused_webhooks": {("connection_id", "day")},
    "bank_accounts": {("id", "merchant_id")},
    "decision_batches": {("id", "merchant_id")},
    "batches": {("id", "merchant_id")},
    "batch_rows": {("batch_id", "row")},
    "usage_calls": {("merchant_id", "month")},
    "usage_months": {("merchant_id", "month")},
    "usage_notes": {("merchant_id", "month", "counter", "percent")},
    "usage_plans": {("merchant_id",)},
    "decision_rows": {("batch_id", "row")},
    "bank_lines": {("account_id", "key"), ("id", "merchant_id")},
    "bank_statements": {("account_id", "file_id")},
    "payout_proofs": {("payout_id",), ("line_id", "part")},
    "payouts": {("connection_id", "reference", "currency"), ("id", "merchant_id")},
    "report_balances": {("report_id", "currency")},
    "report_pieces": {("report_id", "number")},
    "reports": {("connection_id", "name")},
    "settlement_lines": {("refund_id", "effect"), ("payment_id",), ("report_id", "line")},
    "answers": {("call_id",)},
    "stores": {("merchant_id", "code"), ("merchant_id", "payee_key"), ("id", "merchant_id")},
    "grants": {("merchant_id", "person_id", "token_id", "role", "store_id")},
    "people": {("merchant_id",)},
    "roles": {("merchant_id",)},
    "sessions": {("digest",)},
    "sign_in_links": {("digest",)},
    "tokens": {("digest",), ("id", "merchant_id"), ("session_id",)},
    "tax_cancellations": {("merchant_id", "name")},
    "tax_documents": {("merchant_id", "name")},
    "tax_document_shares": {("document_id", "reversal_id")},
    "tax_places": {("merchant_id", "store_id", "connection_id")},
    "vat_reversals": {("refund_id",), ("id", "merchant_id")},
    "vat_write_offs": {("reversal_id",)},
    "tortoise_migrations": {("app", "name")},
}
PARTIAL = {
    "alert_notices_due": "due_at IS NOT NULL",
    "alert_rules_current": "ended_at IS NULL",
    "alerts_open": "resolved_at IS NULL",
    "alerts_resolved_untold": "resolved_told",
    "endpoints_name": "OFF",
    "endpoints_active": "ACTIVE",
    "deliveries_once": '"position" IS NOT NULL',
    "deliveries_due": "due_at IS NOT NULL",
    "deliveries_pending": "PENDING",
    "deliveries_claimed": "claimed_until IS NOT NULL",
    "deliveries_failed": "FAILED",
    "deliveries_given_up": "CANCELED",
    "deliveries_of_key": "ordering_key IS NOT NULL",
    "event_seals_news": "news_id IS NOT NULL",
    "refunds_of_rarer_reasons": "CUSTOMER_REQUEST",
    "refunds_returned": "RETURNED",
    "refunds_under_way": "SUBMITTED",
    "settlement_lines_unexplained": "booked_as",
    "decision_batches_due": "due_at IS NOT NULL",
    "batches_due": "due_at IS NOT NULL",
    "usage_plans_current": "ended_at IS NULL",
    "batch_rows_claimed": "claimed_at IS NOT NULL",
    "exports_due": "due_at IS NOT NULL",
    "reports_of_day": "superseded_at IS NULL",
    "shop_calls_of_refund": "shop_refund_id IS NOT NULL",
    "shop_checks_due": "due_at IS NOT NULL",
    "shop_checks_live": "finished_at IS NULL",
    "shop_notices_due": "due_at IS NOT NULL",
    "shop_refunds_by_payment": "payment_id IS NOT NULL",
    "shop_refunds_by_refund": "refund_id IS NOT NULL",
    "shop_refunds_due": "due_at IS NOT NULL",
    "shop_refunds_of_refund": "refund_id IS NOT NULL",
    "shop_refunds_waiting": "waits_since IS NOT NULL",
    "shops_due": "due_at IS NOT NULL",
    "shops_failing": "failing_since IS NOT NULL",
    "exports_expire": "DONE",
    "payout_proofs_charged": "charges > 0",
    "payout_proofs_of_line": "voided_at IS NULL",
    "payout_proofs_of_payout": "voided_at IS NULL",
    "journal_accounts_current": "ended_at IS NULL",
    "ledger_entries_moved": "belongs_to IS NOT NULL",
    "period_closings_closed": "confirmed_at IS NOT NULL",
    "period_closings_proposed": "withdrawn_at IS NULL",
    "handed_reports_due": "due_at IS NOT NULL",
    "handed_reports_of_file": "file_id IS NOT NULL",
    "handed_reports_of_run": "run_id IS NOT NULL",
    "report_sources_due": "due_at IS NOT NULL",
    "approval_delegations_to": "revoked_at IS NULL",
    "approval_needs_current": "ended_at IS NULL",
    "approval_needs_open": "met_at IS NULL",
    "approval_rules_proposed": "started_at IS NULL",
    "approval_rules_standing": "started_at IS NOT NULL",
    "approvals_once": "YES",
    "settlement_proposals_open": "withdrawn_at IS NULL",
    "grants_current": "ended_at IS NULL",
    "grants_of_person": "person_id IS NOT NULL",
    "grants_of_token": "token_id IS NOT NULL",
    "roles_current": "ended_at IS NULL",
    "certification_runs_due": "due_at IS NOT NULL",
    "certification_runs_one_live": "finished_at IS NULL",
    "preflight_runs_due": "due_at IS NOT NULL",
    "preflight_runs_one_live": "finished_at IS NULL",
    "fee_schedules_of_connection": "withdrawn_at IS NULL",
    "fx_rates_of_pair": "withdrawn_at IS NULL",
    "findings_of_payment": "payment_id IS NOT NULL",
    "findings_resolved": "resolved_at IS NOT NULL",
    "findings_resolved_due": "resolved_at IS NOT NULL",
    "findings_resolved_sums": "resolved_at IS NOT NULL",
    "payments_of_customer": "customer_digest IS NOT NULL",
    "payments_withdrawn": "withdrawn_at IS NOT NULL",
    "refunds_need_person": "needs_person_since IS NOT NULL",
    "refunds_not_succeeded": "SUCCEEDED",
    "settlement_lines_voided": "voided_at IS NOT NULL",
    "ledger_entries_opening": "PROVE_OPENING",
    "ledger_entries_taken": "TAKEN",
    "ledger_entries_taken_back": "TAKEN_BACK",
    "ledger_entries_documented": "VAT_DOCUMENTED",
    "destination_links_open": "revoked_at IS NULL",
    "destinations_current": "superseded_at IS NULL",
    "onboarding_documents_current": "superseded_at IS NULL",
    "attempts_one_live": "ended_at IS NULL",
    "deeds_of_party": "party IS NOT NULL",
    "deeds_of_person": "person_id IS NOT NULL",
    "deeds_of_token": "token_id IS NOT NULL",
    "doubt_verdicts_one_open": "withdrawn_at IS NULL",
    "event_seals_deed": "deed_id IS NOT NULL",
    "event_seals_of_events": "event_id IS NOT NULL",
    "events_of_party": "party IS NOT NULL",
    "events_of_person": "actor",
    "findings_open": "resolved_at IS NULL",
    "findings_due": "resolved_at IS NULL",
    "findings_severe": "resolved_at IS NULL",
    "findings_in_hand": "resolved_at IS NULL",
    "finding_resolutions_standing": "ended_at IS NULL",
    "finding_resolutions_waiting": "started_at IS NULL",
    "doubt_verdicts_waiting": "confirmed_at IS NULL",
    "handed_reports_waiting": "PROPOSED",
    "handed_reports_believed": "confirmed_at IS NOT NULL",
    "vat_write_offs_waiting": "started_at IS NULL",
    "payments_reference_once": "withdrawn_at IS NULL",
    "destinations_of_account": "account IS NOT NULL",
    "tokens_one_a_session": "revoked_at IS NULL",
    "tokens_vouched": "vouched_by_id IS NOT NULL",
    "notices_due": "due_at IS NOT NULL",
    "notices_waiting": "applied_at IS NULL",
    "refunds_due": "due_at IS NOT NULL",
    "refunds_pse_name": "pse_refund_reference IS NOT NULL",
    "reports_one_valid": "superseded_at IS NULL",
    "settlement_lines_nobodys": "booked_as",
    "settlement_lines_proven_once": "voided_at IS NULL",
    "settlement_lines_payouts": "PAYOUT",
    "settlement_lines_taken": "TAKEN",
    "settlement_lines_told_elsewhere": "settled_net IS NOT NULL",
    "settlement_lines_returned": "RETURNED",
    "settlement_lines_came_back": "TAKEN_BACK",
    "settlement_lines_settle_once": "voided_at IS NULL",
    "settlement_lines_unknown_alias": "payment_id IS NULL",
    "settlement_lines_unknown_order": "payment_reference IS NULL",
    "settlement_lines_unknown_payment": "payment_id IS NULL",
    "payments_by_tax_document": "tax_document IS NOT NULL",
    "tax_document_shares_current": "voided_at IS NULL",
    "tax_documents_current": "ended_at IS NULL",
    "tax_documents_unmatched": "problem IS NOT NULL",
    "tax_places_current": "ended_at IS NULL",
    "vat_reversals_open": "NEEDED",
    "vat_reversals_documented": "DOCUMENTED",
    "vat_reversals_declared": "period IS NOT NULL",
    "vat_reversals_lost": "LOST",
    "ledger_entries_of_nobody": "payment_id IS NULL",
    "ledger_entries_suspense": "SUSPENSE",
    "findings_open_sums": "resolved_at IS NULL",
    "open_items_closed": "amount = ",
    "open_item_sums_closed": "items = 0",
    "vat_reversals_by_document": "DOCUMENTED",
}
APPEND_ONLY = {
    "news",
    "usage_notes",
    "decision_rows",
    "closed_balances",
    "journal_batches",
    "announced_reports",
    "answers",
    "bank_lines",
    "bank_statements",
    "approvals",
    "calls",
    "certification_cases",
    "checks",
    "deeds",
    "event_seals",
    "events",
    "finding_events",
    "idempotency_keys",
    "ledger_entries",
    "ledger_checkpoints",
    "store_checkpoints",
    "listed_money",
    "manual_settlements",
    "notice_refunds",
    "onboarding_steps",
    "preflight_checks",
    "refund_quotes",
    "report_balances",
    "report_news",
    "transfer_returns",
}
KEPT = {
    "alert_marks",
    "alert_notices",
    "alert_rules",
    "alerts",
    "endpoints",
    "deliveries",
    "delivery_tries",
    "report_pieces",
    "shop_refunds",
    "shops",
    "usage_calls",
    "usage_months",
    "usage_plans",
    "batches",
    "batch_rows",
    "decision_batches",
    "exports",
    "bank_accounts",
    "payout_proofs",
    "journal_accounts",
    "period_closings",
    "bank_days",
    "handed_reports",
    "report_expectations",
    "report_sources",
    "approval_delegations",
    "approval_needs",
    "approval_rules",
    "attempts",
    "data_keys",
    "destination_links",
    "destinations",
    "doubt_verdicts",
    "fee_schedules",
    "files",
    "finding_resolutions",
    "findings",
    "fx_rates",
    "grants",
    "legal_holds",
    "notices",
    "onboarding_documents",
    "payments",
    "payout_parts",
    "payouts",
    "people",
    "refunds",
    "refused_webhooks",
    "reports",
    "roles",
    "settlement_lines",
    "settlement_proposals",
    "tax_cancellations",
    "tax_document_shares",
    "tax_documents",
    "tax_places",
    "vat_reversals",
    "vat_write_offs",
}
BELONGING = {
    "alert_notices_alert_of_merchant",
    "deliveries_endpoint_of_merchant",
    "endpoints_store_of_merchant",
    "news_store_of_merchant",
    "shop_calls_shop_of_merchant",
    "shop_checks_shop_of_merchant",
    "shop_notices_shop_of_merchant",
    "shop_refunds_refund_of_merchant",
    "shop_refunds_refund_of_payment",
    "shop_refunds_shop_of_merchant",
    "shops_store_of_merchant",
    "batch_rows_batch_of_merchant",
    "batch_rows_refund_of_merchant",
    "decision_rows_batch_of_merchant",
    "decision_rows_finding_of_merchant",
    "bank_lines_account_of_merchant",
    "bank_statements_account_of_merchant",
    "payout_proofs_line_of_merchant",
    "payout_proofs_payout_of_merchant",
    "closed_balances_closing_of_merchant",
    "closed_balances_connection_of_merchant",
    "closed_balances_store_of_merchant",
    "journal_accounts_connection_of_merchant",
    "journal_accounts_store_of_merchant",
    "handed_reports_connection_of_merchant",
    "report_expectations_connection_of_merchant",
    "report_sources_connection_of_merchant",
    "approval_needs_refund_of_merchant",
    "approvals_refund_of_merchant",
    "calls_refund_of_merchant",
    "certification_runs_connection_of_merchant",
    "preflight_runs_connection_of_merchant",
    "connections_store_of_merchant",
    "destination_links_refund_of_merchant",
    "destinations_refund_of_merchant",
    "doubt_verdicts_refund_of_merchant",
    "events_refund_of_merchant",
    "fee_schedules_connection_of_merchant",
    "finding_events_finding_of_merchant",
    "finding_resolutions_duplicate_of_merchant",
    "finding_resolutions_finding_of_merchant",
    "findings_refund_of_merchant",
    "fx_rates_connection_of_merchant",
    "grants_store_of_merchant",
    "grants_token_of_merchant",
    "legal_holds_refund_of_merchant",
    "ledger_entries_connection_of_merchant",
    "ledger_entries_like_their_payment",
    "ledger_entries_refund_of_payment",
    "ledger_entries_store_of_merchant",
    "manual_settlements_refund_of_merchant",
    "settlement_proposals_refund_of_merchant",
    "transfer_returns_refund_of_merchant",
    "payments_connection_of_merchant",
    "payouts_connection_of_merchant",
    "payments_store_of_merchant",
    "refunds_like_their_payment",
    "tax_places_connection_of_merchant",
    "tax_places_store_of_merchant",
    "vat_reversals_like_their_payment",
    "vat_reversals_refund_of_payment",
    "vat_reversals_store_of_merchant",
    "vat_write_offs_reversal_of_merchant",
}
GIVEN = {f"{table}_given" for table in ("grants", "people", "roles", "sessions", "sign_in_links", "tokens")}
GIVEN |= {"findings_changed", "finding_events_told"}  # who follows findings gives positions anew
GIVEN |= {"people_had_back"}  # asleep in tests (kit/databases)
# What writes news where it becomes true.
TELLING = {
    "findings_tell_opened",
    "findings_tell_turned",
    "reconciliation_runs_tell",
    "connections_tell",
    "shop_refunds_tell",
    "shops_tell",
    "handed_reports_tell_waiting",
    "finding_resolutions_tell_waiting",
    "vat_write_offs_tell_waiting",
    "approval_rules_tell_waiting",
    "doubt_verdicts_tell_waiting",
    "settlement_proposals_tell_waiting",
    "period_closings_tell_waiting",
}
REFUSALS = {
    "usage_months_closed",
    "journal_accounts_ended_once",
    "ledger_entries_open_period",
    "period_closings_in_order",
    "period_closings_never_opened",
    "deeds_stamp",
    "news_stamp",
    *TELLING,
    "destination_links_ended_once",
    "grants_ended_once",
    "roles_ended_once",
    "sessions_ended_once",
    "sessions_seen",
    "sign_in_links_ended_once",
    "tokens_ended_once",
    "tokens_never_longer",
    "tokens_borrowed",
    "sessions_end_tokens",
    "approvals_other_eyes",
    "events_stamp",
    "findings_reopened",
    "ledger_entries_charged_back",
    "payments_charged_back",
    "payments_charged_back_new",
    "payments_counted",
    "payments_counted_new",
    "refunds_begin",
    "refunds_like_payment",
    "refunds_cleared",
    "refunds_counted",
    "refunds_counted_new",
    "refunds_move",
    "refunds_sequence",
    "refunds_tax_counted",
    "refunds_tax_once",
}


async def test_every_intended_check_is_there_and_no_other() -> None:
    found = await rows(
        "SELECT conname FROM pg_constraint WHERE contype = 'c' AND connamespace = 'public'::regnamespace"
    )
    assert {row["conname"] for row in found} == CHECKS


async def test_every_intended_unique_index_is_there_and_no_other() -> None:
    found = await rows(
        "SELECT t.relname AS table, array_agg(a.attname::text ORDER BY k.place) AS columns FROM pg_index i "
        "JOIN pg_class t ON t.oid = i.indrelid AND t.relnamespace = 'public'::regnamespace "
        "CROSS JOIN LATERAL unnest(i.indkey::smallint[]) WITH ORDINALITY AS k(number, place) "
        "JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number "
        "WHERE i.indisunique AND NOT i.indisprimary GROUP BY i.indexrelid, t.relname"
    )
    made: dict[str, set[tuple[str, ...]]] = {}
    for row in found:
        made.setdefault(row["table"], set()).add(tuple(row["columns"]))
    assert made == UNIQUE


async def test_every_partial_index_has_its_condition() -> None:
    found = await rows(
        "SELECT i.relname, pg_get_expr(x.indpred, x.indrelid) AS condition FROM pg_index x "
        "JOIN pg_class i ON i.oid = x.indexrelid AND i.relnamespace = 'public'::regnamespace "
        "WHERE x.indpred IS NOT NULL"
    )
    made = {row["relname"]: row["condition"] for row in found}
    assert set(made) == set(PARTIAL)
    assert all(PARTIAL[name] in condition for name, condition in made.items())


async def test_no_foreign_key_cascades() -> None:
    found = await rows(
        "SELECT conname FROM pg_constraint WHERE contype = 'f' AND confdeltype <> 'r' "
        "AND connamespace = 'public'::regnamespace"
    )
    assert found == []


async def test_the_foreign_keys_that_bind_rows_to_one_merchant_are_exactly_the_intended_ones() -> None:
    found = await rows(
        "SELECT conname FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace "
        "AND cardinality(conkey) > 1"
    )
    assert {row["conname"] for row in found} == BELONGING


async def test_the_triggers_are_exactly_the_intended_ones() -> None:
    found = await rows("SELECT tgname, tgenabled::text AS enabled FROM pg_trigger WHERE NOT tgisinternal")
    wanted = {f"{table}_no_change" for table in APPEND_ONLY} | {f"{table}_no_delete" for table in KEPT}
    wanted |= {f"{table}_no_truncate" for table in APPEND_ONLY | KEPT} | REFUSALS | GIVEN
    assert {row["tgname"] for row in found} == wanted
    assert {row["enabled"] for row in found if row["tgname"] not in GIVEN} == {"O"}


async def test_the_application_owns_nothing_and_holds_exactly_its_grants() -> None:
    tables = await rows(
        "SELECT tablename, tableowner = current_user AS mine FROM pg_tables WHERE schemaname = 'public'"
    )
    assert {row["tablename"] for row in tables} == set(GRANTS), "A table without grants, or grants without a table."
    assert not [row for row in tables if row["mine"]]
    for table, granted in GRANTS.items():
        for privilege in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"):
            (row,) = await rows("SELECT has_table_privilege($1, $2) AS yes", f"public.{table}", privilege)
            assert row["yes"] == (privilege in granted), f"{privilege} on {table}"
        await _columns_as_granted(table, granted)


async def _columns_as_granted(table: str, granted: tuple[str, ...]) -> None:
    listed = next((text[text.index("(") + 1 : -1] for text in granted if text.startswith("UPDATE (")), None)
    if listed is None:
        return
    found = await rows(
        "SELECT attname::text AS name FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 "
        "AND has_column_privilege($1::text::regclass, attnum, 'UPDATE')",
        table,
    )
    assert {row["name"] for row in found} == {name.strip() for name in listed.split(",")}


@pytest.mark.parametrize("table", sorted(APPEND_ONLY | KEPT))
@pytest.mark.parametrize("attack", ["DELETE FROM {}", "TRUNCATE {} CASCADE", "ALTER TABLE {} DISABLE TRIGGER ALL"])
async def test_the_application_can_not_take_anything_away(table: str, attack: str) -> None:
    with pytest.raises(Exception, match=r"permission denied|must be owner"):
        await rows(attack.format(table))


@pytest.mark.parametrize("table", ["events", "ledger_entries", "idempotency_keys"])
@pytest.mark.parametrize("attack", ["DELETE FROM {}", "TRUNCATE {} CASCADE", "UPDATE {} SET request_id = 'x'"])
async def test_not_even_the_owner_changes_what_is_append_only(table: str, attack: str, owner_rows: OwnerRows) -> None:
    shop = await a_shop()
    await a_refund(shop, await a_payment(shop))
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="correct it by adding"):
        await owner_rows(attack.format(table))


async def test_the_database_refuses_to_refund_more_than_was_captured(owner_rows: OwnerRows) -> None:
    payment = await a_payment(await a_shop())
    with pytest.raises(asyncpg.CheckViolationError):
        await owner_rows("UPDATE payments SET refunded = captured, reserved = 1 WHERE id = $1", payment.id)


async def test_the_database_refuses_a_second_live_attempt(owner_rows: OwnerRows) -> None:
    shop = await a_shop()
    refund = await a_refund(shop, await a_payment(shop))
    copy = (
        "INSERT INTO attempts (refund_id, number, claimed_until, sent_at, refusal) VALUES ($1, $2, now(), now(), false)"
    )
    await owner_rows(copy, refund.id, 1)
    with pytest.raises(asyncpg.UniqueViolationError):
        await owner_rows(copy, refund.id, 2)


async def test_the_migrations_know_every_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """What makemigrations would write is nothing."""
    from tortoise import Tortoise
    from tortoise.migrations import autodetector

    from domain.platform.executor import Outline

    monkeypatch.setattr(autodetector, "State", Outline)  # the same, sooner
    apps = database.TORTOISE_CONFIG["apps"]
    changes = await autodetector.MigrationAutodetector(Tortoise.apps, apps).changes()
    assert not changes


async def test_an_answered_refund_leaves_an_attempt_that_has_ended() -> None:
    from domain.pse.vocabulary import Succeeded

    shop = await a_shop()
    refund = await a_refund(shop, await a_payment(shop))
    await an_answer(refund, Succeeded("D1"))
    assert await rows("SELECT 1 AS one FROM attempts WHERE ended_at IS NULL") == []
