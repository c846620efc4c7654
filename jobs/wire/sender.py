"""The only place that opens a connection to a PSE: bounded clients, a total time limit, call log, circuit breaker.

httpx has no total limit, and requests made inside an Auth flow have none at all: `asyncio.timeout` is around it all.
"""

import asyncio
import ssl
import tempfile
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx
import structlog

from domain.addresses import names
from domain.addresses.names import AddressRefused
from domain.connections import health
from domain.connections.calls import About
from domain.connections.connections import SENDING, credentials_of
from domain.models import Connection
from domain.platform import metrics, traces
from domain.platform.secrets import Unsealable
from domain.platform.wrapping import KeyServiceAway
from domain.pse.registry import connector
from domain.pse.vocabulary import Credentials, InDoubt, TokenRefused, TokenUnavailable, Unsent
from jobs.wire import meaning, resting
from jobs.wire.breaker import Breaker
from jobs.wire.decoding import ACCEPTED
from jobs.wire.exchange import CURRENT, Exchange, LeasePassed, LoggedTransport
from jobs.wire.look_ups import LookUps
from jobs.wire.outside import Outside

_log = structlog.get_logger()
_FILE_SECONDS_MAX: Final = 1800.0
PREFLIGHT: Final = "PREFLIGHT"
_UNUSABLE: Final = (Unsealable, ssl.SSLError, KeyError, ValueError)  # sealed with another key, no PEM, one left out
_CLOSED_AFTER_SECONDS: Final = 5.0  # beyond the longest send


@dataclass(slots=True)
class _Line:
    """What is kept per connection: one client, one Auth, one breaker."""

    client: httpx.AsyncClient
    auth: httpx.Auth
    credentials: Credentials
    sealed: bytes
    breaker: Breaker


@dataclass(frozen=True, slots=True)
class Unusable:
    """Why a connection's credentials cannot be used. `lasting`: until a person mends it, else it may pass by itself."""

    code: str
    said: str
    lasting: bool


def _unusable(error: Exception) -> Unusable:
    if isinstance(error, KeyServiceAway):
        return Unusable(
            "KEY_SERVICE_AWAY", f"the key service does not open the connection's credentials: {error}", False
        )
    told = str(error) if isinstance(error, Unsealable) else type(error).__name__  # others may quote a secret
    return Unusable("CREDENTIALS_UNUSABLE", f"the connection's credentials cannot be used: {told}", True)


class Sender:
    """Sends what connectors build. `seconds_max` bounds a whole send, token requests included."""

    def __init__(self, key: bytes, seconds_max: float) -> None:
        self._key = key
        self._seconds_max = seconds_max
        self._lines: dict[UUID, _Line] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._look_ups = LookUps()

    @property
    def look_ups(self) -> LookUps:
        """Those of the process: whoever connects in another way looks names up in the same places."""
        return self._look_ups

    async def close(self) -> None:
        """Let go of all connections; what is under way is broken off."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for line in self._lines.values():
            await line.client.aclose()
        self._lines.clear()
        await self._look_ups.close()

    def wait(self, connection_id: UUID) -> float:
        """Seconds until the connection's breaker lets the current task send; 0: now, and it may be the probe."""
        line = self._lines.get(connection_id)
        return 0.0 if line is None else line.breaker.admit()

    def rest(self, connection_id: UUID) -> float:
        """Seconds for which nothing will be sent on the connection."""
        line = self._lines.get(connection_id)
        return 0.0 if line is None else line.breaker.rest()

    async def why_not(self, connection: Connection) -> Unusable | None:
        """Why nothing can be sent or asked on this connection, whatever it is; None: its credentials can be used."""
        try:
            names.check(connection.base_url, connection.merchant_id)
            await self._line(connection)
        except AddressRefused as error:
            return Unusable("ADDRESS_REFUSED", f"nothing is sent to the connection's address. {error}", True)
        except (*_UNUSABLE, KeyServiceAway) as error:
            return _unusable(error)
        return None

    def failing_since(self, connection_id: UUID) -> datetime | None:
        """Since when (UTC) nothing that was sent on the connection was answered; None: it is, or nothing was sent."""
        line = self._lines.get(connection_id)
        return None if line is None else line.breaker.failing_since

    async def send(
        self, connection: Connection, request: httpx.Request, about: About, *, send_before: float | None = None
    ) -> httpx.Response | Unsent | InDoubt:
        """Send one order and give the answer, or what its absence means. Never raises for what a network can do.

        `send_before` is a deadline of `time.monotonic()`: past it nothing is sent, because somebody else may have.
        """
        exchange = Exchange(about, connector(connection.pse), request, send_before=send_before)
        answer = await self._send(connection, exchange, self._seconds_max)
        await self._tell(connection, worked=isinstance(answer, httpx.Response) and answer.status_code < 500)
        return answer

    async def download(
        self, connection: Connection, request: httpx.Request, about: About, into: Path
    ) -> httpx.Response | Unsent | InDoubt:
        """As `send`, with the body of a 200 written to a file instead of kept in memory."""
        exchange = Exchange(about, connector(connection.pse), request, into=into)
        return await self._send(connection, exchange, _FILE_SECONDS_MAX)

    async def _tell(self, connection: Connection, *, worked: bool) -> None:
        """Write down that the PSE has gone, or is back: seldom, and whatever comes of it the answer counts."""
        line = self._lines.get(connection.id)
        is_down = line is not None and line.breaker.half_open
        if is_down == (connection.down_since is not None) or not (is_down or worked):
            return
        try:
            await (health.down if is_down else health.up)(connection.id)
        except Exception as error:
            _log.warning("sender.health_untold", connection=str(connection.id), error=type(error).__name__)

    async def _send(
        self, connection: Connection, exchange: Exchange, seconds: float
    ) -> httpx.Response | Unsent | InDoubt:
        if connection.state not in SENDING and exchange.about.purpose != PREFLIGHT:
            # Whoever it is that would ask: somebody has said that nothing leaves, or nobody yet that it may.
            return Unsent("CONNECTION_SUSPENDED", f"Never sent: the connection is {connection.state}.")
        try:
            line = await self._line(connection)
        except (*_UNUSABLE, KeyServiceAway) as error:
            why = _unusable(error)
            return Unsent(why.code, f"Never sent: {why.said}")
        about, watch = exchange.about, metrics.Stopwatch()
        told: traces.Attributes = {
            "estorno.pse": connection.pse,
            "estorno.purpose": about.purpose,
            "estorno.attempt": about.attempt or 0,
        }
        with traces.span(f"call {connection.pse}", about.request_id, told, is_call=True) as noted:
            answer = await self._over(line, exchange, seconds)
            noted.attributes["estorno.outcome"] = meaning.outcome(answer)
            if isinstance(answer, httpx.Response):
                noted.attributes["http.response.status_code"] = answer.status_code
        metrics.called(connection.pse, about.purpose, meaning.outcome(answer), watch.seconds)
        if resting.is_news(line.breaker, connection):  # beside the answer, which waits for nobody
            self._beside(resting.tell(connection.id, line.breaker))
        return answer

    async def _over(self, line: _Line, exchange: Exchange, seconds: float) -> httpx.Response | Unsent | InDoubt:
        token = CURRENT.set(exchange)
        try:
            # Who asks whether a PSE works wants it asked: a few questions, and never an order.
            if exchange.about.purpose != PREFLIGHT and (wait := line.breaker.admit()) > 0:
                return Unsent("RESTING", f"Never sent: the PSE is left alone for {wait:.0f} more seconds.")
            async with asyncio.timeout(seconds) as exchange.limit:
                answer = await line.client.send(exchange.order, auth=line.auth)
            if answer.status_code >= 500 or meaning.from_somebody_else(answer, exchange.about):
                line.breaker.failed(exchange.wait)
            else:
                line.breaker.worked(exchange.wait)
            return answer
        except TokenUnavailable as error:
            line.breaker.failed(exchange.wait)
            return Unsent("TOKEN_UNAVAILABLE", str(error))
        except TokenRefused as error:
            line.breaker.worked(exchange.wait)  # it answered: what it refuses is our key, and that is counted elsewhere
            return Unsent("TOKEN_REFUSED", str(error))
        except LeasePassed as error:
            return Unsent("LEASE_PASSED", str(error))
        except AddressRefused as error:
            return Unsent("ADDRESS_REFUSED", f"Never sent to {exchange.order.url.host}: {error}")
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            if exchange.at_the_pse:  # else our own database was slow, and the PSE has nothing to do with it
                line.breaker.failed()
            return meaning.meaning_of(error, exchange)
        finally:
            CURRENT.reset(token)

    async def _line(self, connection: Connection) -> _Line:
        sealed = bytes(connection.sealed_secrets)
        if (known := self._known(connection.id, sealed)) is not None:
            return known
        credentials = await credentials_of(connection, self._key)
        if (known := self._known(connection.id, sealed)) is not None:
            return known  # another task was here first
        line = self._lines.get(connection.id)
        if line is not None and line.credentials == credentials:
            line.sealed = sealed  # the same, under another key: what is under way goes on
            return line
        auth = connector(connection.pse).auth(credentials)
        breaker = line.breaker if line else Breaker()
        client = self._client(connection.merchant_id, credentials)
        made = _Line(client, auth, credentials, sealed, breaker)
        self._lines[connection.id] = made
        if line is not None:
            self._beside(self._close(line.client))
        return made

    def _beside(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _known(self, connection_id: UUID, sealed: bytes) -> _Line | None:
        line = self._lines.get(connection_id)
        return line if line is not None and line.sealed == sealed else None

    def _client(self, merchant_id: UUID, credentials: Credentials) -> httpx.AsyncClient:
        # HTTP/2 is spoken where the PSE's server offers it (ALPN), else HTTP/1.1.
        limits = httpx.Limits(max_connections=50, max_keepalive_connections=20, keepalive_expiry=30)
        outside = Outside(_tls(credentials), limits, merchant_id, self._look_ups)
        return httpx.AsyncClient(
            transport=LoggedTransport(outside),
            headers={"accept-encoding": ACCEPTED},
            timeout=httpx.Timeout(self._seconds_max, connect=min(self._seconds_max, 10)),
            follow_redirects=False,
            trust_env=False,
        )

    async def _close(self, client: httpx.AsyncClient) -> None:
        """Once what is under way with the credentials before has ended."""
        try:
            await asyncio.sleep(self._seconds_max + _CLOSED_AFTER_SECONDS)
        finally:
            await client.aclose()


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


@asynccontextmanager
async def sender(key: bytes, seconds_max: float) -> AsyncIterator[Sender]:
    """A sender for the life of a process."""
    made = Sender(key, seconds_max)
    try:
        yield made
    finally:
        await made.close()
