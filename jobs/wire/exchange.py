"""An exchange with a PSE: each request is written down before it leaves, its answer is read whole and written down.

What bounds it: the lease of who sends, right before the bytes leave, and the size of what comes back.
"""

import asyncio
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import httpx

from domain.connections import calls
from domain.connections.calls import About, Received, SentCall
from domain.platform.crash import crash_here
from domain.pse.connector import Connector
from domain.pse.vocabulary import PURPOSE, TOKEN
from jobs.wire.breaker import retry_after
from jobs.wire.decoding import decoded

ANSWER_BYTES_MAX: Final = 32 * 1024 * 1024
FILE_BYTES_MAX: Final = 4 * 1024 * 1024 * 1024
FILE_RATIO_MAX: Final = 100  # unpacked to packed, beyond the first megabytes: rows of text come to 5 to 20


@dataclass(slots=True)
class Exchange:
    """One order to a PSE, with the token requests that its Auth flow makes on the way."""

    about: About
    wire: Connector
    order: httpx.Request
    began: bool = False  # the order's own bytes may have left
    at_the_pse: bool = False  # a request is out there now: whatever takes long is not ours
    wait: float = 0.0  # seconds for which the PSE wants to be left alone (Retry-After), its token endpoint included
    send_before: float | None = None  # of time.monotonic(): past it the order is not sent
    into: Path | None = None  # the file that a successful answer goes to, instead of memory
    limit: asyncio.Timeout | None = None  # the total limit that it runs under


CURRENT: ContextVar[Exchange] = ContextVar("exchange")


class LeasePassed(httpx.HTTPError):
    """Somebody else may send the order by now, so nothing was sent."""


class AnswerTooLarge(httpx.HTTPError):
    """A PSE's answer is larger than anything it has to say."""


class LoggedTransport(httpx.AsyncBaseTransport):
    """Writes every request down before it leaves, and its answer; reads the whole answer, up to a limit."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        exchange = CURRENT.get()
        # Whatever does not say that it is a token request is the order: an Auth may have changed its address.
        own = request.extensions.get(PURPOSE) != TOKEN
        about = exchange.about if own else replace(exchange.about, purpose="TOKEN")
        call_id = await calls.log_request(about, await _as_sent(request, exchange.wire))
        exchange.began = exchange.began or own
        exchange.at_the_pse = True
        started = time.monotonic()
        try:
            if own:
                _check_lease(exchange)
                crash_here("send.before")
                request.extensions = {**request.extensions, "trace": _passing}
            response = await self._inner.handle_async_request(request)
            body = await _taken(response, exchange.into if own and response.status_code == 200 else None)
        except BaseException as error:
            # Cancelled by the total limit or failed by itself: either way support must see how it ended.
            await asyncio.shield(calls.log_answer(call_id, _no_answer(error, started, exchange.limit)))
            raise
        if own:
            crash_here("send.after")
        whole = httpx.Response(
            response.status_code,
            headers=_plain(response.headers),
            content=body,
            request=request,
            extensions={"http_version": response.extensions.get("http_version", b"")},
        )
        exchange.at_the_pse = False
        exchange.wait = retry_after(whole)
        await calls.log_answer(call_id, _as_received(whole, exchange.wire, started))
        return whole

    async def aclose(self) -> None:
        await self._inner.aclose()


async def _passing(event: str, _: Mapping[str, Any]) -> None:
    """What the connection says of itself, as the bytes pass."""
    if event.endswith(".send_request_headers.started"):
        _check_lease(CURRENT.get())  # connecting may have taken longer than the lease, too
    if event.endswith(".send_request_body.complete"):
        crash_here("send.left")


def _check_lease(exchange: Exchange) -> None:
    """Right before the bytes leave: writing the call down, or a token, may have taken longer than the lease."""
    if exchange.send_before is not None and time.monotonic() >= exchange.send_before:
        exchange.began = False
        raise LeasePassed("The worker was too slow to send within its lease.")


async def _as_sent(request: httpx.Request, wire: Connector) -> SentCall:
    body = (await request.aread()).decode("utf-8", "replace")
    return SentCall(request.method, wire.scrub(str(request.url)), dict(request.headers), wire.scrub(body))


async def _taken(response: httpx.Response, into: Path | None) -> bytes:
    if into is None:
        return await _bounded(response)
    response.request = CURRENT.get().order
    size = 0
    try:
        with into.open("wb") as file:
            async for chunk in decoded(response):
                size += len(chunk)
                if size > min(FILE_BYTES_MAX, ANSWER_BYTES_MAX + FILE_RATIO_MAX * response.num_bytes_downloaded):
                    raise AnswerTooLarge(f"The file is larger than {FILE_BYTES_MAX} bytes, or than it can be.")
                file.write(chunk)
    finally:
        await response.aclose()
    return f"[a file of {size} bytes]".encode()


async def _bounded(response: httpx.Response) -> bytes:
    response.request = CURRENT.get().order
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in decoded(response):
            size += len(chunk)
            if size > ANSWER_BYTES_MAX:
                raise AnswerTooLarge(f"The answer is larger than {ANSWER_BYTES_MAX} bytes.")
            chunks.append(chunk)
    finally:
        await response.aclose()
    return b"".join(chunks)


def _plain(headers: httpx.Headers) -> list[tuple[str, str]]:
    # The body was decoded while it was read, so these no longer describe it.
    gone = {"content-encoding", "content-length", "transfer-encoding"}
    return [(name, value) for name, value in headers.multi_items() if name.lower() not in gone]


def _as_received(response: httpx.Response, wire: Connector, started: float) -> Received:
    return Received(
        status=response.status_code,
        headers=dict(response.headers),
        body=wire.scrub(response.content[: 4 * calls.BODY_CHARACTERS_MAX].decode("utf-8", "replace")),
        duration_ms=_since(started),
        pse_request_id=wire.request_id(response),
    )


def _no_answer(error: BaseException, started: float, limit: asyncio.Timeout | None) -> Received:
    said = f"{type(error).__name__}: {error}".rstrip(": ")
    if isinstance(error, asyncio.CancelledError):
        # Support reads this: it is the PSE that took too long, or our worker that was stopped.
        late = limit is not None and limit.expired()
        said = "Timeout: no answer within the total limit." if late else "Stopped: the worker ended while it waited."
    return Received(status=None, headers={}, body="", duration_ms=_since(started), error=said)


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
