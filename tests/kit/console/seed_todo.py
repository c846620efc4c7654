"""Refunds that wait for a yes, refunds that a person pays, a lent right, and changes of the rules."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from domain.access import people
from domain.access.permissions import Role
from domain.access.principal import Principal, role_reach
from domain.refunds import by_hand
from domain.refunds.approvals import delegate
from tests.kit.console.world import CAUSE, Seeded, global_id
from tests.kit.factories import a_payment, a_person, a_refund

_LARGE = 2_600_000  # BRL 26,000.00: above the default's 25,000.00


async def seed(world: Seeded, copies: int) -> Mapping[str, str]:
    """Of each copy a refund that waits for a yes, and one by hand."""
    ids: dict[str, str] = {}
    bruno = _signed_in(world)
    for number in range(copies):
        order = world.said(f"20{477 + number}", 100)
        payment = await a_payment(world.shop, amount=2 * _LARGE, order=order)
        waits = await a_refund(world.shop, payment, _LARGE)
        by_person = await a_refund(world.shop, await a_payment(world.shop, order=order), 9_900)
        await by_hand.take(
            a_person(world.shop, "Bruno", Role.ACCOUNTING), by_person.id, world.said("Its PSE is down."), CAUSE
        )
        ids |= {"awaiting": global_id("Refund", waits.id), "paying": global_id("Refund", by_person.id)}
        guest, _ = await people.make(
            world.shop.id, world.said(f"Caio {number}", 60), f"caio{number}@example.com", [("SUPPORT", None)], "tester"
        )
        now = datetime.now(UTC)
        await delegate.delegate(bruno, guest.id, now, now + timedelta(days=9), CAUSE)
    return ids


def _signed_in(world: Seeded) -> Principal:
    held = f"{world.bruno.name} <{world.bruno.email}>"
    until = datetime.now(UTC) + timedelta(hours=1)
    return Principal(world.bruno.id, world.shop.id, held, role_reach(Role.ADMIN), until, person_id=world.bruno.id)
