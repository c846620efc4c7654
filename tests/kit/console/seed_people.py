"""People with roles, roles of the merchant's own, tokens of programs, and what is said of stores."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from domain.access import people, tokens
from domain.access.tokens import NewToken
from domain.models import OwnRole, Store
from tests.kit.console.world import Seeded

QUERIES = {"roles/edit": ["role=Night%20shift%2000"]}


async def seed(world: Seeded, copies: int) -> Mapping[str, str]:
    """Of each copy a person, a role, a token and a store."""
    ids: dict[str, str] = {}
    for number in range(copies):
        name = world.said(f"Caio Prado {number}", 100)
        pairs = [("SUPPORT", None), ("APPROVER", world.shop.store.id)]
        person, _ = await people.make(world.shop.id, name, f"caio-{number}@example.com", pairs, "tester")
        await OwnRole.create(
            id=uuid4(),
            merchant_id=world.shop.id,
            name=world.said(f"Night shift {number}", 50) + str(number),
            permissions=["READ", "REFRESH"],
            created_by="tester",
        )
        store = await Store.create(
            id=uuid4(),
            merchant_id=world.shop.id,
            code=f"rio-{number}",
            name=world.said(f"Rio {number}", 100),
            contact=world.said("ajuda@rio.example, 21 5555-0100"),
            privacy_url="https://rio.example/privacidade",
        )
        ids.setdefault("person", str(person.id))
        ids.setdefault("store", str(store.id))
        ids.setdefault("token", await _a_token(world, number))
    return ids


async def _a_token(world: Seeded, number: int) -> str:
    until = datetime.now(UTC) + timedelta(days=90)
    name = world.said(f"web shop {number}", 100)
    draft = NewToken(world.shop.id, name, [("REQUESTER", None)], until, name, created_by="tester")
    await tokens.make(draft)
    return str(draft.id)
