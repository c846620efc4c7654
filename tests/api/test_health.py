"""Whether the process can serve: asked of the database once for all who ask at about the same time."""

import asyncio
import sys
from types import FrameType

import httpx

from api import health
from domain.platform.database import rows
from tests.api.conftest import Enter


async def test_a_storm_of_probes_asks_the_database_few_times(enter: Enter) -> None:
    asker = await enter()
    questions: set[FrameType] = set()
    async with httpx.AsyncClient(limits=httpx.Limits(max_connections=50), timeout=20) as http:
        sys.setprofile(lambda frame, *_: questions.add(frame) if frame.f_code is rows.__code__ else None)
        try:
            answers = await asyncio.gather(*(http.get(f"{asker.url}/readyz") for _ in range(200)))
        finally:
            sys.setprofile(None)
    assert {answer.status_code for answer in answers} == {200}
    assert 1 <= len(questions) < 50  # twice a second, on a machine that may be very busy


async def test_a_probe_that_has_gone_takes_no_answer_from_the_others_and_the_next_ones_ask_again() -> None:
    asked, go_on = list[int](), asyncio.Event()

    async def ask() -> bool:
        asked.append(1)
        await go_on.wait()
        return len(asked) == 1

    readiness = health.Readiness(ask, kept_seconds=0.05)
    first, second = asyncio.create_task(readiness.is_ready()), asyncio.create_task(readiness.is_ready())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    go_on.set()
    assert await second is True
    assert await readiness.is_ready() is True
    assert len(asked) == 1
    await asyncio.sleep(0.06)
    assert await readiness.is_ready() is False
    assert len(asked) == 2
