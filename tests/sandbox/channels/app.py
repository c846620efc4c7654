"""All channels behind one address: `/robot/send`, `/cgi-bin/webhook/send`, `/open-apis/bot/v2/hook/…` and others."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.sandbox.channels import dingtalk, feishu, others, wecom
from tests.sandbox.channels.state import Robot

_Handler = Callable[[Request, Robot], Awaitable[Response]]


@dataclass
class Channels:
    """A robot of each channel."""

    dingtalk: Robot = field(default_factory=Robot)
    wecom: Robot = field(default_factory=Robot)
    feishu: Robot = field(default_factory=Robot)
    slack: Robot = field(default_factory=Robot)
    teams: Robot = field(default_factory=Robot)
    pagerduty: Robot = field(default_factory=Robot)

    def paths(self) -> dict[str, str]:
        """The address of each, behind the server's own, as its product would show it."""
        return {
            "DINGTALK": f"/robot/send?access_token={self.dingtalk.token}",
            "WECOM": f"/cgi-bin/webhook/send?key={self.wecom.token}",
            "FEISHU": f"/open-apis/bot/v2/hook/{self.feishu.token}",
            "SLACK": f"/services/T0/B0/{self.slack.token}",
            "TEAMS": f"/workflows/1/triggers/manual/paths/invoke?api-version=1&sig={self.teams.token}",
            "PAGERDUTY": "/v2/enqueue",
        }

    def app(self) -> Starlette:
        """The server."""

        def at(path: str, handler: _Handler, robot: Robot) -> Route:
            return Route(path, partial(_answered, handler, robot), methods=["GET", "POST"])

        return Starlette(
            routes=[
                at("/robot/send", dingtalk.send, self.dingtalk),
                at("/cgi-bin/webhook/send", wecom.send, self.wecom),
                at("/open-apis/bot/v2/hook/{id}", feishu.send, self.feishu),
                at("/services/{team}/{bot}/{token}", others.slack, self.slack),
                at("/workflows/{id}/triggers/manual/paths/invoke", others.teams, self.teams),
                at("/v2/enqueue", others.pagerduty, self.pagerduty),
            ]
        )


async def _answered(handler: _Handler, robot: Robot, request: Request) -> Response:
    if robot.mood == "500":
        return Response("upstream", 500)
    return await handler(request, robot)
