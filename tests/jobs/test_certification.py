"""A certification in our own sandbox: the product's own way for each PSE, and a report that nobody can change."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import pytest

from domain.cause import Cause
from domain.models import CertificationRun, Connection, Payment, Refund
from domain.models.connections import ConnectionState
from domain.onboarding import certificate, certification
from domain.onboarding.certification import CaseName, CaseOutcome
from domain.platform.database import rows
from domain.problems import InvalidInput, InvalidState, NotFound
from jobs import certification as certification_jobs
from jobs import certification_play, refunds
from tests.conftest import Database
from tests.kit.accounts import ACCOUNTS
from tests.kit.factories import CAUSE, KEY, a_shop
from tests.kit.world import World, a_world
from tests.sandbox.client import SandboxClient

PSES = ["adyen", "conekta", "dlocal", "ebanx", "mercadopago", "pix", "stripe"]
NO_REPORT = {"dlocal", "ebanx"}


@asynccontextmanager
async def _workers(world: World) -> AsyncIterator[None]:
    """What the workers do meanwhile, as the bell would have it."""

    async def work() -> None:
        while True:
            for row in await rows("SELECT id FROM refunds WHERE due_at <= now() ORDER BY due_at"):
                await refunds.step(row["id"], world.sender, world.settings)
            await world.apply_notices()
            await asyncio.sleep(0.02)

    working = asyncio.create_task(work())
    try:
        yield
    finally:
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working


async def _certify(world: World, *payments: str) -> tuple[CertificationRun, dict[str, str]]:
    connection = world.shop.connection
    cause = Cause(f"certify-{uuid4()}", "ana")
    asked = await certification.ask_for(world.shop.id, connection.id, payments, cause, test_environment=bool(payments))
    async with _workers(world):
        await certification_jobs.run_certification(asked.id, world.sender, world.settings)
    run = await CertificationRun.get(id=asked.id)
    cases = (await certification.cases_of([run.id])).get(run.id, [])
    return run, {case.name: f"{case.outcome} {case.said}" for case in cases}


async def _until_the_first_case(run_id: UUID) -> None:
    for _ in range(1_000):
        if await certification.cases_of([run_id]):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("No case was played.")


@pytest.mark.parametrize("pse", PSES)
async def test_every_pse_passes_the_whole_series_in_our_sandbox(
    books: Database, sandbox: SandboxClient, pse: str
) -> None:
    async with a_world(sandbox.at(pse)) as world:
        run, cases = await _certify(world)
        bad = {name: said for name, said in cases.items() if said.startswith("FAILED")}
        assert (run.outcome, bad) == ("PASSED", {}), run.error
        assert list(cases) == [name.value for name in CaseName]
        skipped = {name for name, said in cases.items() if said.startswith("SKIPPED")}
        assert skipped == ({"REPORT"} if pse in NO_REPORT else set()), cases
        assert run.report is not None
        assert run.signature is not None
        verified = certificate.verify(certificate.document(run.report, run.signature, KEY), KEY)
        assert verified.ours
        assert verified.report["outcome"] == "PASSED"
        for secret in ACCOUNTS[pse].secrets.values():
            assert secret not in json.dumps(run.report)


async def test_a_series_is_repeatable_and_one_that_was_left_goes_on_without_refunding_twice(
    books: Database, sandbox: SandboxClient
) -> None:
    async with a_world(sandbox.at("mercadopago")) as world:
        asked = await certification.ask_for(world.shop.id, world.shop.connection.id, [], CAUSE, test_environment=False)
        async with _workers(world):
            working = asyncio.create_task(certification_jobs.run_certification(asked.id, world.sender, world.settings))
            await _until_the_first_case(asked.id)
            working.cancel()  # its worker is killed after the first case
            with contextlib.suppress(asyncio.CancelledError):
                await working
            made = await Refund.all().count()
            await CertificationRun.filter(id=asked.id).update(due_at=asked.created_at)
            await certification_jobs.run_certification(asked.id, world.sender, world.settings)
        run = await CertificationRun.get(id=asked.id)
        assert (run.outcome, run.tries) == ("PASSED", 2)
        assert await Payment.all().count() == 5
        assert made <= 2
        again, _ = await _certify(world)
        assert (again.id != run.id, again.outcome) == (True, "PASSED")


async def test_a_connection_whose_key_may_not_refund_is_not_certified(
    books: Database, sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certification_play, "_SETTLE_SECONDS", 0.5)
    async with a_world(sandbox.at("stripe")) as world:
        await world.sandbox.post("account", key="no_refunds")
        run, cases = await _certify(world)
        assert run.outcome == "FAILED"
        assert cases["FULL"].startswith("FAILED")
        assert cases["ABOVE_THE_REMAINDER"].startswith("PASSED")  # it needs no PSE


async def test_payments_of_a_test_environment_are_looked_up_and_what_cannot_be_provoked_there_is_skipped(
    books: Database, sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_world(sandbox.at("stripe")) as world:

        async def nobodys_hand(connection: Connection) -> None:
            return None

        monkeypatch.setattr(certification_jobs, "hand_of", nobodys_hand)
        await Connection.filter(id=world.shop.connection.id).update(state=ConnectionState.SANDBOX)
        payments = [await sandbox.at("stripe").capture(8_000, currency="MXN") for _ in range(3)]
        run, cases = await _certify(world, *payments)
        assert run.outcome == "PASSED", cases
        assert (await Connection.get(id=world.shop.connection.id)).state is ConnectionState.CERTIFIED
        assert {name for name, said in cases.items() if said.startswith("SKIPPED")} == {
            "REFUSED",
            "TIMEOUT",
            "LATE_RETURN",
        }
        run, _ = await _certify(world)
        assert (run.outcome, "Name 3 captured payments" in (run.error or "")) == ("FAILED", True)


async def test_money_of_customers_is_never_played_with(
    books: Database, sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = await a_shop(
        pse="stripe", base_url="https://api.stripe.com/v1", secrets={"api_key": "sk_live_x", "webhook_secret": "w"}
    )
    async with a_world(sandbox.at("stripe")) as world:
        names = ["pi_1", "pi_2", "pi_3"]
        with pytest.raises(InvalidState, match="before it goes live"):
            await certification.ask_for(shop.id, shop.connection.id, names, CAUSE, test_environment=True)
        await Connection.filter(id=shop.connection.id).update(state=ConnectionState.SANDBOX)
        asked = await certification.ask_for(shop.id, shop.connection.id, names, CAUSE, test_environment=True)
        await certification_jobs.run_certification(asked.id, world.sender, world.settings)
        run = await CertificationRun.get(id=asked.id)
        assert (run.outcome, "is live" in (run.error or "")) == ("FAILED", True)
        await Connection.filter(id=shop.connection.id).update(state=ConnectionState.ACTIVE)  # meanwhile
        later = await certification.ask_for(shop.id, shop.connection.id, [], CAUSE, test_environment=False)
        await certification_jobs.run_certification(later.id, world.sender, world.settings)
        assert "before it goes live" in ((await CertificationRun.get(id=later.id)).error or "")
        await Connection.filter(id=shop.connection.id).update(state=ConnectionState.SANDBOX)
        with pytest.raises(InvalidInput, match="test environment"):
            await certification.ask_for(shop.id, shop.connection.id, names, CAUSE, test_environment=False)
        with pytest.raises(NotFound):
            await certification.ask_for(world.shop.id, shop.connection.id, [], CAUSE, test_environment=False)


REPORT = {"outcome": "PASSED", "connection": {"id": "1", "pse": "pix", "name": "<b>"}, "cases": [], "address": "a"}
FACTS = {"asked_by": "ana", "request_id": "r", "began_at": "b", "ended_at": "e"}


def test_a_report_that_was_changed_or_signed_by_somebody_else_is_told() -> None:
    report = {**REPORT, **FACTS}
    content = certificate.document(report, certificate.sign(report, KEY), KEY)
    assert certificate.verify(content, KEY).ours
    assert not certificate.verify(content, b"x" * 32).ours
    with pytest.raises(certificate.NotGenuine, match="was changed"):
        certificate.verify(content.replace("PASSED", "FAILED"), KEY)
    for broken in ("", "{}", "[]", '{"report": {}, "signature": "", "public_key": ""}', content[:-20]):
        with pytest.raises(certificate.NotGenuine):
            certificate.verify(broken, KEY)
    page = certificate.page(report, certificate.sign(report, KEY), KEY)
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
    assert not [word for word in ("http://", "https://", "<script", "src=") if word in page]
    assert CaseOutcome.PASSED.value in page
