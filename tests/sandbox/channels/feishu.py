"""Feishu's robot: signed in the body with seconds, 20 KB, 100 a minute and 5 a second."""

import base64
import hashlib
import hmac
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.sandbox.channels.state import Robot


async def send(request: Request, robot: Robot) -> Response:
    """`POST /open-apis/bot/v2/hook/{id}`."""
    await robot.slow()
    told = await _judged(request, robot)
    robot.answered.append(told["code"])
    return JSONResponse(told, 400 if told["code"] == 9499 else 200)


async def _judged(request: Request, robot: Robot) -> dict[str, Any]:
    if request.path_params["id"] != robot.token:
        return {"code": 19001, "data": {}, "msg": "param invalid: incoming webhook access token invalid"}
    raw = await request.body()
    if len(raw) > 20_480:
        return {"code": 9499, "data": {}, "msg": "Bad Request"}
    body = json.loads(raw)
    if robot.secret and not _signed(body, robot):
        return {
            "code": 19021,
            "data": {},
            "msg": "sign match fail or timestamp is not within one hour from current time",
        }
    if not robot.allowed:
        return {"code": 19022, "data": {}, "msg": "Ip Not Allowed"}
    if robot.keyword and robot.keyword not in raw.decode():
        return {"code": 19024, "data": {}, "msg": "Key Words Not Found"}
    if robot.over(100, 60) or sum(1 for at in robot._came if at > robot.clock() - 1) > 5:
        return {"code": 11232, "data": {}, "msg": "frequency limited psm[lark.oapi.app_platform_runtime]"}
    if body.get("msg_type") not in ("text", "post", "interactive"):
        return {"code": 9499, "data": {}, "msg": "Bad Request"}
    robot.delivered.append(body)
    return {"StatusCode": 0, "StatusMessage": "success", "code": 0, "data": {}, "msg": "success"}


def _signed(body: dict[str, Any], robot: Robot) -> bool:
    timestamp = str(body.get("timestamp", ""))
    if not timestamp.isdigit() or abs(robot.clock() - int(timestamp)) > 3600:
        return False
    key = f"{timestamp}\n{robot.secret}".encode()
    wanted = base64.b64encode(hmac.new(key, b"", hashlib.sha256).digest()).decode()
    return hmac.compare_digest(wanted, str(body.get("sign", "")))
