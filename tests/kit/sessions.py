"""Sessions of PostgreSQL that outlive the tests' connections to a worker's database.

A session that begins knows nothing: it proves a password, reads the catalogue and plans everything anew, which costs
most tests more than what they ask for. So a connection that asyncpg closes in order leaves its session, emptied of all
that `DISCARD ALL` would take but the plans, to the next one that would begin with the same first message; asyncpg is
told again what PostgreSQL had said then, and which statements it has prepared: else three of four would be prepared
anew. What was cut, or broken off, is not kept.
"""

import asyncio
import os
import re
import socket
import struct
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from asyncpg import connect_utils, protocol
from asyncpg.connection import _StatementCache

_CONNECT: Final = "__connect_addr"
_IDLE: Final = b"Z\x00\x00\x00\x05I"  # ready for a query, outside of any transaction
_WELCOME: Final = b"R" + struct.pack("!ii", 8, 0)
_CANCELED: Final = b"C57014"  # the order to break a statement off may still be under way to the session
_KEPT_MAX: Final = 6  # of each kind
_STATEMENTS_MAX: Final = 400  # of one session; their plans take some 50 kB each
_ANSWER_SECONDS_MAX: Final = 5.0
_FORGET: Final = """CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; UNLISTEN *;
  SELECT pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES"""
_FORGET_STATEMENTS: Final = "DEALLOCATE ALL"
_BY_HAND: Final = re.compile(rb"\bprepare\s", re.IGNORECASE)  # what a test prepares itself is nobody else's
_Kind = tuple[str, bytes]  # the password, and the first message: role, database, settings
_Prepared = dict[Any, Any]  # as asyncpg looks for it -> what it knows of the statement


class _Session(NamedTuple):
    sock: socket.socket
    welcome: bytes
    pid: int
    prepared: _Prepared


class _Statements(_StatementCache):  # type: ignore[misc]  # untyped
    """What a session has prepared: asyncpg asks it, and a connection that ends leaves all of it to the next."""

    __slots__ = ("_ending", "lost", "prepared")

    def __init__(self, loop: asyncio.AbstractEventLoop, prepared: _Prepared) -> None:
        super().__init__(loop=loop, max_size=_STATEMENTS_MAX, on_remove=None, max_lifetime=0)
        self.prepared = prepared
        self.lost = self._ending = False

    def get(self, query: Any, *, promote: bool = True) -> Any:
        found = self.prepared.get(query)
        return None if found is None or found.closed else found

    def put(self, query: Any, statement: Any) -> None:
        self.prepared[query] = statement

    def iter_statements(self) -> Iterator[Any]:
        """Asked for by a connection that ends, to close them and then to clear this."""
        self._ending = True
        return iter(())

    def clear(self) -> None:
        """Where nothing ends, the tables or types are others now."""
        if not self._ending:
            self.prepared, self.lost = {}, True


class Sessions:
    """Those of one database, idle. From `keep` to `close` asyncpg finds them."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname, parts.port)
        self._database = parts.path.removeprefix("/")
        self._idle: dict[_Kind, list[_Session]] = defaultdict(list)
        self._process = os.getpid()
        self._usual = getattr(connect_utils, _CONNECT)

    def keep(self) -> None:
        """From now on connections leave their sessions here."""
        setattr(connect_utils, _CONNECT, self._connect)

    def close(self) -> None:
        """Let them all go."""
        setattr(connect_utils, _CONNECT, self._usual)
        for session in [session for kind in self._idle.values() for session in kind]:
            session.sock.close()
        self._idle.clear()

    def pids(self) -> Sequence[int]:
        """Of the processes that wait here for the next connection."""
        return [session.pid for kind in self._idle.values() for session in kind]

    async def _connect(self, params: Any, retry: bool, addr: Any, loop: Any, config: Any, *classes: Any) -> Any:
        connection_class, record_class, params_input = classes
        plain = params.sslmode is None or params.sslmode <= connect_utils.SSLMode.prefer
        if (addr, params.database, plain, os.getpid()) != (self._address, self._database, True, self._process):
            return await self._usual(params, retry, addr, loop, config, *classes)
        connected = loop.create_future()
        speaker = protocol.Protocol(addr, connected, params, record_class, loop)
        wire = _Wire(speaker, self, str(params.password))
        try:
            await wire.open(loop, addr)
            await connected
        except BaseException:
            wire.abort()
            connected.cancel()
            raise
        made = connection_class(speaker, wire, loop, addr, config, params_input)
        speaker.set_connection(made)
        if made._stmt_cache_enabled:
            made._stmt_cache = wire.statements = _Statements(loop, wire.prepared)
        return made

    def lend(self, kind: _Kind) -> _Session | None:
        """One of this kind that is alive."""
        while self._idle[kind]:
            session = self._idle[kind].pop()
            try:
                session.sock.setblocking(False)
                session.sock.recv(1, socket.MSG_PEEK)
            except BlockingIOError:
                return session  # alive, and with nothing to say
            except OSError:
                pass
            session.sock.close()
        return None

    def take_back(self, kind: _Kind, session: _Session) -> None:
        """Make it forget its connection and keep it, or let it go."""
        query = _FORGET if session.prepared else f"{_FORGET}; {_FORGET_STATEMENTS}"
        if len(self._idle[kind]) < _KEPT_MAX and _forgets(session.sock, query.encode() + b"\0"):
            self._idle[kind].append(session)
        else:
            session.sock.close()


def _forgets(sock: socket.socket, query: bytes) -> bool:
    answer = b""
    try:
        sock.settimeout(_ANSWER_SECONDS_MAX)
        sock.sendall(b"Q" + struct.pack("!i", len(query) + 4) + query)
        while not answer.endswith(_IDLE):
            more = sock.recv(65_536)
            if not more or b"ERROR\0" in more:
                return False
            answer += more
    except OSError:
        return False
    return True


class _Wire(asyncio.Protocol):
    """Between asyncpg, to which it is the transport, and the socket of a session."""

    def __init__(self, speaker: Any, sessions: Sessions, password: str) -> None:
        self._speaker, self._sessions = speaker, sessions
        self._real: Any = None
        self._welcome, self._welcomed = b"", False
        self._idle = self._canceled = self._by_hand = False
        self.prepared: _Prepared = {}
        self.statements: _Statements | None = None
        self._first = b""
        speaker.connection_made(self)  # it says its first word, by which the session is found
        self._kind: _Kind = (password, self._first)

    async def open(self, loop: asyncio.AbstractEventLoop, address: tuple[str, int]) -> None:
        """Find a session, or begin one."""
        if (session := self._sessions.lend(self._kind)) is None:
            await loop.create_connection(lambda: self, *address)
            self._real.write(self._first)
            return
        self.prepared = session.prepared
        await loop.create_connection(lambda: self, sock=session.sock)
        self.data_received(session.welcome)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._real = transport

    def data_received(self, data: bytes) -> None:
        self._idle = data.endswith(_IDLE)
        self._canceled = self._canceled or _CANCELED in data
        if not self._welcomed:
            self._welcome += data
            self._welcomed = self._idle
        self._speaker.data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._speaker.connection_lost(exc)

    def pause_writing(self) -> None:
        self._speaker.pause_writing()

    def resume_writing(self) -> None:
        self._speaker.resume_writing()

    def write(self, data: Any) -> None:
        """As of a transport; the word that ends a session that is idle keeps it."""
        if self._real is None:
            self._first = bytes(data)
        elif data[:1] != b"X" or not self._given_back():
            self._idle = False
            self._by_hand = self._by_hand or _BY_HAND.search(data) is not None
            self._real.write(data)

    def writelines(self, buffers: list[Any]) -> None:
        self._idle = False
        self._real.writelines(buffers)

    def pause_reading(self) -> None:
        self._real.pause_reading()

    def resume_reading(self) -> None:
        self._real.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default if self._real is None else self._real.get_extra_info(name, default)

    def is_closing(self) -> bool:
        return self._real is None or bool(self._real.is_closing())

    def abort(self) -> None:
        if self._real is not None:
            self._real.abort()

    close = abort

    def _given_back(self) -> bool:
        if not self._idle or self._canceled or self._real.is_closing() or self._real.get_write_buffer_size():
            return False
        welcome, pid = _again(self._welcome)
        sock = self._real.get_extra_info("socket").dup()
        self._real.abort()  # this one's socket, not the session's
        self._sessions.take_back(self._kind, _Session(sock, welcome, pid, self._left()))
        return True

    def _left(self) -> _Prepared:
        """What the next connection finds prepared; nothing: all is forgotten."""
        prepared = self.prepared if self.statements is None else self.statements.prepared
        lost = self._by_hand or (self.statements is not None and self.statements.lost)
        return {} if lost or len(prepared) > _STATEMENTS_MAX else prepared


def _again(heard: bytes) -> tuple[bytes, int]:
    """What PostgreSQL says to one that it lets in: its settings and how to cancel, without the proof of the password.

    And the process that says so.
    """
    said, pid, at = _WELCOME, 0, 0
    while at < len(heard):
        (length,) = struct.unpack_from("!i", heard, at + 1)
        if heard[at : at + 1] in (b"S", b"K", b"Z"):
            said += heard[at : at + 1 + length]
        if heard[at : at + 1] == b"K":
            (pid,) = struct.unpack_from("!i", heard, at + 5)
        at += 1 + length
    return said, pid
