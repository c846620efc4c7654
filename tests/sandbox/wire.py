"""What a network does: answers that never come, or come half."""

from starlette.responses import Response
from starlette.types import Receive, Scope, Send


class _Dropped(Response):
    """Closes the connection without a word, as a broken network would."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # uvicorn's `receive` is a method of the exchange, which holds the transport; ASGI itself has no such thing.
        receive.__self__.transport.abort()  # type: ignore[attr-defined]  # uvicorn's exchange, see above


class _Half(Response):
    """Announces the whole answer and sends half of it."""

    def __init__(self, whole: Response) -> None:
        super().__init__(whole.body, whole.status_code, media_type=whole.media_type)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": bytes(self.body)[: len(self.body) // 2], "more_body": True})
        receive.__self__.transport.close()  # type: ignore[attr-defined]  # uvicorn's exchange, as above


def dropped() -> Response:
    return _Dropped()


def half(answer: Response) -> Response:
    return _Half(answer)
