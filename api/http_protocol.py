"""The server's side of an HTTP connection: what is read of a client, and how long it is waited for.

uvicorn bounds none of this itself, and what is refused here was never parsed by anything else.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Final, cast

from httptools import HttpRequestParser
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from api.doors import network_of
from api.http import RETRY_AFTER, UNAVAILABLE, raw_problem
from api.idle import Idle, Waiter
from api.parsing import HANDSHAKE_BYTES_MAX, HANDSHAKE_VALUES_MAX, RequestParser, offers_too_much, without_upgrade
from api.unread import UnreadGuard

HEADERS_MAX: Final = 100
HEADER_BYTES_MAX: Final = 8_000  # one of them, with its name; the address of the request too
HEAD_BYTES_MAX: Final = 32_768
_PIPELINED_MAX: Final = 10  # requests that wait on one connection: each costs a hundred times its bytes
# Of a body: each costs as much as some hundred bytes. Beyond the first ones they have to be as long as this on average.
_PIECES_FREE: Final = 1_000
_PIECE_BYTES_MIN: Final = 64
# After a refusal we go on reading, and throw away: closing on a client that is still sending resets the connection,
# and the client never reads why.
_REFUSED_MAX: Final = 100  # connections beside those that there may be, to which it is said so
_LINGER_SECONDS: Final = 2.0
UNREAD_SECONDS: Final = 1.0  # so long an answer lies unread before its connection makes room for others
_LINGER_BYTES_MAX: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class RequestBounds:
    """Of a connection: seconds until its request has a head, and then a body; and how many connections there may be.

    `sockets_at` is the one path at which an upgrade to WebSocket is taken.
    """

    head_seconds: float
    body_seconds: float
    connections_max: int
    sockets_at: str


class HttpProtocol(UnreadGuard, HttpToolsProtocol):
    """uvicorn's protocol within bounds: 431 for a large head, 408 for half a request, 503 for one client too many."""

    def __init__(self, *arguments: Any, bounds: RequestBounds, idle: Idle, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._parser = RequestParser(self, self._should_upgrade, self._head_without_upgrade)
        self.parser = cast("HttpRequestParser", self._parser)
        self._bounds = bounds
        self._idle_ones = idle
        self._waiter: Waiter
        self.unread_seconds = bounds.body_seconds
        self._deadline: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None  # until an answer that is not read makes its connection idle
        self._in_head = False
        self._in_body = False
        self._requests = 0
        self._head_bytes = 0  # of headers that are whole
        self._read_bytes = 0  # of reads that lay within the head
        self._too_large = False
        self._pieces = 0  # of the body
        self._pieces_bytes = 0
        self._refused = False
        self._discarded = 0
        self._upgraded = False
        self._answering: RequestResponseCycle | None = None  # older than the newest where requests wait

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._waiter = Waiter(self._idle_ones, transport, network_of(self.client[0] if self.client else ""))
        most = self._bounds.connections_max
        if len(self.connections) <= most or self._idle_ones.drop_one(self._waiter.address):
            self._expect(self._bounds.head_seconds)
            self._waiter.waits()
        elif len(self.connections) > most + min(most, _REFUSED_MAX):
            transport.abort()
        else:
            self._refuse(503, "Too many connections just now; come again in a moment.", UNAVAILABLE, RETRY_AFTER)
            self._waiter.works()  # It has no place that it could make room with.

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect(None)
        self._reads_again()
        self._waiter.works()
        self._hear_no_more()
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def _hear_no_more(self) -> None:
        """What the application still says goes nowhere: of the request that it works on, and of the newest one."""
        for cycle in filter(None, (self._answering, self.cycle)):
            cycle.disconnected = True
            cycle.message_event.set()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            self._discard(len(data))
            return
        head = self._requests if self._in_head else None
        if self._answered_in_body():
            self._discard(len(data))
        super().data_received(data)
        if self._refused or self._upgraded:
            return
        if self._in_head and head == self._requests:
            self._read_bytes += len(data)
            if self._read_bytes > HEAD_BYTES_MAX:
                self._too_large = True
                self.send_400_response("")
        if self._deadline is None and self._idle():
            self._expect(self._bounds.head_seconds)  # line feeds, or the rest of what was answered already

    def _idle(self) -> bool:
        return self.timeout_keep_alive_task is None and (self.cycle is None or self.cycle.response_complete)

    def _answered_in_body(self) -> bool:
        """Whether what comes is of a body that nobody wants: its request was answered without it."""
        return self._in_body and self.cycle is not None and self.cycle.response_complete

    def _discard(self, count: int) -> None:
        self._discarded += count
        if self._discarded > _LINGER_BYTES_MAX:
            self.transport.abort()

    # What the parser says.

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= _PIPELINED_MAX:
            raise ValueError("Too many requests wait.")  # The parser stops, and says that the request is invalid.
        super().on_message_begin()
        self._requests += 1
        self._in_head = True
        self._head_bytes = self._read_bytes = 0
        if self._deadline is None:
            self._expect(self._bounds.head_seconds)

    def on_url(self, url: bytes) -> None:
        self._count(len(self.url) + len(url), len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value), len(name) + len(value))
        if len(self.headers) >= HEADERS_MAX:
            self._count(HEADER_BYTES_MAX + 1, 0)
        if self._in_head:  # a trailer is no header (RFC 9110, section 6.5.1): it names no token and no address
            super().on_header(name, value)

    def _count(self, one: int, more: int) -> None:
        self._head_bytes += more
        if one > HEADER_BYTES_MAX or self._head_bytes > HEAD_BYTES_MAX:
            self._too_large = True
            raise ValueError("The head is too large.")  # The parser stops, and says that the request is invalid.

    def on_headers_complete(self) -> None:
        if self._parser.ignores_upgrade():
            return
        if not self.flow.write_paused:
            self._waiter.works()
        self._in_head = False
        self._in_body = True
        self._discarded = 0
        self._pieces = self._pieces_bytes = 0
        self._expect(self._bounds.body_seconds)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._pieces += 1
        self._pieces_bytes += len(body)
        if self._in_small_pieces():
            raise ValueError("The pieces are too small.")  # The parser stops, and says that the request is invalid.
        super().on_body(body)

    def _in_small_pieces(self) -> bool:
        return self._pieces > _PIECES_FREE + self._pieces_bytes // _PIECE_BYTES_MIN

    def on_message_complete(self) -> None:
        if self._in_head:
            return  # of a head that is read once more
        self._in_body = False
        self._expect(None)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.response_complete:  # else the next request came meanwhile
            self._waiter.waits()

    # Answers that are not read: whatever was asked behind them, their connection works on nothing.

    # Who reads a large answer in busy times pauses us, too, so it is one that does not read only after a while.

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self.loop.call_later(UNREAD_SECONDS, self._waiter.waits)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._reads_again()
        if self.cycle is not None and not self.cycle.response_complete:
            self._waiter.works()

    def _reads_again(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    # Upgrades.

    def _should_upgrade(self) -> bool:
        # Anywhere else an upgrade is a header like any other: the handshake of a socket logs its address.
        return self.url.partition(b"?")[0] == self._bounds.sockets_at.encode() and super()._should_upgrade()

    def _head_without_upgrade(self) -> bytes:
        line = b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        return without_upgrade(line, self.headers)

    def _unsupported_upgrade_warning(self) -> None:
        pass

    def handle_websocket_upgrade(self) -> None:
        if offers_too_much(self.headers):
            most = f"{HANDSHAKE_BYTES_MAX} bytes and {HANDSHAKE_VALUES_MAX} values"
            self._refuse(431, f"The headers of a handshake have at most {most}.")
            return
        self._upgraded = True
        self._expect(None)
        self._waiter.works()
        super().handle_websocket_upgrade()

    # Time.

    def _expect(self, seconds: float | None) -> None:
        """Within so many seconds the next part is here; None: nothing is waited for."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self._late)

    def _late(self) -> None:
        self._deadline = None
        answering = self.cycle is not None and not self.cycle.response_complete
        if answering and not self._in_body:
            self._expect(self._bounds.head_seconds)  # The next request waits for our answer to this one.
        elif self._in_body and self.cycle.response_started:
            self._hear_no_more()
            self.transport.abort()
        else:
            self._refuse(408, "The request did not come to its end in time; nothing was executed.")

    # Refusals.

    def send_400_response(self, msg: str) -> None:
        if self._too_large:
            each = f"{HEADER_BYTES_MAX} bytes each and {HEAD_BYTES_MAX} in all"
            self._refuse(431, f"At most {HEADERS_MAX} headers are read, of {each}.")
        elif self._in_small_pieces():
            self._refuse(400, "The body comes in too many small pieces; send larger ones. Nothing was executed.")
        else:
            self._refuse(400, msg)

    def _refuse(self, status: int, message: str, code: str | None = None, headers: Any = None) -> None:
        """Answer, and read nothing more."""
        self._refused = True
        self.pipeline.clear()
        self._hear_no_more()
        if not self.transport.is_closing():
            self.transport.write(raw_problem(status, message, code, headers or {}))
            if self.transport.can_write_eof():
                self.transport.write_eof()
            self.flow.resume_reading()
        self._unset_keepalive_if_required()
        self._expect(None)
        self._deadline = self.loop.call_later(_LINGER_SECONDS, self.transport.abort)
        self._waiter.is_done()
