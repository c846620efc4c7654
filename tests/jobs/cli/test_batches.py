"""`estorno batches` and `estorno usage`, against the API over HTTP."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from domain.access.tokens import Role, create_token
from domain.models import Batch, Refund
from jobs import batches, usage
from tests.jobs.cli.test_exports import Command
from tests.jobs.cli.test_exports import command as command
from tests.jobs.cli.test_exports import the_settings as the_settings
from tests.kit.factories import CAUSE, a_payment, a_shop


async def _waited(settings: Any, merchant: Any, state: str) -> None:
    """The worker's turn, while the command asks for it."""
    for _ in range(1_000):
        row = await Batch.get_or_none(merchant_id=merchant, state=state, due_at__isnull=False)
        if row is not None:
            await batches.batch(row.id, settings)
            return
        await asyncio.sleep(0.05)
    raise AssertionError(state)


async def test_a_sheet_is_checked_confirmed_and_taken_back_at_a_terminal(
    command: Command, settings: Any, tmp_path: Path
) -> None:
    shop = await a_shop()
    await a_payment(shop, order="A1")
    token = await create_token(shop.id, Role.ADMIN, "ana", timedelta(hours=1), CAUSE)
    empty = tmp_path / "empty.csv"
    await command("batches", "template", "--locale", "zh-CN", "--as", "CSV", "--out", str(empty), token=token)
    assert "平台订单号" in empty.read_text("utf-8-sig")
    sheet = tmp_path / "nov.csv"
    sheet.write_text("Pedido;Valor;Moeda;Setor\nA1;10,00;BRL;x\nNONE;1,00;BRL;\n")
    said, _ = await asyncio.gather(
        command("batches", "check", str(sheet), "--format", "json", token=token), _waited(settings, shop.id, "READING")
    )
    told = json.loads(said)
    assert [one["verdict"] for one in told["rows"]] == ["GOES", "REFUSED"]
    shown = await command("batches", "show", told["id"], token=token)
    assert "REFUSED NOT_FOUND BRL 1.00 NONE" in shown
    assert "Ignored: Setor" in shown
    done, _ = await asyncio.gather(
        command("batches", "confirm", told["id"], "--wait", token=token), _waited(settings, shop.id, "APPLYING")
    )
    assert "REQUESTED  BRL 10.00 A1" in done
    assert await Refund.filter(merchant_id=shop.id).count() == 1
    result = tmp_path / "result.csv"
    await command("batches", "result", told["id"], "--as", "CSV", "--out", str(result), token=token)
    assert "REQUESTED" in result.read_text("utf-8-sig")
    assert told["id"] in await command("batches", "list", token=token)
    assert "come to its end" in await command("batches", "cancel", told["id"], token=token, status=1)
    await usage.count()
    assert "UNLIMITED, support COMMUNITY" in await command("usage", "show", token=token)
    assert (await command("usage", "show", "--csv", token=token)).startswith("month,refunds")
    assert "STARTER" in await command("usage", "plans", token=token)
    platform = await create_token(shop.id, Role.PLATFORM_ADMIN, "op", timedelta(hours=1), CAUSE)
    given = ("usage", "give", str(shop.id), "starter", "--quota", "REFUNDS=7,hard")
    assert "REFUNDS                7  hard" in await command(*given, token=platform)
