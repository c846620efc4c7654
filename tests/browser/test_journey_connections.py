"""A connection from draft to live: one person brings it in, another reviews it, and what runs is seen as it runs."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from playwright.async_api import FilePayload
from playwright.async_api import Page as Tab

from domain.models import CertificationRun, Connection, PreflightRun
from domain.models.applications import DocumentKind
from domain.models.connections import ConnectionState
from domain.platform.database import rows
from jobs import certification, onboarding, refunds
from jobs.wire.sender import sender
from tests.browser.conftest import NARROW, WIDE, Site, follow
from tests.kit.accounts import ACCOUNTS
from tests.kit.world import World, a_sandbox, listening

pytestmark = pytest.mark.asyncio(loop_scope="module")
_PDF: FilePayload = {"name": "licence.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 licence"}


@asynccontextmanager
async def _workers(world: World) -> AsyncIterator[None]:
    """What the workers do meanwhile."""

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


async def _fill_in(tab: Tab, site: Site, url: str) -> None:
    account = ACCOUNTS["pix"]
    await tab.goto(f"{site.url}/console/connections/new?pse=pix")
    values = {
        "client_id": account.client_id,
        "base_url": f"{url}{account.path}",
        "token_url": f"{url}{account.token_path}",
        **account.secrets,
    }
    await tab.fill("#create-name", "Itau da loja")
    await tab.select_option("#create-store", "sp")
    for name, value in values.items():
        await tab.fill(f"#create-field_{name}", value)
    await follow(tab, "#form-create button")
    await tab.wait_for_selector(".ways")


async def _send(tab: Tab, do: str) -> None:
    await follow(tab, f"#form-{do} button.button")
    await tab.wait_for_selector(".flash")


async def test_two_people_take_a_connection_from_a_draft_to_live(site: Site) -> None:
    ana, bruno = await site.page(WIDE), await site.page(NARROW, "pt-BR", "dark", who=site.world.bruno)
    async with a_sandbox() as sandbox:
        await _fill_in(ana, site, sandbox.url)
        row = await Connection.get(name="Itau da loja", merchant_id=site.world.shop.id)
        for _ in DocumentKind:  # the one that is missing next is chosen already
            await ana.set_input_files("#document-file", _PDF)
            await _send(ana, "document")
        await _send(ana, "submit")
        await bruno.goto(ana.url)
        await _send(bruno, "start")
        await bruno.select_option("#decide-decision", "APPROVE")
        await _send(bruno, "decide")
        shop = replace(site.world.shop, connection=row)
        async with (
            sender(site.settings.secret_key, site.settings.send_limit_seconds) as sending,
            listening(sandbox, shop, site.settings) as known,
        ):
            await _looked_at_and_tried(ana, World(shop, sandbox, sending, known))
    await bruno.reload()
    await bruno.click("details.do:has(#form-activate) > summary")
    assert sandbox.url in await bruno.inner_text("#form-activate")
    await _send(bruno, "activate")
    assert (await Connection.get(id=row.id)).state is ConnectionState.ACTIVE
    await ana.goto(f"{site.url}/console/connections")
    assert "Live" in await ana.inner_text("tr:has-text('Itau da loja')")
    await ana.close()
    await bruno.close()


async def _looked_at_and_tried(tab: Tab, world: World) -> None:
    """Both are asked for, and seen to end without touching the page."""
    connection = world.shop.connection.id
    await tab.reload()
    await _send(tab, "preflight")
    await tab.evaluate("() => { window.stayed = true; }")
    looked = await PreflightRun.get(connection_id=connection)
    await onboarding.run_preflight(looked.id, world.sender, world.settings)
    await tab.wait_for_selector("#runs .box:nth-child(1) li")
    assert "The keys are right" in await tab.inner_text("#runs")
    assert await tab.evaluate("() => window.stayed")
    await tab.click("details.do:has(#form-certify) > summary")
    await _send(tab, "certify")
    await tab.evaluate("() => { window.stayed = true; }")
    tried = await CertificationRun.get(connection_id=connection)
    async with _workers(world):
        await certification.run_certification(tried.id, world.sender, world.settings)
    await tab.wait_for_selector("#runs a[download]", timeout=30_000)
    assert await tab.evaluate("() => window.stayed")
