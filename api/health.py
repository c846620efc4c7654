"""Whether the process lives, and whether it can serve."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from domain.platform.database import for_nobody, rows, unavailable

_SECONDS_MAX: Final = 2.0
_KEPT_SECONDS: Final = 0.5  # nobody counts probes, so what they cost must not grow with their number


async def alive(request: Request) -> Response:
    """200 as long as the process answers at all."""
    return JSONResponse({"status": "alive"})


async def _database_answers() -> bool:
    try:
        with for_nobody():
            async with asyncio.timeout(_SECONDS_MAX):
                await rows("SELECT 1 AS one")
    except Exception as error:
        if not unavailable(error):
            raise
        return False
    return True


class Readiness:
    """One question at a time for all who want to know, and for those who come up to half a second after its answer."""

    def __init__(
        self, ask: Callable[[], Awaitable[bool]] = _database_answers, kept_seconds: float = _KEPT_SECONDS
    ) -> None:
        self._ask = ask
        self._kept_seconds = kept_seconds
        self._asking: asyncio.Future[bool] | None = None
        self._asked_again_at = 0.0

    async def is_ready(self) -> bool:
        """Raises what the question raises, to each who waited for it."""
        if self._asking is None or (self._asking.done() and time.monotonic() >= self._asked_again_at):
            self._asking = asyncio.ensure_future(self._ask())
            self._asking.add_done_callback(self._keep)
        return await asyncio.shield(self._asking)  # A probe that goes takes nothing from the others.

    def _keep(self, asked: asyncio.Future[bool]) -> None:
        self._asked_again_at = time.monotonic() + self._kept_seconds

    async def answer(self, request: Request) -> Response:
        """503 while the database does not answer, within two seconds."""
        if await self.is_ready():
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "the database does not answer"}, 503)
