"""Findings in the states that a page shows differently, an export, and a sheet that came back and was applied."""

import hashlib
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from domain.access.principal import Principal
from domain.access.tokens import Role
from domain.cause import Cause
from domain.exports import asked, batches
from domain.exports.asked import Format, Kind, WantedRows
from domain.exports.cells import written
from domain.files import tickets
from domain.files.tickets import NewFile
from domain.findings import findings, tasks, work
from domain.findings.findings import FindingKind, Found
from domain.findings.work import Resolution
from domain.models import Finding
from domain.models.files import Purpose
from domain.models.findings import ClosingReason
from domain.money import Money
from domain.payments import external
from domain.pse.vocabulary import KnownRefund, Succeeded
from tests.kit.console.world import CAUSE, Seeded, global_id
from tests.kit.factories import a_key, a_payment, a_person

QUERIES = {"findings/resolve": ["reason=REFUND_OF_OURS", "reason=CLAIMED_FROM_PSE&came=x&currency=BRL"]}
NIGHT = Cause(f"{external.BY_REPORT}{uuid4()}", "reconciliation")


async def seed(world: Seeded, copies: int) -> Mapping[str, str]:
    """Of each copy one that took money, one that differs, one that waits for a second person, one that is resolved."""
    who = a_person(world.shop, world.ana.name, Role.ACCOUNTANT)
    ids: dict[str, str] = {}
    open_ones: list[str] = []
    for number in range(copies):
        taken = await _taken(world, number)
        ids.setdefault("finding", global_id("Finding", taken.id))
        await tasks.assign(who, taken.id, None, CAUSE)
        await tasks.comment(who, taken.id, world.said("The bank says that the customer asked for it."), a_key(), CAUSE)
        open_ones.append(global_id("Finding", (await _differs(world, f"open/{number}", 1_250 + number)).id))
        waiting = await _differs(world, f"waits/{number}", 40_000)
        until = datetime.now(UTC) + timedelta(days=9)
        await tasks.wait(who, waiting.id, until, world.said("The PSE answers within a week."), CAUSE)
        large = await _differs(world, f"two/{number}", 9_000_000)
        await work.resolve(who, large.id, Resolution(ClosingReason.EXPLAINED, world.said("Rounded by the PSE.")), CAUSE)
        done = await _differs(world, f"done/{number}", 90)
        await work.resolve(who, done.id, Resolution(ClosingReason.EXPLAINED, world.said("Seen and explained.")), CAUSE)
        await asked.create(who, Kind.FINDINGS, Format.XLSX, WantedRows(), a_key(), CAUSE)
    file_id = await _sheet(world, who, [*open_ones, *[str(uuid4()) for _ in range(copies)]])
    batch = await batches.apply(who, file_id, a_key(), world.settings, CAUSE)
    return ids | {"decisions": str(file_id), "batch": str(batch.id)}


async def _taken(world: Seeded, number: int) -> Finding:
    payment = await a_payment(world.shop, amount=98_000, tax=14_949)
    name = f"MED{number}"
    known = KnownRefund(name, name, Money(15_000, "BRL"), Succeeded(name), True, "MED", None, None)
    assert await external.book(payment, known, FindingKind.MISSING_IN_LEDGER, NIGHT)
    return await Finding.get(payment_id=payment.id)


async def _differs(world: Seeded, name: str, amount: int) -> Finding:
    detail = {
        "ours": {"amount": 10_000, "reference": world.said("R-77", 60)},
        "theirs": {"amount": 10_000 + amount, "reference": world.said("R-77", 60)},
        "differs": ["amount"],
    }
    said = world.said("The report has another amount than the books.")
    found = Found(
        FindingKind.AMOUNT_MISMATCH,
        world.shop.id,
        world.shop.connection.id,
        name,
        Money(amount, "BRL"),
        said,
        detail=detail,
    )
    return await Finding.get(id=await findings.open_finding(found))


async def _sheet(world: Seeded, who: Principal, named: list[str]) -> UUID:
    """A decision of each finding that is named, be it that there is none, with facts that have changed meanwhile."""
    lines = [["Finding", "Facts", "Decision", "Note"]]
    lines += [[one, "x", "EXPLAINED", world.said("Seen.", 60)] for one in named]
    content = written(lines)

    async def chunks() -> AsyncIterator[bytes]:
        yield content

    new = NewFile(Purpose.DECISIONS, world.said("decided.csv", 60), len(content), hashlib.sha256(content).hexdigest())
    file = (await tickets.announce(who, new, world.settings, CAUSE)).file
    await tickets.take_in(file, chunks(), world.settings)
    return file.id
