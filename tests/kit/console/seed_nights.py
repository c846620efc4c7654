"""Nights that were run over listings of a PSE, and a report that was handed in and waits for a second person."""

import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from domain.access.tokens import Role
from domain.files import tickets
from domain.files.tickets import NewFile
from domain.models import HandedReport
from domain.models.files import Purpose
from domain.pse.reporting import ReportFile
from domain.reconciliation import confirming, foreseen
from domain.reconciliation import handed_in as room
from tests.kit.console.world import CAUSE, Seeded
from tests.kit.factories import a_key, a_payment, a_person
from tests.kit.nights import pix_of, pix_refund, run_pix, today


async def seed(world: Seeded, copies: int) -> Mapping[str, str]:
    """Of each copy a night with a payment that is proven and money that left without us, and a report to confirm."""
    for number in range(copies):
        payment = await a_payment(world.shop, amount=12_000, days_ago=number + 1)
        taken = pix_refund(f"outside{number}", 1_500, kind="MED_FRAUDE")
        await run_pix(world.shop, pix_of(payment, taken), days=-number - 1)
    reports = [await handed_in(world, number) for number in range(copies)]
    return {"night": f"{world.shop.connection.id}.{today() - timedelta(days=1)}", "report": str(reports[0].id)}


async def handed_in(world: Seeded, number: int) -> HandedReport:
    """A report of a date long ago that Bruno has handed in, judged and proposed."""
    day = today() - timedelta(days=20 + number)
    payment = await a_payment(world.shop, amount=7_700, days_ago=20 + number)
    content = json.dumps({"pix": [pix_of(payment)]}).encode()
    who = a_person(world.shop, world.bruno.name, Role.ACCOUNTANT)
    name = world.said(f"extrato-{number}.json", 60).replace("/", "-")

    async def chunks() -> AsyncIterator[bytes]:
        yield content

    new = NewFile(Purpose.SETTLEMENT_REPORT, name, len(content), hashlib.sha256(content).hexdigest())
    file = (await tickets.announce(who, new, world.settings, CAUSE)).file
    await tickets.take_in(file, chunks(), world.settings)
    row = await room.upload(who, world.shop.connection.id, day, file.id, a_key(), CAUSE)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "report"
        path.write_bytes(content)
        given = ReportFile(name, "application/json", path)
        told = await foreseen.of(world.shop.connection, given, day)
        await confirming.propose(row, world.shop.connection, given, day, told)
    return row
