"""WeCom's group robot: no signature, 4096 bytes of Markdown, 20 in a rolling minute, HTTP 200 with an errcode."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.sandbox.channels.state import Robot


async def send(request: Request, robot: Robot) -> Response:
    """`POST /cgi-bin/webhook/send`."""
    await robot.slow()
    told = await _judged(request, robot)
    robot.answered.append(told["errcode"])
    return JSONResponse(told)


async def _judged(request: Request, robot: Robot) -> dict[str, Any]:
    if robot.mood == "busy":
        return {"errcode": -1, "errmsg": "system error"}
    if request.query_params.get("key") != robot.token:
        return {"errcode": 93000, "errmsg": "invalid webhook url"}
    body = json.loads(await request.body())
    kind = body.get("msgtype")
    if kind not in ("text", "markdown", "markdown_v2"):
        return {"errcode": 40008, "errmsg": "invalid message type"}
    most = 2_048 if kind == "text" else 4_096
    if len(body[kind]["content"].encode()) > most:
        return {"errcode": 40058, "errmsg": f"{kind}.content exceed max length {most}. invalid Request Parameter"}
    if robot.over(20, 60):  # the window rolls: whoever is refused has counted, too
        return {"errcode": 45009, "errmsg": "api freq out of limit"}
    robot.delivered.append(body)
    return {"errcode": 0, "errmsg": "ok"}
