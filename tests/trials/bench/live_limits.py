"""What live events are measured against, each as a server: `python -m tests.trials.bench.live_limits once|stock`.

`once`: uvicorn alone; what comes through Valkey is rendered once and sent to all. `stock`: Strawberry as it comes,
with our types; the event travels in the message, so that it reads no table and asks nobody for leave.
"""

import asyncio
import gc
import json
import sys
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final

import strawberry
import uvicorn
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from strawberry.asgi import GraphQL
from strawberry.schema.config import StrawberryConfig
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL

from api.graphql.refunds.events import CaughtUpMessage, RefundEvent, RefundEventMessage, RefundStreamMessage
from api.graphql.transport.scalars import SCALARS, DateTime
from domain.models.refunds import State
from domain.platform.settings import Settings

_PATTERN: Final = "estorno:refund:*"


async def _heard(url: str) -> AsyncIterator[tuple[str, bytes]]:
    """Each message's last word of its channel, and what it says."""
    async with Redis.from_url(url) as client, client.pubsub() as pubsub:
        await pubsub.psubscribe(_PATTERN)
        async for message in pubsub.listen():
            if message["type"] == "pmessage":
                yield message["channel"].decode().rpartition(":")[2], message["data"]


def _message(event: dict[str, Any]) -> dict[str, Any]:
    return {"refundEvents": {"__typename": "RefundEventMessage", "replayed": False, "event": event}}


def _next(data: Any) -> str:
    return json.dumps({"id": "1", "type": "next", "payload": {"data": data, "extensions": {"requestId": "0" * 32}}})


class Once:
    """An ASGI application: no GraphQL, no token, one text for all."""

    def __init__(self, redis_url: str) -> None:
        self._url = redis_url
        self._sends: set[Send] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            self._hearing = asyncio.create_task(self._tell_all())
            while True:
                kind = (await receive())["type"]
                await send({"type": f"{kind}.complete"})
                if kind == "lifespan.shutdown":
                    self._hearing.cancel()
                    return
        await receive()
        await send({"type": "websocket.accept", "subprotocol": GRAPHQL_TRANSPORT_WS_PROTOCOL})
        await receive()
        await send({"type": "websocket.send", "text": '{"type": "connection_ack"}'})
        await receive()
        caught_up = {"refundEvents": {"__typename": "CaughtUpMessage", "cursor": "1"}}
        await send({"type": "websocket.send", "text": _next(caught_up)})
        self._sends.add(send)
        while (await receive())["type"] != "websocket.disconnect":
            pass
        self._sends.discard(send)

    async def _tell_all(self) -> None:
        async for _, told in _heard(self._url):
            text = _next(_message(json.loads(told)))
            for send in list(self._sends):
                await send({"type": "websocket.send", "text": text})


_readers: dict[str, set[asyncio.Queue[bytes]]] = defaultdict(set)


def _event(told: bytes) -> RefundEvent:
    given = json.loads(told)
    return RefundEvent(
        id=strawberry.ID(given["id"]),
        refund_id=strawberry.ID(given["refundId"]),
        sequence=given["sequence"],
        kind=given["kind"],
        status=State(given["status"]),
        previous_status=State(given["previousStatus"]),
        occurred_at=DateTime(datetime.fromisoformat(given["occurredAt"])),
        request_id=given["requestId"],
        actor=given["actor"],
        code=None,
        message=None,
        cursor=given["cursor"],
    )


@strawberry.type
class _Query:
    hello: str = "world"


@strawberry.type
class _Subscription:
    @strawberry.subscription
    async def refund_events(
        self, refund_id: strawberry.ID, after: str | None = None
    ) -> AsyncGenerator[RefundStreamMessage, None]:
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        subject = str(strawberry.relay.GlobalID.from_id(refund_id).node_id)
        _readers[subject].add(queue)
        try:
            yield CaughtUpMessage(cursor="1")
            while True:
                yield RefundEventMessage(event=_event(await queue.get()), replayed=False)
        finally:
            _readers[subject].discard(queue)


def _stock(redis_url: str) -> ASGIApp:
    schema = strawberry.Schema(_Query, subscription=_Subscription, config=StrawberryConfig(scalar_map=SCALARS))
    view: ASGIApp = GraphQL[None, None](schema, subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL])

    async def tell() -> None:
        async for subject, told in _heard(redis_url):
            for queue in _readers[subject]:
                queue.put_nowait(told)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        hearing = asyncio.create_task(tell())
        yield
        hearing.cancel()

    return Starlette(routes=[WebSocketRoute("/graphql", view)], lifespan=lifespan)


def main() -> None:
    """Serve one of them."""
    settings = Settings.read()
    app = Once(settings.redis_url) if sys.argv[1] == "once" else _stock(settings.redis_url)
    config = uvicorn.Config(
        app, host="127.0.0.1", port=settings.port, ws_per_message_deflate=False, log_level="error", access_log=False
    )
    gc.collect()
    gc.freeze()
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main()
