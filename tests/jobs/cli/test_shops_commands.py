"""`estorno shops` beside a real API and a worker's hand: a shop connected, and what waits of it, in 80 columns."""

import asyncio
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from strawberry.relay import to_base64

from api.app import create
from domain.access.tokens import Role, create_token
from domain.commerce import calls, shops
from domain.commerce.calls import AboutShop
from domain.commerce.vocabulary import ShopKind
from domain.connections.calls import SentCall
from domain.models import Shop
from domain.platform.database import rows
from jobs import shops as jobs
from jobs.wire.shops import ShopSender
from tests.conftest import Database
from tests.kit.factories import CAUSE, a_payment, a_person, a_shop
from tests.kit.forked import told
from tests.kit.shops import connected
from tests.kit.world import quick_settings, served
from tests.sandbox.shops.erp import SECRET, Erp

FILTERED = """query F($least: MoneyInput, $most: MoneyInput, $since: Date, $until: Date, $store: ID) {
  shopRefunds(first: 1, amountFrom: $least, amountUntil: $most, since: $since, until: $until, storeId: $store) {
  totalCount } }"""


async def test_a_shop_is_connected_and_what_waits_is_matched_at_the_command_line(
    books: Database, redis_url: str, tmp_path: Path
) -> None:
    settings = quick_settings(database_url=books.application_url, redis_url=redis_url)
    async with served(create(settings)) as url:
        merchant, erp, sender = await a_shop(), Erp(), ShopSender()
        token = await create_token(merchant.id, Role.ADMIN, "Vera", timedelta(hours=1))
        given = {**os.environ, "ESTORNO_URL": url, "ESTORNO_TOKEN": token, "COLUMNS": "80"}

        async def worker() -> None:
            while True:
                for row in await rows("SELECT id FROM shop_checks WHERE due_at <= now()"):
                    await jobs.run_check(row["id"], sender, settings)
                await asyncio.sleep(0.1)

        async def run(*arguments: str, status: int = 0) -> str:
            done = await asyncio.to_thread(told, ["jobs.cli.app", "shops", *arguments], given, 60)
            assert done.returncode == status, done.stdout + done.stderr
            assert "Traceback" not in done.stderr
            assert max(map(len, done.stdout.splitlines()), default=0) <= 80 or "--format" in arguments, done.stdout
            return done.stdout + done.stderr

        working = asyncio.create_task(worker())
        try:
            values = tmp_path / "values"
            values.write_text(f"webhook_secret={SECRET}\n")  # callback_url may be left out: nobody is asked for it
            named = ("--store", "sp", "--name", "ERP")
            beside = await connected(merchant, ShopKind.GENERIC, {"webhook_secret": SECRET}, "Beside")
            out = await run("connect", "generic", *named, "--from", str(values))
            assert "Beside is a shop of this store, too" in out
            await shops.step(a_person(merchant, "ana", Role.ADMIN), beside.id, "shopRetire", CAUSE)
            assert "CREDENTIALS: The shared secret can be used." in out
            assert "another shop" in (await run("connect", "generic", *named, "--from", str(values), status=1)).lower()
            assert "SHOPIFY_PAYMENTS" in await run("connect", "shop", *named, status=1)
            values.write_text("callback_url=https://erp.example.com/states\n")
            await run("change", "ERP", "--from", str(values))
            values.write_text("webhook_secret=too short\n")
            assert "FAILED" in await run("change", "ERP", "--from", str(values), status=1)
            assert "Failing since" in await run("list")
            values.write_text(f"webhook_secret={SECRET}\n")
            await run("change", "ERP", "--from", str(values))
            later = (datetime.now(UTC) + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
            values.write_text(f"webhook_secret={SECRET[:-4]}AAA=\n")
            await run("change", "ERP", "--from", str(values), "--old-until", later)
            assert f"believed until {later[:16]}" in await run("list")
            values.write_text(f"webhook_secret={SECRET}\n")
            await run("change", "ERP", "--from", str(values), "--old-until", later)
            assert "not believed any more" in await run("change", "ERP", "--now")
            assert "believed until" not in await run("list")
            assert "--from FILE" in await run("change", "ERP", status=1)
            values.write_text("nobody=1\n")
            assert "Not asked for" in await run("change", "ERP", "--from", str(values), status=1)
            shop = await Shop.get(name="ERP")
            payment = await a_payment(merchant)
            async with httpx.AsyncClient() as http:
                for name in ("R-1", "R-2"):
                    asked = {"external_id": name, "order": {"id": "typed wrongly"}, "amount": "40", "currency": "BRL"}
                    body, headers = erp.signed(asked)
                    answer = await http.post(f"{url}/shops/{shop.id}/refunds", content=body, headers=headers)
                    assert answer.status_code == 202, "Through the whole application, its doors and bounds."
                huge = await http.post(f"{url}/shops/{shop.id}/refunds", content=b"x" * 2_000_000)
                assert huge.status_code == 413
            for row in await rows("SELECT id FROM shop_notices WHERE due_at <= now()"):
                await jobs.apply(row["id"], sender, settings)
            assert "NO_PAYMENT" in await run("refunds")
            today, brl = datetime.now(UTC).date(), {"currency": "BRL"}
            async with httpx.AsyncClient(headers={"authorization": f"Bearer {token}"}) as http:
                for filtered, count in (
                    ({"least": {"minorUnits": "4000", **brl}, "most": {"minorUnits": "4000", **brl}}, 2),
                    ({"least": {"minorUnits": "4001", **brl}}, 0),
                    ({"least": {"minorUnits": "1", "currency": "MXN"}}, 0),
                    ({"since": str(today - timedelta(days=2)), "until": str(today + timedelta(days=2))}, 2),
                    ({"since": str(today + timedelta(days=2))}, 0),
                    ({"store": str(shop.store_id)}, 2),
                    ({"store": str(shop.id)}, 0),
                ):
                    told_ = await http.post(f"{url}/graphql", json={"query": FILTERED, "variables": filtered})
                    assert told_.json()["data"] == {"shopRefunds": {"totalCount": count}}, filtered
            assert "2 of its refunds wait" in await run("list")
            call = AboutShop(merchant.id, shop.id, "request", "TELL")
            sent = SentCall("POST", "https://erp.example.com/states", {"authorization": "x"}, "what was told")
            await calls.log_request(call, sent)
            assert "what was told" in await run("calls", "ERP")
            (shown,) = json.loads(await run("calls", str(shop.id), "--format", "json"))
            assert {one["value"] for one in shown["headers"]} == {"[redacted]"}
            first, second = json.loads(await run("refunds", "--format", "json"))
            payment_id = to_base64("Payment", str(payment.id))
            assert "LINKED" in await run("match", first["id"], "--payment", payment_id, "--note", "It is this one.")
            assert "DISMISSED" in await run("dismiss", second["id"], "--note", "Asked twice.")
            assert await run("refunds") == ""
            assert first["id"] in await run("refunds", "--all")
            for step, state in (("pause", "PAUSED"), ("resume", "ACTIVE"), ("retire", "RETIRED")):
                assert state in await run(step, "ERP")
            assert "no shop" in await run("preflight", "nobody", status=1)
        finally:
            working.cancel()
            await sender.close()
