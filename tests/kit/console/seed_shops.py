"""Shops that work and one that cannot be asked, what was said and asked, and refunds that wait for a person."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from domain.access.permissions import Role
from domain.commerce import shops
from domain.commerce.shops import NewShop
from domain.commerce.vocabulary import ShopKind
from domain.models import Shop, ShopCall, ShopCheck, ShopNotice, ShopRefund
from domain.models.shops import ShopRefundOrigin, ShopRefundState
from tests.kit.console.world import CAUSE, Seeded
from tests.kit.factories import a_key, a_person

QUERIES = {"shops/new": ["kind=SHOPIFY", "kind=nonsense"], "shops/refund": ["order=nothing-of-it"]}
_SECRET = "whsec_" + "A" * 40


async def seed(world: Seeded, copies: int) -> Mapping[str, str]:
    """Of each copy a shop with a call, a message, a preflight, and two refunds."""
    admin, ids = a_person(world.shop, "admin", Role.ADMIN), dict[str, str]()
    for number in range(copies):
        values = {"webhook_secret": _SECRET, "callback_url": "https://erp.example.com/states"}
        new = NewShop(ShopKind.GENERIC, f"Loja virtual {number}", world.shop.store.code, values)
        made = await shops.connect(admin, new, a_key(), CAUSE, world.settings.secret_key)
        await _spoken(world, made)
        for place, why in enumerate(("NO_PAYMENT", "AMOUNT_UNCLEAR")):
            row = await ShopRefund.create(
                id=uuid4(),
                merchant_id=world.shop.id,
                shop_id=made.id,
                origin=ShopRefundOrigin.TOLD,
                name=world.said(f"R-{place}", 60) + str(place),
                order_reference=world.said("order 17", 60),
                payment_names=[],
                amount=4_000 if place == 0 else None,
                currency="BRL" if place == 0 else None,
                state=ShopRefundState.WAITING,
                why=why,
                because=world.said("No payment is registered for it.", 200),
                waits_since=datetime.now(UTC) - timedelta(hours=2),
                request_id="request",
            )
            ids.setdefault("waiting", str(row.id))
        ids.setdefault("shop", str(made.id))
    return ids


async def _spoken(world: Seeded, made: Shop) -> None:
    mine: Any = {"merchant_id": world.shop.id, "shop_id": made.id, "request_id": "request"}
    now = datetime.now(UTC)
    said = world.said("It does not answer.", 200)
    await Shop.filter(id=made.id).update(
        name=world.said("Loja", 40) + made.name[-2:],
        failing_since=now, failing_because=said, heard_at=now, old_sealed_secrets=b"x",
        old_valid_until=now + timedelta(hours=1),
    )  # fmt: skip
    await ShopCall.create(
        id=uuid4(), purpose="TELL", method="POST", url="https://erp.example.com/states", headers={"accept": "*/*"},
        body=world.said('{"state": "PAID"}', 400), sent_at=now, status=500, answer=world.said("no", 400), duration_ms=7,
        answered_at=now, **mine,
    )  # fmt: skip
    await ShopNotice.create(
        id=uuid4(), key="R-0", digest="d", path="/", body=world.said('{"external_id": "R-0"}', 400).encode(),
        headers={}, result=world.said("Refund R-0: WAITING.", 200), **mine,
    )  # fmt: skip
    await ShopCheck.create(
        id=uuid4(), outcome="FAILED", asked_by="Ana", finished_at=now, **mine,
        checks=[{"code": "CREDENTIALS", "outcome": "FAILED", "saw": world.said("401", 100), "what_to_do": "New keys."}],
    )  # fmt: skip
