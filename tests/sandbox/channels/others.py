"""Slack, a Teams workflow and PagerDuty's Events API, as far as they are published."""

import json

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from tests.sandbox.channels.state import Robot

_SLACK_STATUS = {"no_service": 404, "channel_is_archived": 410, "invalid_payload": 400, "something_new": 400}


async def slack(request: Request, robot: Robot) -> Response:
    """`POST /services/T/B/X`."""
    if robot.mood in _SLACK_STATUS:
        return PlainTextResponse(robot.mood, _SLACK_STATUS[robot.mood])
    if request.path_params["token"] != robot.token:
        return PlainTextResponse("no_service", 404)
    body = json.loads(await request.body())
    if not isinstance(body.get("text"), str) or not body["text"]:
        return PlainTextResponse("no_text", 400)
    if robot.over(1, 1):
        return PlainTextResponse("rate_limited", 429, headers={"retry-after": "7"})
    robot.delivered.append(body)
    return PlainTextResponse("ok")


async def teams(request: Request, robot: Robot) -> Response:
    """A workflow's address: 202, whatever becomes of it."""
    if request.query_params.get("sig") != robot.token:
        return JSONResponse({"error": {"code": "DirectApiAuthorizationRequired"}}, 401)
    raw = await request.body()
    if len(raw) > 28_000:
        return JSONResponse({"error": {"code": "RequestEntityTooLarge"}}, 413)
    if robot.mood != "lost":  # 202, and then nothing
        robot.delivered.append(json.loads(raw))
    return Response(status_code=202)


async def pagerduty(request: Request, robot: Robot) -> Response:
    """`POST /v2/enqueue`: an incident per open key."""
    body = json.loads(await request.body())
    if robot.over(120, 60):
        return JSONResponse({"status": "throttle exceeded", "message": "Requests are arriving too quickly"}, 429)
    wrong = []
    if body.get("routing_key") != robot.token:
        wrong.append("Invalid routing key")
    if body.get("event_action") not in ("trigger", "acknowledge", "resolve"):
        wrong.append("'event_action' is invalid")
    if body.get("event_action") == "trigger":
        told = body.get("payload", {})
        if not 0 < len(told.get("summary", "")) <= 1024:
            wrong.append("'payload.summary' is missing or blank")
        if told.get("severity") not in ("critical", "error", "warning", "info"):
            wrong.append("'payload.severity' is invalid")
    if len(body.get("dedup_key", "")) > 255:
        wrong.append("'dedup_key' is too long")
    if wrong:
        return JSONResponse({"status": "invalid event", "message": "Event object is invalid", "errors": wrong}, 400)
    robot.delivered.append(body)
    return JSONResponse({"status": "success", "message": "Event processed", "dedup_key": body.get("dedup_key")}, 202)


def open_incidents(robot: Robot) -> set[str]:
    """The keys that were triggered, and not resolved since."""
    found: set[str] = set()
    for one in robot.delivered:
        if one["event_action"] == "trigger":
            found.add(one["dedup_key"])
        elif one["event_action"] == "resolve":
            found.discard(one["dedup_key"])
    return found
