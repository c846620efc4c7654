"""The server's side of a WebSocket below the application: frames, and what a client may do with them."""

import logging
from collections.abc import Callable
from typing import Any, Final

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request

from api.doors import network_of
from api.http import raw_problem
from api.idle import Idle, Waiter
from api.unread import UnreadGuard

# An extension of the scope: its `abort` ends the connection without a word, `is_known` says that its client is known,
# what is given to `when_lost` is called when the connection has gone, and `push` sends a text message at once.
ABORTING: Final = "estorno.abort"
_CLOSE_SECONDS: Final = 1.0  # for the client's answer to our close; of one that is known: twice that
_FRAMES_MAX: Final = 64  # of one message
# Pings and pongs in a minute: a library sends three, and each is answered, at a cost far above its bytes.
_CONTROL_FRAMES_MAX: Final = 120
_MINUTE: Final = 60.0
# Are taken apart at once: what ends the socket ends the work, and no more messages wait than these hold (6 bytes each).
_READ_BYTES: Final = 512
UNREAD_BYTES_MAX: Final = 262_144  # that are written and not read, before what all are told is written to no more
TOO_SLOW: Final = 1013  # graphql-ws comes back after it
_TOO_SLOW: Final = "You read too slowly; subscribe again behind the last cursor that you have."
_TEXT: Final = 0x81  # and there is no more of it
_AFTER_CLOSE_MAX: Final = 64  # messages that are read, and thrown away, on the way to the client's answer to our close


class SocketProtocol(UnreadGuard, WebSocketsSansIOProtocol):
    """uvicorn's protocol, for which a bad message is the client's mistake: a close code, and nothing in the log."""

    def __init__(self, *arguments: Any, unread_seconds: float, idle: Idle, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.close_timeout = _CLOSE_SECONDS
        self._idle = idle
        self._waiter: Waiter | None = None
        self._when_lost: list[Callable[[], None]] = []
        self.unread_seconds = unread_seconds
        self._control_frames = 0  # since the minute began
        self._minute = self.loop.time()
        self._rest = bytearray()  # was read and is taken apart when the application has had what came before
        self._after_close = 0
        # Its lines at INFO have the whole address of a handshake, in which a client may have put its token.
        self.logger = logging.getLogger("uvicorn.error.sockets")
        self.logger.setLevel(logging.WARNING)

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.conn.handshake_exc is None:
            offered: dict[object, object] = {
                "abort": self.transport.abort,
                "is_known": self._is_known,
                "when_lost": self._do_when_lost,
                "push": self._push,
            }
            self.scope["extensions"][ABORTING] = offered

    def _is_known(self) -> None:
        self.close_timeout = 2 * _CLOSE_SECONDS

    def _do_when_lost(self, do: Callable[[], None]) -> None:
        if self.disconnected:
            do()
        else:
            self._when_lost.append(do)

    def _push(self, text: bytes) -> None:
        """Send a text message without waiting. A client that leaves too much unread ends, and can come back."""
        if self.close_sent or self.transport.is_closing():
            return
        if self.transport.get_write_buffer_size() > UNREAD_BYTES_MAX:
            self._fail(TOO_SLOW, _TOO_SLOW)
        else:
            self.transport.write(_frame_head(len(text)) + text)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiter is not None:
            self._waiter.works()
        super().connection_lost(exc)
        for do in self._when_lost:
            do()
        self._when_lost = []

    async def send(self, message: Any) -> None:
        if self.close_sent and self.handshake_complete:
            raise ClientDisconnected  # It has ended meanwhile, by a frame of the client's: no error of ours.
        await super().send(message)
        if self.close_sent and self.initial_response is not None:
            self.handshake_complete = True  # by a denial; else the server logs an error for each
        if self.close_sent and self._waiter is None and not self.disconnected:
            self._waiter = Waiter(self._idle, self.transport, network_of(self.client[0] if self.client else ""))
            self._waiter.is_done()
            self._take_apart()  # The client's own close may have come already.

    def data_received(self, data: bytes) -> None:
        self._rest += data
        self._take_apart()
        # The whole head comes at once. If it made no handshake (it announces a body, say), nothing ever will.
        if not self.handshake_initiated and not self.transport.is_closing():
            self.transport.write(raw_problem(400, "This is no handshake of a WebSocket.", None, {}))
            self.transport.close()

    def _take_apart(self) -> None:
        """Go on with what was read, until a message waits for the application: one read may hold thousands."""
        while self._rest and not self.read_paused:
            if self.close_sent and self.transport.is_closing():
                self._rest.clear()
                return
            piece = bytes(self._rest[:_READ_BYTES])
            del self._rest[:_READ_BYTES]
            super().data_received(piece)

    async def receive(self) -> Any:
        message = await super().receive()
        self._take_apart()
        return message

    def handle_cont(self, event: Frame) -> None:
        if len(self.frames) >= _FRAMES_MAX:  # empty ones count nothing towards the size of the message
            self._fail(1009)
        else:
            super().handle_cont(event)

    def handle_ping(self) -> None:
        if self._within_pace():
            super().handle_ping()

    def handle_pong(self, event: Frame) -> None:
        if self._within_pace():
            super().handle_pong(event)

    def _within_pace(self) -> bool:
        """Count a control frame; False: the socket ends, because of this one or already."""
        if self.loop.time() >= self._minute + _MINUTE:
            self._minute, self._control_frames = self.loop.time(), 0
        self._control_frames += 1
        if self._control_frames > _CONTROL_FRAMES_MAX:
            self._fail(1008)
        return not self.transport.is_closing()

    def send_receive_event_to_app(self) -> None:
        self._after_close += self.close_sent
        if self._after_close > _AFTER_CLOSE_MAX:
            self._fail(1008)
        elif self.curr_msg_data_type == "text" and not _is_text(self.frames):
            self._fail(1007)
        else:
            super().send_receive_event_to_app()

    def _fail(self, code: int, reason: str = "") -> None:
        self.frames = []
        if self.close_sent:
            self.transport.close()  # It was told to close, and does not.
        else:
            self.conn.fail(code, reason)
            self.handle_parser_exception()

    def handle_parser_exception(self) -> None:
        if self.conn.close_sent is None:  # The handshake itself cannot be read.
            self.queue.put_nowait({"type": "websocket.disconnect", "code": 1006})
            self.transport.close()
        else:
            super().handle_parser_exception()


def _frame_head(size: int) -> bytes:
    """The head of a whole text message from a server (RFC 6455, section 5.2)."""
    if size < 126:
        return bytes((_TEXT, size))
    return (
        bytes((_TEXT, 126)) + size.to_bytes(2, "big")
        if size < 65_536
        else bytes((_TEXT, 127)) + size.to_bytes(8, "big")
    )


def _is_text(frames: list[bytes]) -> bool:
    try:
        b"".join(frames).decode()
    except UnicodeDecodeError:
        return False
    return True
