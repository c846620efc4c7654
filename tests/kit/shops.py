"""A small world around a shop: our endpoint and the shop over real HTTP, and the worker's own steps."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import httpx
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route

from api.webhooks import shops as endpoint
from domain.access.tokens import Role
from domain.commerce import shops
from domain.commerce.invariants import SHOPS
from domain.commerce.shops import NewShop
from domain.commerce.vocabulary import ShopKind
from domain.due import DUE
from domain.models import Payment, Refund, Shop, ShopRefund
from domain.models.shops import ShopState
from domain.platform import bell
from domain.platform.database import execute, rows
from domain.platform.settings import Settings
from domain.pse.vocabulary import Succeeded
from jobs import shops as jobs
from jobs.sweep import AT_ONCE_MAX
from jobs.wire.shops import ShopSender
from tests.kit import factories
from tests.kit.factories import CAUSE, KEY, a_key, a_payment, a_person, a_shop, an_answer
from tests.kit.sealing import sealed
from tests.kit.world import quick_settings, served

_ROUNDS_MAX = 20


class Foreign(Protocol):
    """The other side: a server of tests/sandbox/shops."""

    def routes(self) -> list[BaseRoute]: ...


@dataclass
class ShopWorld:
    """`merchant`: with its store and its account at a PSE; `shop`: as it is connected here."""

    merchant: factories.Shop
    shop: Shop
    url: str
    http: httpx.AsyncClient
    sender: ShopSender
    settings: Settings

    async def post(self, said: tuple[bytes, Mapping[str, str]], path: str = "") -> httpx.Response:
        body, headers = said
        return await self.http.post(f"{self.url}/shops/{self.shop.id}{path}", content=body, headers=headers)

    async def payment(self, order: str | None, amount: int = 10_000, **more: Any) -> Payment:
        return await a_payment(self.merchant, amount=amount, order=order, **more)

    async def work(self) -> None:
        """What sealer, timetable and worker do, until nothing is due now."""
        for _ in range(_ROUNDS_MAX):
            await sealed(self.merchant)
            moved = await jobs.follow_all()
            done = await self._due(bell.SHOP_NOTICE, jobs.apply) + await self._due(bell.SHOP_REFUND, jobs.step)
            if not moved + done:
                return
        raise AssertionError("There is always something due.")

    async def _due(self, job: str, do: Any) -> int:
        found = await rows(DUE[job], AT_ONCE_MAX)
        for row in found:
            await do(row["id"], self.sender, self.settings)
        return len(found)

    async def look(self) -> None:
        """A sweep through the shop, and what comes of it."""
        await execute("UPDATE shops SET due_at = now() WHERE id = $1 AND state = 'ACTIVE'", self.shop.id)
        await jobs.look_at(self.shop.id, self.sender, self.settings)
        await self.work()

    async def later(self) -> None:
        """As if all that is put off were due now."""
        await execute("UPDATE shop_refunds SET due_at = now() WHERE due_at IS NOT NULL")
        await execute("UPDATE shop_notices SET due_at = now() WHERE due_at IS NOT NULL")
        await self.work()

    async def all(self) -> list[ShopRefund]:
        return await ShopRefund.filter(shop_id=self.shop.id).order_by("created_at", "id")

    async def only(self) -> ShopRefund:
        (row,) = await self.all()
        return row

    async def refunds(self) -> list[Refund]:
        return await Refund.filter(merchant_id=self.merchant.id).order_by("created_at", "id")

    async def pay(self, refund: Refund | None = None) -> Refund:
        """The PSE pays it, and the shop hears of it."""
        wanted = refund or (await self.refunds())[-1]
        await an_answer(wanted, Succeeded(f"pse-{wanted.reference}"))
        await self.work()
        return await Refund.get(id=wanted.id)

    async def reload(self) -> Shop:
        self.shop = await Shop.get(id=self.shop.id)
        return self.shop


async def connected(
    merchant: factories.Shop, kind: ShopKind, values: Mapping[str, str], name: str = "Loja virtual"
) -> Shop:
    """A shop of the merchant's store, by the door that people use."""
    principal = a_person(merchant, "ana", Role.ADMIN)
    new = NewShop(kind, name, merchant.store.code, values)
    made = await shops.connect(principal, new, a_key(), CAUSE, KEY)
    assert made.state is ShopState.ACTIVE
    return made


@asynccontextmanager
async def a_world(kind: ShopKind, foreign: Foreign, values: Mapping[str, str]) -> AsyncIterator[ShopWorld]:
    """`values` may say where the shop is by `{url}`."""
    settings = quick_settings()
    ours = Starlette(routes=[Route(path, endpoint.receive, methods=["GET", "POST"]) for path in endpoint.PATHS])
    ours.state.settings = settings
    merchant, sender = await a_shop(), ShopSender()
    async with (
        served(Starlette(routes=foreign.routes())) as there,
        served(ours) as here,
        httpx.AsyncClient(timeout=10) as http,
    ):
        given = {name: value.replace("{url}", there) for name, value in values.items()}
        shop = await connected(merchant, kind, given)
        try:
            yield ShopWorld(merchant, shop, here, http, sender, settings)
            assert await rows(SHOPS) == []
        finally:
            await sender.close()
