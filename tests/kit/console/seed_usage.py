"""A plan whose quotas are used to different parts, and months that were counted."""

from collections.abc import Mapping
from uuid import uuid4

from domain.models import UsagePlan
from domain.platform.database import for_merchant
from jobs import usage
from tests.kit.console.world import Seeded


async def seed(world: Seeded, copies: int) -> Mapping[str, str]:
    """The same in every world: there is one plan."""
    quotas = {
        "REFUNDS": {"limit": 10, "hard": False},
        "API_CALLS": {"limit": 100_000, "hard": True},
        "DELIVERIES": {"limit": 10_000, "hard": False},
    }
    with for_merchant(world.shop.id):
        await UsagePlan.create(
            id=uuid4(), merchant_id=world.shop.id, plan="STARTER", support="STANDARD", quotas=quotas, set_by="boss",
            set_by_id=uuid4(),
        )  # fmt: skip
    await usage.count()
    return {}
