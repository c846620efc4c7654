"""The PSEs' clocks: each answer says when it was given, by a clock that may be wrong."""

import time
from collections.abc import Sequence
from email.utils import formatdate

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.sandbox.server import PseServer


class Clock:
    """Puts `Date` on each answer, `skew_seconds` off where the PSE's clock is; uvicorn then must not put its own."""

    def __init__(self, app: ASGIApp, servers: Sequence[PseServer]) -> None:
        self._app, self._servers = app, servers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        skew = next((one.states["skew_seconds"] for one in self._servers if path.startswith(f"/{one.name}")), 0)

        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = formatdate(time.time() + skew, usegmt=True).encode()
                headers = [pair for pair in message.get("headers", []) if pair[0].lower() != b"date"]
                message = {**message, "headers": [*headers, (b"date", date)]}
            await send(message)

        await self._app(scope, receive, dated)
