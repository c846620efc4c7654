"""Adyen's nights over real HTTP: a webhook announces a batch, the run fetches it, the books agree with the sandbox."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domain import invariants
from domain.books import ledger
from domain.models import Finding, Notice, ReconciliationRun, Refund, Report
from domain.models.ledger import Account
from domain.models.refunds import State
from domain.platform.database import rows
from domain.pse.vocabulary import Method
from jobs import reconciliation
from tests.conftest import Database
from tests.kit.factories import a_payment, a_refund
from tests.kit.held import books_hold_what_the_pse_holds
from tests.kit.world import World, a_world
from tests.sandbox.client import SandboxClient

_WAITS_MAX = 200


@pytest.fixture
async def world(books: Database, sandbox: SandboxClient) -> AsyncIterator[World]:
    async with a_world(sandbox.at("adyen")) as made:
        yield made


def _today() -> date:
    return datetime.now(UTC).astimezone(ZoneInfo("America/Sao_Paulo")).date()


async def _night(world: World) -> ReconciliationRun:
    return await reconciliation.run(world.shop.connection.id, _today(), world.sender)


async def _announced(world: World, count: int) -> None:
    """Wait until that many reports are announced, by webhooks that came in and were applied."""
    for _ in range(_WAITS_MAX):
        await world.apply_notices()
        (found,) = await rows("SELECT count(*) AS count FROM announced_reports")
        if found["count"] == count:
            return
        await asyncio.sleep(0.03)
    raise AssertionError("The report was not announced.")


async def _closed(world: World, *, announced: int) -> str:
    name: str = (await world.sandbox.post("close-batch"))["report"]
    await _announced(world, announced)
    return name


async def _effects() -> list[tuple[str, str]]:
    found = await rows("SELECT type, effect FROM settlement_lines WHERE voided_at IS NULL ORDER BY report_id, line")
    return sorted((row["type"], row["effect"]) for row in found)


async def _open_findings() -> int:
    # A refund that was stepped often before its webhook came was overdue for a moment; that finding is resolved.
    return await Finding.filter(resolved_at=None).count()


async def _balances(world: World) -> dict[str, int]:
    return {row.account: row.balance for row in await ledger.balances(world.shop.id)}


async def test_the_announced_batch_is_fetched_and_proves_captures_refunds_and_returns(world: World) -> None:
    kept, returned = await world.payment(order="order-1"), await world.payment(order="order-2")
    for amount in (2_500, 4_000):
        assert (await world.finish(await a_refund(world.shop, kept, amount))).state is State.SUCCEEDED
    refund = await world.finish(await a_refund(world.shop, returned, 3_000))
    await world.sandbox.post("give-back", payment=returned.pse_reference, refund=await world.name_of(returned))
    assert (await world.finish(refund, wait_for=State.RETURNED)).state is State.RETURNED
    name = await _closed(world, announced=1)
    run = await _night(world)
    assert (run.state, run.error) == ("COMPLETED", None)
    (file,) = run.manifest["files"]
    assert (file["name"], file["matched_refunds"], file["unmatched_refunds"]) == (name, 3, 0)
    assert "MerchantPayout" in file["completeness"]
    assert await _effects() == [
        ("CAPTURE", "CAPTURE"),
        ("CAPTURE", "CAPTURE"),
        ("FEE", "NONE"),
        ("PAYOUT", "NONE"),
        ("REFUND", "REFUND"),
        ("REFUND", "REFUND"),
        ("REFUND", "REFUND"),
        ("REFUND", "RETURN"),
    ]
    await books_hold_what_the_pse_holds(world)
    balances = await _balances(world)
    # 1 % of the captures, and 0.10 for each of them.
    assert (balances[Account.FEES], balances[Account.PAYOUTS_IN_TRANSIT]) == (220, 20_000 - 6_500 - 220)
    assert balances.get(Account.PSE_CLEARING, 0) == 0
    assert (await _open_findings(), await invariants.check()) == (1, []), "what came back is owed"


async def test_the_same_night_again_changes_nothing(world: World) -> None:
    await world.finish(await a_refund(world.shop, await world.payment(), 4_000))
    await _closed(world, announced=1)
    await _night(world)
    before = await _effects(), await _balances(world), await Report.all().count()
    run = await _night(world)
    assert (run.state, run.times, [file["run"] for file in run.manifest["files"]]) == ("COMPLETED", 2, [1])
    assert (await _effects(), await _balances(world), await Report.all().count()) == before
    assert await _open_findings() == 0


async def test_a_batch_announced_again_is_fetched_again_and_changes_nothing(world: World) -> None:
    await world.finish(await a_refund(world.shop, await world.payment(), 4_000))
    name = await _closed(world, announced=1)
    await _night(world)
    before = await _effects(), await _balances(world)
    await world.sandbox.post("announce", reports=[name, name])
    await asyncio.sleep(0.3)
    await world.apply_notices()
    assert (await _night(world)).state == "COMPLETED"
    assert (await _effects(), await _balances(world)) == before
    assert await Report.filter(superseded_at=None).count() == 1


async def test_batches_whose_announcement_got_lost_are_fetched_too(world: World) -> None:
    names = []
    for announce in (True, False, False, True):
        await world.finish(await a_refund(world.shop, await world.payment(), 4_000))
        names.append((await world.sandbox.post("close-batch", announce=announce))["report"])
    await _announced(world, 2)
    run = await _night(world)
    assert [file["name"] for file in run.manifest["files"]] == names
    assert run.manifest["matched_refunds"] == 4
    assert await invariants.check() == []


async def test_several_batches_are_announced_in_one_post(world: World) -> None:
    for _ in range(2):
        await world.finish(await a_refund(world.shop, await world.payment(), 4_000))
        await world.sandbox.post("close-batch", announce=False)
    names = [f"settlement_detail_report_batch_{number}.csv" for number in (1, 2)]
    await world.sandbox.post("announce", reports=[*names, "payments_accounting_report_2026_11_23.csv"])
    await _announced(world, 2)
    run = await _night(world)
    assert [file["name"] for file in run.manifest["files"]] == names
    (told,) = [notice.result for notice in await Notice.all() if b"payments_accounting" in bytes(notice.body)]
    assert "not a settlement details report" in str(told)


async def test_a_refund_whose_webhook_is_missing_is_proven_by_its_batch(world: World) -> None:
    payment = await world.payment("ok", webhook_moods=[{"name": "missing"}])
    refund = await world.step(await a_refund(world.shop, payment, 4_000))
    assert refund.state is State.PENDING
    await _closed(world, announced=1)
    await _night(world)
    assert (await Refund.get(id=refund.id)).state is State.SUCCEEDED
    assert (await _open_findings(), await invariants.check()) == (0, [])


async def test_a_refund_made_in_adyens_own_pages_is_booked_as_taken_and_found(world: World) -> None:
    payment = await world.payment(order="order-1")
    base, account = world.shop.connection.base_url, world.shop.connection.client_id
    for _ in range(2):  # both with the order's reference, as a person makes them there
        made = await world.sandbox.http.post(
            f"{base}/payments/{payment.pse_reference}/refunds",
            json={
                "merchantAccount": account,
                "amount": {"value": 1_500, "currency": "BRL"},
                "reference": "order-1",
            },
            headers={"x-api-key": "AQEsandbox-api-key-of-adyen"},
        )
        assert made.status_code == 201
    await _closed(world, announced=1)
    assert (await _night(world)).state == "COMPLETED"
    await payment.refresh_from_db()
    assert payment.taken_by_bank == 3_000
    assert {row.kind for row in await Finding.all()} == {"MISSING_IN_LEDGER"}
    assert await invariants.check() == []


async def test_the_url_in_a_webhook_is_never_followed(world: World) -> None:
    await world.finish(await a_refund(world.shop, await world.payment(), 4_000))
    await _closed(world, announced=1)
    await _night(world)
    urls = [row["url"] for row in await rows("SELECT url FROM calls WHERE purpose = 'REPORT'")]
    assert urls
    assert all(url.startswith(world.sandbox.url) for url in urls)
    told = [json.loads(bytes(row.body)) for row in await Notice.all()]
    reasons = [item["NotificationRequestItem"]["reason"] for body in told for item in body["notificationItems"]]
    assert any("https://ca-test.adyen.com/" in reason for reason in reasons)


async def test_secrets_do_not_appear_in_the_calls(world: World) -> None:
    await world.finish(await a_refund(world.shop, await world.payment(), 4_000))
    await _closed(world, announced=1)
    await _night(world)
    kept: list[Any] = [dict(row) for row in await rows("SELECT url, headers, body FROM calls")]
    kept += [dict(row) for row in await rows("SELECT headers, body FROM answers")]
    text = json.dumps(kept, default=str)
    assert len(kept) >= 4
    for secret in ("AQEsandbox-api-key", "sandbox-report-password", "cmVwb3J0QENvbXBhbnk"):
        assert secret not in text


async def test_a_connection_without_a_report_url_says_what_is_missing(world: World) -> None:
    await world.sandbox.capture()
    world.shop.connection.report_url = None
    await world.shop.connection.save(update_fields=["report_url"])
    await _closed(world, announced=1)
    run = await _night(world)
    assert run.state == "FAILED"
    assert "report URL" in str(run.error)


async def test_a_batch_that_lost_a_row_leaves_nothing_half_imported_and_can_be_fetched_again(world: World) -> None:
    refund = await world.finish(await a_refund(world.shop, await world.payment(), 4_000))
    whole = await _closed(world, announced=1)
    await world.sandbox.post("lose-row", report=whole, lost=True)
    run = await _night(world)
    assert run.state == "FAILED"
    assert "BRL 99.00 of net credit and 59.00 of net debit" in str(run.error)
    assert (await _effects(), await Report.all().count()) == ([], 0)
    await world.sandbox.post("lose-row", report=whole, lost=False)
    run = await _night(world)
    assert (run.state, run.manifest["matched_refunds"]) == ("COMPLETED", 1)
    assert (await Refund.get(id=refund.id)).state is State.SUCCEEDED
    assert await invariants.check() == []


async def test_a_payment_captured_in_parts_is_proven_whole(world: World) -> None:
    reference = await world.sandbox.capture(10_001, parts=2)
    payment = await a_payment(world.shop, amount=10_001, reference=reference)
    await world.finish(await a_refund(world.shop, payment, 4_000))
    await _closed(world, announced=1)
    run = await _night(world)
    assert (run.state, run.error) == ("COMPLETED", None)
    assert sorted(await _effects())[:2] == [("CAPTURE", "CAPTURE"), ("CAPTURE", "CAPTURE")]
    await books_hold_what_the_pse_holds(world)
    assert (await _open_findings(), await invariants.check()) == (0, [])


async def test_pesos_of_chile_have_two_decimals_at_adyen_and_none_in_the_books(world: World) -> None:
    payment = await world.payment(amount=15_990, currency="CLP", method=Method.CARD)
    refund = await world.finish(await a_refund(world.shop, payment, 5_990))
    assert refund.state is State.SUCCEEDED
    (asked,) = (await world.sandbox.get("requests"))["requests"]
    assert json.loads(asked["body"])["amount"] == {"currency": "CLP", "value": 599_000}
    assert await world.sandbox.paid(payment.pse_reference) == 5_990
    await _closed(world, announced=1)
    assert (await _night(world)).state == "COMPLETED"
    (line,) = await rows("SELECT amount, settled_net FROM settlement_lines WHERE effect = 'REFUND'")
    assert (line["amount"], line["settled_net"]) == (5_990, Decimal(-5_990))
    await books_hold_what_the_pse_holds(world)
    assert (await _open_findings(), await invariants.check()) == (0, [])
