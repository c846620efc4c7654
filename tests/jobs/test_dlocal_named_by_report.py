"""A refund at dLocal that its file alone has proven: the file spells the refund's id otherwise than the API does."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain import invariants
from domain.models import Connection, Finding, Notice, Payment, Refund
from domain.models.refunds import State
from domain.pse.reporting import ReportFile
from domain.reconciliation import reconcile
from tests.conftest import Database
from tests.kit.factories import a_refund
from tests.kit.lines import today
from tests.kit.world import World, a_world
from tests.sandbox.client import SandboxClient
from tests.sandbox.dlocal.server import LOGIN, signature


@pytest.fixture
async def world(books: Database, sandbox: SandboxClient) -> AsyncIterator[World]:
    async with a_world(sandbox.at("dlocal")) as made:
        yield made


async def _handed_in(world: World, folder: Path) -> None:
    told = await world.sandbox.post("report")
    (path := folder / told["name"]).write_text(told["content"])
    connection = await Connection.get(id=world.shop.connection.id)
    run = await reconcile.begin(connection, today())
    await reconcile.reconcile(connection, run, [ReportFile("settlement.csv", "text/csv", path)])


async def _proven_by_the_file(world: World, folder: Path) -> tuple[Payment, Refund]:
    """Its answer was lost, and its webhook names no reference of ours, so that nobody but the file has told of it."""
    payment = await world.payment("lost_answer", order="order-1")
    refund = await world.step(await a_refund(world.shop, payment, 4_000))
    assert (refund.state, refund.pse_refund_reference) == (State.SUBMITTED, None)
    await _handed_in(world, folder)
    refund = await Refund.get(id=refund.id)
    assert refund.state is State.SUCCEEDED
    return payment, refund


async def _open() -> Sequence[str]:
    return [one.kind for one in await Finding.filter(resolved_at=None)]


async def _told_with_our_reference(world: World, refund: Refund) -> str:
    """dLocal's webhook once more, with our reference; gives dLocal's id."""
    for _ in range(200):
        if (kept := await Notice.first()) is not None:
            break
        await asyncio.sleep(0.02)
    assert kept is not None
    told = json.loads(bytes(kept.body))
    body = json.dumps({**told, "order_refund_id": refund.reference}).encode()
    date = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    signed = f"V2-HMAC-SHA256, Signature: {signature(date, body)}"
    headers = {"x-login": LOGIN, "x-date": date, "authorization": signed}
    url = world.settings.webhook_url(world.shop.connection.id)
    assert url is not None
    (await world.sandbox.http.post(url, content=body, headers=headers)).raise_for_status()
    await world.apply_notices()
    return str(told["id"])


async def test_its_late_webhook_is_about_the_same_refund(world: World, tmp_path: Path) -> None:
    payment, refund = await _proven_by_the_file(world, tmp_path)
    name = await _told_with_our_reference(world, refund)
    assert (await Refund.get(id=refund.id)).pse_refund_reference == name
    await _handed_in(world, tmp_path)
    assert (await _open(), await invariants.check()) == ([], [])
    assert (await Payment.get(id=payment.id)).taken_by_bank == 0


async def test_it_is_asked_about_by_its_own_id_when_it_comes_back(world: World, tmp_path: Path) -> None:
    payment, refund = await _proven_by_the_file(world, tmp_path)
    await _told_with_our_reference(world, refund)
    await world.sandbox.post("give-back", payment=payment.pse_reference, refund=refund.reference)
    refund = await world.finish(refund, wait_for=State.RETURNED)
    await _handed_in(world, tmp_path)
    assert await _open() == ["RETURNED"]
    assert await invariants.check() == []
