"""Chargebacks in the books: told by webhooks and reports, once, twice, revised and won again."""

import asyncio
import json
from datetime import UTC, datetime
from uuid import UUID, uuid4

import polars as pl
import pytest

from domain import invariants
from domain.books import ledger
from domain.findings.findings import FindingKind
from domain.models import Finding, Payment, SettlementLine
from domain.models.ledger import Account
from domain.money import Money
from domain.payments import chargeback_proofs, chargebacks
from domain.platform.database import rows
from domain.problems import AmountExceedsRefundable, NotRefundable
from domain.pse.vocabulary import ChargedBack, Method, Succeeded
from tests.kit.factories import CAUSE, OwnerRows, Shop, a_payment, a_refund, a_shop, an_answer
from tests.kit.nights import run_stripe, stripe_line, today

pytestmark = pytest.mark.usefixtures("books")
OUT = stripe_line("dispute", "-100.00", "pi_1", "dp_1")
TEXTS = {"reference": pl.String}
BACK = stripe_line("dispute_reversal", "100.00", "pi_1", "dp_1")


async def _stripe(amount: int = 10_000) -> tuple[Shop, Payment]:
    shop = await a_shop(pse="stripe")
    return shop, await a_payment(shop, amount=amount, reference="pi_1", method=Method.CARD)


def _told(name: str = "dp_1", amount: int | None = 10_000, *, back: bool = False) -> ChargedBack:
    return ChargedBack("pi_1", None, name, Money(amount, "BRL") if amount is not None else None, back)


async def _balances(shop: Shop) -> dict[Account, int]:
    return {row.account: row.balance for row in await ledger.balances(shop.id)}


async def _open() -> list[Finding]:
    return await Finding.filter(kind=FindingKind.CHARGEBACK, resolved_at=None).order_by("created_at")


async def _charged(payment: Payment) -> int:
    assert await invariants.check() == []
    charged: int = (await Payment.get(id=payment.id)).charged_back
    return charged


async def test_what_a_report_charges_back_is_booked_proven_found_and_not_refundable() -> None:
    shop, payment = await _stripe()
    for _ in range(2):
        await run_stripe(shop, [OUT])
    assert await _charged(payment) == 10_000
    balances = await _balances(shop)
    assert balances[Account.CHARGEBACKS] == 10_000
    assert (balances[Account.PSE_BALANCE], balances[Account.PSE_CLEARING]) == (-10_000, 10_000)
    (finding,) = await _open()
    assert (finding.amount, finding.payment_id) == (10_000, payment.id)
    with pytest.raises(NotRefundable):
        await a_refund(shop, payment)


async def test_what_a_chargeback_leaves_is_refundable() -> None:
    shop, payment = await _stripe()
    await run_stripe(shop, [stripe_line("dispute", "-60.00", "pi_1", "dp_1")])
    with pytest.raises(AmountExceedsRefundable):
        await a_refund(shop, payment, 4_001)
    assert (await a_refund(shop, payment)).amount == 4_000


async def test_a_webhook_and_two_reports_tell_of_one_chargeback() -> None:
    shop, payment = await _stripe()
    await asyncio.gather(*(chargebacks.from_notice(payment, _told(), CAUSE) for _ in range(3)))
    assert (await _balances(shop))[Account.PSE_CLEARING] == 0
    for days in (0, 1):
        await run_stripe(shop, [OUT], days)
    assert await _charged(payment) == 10_000
    assert (await _balances(shop))[Account.PSE_BALANCE] == -10_000
    assert await SettlementLine.filter(effect="CHARGEBACK", voided_at=None).count() == 1


async def _mismatches() -> list[Finding]:
    return await Finding.filter(kind=FindingKind.AMOUNT_MISMATCH, resolved_at=None)


@pytest.mark.parametrize("back", [False, True])
async def test_a_webhook_that_tells_another_amount_of_one_chargeback_is_found_and_the_same_again_is_not(
    back: bool,
) -> None:
    shop, payment = await _stripe()
    if back:
        await chargebacks.from_notice(payment, _told("dp_0"), CAUSE)
    for _ in range(3):
        await chargebacks.from_notice(payment, _told(amount=6_000, back=back), CAUSE)
    assert await _mismatches() == []
    for _ in range(2):
        await chargebacks.from_notice(payment, _told(amount=7_000, back=back), CAUSE)
    (finding,) = await _mismatches()
    assert (finding.amount, finding.payment_id) == (1_000, payment.id)
    assert all(one in finding.explanation for one in ("dp_1", "BRL 60.00", "BRL 70.00", "pi_1"))
    assert await _charged(payment) == (4_000 if back else 6_000)
    await chargebacks.from_notice(payment, _told(amount=None, back=back), CAUSE)
    assert len(await _mismatches()) == 1, "who says no amount says no other one"


async def test_a_report_that_tells_the_amount_of_the_second_webhook_has_the_last_word() -> None:
    shop, payment = await _stripe()
    for amount in (10_000, 7_000):
        await chargebacks.from_notice(payment, _told(amount=amount), CAUSE)
    assert len(await _mismatches()) == 1
    await run_stripe(shop, [{**OUT, "customer_facing_amount": "-70.00"}])
    assert (await _charged(payment), await _mismatches()) == (7_000, [])


async def test_what_is_won_again_is_refundable_again_and_a_second_chargeback_takes_it_again() -> None:
    shop, payment = await _stripe()
    stages = [("D/CHARGEBACK", False), ("D/CHARGEBACK_REVERSED", True), ("D/SECOND_CHARGEBACK", False)]
    left = []
    for name, back in stages:
        await chargebacks.from_notice(payment, _told(name, back=back), CAUSE)
        left.append((await _charged(payment), len(await _open())))
    assert left == [(10_000, 1), (0, 0), (10_000, 1)]
    assert await Finding.filter(kind=FindingKind.CHARGEBACK).count() == 2
    assert (await _balances(shop))[Account.CHARGEBACKS] == 10_000


async def test_a_reversal_that_is_told_first_gives_nothing_that_was_not_taken() -> None:
    shop, payment = await _stripe()
    await run_stripe(shop, [BACK])
    await payment.refresh_from_db()
    assert payment.charged_back == -10_000
    with pytest.raises(AmountExceedsRefundable):
        await a_refund(shop, payment, 10_001)
    assert len(await _open()) == 1
    await run_stripe(shop, [OUT], days=1)
    assert (await _charged(payment), await _open()) == (0, [])


async def test_a_revised_report_that_has_it_no_longer_gives_it_back_until_it_is_told_again() -> None:
    shop, payment = await _stripe()
    capture = stripe_line("charge", "100.00", "pi_1", "ch_1")
    seen = []
    for lines in ([capture, OUT], [capture], [capture, OUT], [capture, {**OUT, "customer_facing_amount": "-70.00"}]):
        await run_stripe(shop, lines)
        seen.append((await _charged(payment), [row.amount for row in await _open()]))
    assert seen == [(10_000, [10_000]), (0, []), (10_000, [10_000]), (7_000, [7_000])]
    gone = await Finding.filter(kind=FindingKind.CHARGEBACK).order_by("created_at").first()
    assert gone is not None
    assert "no longer" in (gone.resolution or "")


@pytest.mark.parametrize("names", [("pi_1", "dp_1"), ("pi_1", "")])
@pytest.mark.parametrize(
    ("told", "open_"),
    [
        ([(0, "OB"), (0, "")], [0, 0]),  # both dropped at once: nothing is lost, and nothing came back
        ([(0, "O"), (1, "B"), (1, ""), (0, "")], [1, 0, 1, 0]),  # lost after all, and then not even told
        ([(0, "B"), (0, "")], [1, 0]),  # what nobody had told to have left did not come back
        ([(0, "O"), (1, "B"), (0, ""), (0, "O")], [1, 0, 1, 0]),  # what came back had never left, until it had
    ],
)
async def test_no_finding_of_a_chargeback_stays_open_that_says_what_no_report_says_any_longer(
    told: list[tuple[int, str]], open_: list[int], names: tuple[str, str]
) -> None:
    shop, payment = await _stripe()
    capture, seen = stripe_line("charge", "100.00", "pi_1", "ch_1"), []
    lines = {"O": stripe_line("dispute", "-100.00", *names), "B": stripe_line("dispute_reversal", "100.00", *names)}
    for days, letters in told:
        await run_stripe(shop, [capture, *(lines[one] for one in letters)], days=days)
        assert await invariants.check() == []
        seen.append(len(await _open()))
    assert seen == open_


async def test_what_a_signed_webhook_told_stays_when_a_revised_report_has_it_no_longer() -> None:
    shop, payment = await _stripe()
    await run_stripe(shop, [OUT])
    await _a_notice(shop)
    await run_stripe(shop, [stripe_line("charge", "100.00", "pi_1", "ch_1")])
    assert await _charged(payment) == 10_000


async def _a_notice(shop: Shop) -> UUID:
    dispute = {"object": "dispute", "id": "dp_1", "amount": 10_000, "currency": "brl", "payment_intent": "pi_1"}
    body = json.dumps({"type": "charge.dispute.funds_withdrawn", "data": {"object": dispute}}).encode()
    (row,) = await rows(
        "INSERT INTO notices (id, connection_id, digest, body, headers, request_id, received_at, times_received, tries,"
        " applied_at) VALUES ($1, $2, $3, $4, '{}', 'r', now(), 1, 1, now()) RETURNING id",
        uuid4(),
        shop.connection.id,
        uuid4().hex,
        body,
    )
    found: UUID = row["id"]
    return found


async def test_a_finding_says_that_a_refund_under_way_may_leave_too() -> None:
    shop, payment = await _stripe()
    await a_refund(shop, payment, 3_000)
    await chargebacks.from_notice(payment, _told(), CAUSE)
    (finding,) = await _open()
    assert "both may leave" in finding.explanation
    assert "BRL 30.00" in finding.explanation


async def test_a_chargeback_of_what_partial_refunds_have_left_is_no_more_than_that() -> None:
    shop, payment = await _stripe()
    refund = await a_refund(shop, payment, 3_000)
    await an_answer(refund, Succeeded("re_1"))
    await chargebacks.from_notice(payment, _told(amount=None), CAUSE)
    assert await _charged(payment) == 7_000
    (finding,) = await _open()
    assert "more than was captured" not in finding.explanation
    await chargebacks.from_notice(payment, _told("dp_1/credit", None, back=True), CAUSE)
    assert await _charged(payment) == 0


async def test_a_chargeback_of_a_payment_that_was_refunded_says_that_more_left_than_came() -> None:
    shop, payment = await _stripe()
    await an_answer(await a_refund(shop, payment), Succeeded("re_1"))
    await run_stripe(shop, [OUT])
    assert "more than was captured" in (await _open())[0].explanation
    assert await _charged(payment) == 10_000
    await rows("UPDATE findings SET resolved_at = now() WHERE kind = 'CHARGEBACK' RETURNING id")
    (broken,) = await invariants.check()  # nobody is told of it any more
    assert broken.name.startswith("overdrawn")


async def test_a_chargeback_of_a_payment_that_we_do_not_know_is_found() -> None:
    shop, _ = await _stripe()
    await run_stripe(shop, [{**OUT, "payment_intent_id": "pi_unknown"}])
    finding = await Finding.get(kind=FindingKind.MISSING_IN_LEDGER)
    assert (finding.amount, "chargeback of pi_unknown" in finding.explanation) == (10_000, True)


async def test_where_the_pse_names_no_stage_each_line_is_one_and_the_same_night_again_is_none() -> None:
    shop, payment = await _stripe()
    nameless = stripe_line("dispute", "-30.00", "pi_1")
    for _ in range(2):
        await run_stripe(shop, [nameless, nameless])
    assert await _charged(payment) == 6_000
    await run_stripe(shop, [stripe_line("dispute_reversal", "30.00", "pi_1")], days=1)
    assert await _charged(payment) == 3_000
    await run_stripe(shop, [nameless])
    assert await _charged(payment) == 0


async def test_a_nameless_chargeback_that_two_files_tell_is_one_and_a_later_one_is_another() -> None:
    shop, payment = await _stripe()
    out, back = stripe_line("dispute", "-30.00", "pi_1"), stripe_line("dispute_reversal", "10.00", "pi_1")
    await run_stripe(shop, [out])
    await run_stripe(shop, [back, out], days=1)  # a week's file has the day's again
    await run_stripe(shop, [out, back], days=2)
    assert await _charged(payment) == 2_000
    assert (await _balances(shop))[Account.PSE_BALANCE] == -2_000
    later = {"created_utc": f"{today()} 13:00:00"}
    await run_stripe(shop, [out, out | later], days=3)
    assert await _charged(payment) == 5_000
    await run_stripe(shop, [])  # the first to tell it has it no longer, and others have it still
    await run_stripe(shop, [back, out], days=1)
    await run_stripe(shop, [], days=2)
    await run_stripe(shop, [], days=1)
    await run_stripe(shop, [out, out | later], days=3)
    assert await _charged(payment) == 6_000
    assert (await _balances(shop))[Account.PSE_BALANCE] == -6_000


def test_two_kinds_of_report_prove_a_nameless_chargeback_once() -> None:
    at = {"booked_at": datetime(2026, 1, 31, tzinfo=UTC)}
    row = at | {"type": "CHARGEBACK", "state": "SUCCEEDED", "payment_id": "p", "reference": None, "amount": 5}
    lines = pl.DataFrame(
        [{**row, "line": line, "kind": "settled", "effect": "NONE"} for line in (1, 2)], schema_overrides=TEXTS
    )
    released = {**row, "kind": "released", "effect": "CHARGEBACK", "report_id": "r"}
    elsewhere = pl.DataFrame([released], schema_overrides=TEXTS).drop("state")
    assert chargeback_proofs.with_effects(lines, elsewhere)["effect"].to_list() == ["NONE", "CHARGEBACK"]


async def test_the_invariants_notice_a_nameless_chargeback_that_is_proven_or_booked_twice(
    owner_rows: OwnerRows,
) -> None:
    shop, _ = await _stripe()
    for days in (0, 1):
        await run_stripe(shop, [stripe_line("dispute", "-30.00", "pi_1")], days=days)
    await owner_rows("UPDATE settlement_lines SET effect = 'CHARGEBACK'")
    names = {broken.name.split(":")[0] for broken in await invariants.check()}
    assert names == {"balance", "charged back once"}
    await owner_rows("UPDATE settlement_lines SET voided_at = now()")
    assert "charged back as told" in {broken.name.split(":")[0] for broken in await invariants.check()}


async def test_the_database_refuses_a_counter_that_its_entries_do_not_say() -> None:
    _, payment = await _stripe()
    with pytest.raises(Exception, match="charged back; its entries say"):
        await rows("UPDATE payments SET charged_back = 1 WHERE id = $1 RETURNING id", payment.id)


async def test_the_invariants_notice_a_counter_that_lies(owner_rows: OwnerRows) -> None:
    await _stripe()
    await owner_rows("ALTER TABLE payments DISABLE TRIGGER USER")
    await owner_rows("UPDATE payments SET charged_back = 1")
    assert {broken.name.split(":")[0] for broken in await invariants.check()} == {"charged back"}
