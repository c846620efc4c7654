"""The night of a Mercado Pago account: its release report, whose lines name the payment and never the refund."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from domain import invariants
from domain.books import ledger
from domain.findings.findings import FindingKind
from domain.models import Finding, LedgerEntry, Payment, ReconciliationRun, Refund, Report, SettlementLine
from domain.models.ledger import Account
from domain.models.refunds import State
from jobs import reconciliation
from tests.conftest import Database
from tests.kit.factories import OwnerRows, a_refund, sent_earlier
from tests.kit.held import books_hold_what_the_pse_holds
from tests.kit.lines import today
from tests.kit.world import World, a_world
from tests.sandbox.client import SandboxClient
from tests.sandbox.mercadopago.server import OPERATOR, PAYER_TAX_ID, TOKEN, WEBHOOK_SECRET


@pytest.fixture
async def world(books: Database, sandbox: SandboxClient) -> AsyncIterator[World]:
    async with a_world(sandbox.at("mercadopago")) as made:
        yield made


async def _night(world: World) -> ReconciliationRun:
    run = await reconciliation.run(world.shop.connection.id, today(), world.sender)
    assert (run.state, run.error) == ("COMPLETED", None)
    assert await invariants.check() == []
    return run


async def _balances_agree(world: World) -> None:
    """What the report has proven is what the sandbox's own log says, and nothing is left unproven."""
    balances = {row.account: row.balance for row in await ledger.balances(world.shop.id)}
    await books_hold_what_the_pse_holds(world)
    assert balances.get(Account.PSE_CLEARING, 0) == 0


async def _kinds() -> list[str]:
    return sorted(row.kind for row in await Finding.filter(resolved_at=None))


async def _counts() -> tuple[int, ...]:
    return (
        await LedgerEntry.all().count(),
        await SettlementLine.all().count(),
        await Report.all().count(),
        await Finding.all().count(),
    )


async def test_a_night_proves_what_left_and_a_repeated_one_changes_nothing(world: World) -> None:
    payment = await world.payment(amount=10_000)
    for amount in (2_500, 2_500, 1_000):
        await world.finish(await a_refund(world.shop, payment, amount))
    run = await _night(world)
    assert run.manifest["matched_refunds"] == 3
    assert "closing balance" in run.manifest["completeness"]
    await _balances_agree(world)
    before = await _counts()
    assert (await _night(world)).times == 2
    assert (await _counts(), await _kinds()) == (before, [])


async def test_a_report_that_takes_its_time_is_waited_for(world: World) -> None:
    await world.sandbox.post("report-polls", polls=2)
    payment = await world.payment(amount=10_000)
    await world.finish(await a_refund(world.shop, payment, 2_500))
    assert (await _night(world)).manifest["matched_refunds"] == 1


@pytest.mark.parametrize("config", [{"refuses": True}, {"closed": True}, {"missing": True}, {}])
async def test_what_else_happens_in_the_account_and_how_it_is_configured_hold_up_no_night(
    world: World, config: dict[str, bool]
) -> None:
    await world.sandbox.post("report-config", **config)
    payment = await world.payment(amount=10_000)
    await world.finish(await a_refund(world.shop, payment, 2_500))
    pairs = [{"description": "reserve_for_payout", "net": net, "source": "5001"} for net in (-4_000, 4_000)]
    purchase = [{"description": "payment", "net": -3_000, "source": "5002"}]
    back = [{"description": "refund", "net": 3_000, "source": "5002"}]
    payout = [{"description": "payouts_cash", "net": -5_015, "gross": -5_000}]
    new = [{"description": "word_of_tomorrow", "net": 100}]
    await world.sandbox.post("report-rows", rows=[*pairs, *purchase, *back, *payout, *new])
    run = await _night(world)
    assert run.manifest["matched_refunds"] == 1
    assert "closing balance" in run.manifest["completeness"]
    kinds = sorted((row.type, str(row.kind)) for row in await SettlementLine.all())
    assert kinds == [
        ("ADJUSTMENT", "payment"),
        ("ADJUSTMENT", "refund"),
        ("CAPTURE", "payment"),
        ("OTHER", "word_of_tomorrow"),
        ("PAYOUT", "payouts_cash"),
        ("REFUND", "refund"),
        ("RESERVE", "reserve_for_payout"),
        ("RESERVE", "reserve_for_payout"),
    ]
    await _balances_agree(world)


async def test_a_refund_in_doubt_that_a_report_may_tell_of_is_asked_about_and_then_proven(world: World) -> None:
    payment = await world.payment("lost_answer", webhook_moods=[{"name": "missing"}])
    refund = await world.step(await a_refund(world.shop, payment, 4_000))
    assert refund.state is State.SUBMITTED
    await _night(world)
    await payment.refresh_from_db()
    assert payment.taken_by_bank == 4_000
    refund = await Refund.get(id=refund.id)
    assert refund.due_at is not None
    assert refund.due_at <= datetime.now(UTC)
    assert (await world.step(refund)).state is State.SUCCEEDED
    await _night(world)
    await payment.refresh_from_db()
    assert (payment.refunded, payment.taken_by_bank) == (4_000, 0)
    await _balances_agree(world)
    assert await _kinds() == []


async def test_a_refund_whose_request_was_taken_for_lost_and_arrived_late_has_the_line_when_it_is_known(
    world: World, owner_rows: OwnerRows
) -> None:
    payment = await world.payment("late_request", seconds=1.5, webhook_moods=[{"name": "missing"}])
    refund = await world.step(await a_refund(world.shop, payment, 4_000))
    await sent_earlier(owner_rows, "1 minute")
    refund = await world.step(refund)
    assert refund.state is State.REQUESTED
    await world.until_paid(payment, 4_000)
    await _night(world)
    assert (await world.finish(refund)).state is State.SUCCEEDED
    await _night(world)
    await payment.refresh_from_db()
    assert (payment.refunded, payment.taken_by_bank) == (4_000, 0)
    await _balances_agree(world)
    assert await _kinds() == []


@pytest.mark.parametrize("told_before", [False, True])
async def test_money_that_left_and_came_back_without_a_refund_of_ours_leaves_nothing_behind(
    world: World, told_before: bool
) -> None:
    await world.sandbox.post("webhooks", key="sp@loja", url=_address(world), times=0)
    payment = await world.payment(amount=10_000)
    await world.sandbox.post("panel-refund", payment=payment.pse_reference, amount=4_000)
    if told_before:
        await _night(world)
        assert (await Payment.get(id=payment.id)).taken_by_bank == 4_000
    log = await world.sandbox.get("log")
    refund = next(row["refund"] for row in log["movements"] if row["kind"] == "REFUND")
    await world.sandbox.post("give-back", payment=payment.pse_reference, refund=refund)
    for _ in range(2):
        await _night(world)
        assert (await Payment.get(id=payment.id)).taken_by_bank == 0
        await _balances_agree(world)


async def test_a_refund_that_was_never_sent_is_not_what_a_report_tells(world: World) -> None:
    payment = await world.payment(amount=10_000)
    refund = await a_refund(world.shop, payment, 4_000)
    await world.sandbox.post("panel-refund", payment=payment.pse_reference, amount=4_000)
    await _night(world)
    assert (await Refund.get(id=refund.id)).state is State.REQUESTED
    await payment.refresh_from_db()
    assert (payment.refunded, payment.taken_by_bank) == (0, 4_000)


async def test_money_that_came_back_is_returned_and_proven_whatever_night_tells(world: World) -> None:
    payment = await world.payment(amount=10_000)
    refund = await world.finish(await a_refund(world.shop, payment, 4_000))
    await world.finish(await a_refund(world.shop, payment, 4_000))
    await _night(world)
    await world.sandbox.post("give-back", payment=payment.pse_reference, refund=refund.pse_refund_reference)
    await world.finish(refund, wait_for=State.RETURNED)
    await _night(world)
    await _balances_agree(world)
    await _night(world)
    await _balances_agree(world)
    assert await _kinds() == ["RETURNED"]


async def test_money_that_came_back_on_another_day_is_proven_by_that_days_report(
    world: World, owner_rows: OwnerRows
) -> None:
    payment = await world.payment(amount=10_000)
    refund = await world.finish(await a_refund(world.shop, payment, 4_000))
    await _night(world)
    await world.sandbox.post("give-back", payment=payment.pse_reference, refund=refund.pse_refund_reference)
    await world.finish(refund, wait_for=State.RETURNED)
    # Another report has the return, and once more what the first one told.
    await owner_rows("UPDATE reports SET name = 'release-of-another-day.csv'")
    await _night(world)
    lines = await SettlementLine.filter(voided_at=None, refund_id=refund.id).order_by("id")
    assert [line.effect for line in lines] == ["REFUND", "NONE", "RETURN"]
    await _balances_agree(world)


@pytest.mark.parametrize("first", ["webhook", "report"])
async def test_a_refund_of_the_panel_is_booked_once_whoever_tells_it_first(world: World, first: str) -> None:
    payment = await world.payment(amount=10_000, webhook_moods=[{"name": "ok"}] if first == "webhook" else [])
    if first == "report":
        await world.sandbox.post("webhooks", key="sp@loja", url=_address(world), times=0)
    for _ in range(2):
        await world.sandbox.post("panel-refund", payment=payment.pse_reference, amount=3_000)
    if first == "webhook":
        await _until_taken(world, payment, 6_000)
        await _night(world)
    else:
        await _night(world)
        await world.sandbox.post("webhooks", key="sp@loja", url=_address(world), times=1)
        await world.sandbox.post("panel-refund", payment=payment.pse_reference, amount=1_000)
        await _until_taken(world, payment, 7_000)
    await _night(world)
    await payment.refresh_from_db()
    assert payment.taken_by_bank == await world.sandbox.paid(payment.pse_reference)
    await _balances_agree(world)
    assert set(await _kinds()) == {FindingKind.MISSING_IN_LEDGER}


def _address(world: World) -> str:
    address = world.settings.webhook_url(world.shop.connection.id)
    assert address is not None
    return address


async def _until_taken(world: World, payment: Payment, amount: int) -> None:
    for _ in range(200):
        await world.apply_notices()
        if (await Payment.get(id=payment.id)).taken_by_bank == amount:
            return
        await asyncio.sleep(0.03)
    raise AssertionError("No webhook told of it.")


async def test_no_secret_and_no_personal_data_is_in_what_support_reads(world: World, owner_rows: OwnerRows) -> None:
    payment = await world.payment(amount=10_000)
    await world.finish(await a_refund(world.shop, payment, 2_500))
    await world.sandbox.post("panel-refund", payment=payment.pse_reference, amount=1_000)
    await _until_taken(world, payment, 1_000)
    await _night(world)
    kept = await owner_rows(
        "SELECT row_to_json(c)::text AS said FROM calls c UNION ALL SELECT row_to_json(a)::text FROM answers a "
        "UNION ALL SELECT row_to_json(e)::text FROM events e UNION ALL SELECT row_to_json(f)::text FROM findings f"
    )
    said = "\n".join(row["said"] for row in kept)
    assert "/v1/payments/" in said
    canaries = (TOKEN, WEBHOOK_SECRET, OPERATOR, PAYER_TAX_ID, "payer@example.com", "Canaria")
    assert [canary for canary in canaries if canary in said] == []
