"""Whether the process lives, and whether it can serve."""

import asyncio
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from domain.platform.database import rows, unavailable

_SECONDS_MAX: Final = 2.0


async def alive(request: Request) -> Response:
    """200 as long as the process answers at all."""
    return JSONResponse({"status": "alive"})


async def ready(request: Request) -> Response:
    """503 while the database does not answer, within two seconds."""
    try:
        async with asyncio.timeout(_SECONDS_MAX):
            await rows("SELECT 1 AS one")
    except Exception as error:
        if not unavailable(error):
            raise
        return JSONResponse({"status": "the database does not answer"}, 503)
    return JSONResponse({"status": "ready"})
