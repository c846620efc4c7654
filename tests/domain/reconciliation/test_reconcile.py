"""The night: a report against the books, by the report of a Pix PSP. Repeating it changes nothing."""

import asyncio
import json
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domain import invariants
from domain.books import ledger
from domain.findings.findings import FindingKind
from domain.models import Finding, LedgerEntry, Payment, ReconciliationRun, Refund, Report, SettlementLine
from domain.models.ledger import Account
from domain.models.refunds import State
from domain.platform import database
from domain.pse.reporting import ReportFile
from domain.pse.vocabulary import Declined, InDoubt, Succeeded
from domain.reconciliation import reconcile
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from tests.conftest import Database
from tests.kit.factories import CAUSE, OwnerRows, Shop, a_look_up, a_payment, a_refund, a_shop, an_answer
from tests.kit.lines import today

pytestmark = pytest.mark.usefixtures("books")
ZONE = ZoneInfo("America/Sao_Paulo")


def _pix(payment: Payment, *refunds: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "endToEndId": payment.pse_reference,
        "valor": f"{payment.captured / 100:.2f}",
        "horario": payment.captured_at.isoformat(),
        "devolucoes": list(refunds),
    }


def _refund(
    reference: str, amount: int, status: str = "DEVOLVIDO", kind: str = "ORIGINAL", at: datetime | None = None
) -> dict[str, Any]:
    moment = (at or datetime.now(UTC)).isoformat()
    times = {"solicitacao": moment, **({"liquidacao": moment} if status == "DEVOLVIDO" else {})}
    return {
        "id": reference,
        "rtrId": f"D{reference:0>31}"[:32],
        "valor": f"{amount // 100}.{amount % 100:02}",
        "natureza": kind,
        "horario": times,
        "status": status,
    }


async def _run(
    shop: Shop, *listed: Mapping[str, Any], days: int = 0, fetched_at: datetime | None = None
) -> ReconciliationRun:
    """Reconcile the date `days` from today with this listing."""
    content = json.dumps({"pix": sorted(listed, key=lambda raw: str(raw["endToEndId"]))}, sort_keys=True).encode()
    day = today(days)
    run = await reconcile.begin(shop.connection, day)
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        report = ReportFile(f"pix-{day}.json", "application/json", Path(file.name))
        await reconcile.reconcile(shop.connection, run, [report], fetched_at)
    return await ReconciliationRun.get(id=run.id)


async def _balance(shop: Shop, account: Account) -> int:
    return sum(row.balance for row in await ledger.balances(shop.id) if row.account is account)


async def _kinds(shop: Shop) -> list[str]:
    return sorted(row.kind for row in await Finding.filter(merchant_id=shop.id, resolved_at=None))


async def _paid(shop: Shop, *, amount: int = 10_000, part: int = 4_000, tax: int = 0) -> tuple[Payment, Refund]:
    payment = await a_payment(shop, amount=amount, tax=tax, days_ago=0)
    refund = await a_refund(shop, payment, part)
    await an_answer(refund, Succeeded(f"D{refund.reference:0>31}"[:32]))
    return payment, await Refund.get(id=refund.id)


async def test_a_report_that_agrees_proves_captures_and_refunds_in_one_entry_each() -> None:
    shop = await a_shop()
    first, one = await _paid(shop)
    second, two = await _paid(shop)
    run = await _run(shop, _pix(first, _refund(one.reference, 4_000)), _pix(second, _refund(two.reference, 4_000)))
    assert (run.state, run.manifest["matched_refunds"]) == ("COMPLETED", 2)
    assert await _balance(shop, Account.PSE_BALANCE) == 12_000
    assert await _balance(shop, Account.PSE_CLEARING) == 0
    assert await LedgerEntry.filter(entry__in=["PROVE_CAPTURES", "PROVE_REFUNDS"]).count() == 2
    assert (await _kinds(shop), await invariants.check()) == ([], [])


async def test_the_same_report_a_second_time_changes_nothing() -> None:
    shop = await a_shop()
    payment, refund = await _paid(shop, tax=1_800)
    listed = _pix(payment, _refund(refund.reference, 4_000), _refund("med1", 500, kind="MED_FRAUDE"))
    await _run(shop, listed)
    before = (await LedgerEntry.all().count(), await SettlementLine.all().count(), await Finding.all().count())
    run = await _run(shop, listed)
    after = (await LedgerEntry.all().count(), await SettlementLine.all().count(), await Finding.all().count())
    assert (before, run.times, await Report.all().count()) == (after, 2, 1)


async def test_a_revised_report_supersedes_the_first_by_adding() -> None:
    shop = await a_shop()
    payment, refund = await _paid(shop)
    await _run(shop, _pix(payment))
    assert FindingKind.MISSING_IN_REPORT in await _kinds(shop)
    await _run(shop, _pix(payment, _refund(refund.reference, 4_000)))
    assert await _balance(shop, Account.PSE_BALANCE) == 6_000
    assert await Report.filter(superseded_at=None).count() == 1
    assert (await _kinds(shop), await invariants.check()) == ([], [])


async def test_vat_of_a_proven_refund_is_to_be_taken_back() -> None:
    shop = await a_shop()
    payment, refund = await _paid(shop, tax=1_800)
    await _run(shop, _pix(payment, _refund(refund.reference, 4_000)))
    finding = await Finding.get(kind=FindingKind.VAT_REVERSAL_NEEDED)
    assert (finding.amount, finding.refund_id) == (refund.tax_amount, refund.id)


async def test_another_amount_is_found_and_the_balance_follows_the_report() -> None:
    shop = await a_shop()
    payment, refund = await _paid(shop)
    await _run(shop, _pix(payment, _refund(refund.reference, 4_100)))
    finding = await Finding.get(kind=FindingKind.AMOUNT_MISMATCH)
    assert (finding.amount, finding.detail) == (100, {"report": 4_100, "ledger": 4_000})
    assert await _balance(shop, Account.PSE_BALANCE) == 5_900
    assert await invariants.check() == []


async def test_a_med_after_a_full_refund_is_recorded_found_and_leaves_nothing_refundable() -> None:
    shop = await a_shop()
    payment, refund = await _paid(shop, amount=10_000, part=10_000)
    listed = _pix(payment, _refund(refund.reference, 10_000), _refund("med1", 10_000, kind="MED_FRAUDE"))
    await _run(shop, listed)
    await payment.refresh_from_db()
    assert (payment.taken_by_bank, payment.refunded) == (10_000, 10_000)
    finding = await Finding.get(kind=FindingKind.BANK_INITIATED)
    assert "MED_FRAUDE" in finding.explanation
    twice = await Finding.get(kind=FindingKind.DUPLICATE_REFUND)
    assert (twice.amount, twice.payment_id) == (10_000, payment.id)
    assert await _balance(shop, Account.PSE_BALANCE) == -10_000
    assert await _balance(shop, Account.SUSPENSE) == 10_000
    assert await invariants.check() == []


async def test_a_line_ends_a_doubt_and_is_no_finding() -> None:
    shop = await a_shop()
    payment = await a_payment(shop, days_ago=0)
    refund = await a_refund(shop, payment, 4_000)
    await an_answer(refund, InDoubt("TIMEOUT", "no answer"))
    await _run(shop, _pix(payment, _refund(refund.reference, 4_000)))
    assert (await Refund.get(id=refund.id)).state is State.SUCCEEDED
    assert (await _kinds(shop), await invariants.check()) == ([], [])


async def test_a_failed_refund_that_the_report_paid_is_a_mismatch_and_in_suspense() -> None:
    shop = await a_shop()
    payment = await a_payment(shop, days_ago=0)
    refund = await a_refund(shop, payment, 4_000)
    await an_answer(refund, Declined("NO", "no"))
    await _run(shop, _pix(payment, _refund(refund.reference, 4_000)))
    assert await _kinds(shop) == [FindingKind.CONTRADICTION, FindingKind.STATUS_MISMATCH]
    assert await _balance(shop, Account.PSE_BALANCE) == 6_000
    assert await _balance(shop, Account.PSE_CLEARING) == 0
    assert await invariants.check() == []


async def test_money_that_came_back_days_later_is_returned_and_proven() -> None:
    shop = await a_shop()
    payment, refund = await _paid(shop)
    out = _refund(refund.reference, 4_000)
    await _run(shop, _pix(payment, out))
    await _run(shop, _pix(payment, {**out, "status": "NAO_REALIZADO"}), days=1)
    assert (await Refund.get(id=refund.id)).state is State.RETURNED
    assert await _balance(shop, Account.PSE_BALANCE) == 10_000
    assert await _balance(shop, Account.PSE_CLEARING) == 0
    assert FindingKind.STATUS_MISMATCH in await _kinds(shop)
    await _run(shop, _pix(payment, {**out, "status": "NAO_REALIZADO"}), days=2)
    assert await _balance(shop, Account.PSE_BALANCE) == 10_000
    assert await invariants.check() == []


async def test_repeating_the_first_night_after_the_return_takes_the_proof_of_both_away() -> None:
    shop = await a_shop()
    payment, refund = await _paid(shop)
    out = _refund(refund.reference, 4_000)
    await _run(shop, _pix(payment, out))
    back = _pix(payment, {**out, "status": "NAO_REALIZADO"})
    await _run(shop, back, days=1)
    await _run(shop, back)
    assert await _balance(shop, Account.PSE_BALANCE) == 10_000
    assert await invariants.check() == []


async def test_a_refund_that_no_report_has_is_missing_until_one_has_it() -> None:
    shop = await a_shop()
    payment, refund = await _paid(shop)
    await _run(shop, _pix(payment))
    assert await _kinds(shop) == [FindingKind.MISSING_IN_REPORT]
    late = _refund(refund.reference, 4_000, at=datetime.now(UTC) + timedelta(days=1))
    await _run(shop, _pix(payment, late), days=1)
    assert (await _kinds(shop), await invariants.check()) == ([], [])


async def test_a_payment_that_we_do_not_know_is_found() -> None:
    shop = await a_shop()
    payment = await a_payment(await a_shop(name="Another"), days_ago=0)
    await _run(shop, _pix(payment, _refund("x1", 100)))
    assert await _kinds(shop) == [FindingKind.MISSING_IN_LEDGER] * 2
    # The PSE has the money all the same, and nobody knows whose it is.
    assert (await _balance(shop, Account.PSE_BALANCE), await _balance(shop, Account.SUSPENSE)) == (9_900, -9_900)
    assert await invariants.check() == []


async def test_money_in_suspense_for_a_failed_refund_is_asked_about_when_a_report_says_that_it_is_not_paid() -> None:
    shop = await a_shop()
    payment = await a_payment(shop, days_ago=0)
    refund = await a_refund(shop, payment, 4_000)
    await an_answer(refund, Declined("NO", "no"))
    await record(refund.id, Succeeded("D1"), Source(Door.LOOK_UP), CAUSE)
    await _run(shop, _pix(payment, _refund(refund.reference, 4_000, "NAO_REALIZADO")))
    await payment.refresh_from_db()
    assert payment.taken_by_bank == 4_000, "the report may tell what was so before it was paid"
    await a_look_up(refund, Declined("NAO_REALIZADO", "It came back."))
    await payment.refresh_from_db()
    assert payment.taken_by_bank == 0
    assert (await _balance(shop, Account.SUSPENSE), await invariants.check()) == (0, [])


async def test_a_med_that_was_undone_is_given_back() -> None:
    shop = await a_shop()
    payment = await a_payment(shop, days_ago=0)
    med = _refund("med1", 3_000, kind="MED_OPERACIONAL")
    await _run(shop, _pix(payment, med))
    await _run(shop, _pix(payment, {**med, "status": "NAO_REALIZADO"}), days=1)
    await payment.refresh_from_db()
    assert payment.taken_by_bank == 0
    assert await _balance(shop, Account.PSE_BALANCE) == 10_000
    assert await invariants.check() == []


async def test_the_proof_may_come_before_the_word() -> None:
    shop = await a_shop()
    payment = await a_payment(shop, days_ago=0)
    refund = await a_refund(shop, payment, 4_000)
    await an_answer(refund, InDoubt("TIMEOUT", "no answer"))
    await _run(shop, _pix(payment, _refund(refund.reference, 4_000)))
    await record(refund.id, Succeeded("D1"), Source(Door.NOTICE), CAUSE)
    assert await invariants.check() == []


async def test_a_capture_of_another_amount_is_found() -> None:
    shop = await a_shop()
    payment = await a_payment(shop, amount=10_000, days_ago=0)
    await _run(shop, {**_pix(payment), "valor": "90.00"})
    finding = await Finding.get(kind=FindingKind.AMOUNT_MISMATCH)
    assert (finding.amount, finding.payment_id) == (1_000, payment.id)
    assert await _balance(shop, Account.PSE_BALANCE) == 9_000
    assert await invariants.check() == []


async def test_what_succeeded_after_the_report_was_fetched_is_not_missing_in_it() -> None:
    shop = await a_shop()
    payment, _ = await _paid(shop)
    await _run(shop, _pix(payment), fetched_at=datetime.now(UTC) - timedelta(minutes=1))
    assert await _kinds(shop) == []


async def test_two_runs_of_one_date_at_once_book_it_once() -> None:
    shop = await a_shop()
    payment, refund = await _paid(shop, tax=1_800)
    listed = _pix(payment, _refund(refund.reference, 4_000), _refund("med1", 500, kind="MED_FRAUDE"))
    await asyncio.gather(*(_run(shop, listed) for _ in range(4)))
    assert await Report.filter(superseded_at=None).count() == 1
    assert await _balance(shop, Account.PSE_BALANCE) == 5_500
    assert await invariants.check() == []


async def test_an_owner_that_serves_is_warned_of(books: Database) -> None:
    assert await invariants.warnings() == []
    await database.close_pool()
    await database.open_pool(books.owner_url)
    (warning,) = await invariants.warnings()
    assert "ESTORNO_OWNER_DATABASE_URL" in warning


_HARMS = [
    ("UPDATE payments SET reserved = reserved + 1", "counters"),
    ("UPDATE refunds SET sequence = sequence + 1", "history"),
    ("UPDATE refunds SET due_at = NULL, state = 'PENDING'", "stuck"),
    ("UPDATE refunds SET due_at = now() - interval '1 hour'", "late"),
    ("UPDATE settlement_lines SET voided_at = now()", "balance"),
    ("UPDATE settlement_lines SET payment_id = gen_random_uuid()", "lines"),
    ("UPDATE payments SET taken_by_bank = 7", "taken"),
    ("UPDATE refunds SET state = 'FAILED'", "paid"),
    ("UPDATE refunds SET state = 'REQUESTED'", "payable"),
    ("UPDATE payments SET captured = captured + 1", "captures"),
    ("UPDATE refunds SET paid_by_bank_transfer = true", "settled"),
    ("UPDATE settlement_lines SET amount = amount + 1 WHERE effect = 'CAPTURE'", "parts"),
    ("UPDATE settlement_lines SET effect = 'TAKEN', refund_id = NULL WHERE effect = 'REFUND'", "told"),
]


async def test_each_invariant_notices_what_it_guards_against(unguarded_rows: OwnerRows) -> None:
    shop = await a_shop()
    payment, refund = await _paid(shop, amount=10_000, part=4_000)
    await _run(shop, _pix(payment, _refund(refund.reference, 4_000)))
    assert await invariants.check() == []
    for harm, name in _HARMS:  # else the database itself refuses
        table = harm.split()[1]
        whole = await unguarded_rows(f"SELECT json_agg(one)::text AS told FROM {table} one")  # noqa: S608 - above
        await unguarded_rows(harm)
        assert name in {broken.name.split(":")[0] for broken in await invariants.check()}, harm
        await unguarded_rows(f"DELETE FROM {table}")  # noqa: S608 - above
        await unguarded_rows(
            f"INSERT INTO {table} SELECT * FROM json_populate_recordset(NULL::{table}, $1::json)",  # noqa: S608 - above
            whole[0]["told"],
        )
    assert await invariants.check() == []
