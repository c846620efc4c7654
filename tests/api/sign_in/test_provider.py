"""An identity provider that does not answer: it is asked once, few wait for it, and nobody asks again at once."""

import asyncio

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.sign_in.provider import Directory
from domain.access import sign_in
from domain.access.sign_in import NotBelieved
from tests.kit.world import quick_settings, served


async def test_a_provider_that_hangs_is_asked_once_and_few_wait_for_it() -> None:
    asked, more = 0, asyncio.Event()

    async def hang(request: Request) -> Response:
        nonlocal asked
        asked += 1
        await more.wait()
        return Response(status_code=500)

    async with served(Starlette(routes=[Route("/{path:path}", hang)])) as url:
        directory = Directory(quick_settings(oidc_issuer=url, requests_max=16), seconds_max=0.5)
        waiting = [
            asyncio.create_task(directory.provider()) for _ in range(4)
        ]  # half of the places of who comes without a token
        await asyncio.sleep(0)
        with pytest.raises(NotBelieved, match="wait for"):
            await directory.provider()
        with pytest.raises(NotBelieved, match="wait for"):
            await directory.address("code", sign_in.begin(), f"{url}/callback")
        assert not any(task.done() for task in waiting)
        done = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(one) for one in done} == {NotBelieved}
        with pytest.raises(NotBelieved, match="a moment ago"):
            await directory.provider()
        assert asked == 1
        more.set()


async def test_a_provider_that_failed_is_asked_again_after_the_pause() -> None:
    asked = 0

    async def fail(request: Request) -> Response:
        nonlocal asked
        asked += 1
        return Response(status_code=500)

    async with served(Starlette(routes=[Route("/{path:path}", fail)])) as url:
        directory = Directory(quick_settings(oidc_issuer=url), pause_seconds=0.0)
        for _ in range(2):
            with pytest.raises(NotBelieved, match="no JSON object"):
                await directory.provider()
    assert asked == 2
