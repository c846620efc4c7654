"""Whether the process can serve: asked of the database once for all who ask at about the same time."""

import asyncio

import httpx
import pytest

from api import health
from tests.api.conftest import Enter
from tests.kit.statements import asked


async def test_a_storm_of_probes_asks_the_database_few_times(enter: Enter, caplog: pytest.LogCaptureFixture) -> None:
    asker = await enter()
    async with httpx.AsyncClient(limits=httpx.Limits(max_connections=50), timeout=20) as http:
        with caplog.at_level("DEBUG", logger="tortoise.db_client"):
            answers = await asyncio.gather(*(http.get(f"{asker.url}/readyz") for _ in range(100)))
    assert {answer.status_code for answer in answers} == {200}
    questions = [one for one in asked(caplog) if "SELECT 1 AS one" in one]
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
