"""Every body and file has an end, or a reason why it has none; a legal hold keeps what may be about its refund too."""

from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from domain.audit import retention
from domain.audit.kinds import KINDS
from domain.models import Call, Notice, Payment
from domain.platform.database import rows
from domain.problems import NotFound
from domain.refunds.withdraw import cancel
from domain.settlements import repeats
from tests.domain.audit.test_retention import OWNER, SECRET, _aged, _now, _paid, _run, as_owner  # noqa: F401
from tests.domain.payments.test_chargebacks import OUT, _a_notice, _stripe
from tests.kit.factories import CAUSE, OwnerRows, Shop, a_key, a_refund, a_shop
from tests.kit.nights import run_stripe

pytestmark = pytest.mark.usefixtures("books")
FILES = {"proposals": 60, "reports": 60}
_BOOKS = "The books and their proof stay; no customer is named."
_OURS = "What we say or decide ourselves: no customer is named."
_KEYS = "A secret of the merchant's: it goes when it is replaced."
# What has no end, and why.
STAYS = {
    "alert_rules": {"least": _OURS},
    "alerts": {"amounts": "Sums."},
    "approval_needs": {"needs": _OURS},
    "approval_rules": {"body": _OURS},
    "usage_plans": {"quotas": "How much of what a plan holds in a month."},
    "calls": {"url": "A name at the PSE, secrets and accounts scrubbed."},
    "certification_cases": dict.fromkeys(("said", "evidence"), "Of a test environment."),
    "certification_runs": dict.fromkeys(("error", "payments", "report"), "Of a test environment."),
    "checks": {"standing": _OURS},
    "connections": dict.fromkeys(("sealed_secrets", "old_sealed_secrets"), _KEYS),
    "data_keys": {"wrapped": "Without its key nothing sealed could be read; what is sealed has its own end."},
    "deeds": {"changes": "No secret, no account and no tax ID goes in."},
    "events": {"detail": "As deeds."},
    "news": {"data": "As deeds."},
    "endpoints": dict.fromkeys(("sealed_secrets", "old_sealed_secrets"), _KEYS),
    "exports": dict.fromkeys(("wanted", "store_ids"), _OURS),
    "finding_events": {"detail": _OURS},
    "finding_resolutions": {"money_of": "A name at the PSE."},
    "findings": dict.fromkeys(("fingerprint", "explanation", "detail"), _BOOKS),
    "ledger_entries": {"cause": _BOOKS},
    "listed_money": {"name": "A name at the PSE."},
    "notices": {"waits_for": "Names at the PSE."},
    "preflight_checks": dict.fromkeys(("saw", "what_to_do"), _OURS),
    "preflight_runs": {"error": _OURS},
    "reconciliation_runs": dict.fromkeys(("error", "manifest"), _BOOKS),
    "refunds": {"known_before": "Names at the PSE."},
    "report_news": {"said": _OURS},
    "handed_reports": {"said": _OURS, "preview": _BOOKS},
    "report_sources": {"said": _OURS, "sealed_secrets": _KEYS},
    "reports": {"totals": _BOOKS},
    "settlement_lines": dict.fromkeys(
        ("payment_reference", "payment_alias", "order_reference", "reference", "pse_refund_reference", "kind",
         "payout_reference"),
        _BOOKS,
    ),
    "bank_accounts": dict.fromkeys(("connection_ids", "mapping"), _OURS),
    "bank_lines": dict.fromkeys(("text", "reference"), _BOOKS),
    "bank_rewordings": dict.fromkeys(("text", "reference"), _BOOKS),
    "bank_statements": dict.fromkeys(("proof", "contradicted"), _OURS),
    "payouts": {"reference": _BOOKS},
    "journal_batches": {"sums": _BOOKS},
    "refund_quotes": {"figures": _BOOKS},
    "period_closings": {"against": _OURS},
    "vat_write_offs": {"said": _OURS},
    "shop_calls": {"url": "A shop's address, secrets scrubbed."},
    "shop_checks": {"checks": _OURS},
    "shop_refunds": {"payment_names": "Names at the PSE."},
    "shops": {**dict.fromkeys(("sealed_secrets", "old_sealed_secrets"), _KEYS), "options": _OURS, "public_keys": _OURS},
    "tax_documents": dict.fromkeys(("originals", "checked"), _BOOKS),
}  # fmt: skip


async def test_every_column_that_holds_a_body_has_an_end_or_a_reason() -> None:
    found = await rows(
        "SELECT c.relname AS of, a.attname AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
        "WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0 "
        "AND NOT a.attisdropped AND a.atttypid = ANY('{bytea,text,jsonb,json}'::regtype[])"
    )
    taken = {kind.table: f" {kind.take}" for kind in KINDS}
    for one in found:
        goes = f" {one['name']} = " in taken.get(one["of"], "")
        stays = one["name"] in STAYS.get(one["of"], {})
        assert goes != stays, f"{one['of']}.{one['name']}: in KINDS (domain/audit/kinds.py), or why not, in STAYS."
    assert {(table, name) for table, names in STAYS.items() for name in names} <= {(o["of"], o["name"]) for o in found}


async def _files(shop: Shop, refund_id: UUID) -> UUID:
    """A file that was proposed as evidence of that refund, and a report of the PSE's."""
    report_id = uuid4()
    await rows(
        "INSERT INTO settlement_proposals (id, merchant_id, refund_id, taken_at_sequence, way, reference, paid_on, "
        "  file_name, file_type, file_digest, file_content, proposed_by, proposed_by_id, proposed_at) "
        "VALUES ($1, $2, $3, 1, 'BANK_TRANSFER', 'TED', now(), 'a.pdf', 'application/pdf', 'd', $4, 'ana', $1, now())",
        uuid4(),
        shop.id,
        refund_id,
        SECRET.encode(),
    )
    await rows(
        "INSERT INTO reports (id, merchant_id, connection_id, business_date, name, digest, content_type, content, "
        "  totals, created_at) VALUES ($1, $2, $3, now(), 'r', 'd', 'text/csv', $4, '{}', now())",
        report_id,
        shop.id,
        shop.connection.id,
        SECRET.encode(),
    )
    return report_id


@pytest.mark.usefixtures("as_owner")
async def test_a_proposed_file_and_a_pses_report_go_in_their_time_unless_they_are_held(
    owner_rows: OwnerRows, tmp_path: Path
) -> None:
    shop = await a_shop()
    refund = await _paid(shop)
    report_id = await _files(shop, refund.id)
    held = await retention.hold(shop.id, refund.id, "Court order 12.", OWNER)
    await _aged(owner_rows)
    done = await _run(FILES)
    assert (done["proposals"], done["reports"]) == (0, 0)
    await retention.lift(held.id, OWNER)
    done = await _run(FILES)
    assert (done["proposals"], done["reports"]) == (1, 1)
    for table in ("settlement_proposals", "reports"):
        assert SECRET not in str(await rows(f"SELECT * FROM {table}"))
    with pytest.raises(NotFound, match="removed by retention"):
        await repeats.unpacked(report_id, tmp_path)
    await repeats.mark([report_id])
    assert await rows("SELECT 1 AS one FROM reports WHERE repeat_since IS NOT NULL") == []


@pytest.mark.usefixtures("as_owner")
async def test_a_held_refund_keeps_what_is_about_its_payment_and_what_names_no_refund(owner_rows: OwnerRows) -> None:
    shop = await a_shop()
    other = await _paid(shop)
    held = await a_refund(shop, await other.payment, 1_000)
    await Call.create(
        id=uuid4(), merchant_id=shop.id, connection_id=shop.connection.id, request_id="r", purpose="PAYMENT",
        method="GET", url="https://x/y", headers={}, body=SECRET, sent_at=_now() - timedelta(days=1),
    )  # fmt: skip
    await Notice.create(
        id=uuid4(), connection_id=shop.connection.id, digest=a_key() * 2, body=SECRET.encode(), headers={},
        request_id="r", applied_at=_now(),
    )  # fmt: skip
    await cancel(shop.id, held.id, None, a_key(), CAUSE)
    hold = await retention.hold(shop.id, held.id, "Court order 12.", OWNER)
    await _aged(owner_rows)
    done = await _run()
    assert {name: done[name] for name in ("calls", "answers", "webhooks", "customers")} == {
        "calls": 0, "answers": 0, "webhooks": 0, "customers": 0,
    }  # fmt: skip
    await retention.lift(hold.id, OWNER)
    done = await _run()
    assert (done["calls"], done["answers"], done["webhooks"]) == (2, 1, 2)


@pytest.mark.usefixtures("as_owner")
@pytest.mark.parametrize("is_open", [True, False])
async def test_no_chargeback_is_given_back_because_retention_took_the_webhook_that_told_of_it(
    owner_rows: OwnerRows, is_open: bool
) -> None:
    shop, payment = await _stripe()
    await run_stripe(shop, [OUT])
    await _a_notice(shop)
    await rows("UPDATE notices SET applied_at = coalesce(applied_at, now()), due_at = NULL")
    if not is_open:
        await rows("UPDATE findings SET resolved_at = now(), resolution = 'x'")
    await _aged(owner_rows)
    await owner_rows("UPDATE payments SET captured_at = captured_at - interval '90 months'")
    assert (await _run())["webhooks"] == (not is_open)
    await run_stripe(shop, [])  # the report is revised, and tells of it no longer
    assert (await Payment.get(id=payment.id)).charged_back == 10_000
