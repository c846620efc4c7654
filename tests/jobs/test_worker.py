"""The door of the jobs: what takes long stands beside it and holds nobody up."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from domain.commerce.vocabulary import ShopKind
from domain.due import DUE
from domain.models import PreflightRun, Shop, ShopNotice
from domain.onboarding import preflight
from domain.platform import bell
from domain.platform.database import rows
from jobs import beside, functions
from jobs.worker import worker
from tests.conftest import Database
from tests.kit.factories import CAUSE, a_shop
from tests.kit.shops import connected
from tests.kit.world import World, quick_settings
from tests.sandbox.shops.erp import SECRET


async def a_web_shop() -> Shop:
    """Of another merchant each."""
    return await connected(await a_shop(name=uuid4().hex), ShopKind.GENERIC, {"webhook_secret": SECRET})


async def test_what_a_killed_worker_had_in_hand_is_hidden_for_no_longer_than_a_step_takes(redis_url: str) -> None:
    """arq hides it for as long as its longest job may take, and with it, at the head of the queue, all others."""
    settings = quick_settings(redis_url=redis_url)
    made = worker("refunds", settings)
    assert made.in_progress_timeout_s <= settings.job_timeout_seconds + 10
    assert {job.timeout_s for job in made.functions.values()} == {settings.job_timeout_seconds}


async def test_a_preflight_is_made_beside_the_jobs_and_only_so_many_at_once(world: World) -> None:
    long: set[asyncio.Task[None]] = set()
    ctx = {"sender": world.sender, "settings": world.settings, "long": long}
    run = await preflight.ask_for(world.shop.id, world.shop.connection.id, CAUSE)
    for _ in range(beside.LONG_MAX - 1):
        await functions.preflight(ctx, str(uuid4()))  # of nobody: it ends at once
    await functions.preflight(ctx, str(run.id))
    assert len(long) == beside.LONG_MAX
    await functions.preflight(ctx, str(run.id))  # one too many: the sweep rings again
    assert len(long) == beside.LONG_MAX
    await asyncio.gather(*long)
    assert (await PreflightRun.get(id=run.id)).outcome is not None
    assert not long


async def test_a_merchant_whose_shops_do_not_answer_leaves_places_to_every_other(books: Database) -> None:
    hostile, others, stop = uuid4(), [uuid4() for _ in range(3)], asyncio.Event()
    whose: dict[str, UUID] = {}
    begun: list[UUID] = []

    async def slow(subject: UUID, *rest: object) -> None:
        begun.append(whose[str(subject)])
        await stop.wait()

    busy: dict[asyncio.Task[None], UUID | None] = {}
    ctx: dict[str, Any] = {"sender": None, "shops": None, "settings": quick_settings(), "with shops": busy}
    shops = {one: await a_web_shop() for one in [hostile, *others]}
    for one in [*[hostile] * beside.SHOPS_MAX * 2, *others]:
        made = shops[one]
        whose[str(made.id)] = made.merchant_id
        await beside.of_shop(ctx, bell.SHOP, str(made.id), slow, 60)
    await asyncio.sleep(0)
    assert {begun.count(shops[one].merchant_id) for one in others} == {1}
    assert 1 < begun.count(shops[hostile].merchant_id) < beside.SHOPS_MAX / 2
    stop.set()
    await asyncio.gather(*busy)
    assert not busy


async def test_the_sweep_rings_for_each_merchant_in_turn(books: Database) -> None:
    many, few = await a_web_shop(), await a_web_shop()
    for shop, count in ((many, 5), (few, 1)):
        for number in range(count):
            await ShopNotice.create(
                id=uuid4(), merchant_id=shop.merchant_id, shop_id=shop.id, key=str(number), digest="d", path="/",
                body=b"", headers={}, request_id="x", due_at=datetime.now(UTC) - timedelta(hours=count),
            )  # fmt: skip
    first_two = [row["id"] for row in await rows(DUE[bell.SHOP_NOTICE], 2)]
    found = await ShopNotice.filter(id__in=first_two)
    assert {one.shop_id for one in found} == {many.id, few.id}
