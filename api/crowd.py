"""Requests that no token comes with: webhooks and customers' pages, from anybody, of however many addresses."""

import asyncio
from collections.abc import Callable
from functools import partial

from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.doors import PROBES, address_of, busy
from api.places import HeldPlace, Newcomers, Shares


class CrowdMiddleware:
    """Requests that nobody's token comes with take places of their address, which are no merchant's.

    A merchant's are taken by the view. Until it is known whose it is a request takes none: those of two merchants could
    fill them, whoever comes third.

    A place is for work, and for nothing that the client can draw out. So it is taken when the body is here, and given
    back when there is an answer, read or not. Bodies that are on their way are `arriving`; if there are too many of
    them, the slowest ones are told to come again.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        arriving: Newcomers,
        requests: Shares,
        known_at: str,
        streamed: Callable[[Scope], bool] = lambda scope: False,
    ) -> None:
        self.app = app
        self._streamed = streamed  # these read a body as it comes, and know themselves whose
        self._arriving = arriving
        self._requests = requests
        self._free = {*PROBES, known_at}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self._free or self._streamed(scope):
            await self.app(scope, receive, send)
            return
        address = address_of(HTTPConnection(scope))
        body = await self._body(address, receive)
        held = None if body is None else self._requests.take(address)
        if body is None or held is None:
            await busy()(scope, receive, send)
            return
        try:
            await self.app(scope, _told_once(body, receive), _leaving(held, send))
        finally:
            held.leave()

    async def _body(self, address: str, receive: Receive) -> bytes | None:
        """The whole body; None: others came who were faster."""
        try:
            async with asyncio.timeout(None) as patience:
                newcomer = self._arriving.enter(address, partial(patience.reschedule, 0.0))
                try:
                    return await _whole(receive)
                finally:
                    newcomer.leave()
        except TimeoutError:
            return None


async def _whole(receive: Receive) -> bytes:
    pieces = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(pieces)


def _told_once(body: bytes, receive: Receive) -> Receive:
    """The body in one message, and then whatever is heard of the client."""
    told: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_body_first() -> Message:
        return told.pop() if told else await receive()

    return receive_body_first


def _leaving(held: HeldPlace, send: Send) -> Send:
    async def send_and_leave(message: Message) -> None:
        if message["type"] == "http.response.start":
            held.leave()
        await send(message)

    return send_and_leave
