"""Sheets in the states that a page shows differently: judged, done, called off, unreadable; refunds and payments."""

import hashlib
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from domain.access.holders import actor_of
from domain.access.principal import Principal, role_reach
from domain.access.tokens import Role
from domain.batches import batches
from domain.exports.cells import written
from domain.files import tickets
from domain.files.tickets import NewFile
from domain.models import Batch
from domain.models.files import Purpose
from jobs import batches as jobs
from tests.kit.console.world import CAUSE, Seeded
from tests.kit.factories import a_key, a_payment

QUERIES = {
    "batches/one": ["show=REFUSED", "show=IS_ASKED", "after=3"],
    "batches/template": ["kind=PAYMENTS&format=CSV"],
}


async def seed(world: Seeded, copies: int) -> Mapping[str, str]:
    """Of each copy one of each state; the page of one shows as many rows in every world."""
    who = _person(world)
    head = ["Pedido", "Valor", "Moeda", world.said("Setor", 60)]
    sheet = ""
    for number in range(copies):
        order = f"SHEET{number}"
        await a_payment(world.shop, order=order, amount=80_000)
        rows = [head, [order, "150,00", "BRL", ""], [world.said("NONE", 90), "1.050,00", "BRL", ""]]
        done = await _judged(world, who, [*rows, [order, "150,00", "BRL", ""]])
        await batches.confirm(who, done.id, done.digest or "", CAUSE)
        await jobs.batch(done.id, world.settings)
        waits = await _judged(world, who, [head, *([order, f"{one},00", "BRL", ""] for one in range(20, 26))])
        off = await _judged(world, who, [head, [order, "7,00", "BRL", ""]])
        await batches.cancel(who, off.id, CAUSE)
        await _judged(world, who, [head[:2], [order, "7,00"]])
        await _judged(world, who, [["Payment id", "PSE", "Method"], ["E1", "pix", "PIX"]], Purpose.PAYMENT_BATCH)
        sheet = sheet or str(waits.id)
    return {"sheet": sheet}


def _person(world: Seeded) -> Principal:
    later = datetime.now(UTC) + timedelta(hours=1)
    name = actor_of(world.ana.name, world.ana.email)
    return Principal(uuid4(), world.shop.id, name, role_reach(Role.ADMIN), later, person_id=world.ana.id)


async def _judged(
    world: Seeded, who: Principal, lines: list[list[str]], purpose: Purpose = Purpose.REFUND_BATCH
) -> Batch:
    content = written(lines)

    async def chunks() -> AsyncIterator[bytes]:
        yield content

    name = "".join(letter for letter in world.said("reembolsos-novembro.csv", 60) if letter.isprintable())
    new = NewFile(purpose, name, len(content), hashlib.sha256(content).hexdigest())
    file = (await tickets.announce(who, new, world.settings, CAUSE)).file
    await tickets.take_in(file, chunks(), world.settings)
    made = await batches.create(who, file.id, a_key(), CAUSE)
    await jobs.batch(made.id, world.settings)
    return await Batch.get(id=made.id)
