"""DingTalk's custom robot: refuses with HTTP 200 and an errcode, and mutes for ten minutes whoever says too much."""

import base64
import hashlib
import hmac
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.sandbox.channels.state import Robot

_HOUR = 3600
_MOODS: dict[str, dict[str, Any]] = {
    "busy": {"errcode": -1, "errmsg": "系统繁忙"},
    "stopped": {"errcode": 400102, "errmsg": "bot is stopped"},
    "dissolved": {"errcode": 400013, "errmsg": "group has been dissolved"},
    "quota": {"errcode": 90030, "errmsg": "webhook over limit"},
    "punished": {"status": 1111, "source": "x5", "punish": "deny", "wait": 5},
    "wordless": {"result": "accepted"},
    "new_rate_code": {"errcode": 660026, "errmsg": "send too fast"},
    "permission": {"errcode": 88, "sub_code": "60011", "errmsg": "ding talk error"},
}


async def send(request: Request, robot: Robot) -> Response:
    """`POST /robot/send`."""
    await robot.slow()
    if robot.mood in _MOODS:
        return _answer(robot, _MOODS[robot.mood])
    return _answer(robot, await _judged(request, robot))


async def _judged(request: Request, robot: Robot) -> dict[str, Any]:
    query = request.query_params
    if request.method != "POST":
        return {"errcode": 43002, "errmsg": "requires POST request"}
    if "access_token" not in query:
        return {"errcode": 40035, "errmsg": "缺少参数 access_token"}
    if query["access_token"] != robot.token:
        return {"errcode": 300005, "errmsg": "token is not exist"}
    if not request.headers.get("content-type", "").startswith("application/json"):
        return {"errcode": 43004, "errmsg": "invalid HTTP header Content-Type"}
    raw = await request.body()
    if robot.secret and not _signed(query.get("timestamp", ""), query.get("sign", ""), robot):
        return {"errcode": 310000, "errmsg": "sign not match, more: [https://open.dingtalk.com]"}
    if not robot.allowed:
        return {"errcode": 310000, "errmsg": "ip 203.0.113.9 not in whitelist"}
    if len(raw) > 20_000:
        return {"errcode": 460101, "errmsg": "message too long, exceed 20000 bytes"}
    body = json.loads(raw)
    if robot.keyword and robot.keyword not in json.dumps(body, ensure_ascii=False):
        return {"errcode": 310000, "errmsg": "keywords not in content"}
    if body.get("msgtype") not in ("text", "markdown", "actionCard", "link", "feedCard"):
        return {"errcode": 400105, "errmsg": "unsupported msg type"}
    now = robot.clock()
    if now < robot.muted_until:
        return {"errcode": 130101, "errmsg": "send too fast, exceed 20 times per minute"}
    if robot.over(20, 60):
        robot.muted_until = now + 600
        return {"errcode": 130101, "errmsg": "send too fast, exceed 20 times per minute"}
    robot.delivered.append(body)
    return {"errcode": 0, "errmsg": "ok"}


def _signed(timestamp: str, sign: str, robot: Robot) -> bool:
    if not timestamp.isdigit() or abs(robot.clock() - int(timestamp) / 1000) > _HOUR:
        return False
    message = f"{timestamp}\n{robot.secret}".encode()
    wanted = base64.b64encode(hmac.new(robot.secret.encode(), message, hashlib.sha256).digest()).decode()
    return hmac.compare_digest(wanted, sign)


def _answer(robot: Robot, told: dict[str, Any]) -> Response:
    robot.answered.append(told.get("errcode", -999))
    return JSONResponse(told)
