"""Answers that go on: server-sent events and multipart, cut off when their authority ends."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, cast

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send
from strawberry.http.streaming import SSETransport
from strawberry.types.graphql import OperationType

from api.graphql.transport.live import Rendered
from api.graphql.transport.masking import requested
from api.places import HeldPlace


class HeldStream(StreamingResponse):
    """A stream that gives its places back however it ends, also before it began."""

    def __init__(self, held: Sequence[HeldPlace], content: AsyncIterator[str], headers: Mapping[str, str]) -> None:
        super().__init__(content, headers=headers)
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            for one in self._held:
                one.leave()


class EventStream(SSETransport):
    """Server-sent events with line feeds: the standard takes CRLF too, urql waits for two line feeds."""

    def allowed_operation_types(self, allowed_operation_types: set[OperationType]) -> Iterable[OperationType]:
        return (OperationType.SUBSCRIPTION,)  # Whatever ends by itself is bounded, and asked without a stream.

    def encode_event(self, event: str, data: str | None = None) -> str:
        return super().encode_event(event, data).replace("\r\n", "\n")

    def encode_comment(self, comment: str) -> str:
        return super().encode_comment(comment).replace("\r\n", "\n")


class SharedResults:
    """Mixed into a view: what was rendered for all is sent as it is."""

    async def _process_stream_result(self, request: Any, value: Any, all_pending: list[Any]) -> tuple[Any, list[Any]]:
        if isinstance(value, Rendered):
            return value, all_pending
        processed: tuple[Any, list[Any]]
        processed = await super()._process_stream_result(request, value, all_pending)  # type: ignore[misc]
        return processed

    def encode_json_string(self, data: object) -> str:
        """JSON; what was rendered for all may be the `payload` of a part, too."""
        if isinstance(data, Rendered):
            return data.text(requested())
        if isinstance(data, dict) and isinstance(data.get("payload"), Rendered):
            return f'{{"payload":{data["payload"].text(requested())}}}'
        text: str = super().encode_json_string(data)  # type: ignore[misc]  # of the view
        return text


async def until(end: Any, stream: AsyncIterator[str]) -> AsyncGenerator[str, None]:
    """The stream, cut off when `end` comes back."""
    ended = asyncio.ensure_future(end)
    following: asyncio.Future[str] | None = None
    try:
        while True:
            following = asyncio.ensure_future(anext(stream))
            await asyncio.wait({ended, following}, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                return
            try:
                yield following.result()
            except StopAsyncIteration:
                return
    finally:
        for task in filter(None, (ended, following)):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration):
                await task
        await cast("AsyncGenerator[str, None]", stream).aclose()
