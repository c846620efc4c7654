"""Stripe's nights and webhooks, against its sandbox over real HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domain import invariants
from domain.access.tokens import Role
from domain.books import ledger
from domain.findings.findings import FindingKind
from domain.models import Answer, Call, Destination, Finding, LedgerEntry, Payment, Refund, SettlementLine
from domain.models.ledger import Account
from domain.models.refunds import State
from domain.money import Money
from domain.payments import external
from domain.pse.vocabulary import DestinationKind, KnownRefund, Method, Succeeded
from domain.refunds.approvals import decide as approvals
from domain.refunds.destination.destinations import Given
from jobs import reconciliation
from tests.conftest import Database
from tests.kit.factories import CAUSE, a_payment, a_person, a_refund
from tests.kit.held import books_hold_what_the_pse_holds
from tests.kit.world import World, a_world
from tests.sandbox.client import SandboxClient
from tests.sandbox.stripe.server import signed


@pytest.fixture
async def world(books: Database, sandbox: SandboxClient) -> AsyncIterator[World]:
    async with a_world(sandbox.at("stripe")) as made:
        yield made


async def _night(world: World) -> None:
    today = datetime.now(UTC).astimezone(ZoneInfo("America/Sao_Paulo")).date()
    run = await reconciliation.run(world.shop.connection.id, today, world.sender)
    assert (run.state, run.error) == ("COMPLETED", None)


async def test_a_night_proves_what_was_paid_what_left_and_what_came_back(world: World) -> None:
    paid, gone, back = await world.payment(), await world.payment(), await world.payment()
    by_charge = await world.payment(method=Method.CARD)
    await world.finish(await a_refund(world.shop, gone, 6_000))
    await world.finish(await a_refund(world.shop, by_charge, 1_000))
    returned = await world.finish(await a_refund(world.shop, back, 4_000))
    await world.sandbox.post("give-back", payment=back.pse_reference, refund=await world.name_of(back))
    await world.finish(returned, wait_for=State.RETURNED)
    await _night(world)
    balances = {row.account: row.balance for row in await ledger.balances(world.shop.id)}
    await books_hold_what_the_pse_holds(world)
    assert balances.get(Account.PSE_CLEARING, 0) == 0
    assert ([one.kind for one in await Finding.all()], await invariants.check()) == (["RETURNED"], [])
    assert await world.sandbox.paid(paid.pse_reference) == 0
    entries = await LedgerEntry.all().count()
    await _night(world)
    assert await LedgerEntry.all().count() == entries
    assert ([one.kind for one in await Finding.all()], await invariants.check()) == (["RETURNED"], [])


async def test_a_payment_that_is_known_by_its_charge_is_found_in_the_report(world: World) -> None:
    reference = await world.sandbox.capture(10_000, method="CARD", currency="MXN")
    intent = await world.sandbox.http.get(
        f"{world.sandbox.url}/stripe/v1/payment_intents/{reference}",
        headers={"Authorization": "Bearer sk_test_sandbox"},
    )
    charge = intent.json()["latest_charge"]
    payment = await a_payment(world.shop, reference=charge, method=Method.CARD, currency="MXN")
    refund = await world.finish(await a_refund(world.shop, payment, 3_000))
    assert refund.state is State.SUCCEEDED
    assert await world.sandbox.paid(reference) == 3_000
    await _night(world)
    assert (await Finding.all().count(), await invariants.check()) == (0, [])


async def _until_taken(world: World, payment: Payment, amount: int) -> None:
    """Wait for the webhook that tells of it; others may come before."""
    for _ in range(200):
        await world.apply_notices()
        await payment.refresh_from_db()
        if payment.taken_by_bank == amount:
            return
        await asyncio.sleep(0.03)
    raise AssertionError(f"{payment.taken_by_bank} was booked as taken, and not {amount}.")


async def test_a_refund_made_in_the_dashboard_is_booked_once_and_found(world: World) -> None:
    payment = await world.payment()
    await _made_elsewhere(world, payment, 2_500)
    await _until_taken(world, payment, 2_500)
    await _night(world)
    await payment.refresh_from_db()
    assert payment.taken_by_bank == 2_500
    assert await Finding.filter(kind="MISSING_IN_LEDGER").count() == 1
    assert await invariants.check() == []


async def _made_elsewhere(world: World, payment: Payment, amount: int) -> None:
    answer = await world.sandbox.http.post(
        f"{world.sandbox.url}/stripe/v1/refunds",
        data={"payment_intent": payment.pse_reference, "amount": str(amount)},
        headers={"Authorization": "Bearer sk_test_sandbox"},
    )
    answer.raise_for_status()


async def _hear(world: World, refund: Refund, status: str, **more: Any) -> None:
    """An event about the refund, signed as Stripe signs, through the front door."""
    payment = await Payment.get(id=refund.payment_id)
    about = {
        "id": refund.pse_refund_reference,
        "object": "refund",
        "amount": refund.amount,
        "currency": refund.currency.lower(),
        "charge": "ch_1",
        "payment_intent": payment.pse_reference,
        "metadata": {"estorno_reference": refund.reference},
        "status": status,
        **more,
    }
    body = json.dumps({"id": f"evt_{status}", "type": "refund.updated", "data": {"object": about}}).encode()
    url = world.settings.webhook_url(world.shop.connection.id)
    assert url is not None
    heard = await world.sandbox.http.post(url, content=body, headers=signed(body))
    assert heard.status_code < 300
    await world.apply_notices()


async def test_events_in_the_wrong_order_do_no_harm(world: World) -> None:
    payment = await world.payment("pending")
    refund = await world.step(await a_refund(world.shop, payment, 4_000))
    assert refund.state is State.PENDING
    await _hear(world, refund, "succeeded")
    await _hear(world, refund, "pending", pending_reason="processing")
    assert (await Refund.get(id=refund.id)).state is State.SUCCEEDED
    assert (await Finding.all().count(), await invariants.check()) == (0, [])


async def test_success_that_is_heard_after_its_failure_does_not_pay_twice(world: World) -> None:
    payment = await world.payment("pending")
    refund = await world.step(await a_refund(world.shop, payment, 4_000))
    await _hear(world, refund, "failed", failure_reason="declined", failure_balance_transaction="txn_1")
    await _hear(world, refund, "succeeded")
    assert (await Refund.get(id=refund.id)).state is State.RETURNED
    await payment.refresh_from_db()
    assert (payment.refunded, payment.reserved, payment.taken_by_bank) == (0, 0, 0)
    assert ([one.kind for one in await Finding.all()], await invariants.check()) == (["RETURNED"], [])


async def test_an_event_that_names_another_amount_is_a_persons_to_sort_out(world: World) -> None:
    payment = await world.payment("pending")
    refund = await world.step(await a_refund(world.shop, payment, 4_000))
    await _hear(world, refund, "succeeded", amount=4_001)
    found = await Refund.get(id=refund.id)
    assert found.state is State.PENDING
    assert found.needs_person_since is not None


async def test_no_secret_is_in_the_log_of_calls(world: World) -> None:
    payment = await world.payment()
    await world.finish(await a_refund(world.shop, payment, 4_000))
    await _night(world)
    calls = await Call.all()
    assert {call.purpose for call in calls} >= {"REFUND", "REPORT"}
    for call in calls:
        assert "sk_test_sandbox" not in f"{call.url} {call.headers} {call.body}"


async def test_a_bank_transfer_is_refunded_where_the_customer_says_and_the_address_is_in_no_log(world: World) -> None:
    payment = await world.payment("pending", method=Method.BANK_TRANSFER)
    given = Given(DestinationKind.EMAIL, {"email": "canary.ana@example.com"})
    refund = await a_refund(world.shop, payment, given=given)
    assert refund.state is State.AWAITING_APPROVAL
    shown = await Destination.get(refund_id=refund.id, superseded_at=None)
    boss = a_person(world.shop, "boss", Role.ACCOUNTING)
    await approvals.approve(boss, refund.id, shown.fingerprint, None, CAUSE)
    waiting = await world.step(refund)
    assert waiting.state is State.PENDING
    sent = (await world.sandbox.get("requests"))["requests"][0]
    assert "instructions_email=canary.ana%40example.com" in sent["body"]
    await world.sandbox.post("settle", payment=payment.pse_reference, refund=await world.name_of(payment))
    assert (await world.finish(waiting)).state is State.SUCCEEDED
    for call in await Call.all():
        assert "canary" not in f"{call.url} {call.headers} {call.body}"
    for told in await Answer.all():
        assert "canary" not in f"{told.headers} {told.body}"


async def test_a_payment_that_stripe_cannot_refund_waits_for_an_account_and_never_goes_to_stripe(world: World) -> None:
    payment = await world.payment(method=Method.OXXO)
    refund = await a_refund(world.shop, payment, 4_000)
    assert refund.state is State.AWAITING_DESTINATION
    assert await world.sandbox.refund_requests(payment.pse_reference) == 0


async def test_a_refund_that_the_report_tells_before_its_answer_is_counted_once(world: World) -> None:
    """The report names refunds by Stripe's id alone, and the answer with it was lost: first nobody's, then ours."""
    payment = await world.payment("lost_answer", webhook_moods=[{"name": "missing"}])
    refund = await world.step(await a_refund(world.shop, payment, 4_000))
    assert refund.state is State.SUBMITTED
    await _night(world)
    await payment.refresh_from_db()
    assert payment.taken_by_bank == 4_000
    refund = await world.finish(refund)
    await payment.refresh_from_db()
    assert (refund.state, payment.refunded, payment.taken_by_bank) == (State.SUCCEEDED, 4_000, 0)
    assert await reconciliation.ring_the_night(datetime.now(UTC)) == 1, "the date is to be repeated"
    await _night(world)
    balances = {row.account: row.balance for row in await ledger.balances(world.shop.id)}
    await books_hold_what_the_pse_holds(world)
    assert (balances.get(Account.PSE_CLEARING, 0), balances.get(Account.SUSPENSE, 0)) == (0, 0)
    proven = await SettlementLine.filter(refund_id=refund.id, voided_at=None)
    assert [line.effect for line in proven] == ["REFUND"]
    assert await reconciliation.ring_the_night(datetime.now(UTC)) == 0
    assert (await Finding.filter(resolved_at=None).count(), await invariants.check()) == (0, [])


async def test_a_refund_that_was_ours_is_not_booked_as_taken_when_its_report_is_read_late(world: World) -> None:
    """The matching has begun before the answer came: what it then books must know of the answer."""
    payment = await world.payment()
    refund = await world.finish(await a_refund(world.shop, payment, 4_000))
    known = KnownRefund(
        reference=refund.pse_refund_reference or "",
        pse_refund_reference=refund.pse_refund_reference,
        amount=Money(4_000, "BRL"),
        outcome=Succeeded(refund.pse_refund_reference),
        by_bank=False,
        kind="refund",
        requested_at=None,
        settled_at=None,
    )
    assert not await external.book(payment, known, FindingKind.MISSING_IN_LEDGER, CAUSE)
    await payment.refresh_from_db()
    assert payment.taken_by_bank == 0
