"""The only place that opens a connection to a PSE: bounded clients, a total time limit, call log, circuit breaker.

httpx has no total limit, and requests made inside an Auth flow have none at all: `asyncio.timeout` is around it all.
"""

import asyncio
import ssl
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx

from domain.connections import calls
from domain.connections.calls import About, Received, Sent
from domain.connections.connections import credentials_of
from domain.models import Connection
from domain.platform.crash import crash_here
from domain.platform.secrets import Unsealable
from domain.pse.connector import Connector
from domain.pse.kit import exact
from domain.pse.registry import connector
from domain.pse.vocabulary import PURPOSE, TOKEN, Credentials, InDoubt, TokenRefused, Unsent
from jobs.wire.breaker import Breaker, retry_after
from jobs.wire.decoding import ACCEPTED, decoded

ANSWER_BYTES_MAX: Final = 32 * 1024 * 1024
FILE_BYTES_MAX: Final = 4 * 1024 * 1024 * 1024
FILE_RATIO_MAX: Final = 100  # unpacked to packed, beyond the first megabytes: rows of text come to 5 to 20
_FILE_SECONDS_MAX: Final = 1800.0
_ABOUT_REFUNDS: Final = ("REFUND", "LOOK_UP")
_ABOUT_ACCESS: Final = (401, 403, 408, 425, 429)
_UNUSABLE: Final = (Unsealable, ssl.SSLError, KeyError, ValueError)  # sealed with another key, no PEM, one left out
_NEVER_LEFT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


@dataclass(slots=True)
class _Exchange:
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


_exchange: ContextVar[_Exchange] = ContextVar("exchange")


class LeasePassed(httpx.HTTPError):
    """Somebody else may send the order by now, so nothing was sent."""


class AnswerTooLarge(httpx.HTTPError):
    """A PSE's answer is larger than anything it has to say."""


class _LoggedTransport(httpx.AsyncBaseTransport):
    """Writes every request down before it leaves, and its answer; reads the whole answer, up to a limit."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        exchange = _exchange.get()
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
        _check_lease(_exchange.get())  # connecting may have taken longer than the lease, too
    if event.endswith(".send_request_body.complete"):
        crash_here("send.left")


def _check_lease(exchange: _Exchange) -> None:
    """Right before the bytes leave: writing the call down, or a token, may have taken longer than the lease."""
    if exchange.send_before is not None and time.monotonic() >= exchange.send_before:
        exchange.began = False
        raise LeasePassed("The worker was too slow to send within its lease.")


async def _as_sent(request: httpx.Request, wire: Connector) -> Sent:
    body = (await request.aread()).decode("utf-8", "replace")
    return Sent(request.method, wire.scrub(str(request.url)), dict(request.headers), wire.scrub(body))


async def _taken(response: httpx.Response, into: Path | None) -> bytes:
    if into is None:
        return await _bounded(response)
    response.request = _exchange.get().order
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
    response.request = _exchange.get().order
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


@dataclass(slots=True)
class _Line:
    """What is kept per connection: one client, one Auth, one breaker."""

    client: httpx.AsyncClient
    auth: httpx.Auth
    sealed: bytes
    breaker: Breaker


class Sender:
    """Sends what connectors build. `seconds_max` bounds a whole send, token requests included."""

    def __init__(self, key: bytes, seconds_max: float) -> None:
        self._key = key
        self._seconds_max = seconds_max
        self._lines: dict[UUID, _Line] = {}

    async def close(self) -> None:
        for line in self._lines.values():
            await line.client.aclose()
        self._lines.clear()

    def wait(self, connection_id: UUID) -> float:
        """Seconds until the connection's breaker lets the current task send; 0: now, and it may be the probe."""
        line = self._lines.get(connection_id)
        return 0.0 if line is None else line.breaker.admit()

    def rest(self, connection_id: UUID) -> float:
        """Seconds for which nothing will be sent on the connection."""
        line = self._lines.get(connection_id)
        return 0.0 if line is None else line.breaker.rest()

    async def send(
        self, connection: Connection, request: httpx.Request, about: About, *, send_before: float | None = None
    ) -> httpx.Response | Unsent | InDoubt:
        """Send one order and give the answer, or what its absence means. Never raises for what a network can do.

        `send_before` is a deadline of `time.monotonic()`: past it nothing is sent, because somebody else may have.
        """
        exchange = _Exchange(about, connector(connection.pse), request, send_before=send_before)
        return await self._send(connection, exchange, self._seconds_max)

    async def download(
        self, connection: Connection, request: httpx.Request, about: About, into: Path
    ) -> httpx.Response | Unsent | InDoubt:
        """As `send`, with the body of a 200 written to a file instead of kept in memory."""
        exchange = _Exchange(about, connector(connection.pse), request, into=into)
        return await self._send(connection, exchange, _FILE_SECONDS_MAX)

    async def _send(
        self, connection: Connection, exchange: _Exchange, seconds: float
    ) -> httpx.Response | Unsent | InDoubt:
        try:
            line = await self._line(connection)
        except _UNUSABLE as error:
            said = f"Never sent: the connection's credentials cannot be used ({type(error).__name__})."
            return Unsent("CREDENTIALS_UNUSABLE", said)
        token = _exchange.set(exchange)
        try:
            if (wait := line.breaker.admit()) > 0:
                return Unsent("RESTING", f"Never sent: the PSE is left alone for {wait:.0f} more seconds.")
            async with asyncio.timeout(seconds) as exchange.limit:
                answer = await line.client.send(exchange.order, auth=line.auth)
            if answer.status_code >= 500 or _from_somebody_else(answer, exchange.about):
                line.breaker.failed(exchange.wait)
            else:
                line.breaker.worked(exchange.wait)
            return answer
        except TokenRefused as error:
            line.breaker.failed(exchange.wait)
            return Unsent("TOKEN_REFUSED", str(error))
        except LeasePassed as error:
            return Unsent("LEASE_PASSED", str(error))
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            if exchange.at_the_pse:  # else our own database was slow, and the PSE has nothing to do with it
                line.breaker.failed()
            return _meaning(error, exchange)
        finally:
            _exchange.reset(token)

    async def _line(self, connection: Connection) -> _Line:
        sealed = bytes(connection.sealed_secrets)
        line = self._lines.get(connection.id)
        if line is not None and line.sealed == sealed:
            return line
        credentials = credentials_of(connection, self._key)
        auth = connector(connection.pse).auth(credentials)
        made = _Line(_client(self._seconds_max, credentials), auth, sealed, line.breaker if line else Breaker())
        self._lines[connection.id] = made
        if line is not None:
            await line.client.aclose()
        return made


def _client(seconds: float, credentials: Credentials) -> httpx.AsyncClient:
    # HTTP/2 is spoken where the PSE's server offers it (ALPN), else HTTP/1.1.
    limits = httpx.Limits(max_connections=50, max_keepalive_connections=20, keepalive_expiry=30)
    return httpx.AsyncClient(
        transport=_LoggedTransport(
            httpx.AsyncHTTPTransport(verify=_tls(credentials), limits=limits, retries=0, http2=True)
        ),
        headers={"accept-encoding": ACCEPTED},
        timeout=httpx.Timeout(seconds, connect=min(seconds, 10)),
        follow_redirects=False,
    )


def _tls(credentials: Credentials) -> ssl.SSLContext:
    """The system's authorities, or the connection's own (`ca`); with its client certificate where it has one.

    Secrets in PEM: `client_certificate` (with its chain), `client_key`, `ca`. Pix wants it. Raises ssl.SSLError.
    """
    authority, certificate, key = (credentials.secrets.get(name) for name in ("ca", "client_certificate", "client_key"))
    if not (authority or (certificate and key)):
        return _plain_tls()
    context = ssl.create_default_context(cadata=authority)
    if certificate and key:
        # The ssl module reads a file only: one that nobody else can open, for a moment.
        with tempfile.NamedTemporaryFile("w", prefix="estorno-", suffix=".pem") as file:
            file.write(f"{key.strip()}\n{certificate.strip()}\n")
            file.flush()
            context.load_cert_chain(file.name)
    return context


@cache
def _plain_tls() -> ssl.SSLContext:
    # Reading the system's authorities costs more than most calls; connections without secrets of TLS share them.
    return ssl.create_default_context()


def _from_somebody_else(answer: httpx.Response, about: About) -> bool:
    """Whether a refusal about a refund is none of the PSE's: every PSE explains itself in JSON.

    A wrong address, or a gateway before the PSE, answers so, and no other refund fares better.
    """
    return (
        about.purpose in _ABOUT_REFUNDS
        and 400 <= answer.status_code < 500
        and answer.status_code not in _ABOUT_ACCESS
        and not exact.explained(answer.content)
    )


def _meaning(error: Exception, exchange: _Exchange) -> Unsent | InDoubt:
    said = f"{type(error).__name__}: {error}".rstrip(": ")
    if not exchange.began or isinstance(error, (*_NEVER_LEFT, httpx.InvalidURL)):
        return Unsent(_code(error), f"Never sent: {said}")
    return InDoubt(_code(error), f"No answer: {said}")


def _code(error: Exception) -> str:
    return "TIMEOUT" if isinstance(error, TimeoutError | httpx.TimeoutException) else type(error).__name__.upper()


@asynccontextmanager
async def sender(key: bytes, seconds_max: float) -> AsyncIterator[Sender]:
    """A sender for the life of a process."""
    made = Sender(key, seconds_max)
    try:
        yield made
    finally:
        await made.close()
