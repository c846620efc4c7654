"""The way out to shops: addresses that merchants have given, judged at every connection, each call written down.

As a PSE's line it is one client, one Auth and one breaker for each shop: one that answers nothing is left alone, for
each try would take a place from its merchant's others for as long as a try may last. Unlike a PSE's, nothing of money
hangs on an answer that never comes: what is written into a shop is looked for before it is written again.
"""

import asyncio
import ssl
import time
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Final, Generic, TypeVar
from uuid import UUID

import httpx

from domain.addresses.names import AddressRefused
from domain.commerce import calls
from domain.commerce.calls import AboutShop
from domain.commerce.dialect import Answered, Asking
from domain.commerce.registry import dialect_of
from domain.commerce.vocabulary import ShopAccess
from domain.connections.calls import Received, SentCall
from domain.models import Shop
from domain.pse.vocabulary import PURPOSE, TOKEN, InDoubt, TokenRefused, TokenUnavailable, Unsent
from jobs.wire.breaker import Breaker
from jobs.wire.decoding import ACCEPTED, decoded
from jobs.wire.look_ups import LookUps
from jobs.wire.meaning import NEVER_LEFT
from jobs.wire.outside import Outside

T = TypeVar("T")
SECONDS_MAX: Final = 25.0
ANSWER_BYTES_MAX: Final = 16 * 1024 * 1024
# Read, an answer of nothing but brackets is thirty times as large: a hundred orders have a tenth of these.
_MEMBERS_MAX: Final = 1_000_000
_QUESTIONS_MAX: Final = 2_000
_LINES_MAX: Final = 500
_LIMITS: Final = httpx.Limits(max_connections=8, max_keepalive_connections=4, keepalive_expiry=30)
_ASKED_FOR: Final = "CHECK"  # the purpose of a preflight: whoever asks how the shop is gets an answer
_UNREACHED: Final = "Never sent: the shop could not be reached."


@dataclass(frozen=True, slots=True)
class AskedShop(Generic[T]):
    """What came of questions. `clocks`: of each answer with a date, by how many seconds the shop's clock is off."""

    result: T
    clocks: Sequence[float] = field(default_factory=list)


@dataclass(slots=True)
class _Line:
    client: httpx.AsyncClient
    access: ShopAccess
    hidden: tuple[str, ...] = field(repr=False)
    breaker: Breaker = field(default_factory=Breaker)
    failed_with: str = ""  # the last that failed: why it is left alone

    def failed(self, code: str) -> None:
        """There was no answer."""
        self.failed_with = code
        self.breaker.failed()


@dataclass(slots=True)
class _Exchange:
    """One request, with the token requests that its Auth makes on the way."""

    about: AboutShop
    hidden: tuple[str, ...] = field(repr=False)
    began: bool = False  # its own bytes may have left


_CURRENT: ContextVar[_Exchange] = ContextVar("shop_exchange")


class _TooLarge(httpx.HTTPError):
    """A shop's answer is larger than any page of it has to be."""


class ShopSender:
    """The clients of a process, one for each shop."""

    def __init__(self) -> None:
        self._look_ups = LookUps()  # apart from PSEs': a shop whose name does not resolve holds up no money
        self._lines: dict[UUID, _Line] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Let go of all connections; what is under way is broken off."""
        for task in self._closing:
            task.cancel()
        await asyncio.gather(*self._closing, return_exceptions=True)
        for line in self._lines.values():
            await line.client.aclose()
        self._lines.clear()
        await self._look_ups.close()

    async def ask(self, asking: Asking[T], shop: Shop, access: ShopAccess, about: AboutShop) -> AskedShop[T]:
        """Run the questions to their end. Raises what the questions raise (NoAnswer), nothing that a network can do."""
        clocks: list[float] = []
        try:
            question = next(asking)
            for _ in range(_QUESTIONS_MAX):
                sent_at = time.time()
                answer = await self.send(shop, access, question, about)
                if isinstance(answer, httpx.Response) and (off := _off(answer, sent_at, time.time())) is not None:
                    clocks.append(off)
                question = asking.send(answer)
        except StopIteration as done:
            return AskedShop(done.value, clocks)
        raise AssertionError(f"The questions to {shop.kind} have no end.")

    async def send(
        self, shop: Shop, access: ShopAccess, request: httpx.Request, about: AboutShop, *, signed: bool = True
    ) -> Answered:
        """Send one request, and give the answer, or what its absence means. `signed`: with the shop's credentials."""
        line = self._line(shop, access)
        if about.purpose != _ASKED_FOR and line.breaker.admit() > 0:
            return Unsent(line.failed_with, _UNREACHED)
        exchange = _Exchange(about, line.hidden)
        token = _CURRENT.set(exchange)
        request.headers.setdefault("accept-encoding", ACCEPTED)
        try:
            async with asyncio.timeout(SECONDS_MAX):
                answer = await (line.client.send(request) if signed else line.client.send(request, auth=None))
            line.breaker.worked()
            return answer
        except TokenUnavailable as error:
            line.failed("TOKEN_UNAVAILABLE")
            return Unsent("TOKEN_UNAVAILABLE", str(error))
        except TokenRefused as error:
            return Unsent("TOKEN_REFUSED", str(error))
        except AddressRefused as error:
            return Unsent("ADDRESS_REFUSED", f"Never sent: {error}")
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            code = (
                "TIMEOUT" if isinstance(error, TimeoutError | httpx.TimeoutException) else type(error).__name__.upper()
            )
            line.failed(code)
            if not exchange.began or isinstance(error, NEVER_LEFT):
                return Unsent(code, _UNREACHED)
            return InDoubt(code, "The shop did not answer.")
        finally:
            _CURRENT.reset(token)

    async def text(self, shop: Shop, access: ShopAccess, request: httpx.Request, about: AboutShop) -> str | None:
        """What stands at an address, asked for without the shop's credentials; None: nothing, or not just now."""
        answer = await self.send(shop, access, request, about, signed=False)
        return answer.text if isinstance(answer, httpx.Response) and answer.status_code == 200 else None

    def _line(self, shop: Shop, access: ShopAccess) -> _Line:
        known = self._lines.pop(shop.id, None)
        if known is None or known.access != access:
            if known is not None:
                self._close_later(known)
            hidden = tuple(value for value in access.secrets.values() if len(value) >= 6)
            known = _Line(_client(shop, access, self._look_ups), access, hidden)
        self._lines[shop.id] = known  # the last that was used
        if len(self._lines) > _LINES_MAX:
            self._close_later(self._lines.pop(next(iter(self._lines))))
        return known

    def _close_later(self, line: _Line) -> None:
        async def close() -> None:
            try:
                await asyncio.sleep(SECONDS_MAX + 1)
            finally:
                await line.client.aclose()

        task = asyncio.create_task(close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def _client(shop: Shop, access: ShopAccess, look_ups: LookUps) -> httpx.AsyncClient:
    outside = Outside(_tls(), _LIMITS, shop.merchant_id, look_ups)
    return httpx.AsyncClient(
        transport=_Logged(outside),
        auth=dialect_of(shop.kind).auth(access),
        timeout=httpx.Timeout(SECONDS_MAX, connect=10),
        follow_redirects=False,
        trust_env=False,
    )


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


class _Logged(httpx.AsyncBaseTransport):
    """Writes every request down before it leaves, and its answer; reads the whole answer, up to a limit."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        exchange = _CURRENT.get()
        is_token = request.extensions.get(PURPOSE) == TOKEN
        about = replace(exchange.about, purpose=TOKEN) if is_token else exchange.about
        hidden = exchange.hidden
        call_id = await calls.log_request(about, await _as_sent(request, hidden, is_token))
        exchange.began = exchange.began or not is_token
        started = time.monotonic()
        try:
            response = await self._inner.handle_async_request(request)
            body = await _whole(response, request)
        except BaseException as error:
            told = (
                "Stopped, or no answer in time." if isinstance(error, asyncio.CancelledError) else type(error).__name__
            )
            await asyncio.shield(calls.log_answer(call_id, Received(None, {}, "", _since(started), error=told)))
            raise
        kept = "[a token]" if is_token else _hide(body.decode("utf-8", "replace"), hidden)
        await calls.log_answer(call_id, Received(response.status_code, {}, kept, _since(started)))
        gone = {"content-encoding", "content-length", "transfer-encoding"}
        headers = [(name, value) for name, value in response.headers.multi_items() if name.lower() not in gone]
        return httpx.Response(response.status_code, headers=headers, content=body, request=request)

    async def aclose(self) -> None:
        await self._inner.aclose()


async def _as_sent(request: httpx.Request, hidden: tuple[str, ...], is_token: bool) -> SentCall:
    body = "[a token request]" if is_token else (await request.aread()).decode("utf-8", "replace")
    return SentCall(request.method, _hide(str(request.url), hidden), dict(request.headers), _hide(body, hidden))


def _hide(text: str, hidden: tuple[str, ...]) -> str:
    for word in hidden:
        text = text.replace(word, "[redacted]")
    return text


async def _whole(response: httpx.Response, request: httpx.Request) -> bytes:
    response.request = request
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in decoded(response):
            size += len(chunk)
            if size > ANSWER_BYTES_MAX:
                raise _TooLarge(f"The answer is larger than {ANSWER_BYTES_MAX} bytes.")
            chunks.append(chunk)
    finally:
        await response.aclose()
    body = b"".join(chunks)
    if sum(map(body.count, (b",", b"[", b"{"))) > _MEMBERS_MAX:
        raise _TooLarge(f"The answer has more than {_MEMBERS_MAX} members.")
    return body


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


def _off(answer: httpx.Response, sent_at: float, heard_at: float) -> float | None:
    try:
        told = parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
    except (ValueError, TypeError):
        return None
    return told - heard_at if told > heard_at else min(0.0, told + 1 - sent_at)
