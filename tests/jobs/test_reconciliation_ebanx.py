"""EBANX's night over real HTTP: no report is published, so the run says so; and doubt without an idempotency key."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from domain import invariants
from domain.books import ledger
from domain.findings.findings import FindingKind
from domain.models import Finding, Payment, Refund
from domain.models.ledger import Account
from domain.models.refunds import State
from jobs import reconciliation
from tests.conftest import Database
from tests.kit.factories import OwnerRows, a_refund
from tests.kit.world import World, a_world
from tests.sandbox.client import SandboxClient
from tests.sandbox.ebanx.server import INTEGRATION_KEY

ZONE = ZoneInfo("America/Sao_Paulo")


@pytest.fixture
async def world(books: Database, sandbox: SandboxClient) -> AsyncIterator[World]:
    async with a_world(sandbox.at("ebanx")) as made:
        yield made


async def test_the_night_is_done_and_says_that_there_is_no_report(world: World) -> None:
    payment = await world.payment()
    await world.finish(await a_refund(world.shop, payment, 4_000))
    day = datetime.now(UTC).astimezone(ZONE).date()
    for times in (1, 2):
        run = await reconciliation.run(world.shop.connection.id, day, world.sender)
        assert (run.state, run.error, run.times) == ("NO_REPORT", None, times)
        assert run.manifest["completeness"] == "the PSE publishes no report"
    balances = {row.account: row.balance for row in await ledger.balances(world.shop.id)}
    assert balances[Account.PSE_CLEARING] == 6_000  # claimed, and proven by nothing
    assert balances.get(Account.PSE_BALANCE, 0) == 0
    assert (await Finding.all().count(), await invariants.check()) == (0, [])


async def test_a_refusal_is_confirmed_by_the_query_before_it_is_believed(world: World, owner_rows: OwnerRows) -> None:
    payment = await world.payment()
    other = {"operation": "request", "hash": payment.pse_reference, "amount": "80.00", "description": "by hand"}
    url = f"{world.sandbox.url}/ebanx/ws/refund"
    await world.sandbox.http.post(url, data={**other, "integration_key": INTEGRATION_KEY})
    refund = await world.step(await a_refund(world.shop, payment, 4_000))
    assert refund.state is State.SUBMITTED
    assert (await world.step(refund)).state is State.SUBMITTED  # it is asked about, too soon to be believed
    refund = await world.finish(refund, owner_rows)
    assert (refund.state, refund.failure_code) == (State.FAILED, "BP-REF-2")
    assert await invariants.check() == []


async def test_a_refund_that_was_made_by_hand_is_seen_by_its_notification(world: World) -> None:
    payment = await world.payment()
    body = {"operation": "request", "hash": payment.pse_reference, "amount": "25.00", "description": "by hand"}
    url = f"{world.sandbox.url}/ebanx/ws/refund"
    await world.sandbox.http.post(url, data={**body, "integration_key": INTEGRATION_KEY})
    for _ in range(100):
        await world.apply_notices()
        payment = await Payment.get(id=payment.id)
        if payment.taken_by_bank:
            break
    assert payment.taken_by_bank == 2_500
    assert await Finding.filter(kind=FindingKind.MISSING_IN_LEDGER).count() == 1
    assert await invariants.check() == []


async def test_two_refunds_under_one_code_call_a_person(world: World) -> None:
    payment = await world.payment("lost_answer", webhook_moods=[{"name": "missing"}] * 2)
    refund = await world.step(await a_refund(world.shop, payment, 4_000))
    body = {
        "operation": "request",
        "hash": payment.pse_reference,
        "amount": "40.00",
        "description": "again",
        "merchant_refund_code": refund.reference,
    }
    url = f"{world.sandbox.url}/ebanx/ws/refund"
    await world.sandbox.http.post(url, data={**body, "integration_key": INTEGRATION_KEY})
    refund = await world.finish(refund)
    assert refund.state is State.SUBMITTED
    assert refund.needs_person_since is not None
    assert "under one reference" in (await Finding.get(refund_id=refund.id)).explanation


async def test_the_integration_key_is_in_no_call_and_no_notice(world: World, owner_rows: OwnerRows) -> None:
    payment = await world.payment()
    await world.finish(await a_refund(world.shop, payment, 4_000))
    assert await Refund.filter(state=State.SUCCEEDED).count() == 1
    kept = await owner_rows(
        "SELECT c.headers::text || c.url || c.body || a.headers::text || a.body AS text FROM calls c "
        "JOIN answers a ON a.call_id = c.id UNION ALL SELECT headers::text || encode(body, 'escape') FROM notices"
    )
    assert len(kept) >= 2
    for row in kept:
        for secret in (INTEGRATION_KEY, "payer@example.org", "00000000191"):
            assert secret not in row["text"]
