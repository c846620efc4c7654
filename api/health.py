"""Whether the process lives, and whether it can serve."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from tortoise.exceptions import BaseORMException

from domain.database import rows


async def alive(request: Request) -> Response:
    return JSONResponse({"status": "alive"})


async def ready(request: Request) -> Response:
    """503 while the database does not answer."""
    try:
        await rows("SELECT 1 AS one")
    except (BaseORMException, OSError):
        return JSONResponse({"status": "the database does not answer"}, 503)
    return JSONResponse({"status": "ready"})
