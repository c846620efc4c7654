"""Sending to an address that a merchant has given: judged at every try, connected to as judged, and bounded in all.

Nothing that it tells has the address in it: of many channels that is the password. What a place inside of our own
network answers, which only the operator can have opened, is not shown either: its status alone.
"""

import asyncio
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Final
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import httpx

from domain.addresses import names
from domain.addresses.names import AddressRefused
from domain.platform.log import redacted
from domain.pse.kit import hiding, scrubbing
from jobs.wire.decoding import decoded
from jobs.wire.look_ups import LookUps
from jobs.wire.outside import Outside

SECONDS_MAX: Final = 15.0
CONNECT_SECONDS_MAX: Final = 5.0
ANSWER_BYTES_MAX: Final = 64 * 1024
KEPT_CHARACTERS_MAX: Final = 4_096
_BODY_SECONDS_MAX: Final = 2.0  # the status has told what there is to tell: a body that trickles is not waited for
_WAYS_MAX: Final = 200
_TIMEOUT: Final = httpx.Timeout(SECONDS_MAX, connect=CONNECT_SECONDS_MAX)
_HIDDEN_LEAST: Final = 8  # characters: what is shorter is a word of every text
_LIMITS: Final = httpx.Limits(max_connections=32, max_keepalive_connections=8, keepalive_expiry=5)
_SECRETS: Final = scrubbing.names(r".*(secret|token|password|authorization|api_?key|cookie|signature).*")


@dataclass(frozen=True, slots=True)
class Replied:
    """What was answered; `body` as it may be kept: cut, without what no log may keep."""

    response: httpx.Response = field(repr=False)
    body: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NotReplied:
    """Why there is no answer, in words for the endpoint's owner."""

    reason: str


class Abroad:
    """The ways out of a process, one for each merchant; of many merchants those lately used are kept.

    Names are looked up apart from those of PSEs: a name whose server is silent holds up no money.
    """

    def __init__(self) -> None:
        self._look_ups = LookUps()
        self._ways: dict[UUID, Outside] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Let go of all connections; what is under way is broken off."""
        for task in self._closing:
            task.cancel()
        await asyncio.gather(*self._closing, return_exceptions=True)
        for way in self._ways.values():
            await way.aclose()
        self._ways.clear()
        await self._look_ups.close()

    async def send(
        self, merchant_id: UUID, request: httpx.Request, hidden: tuple[str, ...] = ()
    ) -> Replied | NotReplied:
        """Send a request once. `hidden`: what is taken out of the answer wherever it stands (secrets, the address).

        Raises nothing that a network, a name or a server can do.
        """
        try:
            async with asyncio.timeout(SECONDS_MAX):
                return await self._sent(merchant_id, request, hidden)
        except AddressRefused as error:
            return NotReplied(f"Nothing was sent: {error}")
        except TimeoutError:
            return NotReplied(f"There was no answer within {SECONDS_MAX:.0f} seconds.")
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ValueError) as error:
            return NotReplied(_why(error))

    async def _sent(self, merchant_id: UUID, request: httpx.Request, hidden: tuple[str, ...]) -> Replied:
        # By the transport itself: no client's cookies, redirects or environment come along.
        request.extensions["timeout"] = _TIMEOUT.as_dict()
        response = await self._way(merchant_id).handle_async_request(request)
        try:
            content = await _read(response)
        finally:
            # A body without an end is left where it is, and its connection with it.
            await response.aclose()
        whole = httpx.Response(response.status_code, headers=_without_coding(response.headers), content=content)
        return Replied(whole, "" if _is_inside(request.url, merchant_id) else kept(content, hidden))

    def _way(self, merchant_id: UUID) -> Outside:
        way = self._ways.pop(merchant_id, None) or Outside(_tls(), _LIMITS, merchant_id, self._look_ups)
        self._ways[merchant_id] = way  # the last that was used
        if len(self._ways) > _WAYS_MAX:
            task = asyncio.create_task(_close_later(self._ways.pop(next(iter(self._ways)))))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
        return way


async def _close_later(way: Outside) -> None:
    try:
        await asyncio.sleep(SECONDS_MAX + 1)
    finally:
        await way.aclose()


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


async def _read(response: httpx.Response) -> bytes:
    """The first bytes of a body, as far as they come soon: whatever becomes of it, the status has arrived."""
    read = bytearray()
    until = time.monotonic() + _BODY_SECONDS_MAX
    try:
        async with asyncio.timeout(_BODY_SECONDS_MAX):
            async for piece in decoded(response):
                read += piece
                if len(read) >= ANSWER_BYTES_MAX or time.monotonic() > until:
                    break
    except (TimeoutError, httpx.HTTPError, httpx.StreamError):
        pass  # it was cut, packed in a way that nobody asked for, or did not end
    return bytes(read[:ANSWER_BYTES_MAX])


def _without_coding(headers: httpx.Headers) -> list[tuple[str, str]]:
    left_out = ("content-encoding", "content-length", "transfer-encoding")
    return [(name, value) for name, value in headers.multi_items() if name.lower() not in left_out]


def _is_inside(url: httpx.URL, merchant_id: UUID) -> bool:
    port = names.port_of(url.scheme) if url.port is None else url.port
    return names.is_open(url.host, port, merchant_id)


def kept(content: bytes, hidden: tuple[str, ...]) -> str:
    """An answer's text as it may be kept: without the secrets, the address, and what says who somebody is."""
    text = without(content[: 2 * KEPT_CHARACTERS_MAX].decode("utf-8", "replace"), hidden)
    return redacted(hiding.hide(text, _SECRETS), KEPT_CHARACTERS_MAX)


def without(text: str, hidden: Iterable[str]) -> str:
    """A text without these words, the longest first, and without what PostgreSQL cannot keep."""
    for word in sorted(hidden, key=len, reverse=True):
        if len(word) >= _HIDDEN_LEAST:
            text = text.replace(word, "[redacted]")
    return text.encode("utf-8", "replace").decode().replace("\x00", "")


def secrets_of(request: httpx.Request) -> list[str]:
    """What of a request says who may send it: its signature, and the words of its address."""
    return [request.headers.get("webhook-signature", ""), *words_of(str(request.url))]


def words_of(url: str) -> list[str]:
    """What of an address may be its password: all of it, each part of its path, each value of its query."""
    parts = urlsplit(url)
    return [url, *parts.path.split("/"), *(value for _, value in parse_qsl(parts.query)), parts.path, parts.query]


def _why(error: Exception) -> str:
    """By its kind alone: the text of an error may have the address in it. What is wrong with a certificate is told."""
    cause: BaseException | None = error
    for _ in range(6):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"Its certificate is not believed: {cause.verify_message}."[:300]
        if isinstance(cause, ssl.SSLError):
            return f"TLS failed: {cause.reason or 'unknown'}."[:300]
        cause = cause.__cause__ or cause.__context__ if cause is not None else None
    if isinstance(error, httpx.ConnectTimeout | httpx.ConnectError):
        return "Your server could not be reached: its name is not known, or nobody listens there."
    if isinstance(error, httpx.TimeoutException):
        return "Your server was reached and did not answer in time."
    if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError | httpx.WriteError):
        return "Your server closed the connection without an answer."
    return f"It could not be sent ({type(error).__name__})."
