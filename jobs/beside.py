"""What is done beside a worker's jobs, because it takes long: so much at once, and no more."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final
from uuid import UUID

import structlog

from domain.commerce import find
from domain.platform.database import for_all
from domain.platform.settings import Settings
from jobs.wire.shops import ShopSender

LONG_MAX: Final = 4  # at once in one worker
SHOPS_MAX: Final = 16  # the same of shops, so that a slow one holds up no certification
_log = structlog.get_logger()
ArqContext = dict[str, Any]
ShopWork = Callable[[UUID, ShopSender, Settings], Coroutine[Any, Any, None]]


async def of_shop(ctx: ArqContext, job: str, subject: str, work: ShopWork, seconds: float) -> None:
    """Have it done beside the jobs, if there is a place: what is left out, the sweep rings for again.

    A merchant is given a place while it has fewer than half as many as are free, so that whoever comes next finds one,
    however many shops another has, and however slow they answer.
    """
    with for_all("whose it is that a shop's place is wanted for"):
        merchant = await find.merchant_of(job, UUID(subject))
    busy: dict[asyncio.Task[None], UUID | None] = ctx["with shops"]
    mine = sum(other == merchant for other in busy.values())
    if 2 * mine < SHOPS_MAX - len(busy):
        task = _begin(work(UUID(subject), ctx["shops"], ctx["settings"]), seconds)
        busy[task] = merchant
        task.add_done_callback(lambda done: busy.pop(done, None))


def by_itself(ctx: ArqContext, work: Coroutine[Any, Any, None], seconds: float) -> None:
    """Have it done beside the jobs, whose time limit is short and stays so.

    arq hides what a killed worker had in hand for as long as its longest job may take, and looks at the first few
    hundred jobs of a queue only: with one job of half an hour, a few killed workers would stop all others for that
    long. What is begun here has a row with a lease: the sweep rings for it again when nobody holds it.
    """
    long: set[asyncio.Task[None]] = ctx["long"]
    if len(long) >= LONG_MAX:
        work.close()  # the sweep rings again
        return
    task = _begin(work, seconds)
    long.add(task)
    task.add_done_callback(long.discard)


def _begin(work: Coroutine[Any, Any, None], seconds: float) -> asyncio.Task[None]:
    async def bounded() -> None:
        try:
            async with asyncio.timeout(seconds):
                await work
        except Exception:
            _log.exception("worker.failed")

    return asyncio.create_task(bounded())
