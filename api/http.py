"""What every request passes before anything of ours reads it: its ID, a bound on its body, and safe headers."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any, Final
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain.platform.database import unavailable, unsaid

BODY_BYTES_MAX: Final = 1024 * 1024
REQUEST_ID_HEADER: Final = "x-request-id"
CORRELATION_ID_HEADER: Final = "x-correlation-id"
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_SECURITY_HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
}
# For while the database is away. A mutation may have been done all the same: only its idempotencyKey makes it safe.
UNAVAILABLE: Final = "UNAVAILABLE"
COME_BACK: Final = (
    "Our database cannot serve this just now; send the same again, with the same idempotencyKey, in a moment."
)
RETRY_AFTER: Final = {"retry-after": "2"}  # seconds
_CODES: Final = {
    401: "UNAUTHENTICATED",
    413: "BODY_TOO_LARGE",
    429: "RATE_LIMITED",
    431: "HEADERS_TOO_LARGE",
    500: "INTERNAL_ERROR",
    503: UNAVAILABLE,
}
_log = structlog.get_logger()
_request_id: ContextVar[str] = ContextVar("request_id", default="")
_origin: ContextVar[tuple[str | None, str | None]] = ContextVar("origin", default=(None, None))
_languages: ContextVar[str | None] = ContextVar("languages", default=None)


def request_id() -> str:
    """The ID of the request (or socket) that is being served; empty outside of one."""
    return _request_id.get()


def origin() -> tuple[str | None, str | None]:
    """The address that the request came from, and what the program calls itself (User-Agent), where it says so."""
    return _origin.get()


def languages() -> str | None:
    """Which languages the reader wants (Accept-Language), where they say so."""
    return _languages.get()


def speak(language: str) -> None:
    """What follows in this request is told in that language, whatever its header says."""
    _languages.set(language)


def new_request_id() -> str:
    """32 characters, unique."""
    return uuid4().hex


def code_of(status: int) -> str:
    """What a refusal of that status is called, where nothing more exact is known: each has a code to branch on."""
    return _CODES.get(status) or HTTPStatus(status).name


def problem(
    status: int,
    message: str,
    *,
    headers: Mapping[str, str] | None = None,
    code: str | None = None,
    extensions: Mapping[str, Any] | None = None,
) -> Response:
    """An answer that says in a sentence what was wrong, in the shape of a GraphQL error: every client reads it.

    `code` is told as `extensions.code`, else that of the status.
    """
    error = {"message": message, "extensions": {"code": code or code_of(status)}}
    body = {"errors": [error], "extensions": {"requestId": request_id(), **(extensions or {})}}
    return Response(json.dumps(body), status, headers, "application/json")


def raw_problem(status: int, message: str, code: str | None, headers: Mapping[str, str]) -> bytes:
    """As `problem`, for who writes to the connection itself, which ends after it."""
    error = {"message": message, "extensions": {"code": code or code_of(status)}}
    body = json.dumps({"errors": [error]}).encode()
    more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: application/json\r\n{more}"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    ).encode() + body


OwnMax = Callable[[Scope], int | None]


def _no_own_max(scope: Scope) -> int | None:
    return None


def middleware(
    *between: Middleware, body_bytes_max: int = BODY_BYTES_MAX, own_max: OwnMax = _no_own_max
) -> Sequence[Middleware]:
    """For `Starlette(middleware=...)`, outermost first; those `between` count also what is refused for its body.

    `own_max`: the limit of requests that have one of their own.
    """
    limit = Middleware(BodyLimitMiddleware, bytes_max=body_bytes_max, own_max=own_max)
    return [Middleware(RequestMiddleware), *between, limit]


def masked(path: str) -> str:
    """A path fit for a log: what follows these names opens doors."""
    return re.sub(
        r"(/refund-destination/|/files/upload/|/sign-in/link/|/unsubscribe/|/(?:webhooks|shops)/[^/]+/).+",
        r"\1[redacted]",
        path,
    )


def _correlation_id(headers: Headers) -> str | None:
    """What the client calls its request, if it is well formed."""
    given = headers.get(REQUEST_ID_HEADER, "")
    return given if _REQUEST_ID.fullmatch(given) else None


class SaidAnew:
    """Whatever is served here was called by nobody whose merchant we know: each request says for whom it asks."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with unsaid():
            await self.app(scope, receive, send)


class RequestMiddleware:
    """Gives the request an ID of its own, and answers for what nobody caught.

    The ID is in `request_id()`, in every log line, and in the answer's `X-Request-ID`, also on a WebSocket handshake.
    It is never the client's: one that a client used twice would find one refund and hide the other. The client's
    `X-Request-ID` is kept beside it, as `correlation_id` in the log and `X-Correlation-ID` in the answer.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers, client = Headers(scope=scope), scope.get("client")
        chosen, given = new_request_id(), _correlation_id(headers)
        names = {REQUEST_ID_HEADER: chosen, **({CORRELATION_ID_HEADER: given} if given else {})}
        token, came = _request_id.set(chosen), _origin.set((client[0] if client else None, headers.get("user-agent")))
        spoken = _languages.set(headers.get("accept-language"))
        try:
            bound = {"request_id": chosen, **({"correlation_id": given} if given else {})}
            with structlog.contextvars.bound_contextvars(**bound):
                await self._serve(names, scope, receive, send)
        finally:
            _request_id.reset(token)
            _languages.reset(spoken)
            _origin.reset(came)

    async def _serve(self, names: Mapping[str, str], scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] in ("http.response.start", "websocket.accept", "websocket.http.response.start"):
                started = True
                _add_headers(MutableHeaders(scope=message), names, message["type"])
            await send(message)

        try:
            await self.app(scope, receive, send_with_headers)
        except ClientDisconnect:
            _log.info("request.left", path=masked(scope["path"]))  # Nobody is there to be answered.
        except Exception as error:
            away = unavailable(error)
            if away:
                _log.warning("request.unavailable", path=masked(scope["path"]), error=str(error))
            else:
                _log.exception("request.failed", path=masked(scope["path"]))
            if started or scope["type"] == "websocket":
                raise  # The server closes the connection: an answer that has begun cannot become another one.
            failed = problem(500, "Something went wrong on our side; quote the requestId to support.")
            if away:
                failed = problem(503, COME_BACK, headers=RETRY_AFTER, code=UNAVAILABLE)
            await failed(scope, receive, send_with_headers)


def _add_headers(headers: MutableHeaders, names: Mapping[str, str], message_type: str) -> None:
    headers.update(names)
    if message_type == "http.response.start":
        for name, value in _SECURITY_HEADERS.items():
            headers.setdefault(name, value)  # A page or a stream may need its own.


class _BodyTooLarge(Exception):
    """The body went past the limit while it was read."""


class BodyLimitMiddleware:
    """Answers 413 to a body of more than `bytes_max`, declared or chunked, before anything is executed.

    It waits for none of what is still to come: the server goes on reading, so that the client reads the answer.
    """

    def __init__(self, app: ASGIApp, *, bytes_max: int, own_max: OwnMax = _no_own_max) -> None:
        self.app = app
        self.bytes_max = bytes_max
        self.own_max = own_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        own = self.own_max(scope)
        bytes_max = self.bytes_max if own is None else own
        if self._declared(Headers(scope=scope)) > bytes_max:
            await self._refuse(bytes_max, scope, receive, send)
            return
        seen = 0

        async def receive_counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > bytes_max:
                raise _BodyTooLarge
            return message

        try:
            await self.app(scope, receive_counted, send)
        except _BodyTooLarge:
            await self._refuse(bytes_max, scope, receive, send)

    @staticmethod
    def _declared(headers: Headers) -> int:
        length = headers.get("content-length", "")
        return int(length[:18]) if length.isascii() and length.isdigit() else 0

    @staticmethod
    async def _refuse(bytes_max: int, scope: Scope, receive: Receive, send: Send) -> None:
        refused = problem(413, f"The body is larger than {bytes_max} bytes; nothing was executed.")
        await refused(scope, receive, send)
